"""``aurora-dash runs``: list, show, stop, resume, fix, delete and compare runs."""

from __future__ import annotations

import argparse
import sys
from typing import Any

from aurora_dash.cli import collection, queue, script
from aurora_dash.cli.launching import add_launch_options, refuse_contradiction, train_run
from aurora_dash.cli.options import (
    Commands,
    Parser,
    add_runs_option,
    add_set_option,
    store_of,
)
from aurora_dash.cli.output import Answer, number, one_line, table
from aurora_dash.cli.steering import resume, stop
from aurora_dash.cli.summary import losses, progress_text, run_summary, usage, usage_text
from aurora_dash.errors import RunError
from aurora_dash.runs.alerts import Noticed
from aurora_dash.runs.fix import alerts_of, find_alert
from aurora_dash.runs.fix import fix as apply_remedy
from aurora_dash.runs.loading import OUTCOMES, LoadAccount
from aurora_dash.runs.overview import overview_of
from aurora_dash.runs.provenance import Launch
from aurora_dash.runs.store import Run
from aurora_dash.runs.watched import WatchedFolder

_EVENTS_SHOWN = 10


def register(commands: Commands) -> None:
    """Add the commands."""
    group = Commands(commands.group("runs", help="list, show, stop, resume, delete, compare runs"))
    collection.register(group)
    _add(group, "show", show, help="one run: state, spec, checkpoints, newest metrics and events")
    stop_parser = _add(group, "stop", stop, many=True, help="ask runs to stop, saved")
    stop_parser.add_argument(
        "--wait", type=float, default=0.0, metavar="SECONDS", help="wait for the end that long"
    )
    stop_parser.add_argument(
        "--force",
        action="store_true",
        help="then end the processes of those that go on; what they did since their last "
        "checkpoint is lost",
    )
    resume_parser = _add(
        group,
        "resume",
        resume,
        help="go on with a run",
        more="A paused run goes on where it is trained, and so does one whose process was halted\n"
        "(SIGSTOP); one that was stopped, interrupted or failed is trained on from its last\n"
        "checkpoint, where --launcher says. --set changes its spec before, as\n"
        "far as the checkpoint fits it: the learning rate, clipping, the length, not the model.\n"
        "What differs from the spec of the newest checkpoint, by --set or because spec.json was\n"
        "edited, is shown and needs a yes.",
    )
    add_set_option(resume_parser)
    resume_parser.add_argument(
        "--yes", action="store_true", help="agree to a changed spec without being asked"
    )
    add_launch_options(resume_parser)
    _add_fix(group)
    queue.register(group)
    script.register(group)


def _add(group: Commands, name: str, handler: Any, *, many: bool = False, **texts: str) -> Parser:
    parser = group.add(name, handler, **texts)
    if many:
        parser.add_argument("run_ids", nargs="+", metavar="RUN", help="ids of runs")
    else:
        parser.add_argument("run_id", metavar="RUN", help="id of a run")
    add_runs_option(parser)
    return parser


def _add_fix(group: Commands) -> None:
    parser = _add(
        group,
        "fix",
        fix,
        help="apply the remedy of an alert and train on",
        more="Without ALERT the newest open alert, without --remedy the best of its remedies.\n"
        "`runs show` lists both. A run under way is stopped first. Going back to an earlier\n"
        "checkpoint makes a new run, which takes over weights, optimiser state and metrics.",
    )
    parser.add_argument("alert", nargs="?", metavar="ALERT", help="such as loss_spike-120")
    parser.add_argument("--remedy", metavar="KEY", help="such as halve-rate")
    parser.add_argument(
        "--wait", type=float, default=600.0, metavar="SECONDS", help="for a live run to stop (600)"
    )
    add_launch_options(parser)


def fix(options: argparse.Namespace) -> Answer:
    """Stop the run if need be, go back if need be, and train on with a remedy."""
    refuse_contradiction(options)
    store = store_of(options)
    run = store.get(options.run_id)
    alert = find_alert(run, options.alert)
    remedy = alert.remedy(options.remedy)
    sys.stderr.write(f"{alert.id}: {remedy.key}: {remedy.explanation}\n")
    following = apply_remedy(store, run, alert, remedy, stop_seconds=options.wait)
    return train_run(following, options)


