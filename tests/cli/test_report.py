from __future__ import annotations

from pathlib import Path

import pytest

from aurora_dash.presets import demo
from aurora_dash.runs.store import RunStore


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ((), "has no complete evaluation"),
        (("20260101-000000-abcd",), "has no evaluation '20260101-000000-abcd'"),
        (("../..",), "has no evaluation '../..'"),
    ],
)
def test_an_evaluation_that_is_not_there_is_refused(
    cli, store: RunStore, tmp_path: Path, arguments: tuple[str, ...], said: str
) -> None:
    run = store.create(demo())
    outcome = cli("report", run.id, *arguments, "--runs", store.root, "--out", tmp_path / "r.md")
    assert outcome.code == 2
    assert said in outcome.err
    assert not (tmp_path / "r.md").exists()


def test_a_checkpoint_file_has_no_evaluation(cli, tmp_path: Path) -> None:
    path = tmp_path / "mine.ckpt"
    path.write_bytes(b"")
    outcome = cli("report", path, "--out", tmp_path / "r.md")
    assert outcome.code == 2
    assert "not an evaluation" in outcome.err


def test_an_ending_that_is_no_report_is_refused_before_anything_is_judged(
    cli, store: RunStore, tmp_path: Path
) -> None:
    run = store.create(demo())
    options = ("--runs", store.root, "--report", tmp_path / "r.pdf")
    outcome = cli("evaluate", run.id, *options)
    assert outcome.code == 2
    assert "r.pdf does not say how to write the report" in outcome.err
    assert not run.evaluation_folder.exists()
