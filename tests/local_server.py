"""HTTP servers of tests: on this machine, on a free port, gone after the test."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


class QuietHandler(BaseHTTPRequestHandler):
    """Does not write what was asked to the test's output."""

    def log_message(self, *_arguments: object) -> None:
        pass


class _Server(ThreadingHTTPServer):
    # Many may connect at once; a connection that finds no room is tried only a second later.
    request_queue_size = 128


@contextmanager
def serving(handler: Callable[..., Any]) -> Iterator[str]:
    """A server that answers with `handler`; yields its address, without a slash at its end."""
    server = _Server(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
