"""Where data can be fetched from: what each source holds, how it names it, and its licence.

Levels are in hPa.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import date
from typing import Literal

from aurora_dash.data.fetch.attribution import ARCO, C3S, CAMS, HRES, WB2
from aurora_dash.data.fetch.names import (
    CAMS_ATMOSPHERIC,
    CAMS_LEVELS,
    CAMS_SURFACE,
    CDS_STATIC,
    ERA5_LEVELS,
    ERA5_SURFACE,
    WEATHER_ATMOSPHERIC,
    ZARR_STATIC,
)
from aurora_dash.errors import SpecError
from aurora_dash.variables import Group
from aurora_dash.variants import PRESSURE_LEVELS

SourceId = Literal["era5", "cams", "arco", "weatherbench2"]
Wb2Dataset = Literal["era5", "hres_t0", "era5_64x32"]

ARCO_VARIABLE = "AURORA_DASH_ARCO_URL"
WEATHERBENCH2_VARIABLE = "AURORA_DASH_WEATHERBENCH2_URL"
"""Environment variables that name a mirror of a public Zarr archive."""


@dataclass(frozen=True, kw_only=True)
class Source:
    """One place to fetch from."""

    id: SourceId
    title: str
    note: str
    names: Mapping[Group, Mapping[str, str]]
    """Aurora's name -> the source's name, by group."""
    levels: tuple[int, ...]
    resolution_degrees: float
    hours: tuple[int, ...]
    """Times of day (UTC) that can be had."""
    usual_hours: tuple[int, ...]
    first: date
    last: date | None
    attribution: str
    collections: Mapping[str, str] = field(default_factory=dict)
    """The data store's collections by kind of request: ``surface``, ``pressure``."""
    store_url: str = ""
    """Public address of the Zarr store; empty for a data store with a queue."""

    @property
    def is_zarr(self) -> bool:
        """Whether it is read directly instead of asked for."""
        return bool(self.store_url)

    @property
    def url(self) -> str:
        """Address of the Zarr store, a mirror's if the environment names one."""
        if self.id == "arco":
            return os.environ.get(ARCO_VARIABLE) or self.store_url
        base, _, name = self.store_url.partition("/datasets/")
        mirror = os.environ.get(WEATHERBENCH2_VARIABLE, "").rstrip("/")
        return f"{mirror}/{name}" if mirror else f"{base}/datasets/{name}"


_EVERY_HOUR = tuple(range(24))
_SIX_HOURLY = (0, 6, 12, 18)
_ERA5_NAMES = {
    Group.SURFACE: ERA5_SURFACE,
    Group.STATIC: CDS_STATIC,
    Group.ATMOSPHERIC: {**WEATHER_ATMOSPHERIC, "r": "relative_humidity"},
}
_ZARR_NAMES = {
    Group.SURFACE: ERA5_SURFACE,
    Group.STATIC: ZARR_STATIC,
    Group.ATMOSPHERIC: WEATHER_ATMOSPHERIC,
}

_ERA5 = Source(
    id="era5",
    title="ERA5 (CDS)",
    note="The reanalysis, hourly since 1940 at 0.25°, from the Climate Data Store. Needs a free "
    "account and its key; requests wait in a queue.",
    names=_ERA5_NAMES,
    levels=ERA5_LEVELS,
    resolution_degrees=0.25,
    hours=_EVERY_HOUR,
    usual_hours=_SIX_HOURLY,
    first=date(1940, 1, 1),
    last=None,
    attribution=C3S,
    collections={
        "surface": "reanalysis-era5-single-levels",
        "pressure": "reanalysis-era5-pressure-levels",
    },
)
_CAMS_SOURCE = Source(
    id="cams",
    title="CAMS analyses (ADS)",
    note="Atmospheric composition at 0.4°, lead 0 of the forecasts at 00 and 12 UTC, from the "
    "Atmosphere Data Store. Needs a free account and its key; requests wait in a queue.",
    names={
        Group.SURFACE: CAMS_SURFACE,
        Group.STATIC: {},
        Group.ATMOSPHERIC: CAMS_ATMOSPHERIC,
    },
    levels=CAMS_LEVELS,
    resolution_degrees=0.4,
    hours=(0, 12),
    usual_hours=(0, 12),
    first=date(2015, 1, 1),
    last=None,
    attribution=CAMS,
    collections={
        "surface": "cams-global-atmospheric-composition-forecasts",
        "pressure": "cams-global-atmospheric-composition-forecasts",
    },
)
_ARCO_SOURCE = replace(
    _ERA5,
    id="arco",
    title="ARCO-ERA5",
    note="ERA5 hourly at 0.25° on Google Cloud: no account, no queue. Whole globes are read even "
    "for a region.",
    names=_ZARR_NAMES,
    attribution=C3S + ARCO,
    collections={},
    store_url="gs://gcp-public-data-arco-era5/ar/full_37-1h-0p25deg-chunk-1.zarr-v3",
)
_WEATHERBENCH2 = "gs://weatherbench2/datasets/"


