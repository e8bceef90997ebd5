"""The hub path for real: a local HTTP server that answers at the hub's URLs."""

from __future__ import annotations

import pickle
from pathlib import Path

import numpy as np
import pytest
import torch

from aurora_dash.data.hub import fetch_static
from aurora_dash.data.static_file import read_static
from aurora_dash.errors import CheckpointError
from aurora_dash.model.build import build_model
from aurora_dash.model.hub import cached_checkpoint, fetch_checkpoint
from aurora_dash.model.load import load_into
from aurora_dash.spec import RunSpec, TrainingSpec
from aurora_dash.variants import get_variant
from tests.hub_server import Hub

SMALL = get_variant("small")


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
    hub.add(SMALL, SMALL.filename, checkpoint_bytes)
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
    hub: Hub, checkpoint_bytes: bytes
) -> None:
    hub.add(SMALL, SMALL.filename, checkpoint_bytes)
    seen: list[int] = []
    spec = RunSpec().with_overrides(["model.source=hub"])
    built = build_model(spec, progress=lambda done, total: seen.append(done))
    assert built.report.complete
    assert built.report.source == f"hub checkpoint {SMALL.filename}"
    assert seen[-1] == len(checkpoint_bytes)


def test_a_broken_download_is_tried_again(
    hub: Hub, checkpoint_bytes: bytes, tmp_path: Path
) -> None:
    hub.add(SMALL, SMALL.filename, checkpoint_bytes)
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
    hub.add(SMALL, SMALL.static_file or "", pickle.dumps(fields))
    found = read_static(fetch_static(SMALL, cache=tmp_path))
    np.testing.assert_array_equal(found["lsm"], fields["lsm"])
