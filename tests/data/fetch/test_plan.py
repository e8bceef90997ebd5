"""Requests are checked before anybody is asked, and cut so that stores take them."""

from __future__ import annotations

from collections import Counter
from datetime import date, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aurora_dash.data.fetch.plan import MAX_BYTES, MAX_ITEMS, grid_points, plan
from aurora_dash.data.fetch.request import FetchRequest
from aurora_dash.errors import SpecError
from aurora_dash.variables import Group
from aurora_dash.variants import VARIANTS

NORWAY = {"north": 70, "south": 55, "west": 5, "east": 20}


def request(**changes: Any) -> FetchRequest:
    values = {"source": "era5", "start": "2020-01-01", "end": "2020-03-15", "out": "x"}
    return FetchRequest.build({**values, **changes})


def test_a_month_of_era5_in_the_words_of_the_cds() -> None:
    pieces = {p.id: p for p in plan(request(end="2020-01-31", region=NORWAY)).pieces}
    assert list(pieces) == ["era5_static", "era5_surface_2020-01", "era5_pressure_2020-01"]
    surface = pieces["era5_surface_2020-01"]
    assert surface.collection == "reanalysis-era5-single-levels"
    assert surface.inputs == {
        "variable": [
            "2m_temperature",
            "10m_u_component_of_wind",
            "10m_v_component_of_wind",
            "mean_sea_level_pressure",
        ],
        "product_type": ["reanalysis"],
        "year": ["2020"],
        "month": ["01"],
        "day": [f"{day:02d}" for day in range(1, 32)],
        "time": ["00:00", "06:00", "12:00", "18:00"],
        "data_format": "netcdf",
        "download_format": "unarchived",
        "area": [70.0, 5.0, 55.0, 20.0],
    }
    pressure = pieces["era5_pressure_2020-01"]
    assert pressure.collection == "reanalysis-era5-pressure-levels"
    assert pressure.inputs["pressure_level"] == [
        *("50", "100", "150", "200", "250", "300", "400", "500", "600", "700", "850", "925"),
        "1000",
    ]
    static = pieces["era5_static"]
    assert static.inputs["variable"] == ["land_sea_mask", "geopotential", "soil_type"]
    assert (static.inputs["day"], static.inputs["time"]) == (["01"], ["00:00"])


def test_cams_is_asked_for_lead_0_at_00_and_12_utc() -> None:
    pieces = plan(request(source="cams", variant="0.4-air-pollution", end="2020-01-31")).pieces
    assert {p.collection for p in pieces} == {"cams-global-atmospheric-composition-forecasts"}
    surface = next(p for p in pieces if p.id.startswith("cams_surface"))
    assert surface.inputs["leadtime_hour"] == ["0"]
    assert surface.inputs["time"] == ["00:00", "12:00"]
    assert surface.inputs["date"] == ["2020-01-01/2020-01-31"]
    assert surface.inputs["type"] == ["forecast"]
    assert {"particulate_matter_2.5um", "total_column_sulphur_dioxide"} <= set(
        surface.inputs["variable"]
    )
    upper = {name for p in pieces if "pressure_level" in p.inputs for name in p.inputs["variable"]}
    assert {"carbon_monoxide", "ozone", "sulphur_dioxide", "specific_humidity"} <= upper


def test_statics_that_cams_lacks_are_named() -> None:
    air = request(source="cams", variant="0.4-air-pollution")
    assert {"lsm", "z", "slt", "static_so2_log"} <= set(air.statics_elsewhere)
    assert request().statics_elsewhere == ()


def test_accumulated_variables_are_asked_for_apart() -> None:
    pieces = plan(request(variant="v1.5", end="2020-01-02", region=NORWAY)).pieces
    accumulated = next(p for p in pieces if "accumulated" in p.id)
    assert {v.name for v in accumulated.variables} == {
        *("uvb_1h", "ssrd_1h", "ttr_1h", "scaled_tp_1h", "scaled_sf_1h")
    }


def test_sizes_are_near_those_of_real_files() -> None:
    """The sample of Norway: 5 days, 4 levels; 2,807,478 and 693,666 bytes."""
    sample = request(
        start="2025-06-01", end="2025-06-05", levels=[1000, 925, 850, 700], region=NORWAY
    )
    assert grid_points(sample) == 61 * 61
    sizes = {p.id.split("_")[1]: p.num_bytes for p in plan(sample).pieces}
    assert sizes["pressure"] == pytest.approx(2_807_478, rel=0.05)
    assert sizes["surface"] == pytest.approx(693_666, rel=0.3)
    assert grid_points(request()) == 721 * 1440


def test_an_archive_is_read_in_whole_globes_however_small_the_region() -> None:
    small = plan(request(source="arco", region=NORWAY))
    assert small.transfer_bytes > 100 * small.num_bytes


