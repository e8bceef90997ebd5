"""Carry out a plan: resumable at any moment, in this process or a later one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from aurora_dash.data.fetch.account import find_account
from aurora_dash.data.fetch.archive import Archive
from aurora_dash.data.fetch.datastore import DataStore
from aurora_dash.data.fetch.ledger import Ledger, Progress
from aurora_dash.data.fetch.pace import Pace, ShouldStop, StoppedError
from aurora_dash.data.fetch.plan import FetchPlan
from aurora_dash.data.fetch.queue import Queue
from aurora_dash.data.fetch.state import STOP_FILE, Step, cannot_write, sole_owner, write_atomic
from aurora_dash.data.roots import resolve_inside_roots
from aurora_dash.errors import AuroraDashError, DataError

ATTRIBUTION_FILE = "ATTRIBUTION.txt"

_UNEXPECTED = "What has arrived is kept; the log has the details."


@dataclass(frozen=True, kw_only=True)
class Fetched:
    """What a fetch brought."""

    folder: Path
    """May be named as `data.paths` as it is."""
    files: tuple[Path, ...]
    statics_elsewhere: tuple[str, ...]
    """Static variables of the model that are not among them; `data.static_file` has them."""

    @property
    def num_bytes(self) -> int:
        """Size of all files."""
        return sum(path.stat().st_size for path in self.files)


def output_folder(text: str, roots: Sequence[Path] | None = None) -> Path:
    """The folder that `text` means; `PathError` outside the `roots`, where some are given."""
    if roots is not None:
        return resolve_inside_roots(text, roots)
    return Path(text).expanduser().absolute()


def run(
    plan: FetchPlan,
    progress: Progress | None = None,
    should_stop: ShouldStop | None = None,
    *,
    pace: Pace | None = None,
    roots: Sequence[Path] | None = None,
) -> Fetched:
    """Fetch what a plan says into its folder, going on where an earlier run left off.

    `StoppedError` when `should_stop` says so or `request_stop` was called for the folder;
    `DataError` for what the store refuses, what fails there and what can't be written.
    ``fetch.json`` and the status beside the files are up to date at every moment.
    """
    folder = output_folder(plan.request.out, roots)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise cannot_write(folder, error) from error
    with sole_owner(folder):
        (folder / STOP_FILE).unlink(missing_ok=True)
        ledger = Ledger(plan, folder, progress)
        try:
            _work(plan, ledger, pace or Pace(), _stopping(folder, should_stop))
        except StoppedError as stop:
            ledger.end("stopped", stop.message, stop.remedy)
            raise
        except AuroraDashError as error:
            ledger.end("failed", error.message, error.remedy)
            raise
        except BaseException as error:
            ledger.end("failed", f"An unexpected {type(error).__name__}.", _UNEXPECTED)
            raise
        ledger.end("completed")
        return Fetched(
            folder=folder,
            files=tuple(ledger.files),
            statics_elsewhere=plan.request.statics_elsewhere,
        )


def request_stop(folder: Path) -> None:
    """Ask whoever fetches into a folder to stop, from any process."""
    write_atomic(folder / STOP_FILE, "")


def _stopping(folder: Path, should_stop: ShouldStop | None) -> ShouldStop:
    flag = folder / STOP_FILE
    return lambda: flag.exists() or (should_stop is not None and should_stop())


def _work(plan: FetchPlan, ledger: Ledger, pace: Pace, should_stop: ShouldStop) -> None:
    request = plan.request
    write_atomic(ledger.folder / ATTRIBUTION_FILE, attribution(plan))
    if request.origin.is_zarr:
        Archive(ledger, request, pace, should_stop).work()
    elif ledger.open:
        store = DataStore(find_account(request.source), pace, should_stop)
        Queue(ledger, store, pace, should_stop).work()
    failed = ledger.pieces(Step.FAILED)
    if failed:
        first = failed[0]
        raise DataError(
            f"{len(failed)} of {len(plan.pieces)} requests failed at the store, first {first.id}: "
            f"{ledger.of(first).reason}",
            remedy="Start the same fetch again: only what failed is asked for once more. If it "
            "fails again, the store may lack these times or variables.",
        )


def attribution(plan: FetchPlan) -> str:
    """What the source's licence wants to be said beside the data."""
    request = plan.request
    first, last = request.start.year, request.end.year
    years = f"[{first}]" if first == last else f"[{first}-{last}]"
    return request.origin.attribution.format(years=years)
