"""The draft that this browser edits: read from disk at every drawing, saved at every change."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from aurora_dash.errors import RunError, SpecError
from aurora_dash.presets import get_preset
from aurora_dash.runs.provenance import Origin
from aurora_dash.spec import RunSpec
from aurora_dash.ui import edits, state
from aurora_dash.ui.cache import draft_store
from aurora_dash.ui.drafts import Draft
from aurora_dash.ui.state import Selection

_UNSAVED = "unsaved"


def defaults() -> RunSpec:
    """What a new draft starts from: the demo, which needs no download and no files."""
    return get_preset("demo").replace(name="my-fine-tuning", notes="")


def current() -> Draft:
    """The selected draft; fresh defaults if none is selected or it is gone (which is said)."""
    draft_id = state.selected(Selection.DRAFT)
    if draft_id:
        try:
            return draft_store().get(draft_id)
        except RunError as error:
            state.select(Selection.DRAFT, None)
            state.flash(str(error), kind="warning")
    return Draft(id=_UNSAVED, spec=defaults())


def open_new(spec: RunSpec, origin: Origin | None = None) -> Draft:
    """Save `spec` as a new draft and select it."""
    draft = draft_store().create(spec, origin)
    state.select(Selection.DRAFT, draft.id)
    return draft


def store(spec: RunSpec) -> Draft:
    """Save `spec` as what the current draft now says."""
    draft = current()
    if not draft.is_saved:
        return open_new(spec)
    if draft.spec == spec:
        return draft
    return draft_store().save(replace(draft, spec=spec, launched_as=None))


def assign(field: str, value: Any) -> None:
    """Change one field of the draft; what is refused is kept as the field's error."""
    errors = state.field_errors()
    try:
        store(edits.assign(current().spec, field, value))
    except SpecError as error:
        errors[field] = error.message
    else:
        errors.pop(field, None)


def put(spec: RunSpec) -> None:
    """Change many fields at once: the form shows the new draft."""
    store(spec)
    state.forget_fields()


def mark_launched(run_id: str) -> None:
    """Remember which run the draft became, so that it is not listed as unfinished."""
    draft = saved()
    draft_store().save(replace(draft, launched_as=run_id))


def mark_passed(step: str) -> None:
    """Remember that a step of the path was gone through."""
    draft = saved()
    if step not in draft.passed:
        draft_store().save(replace(draft, passed=draft.passed | {step}))


def saved() -> Draft:
    """The current draft, saved if it was not."""
    draft = current()
    return draft if draft.is_saved else open_new(draft.spec)
