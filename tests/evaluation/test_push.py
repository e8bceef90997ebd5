"""Exports sent to a hub: a local server that takes uploads as the hub does."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import huggingface_hub.constants
import pytest

from aurora_dash.errors import CheckpointError
from aurora_dash.evaluation.push import push_export, shareable
from tests.hub_uploads import SHA, TOKEN, UploadHub, serve_upload_hub

DESCRIPTION = {
    "spec": {
        "data": {"paths": ["/home/someone/era5/2025.nc", "era5/*.nc", "s3://bucket/era5.zarr"]},
        "model": {"path": "/home/someone/mine.ckpt"},
    },
    "sha256": "00",
}


@pytest.fixture
def uploads(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[UploadHub]:
    with serve_upload_hub() as hub:
        monkeypatch.setenv("HF_ENDPOINT", hub.url)
        monkeypatch.setenv("HF_TOKEN", TOKEN)
        monkeypatch.setattr(huggingface_hub.constants, "HF_TOKEN_PATH", str(tmp_path / "token"))
        monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", False)
        # Chunks go to a server of another kind where xet is used; this is its plain way.
        monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_DISABLE_XET", True)
        yield hub


@pytest.fixture
def export(tmp_path: Path) -> Path:
    path = tmp_path / "mine.ckpt"
    path.write_bytes(b"weights" * 1000)
    path.with_suffix(".md").write_text("---\nlibrary_name: aurora\n---\n\n# Mine\n")
    path.with_suffix(".json").write_text(json.dumps(DESCRIPTION))
    return path


def test_checkpoint_card_and_description_arrive_whole(uploads: UploadHub, export: Path) -> None:
    pushed = push_export(export, "someone/aurora-norway")
    files = uploads.repositories["someone/aurora-norway"]
    assert files["mine.ckpt"] == export.read_bytes()
    assert files["README.md"] == export.with_suffix(".md").read_bytes()
    assert set(files) == set(pushed.files) == {"mine.ckpt", "README.md", "mine.json"}
    assert uploads.private["someone/aurora-norway"] is True
    assert pushed.url == f"{uploads.url}/someone/aurora-norway"
    assert pushed.commit.endswith(SHA)


def test_folders_of_this_machine_do_not_leave_it(uploads: UploadHub, export: Path) -> None:
    push_export(export, "someone/aurora-norway")
    sent = uploads.repositories["someone/aurora-norway"]["mine.json"]
    assert b"/home" not in sent
    spec = json.loads(sent)["spec"]
    assert spec["data"]["paths"] == ["2025.nc", "era5/*.nc", "s3://bucket/era5.zarr"]
    assert spec["model"]["path"] == "mine.ckpt"
    assert json.loads(shareable({"a": [1, None, "b"]})) == {"a": [1, None, "b"]}


def test_a_second_push_sends_only_what_changed(uploads: UploadHub, export: Path) -> None:
    push_export(export, "someone/aurora-norway", private=False)
    assert uploads.private["someone/aurora-norway"] is False
    export.with_suffix(".md").write_text("# Better words\n")
    push_export(export, "someone/aurora-norway")
    assert uploads.requests.count("PUT") == 1
    assert uploads.repositories["someone/aurora-norway"]["README.md"] == b"# Better words\n"
    assert uploads.private["someone/aurora-norway"] is False, "an old repository stays as it is"


def test_who_may_not_write_is_told_without_the_token(
    uploads: UploadHub, export: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    uploads.forbidden.add("microsoft-friends/x")
    with pytest.raises(CheckpointError, match=r"microsoft-friends/x \(status 403\)") as refused:
        push_export(export, "microsoft-friends/x")
    assert "write access" in refused.value.remedy
    assert TOKEN not in str(refused.value) + refused.value.remedy
    monkeypatch.setenv("HF_TOKEN", "hf_wrong")
    with pytest.raises(CheckpointError, match="status 401") as refused:
        push_export(export, "someone/x")
    assert "hf_wrong" not in str(refused.value) + refused.value.remedy


def test_an_upload_that_breaks_off_says_so_and_leaves_no_commit(
    uploads: UploadHub, export: Path
) -> None:
    uploads.fail_uploads = True
    with pytest.raises(CheckpointError, match=r"someone/x.*mine\.ckpt") as broken:
        push_export(export, "someone/x")
    assert "Push again" in broken.value.remedy
    assert uploads.repositories["someone/x"] == {}


@pytest.mark.parametrize("name", ["norway", "a/b/c", "some one/x", "-a/b", "someone/", ""])
def test_a_name_that_is_no_repository_is_refused(
    uploads: UploadHub, export: Path, name: str
) -> None:
    with pytest.raises(CheckpointError, match="can't be a repository"):
        push_export(export, name)
    assert uploads.requests == []


def test_auroras_own_repository_is_refused(uploads: UploadHub, export: Path) -> None:
    with pytest.raises(CheckpointError, match="where Aurora itself is published"):
        push_export(export, "microsoft/aurora")


def test_without_login_connection_or_export_nothing_is_sent(
    uploads: UploadHub, export: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(CheckpointError, match="Export the checkpoint first"):
        push_export(export.with_name("other.ckpt"), "someone/x")
    monkeypatch.delenv("HF_TOKEN")
    with pytest.raises(CheckpointError, match="Nobody is logged in"):
        push_export(export, "someone/x")
    monkeypatch.setenv("HF_TOKEN", TOKEN)
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)
    with pytest.raises(CheckpointError, match="offline mode"):
        push_export(export, "someone/x")
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", False)
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    with pytest.raises(CheckpointError, match="can't be reached"):
        push_export(export, "someone/x")
    assert uploads.requests == []
