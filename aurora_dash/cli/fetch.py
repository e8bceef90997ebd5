"""``aurora-dash data fetch``: bring ERA5, CAMS, ARCO-ERA5 or WeatherBench 2 into a folder."""

from __future__ import annotations

import argparse
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import TYPE_CHECKING, Any

from aurora_dash.cli.options import Commands
from aurora_dash.cli.output import Answer
from aurora_dash.cli.progress import ProgressLine
from aurora_dash.errors import SpecError

if TYPE_CHECKING:
    from aurora_dash.data.fetch.plan import FetchPlan
    from aurora_dash.data.fetch.run import Fetched
    from aurora_dash.data.fetch.state import FetchStatus

SOURCES = ("era5", "cams", "arco", "weatherbench2")

_STOPPED = 130
_MORE = """\
What is fetched is what the variant needs; the folder can be given to data.paths as it is.
An interrupted fetch goes on when the same command is run again: requests that wait in a
store's queue are not submitted twice. --dry-run shows requests and sizes, and asks nobody.

era5 and cams need the key of a free account in ~/.cdsapirc (or CDSAPI_URL and CDSAPI_KEY, or
ECMWF_DATASTORES_URL and ECMWF_DATASTORES_KEY) and the data set's licence accepted there.
arco and weatherbench2 need neither; AURORA_DASH_ARCO_URL and AURORA_DASH_WEATHERBENCH2_URL
name mirrors of them.

With --json: an estimate (num_requests, num_times, estimated_bytes, pieces) and, once fetched,
folder, files, num_bytes and statics_elsewhere (static variables that data.static_file has)."""


def register(group: Commands) -> None:
    """Add the command to the group ``data``."""
    parser = group.add(
        "fetch", fetch, help="fetch ERA5, CAMS, ARCO-ERA5 or WeatherBench 2", more=_MORE
    )
    parser.add_argument("source", metavar="SOURCE", choices=SOURCES, help=", ".join(SOURCES))
    parser.add_argument(
        "--variant", default="small", help="model whose variables and levels are fetched"
    )
    parser.add_argument("--start", required=True, metavar="DATE", help="first day, 2020-01-01")
    parser.add_argument("--end", required=True, metavar="DATE", help="last day, inclusive")
    parser.add_argument("--out", required=True, metavar="FOLDER", help="folder for the files")
    parser.add_argument(
        "--region", metavar="N/W/S/E", help="box in degrees; --region=-10/110/-45/155 if negative"
    )
    parser.add_argument(
        "--hours", nargs="+", type=int, metavar="H", help="times of day (default: 0 6 12 18)"
    )
    parser.add_argument(
        "--levels", nargs="+", type=int, metavar="HPA", help="levels (default: the variant's)"
    )
    parser.add_argument(
        "--variables", nargs="+", default=[], metavar="NAME", help="variables beside the variant's"
    )
    parser.add_argument(
        "--dataset",
        default="era5",
        help="of weatherbench2: era5, hres_t0 or era5_64x32 (default: era5)",
    )
    parser.add_argument("--no-statics", action="store_true", help="no static variables")
    parser.add_argument("--dry-run", action="store_true", help="show the estimate and stop")


def fetch(options: argparse.Namespace) -> Answer:
    """Estimate, fetch, and say what came."""
    from aurora_dash.data.fetch.pace import StoppedError
    from aurora_dash.data.fetch.plan import plan
    from aurora_dash.data.fetch.request import FetchRequest
    from aurora_dash.data.fetch.run import run

    asked = plan(FetchRequest.build(_values(options)))
    if options.dry_run:
        return Answer(document=asked.to_dict(), text=_estimate_text(asked))
    line = ProgressLine()
    line.show(_headline(asked), at_once=True)
    line.end()
    try:
        with _stopping_cleanly() as should_stop:
            fetched = run(asked, lambda status: _show(line, status), should_stop)
    except StoppedError as stop:
        return Answer(
            document={"state": "stopped", "error": stop.message, "remedy": stop.remedy},
            text=f"{stop.message} {stop.remedy}",
            exit_code=_STOPPED,
        )
    finally:
        line.end()
    return Answer(document=_document(asked, fetched), text=_fetched_text(fetched))


