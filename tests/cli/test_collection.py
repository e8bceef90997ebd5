"""``aurora-dash runs`` on several runs."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from aurora_dash.cli import main
from aurora_dash.presets import demo
from aurora_dash.runs.metrics import MetricsWriter
from aurora_dash.runs.store import RunStore


@pytest.fixture
def root(tmp_path: Path) -> Path:
    store = RunStore(tmp_path / "runs")
    for rate in (0.001, 0.01):
        run = store.create(demo().with_overrides([f"optimiser.lr={rate}"]))
        with MetricsWriter(run.metrics_path) as metrics:
            metrics.write({"step": 1, "split": "train", "loss": rate})
    return tmp_path / "runs"


def _answer(capsys: pytest.CaptureFixture[str], *words: object, code: int = 0) -> object:
    assert main([*map(str, words), "--json"]) == code
    return json.loads(capsys.readouterr().out)


def _ids(root: Path) -> list[str]:
    return sorted(
        (run.id for run in RunStore(root).list()),
        key=lambda run_id: RunStore(root).get(run_id).spec().optimiser.lr,
    )


def test_runs_are_tagged_and_found_by_tag_and_by_field(root: Path, capsys) -> None:
    slow, fast = _ids(root)
    said = _answer(capsys, "runs", "tag", slow, fast, "--add", "sweep", "best", "--runs", root)
    assert said[slow]["tags"] == ["sweep", "best"]
    _answer(capsys, "runs", "tag", fast, "--remove", "best", "--notes", "too fast", "--runs", root)
    tagged = _answer(capsys, "runs", "list", "--where", "tag=sweep", "tag=best", "--runs", root)
    assert [run["run_id"] for run in tagged] == [slow]
    quick = _answer(capsys, "runs", "list", "--where", "optimiser.lr>0.005", "--runs", root)
    assert [(run["run_id"], run["notes"]) for run in quick] == [(fast, "too fast")]


def test_a_wrong_condition_is_one_line_of_words(root: Path, capsys) -> None:
    answer = _answer(capsys, "runs", "list", "--where", "lr<1", "--runs", root, code=2)
    assert "'lr'" in answer["error"]


def test_what_was_deleted_comes_back(root: Path, capsys) -> None:
    slow, fast = _ids(root)
    _answer(capsys, "runs", "delete", slow, fast, "--runs", root)
    assert not RunStore(root).list()
    _answer(capsys, "runs", "restore", slow, "--runs", root)
    assert [run.id for run in RunStore(root).list()] == [slow]
    refused = _answer(capsys, "runs", "restore", slow, "--runs", root, code=2)
    assert fast in refused["remedy"]


def test_metrics_go_into_a_file(root: Path, tmp_path: Path, capsys) -> None:
    path = tmp_path / "metrics.csv"
    answer = _answer(capsys, "runs", "metrics", *_ids(root), "--out", path, "--runs", root)
    assert answer["bytes"] == path.stat().st_size
    assert len(path.read_text().splitlines()) == 3