@settings(max_examples=60, deadline=None)
@given(
    start=st.dates(date(2016, 1, 1), date(2020, 12, 31)),
    days=st.integers(1, 150),
    hours=st.sampled_from([None, (0,), tuple(range(24))]),
    region=st.sampled_from([None, NORWAY, {"north": 60, "south": -60, "west": -180, "east": 180}]),
    source=st.sampled_from(["era5", "arco", "weatherbench2"]),
    variant=st.sampled_from(["small", "v1.5"]),
)
def test_every_variable_of_every_day_is_asked_for_once_and_within_the_limits(
    start: date, days: int, hours: Any, region: Any, source: str, variant: str
) -> None:
    if source == "weatherbench2":
        hours, variant = None, "small"
    asked = request(
        source=source,
        variant=variant,
        start=start,
        end=start + timedelta(days=days - 1),
        hours=hours,
        region=region,
    )
    seen: Counter[tuple[str, date]] = Counter()
    for piece in plan(asked).pieces:
        if piece.is_static:
            continue
        assert (piece.first.year, piece.first.month) == (piece.last.year, piece.last.month)
        smallest = piece.first == piece.last and len(piece.variables) == 1
        if not asked.origin.is_zarr:
            assert smallest or (piece.num_items <= MAX_ITEMS and piece.num_bytes <= MAX_BYTES)
        length = (piece.last - piece.first).days + 1
        for n in range(length):
            seen.update((v.store_name, piece.first + timedelta(days=n)) for v in piece.variables)
    names = {v.store_name for g in (Group.SURFACE, Group.ATMOSPHERIC) for v in asked.wanted(g)}
    assert set(seen.values()) == {1}
    assert len(seen) == len(names) * days
    assert len({p.id for p in plan(asked).pieces}) == len(plan(asked).pieces)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"start": "2020-04-01"}, "must not be after end"),
        ({"start": "1930-01-01"}, "holds 1940-01-01"),
        ({"hours": [25]}, r"hours\[0\] = 25"),
        ({"source": "cams", "variant": "0.4-air-pollution", "hours": [6]}, r"hours: .*\[6\]"),
        ({"levels": [123]}, r"levels: .*\[123\]"),
        ({"levels": []}, "name at least one"),
        ({"region": {**NORWAY, "west": -10, "east": 10}}, "across Greenwich"),
        ({"variant": "0.4-air-pollution"}, "lacks pm1.*source cams"),
        ({"variant": "0.25-wave"}, "lacks swh.*MARS"),
        ({"variant": "no-such"}, "no-such"),
        ({"variables": ["t2"]}, "no variable 't2'"),
        ({"source": "weatherbench2", "end": "2024-01-01"}, "to 2023-01-10"),
        ({"source": "weatherbench2", "hours": [3]}, r"\[3\]"),
        ({"out": ""}, "out"),
        ({"format": "grib"}, "unknown key"),
    ],
)
def test_what_cannot_be_had_is_refused_in_words(changes: dict[str, Any], words: str) -> None:
    with pytest.raises(SpecError, match=words):
        request(**changes)


def test_more_variables_by_any_of_their_names() -> None:
    asked = request(variables=["tp", "total_column_water_vapour", "surface:leaf_area_index", "w"])
    assert [v.store_name for v in asked.wanted(Group.SURFACE)][4:] == [
        *("total_precipitation", "total_column_water_vapour", "leaf_area_index")
    ]
    assert [v.name for v in asked.wanted(Group.ATMOSPHERIC)] == ["z", "u", "v", "t", "q", "w"]


def test_a_box_up_to_greenwich_from_the_west_leaves_its_meridian_out() -> None:
    west = request(region={"north": 60, "south": 40, "west": -20, "east": 0})
    assert plan(west).pieces[1].inputs["area"] == [60.0, -20.0, 40.0, -0.25]
    band = request(region={"north": 60, "south": 40, "west": -180, "east": 180})
    assert plan(band).pieces[1].inputs["area"] == [60.0, 0.0, 40.0, 359.75]


@pytest.mark.parametrize("variant", [v.id for v in VARIANTS])
def test_every_variant_has_a_source_or_says_why_not(variant: str) -> None:
    source = "cams" if "air" in variant else "era5"
    if "wave" in variant:
        with pytest.raises(SpecError, match="MARS"):
            request(variant=variant, source=source)
    else:
        assert plan(request(variant=variant, source=source)).num_bytes > 0


def test_an_estimate_is_plain_data() -> None:
    document = plan(request(region=NORWAY)).to_dict()
    assert document["num_requests"] == len(document["pieces"]) == 7
    assert document["num_times"] == 75 * 4
    assert document["estimated_bytes"] == sum(p["estimated_bytes"] for p in document["pieces"])
