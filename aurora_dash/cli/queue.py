"""``aurora-dash runs queue``: which runs have the devices of this machine, and which wait."""

from __future__ import annotations

import argparse
from typing import Any

from aurora_dash.cli.options import Commands, UsageError, add_runs_option, store_of
from aurora_dash.cli.output import Answer, table
from aurora_dash.runs.queue import Entry, device_queue, place_of

_MORE = """\
One run at a time trains on a device, whoever launched it; the list has those of all folders of
runs. With RUN and --place it waits elsewhere in the line, 1 being the next. `aurora-dash runs stop`
takes a run out.
"""


def register(group: Commands) -> None:
    """Add the command to ``runs``."""
    parser = group.add("queue", queue, help="runs that have or await a device", more=_MORE)
    parser.add_argument("run_id", nargs="?", metavar="RUN", help="a run that is to wait elsewhere")
    parser.add_argument("--place", type=int, metavar="N", help="its new place, 1 being the next")
    add_runs_option(parser)


def queue(options: argparse.Namespace) -> Answer:
    """List the queue, after a move if one is asked for."""
    if (options.run_id is None) is not (options.place is None):
        raise UsageError("A run's new place needs both, RUN and --place.")
    line = device_queue()
    if options.run_id is not None:
        line.move(store_of(options).get(options.run_id).folder, options.place)
    entries = line.entries()
    document = [_described(entry, entries) for entry in entries]
    rows = [
        (
            ", ".join(item["devices"]),
            str(item["place"] or "trains"),
            item["run_id"],
            item["since"],
            item["folder"],
        )
        for item in document
    ]
    text = table(("device", "place", "run", "since", "folder"), rows)
    return Answer(document=document, text=text if rows else "No run has or awaits a device.")


def _described(entry: Entry, entries: tuple[Entry, ...]) -> dict[str, Any]:
    return {
        "run_id": entry.run_id,
        "folder": str(entry.folder),
        "devices": list(entry.devices),
        "trains": entry.trains,
        "place": place_of(entry, entries),
        "since": f"{entry.since:%Y-%m-%dT%H:%M:%SZ}",
    }
