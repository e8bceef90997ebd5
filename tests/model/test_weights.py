from __future__ import annotations

import os
import pickle
import zipfile
from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from aurora_dash.errors import CheckpointError
from aurora_dash.model.weights import read_state_dict


class _Payload:
    """Unpickling it runs a command that leaves a file behind."""

    def __init__(self, witness: Path) -> None:
        self.witness = witness

    def __reduce__(self):
        return os.system, (f"touch {self.witness}",)


@pytest.fixture
def witness(tmp_path: Path) -> Path:
    return tmp_path / "was-executed"


def test_the_payload_of_these_tests_is_a_real_one(tmp_path, witness) -> None:
    pickle.loads(pickle.dumps(_Payload(witness)))  # noqa: S301
    assert witness.exists()


@pytest.mark.parametrize("new_format", [True, False], ids=["zip", "legacy"])
def test_code_in_a_checkpoint_is_refused_and_not_run(tmp_path, witness, new_format) -> None:
    path = tmp_path / "evil.ckpt"
    content = {"weight": torch.zeros(3), "payload": _Payload(witness)}
    torch.save(content, path, _use_new_zipfile_serialization=new_format)
    with pytest.raises(CheckpointError, match=r"Refused to load .*evil.ckpt"):
        read_state_dict(path)
    assert not witness.exists()


def test_a_bare_pickle_is_refused_and_not_run(tmp_path, witness) -> None:
    path = tmp_path / "evil.pickle"
    path.write_bytes(pickle.dumps(_Payload(witness)))
    with pytest.raises(CheckpointError, match=r"evil.pickle"):
        read_state_dict(path)
    assert not witness.exists()


def test_weights_are_read_back_as_they_were(tmp_path) -> None:
    weights = {"a": torch.arange(6.0).reshape(2, 3), "b": torch.ones(2, dtype=torch.bfloat16)}
    torch.save(weights, tmp_path / "w.ckpt")
    found = read_state_dict(tmp_path / "w.ckpt")
    assert found.keys() == weights.keys()
    assert all(torch.equal(found[k], weights[k]) for k in weights)


@pytest.mark.parametrize(
    "content", [b"", b"this is text, not weights", b"\x89HDF\r\n\x1a\n" + bytes(100)]
)
def test_what_is_no_checkpoint_is_named(tmp_path, content) -> None:
    path = tmp_path / "w.ckpt"
    path.write_bytes(content)
    with pytest.raises(CheckpointError, match=r"w.ckpt"):
        read_state_dict(path)


def test_a_truncated_checkpoint_is_refused(tmp_path) -> None:
    path = tmp_path / "w.ckpt"
    torch.save({"a": torch.zeros(10_000)}, path)
    path.write_bytes(path.read_bytes()[:20_000])
    with pytest.raises(CheckpointError, match=r"w.ckpt"):
        read_state_dict(path)


def test_a_zip_archive_of_something_else_is_refused(tmp_path) -> None:
    path = tmp_path / "w.ckpt"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("readme.txt", "hello")
    with pytest.raises(CheckpointError, match=r"w.ckpt"):
        read_state_dict(path)


@given(content=st.binary(max_size=200))
@settings(max_examples=300, deadline=None)
def test_any_bytes_are_refused_in_words(tmp_path_factory, content: bytes) -> None:
    path = tmp_path_factory.getbasetemp() / "bytes.ckpt"
    path.write_bytes(content)
    with pytest.raises(CheckpointError, match=r"bytes\.ckpt"):
        read_state_dict(path)


def test_a_missing_file_is_named(tmp_path) -> None:
    with pytest.raises(CheckpointError, match=r"Can't read .*absent.ckpt: No such file"):
        read_state_dict(tmp_path / "absent.ckpt")


@pytest.mark.parametrize(
    ("content", "problem"),
    [({"state_dict": {"a": torch.zeros(1)}}, "'state_dict' is a dict"), ([1, 2], "holds a list")],
)
def test_another_structure_is_explained(tmp_path, content, problem) -> None:
    torch.save(content, tmp_path / "w.ckpt")
    with pytest.raises(CheckpointError, match=problem):
        read_state_dict(tmp_path / "w.ckpt")
