"""The specs that a run was trained with: what changed since its newest checkpoint, and whether
somebody agreed to that."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from aurora_dash.errors import RunError, SpecError
from aurora_dash.runs.files import cannot_write, utc_now, write_atomic
from aurora_dash.runs.store import Run
from aurora_dash.spec import RunSpec
from aurora_dash.spec.differences import differences

HISTORY = "spec-history"

Changes = dict[str, tuple[Any, Any]]
"""Old and new value by dotted field."""

# What says nothing about the training.
_WORDS = ("name", "notes")


def checkpoint_spec(run: Run) -> RunSpec | None:
    """The spec with which the newest checkpoint was made; None if there is none that tells it."""
    metas = run.checkpoints_folder.glob("step-*/meta.json")
    for path in sorted(metas, key=_step_of, reverse=True):
        try:
            return RunSpec.build(json.loads(path.read_bytes())["spec"])
        except (OSError, ValueError, KeyError, TypeError, SpecError):
            # Damaged, or of another version: as a resume does, look at the one before.
            continue
    return None


def _step_of(meta: Path) -> int:
    digits = meta.parent.name.removeprefix("step-")
    return int(digits) if digits.isdigit() else -1


def changes_between(before: RunSpec, after: RunSpec) -> Changes:
    """What differs and matters to the training."""
    found = differences(before, after)
    return {field: values for field, values in found.items() if field not in _WORDS}


def changes_since_checkpoint(run: Run) -> Changes:
    """What in ``spec.json`` differs from the newest checkpoint's spec, and nobody agreed to."""
    saved, now = checkpoint_spec(run), run.spec()
    changed = {} if saved is None else changes_between(saved, now)
    if changed and any(event.get("agreed_spec") == _digest(now) for event in run.events()):
        return {}
    return changed


def agree(run: Run, before: RunSpec, after: RunSpec) -> Changes:
    """Make `after` the spec of a run that rests, keep `before`, and note that it was meant."""
    changed = changes_between(before, after)
    if not changed:
        return changed
    folder = run.folder / HISTORY
    try:
        folder.mkdir(exist_ok=True)
    except OSError as error:
        raise cannot_write(folder, error) from error
    write_atomic(folder / f"{utc_now():%Y%m%d-%H%M%S-%f}.json", before.to_json(), durable=True)
    run.save_spec(after)
    run.log_event(
        "info",
        f"the spec was changed: {in_words(changed)}",
        changed={field: list(values) for field, values in changed.items()},
        agreed_spec=_digest(after),
    )
    return changed


def in_words(changed: Mapping[str, tuple[Any, Any]]) -> str:
    """One line for people: ``optimiser.lr 0.0003 -> 0.0001``."""
    told = (f"{name} {json.dumps(a)} -> {json.dumps(b)}" for name, (a, b) in changed.items())
    return ", ".join(told) or "nothing changed"


def other_weights(run: Run, changed: Changes) -> RunError:
    """The error for changes with which the checkpoints of a run don't fit its model."""
    return RunError(
        f"With {in_words(changed)} the model has other weights than the checkpoints of run "
        f"{run.id}.",
        remedy="Start a new run from them: `aurora-dash train RUN --set model.source=run "
        f"model.run={run.id} ...`.",
    )


def _digest(spec: RunSpec) -> str:
    return hashlib.sha256(spec.to_json().encode()).hexdigest()
