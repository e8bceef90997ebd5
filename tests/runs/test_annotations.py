"""What people say of a run after it was launched."""

from __future__ import annotations

import pytest

from aurora_dash.errors import RunError
from aurora_dash.runs.annotations import ANNOTATIONS_FILE, Annotations, annotate, read_annotations
from aurora_dash.runs.store import Run


def test_a_run_of_which_nothing_was_said_has_no_tags_and_no_notes(run: Run) -> None:
    assert read_annotations(run.folder) == Annotations(tags=(), notes="")


def test_tags_and_notes_are_kept_and_changed_one_by_one(run: Run) -> None:
    annotate(run.folder, tags=["best", "sweep", "best"])
    annotate(run.folder, notes="higher rates diverge")
    assert read_annotations(run.folder) == Annotations(
        tags=("best", "sweep"), notes="higher rates diverge"
    )


@pytest.mark.parametrize("tag", ["", " best", "a\nb", "x" * 41])
def test_what_can_be_no_tag_is_refused_and_nothing_changes(run: Run, tag: str) -> None:
    annotate(run.folder, tags=["kept"])
    with pytest.raises(RunError, match="is not a tag"):
        annotate(run.folder, tags=["kept", tag])
    assert read_annotations(run.folder).tags == ("kept",)


def test_a_damaged_file_is_named(run: Run) -> None:
    (run.folder / ANNOTATIONS_FILE).write_text("{")
    with pytest.raises(RunError, match=ANNOTATIONS_FILE):
        read_annotations(run.folder)
