"""A local HTTP server that takes uploads as the hub does: large files by LFS, the rest inline."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from typing import Any

from tests.local_server import QuietHandler, serving

TOKEN = "hf_of_this_test_alone"
SHA = "0123456789abcdef0123456789abcdef01234567"


@dataclass
class UploadHub:
    """Repositories by name, each with its files; what was asked, in order."""

    url: str = ""
    repositories: dict[str, dict[str, bytes]] = field(default_factory=dict)
    private: dict[str, bool] = field(default_factory=dict)
    requests: list[str] = field(default_factory=list)
    stored: dict[str, bytes] = field(default_factory=dict)
    """Large files by SHA-256."""
    forbidden: set[str] = field(default_factory=set)
    fail_uploads: bool = False

    def handler(self) -> type[BaseHTTPRequestHandler]:
        hub = self

        class Handler(QuietHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                hub.requests.append(f"POST {self.path}")
                if self.headers.get("Authorization") != f"Bearer {TOKEN}":
                    return self._json(401, {"error": "Invalid credentials"})
                if self.path == "/api/repos/create":
                    return self._create(json.loads(body))
                if self.path == "/api/validate-yaml":
                    return self._json(200, {"errors": [], "warnings": []})
                if self.path.endswith("/info/lfs/objects/batch"):
                    return self._batch(json.loads(body))
                if "/preupload/" in self.path:
                    return self._preupload(json.loads(body))
                if "/commit/" in self.path:
                    return self._commit(body)
                return self._json(404, {"error": "not known here"})

            def do_PUT(self) -> None:
                content = self.rfile.read(int(self.headers["Content-Length"]))
                digest = self.path.rsplit("/", 1)[-1]
                hub.requests.append("PUT")
                if hub.fail_uploads:
                    return self._json(400, {"error": "the store is closed"})
                assert hashlib.sha256(content).hexdigest() == digest
                hub.stored[digest] = content
                return self._json(200, {})

            def _create(self, asked: dict[str, Any]) -> None:
                name = f"{asked['organization']}/{asked['name']}"
                if name in hub.forbidden:
                    return self._json(403, {"error": "You don't have the rights"})
                known = name in hub.repositories
                hub.repositories.setdefault(name, {})
                hub.private.setdefault(name, asked.get("visibility") == "private")
                return self._json(409 if known else 200, {"url": f"{hub.url}/{name}"})

            def _preupload(self, asked: dict[str, Any]) -> None:
                def mode(name: str) -> str:
                    return "lfs" if name.endswith(".ckpt") else "regular"

                files = [
                    {"path": f["path"], "uploadMode": mode(f["path"]), "shouldIgnore": False}
                    for f in asked["files"]
                ]
                self._json(200, {"files": files})

            def _batch(self, asked: dict[str, Any]) -> None:
                objects = [
                    {**wanted, "actions": {"upload": {"href": f"{hub.url}/store/{wanted['oid']}"}}}
                    for wanted in asked["objects"]
                ]
                for answer in objects:
                    if answer["oid"] in hub.stored:
                        del answer["actions"]
                self._json(200, {"transfer": "basic", "objects": objects})

            def _commit(self, body: bytes) -> None:
                name = self.path.removeprefix("/api/models/").split("/commit/")[0]
                for line in body.splitlines():
                    entry = json.loads(line)
                    value = entry["value"]
                    if entry["key"] == "file":
                        hub.repositories[name][value["path"]] = base64.b64decode(value["content"])
                    elif entry["key"] == "lfsFile":
                        hub.repositories[name][value["path"]] = hub.stored[value["oid"]]
                answer = {"commitOid": SHA, "commitUrl": f"{hub.url}/{name}/commit/{SHA}"}
                self._json(200, answer)

            def _json(self, status: int, answer: object) -> None:
                content = json.dumps(answer).encode()
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

        return Handler


@contextmanager
def serve_upload_hub() -> Iterator[UploadHub]:
    """A hub without repositories, on a free port of this machine."""
    hub = UploadHub()
    with serving(hub.handler()) as hub.url:
        yield hub