def _weatherbench2(title: str, path: str, first: date, last: date, **more: object) -> Source:
    values: dict[str, object] = {
        "note": "Six-hourly on Google Cloud: no account, no queue, 13 levels.",
        "names": _ZARR_NAMES,
        "resolution_degrees": 0.25,
        "attribution": C3S + WB2,
        **more,
    }
    return Source(
        id="weatherbench2",
        title=title,
        levels=PRESSURE_LEVELS,
        hours=_SIX_HOURLY,
        usual_hours=_SIX_HOURLY,
        first=first,
        last=last,
        store_url=f"{_WEATHERBENCH2}{path}",
        **values,  # type: ignore[arg-type]
    )


WEATHERBENCH2_DATASETS: Mapping[Wb2Dataset, Source] = {
    "era5": _weatherbench2(
        "ERA5 0.25°",
        "era5/1959-2023_01_10-wb13-6h-1440x721_with_derived_variables.zarr",
        date(1959, 1, 1),
        date(2023, 1, 10),
    ),
    "hres_t0": _weatherbench2(
        "HRES analyses 0.25°",
        "hres_t0/2016-2022-6h-1440x721.zarr",
        date(2016, 1, 1),
        date(2022, 12, 31),
        names={**_ZARR_NAMES, Group.STATIC: {}},
        attribution=HRES + WB2,
    ),
    "era5_64x32": _weatherbench2(
        "ERA5 5.6° (64 × 32)",
        "era5/1959-2022-6h-64x32_equiangular_conservative.zarr",
        date(1959, 1, 1),
        date(2022, 12, 31),
        resolution_degrees=5.625,
    ),
}

SOURCES: Mapping[SourceId, Source] = {
    "era5": _ERA5,
    "cams": _CAMS_SOURCE,
    "arco": _ARCO_SOURCE,
    "weatherbench2": WEATHERBENCH2_DATASETS["era5"],
}


def find_source(source: SourceId, dataset: Wb2Dataset) -> Source:
    """The source of that id; `dataset` chooses among those of WeatherBench 2."""
    return WEATHERBENCH2_DATASETS[dataset] if source == "weatherbench2" else SOURCES[source]


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """One variable to fetch."""

    group: Group
    name: str
    """Aurora's name, or the source's where Aurora has none."""
    store_name: str


def find_variable(source: Source, text: str) -> Wanted:
    """What `text` means: Aurora's name, the source's, or ``surface:`` / ``atmospheric:`` and one
    of the source's that this table lacks. `SpecError` for anything else."""
    group, colon, rest = text.partition(":")
    if colon and rest and group in {Group.SURFACE.value, Group.ATMOSPHERIC.value}:
        return Wanted(group=Group(group), name=rest, store_name=rest)
    for kind in (Group.SURFACE, Group.ATMOSPHERIC):
        for name, store_name in source.names[kind].items():
            if text in (name, store_name):
                return Wanted(group=kind, name=name, store_name=store_name)
    known = ", ".join([*source.names[Group.SURFACE], *source.names[Group.ATMOSPHERIC]])
    raise SpecError(
        f"variables: {source.title} has no variable {text!r} that is known here.",
        remedy=f"Known are {known}; write surface:NAME or atmospheric:NAME for another of the "
        "source's own.",
    )
