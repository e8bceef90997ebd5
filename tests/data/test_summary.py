from __future__ import annotations

import json
from pathlib import Path

from aurora_dash.data.check import describe
from aurora_dash.data.open import open_files
from aurora_dash.data.source import open_data
from aurora_dash.spec import DataSpec
from aurora_dash.variables import Group
from aurora_dash.variants import get_variant


def test_norway_in_a_few_lines(norway_files: tuple[Path, Path]) -> None:
    summary = describe(open_files(norway_files))
    assert {v.name for v in summary.group(Group.SURFACE)} == {"2t", "10u", "10v", "msl"}
    assert {v.name for v in summary.group(Group.STATIC)} == {"lsm", "z", "slt"}
    assert {v.name for v in summary.group(Group.ATMOSPHERIC)} == set("zuvtq")
    assert summary.levels == (1000, 925, 850, 700)
    assert summary.times is not None
    assert (summary.times.first, summary.times.last) == ("2025-06-01T00:00Z", "2025-06-05T18:00Z")
    assert (summary.times.count, summary.times.step_hours) == (20, 6)
    grid = summary.grid
    assert (grid.num_latitudes, grid.num_longitudes, grid.resolution) == (61, 61, 0.25)
    assert (grid.north, grid.south, grid.west, grid.east) == (70, 55, 5, 20)
    assert not summary.synthetic
    assert summary.files == tuple(map(str, norway_files))


def test_a_variable_is_told_with_its_name_in_the_file(norway_files: tuple[Path, Path]) -> None:
    by_key = {variable.key: variable for variable in describe(open_files(norway_files)).variables}
    temperature = by_key["surf_2t"]
    assert temperature.source_name == "t2m"
    assert temperature.long_name == "2 m temperature"
    assert temperature.unit == "K"
    assert temperature.group == "surface"


def test_surface_only_data_has_no_levels(western_usa_file: Path) -> None:
    summary = describe(open_files([western_usa_file]))
    assert summary.levels == ()
    assert summary.group(Group.ATMOSPHERIC) == ()


def test_the_demo_is_marked() -> None:
    assert describe(open_data(DataSpec(), get_variant("small"))).synthetic


def test_it_is_plain_data_for_json(norway_files: tuple[Path, Path]) -> None:
    plain = json.loads(json.dumps(describe(open_files(norway_files)).to_dict()))
    assert plain["times"]["step_hours"] == 6
    assert plain["grid"]["resolution"] == 0.25
    assert plain["num_bytes"] > 6_000_000


def test_uneven_steps_have_no_single_length(norway_files: tuple[Path, Path]) -> None:
    opened = open_files(norway_files)
    gap = opened.dataset.isel(time=[0, 1, 3])
    summary = describe(type(opened)(dataset=gap))
    assert summary.times is not None
    assert summary.times.step_hours is None