def _show(line: ProgressLine, status: FetchStatus) -> None:
    line.show(_status_text(status), at_once=status.state != "running")


def _values(options: argparse.Namespace) -> dict[str, Any]:
    return {
        "source": options.source,
        "dataset": options.dataset,
        "variant": options.variant,
        "start": options.start,
        "end": options.end,
        "hours": options.hours,
        "levels": options.levels,
        "region": _region(options.region),
        "variables": tuple(options.variables),
        "statics": not options.no_statics,
        "out": options.out,
    }


def _region(text: str | None) -> dict[str, float] | None:
    if text is None:
        return None
    try:
        north, west, south, east = (float(part) for part in text.split("/"))
    except ValueError:
        raise SpecError(
            f"--region {text!r} is not four numbers N/W/S/E.", remedy="Such as 70/5/55/20."
        ) from None
    return {"north": north, "west": west, "south": south, "east": east}


@contextmanager
def _stopping_cleanly() -> Iterator[Callable[[], bool]]:
    """Ctrl-C and SIGTERM ask to stop instead of breaking off; off the main thread they can't."""
    stop = threading.Event()

    def ask(number: int, frame: FrameType | None) -> None:
        stop.set()

    if threading.current_thread() is not threading.main_thread():
        yield stop.is_set
        return
    before = {number: signal.signal(number, ask) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield stop.is_set
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _headline(asked: FetchPlan) -> str:
    size, transfer = asked.num_bytes, asked.transfer_bytes
    network = f", {_gib(transfer)} over the network" if transfer > 1.5 * size else ""
    return (
        f"{asked.request.origin.title}: {asked.num_times:,} times in {len(asked.pieces):,} "
        f"requests, about {_gib(size)}{network}"
    )


def _estimate_text(asked: FetchPlan) -> str:
    rows = [f"  {p.id}  {p.num_items:,} fields, {_gib(p.num_bytes)}" for p in asked.pieces]
    elsewhere = asked.request.statics_elsewhere
    note = [_elsewhere_text(elsewhere)] if elsewhere else []
    return "\n".join([_headline(asked), *rows, *note])


def _status_text(status: FetchStatus) -> str:
    left = status.seconds_left
    time_left = "" if left is None else f", about {_duration(left)} left"
    queue = f", {status.queued} queued, {status.running} running" if status.queued else ""
    return (
        f"{status.pieces_done}/{status.pieces_total} done{queue}, "
        f"{_gib(status.bytes_done)} of about {_gib(status.bytes_expected)}{time_left}"
        f"{' - ' + status.doing if status.doing else ''}"
    )


def _document(asked: FetchPlan, fetched: Fetched) -> dict[str, Any]:
    return {
        **asked.to_dict(),
        "state": "completed",
        "folder": fetched.folder,
        "files": list(fetched.files),
        "num_bytes": fetched.num_bytes,
        "statics_elsewhere": list(fetched.statics_elsewhere),
    }


def _fetched_text(fetched: Fetched) -> str:
    lines = [
        f"{len(fetched.files):,} files, {_gib(fetched.num_bytes)}, in {fetched.folder}",
        "Attribution and licence: ATTRIBUTION.txt there, to be kept with any copy.",
        f"Check them: aurora-dash data check {fetched.folder}",
    ]
    if fetched.statics_elsewhere:
        lines.append(_elsewhere_text(fetched.statics_elsewhere))
    return "\n".join(lines)


def _elsewhere_text(names: tuple[str, ...]) -> str:
    some = ", ".join(names[:4]) + (" and more" if len(names) > 4 else "")
    return f"Static variables not among them ({some}): set data.static_file=hub for a run."


def _gib(num_bytes: float) -> str:
    for unit, size in (("TiB", 2**40), ("GiB", 2**30), ("MiB", 2**20)):
        if num_bytes >= size:
            return f"{num_bytes / size:.1f} {unit}"
    return f"{num_bytes / 1024:.0f} KiB"


def _duration(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours} h {minutes:02d} min"
    return f"{minutes} min {rest:02d} s" if minutes else f"{rest} s"
