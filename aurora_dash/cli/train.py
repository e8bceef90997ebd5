"""``aurora-dash train``: a new run, trained in this process or in one of its own."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from aurora_dash.cli.findings import finding_line
from aurora_dash.cli.launching import (
    add_launch_options,
    refuse_contradiction,
    refuse_unlaunchable,
    train_run,
)
from aurora_dash.cli.options import (
    Commands,
    add_runs_option,
    add_spec_options,
    add_user_code_option,
    changed,
    find_spec,
    origin_of,
    store_of,
)
from aurora_dash.cli.output import Answer
from aurora_dash.doctor.machine import machine_summary
from aurora_dash.doctor.readiness import device_findings, memory_findings, weights_findings
from aurora_dash.errors import DataError, SpecError
from aurora_dash.presets import PRESETS
from aurora_dash.runs.store import RunStore
from aurora_dash.spec import RunSpec

_MORE = """\
SPEC is a .json or .toml file, a preset's name (`aurora-dash presets`) or the id of a run, whose
spec is then trained anew in a run of its own; `aurora-dash runs resume` goes on with a run instead.
A run waits in line while another one has its device (`aurora-dash runs queue`). Ctrl-C stops after
the step at hand and saves a checkpoint. Exits 1 if the run failed, 130 if Ctrl-C stopped it.
"""


def register(commands: Commands) -> None:
    """Add the command."""
    parser = commands.add("train", train, help="start a new run and train it", more=_MORE)
    parser.add_argument("spec", metavar="SPEC", help="spec file, preset or run id")
    add_spec_options(parser)
    add_user_code_option(parser)
    add_launch_options(parser)
    add_runs_option(parser)


def train(options: argparse.Namespace) -> Answer:
    """Create a run and train it to its end, or leave it to processes of its own."""
    refuse_contradiction(options)
    store = store_of(options)
    spec = anchored(changed(find_spec(options.spec, store), options))
    refuse_unlaunchable(spec, options)
    refuse_demo_data(options.spec, spec, options.assignments)
    refuse_missing_parts(spec, store)
    refuse_unusable_data(spec)
    return train_run(store.create(spec, origin=origin_of(options.spec)), options)


def refuse_demo_data(name: str, spec: RunSpec, assignments: Sequence[str]) -> None:
    """`SpecError` for a preset of real data that was given none, unless the demo was asked for."""
    preset = PRESETS.get(name)
    asked = any(text.startswith("data.source=") for text in assignments)
    if preset is not None and preset.needs_files and spec.is_demo and not asked:
        raise SpecError(
            f"The preset {name!r} is for real data, and none was given.",
            remedy="Add --data PATH ..., or --set data.source=demo to try it on synthetic weather.",
        )


def anchored(spec: RunSpec) -> RunSpec:
    """The spec with absolute paths, so that the run can go on from another current folder."""
    data, model = spec.data, spec.model
    mix = tuple(part.replace(paths=_all_absolute(part.paths)) for part in data.mix)
    data = data.replace(paths=_all_absolute(data.paths), mix=mix)
    if model.path:
        model = model.replace(path=_absolute(model.path))
    files = {name: getattr(spec.loss, name) for name in ("mask_file", "code")}
    loss = spec.loss.replace(**{name: _absolute(path) for name, path in files.items() if path})
    return spec.replace(data=data, model=model, loss=loss)


def _all_absolute(paths: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(_absolute(path) for path in paths)


def _absolute(text: str) -> str:
    path = Path.cwd() / Path(text).expanduser()
    return str(path.resolve() if path.exists() else path)


def refuse_missing_parts(spec: RunSpec, store: RunStore) -> None:
    """`SpecError` if the weights, the device or the memory that a spec needs are not there."""
    here = machine_summary()
    missing = [
        *weights_findings(spec.model, store),
        *device_findings(spec.training.device, here),
        *memory_findings(spec, here),
    ]
    if missing:
        raise SpecError(" ".join(f.message for f in missing), remedy=missing[0].remedy)


def refuse_unusable_data(spec: RunSpec) -> None:
    """`DataError` if the data can't be trained on, before a run is made of it.

    Looks at the axes only; the engine reads the fields.
    """
    from aurora_dash.data.check import launchable
    from aurora_dash.data.mix import check_parts, close_parts, open_parts
    from aurora_dash.model.advice import trainable_findings

    parts = open_parts(spec)
    try:
        findings = (*check_parts(parts, read_fields=False), *trainable_findings(spec))
    finally:
        close_parts(parts)
    if not launchable(findings):
        errors = [finding for finding in findings if finding.severity == "error"]
        raise DataError(" ".join(finding.message for finding in errors), remedy=errors[0].remedy)
    for finding in findings:
        if finding.severity == "warning":
            sys.stderr.write(finding_line(finding) + "\n")
