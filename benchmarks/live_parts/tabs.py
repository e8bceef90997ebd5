"""Tabs without a browser: they ask the server for refreshes as Streamlit's own page does.

So what the server does for many tabs can be told from what the browsers themselves cost.
"""

from __future__ import annotations

import asyncio
import base64
import itertools
import json
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any, Self
from urllib.parse import urlsplit

import numpy as np
from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from websockets.asyncio.client import ClientConnection, connect

_LOSS = b'"key":"loss-'
_OPENING_SECONDS = 120.0


@dataclass
class Tab:
    """One connection, and what came over it."""

    url: str
    run_id: str
    is_hasty: bool
    """Whether it refreshes as fast as the server answers, and not as often as the page asks it."""
    query: str = ""
    """What stands in the page's address beside the run."""
    first_bytes: int = 0
    """Of the first drawing."""
    first_seconds: float = 0.0
    refreshes: list[int] = field(default_factory=list)
    """Bytes that came for each."""
    charts: int = 0
    """How many each of them brought."""
    seen: list[tuple[float, float]] = field(default_factory=list)
    """Newest step of the loss chart, and when it came."""
    _page: str = ""
    _fragments: dict[str, float] = field(default_factory=dict)
    """Those that refresh by themselves, and after how many seconds each."""
    _bytes: int = 0
    _charts: int = 0

    async def live(self, opened: asyncio.Event) -> None:
        """Open the page and refresh it until cancelled."""
        address = f"ws://{urlsplit(self.url).netloc}/_stcore/stream"
        protocols: list[Any] = ["streamlit"]
        async with connect(address, subprotocols=protocols, max_size=None, compression=None) as ws:
            began = time.monotonic()
            await self._ask(ws)
            await self._answer(ws)
            self.first_bytes, self.first_seconds = self._bytes, time.monotonic() - began
            opened.set()
            due = time.monotonic()
            for number in itertools.count():
                self._bytes = self._charts = 0
                for fragment in self._due(number):
                    await self._ask(ws, fragment)
                    await self._answer(ws)
                self.refreshes.append(self._bytes)
                self.charts = self._charts
                if not self.is_hasty:
                    due = max(due + min(self._fragments.values()), time.monotonic())
                    await asyncio.sleep(due - time.monotonic())

    def _due(self, number: int) -> list[str]:
        """The fragments of a refresh: slower ones only as often as they ask for it."""
        fastest = min(self._fragments.values())
        return [
            fragment
            for fragment, seconds in self._fragments.items()
            if number % round(seconds / fastest) == 0
        ]

    async def _ask(self, ws: ClientConnection, fragment: str = "") -> None:
        message = BackMsg()
        state = message.rerun_script
        state.query_string, state.page_name = f"run={self.run_id}{self.query}", "monitor"
        state.page_script_hash = self._page
        if fragment:
            state.fragment_id, state.is_auto_rerun = fragment, True
        await ws.send(message.SerializeToString())

    async def _answer(self, ws: ClientConnection) -> None:
        """Take everything up to the word that the drawing is done."""
        while True:
            content = await ws.recv()
            assert isinstance(content, bytes)
            self._bytes += len(content)
            message = ForwardMsg.FromString(content)
            kind = message.WhichOneof("type")
            if kind == "new_session":
                self._page = message.new_session.page_script_hash
            elif kind == "auto_rerun":
                self._fragments[message.auto_rerun.fragment_id] = message.auto_rerun.interval
            elif kind == "delta":
                self._look(message)
            elif kind == "script_finished":
                # A page that starts again (`st.rerun`) is drawn by a second run.
                rerun = ForwardMsg.ScriptFinishedStatus.FINISHED_EARLY_FOR_RERUN
                if message.script_finished != rerun:
                    return

    def _look(self, message: ForwardMsg) -> None:
        sent = message.delta.new_element.bidi_component.bytes
        self._charts += bool(sent)
        if _LOSS not in sent[:4096] and _LOSS not in sent[-4096:]:
            return
        newest = _newest_step(json.loads(sent))
        if newest is not None:
            self.seen.append((newest, time.time()))


def _newest_step(told: dict[str, Any]) -> float | None:
    steps = told["arrays"][0].get("x") if told["arrays"] else None
    if not steps or not steps["bdata"]:
        return None
    return float(np.frombuffer(base64.b64decode(steps["bdata"]), steps["dtype"])[-1])


class Tabs:
    """Several tabs on a run, open for as long as the block lasts."""

    def __init__(
        self, url: str, run_id: str, count: int, *, is_hasty: bool = False, query: str = ""
    ) -> None:
        self.all = [Tab(url, run_id, is_hasty, query) for _ in range(count)]
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="tabs")
        self._ready = threading.Event()

    def __enter__(self) -> Self:
        self._work = self._thread.submit(asyncio.run, self._live())
        deadline = time.monotonic() + _OPENING_SECONDS
        while not self._ready.wait(0.1):
            self.check()
            if time.monotonic() > deadline:
                raise RuntimeError(f"the page did not open within {_OPENING_SECONDS:.0f} s")
        return self

    def __exit__(self, *error: object) -> None:
        self._loop.call_soon_threadsafe(self._ends.set)
        self._work.result()
        self._thread.shutdown()

    def check(self) -> None:
        """Raise what broke a tab off."""
        if self._work.done():
            self._work.result()

    @property
    def refreshes(self) -> int:
        """How many there were so far."""
        return sum(len(tab.refreshes) for tab in self.all)

    async def _live(self) -> None:
        self._loop, self._ends = asyncio.get_running_loop(), asyncio.Event()
        async with asyncio.TaskGroup() as group:
            lives = []
            for tab in self.all:
                opened = asyncio.Event()
                lives.append(group.create_task(tab.live(opened)))
                await opened.wait()
            self._ready.set()
            await self._ends.wait()
            for life in lives:
                life.cancel()
