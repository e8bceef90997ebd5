"""Aurora's names of variables, and the sources' own, as their request forms spell them.

ARCO-ERA5 and WeatherBench 2 took over the names of the CDS. Levels are in hPa.
"""

from __future__ import annotations

ERA5_LEVELS = (
    *(1, 2, 3, 5, 7, 10, 20, 30, 50, 70, 100, 125, 150, 175, 200, 225, 250, 300, 350, 400, 450),
    *(500, 550, 600, 650, 700, 750, 775, 800, 825, 850, 875, 900, 925, 950, 975, 1000),
)
CAMS_LEVELS = (
    *(1, 2, 3, 5, 7, 10, 20, 30, 50, 70, 100, 150, 200, 250, 300, 400, 500, 600, 700, 800),
    *(850, 900, 925, 950, 1000),
)

_WEATHER_SURFACE = {
    "2t": "2m_temperature",
    "10u": "10m_u_component_of_wind",
    "10v": "10m_v_component_of_wind",
    "msl": "mean_sea_level_pressure",
}
WEATHER_ATMOSPHERIC = {
    "z": "geopotential",
    "u": "u_component_of_wind",
    "v": "v_component_of_wind",
    "t": "temperature",
    "q": "specific_humidity",
    "w": "vertical_velocity",
}
ERA5_SURFACE = {
    **_WEATHER_SURFACE,
    "2d": "2m_dewpoint_temperature",
    "tcwv": "total_column_water_vapour",
    "tcc": "total_cloud_cover",
    "lcc": "low_cloud_cover",
    "mcc": "medium_cloud_cover",
    "hcc": "high_cloud_cover",
    "100u": "100m_u_component_of_wind",
    "100v": "100m_v_component_of_wind",
    "sp": "surface_pressure",
    "skt": "skin_temperature",
    "stl1": "soil_temperature_level_1",
    "swvl1": "volumetric_soil_water_layer_1",
    "ci": "sea_ice_cover",
    "scaled_sd": "snow_depth",
    "i10fg": "instantaneous_10m_wind_gust",
    "blh": "boundary_layer_height",
    "sst": "sea_surface_temperature",
    "uvb_1h": "downward_uv_radiation_at_the_surface",
    "ssrd_1h": "surface_solar_radiation_downwards",
    "ttr_1h": "top_net_thermal_radiation",
    "scaled_tp_1h": "total_precipitation",
    "scaled_sf_1h": "snowfall",
    "tp": "total_precipitation",
    "ssrd": "surface_solar_radiation_downwards",
    "uvb": "downward_uv_radiation_at_the_surface",
}
ACCUMULATED = frozenset(
    {
        "downward_uv_radiation_at_the_surface",
        "surface_solar_radiation_downwards",
        "top_net_thermal_radiation",
        "total_precipitation",
        "snowfall",
    }
)
"""Variables that ERA5 holds as accumulations: the CDS delivers them in a file of their own."""

_STATIC = {"lsm": "land_sea_mask", "slt": "soil_type"}
_MORE_STATIC = {
    "anor": "angle_of_sub_gridscale_orography",
    "isor": "anisotropy_of_sub_gridscale_orography",
    "slor": "slope_of_sub_gridscale_orography",
    "sdfor": "standard_deviation_of_filtered_subgrid_orography",
    "sdor": "standard_deviation_of_orography",
    "cvh": "high_vegetation_cover",
    "cvl": "low_vegetation_cover",
    "cl": "lake_cover",
    "dl": "lake_depth",
}
CDS_STATIC = {**_STATIC, "z": "geopotential", **_MORE_STATIC}
ZARR_STATIC = {**_STATIC, "z": "geopotential_at_surface", **_MORE_STATIC}

CAMS_SURFACE = {
    **_WEATHER_SURFACE,
    "pm1": "particulate_matter_1um",
    "pm2p5": "particulate_matter_2.5um",
    "pm10": "particulate_matter_10um",
    "tcco": "total_column_carbon_monoxide",
    "tc_no": "total_column_nitrogen_monoxide",
    "tcno2": "total_column_nitrogen_dioxide",
    "gtco3": "total_column_ozone",
    "tcso2": "total_column_sulphur_dioxide",
}
CAMS_ATMOSPHERIC = {
    **WEATHER_ATMOSPHERIC,
    "co": "carbon_monoxide",
    "no": "nitrogen_monoxide",
    "no2": "nitrogen_dioxide",
    "go3": "ozone",
    "so2": "sulphur_dioxide",
}
