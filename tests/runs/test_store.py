"""The folder of runs: creating, finding, listing what is damaged, deleting with a way back."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from aurora_dash.errors import RunError, SpecError
from aurora_dash.presets import demo
from aurora_dash.runs.ownership import own
from aurora_dash.runs.status import RunState
from aurora_dash.runs.store import Run, RunStore, default_root


def test_a_new_run_is_complete_and_waits_for_its_launch(store: RunStore) -> None:
    spec = demo().replace(name="Norway, März: 2t & winds/á la carte")
    run = store.create(spec)
    assert re.fullmatch(r"\d{8}-\d{6}-norway-m-rz-2t-winds-la-carte-[0-9a-f]{4}", run.id)
    assert run.spec() == spec
    assert run.status().state is RunState.QUEUED
    assert run.status().is_launchable
    assert run.status().created is not None
    assert [path.name for path in store.root.iterdir()] == [run.id]


def test_a_name_without_letters_still_gives_an_id(store: RunStore) -> None:
    assert "-run-" in store.create(demo().replace(name="???")).id


def test_runs_are_listed_newest_first(store: RunStore) -> None:
    runs = [store.create(demo()) for _ in range(5)]
    assert store.list() == runs[::-1]


def test_a_root_that_does_not_exist_holds_no_runs(tmp_path: Path) -> None:
    store = RunStore(tmp_path / "nowhere")
    assert store.list() == []
    assert not store.root.exists()


def test_damaged_and_foreign_folders_are_listed_with_their_problem(store: RunStore) -> None:
    run = store.create(demo())
    (store.root / "holiday photos").mkdir()
    (store.root / "holiday photos" / "beach.jpg").touch()
    (store.root / "a file.txt").write_text("x")
    damaged = store.create(demo())
    (damaged.folder / "status.json").write_text("{")
    (damaged.folder / "spec.json").write_text("{")
    states = {run.id: run.status() for run in store.list()}
    assert set(states) == {run.id, "holiday photos", damaged.id}
    assert states["holiday photos"].state is RunState.FAILED
    assert "not a run" in states["holiday photos"].reason
    assert "damaged" in states[damaged.id].reason
    with pytest.raises(SpecError, match=r"spec\.json is not valid json"):
        damaged.spec()
    assert store.get("holiday photos").events() == []


@pytest.mark.parametrize(
    "run_id",
    [
        "",
        ".",
        "..",
        "../x",
        "a/../b",
        "/etc",
        "a/b",
        "a/",
        "a\\b",
        ".trash",
        "x\x00y",
        "x\ny",
        "a..b",
    ],
)
def test_ids_that_are_no_plain_names_are_refused(store: RunStore, run_id: str) -> None:
    store.create(demo())
    with pytest.raises(RunError, match="is not a run id"):
        store.get(run_id)
    with pytest.raises(RunError, match="is not a run id"):
        store.delete(run_id)


def test_an_unknown_id_is_refused_with_where_it_was_looked_for(store: RunStore) -> None:
    with pytest.raises(RunError, match=re.escape(str(store.root))):
        store.get("20250101-000000-x-0000")


def test_a_deleted_run_is_in_the_trash_and_can_come_back(store: RunStore) -> None:
    run = store.create(demo())
    trashed = store.delete(run.id)
    assert store.list() == []
    assert (trashed / "spec.json").is_file()
    assert store.root / ".trash" in trashed.parents
    assert store.restore(trashed) == run
    assert store.list() == [run]
    assert list((store.root / ".trash").iterdir()) == []


def test_restoring_does_not_overwrite_and_takes_only_from_the_trash(
    store: RunStore, tmp_path: Path
) -> None:
    run = store.create(demo())
    trashed = store.delete(run.id)
    run.folder.mkdir()
    with pytest.raises(RunError, match="exists"):
        store.restore(trashed)
    with pytest.raises(RunError, match="no deleted run"):
        store.restore(tmp_path / "elsewhere")


def test_a_live_run_is_not_deleted(store: RunStore) -> None:
    run = store.create(demo())
    with own(run) as owner:
        owner.update(state="running")
        with pytest.raises(RunError, match="is running and can't be deleted"):
            store.delete(run.id)
        owner.update(state="completed")
        with pytest.raises(RunError, match="can't be deleted"):
            store.delete(run.id)  # its owner has not let go yet
    store.delete(run.id)


def test_an_interrupted_run_is_deleted(store: RunStore) -> None:
    run = store.create(demo())
    with own(run):
        pass
    store.delete(run.id)
    assert store.list() == []


def test_a_root_that_can_not_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "runs").write_text("a file")
    store = RunStore(tmp_path / "runs")
    with pytest.raises(RunError, match="runs"):
        store.create(demo())
    with pytest.raises(RunError, match="runs"):
        store.list()


def test_a_spec_is_replaced_whole(store: RunStore) -> None:
    run = store.create(demo())
    changed = run.spec().with_overrides(["training.steps=7"])
    run.save_spec(changed)
    assert run.spec().training.steps == 7
    assert not list(run.folder.glob(".*"))


def test_events_keep_their_order_and_fields(store: RunStore) -> None:
    run = store.create(demo())
    run.log_event("warning", "cropped", rows=61)
    run.log_event("error", "stopped")
    first, second = run.events()
    assert (first["level"], first["message"], first["rows"]) == ("warning", "cropped", 61)
    assert second["message"] == "stopped"
    assert first["time"] <= second["time"]


def test_the_default_root_comes_from_the_environment(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("AURORA_DASH_RUNS", str(tmp_path / "elsewhere"))
    assert default_root() == tmp_path / "elsewhere"
    monkeypatch.delenv("AURORA_DASH_RUNS")
    monkeypatch.chdir(tmp_path)
    assert default_root() == tmp_path / "runs"


def test_a_run_is_its_folder_and_nothing_else(store: RunStore) -> None:
    run = store.create(demo())
    assert Run(run.folder) == store.get(run.id) == run
    assert {path.parent for path in (run.metrics_path, run.events_path)} == {run.folder}
