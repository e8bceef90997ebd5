"""``data prepare`` and ``data verify`` from a shell."""

from __future__ import annotations

from pathlib import Path

import pytest

DEMO = ("data.demo.height=16", "data.demo.width=16", "data.demo.num_times=8")


def test_a_store_is_written_then_found_up_to_date_then_verified(cli, tmp_path: Path) -> None:
    store = tmp_path / "store"
    command = ("data", "prepare", "--out", store, "--set", *DEMO)
    first = cli(*command, "--json")
    assert first.code == 0
    assert first.document == {
        "folder": str(store),
        "num_times": 8,
        "num_written": 8,
        "num_kept": 0,
        "num_removed": 0,
        "whole": True,
    }
    assert "Nothing to do: all 8 times" in cli(*command).out
    checked = cli("data", "check", store, "--json")
    assert checked.document["launchable"] is True
    assert checked.document["summary"]["synthetic"] is True
    assert cli("data", "verify", store, "--json").document["num_times"] == 8


def test_a_damaged_store_is_a_user_error_that_names_the_file(cli, tmp_path: Path) -> None:
    store = tmp_path / "store"
    cli("data", "prepare", "--out", store, "--set", *DEMO)
    path = store / "atmos_u" / "c.4.0.0.0"
    path.write_bytes(path.read_bytes()[:-9])
    outcome = cli("data", "verify", store)
    assert outcome.code == 2
    assert "atmos_u/c.4.0.0.0" in outcome.err


def test_data_that_no_run_could_use_is_refused_before_anything_is_written(
    cli, tmp_path: Path, western_usa_file: Path
) -> None:
    outcome = cli("data", "prepare", western_usa_file, "--out", tmp_path / "store")
    assert outcome.code == 2
    assert "surface-only" in outcome.err
    assert not (tmp_path / "store" / "zarr.json").exists()


@pytest.mark.slow
def test_real_files_are_prepared_and_hold_the_same_values(
    cli, norway_files: tuple[Path, Path], tmp_path: Path
) -> None:
    import numpy as np

    from aurora_dash.data.source import open_data
    from aurora_dash.spec import DataSpec
    from aurora_dash.variants import get_variant

    store = tmp_path / "norway"
    assert cli("data", "prepare", *norway_files, "--out", store).code == 0
    variant = get_variant("small")
    paths = tuple(map(str, norway_files))
    original = open_data(DataSpec(source="files", paths=paths), variant)
    stored = open_data(DataSpec(source="files", paths=(str(store),)), variant)
    assert stored.dataset.sizes == original.dataset.sizes
    for key in stored.dataset:
        np.testing.assert_array_equal(stored.dataset[key].values, original.dataset[key].values)
    assert "Copernicus" in stored.attribution
