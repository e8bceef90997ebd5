"""``aurora-dash data prepare`` and ``data verify``: training stores."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from aurora_dash.cli.options import (
    Commands,
    add_runs_option,
    add_set_option,
    find_spec,
    store_of,
)
from aurora_dash.cli.output import Answer
from aurora_dash.cli.progress import ProgressLine

if TYPE_CHECKING:
    from aurora_dash.data.store.prepare import Prepared
    from aurora_dash.data.store.writing import Progress

_MEBIBYTE = 2**20


def register(commands: Commands) -> None:
    """Add the commands to the group ``data``."""
    parser = commands.add(
        "prepare",
        prepare,
        help="write a training store that is read at the speed of the disk",
        more="Holds what a run of the spec needs, a chunk a time step, with checksums and\n"
        "statistics. Called again, it writes only what was added or changed; after a kill it\n"
        "goes on where it stopped. Name the store as the data of a run (data.paths).",
    )
    parser.add_argument(
        "paths", nargs="*", metavar="PATH", help="files, folders or globs; none: the spec's data"
    )
    parser.add_argument(
        "--out", type=Path, required=True, metavar="STORE", help="folder of the store"
    )
    parser.add_argument(
        "--codec",
        choices=["lz4", "none"],
        help="compressed without loss (lz4, what a new store gets) or not (none): twice the disk "
        "space for less work of the processor; a store that is there keeps its own",
    )
    parser.add_argument(
        "--replace",
        action="store_true",
        help="begin anew if the store holds other variables, levels, another grid or codec",
    )
    parser.add_argument(
        "--spec", default="demo", help="spec file, preset or run that is to use the data"
    )
    add_set_option(parser)
    add_runs_option(parser)
    verifier = commands.add(
        "verify", verify, help="read a training store whole and check its checksums"
    )
    verifier.add_argument("store", type=Path, metavar="STORE", help="folder of the store")


def prepare(options: argparse.Namespace) -> Answer:
    """Write or update a store."""
    from aurora_dash.data.store.job import prepare_store

    spec = find_spec(options.spec, store_of(options))
    if options.paths:
        data = spec.data.replace(source="files", paths=tuple(options.paths))
        spec = spec.replace(data=data)
    spec = spec.with_overrides(options.assignments)
    line = ProgressLine()
    folder = options.out.expanduser().absolute()
    prepared = prepare_store(
        spec,
        folder,
        codec=options.codec,
        replace=options.replace,
        progress=lambda now: line.show(_progress(now)),
    )
    line.end()
    return Answer(
        document=prepared.to_dict(), text=_text(prepared), exit_code=0 if prepared.whole else 1
    )


def verify(options: argparse.Namespace) -> Answer:
    """Check all checksums of a store."""
    from aurora_dash.data.store.store import open_store

    store = open_store(options.store.expanduser().absolute())
    num_bytes = store.verify()
    text = f"{store.folder} is whole: {store.times.size} times, {num_bytes / _MEBIBYTE:.0f} MiB."
    document = {"folder": store.folder, "num_times": store.times.size, "num_bytes": num_bytes}
    return Answer(document=document, text=text)


def _progress(now: Progress) -> str:
    left = "" if now.seconds_left is None else f", {now.seconds_left:.0f} s left"
    pace = now.bytes_done / _MEBIBYTE / max(now.seconds, 1e-9)
    return f"{now.done} / {now.total} times, {pace:.0f} MiB/s{left}"


def _text(prepared: Prepared) -> str:
    if not prepared.whole:
        done = f"Stopped after {prepared.num_written} times; the same command goes on there."
    elif prepared.num_written + prepared.num_removed == 0:
        done = f"Nothing to do: all {prepared.num_kept} times are there, from the same files."
    else:
        removed = f", {prepared.num_removed} removed" if prepared.num_removed else ""
        done = f"{prepared.num_written} times written, {prepared.num_kept} kept{removed}."
    return f"{prepared.folder}\n{done}"
