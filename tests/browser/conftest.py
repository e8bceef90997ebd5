"""A real server and a real browser, for the tests that go through the pages as a person does."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, ConsoleMessage, Page, Request, Response

from tests.browser.serving import Server


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    served = Server.in_folder(tmp_path_factory.mktemp("server"))
    served.start()
    yield served
    if served.process is not None:
        served.stop()


@pytest.fixture
def own_server(tmp_path: Path) -> Iterator[Server]:
    """A server that nobody has visited yet, for one test alone."""
    served = Server.in_folder(tmp_path)
    served.start()
    yield served
    if served.process is not None:
        served.stop()


@dataclass
class Watched:
    """What went wrong behind a page's back."""

    foreign_requests: list[str] = field(default_factory=list)
    console_errors: list[str] = field(default_factory=list)

    def watch(self, page: Page) -> None:
        page.on("request", self._on_request)
        page.on("console", self._on_console)
        page.on("response", self._on_response)

    def _on_request(self, request: Request) -> None:
        address = urlsplit(request.url)
        if address.scheme in {"http", "https", "ws", "wss"} and address.hostname != "127.0.0.1":
            self.foreign_requests.append(request.url)

    def _on_response(self, response: Response) -> None:
        # Streamlit asks below the page's own path first where the server's root is.
        probing = "/_stcore/" in response.url and response.status == 404
        if response.status >= 400 and not probing:
            self.console_errors.append(f"{response.status} {response.url}")

    def _on_console(self, message: ConsoleMessage) -> None:
        if message.type == "error" and not message.text.startswith("Failed to load resource"):
            self.console_errors.append(message.text)


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    """A page of a fresh browser profile; nothing may leave the machine or fail in the console."""
    context = browser.new_context(viewport={"width": 1440, "height": 1000})
    opened = context.new_page()
    opened.set_default_timeout(30_000)
    watched = Watched()
    watched.watch(opened)
    yield opened
    context.close()
    assert watched.foreign_requests == []
    assert watched.console_errors == []