def show(options: argparse.Namespace) -> Answer:
    """Everything about one run."""
    run = store_of(options).get(options.run_id)
    status = run.status()
    summary = run_summary(run)
    document = {
        **summary,
        **losses(run),
        "owner": status.owner.model_dump() if status.owner else None,
        "launches": [launch.model_dump(mode="json") for launch in _launches(run)],
        "seconds_left": status.seconds_left,
        "spec": None if "problem" in summary else run.spec().model_dump(mode="json"),
        "load_report": _load_report(run),
        "checkpoints": sorted(path.name for path in run.checkpoints_folder.glob("step-*")),
        "watched": _watched(run),
        "metrics": {split: run.metrics().last(split) for split in run.metrics().splits},
        "usage": usage(run),
        "alerts": [_alert(entry) for entry in alerts_of(run)],
        "events": run.events()[-_EVENTS_SHOWN:],
    }
    return Answer(document=document, text=_show_text(run, document))


def _show_text(run: Run, document: dict[str, Any]) -> str:
    lines = [
        f"{run.id}  {', '.join(document['labels'])}".rstrip(),
        progress_text(run.status()),
        f"{document['reason']} {document['remedy']}".strip(),
        str(document.get("problem", "")),
        document["origin"] or "",
        *(_launch_line(launch) for launch in document["launches"]),
        f"created {document['created']}, started {document['started']}, ended {document['ended']}",
        f"validation loss {number(document['final_validation_loss'])}, "
        f"best {number(document['best_validation_loss'])}, "
        f"persistence {number(document['persistence_validation_loss'])}",
        f"checkpoints: {', '.join(document['checkpoints']) or 'none'}",
        usage_text(document["usage"]),
        _watched_line(document["watched"]),
        str(run.folder),
        *(f"{event.get('level')}: {event.get('message')}" for event in document["events"]),
    ]
    told = [one_line(line) for line in lines if line]
    told += [line for alert in document["alerts"] for line in _alert_lines(alert)]
    return "\n".join([*told, *_load_lines(document["load_report"])])


def _launches(run: Run) -> tuple[Launch, ...]:
    return overview_of(run).provenance.launches


def _launch_line(launch: dict[str, Any]) -> str:
    versions = ", ".join(f"{name} {number}" for name, number in launch["versions"].items())
    commit = f", commit {launch['commit'][:12]}" if launch["commit"] else ""
    return (
        f"launched {launch['time'][:19]}Z at step {launch['step']} by {launch['user']}@"
        f"{launch['host']} ({launch['launcher']}) with {versions}{commit}"
    )


def _alert(entry: Noticed) -> dict[str, Any]:
    return {
        "id": entry.alert.id,
        **entry.alert.model_dump(mode="json"),
        "open": entry.is_open,
        "recovered_step": entry.recovered_step,
        "applied": entry.applied,
        "went_on_in": entry.went_on_in,
    }


def _alert_lines(alert: dict[str, Any]) -> list[str]:
    state = "open" if alert["open"] else alert["applied"] or "over"
    keys = ", ".join(remedy["key"] for remedy in alert["remedies"]) or "none to apply"
    told = f"alert {alert['id']} ({state}): {alert['message']}"
    return [one_line(told), *([f"  remedies: {keys}"] if alert["open"] else [])]


def _watched(run: Run) -> dict[str, Any] | None:
    """The validation sample whose forecasts are kept for maps; damaged files are told instead."""
    folder = WatchedFolder(run.folder)
    try:
        target = folder.target()
    except RunError as error:
        return {"problem": str(error)}
    if target is None:
        return None
    return {
        "folder": str(folder.path),
        "sample": target.sample.sample,
        "part": target.sample.part,
        "valid_time": f"{target.sample.valid:%Y-%m-%dT%H:%M:%SZ}",
        "lead_hours": target.sample.lead_hours,
        "fields": [field.key for field in target.sample.fields],
        "steps": list(folder.steps()),
    }


def _watched_line(watched: dict[str, Any] | None) -> str:
    if watched is None or "problem" in watched:
        return f"watched sample: {watched['problem']}" if watched else ""
    steps = watched["steps"]
    kept = f"{len(steps)} forecasts from step {steps[0]} to {steps[-1]}" if steps else "no forecast"
    which = f"{watched['sample']} {watched['part']}".strip()
    return f"watched sample {which}, valid {watched['valid_time']}: {kept} of " + ", ".join(
        watched["fields"]
    )


def _load_report(run: Run) -> dict[str, Any] | None:
    """How the model got its weights; a damaged report is told in its place."""
    try:
        account = run.load_report()
    except RunError as error:
        return {"problem": str(error)}
    return account.model_dump(mode="json") if account else None


def _load_lines(report: dict[str, Any] | None) -> list[str]:
    if report is None or "problem" in report:
        return [f"weights: {report['problem']}"] if report else []
    account = LoadAccount.model_validate(report)
    rows = [(group, *map(str, counts)) for group, counts in account.rows()]
    told = f"weights: {account.source}: {account.summary()}"
    return [one_line(told), *table(("group", *OUTCOMES.values()), rows).splitlines()]
