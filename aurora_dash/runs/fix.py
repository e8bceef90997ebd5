"""Going on with something changed: in the same run, or in a new one from an earlier checkpoint."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from aurora_dash.errors import RunError
from aurora_dash.runs.alerts import Alert, Noticed, Remedy, noticed
from aurora_dash.runs.control import Action
from aurora_dash.runs.files import cannot_write, write_atomic
from aurora_dash.runs.lines import LineReader
from aurora_dash.runs.lock import LockState, probe
from aurora_dash.runs.metrics import MetricsWriter
from aurora_dash.runs.provenance import Origin
from aurora_dash.runs.spec_history import (
    Changes,
    agree,
    changes_between,
    checkpoint_spec,
    in_words,
    other_weights,
)
from aurora_dash.runs.status import RunState
from aurora_dash.runs.store import Run, RunStore
from aurora_dash.runs.watched import WatchedFolder
from aurora_dash.spec import RunSpec
from aurora_dash.spec.differences import differences

_POLL_SECONDS = 0.1
_NAME_LENGTH = 70

# What may change without another set of parameters, so that optimiser states still fit.
_MODEL_FREE = (
    "activation_checkpointing",
    "checkpointed_layers",
    "chunks",
    "compile",
    "offload_activations",
    "weights_dtype",
)
_MODEL_FREE_PREFIX = "autocast"


def alerts_of(run: Run) -> tuple[Noticed, ...]:
    """The alerts of a run, oldest first."""
    return noticed(run.events())


def find_alert(run: Run, alert_id: str | None = None) -> Alert:
    """An alert by its id, by default the newest that still calls for something."""
    found = alerts_of(run)
    if alert_id is None:
        able = [n.alert for n in found if n.alert.remedies]
        still = [n.alert for n in found if n.is_open and n.alert.remedies]
        if able:
            return (still or able)[-1]
    for entry in found:
        if entry.alert.id == alert_id:
            return entry.alert
    known = ", ".join(entry.alert.id for entry in found) or "none"
    raise RunError(
        f"Run {run.id} has no alert {alert_id or 'with a remedy'}.",
        remedy=f"Its alerts: {known}. To change something else: `aurora-dash runs resume {run.id} "
        "--set KEY=VALUE`.",
    )


def fix(store: RunStore, run: Run, alert: Alert, remedy: Remedy, *, stop_seconds: float) -> Run:
    """Stop a run if need be and prepare the run that goes on with the remedy; not launched yet.

    Returns the same run (`start` is ``here``) or a new one. `RunError` if it does not stop within
    `stop_seconds`.
    """
    stop_and_wait(run, stop_seconds)
    if remedy.start == "here" and run.status().state is RunState.COMPLETED:
        raise RunError(
            f"Run {run.id} is completed: there is nothing left to do otherwise.",
            remedy="Take the change into the next run.",
        )
    if remedy.start == "here":
        changed = change_spec(run, remedy.assignments)
        following = run
    else:
        checkpoint = choose_checkpoint(run, remedy.start, alert.good_step)
        following, changed = branch(store, run, remedy.assignments, checkpoint)
    run.log_event(
        "info",
        f"{remedy.label.lower()}: {in_words(changed)}"
        + ("" if following == run else f"; goes on in run {following.id}"),
        applied=alert.id,
        remedy_key=remedy.key,
        went_on_in=following.id,
    )
    return following


def stop_and_wait(
    run: Run, seconds: float, *, sleep: Callable[[float], object] = time.sleep
) -> None:
    """Have a live run stopped, saved; `RunError` if that takes longer than `seconds`."""
    status = run.status()
    if status.is_live and status.owner is not None:
        run.request(Action.STOP)
    deadline = time.monotonic() + seconds
    while _is_held(run):
        if time.monotonic() > deadline:
            raise RunError(
                f"Run {run.id} did not stop within {seconds:.0f} s.",
                remedy="It stops after the step at hand; apply the remedy again then.",
            )
        sleep(_POLL_SECONDS)


def _is_held(run: Run) -> bool:
    """Whether an owner is at work, or has said its last word and not let go yet."""
    status = run.status()
    at_work = status.is_live and status.owner is not None
    return at_work or probe(run.folder) is LockState.HELD


def preview(run: Run, assignments: Sequence[str] = ()) -> Changes:
    """What would differ from the newest checkpoint's spec, or from the run's if there is none.

    `RunError` where the weights would be other ones.
    """
    before, after = _before_and_after(run, assignments)
    return changes_between(before, after)


def change_spec(run: Run, assignments: Sequence[str] = ()) -> Changes:
    """Change the spec of a run that rests, if it can go on from its checkpoints with it.

    What was changed in its ``spec.json`` by hand counts too. Returns old and new value by dotted
    field; `RunError` where the weights would be other ones.
    """
    return agree(run, *_before_and_after(run, assignments))


def _before_and_after(run: Run, assignments: Sequence[str]) -> tuple[RunSpec, RunSpec]:
    now = run.spec()
    before = checkpoint_spec(run) or now
    after = now.with_overrides(assignments)
    if not keeps_parameters(before, after):
        raise other_weights(run, changes_between(before, after))
    return before, after


def keeps_parameters(before: RunSpec, after: RunSpec) -> bool:
    """Whether checkpoints of one spec, optimiser states included, fit the other."""

    def shape(spec: RunSpec) -> dict[str, Any]:
        model = {
            name: value
            for name, value in spec.model.model_dump(mode="json").items()
            if name not in _MODEL_FREE and not name.startswith(_MODEL_FREE_PREFIX)
        }
        variables = [v.model_dump(mode="json", exclude={"lr"}) for v in spec.variables]
        # A rate of its own makes a group of its own in the optimiser.
        own_rates = [v.lr is not None for v in spec.variables]
        return {
            "model": model,
            "variables": variables,
            "own_rates": own_rates,
            "trainable": spec.trainable.model_dump(mode="json"),
            "optimiser": (spec.optimiser.kind, spec.optimiser.decay_biases_and_norms),
        }

    return shape(before) == shape(after)


def choose_checkpoint(run: Run, start: str, good_step: int) -> str | None:
    """Name of the checkpoint to go on from; None: from the beginning."""
    if start == "beginning":
        return None
    names = sorted(path.parent.name for path in run.checkpoints_folder.glob("step-*/meta.json"))
    if start == "best":
        pointer = run.checkpoints_folder / "best"
        best = pointer.read_text(encoding="utf-8").strip() if pointer.exists() else ""
        return best if best in names else None
    sound = [name for name in names if int(name.removeprefix("step-")) <= good_step]
    return sound[-1] if sound else None


def branch(
    store: RunStore, run: Run, assignments: Sequence[str], checkpoint: str | None
) -> tuple[Run, dict[str, tuple[Any, Any]]]:
    """A new run that goes on from a checkpoint of another, with a changed spec.

    Where the parameters stay the same it takes over the optimiser's state, the step counter and
    the metrics up to there; otherwise only the weights, and the rest of the steps is its length.
    """
    before = run.spec()
    after = before.with_overrides(assignments)
    changed = differences(before, after)
    after = after.replace(name=f"{before.name[:_NAME_LENGTH]} fixed")
    whole = checkpoint is not None and keeps_parameters(before, after)
    if checkpoint is not None and not whole:
        after = _from_weights(after, run, checkpoint)
    following = store.create(after, origin=Origin(kind="fixes", name=run.id))
    if checkpoint is not None and whole:
        _take_over(run, following, checkpoint)
    source = f"{run.id}, {checkpoint or 'from its beginning'}"
    following.log_event(
        "info",
        f"goes on from run {source}, with {in_words(changed)}",
        continues=run.id,
        checkpoint=checkpoint,
        changed=_plain(changed),
    )
    return following, changed


def _from_weights(spec: RunSpec, run: Run, checkpoint: str) -> RunSpec:
    model = spec.model.replace(source="run", run=run.id, checkpoint=checkpoint, path=None)
    steps = spec.training.steps
    if steps is None:
        return spec.replace(model=model)
    left = max(1, steps - int(checkpoint.removeprefix("step-")))
    return spec.replace(model=model, training=spec.training.replace(steps=left))


def _take_over(run: Run, following: Run, checkpoint: str) -> None:
    """Give a new run a checkpoint of another, and metrics and watched forecasts up to it."""
    source = run.checkpoints_folder / checkpoint
    target = following.checkpoints_folder / checkpoint
    try:
        target.mkdir(parents=True)
        for path in sorted(source.iterdir()):
            _link(path, target / path.name)
        watched = WatchedFolder(following.folder).path
        watched.mkdir()
        for path in WatchedFolder(run.folder).files(int(checkpoint.removeprefix("step-"))):
            _link(path, watched / path.name)
    except OSError as error:
        shutil.rmtree(target, ignore_errors=True)
        raise cannot_write(target, error) from error
    for pointer in ("best", "last"):
        write_atomic(following.checkpoints_folder / pointer, checkpoint + "\n", durable=True)
    step = int(checkpoint.removeprefix("step-"))
    with MetricsWriter(following.metrics_path) as writer:
        for records in LineReader(run.metrics_path).chunks():
            for record in records:
                if isinstance(record.get("step"), int) and record["step"] <= step:
                    writer.write_line(record)


def _link(source: Path, target: Path) -> None:
    """Another name for a file that is never changed; a copy where the disk knows no links."""
    try:
        os.link(source, target)
    except OSError:
        shutil.copy2(source, target)


def _plain(changed: dict[str, tuple[Any, Any]]) -> dict[str, list[Any]]:
    return {name: [before, after] for name, (before, after) in changed.items()}


def is_fixable(run: Run) -> bool:
    """Whether a run is at rest, or under way and able to hear a request."""
    status = run.status()
    if status.is_live:
        return status.state is not RunState.STOPPING and status.owner is not None
    return True
