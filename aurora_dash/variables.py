"""The table of variables: what each is called, measured in, found under and drawn with.

Names are Aurora's own short names. A name is unique only within its group: ``z`` is the surface
geopotential among the static variables and the geopotential on pressure levels among the
atmospheric ones. Units are those of ECMWF's parameter database (SI).
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from typing import Any, Self

from aurora_dash.errors import SpecError


class Group(StrEnum):
    """The three kinds of variable an Aurora batch holds."""

    SURFACE = "surface"
    STATIC = "static"
    ATMOSPHERIC = "atmospheric"

    @property
    def prefix(self) -> str:
        """Prefix of the variable's name in a canonical dataset, as in Aurora's own NetCDF files."""
        return {"surface": "surf_", "static": "static_", "atmospheric": "atmos_"}[self.value]


@dataclass(frozen=True, kw_only=True)
class Variable:
    """One variable: identity, physics and looks."""

    name: str
    long_name: str
    unit: str
    group: Group
    cmap: str = "viridis"
    """Name for `aurora_dash.figures.colours.colour_map`; perceptually uniform."""
    diverging: bool = False
    """Values are signed and a map is centred on zero."""
    bounds: tuple[float | None, float | None] = (None, None)
    """Physically possible values, in `unit`; used by the data checks, never to clip."""
    circular: bool = False
    """A direction in degrees: 359 and 1 are neighbours."""
    categorical: bool = False
    """A class code: means and interpolation make no sense."""
    aliases: tuple[str, ...] = ()
    """Other names under which files carry it (CDS, ARCO, WeatherBench 2, MARS)."""
    user_registered: bool = False

    @property
    def key(self) -> str:
        """Name in a canonical dataset, e.g. ``surf_2t``."""
        return f"{self.group.prefix}{self.name}"

    def label(self, level: float | None = None) -> str:
        """Human label such as ``Temperature at 850 hPa [K]``."""
        where = "" if level is None else f" at {level:g} hPa"
        return f"{self.long_name}{where} [{self.unit}]"

    @classmethod
    def unknown(cls, name: str, group: Group) -> Self:
        """Stand-in for a variable that the table does not hold."""
        return cls(name=name, long_name=name, unit="?", group=group)


def _surface(name: str, long_name: str, unit: str, cmap: str = "viridis", **more: Any) -> Variable:
    return Variable(
        name=name, long_name=long_name, unit=unit, group=Group.SURFACE, cmap=cmap, **more
    )


def _static(name: str, long_name: str, unit: str, cmap: str = "cividis", **more: Any) -> Variable:
    return Variable(
        name=name, long_name=long_name, unit=unit, group=Group.STATIC, cmap=cmap, **more
    )


def _atmos(name: str, long_name: str, unit: str, cmap: str = "viridis", **more: Any) -> Variable:
    return Variable(
        name=name, long_name=long_name, unit=unit, group=Group.ATMOSPHERIC, cmap=cmap, **more
    )


_POSITIVE = (0.0, None)
_FRACTION = (0.0, 1.0)
_WIND = (-150.0, 150.0)
_DEGREES = (0.0, 360.0)

_WEATHER = (
    _surface("2t", "2 m temperature", "K", "plasma", bounds=(170, 340), aliases=("t2m", "2m_temperature", "tas")),
    _surface("10u", "10 m zonal wind", "m s-1", "cmc.vik", diverging=True, bounds=_WIND, aliases=("u10", "10m_u_component_of_wind", "uas")),
    _surface("10v", "10 m meridional wind", "m s-1", "cmc.vik", diverging=True, bounds=_WIND, aliases=("v10", "10m_v_component_of_wind", "vas")),
    _surface("msl", "Mean sea level pressure", "Pa", "cividis", bounds=(85_000, 110_000), aliases=("mean_sea_level_pressure", "mslp", "psl", "prmsl")),
    _static("lsm", "Land-sea mask", "1", "cividis", bounds=_FRACTION, aliases=("land_sea_mask", "sftlf")),
    _static("z", "Surface geopotential", "m2 s-2", "cividis", bounds=(-5_000, 100_000), aliases=("geopotential_at_surface", "orography_geopotential", "orog")),
    _static("slt", "Soil type", "class", "cividis", categorical=True, bounds=(0, 7), aliases=("soil_type",)),
    _atmos("z", "Geopotential", "m2 s-2", "viridis", bounds=(-10_000, 500_000), aliases=("geopotential", "zg", "gh")),
    _atmos("u", "Zonal wind", "m s-1", "cmc.vik", diverging=True, bounds=(-200, 200), aliases=("u_component_of_wind", "ua")),
    _atmos("v", "Meridional wind", "m s-1", "cmc.vik", diverging=True, bounds=(-200, 200), aliases=("v_component_of_wind", "va")),
    _atmos("t", "Temperature", "K", "plasma", bounds=(140, 350), aliases=("temperature", "ta")),
    _atmos("q", "Specific humidity", "kg kg-1", "cmc.davos_r", bounds=(-0.001, 0.06), aliases=("specific_humidity", "hus")),
    _atmos("w", "Vertical velocity", "Pa s-1", "cmc.vik", diverging=True, bounds=(-50, 50), aliases=("vertical_velocity", "wap")),
    _atmos("r", "Relative humidity", "%", "cmc.davos_r", bounds=(-10, 180), aliases=("relative_humidity", "hur")),
)  # fmt: skip

_MORE_SURFACE = (
    _surface("2d", "2 m dewpoint temperature", "K", "plasma", bounds=(150, 330), aliases=("d2m", "2m_dewpoint_temperature")),
    _surface("tcwv", "Total column water vapour", "kg m-2", "cmc.davos_r", bounds=_POSITIVE, aliases=("total_column_water_vapour", "prw")),
    _surface("tcc", "Total cloud cover", "1", "cmc.devon_r", bounds=_FRACTION, aliases=("total_cloud_cover",)),
    _surface("lcc", "Low cloud cover", "1", "cmc.devon_r", bounds=_FRACTION, aliases=("low_cloud_cover",)),
    _surface("mcc", "Medium cloud cover", "1", "cmc.devon_r", bounds=_FRACTION, aliases=("medium_cloud_cover",)),
    _surface("hcc", "High cloud cover", "1", "cmc.devon_r", bounds=_FRACTION, aliases=("high_cloud_cover",)),
    _surface("100u", "100 m zonal wind", "m s-1", "cmc.vik", diverging=True, bounds=_WIND, aliases=("u100", "100m_u_component_of_wind")),
    _surface("100v", "100 m meridional wind", "m s-1", "cmc.vik", diverging=True, bounds=_WIND, aliases=("v100", "100m_v_component_of_wind")),
    _surface("sp", "Surface pressure", "Pa", "cividis", bounds=(40_000, 110_000), aliases=("surface_pressure", "ps")),
    _surface("skt", "Skin temperature", "K", "plasma", bounds=(150, 370), aliases=("skin_temperature",)),
    _surface("stl1", "Soil temperature level 1", "K", "plasma", bounds=(150, 350), aliases=("soil_temperature_level_1",)),
    _surface("swvl1", "Volumetric soil water layer 1", "m3 m-3", "cmc.davos_r", bounds=_POSITIVE, aliases=("volumetric_soil_water_layer_1",)),
    _surface("ci", "Sea-ice cover", "1", "cmc.devon_r", bounds=_FRACTION, aliases=("siconc", "sea_ice_cover")),
    _surface("scaled_sd", "Snow depth", "m", "cmc.devon_r", bounds=_POSITIVE, aliases=("sd", "snow_depth")),
    _surface("i10fg", "Instantaneous 10 m wind gust", "m s-1", "viridis", bounds=_POSITIVE, aliases=("instantaneous_10m_wind_gust",)),
    _surface("blh", "Boundary layer height", "m", "viridis", bounds=_POSITIVE, aliases=("boundary_layer_height",)),
    _surface("uvb_1h", "Downward UV radiation over one hour", "J m-2", "cmc.lajolla_r", bounds=_POSITIVE),
    _surface("ssrd_1h", "Downward solar radiation over one hour", "J m-2", "cmc.lajolla_r", bounds=_POSITIVE),
    _surface("ttr_1h", "Top net thermal radiation over one hour", "J m-2", "cmc.lajolla_r"),
    _surface("scaled_tp_1h", "Total precipitation over one hour", "m", "cmc.davos_r", bounds=_POSITIVE),
    _surface("scaled_sf_1h", "Snowfall over one hour", "m", "cmc.devon_r", bounds=_POSITIVE),
    _surface("insolation", "Top of atmosphere insolation", "1", "cmc.lajolla_r"),
    _surface("tp", "Total precipitation", "m", "cmc.davos_r", bounds=_POSITIVE, aliases=("total_precipitation",)),
    _surface("ssrd", "Downward solar radiation", "J m-2", "cmc.lajolla_r", bounds=_POSITIVE, aliases=("surface_solar_radiation_downwards",)),
    _surface("uvb", "Downward UV radiation at the surface", "J m-2", "cmc.lajolla_r", bounds=_POSITIVE, aliases=("downward_uv_radiation_at_the_surface",)),
    _surface("sf", "Snowfall", "m", "cmc.devon_r", bounds=_POSITIVE, aliases=("snowfall",)),
    _surface("ttr", "Top net thermal radiation", "J m-2", "cmc.lajolla_r", aliases=("top_net_thermal_radiation",)),
    _surface("sst", "Sea surface temperature", "K", "plasma", bounds=(260, 320), aliases=("sea_surface_temperature",)),
)  # fmt: skip

_AIR = (
    _surface("pm1", "Particulate matter below 1 um", "kg m-3", "cmc.lajolla_r", bounds=_POSITIVE, aliases=("particulate_matter_1um",)),
    _surface("pm2p5", "Particulate matter below 2.5 um", "kg m-3", "cmc.lajolla_r", bounds=_POSITIVE, aliases=("particulate_matter_2.5um",)),
    _surface("pm10", "Particulate matter below 10 um", "kg m-3", "cmc.lajolla_r", bounds=_POSITIVE, aliases=("particulate_matter_10um",)),
    _surface("tcco", "Total column carbon monoxide", "kg m-2", "cmc.lajolla_r", bounds=_POSITIVE, aliases=("total_column_carbon_monoxide",)),
    _surface("tc_no", "Total column nitrogen monoxide", "kg m-2", "cmc.lajolla_r", bounds=_POSITIVE, aliases=("total_column_nitrogen_monoxide",)),
    _surface("tcno2", "Total column nitrogen dioxide", "kg m-2", "cmc.lajolla_r", bounds=_POSITIVE, aliases=("total_column_nitrogen_dioxide",)),
    _surface("gtco3", "Total column ozone", "kg m-2", "viridis", bounds=_POSITIVE, aliases=("total_column_ozone",)),
    _surface("tcso2", "Total column sulphur dioxide", "kg m-2", "cmc.lajolla_r", bounds=_POSITIVE, aliases=("total_column_sulphur_dioxide",)),
    _atmos("co", "Carbon monoxide", "kg kg-1", "cmc.lajolla_r", bounds=_POSITIVE, aliases=("carbon_monoxide",)),
    _atmos("no", "Nitrogen monoxide", "kg kg-1", "cmc.lajolla_r", bounds=_POSITIVE, aliases=("nitrogen_monoxide",)),
    _atmos("no2", "Nitrogen dioxide", "kg kg-1", "cmc.lajolla_r", bounds=_POSITIVE, aliases=("nitrogen_dioxide",)),
    _atmos("go3", "Ozone", "kg kg-1", "viridis", bounds=_POSITIVE, aliases=("ozone",)),
    _atmos("so2", "Sulphur dioxide", "kg kg-1", "cmc.lajolla_r", bounds=_POSITIVE, aliases=("sulphur_dioxide",)),
    _static("static_ammonia", "Ammonia emissions", "kg m-2 s-1"),
    _static("static_ammonia_log", "Ammonia emissions (log)", "1"),
    _static("static_co", "Carbon monoxide emissions", "kg m-2 s-1"),
    _static("static_co_log", "Carbon monoxide emissions (log)", "1"),
    _static("static_nox", "Nitrogen oxide emissions", "kg m-2 s-1"),
    _static("static_nox_log", "Nitrogen oxide emissions (log)", "1"),
    _static("static_so2", "Sulphur dioxide emissions", "kg m-2 s-1"),
    _static("static_so2_log", "Sulphur dioxide emissions (log)", "1"),
)  # fmt: skip


# Short names of height, direction and period, and what the CDS calls each.
_PARTITIONS = {
    "wind waves": (("shww", "significant_height_of_wind_waves"), ("mdww", "mean_direction_of_wind_waves"), ("mpww", "mean_period_of_wind_waves")),
    "total swell": (("shts", "significant_height_of_total_swell"), ("mdts", "mean_direction_of_total_swell"), ("mpts", "mean_period_of_total_swell")),
    "the first swell partition": (("swh1", "p140121", "significant_wave_height_of_first_swell_partition"), ("mwd1", "p140122", "mean_wave_direction_of_first_swell_partition"), ("mwp1", "p140123", "mean_wave_period_of_first_swell_partition")),
    "the second swell partition": (("swh2", "p140124", "significant_wave_height_of_second_swell_partition"), ("mwd2", "p140125", "mean_wave_direction_of_second_swell_partition"), ("mwp2", "p140126", "mean_wave_period_of_second_swell_partition")),
}  # fmt: skip


def _wave_partition(of: str) -> tuple[Variable, Variable, Variable]:
    height, direction, period = _PARTITIONS[of]
    return (
        _surface(height[0], f"Significant height of {of}", "m", "viridis", bounds=_POSITIVE, aliases=height[1:]),
        _surface(direction[0], f"Mean direction of {of}", "degrees", "twilight", circular=True, bounds=_DEGREES, aliases=direction[1:]),
        _surface(period[0], f"Mean period of {of}", "s", "viridis", bounds=_POSITIVE, aliases=period[1:]),
    )  # fmt: skip


_WAVE = (
    _surface("swh", "Significant height of combined waves and swell", "m", "viridis", bounds=_POSITIVE, aliases=("significant_height_of_combined_wind_waves_and_swell",)),
    _surface("mwd", "Mean wave direction", "degrees", "twilight", circular=True, bounds=_DEGREES, aliases=("mean_wave_direction",)),
    _surface("mwp", "Mean wave period", "s", "viridis", bounds=_POSITIVE, aliases=("mean_wave_period",)),
    _surface("pp1d", "Peak wave period", "s", "viridis", bounds=_POSITIVE, aliases=("peak_wave_period",)),
    *(variable for of in _PARTITIONS for variable in _wave_partition(of)),
    _surface("wind", "10 m wind speed over waves", "m s-1", "viridis", bounds=_POSITIVE),
    _surface("dwi", "10 m wind direction over waves", "degrees", "twilight", circular=True, bounds=_DEGREES),
    _surface("10u_wave", "10 m zonal wind over waves", "m s-1", "cmc.vik", diverging=True),
    _surface("10v_wave", "10 m meridional wind over waves", "m s-1", "cmc.vik", diverging=True),
    _static("wmb", "Model bathymetry", "m", "cividis", aliases=("model_bathymetry",)),
    _static("lat_mask", "Latitude mask", "1"),
)  # fmt: skip

_MORE_STATIC = (
    _static("anor", "Angle of sub-grid orography", "rad", aliases=("angle_of_sub_gridscale_orography",)),
    _static("isor", "Anisotropy of sub-grid orography", "1", aliases=("anisotropy_of_sub_gridscale_orography",)),
    _static("slor", "Slope of sub-grid orography", "1", aliases=("slope_of_sub_gridscale_orography",)),
    _static("sdfor", "Standard deviation of filtered orography", "m", aliases=("standard_deviation_of_filtered_subgrid_orography",)),
    _static("sdor", "Standard deviation of orography", "m", aliases=("standard_deviation_of_orography",)),
    _static("cvh", "High vegetation cover", "1", bounds=_FRACTION, aliases=("high_vegetation_cover",)),
    _static("cvl", "Low vegetation cover", "1", bounds=_FRACTION, aliases=("low_vegetation_cover",)),
    _static("cl", "Lake cover", "1", bounds=_FRACTION, aliases=("lake_cover",)),
    _static("dl", "Lake depth", "m", aliases=("lake_depth",)),
    *(_static(f"slt_{code}", f"Soil type is {code}", "1", bounds=_FRACTION) for code in range(8)),
    *(_static(f"tvh_{code}", f"High vegetation type is {code}", "1", bounds=_FRACTION) for code in (0, 3, 4, 5, 6, 18, 19)),
    *(_static(f"tvl_{code}", f"Low vegetation type is {code}", "1", bounds=_FRACTION) for code in (0, 1, 2, 7, 9, 10, 11, 13, 16, 17)),
)  # fmt: skip

CATALOGUE: tuple[Variable, ...] = (*_WEATHER, *_MORE_SURFACE, *_AIR, *_WAVE, *_MORE_STATIC)


@cache
def _by_identity() -> dict[tuple[Group, str], Variable]:
    return {(variable.group, variable.name): variable for variable in CATALOGUE}


@cache
def _by_alias() -> dict[str, tuple[Variable, ...]]:
    table: dict[str, tuple[Variable, ...]] = {}
    for variable in CATALOGUE:
        for alias in (variable.name, *variable.aliases):
            table[alias] = (*table.get(alias, ()), variable)
    return table


def find(name: str, group: Group) -> Variable | None:
    """The catalogue's entry of that name in that group, or None."""
    return _by_identity().get((group, name))


def describe(name: str, group: Group) -> Variable:
    """Like `find`, with a stand-in of unknown unit for a name that the table does not hold."""
    return find(name, group) or Variable.unknown(name, group)


def recognise(file_name: str, *, has_levels: bool) -> Variable | None:
    """The variable that a file calls `file_name`.

    A name used both on the surface and on pressure levels (``z``) is told apart by whether the
    field has a pressure-level axis.
    """
    candidates = _by_alias().get(file_name) or _by_alias().get(file_name.lower(), ())
    for variable in candidates:
        if (variable.group is Group.ATMOSPHERIC) == has_levels:
            return variable
    return None


def split_key(key: str) -> tuple[Group, str]:
    """Inverse of `Variable.key`: ``surf_2t`` -> (surface, 2t)."""
    for group in Group:
        if key.startswith(group.prefix):
            return group, key.removeprefix(group.prefix)
    prefixes = ", ".join(group.prefix for group in Group)
    raise SpecError(
        f"{key!r} is not a variable of a canonical dataset: expected a prefix of {prefixes}."
    )
