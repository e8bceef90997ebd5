"""A local web server for a folder: ranges, entity tags, listings, and what may go wrong."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from pathlib import Path

from tests.local_server import QuietHandler, serving


@dataclass
class Web:
    """Serves the files of `folder`; answers are remembered in `requests`."""

    folder: Path
    url: str = ""
    requests: list[tuple[str, str, str]] = field(default_factory=list)
    """Method, path and range of every request."""
    forbidden: set[str] = field(default_factory=set)
    redirects: dict[str, str] = field(default_factory=dict)
    lists_folders: bool = True
    cut_after: int | None = None
    """Promise the whole file, but break off after so many bytes."""
    cuts: int | None = None
    """Break off only so many answers to GET; None for all."""
    after_cut: Callable[[], object] | None = None
    """Called once an answer was broken off."""
    silent_after: int | None = None
    """After so many answers to GET promise more of them, but send nothing."""
    sends_parts: bool = True

    def handler(self) -> type[BaseHTTPRequestHandler]:
        web = self

        class Handler(QuietHandler):
            def do_HEAD(self) -> None:
                self._answer(body=False)

            def do_GET(self) -> None:
                self._answer(body=True)

            def _answer(self, *, body: bool) -> None:
                web.requests.append((self.command, self.path, self.headers.get("Range", "")))
                path = web.folder / self.path.strip("/")
                if self.path in web.redirects:
                    self._say(302, {"Location": web.redirects[self.path]})
                elif self.path in web.forbidden:
                    self._say(403, {})
                elif path.is_dir() and web.lists_folders:
                    names = [p.name + "/" * p.is_dir() for p in sorted(path.iterdir())]
                    page = "".join(f'<a href="{name}">{name}</a>\n' for name in names).encode()
                    self._say(200, {"Content-Type": "text/html"}, page if body else b"")
                elif path.is_file():
                    self._send(path.read_bytes(), body=body)
                else:
                    self._say(404, {})

            def _send(self, content: bytes, *, body: bool) -> None:
                given = self.headers.get("Range") if web.sends_parts else None
                first, last = 0, len(content) - 1
                if given:
                    start, _, end = given.removeprefix("bytes=").partition("-")
                    first = int(start) if start else len(content) - int(end)
                    last = min(int(end), last) if start and end else last
                headers = {
                    "ETag": f'"{hashlib.sha256(content).hexdigest()[:20]}"',
                    "Accept-Ranges": "bytes" if web.sends_parts else "none",
                    "Content-Type": "application/octet-stream",
                }
                if given:
                    headers["Content-Range"] = f"bytes {first}-{last}/{len(content)}"
                piece = content[first : last + 1]
                self._say(206 if given else 200, headers, piece, send=body)

            def _say(
                self, status: int, headers: dict[str, str], body: bytes = b"", *, send: bool = True
            ) -> None:
                self.send_response(status)
                for name, value in {**headers, "Content-Length": str(len(body))}.items():
                    self.send_header(name, value)
                self.end_headers()
                if send:
                    if web.silent_after is not None and self.command == "GET":
                        web.silent_after -= 1
                        if web.silent_after < 0:
                            self.close_connection = True
                            return
                    cut = web.cut_after is not None and web.cuts != 0
                    if cut and web.cuts is not None:
                        web.cuts -= 1
                    self.wfile.write(body[: web.cut_after] if cut else body)
                    self.close_connection = cut
                    if cut and web.after_cut is not None:
                        web.after_cut()

        return Handler


@contextmanager
def serve_folder(folder: Path) -> Iterator[Web]:
    """`folder` on a free port of this machine."""
    web = Web(folder)
    with serving(web.handler()) as web.url:
        yield web
