from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

from aurora_dash.errors import CheckpointError
from aurora_dash.model import saved
from aurora_dash.model.saved import (
    CheckpointMeta,
    checkpoint_name,
    file_digest,
    find_checkpoint,
    find_intact,
    is_checkpoint_name,
    list_checkpoints,
    read_meta,
    read_optimiser,
    read_weights,
)

WEIGHTS = {"a": torch.arange(3.0)}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A checkpoints folder with steps 5 and 20, `best` at 5 and `last` at 20."""
    for step in (5, 20):
        _make(tmp_path / checkpoint_name(step), step)
    (tmp_path / "best").write_text("step-00000005\n")
    (tmp_path / "last").write_text("step-00000020\n")
    return tmp_path


def _make(path: Path, step: int) -> None:
    path.mkdir()
    torch.save(WEIGHTS, path / "model.pt")
    torch.save(
        {"state": {}, "param_groups": [{"lr": 0.1, "name": "encoder"}]}, path / "optimiser.pt"
    )
    meta = CheckpointMeta(
        step=step,
        epoch=0.5,
        statistics={"surface": {"2t": (280.0, 20.0)}, "atmospheric": {}},
        sha256={name: file_digest(path / name) for name in ("model.pt", "optimiser.pt")},
        created="2025-06-01T00:00:00+00:00",
        device="cpu",
        threads=1,
        versions={"torch": "2"},
    )
    (path / "meta.json").write_text(meta.model_dump_json())


def test_names_sort_as_steps_do() -> None:
    assert checkpoint_name(120) == "step-00000120"
    assert is_checkpoint_name(checkpoint_name(10**9))
    assert not any(
        map(is_checkpoint_name, ("best", "step-1", "../step-00000120", "step-00000120/"))
    )


def test_checkpoints_are_found_by_pointer_and_by_name(folder: Path) -> None:
    assert find_checkpoint(folder).name == "step-00000005"
    assert find_checkpoint(folder, "last").name == "step-00000020"
    assert find_checkpoint(folder, "step-00000020").name == "step-00000020"
    assert [path.name for path in list_checkpoints(folder)] == ["step-00000005", "step-00000020"]


@pytest.mark.parametrize("name", ["step-00000007", "../secret", "", "worst", "/etc"])
def test_an_unknown_name_is_refused_and_the_known_ones_are_told(folder: Path, name: str) -> None:
    with pytest.raises(CheckpointError, match="it holds step-00000005, step-00000020"):
        find_checkpoint(folder, name)


def test_a_pointer_can_not_lead_out_of_the_folder(folder: Path) -> None:
    (folder / "best").write_text("../../etc\n")
    with pytest.raises(CheckpointError, match="no checkpoint 'best'"):
        find_checkpoint(folder)


def test_the_last_stands_in_where_no_best_is_known(folder: Path) -> None:
    (folder / "best").unlink()
    assert find_checkpoint(folder, "best").name == "step-00000020"


def test_unfinished_folders_are_no_checkpoints(folder: Path) -> None:
    (folder / "step-00000030").mkdir()
    (folder / ".step-00000040.123.tmp").mkdir()
    assert [path.name for path in list_checkpoints(folder)] == ["step-00000005", "step-00000020"]
    assert list_checkpoints(folder / "absent") == []


def test_content_is_read_back(folder: Path) -> None:
    checkpoint = find_checkpoint(folder)
    meta = read_meta(checkpoint)
    assert (meta.step, meta.epoch, meta.threads) == (5, 0.5, 1)
    assert meta.model_statistics.of_surface("2t") == (280.0, 20.0)
    assert torch.equal(read_weights(checkpoint)["a"], WEIGHTS["a"])
    assert read_optimiser(checkpoint)["param_groups"][0]["name"] == "encoder"


@pytest.mark.parametrize(
    ("file", "read"), [("model.pt", read_weights), ("optimiser.pt", read_optimiser)]
)
def test_a_flipped_bit_is_noticed(folder: Path, file: str, read) -> None:
    path = find_checkpoint(folder) / file
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    with pytest.raises(CheckpointError, match=r"checksum .* is not the one it was saved with"):
        read(path.parent)


def test_missing_parts_are_named(folder: Path) -> None:
    checkpoint = find_checkpoint(folder)
    (checkpoint / "model.pt").unlink()
    with pytest.raises(CheckpointError, match=r"model\.pt: No such file"):
        read_weights(checkpoint)


@pytest.mark.parametrize("content", ["", "{}", "{ not json", '{"step": "many"}'])
def test_a_damaged_description_is_refused(folder: Path, content: str) -> None:
    checkpoint = find_checkpoint(folder)
    (checkpoint / "meta.json").write_text(content)
    with pytest.raises(CheckpointError, match=r"meta\.json is damaged"):
        read_meta(checkpoint)


def test_a_newer_format_is_refused(folder: Path) -> None:
    path = find_checkpoint(folder) / "meta.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "schema_version": 99}))
    with pytest.raises(CheckpointError, match="has format 99"):
        read_meta(path.parent)


def test_a_damaged_best_gives_way_to_the_one_before_it_and_says_so(folder: Path) -> None:
    (folder / "best").write_text("step-00000020\n")
    assert find_intact(folder) == (folder / "step-00000020", "")
    (folder / "step-00000020" / "model.pt").write_bytes(b"half")
    assert find_intact(folder) == (
        folder / "step-00000005",
        "best is step-00000020, which is damaged",
    )
    # One that is asked for by its name is never another.
    assert find_intact(folder, "step-00000020")[0].name == "step-00000020"
    (folder / "step-00000005" / "meta.json").write_text("{")
    with pytest.raises(CheckpointError, match=r"step-00000020/model\.pt is damaged"):
        find_intact(folder)


def test_weights_are_hashed_once_until_their_file_changes(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hashed: list[str] = []

    def counted(path: Path) -> str:
        hashed.append(path.name)
        return file_digest(path)

    monkeypatch.setattr(saved, "file_digest", counted)
    checkpoint, _ = find_intact(folder)
    assert torch.equal(read_weights(checkpoint)["a"], WEIGHTS["a"])
    assert hashed == ["model.pt"]
    (checkpoint / "model.pt").write_bytes(b"half")
    with pytest.raises(CheckpointError, match="is damaged"):
        read_weights(checkpoint)
    assert hashed == ["model.pt", "model.pt"]
