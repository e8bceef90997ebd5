from __future__ import annotations

import json

import pytest

from aurora_dash.errors import RunError
from aurora_dash.runs.fix import change_spec, preview
from aurora_dash.runs.spec_history import HISTORY, changes_since_checkpoint, checkpoint_spec
from aurora_dash.runs.store import Run


@pytest.fixture
def trained(run: Run) -> Run:
    """A run with two checkpoints that tell the spec they were made with."""
    for step in (2, 4):
        _write_meta(run, step, json.dumps({"spec": run.spec().model_dump(mode="json")}))
    return run


def _write_meta(run: Run, step: int, text: str) -> None:
    folder = run.checkpoints_folder / f"step-{step:08d}"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "meta.json").write_text(text)


def _edit(run: Run, *assignments: str) -> None:
    run.save_spec(run.spec().with_overrides(assignments))


def test_an_edited_spec_is_noticed(trained: Run) -> None:
    assert changes_since_checkpoint(trained) == {}
    before = trained.spec().optimiser.lr
    _edit(trained, "optimiser.lr=0.5")
    assert changes_since_checkpoint(trained) == {"optimiser.lr": (before, 0.5)}


def test_what_was_agreed_to_is_not_asked_again_until_it_changes_again(trained: Run) -> None:
    _edit(trained, "optimiser.lr=0.5")
    assert list(change_spec(trained)) == ["optimiser.lr"]
    assert changes_since_checkpoint(trained) == {}
    _edit(trained, "training.steps=7")
    assert set(changes_since_checkpoint(trained)) == {"optimiser.lr", "training.steps"}


def test_the_old_spec_is_kept_and_the_change_is_an_event(trained: Run) -> None:
    before = trained.spec()
    change_spec(trained, ["optimiser.lr=0.5", "training.steps=7"])
    (kept,) = (trained.folder / HISTORY).iterdir()
    assert kept.read_text() == before.to_json()
    assert trained.spec().training.steps == 7
    event = trained.events()[-1]
    assert event["changed"]["optimiser.lr"] == [before.optimiser.lr, 0.5]
    assert "training.steps 200 -> 7" in event["message"]


def test_a_preview_changes_nothing(trained: Run) -> None:
    before = trained.spec()
    assert list(preview(trained, ["training.steps=7"])) == ["training.steps"]
    assert trained.spec() == before
    assert not (trained.folder / HISTORY).exists()


def test_name_and_notes_are_no_change_of_the_training(trained: Run) -> None:
    _edit(trained, "name=other", "notes=looked at it")
    assert changes_since_checkpoint(trained) == {}


@pytest.mark.parametrize("text", ["", "{}", '{"spec": null}', '{"spec": {"unknown": 1}}'])
def test_a_checkpoint_that_does_not_tell_its_spec_is_passed_over(trained: Run, text: str) -> None:
    _write_meta(trained, 6, text)
    assert checkpoint_spec(trained) == trained.spec()


def test_without_checkpoints_there_is_nothing_to_differ_from(run: Run) -> None:
    _edit(run, "optimiser.lr=0.5")
    assert changes_since_checkpoint(run) == {}


def test_edits_that_make_other_weights_are_refused_in_words(trained: Run) -> None:
    _edit(trained, "model.stabilise_level_agg=true")
    with pytest.raises(RunError, match=r"stabilise_level_agg .*-> true.* has other weights"):
        preview(trained)
