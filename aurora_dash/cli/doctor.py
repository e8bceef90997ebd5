"""``aurora-dash doctor``: what this machine offers and what stands in the way."""

from __future__ import annotations

import argparse

from aurora_dash.cli.findings import findings_text
from aurora_dash.cli.options import Commands, add_runs_option, store_of
from aurora_dash.cli.output import Answer
from aurora_dash.doctor import MachineSummary, examine

_GIB = 2**30


def register(commands: Commands) -> None:
    """Add the command."""
    parser = commands.add(
        "doctor",
        doctor,
        help="check this machine: torch, CUDA, GPUs, memory, packages, the hub",
        more="Exits 1 if something keeps a run from working.",
    )
    parser.add_argument("--offline", action="store_true", help="do not ask the hub")
    add_runs_option(parser)


def doctor(options: argparse.Namespace) -> Answer:
    """Machine and findings."""
    diagnosis = examine(store_of(options).root, network=not options.offline)
    verdict = "Ready." if diagnosis.is_healthy else "Something keeps runs from working."
    text = "\n".join((_machine(diagnosis.machine), findings_text(diagnosis.findings), verdict))
    return Answer(
        document=diagnosis.to_dict(), text=text, exit_code=0 if diagnosis.is_healthy else 1
    )


def _machine(machine: MachineSummary) -> str:
    versions = ", ".join(f"{name} {version}" for name, version in machine.versions.items())
    memory = f"{machine.memory_available_bytes / _GIB:.1f} of {machine.memory_bytes / _GIB:.1f} GiB"
    return "\n".join(
        (
            f"{machine.host}: {machine.system}, Python {machine.python}",
            f"{machine.compute}; {machine.cpu}; {memory} memory free",
            versions,
        )
    )
