"""``aurora-dash runs script``: a run as a job for SLURM or Kubernetes."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from aurora_dash.cli.options import (
    Commands,
    Parser,
    add_runs_option,
    add_spec_options,
    changed,
    find_spec,
    store_of,
)
from aurora_dash.cli.output import Answer
from aurora_dash.errors import RunError
from aurora_dash.runs.cluster import WRITERS
from aurora_dash.runs.cluster.job import Job, Script, Site
from aurora_dash.runs.store import RunStore, new_id

_MORE = """\
Writes the script, submits nothing. The specification is in it; data, weights and Aurora Dash must
be on the cluster. Submitted again, it goes on with the same run. What is not given here and can't
be left out is written as FILL-IN-..., and told on stderr. distributed.processes is the number of
GPUs of a node: --set distributed.processes=4 training.accumulate=8.
"""


def register(group: Commands) -> None:
    """Add the command to ``runs``."""
    parser = group.add("script", script, help="write a run as a job for a cluster", more=_MORE)
    parser.add_argument("spec", metavar="RUN_OR_SPEC", help="run id, spec file or preset")
    parser.add_argument("--kind", choices=tuple(WRITERS), required=True, help="the scheduler")
    parser.add_argument("--nodes", type=int, metavar="N", help="machines (distributed.nodes)")
    parser.add_argument("--out", type=Path, metavar="FILE", help="write there, not to stdout")
    _add_site(parser)
    add_spec_options(parser)
    add_runs_option(parser)


def _add_site(parser: Parser) -> None:
    group = parser.add_argument_group("what only the cluster's people know")
    group.add_argument("--cluster-runs", dest="site_runs", help="folder of runs there, shared")
    group.add_argument("--memory", dest="site_memory", help="of a node: 64G; Kubernetes: 64Gi")
    group.add_argument("--cpus", dest="site_cpus", type=int, help="cores of a node")
    for name, text in (
        ("account", "SLURM: who pays"),
        ("partition", "SLURM: which queue"),
        ("time", "SLURM: limit, 24:00:00"),
        ("setup", "SLURM: command that makes python the one with Aurora Dash"),
        ("image", "Kubernetes: container image with Aurora Dash"),
        ("claim", "Kubernetes: volume claim with runs and data"),
        ("mount", "Kubernetes: where the claim is mounted (/data)"),
        ("namespace", "Kubernetes: namespace"),
    ):
        group.add_argument(f"--{name}", dest=f"site_{name}", help=text)


def script(options: argparse.Namespace) -> Answer:
    """Write the script and say what is missing in it."""
    store = store_of(options)
    spec = changed(find_spec(options.spec, store), options)
    if options.nodes is not None:
        spec = spec.with_overrides([f"distributed.nodes={options.nodes}"])
    job = Job(spec, _run_id(options.spec, store, spec.name), _site(options))
    written = WRITERS[options.kind](job)
    for note in written.notes:
        sys.stderr.write(note + "\n")
    if options.out is not None:
        _write(written, options.out)
    document = {
        "kind": options.kind,
        "file": None if options.out is None else str(options.out),
        "submit": written.submit,
        "notes": list(written.notes),
        "script": written.text,
    }
    return Answer(document=document, text=str(options.out or written.text.rstrip("\n")))


def _run_id(text: str, store: RunStore, name: str) -> str:
    """The id of the run that was named; of anything else, one for a new run."""
    return text if any(run.id == text for run in store.list()) else new_id(name)


def _site(options: argparse.Namespace) -> Site:
    prefix = "site_"
    given = {
        name.removeprefix(prefix): value
        for name, value in vars(options).items()
        if name.startswith(prefix) and value is not None
    }
    return Site(**given)


def _write(written: Script, path: Path) -> None:
    try:
        path.write_text(written.text, encoding="utf-8")
    except OSError as error:
        raise RunError(f"Can't write {path}: {error.strerror or error}.") from error
