"""A Copernicus data store, spoken to through ECMWF's client, with failures told apart.

The client's own endless retries are switched off: they can't be stopped, and would submit a
request a second time when only the answer to the first one was lost.
"""

from __future__ import annotations

import logging
import warnings
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any, TypeVar

from aurora_dash.data.fetch.account import Account
from aurora_dash.data.fetch.pace import Pace, ShouldStop, wait
from aurora_dash.data.fetch.refusals import RETRIABLE, reason_of, refusal
from aurora_dash.errors import DataError

if TYPE_CHECKING:
    from ecmwf.datastores import Client, Remote
    from requests import Response

T = TypeVar("T")

logger = logging.getLogger(__name__)

_RECENT_JOBS = 50
_GONE = (404, 410)


@dataclass(frozen=True, kw_only=True)
class Asset:
    """The result of a request."""

    url: str
    num_bytes: int
    checksum: str = ""
    """As the store gives it; empty if it gives none."""


@dataclass(frozen=True, kw_only=True)
class JobStatus:
    """How far a request is at the store: ``accepted``, ``running``, ``successful``, ``failed``."""

    state: str
    reason: str = ""


class DataStore:
    """Submits requests and looks after them."""

    def __init__(self, account: Account, pace: Pace, should_stop: ShouldStop) -> None:
        self.account = account
        self._pace = pace
        self._should_stop = should_stop
        self._connected: Client | None = None
        self._remotes: dict[str, Remote] = {}

    def submit(
        self,
        collection: str,
        inputs: Mapping[str, Any],
        *,
        known: Collection[str],
        doubtful: bool = False,
    ) -> str:
        """Submit a request and return the store's id of it.

        With `doubtful`, and whenever an answer is lost on the way, the store is asked first
        whether it has the request already; ids in `known` belong to others.
        """
        import requests

        doubt = doubtful

        def attempt() -> str:
            nonlocal doubt
            if doubt and (found := self._find(collection, inputs, known)):
                return found
            try:
                process = self._client().get_process(collection)
                doubt = True
                remote = process.submit(dict(inputs))
            except requests.HTTPError as error:
                # Below 500 the store has read the request and said no.
                doubt = error.response is not None and error.response.status_code >= 500
                raise
            self._remotes[remote.request_id] = remote
            return remote.request_id

        return self._call(attempt, f"a request for {collection}")

    def status(self, job: str) -> JobStatus | None:
        """How far a request is; None if the store no longer knows it."""
        found = self._known(lambda: self._remote(job).json, job)
        if found is None:
            return None
        state = str(found["status"])
        if state in ("accepted", "running", "successful"):
            return JobStatus(state=state)
        return JobStatus(state="failed", reason=self._why_failed(job) or f"its state is {state}")

    def asset(self, job: str) -> Asset | None:
        """The result of a successful request; None if the store no longer has it."""
        results = self._known(lambda: self._remote(job).get_results(), job)
        if results is None:
            return None
        try:
            asset = results.asset
            return Asset(
                url=results.location,
                num_bytes=int(asset["file:size"]),
                checksum=str(asset.get("file:checksum", "")),
            )
        except (KeyError, TypeError, ValueError) as error:
            raise self._not_understood(error) from error

    def forget(self, job: str) -> None:
        """Drop what is remembered about a request."""
        self._remotes.pop(job, None)

    def _client(self) -> Client:
        if self._connected is None:
            from ecmwf.datastores import Client

            with warnings.catch_warnings():
                # It asks for the store's news and warns if there are none; every later call tells.
                warnings.simplefilter("ignore")
                self._connected = Client(
                    url=self.account.url,
                    key=self.account.key,
                    timeout=self._pace.timeout,
                    progress=False,
                    retry_after=0,
                    maximum_tries=1,
                    log_callback=self._log,
                )
        return self._connected

    def _log(self, level: int, message: object, *_: object) -> None:
        """The client logs whole answers, in which a store may quote the key."""
        logger.log(level, "%s", self.account.without_key(str(message)))

    def _remote(self, job: str) -> Remote:
        if job not in self._remotes:
            self._remotes[job] = self._client().get_remote(job)
        return self._remotes[job]

    def _find(
        self, collection: str, inputs: Mapping[str, Any], known: Collection[str]
    ) -> str | None:
        """A request at the store that is this one and nobody's yet."""
        jobs = self._client().get_jobs(limit=_RECENT_JOBS, sortby="-created")
        for job in jobs.request_ids:
            if job in known:
                continue
            found = self._remote(job).json
            same = found.get("processID") == collection
            asked = found.get("metadata", {}).get("request", {}).get("ids", {})
            if same and _plain(asked) == _plain(inputs) and found["status"] in _USEFUL:
                return job
            self.forget(job)
        return None

    def _known(self, action: Callable[[], T], job: str) -> T | None:
        import requests

        def attempt() -> T | None:
            try:
                return action()
            except requests.HTTPError as error:
                if error.response is not None and error.response.status_code in _GONE:
                    return None
                raise

        return self._call(attempt, f"request {job}")

    def _why_failed(self, job: str) -> str:
        """A failed request's results are an error document."""
        import requests
        from ecmwf.datastores.processing import ProcessingFailedError

        def attempt() -> str:
            try:
                self._remote(job).get_results()
            except ProcessingFailedError as error:
                title, _, rest = str(error).partition("\n")
                return reason_of({"title": title, "traceback": rest}, self.account)
            except requests.HTTPError as error:
                if error.response is None or error.response.status_code in RETRIABLE:
                    raise
                try:
                    return reason_of(error.response.json(), self.account)
                except ValueError:
                    return ""
            return ""

        return self._call(attempt, f"request {job}")

    def _call(self, action: Callable[[], T], what: str) -> T:
        """The result of `action`, tried again while the store is busy or out of reach."""
        import requests

        problem = ""
        for failures in range(1, self._pace.tries + 1):
            pause = self._pace.pause_after(failures)
            try:
                return action()
            except requests.HTTPError as error:
                response = error.response
                if response is None or response.status_code not in RETRIABLE:
                    # Not chained: what the library says may quote the request.
                    raise self._refused(response, what) from None
                pause = max(pause if response.status_code != 429 else 0.0, _retry_after(response))
                pause = pause or self._pace.retry
                problem = f"HTTP {response.status_code}"
            except (requests.RequestException, ConnectionError) as error:
                problem = type(error).__name__
            except (AssertionError, KeyError, TypeError, AttributeError) as error:
                raise self._not_understood(error) from None
            wait(pause, self._should_stop)
        raise DataError(
            f"{self.account.host} could not be reached {self._pace.tries} times in a row for "
            f"{what} (last: {problem}).",
            remedy="Check the connection and the address of the store, then start the same fetch "
            "again: it goes on where it stopped.",
        )

    def _refused(self, response: Response | None, what: str) -> DataError:
        if response is None:
            return self._not_understood(None)
        return refusal(response, self.account, what)

    def _not_understood(self, error: Exception | None) -> DataError:
        what = f" ({type(error).__name__})" if error is not None else ""
        return DataError(
            f"{self.account.host} answers in a way that is not understood{what}.",
            remedy=f"Check that {self.account.url} is the address of a data store's API.",
        )


_USEFUL = ("accepted", "running", "successful")


def _plain(inputs: Mapping[str, Any]) -> dict[str, list[str]]:
    """A request in one form: stores give back single values as lists, numbers as text."""
    return {
        name: sorted(_number(v) for v in (value if isinstance(value, list | tuple) else [value]))
        for name, value in inputs.items()
    }


def _number(value: object) -> str:
    return f"{value:g}" if isinstance(value, int | float) else str(value)


def _retry_after(response: Response) -> float:
    """Seconds that the store asks to wait; 0 if it does not say."""
    text = response.headers.get("Retry-After", "")
    try:
        return max(0.0, float(text))
    except ValueError:
        pass
    try:
        moment, now = parsedate_to_datetime(text), response.headers.get("Date", "")
        return max(0.0, (moment - parsedate_to_datetime(now)).total_seconds())
    except (ValueError, TypeError):
        return 0.0
