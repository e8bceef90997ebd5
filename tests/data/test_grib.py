"""GRIB files put together message by message from the real one."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from aurora_dash.data.open import open_files

Write = Callable[[list[dict[str, object]]], Path]

UPPER_AIR = {"indicatorOfTypeOfLevel": 100}
PARAMETERS = {"z": 129, "t": 130, "u": 131, "v": 132, "q": 133}


@pytest.fixture
def write(western_usa_file: Path, tmp_path: Path) -> Write:
    """Write messages with the given header keys; all values are ``number`` of the message."""
    import aurora_dash.data.grib  # noqa: F401  (settles which PROJ eccodes is bound to)

    # isort: split
    import eccodes

    def make(headers: list[dict[str, object]], edition: int = 1) -> Path:
        path = tmp_path / "made.grib"
        with western_usa_file.open("rb") as source:
            template = eccodes.codes_grib_new_from_file(source)
        with path.open("wb") as target:
            for number, header in enumerate(headers):
                message = eccodes.codes_clone(template)
                for key, value in header.items():
                    eccodes.codes_set(message, key, value)
                eccodes.codes_set_values(message, np.full(61 * 61, float(number)))
                if edition == 2:
                    eccodes.codes_set(message, "edition", 2)
                eccodes.codes_write(message, target)
                eccodes.codes_release(message)
        eccodes.codes_release(template)
        return path

    return make


def _on_levels(names: str, levels: list[int], hours: list[int]) -> list[dict[str, object]]:
    return [
        {**UPPER_AIR, "paramId": PARAMETERS[name], "level": level, "dataTime": hour * 100}
        for name in names
        for level in levels
        for hour in hours
    ]


@pytest.mark.parametrize("edition", [1, 2])
def test_pressure_levels_and_surface_of_one_file_are_merged(write: Write, edition: int) -> None:
    headers = _on_levels("zt", [1000, 850], [0, 6])
    headers += [{"paramId": 167, "dataTime": hour * 100} for hour in (0, 6)]
    dataset = open_files([write(headers, edition)]).dataset  # type: ignore[call-arg]
    assert set(dataset.data_vars) == {"atmos_z", "atmos_t", "surf_2t"}
    assert dataset["level"].values.tolist() == [1000, 850]
    # Messages are numbered in the order written: name, level, time.
    assert dataset["atmos_z"].isel(latitude=0, longitude=0).values.tolist() == [[0, 2], [1, 3]]
    assert dataset["atmos_t"].isel(latitude=0, longitude=0).values.tolist() == [[4, 6], [5, 7]]
    assert dataset["surf_2t"].isel(latitude=0, longitude=0).values.tolist() == [8, 9]


def test_surface_and_level_geopotential_of_one_file_are_told_apart(write: Write) -> None:
    headers = [*_on_levels("z", [500], [0, 6]), {"paramId": 129, "dataTime": 0}]
    dataset = open_files([write(headers)]).dataset
    assert dataset["atmos_z"].isel(latitude=3, longitude=3).values.tolist() == [[0], [1]]
    assert float(dataset["static_z"][0, 0]) == 2


def test_a_field_on_another_kind_of_level_is_not_taken_for_the_surface(write: Write) -> None:
    hybrid = {"indicatorOfTypeOfLevel": 109, "paramId": 129, "level": 60, "dataTime": 0}
    opened = open_files([write([hybrid, {"paramId": 167, "dataTime": 0}])])
    assert list(opened.dataset.data_vars) == ["surf_2t"]
    assert any(f.variable == "z" and "not used" in f.message for f in opened.findings)


def test_a_message_missing_on_one_level_reads_as_missing_values(write: Write) -> None:
    headers = _on_levels("t", [1000, 850], [0, 6])[:-1]
    opened = open_files([write(headers)])
    values = opened.dataset["atmos_t"].isel(latitude=0, longitude=0).values
    np.testing.assert_array_equal(values, [[0, 2], [1, np.nan]])
    finding = next(f for f in opened.findings if f.code == "messages-missing")
    assert finding.severity == "warning"
    assert "t has 3 fields, but its times, levels and members make 4" in finding.message


def test_whole_hypercubes_miss_no_message(write: Write) -> None:
    opened = open_files([write(_on_levels("zt", [1000, 850], [0, 6]))])
    assert "messages-missing" not in [finding.code for finding in opened.findings]


def test_forecast_steps_are_placed_at_their_valid_times(write: Write) -> None:
    headers: list[dict[str, object]] = [
        {"paramId": 167, "dataTime": 0, "dataType": "fc", "endStep": step} for step in (6, 12)
    ]
    opened = open_files([write(headers)])
    hours = opened.dataset["time"].values.astype("datetime64[h]").astype(str).tolist()
    assert hours == ["2025-01-01T06", "2025-01-01T12"]
    assert "forecast" in [finding.code for finding in opened.findings]


def test_parts_of_a_grib_series_in_several_files_are_joined(write: Write, tmp_path: Path) -> None:
    first = write(_on_levels("t", [850], [0, 6])).rename(tmp_path / "first.grib")
    second = write(_on_levels("t", [850], [12, 18]))
    dataset = open_files([second, first]).dataset
    assert dataset["atmos_t"].isel(level=0, latitude=0, longitude=0).values.tolist() == [0, 1, 0, 1]
