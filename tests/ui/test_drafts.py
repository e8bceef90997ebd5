"""Drafts: saved whole, read back equal, tolerant of what lies beside them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from aurora_dash.errors import RunError
from aurora_dash.presets import demo
from aurora_dash.ui.drafts import DraftStore


@pytest.fixture
def drafts(tmp_path: Path) -> DraftStore:
    return DraftStore(tmp_path / "runs")


def test_a_draft_is_read_as_it_was_saved(drafts: DraftStore) -> None:
    saved = drafts.save(
        replace(drafts.create(demo()), launched_as="a-run", passed=frozenset({"model", "data"}))
    )
    read = drafts.get(saved.id)
    assert (read.spec, read.launched_as, read.passed) == (
        demo(),
        "a-run",
        frozenset({"model", "data"}),
    )
    assert read.is_saved


def test_saving_leaves_nothing_beside_the_draft(drafts: DraftStore) -> None:
    draft = drafts.create(demo())
    drafts.save(replace(draft, spec=demo().replace(name="other")))
    assert [path.name for path in drafts.folder.iterdir()] == [f"{draft.id}.json"]
    assert drafts.get(draft.id).spec.name == "other"


def test_the_list_leaves_out_what_cannot_be_read(drafts: DraftStore) -> None:
    draft = drafts.create(demo())
    (drafts.folder / "20250101-000000-abcdef.json").write_text("{", encoding="utf-8")
    (drafts.folder / "notes.json").write_text('{"spec": {"nme": "typo"}}', encoding="utf-8")
    assert [found.id for found in drafts.list()] == [draft.id]


@pytest.mark.parametrize("draft_id", ["", "../secret", "a/b", "A", ".hidden", "x" * 65])
def test_an_id_that_leads_elsewhere_is_refused(drafts: DraftStore, draft_id: str) -> None:
    with pytest.raises(RunError, match="is not the id of a draft"):
        drafts.get(draft_id)


def test_a_missing_and_a_damaged_draft_are_told_apart(drafts: DraftStore) -> None:
    draft = drafts.create(demo())
    (drafts.folder / f"{draft.id}.json").write_text("[]", encoding="utf-8")
    with pytest.raises(RunError, match="can't be read"):
        drafts.get(draft.id)
    drafts.delete(draft.id)
    drafts.delete(draft.id)
    with pytest.raises(RunError, match="There is no draft"):
        drafts.get(draft.id)
