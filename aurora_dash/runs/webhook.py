"""Tells a web address, if the environment names one, about alerts and about runs that ended.

The address is a secret (who knows it may post to the channel behind it): it is read from
``AURORA_DASH_WEBHOOK`` alone and never written anywhere.
"""

from __future__ import annotations

import atexit
import functools
import http.client
import json
import logging
import os
import queue
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from aurora_dash.errors import AuroraDashError
from aurora_dash.runs.files import utc_now

if TYPE_CHECKING:
    from aurora_dash.runs.alerts import Alert
    from aurora_dash.runs.status import RunStatus
    from aurora_dash.runs.store import Run

VARIABLE = "AURORA_DASH_WEBHOOK"
TIMEOUT_SECONDS = 5.0
PAUSES_SECONDS = (1.0, 4.0)
"""Waits before the second and the third attempt."""
_EXIT_SECONDS = 8.0
_MOST_WAITING = 100

_LOGGER = logging.getLogger(__name__)


def tell_alert(run: Run, alert: Alert) -> None:
    """Send an alert: `event` is ``alert``, `alert` as in the run's events."""
    text = f"{run.id}, step {alert.step}: {alert.message} {alert.advice}".strip()
    _send(run, {"event": "alert", "text": text, "alert": alert.fields()["alert"]})


def tell_end(run: Run, status: RunStatus) -> None:
    """Send how a run ended: `event` is ``end``, with its state, reason, remedy and losses."""
    text = f"{run.id}: {status.state.value} after step {status.step}. {status.reason}".strip()
    fields = ("state", "reason", "remedy", "step", "total_steps", "last_loss", "best_loss")
    values = status.model_dump(mode="json", include=set(fields))
    _send(run, {"event": "end", "text": text, **values})


def _send(run: Run, message: Mapping[str, Any]) -> None:
    if os.environ.get(VARIABLE):
        when = utc_now().isoformat(timespec="seconds")
        _messenger().put(run, {"run_id": run.id, "time": when, **message})


class _Messenger:
    """Posts messages one after the other on a thread of its own, so that no training waits."""

    def __init__(self) -> None:
        self._waiting: queue.Queue[tuple[Run, Mapping[str, Any]]] = queue.Queue(_MOST_WAITING)
        threading.Thread(target=self._work, name="webhook", daemon=True).start()

    def put(self, run: Run, message: Mapping[str, Any]) -> None:
        try:
            self._waiting.put_nowait((run, message))
        except queue.Full:
            _LOGGER.warning("the webhook does not keep up; a message about %s is lost", run.id)

    def _work(self) -> None:
        while True:
            run, message = self._waiting.get()
            try:
                if problem := _deliver(message):
                    run.log_event("warning", f"the webhook could not be told: {problem}")
            except AuroraDashError as error:
                _LOGGER.warning("%s", error)
            finally:
                self._waiting.task_done()

    def finish(self, timeout: float) -> bool:
        """Wait until all is delivered or given up; False if that takes longer than `timeout`."""
        deadline = time.monotonic() + timeout
        while self._waiting.unfinished_tasks and time.monotonic() < deadline:
            time.sleep(0.02)
        return not self._waiting.unfinished_tasks


@functools.cache
def _messenger() -> _Messenger:
    messenger = _Messenger()
    atexit.register(messenger.finish, _EXIT_SECONDS)
    return messenger


def finish(timeout: float = _EXIT_SECONDS) -> bool:
    """Wait for messages under way; False if some are not delivered within `timeout` seconds."""
    return _messenger().finish(timeout)


def _deliver(message: Mapping[str, Any]) -> str:
    """Post a message, trying again where that may help; why it failed, without the address."""
    for pause in (*PAUSES_SECONDS, None):
        problem, final = _post(message)
        if not problem or final or pause is None:
            break
        time.sleep(pause)
    return problem


def _post(message: Mapping[str, Any]) -> tuple[str, bool]:
    """Why an attempt failed, empty if it did not, and whether another would fail as well."""
    url = os.environ.get(VARIABLE, "")
    if not url.startswith(("http://", "https://")):
        return f"{VARIABLE} is not an http address", True
    body = json.dumps(message, allow_nan=False).encode()
    headers = {"Content-Type": "application/json", "User-Agent": "aurora-dash"}
    try:
        request = urllib.request.Request(url, data=body, headers=headers, method="POST")
        with urllib.request.urlopen(request, timeout=TIMEOUT_SECONDS):
            return "", True
    except urllib.error.HTTPError as error:
        return f"it answers {error.code}", 400 <= error.code < 500 and error.code != 429
    except (OSError, http.client.HTTPException, ValueError) as error:
        # Their texts may quote the address.
        reason = getattr(error, "reason", error)
        told = reason.strerror if isinstance(reason, OSError) and reason.strerror else ""
        return told or type(reason).__name__, False
