"""The hub path for real: a local HTTP server that answers at the hub's URLs."""

from __future__ import annotations

import hashlib
import pickle
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest
import torch

from aurora_dash.errors import CheckpointError
from aurora_dash.model.build import build_model
from aurora_dash.model.hub import cached_checkpoint, fetch_checkpoint, fetch_static
from aurora_dash.model.load import load_into
from aurora_dash.model.static import read_static
from aurora_dash.spec import RunSpec, TrainingSpec
from aurora_dash.variants import get_variant

SMALL = get_variant("small")


@dataclass
class Hub:
    """Serves files as ``/<repository>/resolve/<revision>/<name>``, as the hub does."""

    files: dict[str, bytes] = field(default_factory=dict)
    requests: list[tuple[str, str]] = field(default_factory=list)
    cut_after: int | None = None
    """Break the connection after so many bytes, once."""

    def add(self, filename: str, content: bytes) -> None:
        self.files[f"/{SMALL.repository}/resolve/{SMALL.revision}/{filename}"] = content

    def handler(self) -> type[BaseHTTPRequestHandler]:
        hub = self

        class Handler(BaseHTTPRequestHandler):
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
                self.send_header("X-Repo-Commit", SMALL.revision)
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

            def log_message(self, *arguments: object) -> None:
                pass

        return Handler


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    content = Hub()
    server = ThreadingHTTPServer(("127.0.0.1", 0), content.handler())
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    monkeypatch.setenv("HF_ENDPOINT", f"http://127.0.0.1:{server.server_port}")
    yield content
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture(scope="module")
def weights() -> dict[str, torch.Tensor]:
    spec = RunSpec(training=TrainingSpec(seed=7))
    return {k: v.clone() for k, v in build_model(spec).state_dict().items()}


@pytest.fixture(scope="module")
def checkpoint_bytes(weights, tmp_path_factory) -> bytes:
    path = tmp_path_factory.mktemp("hub") / "made.ckpt"
    torch.save(weights, path)
    return path.read_bytes()


def test_a_checkpoint_is_downloaded_cached_and_fills_the_model(
    hub: Hub, checkpoint_bytes: bytes, weights, tmp_path: Path
) -> None:
    hub.add(SMALL.filename, checkpoint_bytes)
    assert cached_checkpoint(SMALL, cache=tmp_path) is None
    seen: list[tuple[int, int]] = []
    path = fetch_checkpoint(SMALL, lambda done, total: seen.append((done, total)), cache=tmp_path)
    assert path.read_bytes() == checkpoint_bytes
    assert SMALL.revision in str(path)
    assert seen[-1] == (len(checkpoint_bytes), len(checkpoint_bytes))

    built = build_model(RunSpec())
    report = load_into(built.module, path)
    assert report.complete
    assert all(torch.equal(v, weights[k]) for k, v in built.state_dict().items())

    num_requests = len(hub.requests)
    assert fetch_checkpoint(SMALL, cache=tmp_path) == path
    assert cached_checkpoint(SMALL, cache=tmp_path) == path
    assert len(hub.requests) == num_requests, "a pinned file that is here needs no network"


def test_a_spec_with_the_hub_as_source_is_built_from_there(
    hub: Hub, checkpoint_bytes: bytes, weights, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import huggingface_hub.constants

    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(tmp_path))
    hub.add(SMALL.filename, checkpoint_bytes)
    seen: list[int] = []
    spec = RunSpec().with_overrides(["model.source=hub"])
    built = build_model(spec, progress=lambda done, total: seen.append(done))
    assert built.report.complete
    assert built.report.source == f"hub checkpoint {SMALL.filename}"
    assert seen[-1] == len(checkpoint_bytes)


def test_a_broken_download_is_tried_again(
    hub: Hub, checkpoint_bytes: bytes, tmp_path: Path
) -> None:
    hub.add(SMALL.filename, checkpoint_bytes)
    hub.cut_after = 1_000_000
    path = fetch_checkpoint(SMALL, cache=tmp_path)
    assert path.read_bytes() == checkpoint_bytes
    assert sum(command == "GET" for command, _ in hub.requests) == 2


def test_a_file_that_the_mirror_lacks_is_named(hub: Hub, tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match=f"does not have .*{SMALL.filename}") as caught:
        fetch_checkpoint(SMALL, cache=tmp_path)
    assert "HF_ENDPOINT" in caught.value.remedy


def test_without_a_network_it_says_what_else_can_be_done(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Nobody listens on port 9 of this machine.
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    with pytest.raises(CheckpointError, match="the hub can't be reached") as caught:
        fetch_checkpoint(SMALL, cache=tmp_path)
    assert "local file" in caught.value.remedy


def test_static_files_come_the_same_way_and_are_read_without_running_them(
    hub: Hub, tmp_path: Path
) -> None:
    fields = {"lsm": np.ones((3, 4), dtype=np.float32), "z": np.zeros((3, 4))}
    hub.add(SMALL.static_file or "", pickle.dumps(fields))
    found = read_static(fetch_static(SMALL, cache=tmp_path))
    np.testing.assert_array_equal(found["lsm"], fields["lsm"])
