"""``data check`` on real files: what is in them, and whether a run could start."""

from __future__ import annotations

import shlex
from pathlib import Path

import numpy as np
import pytest
import xarray as xr


def test_the_norway_files_are_ready(cli, norway_files: tuple[Path, Path]) -> None:
    outcome = cli("data", "check", *norway_files, "--json")
    assert outcome.code == 0
    document = outcome.document
    assert document["launchable"] is True
    assert document["summary"]["levels"] == [1000, 925, 850, 700]
    assert document["summary"]["times"]["count"] == 20
    grid = document["summary"]["grid"]
    assert (grid["num_latitudes"], grid["num_longitudes"]) == (60, 60)
    assert any("61 x 61" in finding["message"] for finding in document["findings"])
    assert all(
        {"severity", "variable", "where", "message", "remedy"} <= finding.keys()
        for finding in document["findings"]
    )


def test_a_surface_only_file_is_explained_and_exits_1(cli, western_usa_file: Path) -> None:
    outcome = cli("data", "check", western_usa_file)
    assert outcome.code == 1
    assert "surface-only" in outcome.out
    assert outcome.out.splitlines()[-1] == "A run can not start on this data."
    assert cli("data", "check", western_usa_file, "--json").document["launchable"] is False


def test_the_spec_that_is_to_use_the_data_decides(cli, norway_files: tuple[Path, Path]) -> None:
    outcome = cli(
        *("data", "check", *norway_files, "--json"),
        *("--set", "data.levels=[850,700]", "data.lead_hours=7"),
    )
    assert outcome.code == 1
    assert outcome.document["summary"]["levels"] == [850, 700]
    assert any(
        finding["severity"] == "error" and "7 h" in finding["message"]
        for finding in outcome.document["findings"]
    )


def test_a_file_that_is_not_what_its_name_says_is_a_user_error(cli, tmp_path: Path) -> None:
    path = tmp_path / "weather.nc"
    path.write_text("<html>Sign in</html>")
    outcome = cli("data", "check", path)
    assert outcome.code == 2
    assert "weather.nc" in outcome.err


def test_an_empty_folder_is_a_user_error(cli, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    outcome = cli("data", "check", tmp_path / "empty", "--json")
    assert outcome.code == 2
    assert "empty" in outcome.document["error"]


def test_the_split_is_told_in_numbers_and_dates(cli, norway_files: tuple[Path, Path]) -> None:
    period = ["data.validation_start=2025-06-04T00:00Z", "data.gap_hours=24"]
    outcome = cli("data", "check", *norway_files, "--set", *period, "--json")
    split = outcome.document["split"]
    # Times 0 to 19, every 6 h: 12 to 19 validate; 9 to 11 are less than a day before them.
    assert (split["num_train"], split["num_validation"], split["num_left_out"]) == (7, 6, 5)
    assert [(span["use"], span["num_times"]) for span in split["spans"]] == [
        ("train", 9),
        ("gap", 3),
        ("validation", 8),
    ]
    shown = cli("data", "check", *norway_files, "--set", *period).out
    assert "7 to train on, 6 to validate with, 5 between them left out" in shown
    assert "2025-06-04T00:00Z to 2025-06-05T18:00Z" in shown


def test_the_parts_of_a_mix_are_told_one_by_one(cli, norway_files: tuple[Path, Path]) -> None:
    mix = (
        '[{"name": "north", "weight": 3, '
        '"region": {"north": 70, "south": 63, "west": 5, "east": 19.75}},'
        ' {"name": "rest", "levels": 1}]'
    )
    assert "levels" in cli("data", "check", *norway_files, "--set", f"data.mix={mix}").err
    mix = mix.replace(', "levels": 1', "")
    outcome = cli("data", "check", *norway_files, "--set", f"data.mix={mix}", "--json")
    assert outcome.code == 0
    north, rest = outcome.document["parts"]
    assert (north["name"], north["weight"]) == ("north", 3.0)
    assert north["summary"]["grid"]["num_latitudes"] == 28
    assert rest["summary"]["grid"]["num_latitudes"] == 60
    assert outcome.document["summary"] == north["summary"]


@pytest.fixture
def holed(norway_files: tuple[Path, Path], tmp_path: Path) -> tuple[Path, Path]:
    """The Norway files with a hole in the temperature of one time."""
    with xr.open_dataset(norway_files[1], engine="h5netcdf") as dataset:
        changed = dataset.load().copy(deep=True)
    changed["t2m"][4, 10:14, 20] = np.nan
    for variable in changed.variables.values():
        variable.encoding = {}
    changed.to_netcdf(tmp_path / "holed.nc", engine="netcdf4")
    return norway_files[0], tmp_path / "holed.nc"


def test_the_line_below_a_finding_can_be_pasted_and_mends_it(cli, holed: tuple[Path, Path]) -> None:
    broken = cli("data", "check", *holed)
    assert broken.code == 1
    line = next(line for line in broken.out.splitlines() if "Infill in time: --set" in line)
    options = shlex.split(line.partition(": ")[2])
    mended = cli("data", "check", *holed, *options)
    assert mended.code == 0
    assert "4 missing values in 1 time were filled in, 0 are missing still" in mended.out
    assert "12 to train on, 4 to validate with" in mended.out


def test_json_has_the_place_the_remedy_and_the_applied_remedies(
    cli, holed: tuple[Path, Path]
) -> None:
    document = cli("data", "check", *holed, "--json").document
    finding = next(f for f in document["findings"] if f["code"] == "missing-values")
    assert finding["location"] == {
        **{"time": "2025-06-02T00:00Z", "level": None},
        **{"latitude": 67.5, "longitude": 10.0},
    }
    assert finding["picture"]["kind"] == "bars"
    after = cli("data", "check", *holed, "--json", "--set", finding["remedy_spec"]).document
    assert after["launchable"] is True
    assert after["split"]["num_train"] == 12
    assert [remedy["kind"] for remedy in after["remedies"]] == ["infill_time"]


def test_the_report_is_one_file_with_all_findings(
    cli, holed: tuple[Path, Path], tmp_path: Path
) -> None:
    report = tmp_path / "report.html"
    outcome = cli("data", "check", *holed, "--report", report)
    assert f"The report was written to {report}." in outcome.out
    html = report.read_text(encoding="utf-8")
    assert "surf_2t has 4 missing values" in html
    assert "<svg" in html
    missing = cli("data", "check", *holed, "--report", tmp_path / "none" / "report.html")
    assert missing.code == 2
    assert "No such file or directory" in missing.err
