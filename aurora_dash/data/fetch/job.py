"""Fetches in the background of the dashboard; all that a page shows of them lies on disk."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Sequence
from pathlib import Path

from aurora_dash.data.fetch.pace import Pace
from aurora_dash.data.fetch.plan import plan
from aurora_dash.data.fetch.request import FetchRequest
from aurora_dash.data.fetch.run import output_folder, run
from aurora_dash.data.fetch.state import is_locked, open_state, read_status
from aurora_dash.errors import AuroraDashError, DataError

_SIGN_SECONDS = 5.0

logger = logging.getLogger(__name__)


def start_fetch(
    request: FetchRequest, *, roots: Sequence[Path] | None = None, pace: Pace | None = None
) -> threading.Thread:
    """Begin or resume a fetch on a thread of its own.

    What can be refused at once is raised here: a folder outside the `roots`, one that holds another
    fetch, or one that somebody is fetching into.
    """
    folder = output_folder(request.out, roots)
    open_state(folder, request)
    if is_locked(folder):
        raise DataError(f"A fetch into {folder} is under way already.")
    thread = threading.Thread(
        target=_work, args=(request, roots, pace), name=f"fetch {folder.name}", daemon=True
    )
    thread.start()
    _wait_for_a_sign(folder, thread)
    return thread


def _wait_for_a_sign(folder: Path, thread: threading.Thread) -> None:
    """Until the status on disk is the thread's own, so that whoever looks next sees it."""
    deadline = time.monotonic() + _SIGN_SECONDS
    while thread.is_alive() and time.monotonic() < deadline:
        status = read_status(folder)
        if status is not None and status.state == "running":
            return
        time.sleep(0.02)


def _work(request: FetchRequest, roots: Sequence[Path] | None, pace: Pace | None) -> None:
    try:
        run(plan(request), pace=pace, roots=roots)
    except AuroraDashError as error:
        # The status on disk says the same to whoever looks.
        logger.info("The fetch into %s ended: %s", request.out, error.message)
    except Exception:
        logger.exception("The fetch into %s failed", request.out)
