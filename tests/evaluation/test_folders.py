"""Folders that can't be made are refused in words, wherever a result is written."""

from __future__ import annotations

from pathlib import Path

import pytest

from aurora_dash.errors import RunError
from aurora_dash.evaluation.results import make_folder, replacing


def test_a_folder_is_made_with_its_parents(tmp_path: Path) -> None:
    make_folder(tmp_path / "one" / "two")
    assert (tmp_path / "one" / "two").is_dir()


def test_a_file_in_the_way_of_a_folder_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(RunError, match="file"):
        make_folder(tmp_path / "file" / "scores")
    with pytest.raises(RunError, match="file"), replacing(tmp_path / "file" / "fields.nc"):
        pytest.fail("nothing can be written there")
