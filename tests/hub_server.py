"""A local HTTP server that answers at the hub's URLs: the hub path, tested for real."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler

from aurora_dash.variants import Variant
from tests.local_server import QuietHandler, serving


@dataclass
class Hub:
    """Serves files as ``/<repository>/resolve/<revision>/<name>``, as the hub does."""

    url: str = ""
    files: dict[str, bytes] = field(default_factory=dict)
    requests: list[tuple[str, str]] = field(default_factory=list)
    cut_after: int | None = None
    """Break the connection after so many bytes, once."""

    def add(self, variant: Variant, filename: str, content: bytes) -> None:
        self.files[f"/{variant.repository}/resolve/{variant.revision}/{filename}"] = content

    def handler(self) -> type[BaseHTTPRequestHandler]:
        hub = self

        class Handler(QuietHandler):
            def do_HEAD(self) -> None:
                self._answer(body=False)

            def do_GET(self) -> None:
                self._answer(body=True)

            def _answer(self, *, body: bool) -> None:
                content = hub.files.get(self.path)
                given = self.headers.get("Range")
                hub.requests.append((self.command, given or ""))
                if content is None:
                    self.send_response(404)
                    self.send_header("X-Error-Code", "EntryNotFound")
                    self.send_header("Content-Length", "0")
                    self.end_headers()
                    return
                start = int(given.removeprefix("bytes=").split("-")[0]) if given else 0
                self.send_response(206 if given else 200)
                self.send_header("X-Repo-Commit", self.path.split("/")[4])
                self.send_header("ETag", f'"{hashlib.sha256(content).hexdigest()}"')
                self.send_header("Content-Length", str(len(content) - start))
                if given:
                    last = len(content) - 1
                    self.send_header("Content-Range", f"bytes {start}-{last}/{len(content)}")
                self.end_headers()
                if not body:
                    return
                cut, hub.cut_after = hub.cut_after, None
                self.wfile.write(content[start:][:cut])

        return Handler


@contextmanager
def serve_hub() -> Iterator[Hub]:
    """A hub without files, on a free port of this machine."""
    hub = Hub()
    with serving(hub.handler()) as hub.url:
        yield hub
