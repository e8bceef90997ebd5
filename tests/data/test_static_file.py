from __future__ import annotations

import os
import pickle
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aurora_dash.data.static_file import read_static
from aurora_dash.errors import CheckpointError


class _Payload:
    def __init__(self, function, *arguments) -> None:
        self.call = function, arguments

    def __reduce__(self):
        return self.call


FIELDS = {
    "lsm": np.linspace(0, 1, 12, dtype=np.float32).reshape(3, 4),
    "slt": np.arange(12, dtype=np.int64).reshape(3, 4),
    "z": np.asfortranarray(np.arange(12.0).reshape(3, 4)),
}


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_arrays_are_read_whatever_the_protocol(tmp_path: Path, protocol: int) -> None:
    path = tmp_path / "static.pickle"
    path.write_bytes(pickle.dumps(FIELDS, protocol=protocol))
    found = read_static(path)
    assert found.keys() == FIELDS.keys()
    for name, values in FIELDS.items():
        np.testing.assert_array_equal(found[name], values)
        assert found[name].dtype == values.dtype


def test_files_of_numpy_1_are_read(tmp_path: Path) -> None:
    path = tmp_path / "static.pickle"
    # Protocol 2 names modules as plain text, so that the older name can be put in.
    content = pickle.dumps(FIELDS, protocol=2).replace(b"numpy._core", b"numpy.core")
    assert b"numpy.core.multiarray" in content
    path.write_bytes(content)
    np.testing.assert_array_equal(read_static(path)["z"], FIELDS["z"])


@pytest.mark.parametrize("protocol", [0, 2, 5])
def test_code_is_refused_and_not_run(tmp_path: Path, protocol: int) -> None:
    witness, path = tmp_path / "was-executed", tmp_path / "static.pickle"
    payload = _Payload(os.system, f"touch {witness}")
    path.write_bytes(pickle.dumps({**FIELDS, "evil": payload}, protocol=protocol))
    with pytest.raises(CheckpointError, match=r"Refused to load .*it names (posix|os)\.system"):
        read_static(path)
    assert not witness.exists()
    pickle.loads(path.read_bytes())  # noqa: S301
    assert witness.exists(), "the payload of this test was no real one"


@pytest.mark.parametrize(
    ("function", "arguments"),
    [(eval, ("1 + 1",)), (np.load, ("x.npy",)), (getattr, ("text", "upper")), (open, ("x", "w"))],
)
def test_functions_that_look_harmless_are_refused_too(tmp_path, function, arguments) -> None:
    path = tmp_path / "static.pickle"
    path.write_bytes(pickle.dumps({"lsm": _Payload(function, *arguments)}))
    with pytest.raises(CheckpointError, match="Refused to load"):
        read_static(path)


def test_other_codecs_are_refused(tmp_path) -> None:
    import codecs

    path = tmp_path / "static.pickle"
    path.write_bytes(pickle.dumps({"lsm": _Payload(codecs.encode, "abc", "rot13")}))
    with pytest.raises(CheckpointError, match="codec 'rot13'"):
        read_static(path)


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        ([1, 2], "it is a list"),
        ({"lsm": "text"}, "'lsm' is a str"),
        ({3: np.zeros((2, 2))}, "a field called 3"),
        ({"lsm": np.zeros(5)}, r"'lsm' has shape \(5,\)"),
        ({"lsm": np.array([["a", "b"]])}, "values of type 'U1'"),
        ({"lsm": np.array([[{}, []]], dtype=object)}, "values of type 'O8'"),
        ({"lsm": np.zeros((1, 2), dtype="f4,i4")}, "values of type 'V8'"),
        ({"lsm": np.float32(3)}, r"it names numpy\._core\.multiarray\.scalar"),
    ],
)
def test_anything_but_named_fields_is_refused(tmp_path, content, problem) -> None:
    path = tmp_path / "static.pickle"
    path.write_bytes(pickle.dumps(content))
    with pytest.raises(CheckpointError, match=problem):
        read_static(path)


@pytest.mark.parametrize("content", [b"", b"not a pickle", pickle.dumps(FIELDS)[:200]])
def test_a_damaged_file_is_named(tmp_path, content) -> None:
    path = tmp_path / "static.pickle"
    path.write_bytes(content)
    with pytest.raises(CheckpointError, match=r"static\.pickle"):
        read_static(path)


class _Forged:
    """An array whose state was tampered with."""

    def __init__(self, state: tuple[object, ...]) -> None:
        self.state = state

    def __reduce__(self):
        function, arguments, _ = FIELDS["lsm"].__reduce__()
        return function, arguments, self.state


class _ForgedDtype:
    def __init__(self, state: tuple[object, ...]) -> None:
        self.state = state

    def __reduce__(self):
        return np.dtype, ("f4", False, True), self.state


F4 = np.dtype("f4")


@pytest.mark.parametrize(
    ("state", "problem"),
    [
        ((1, (3, 4), F4, False, bytes(47)), r"shape \(3, 4\) with 47 bytes"),
        ((1, (10**9, 10**9), F4, False, bytes(48)), "with 48 bytes"),
        ((1, (-3, -4), F4, False, bytes(48)), r"shape \(-3, -4\)"),
        ((1, (3, 4), F4, False, [0.0] * 12), "no array of numbers"),
        ((1, (3, 4), "f4", False, bytes(48)), "no array of numbers"),
        # The flags of an object array: numpy would take the bytes for addresses.
        (
            (1, (3, 4), _ForgedDtype((3, "<", None, None, {"a": 1}, 8, 1, 63)), False, bytes(48)),
            "composed type",
        ),
    ],
)
def test_a_forged_array_is_refused(tmp_path, state, problem) -> None:
    path = tmp_path / "static.pickle"
    path.write_bytes(pickle.dumps({"lsm": _Forged(state)}))
    with pytest.raises(CheckpointError, match=problem):
        read_static(path)


def test_forged_flags_of_a_type_mean_nothing(tmp_path) -> None:
    dtype = _ForgedDtype((3, "<", None, None, None, -1, -1, 63))
    state = (1, (3, 4), dtype, False, FIELDS["lsm"].tobytes())
    path = tmp_path / "static.pickle"
    path.write_bytes(pickle.dumps({"lsm": _Forged(state)}))
    np.testing.assert_array_equal(read_static(path)["lsm"], FIELDS["lsm"])


def test_the_stand_ins_can_not_be_changed_by_a_file(tmp_path) -> None:
    path = tmp_path / "static.pickle"
    # GLOBAL, an attribute dictionary, BUILD: sets an attribute of what the name stands for.
    path.write_bytes(b"cnumpy\ndtype\n(N}Vx\nI1\nstb.")
    with pytest.raises(CheckpointError, match="tries to change a function"):
        read_static(path)


def test_big_endian_values_are_read(tmp_path) -> None:
    path = tmp_path / "static.pickle"
    path.write_bytes(pickle.dumps({"z": FIELDS["z"].astype(">f4")}))
    np.testing.assert_array_equal(read_static(path)["z"], FIELDS["z"])


@given(
    position=st.integers(min_value=0),
    byte=st.integers(min_value=0, max_value=255),
    protocol=st.sampled_from([0, 2, 4]),
)
@settings(max_examples=300, deadline=None)
def test_a_damaged_byte_gives_fields_or_a_refusal_and_nothing_else(
    tmp_path_factory, position: int, byte: int, protocol: int
) -> None:
    content = bytearray(pickle.dumps({"lsm": FIELDS["lsm"]}, protocol=protocol))
    content[position % len(content)] = byte
    path = tmp_path_factory.getbasetemp() / "damaged.pickle"
    path.write_bytes(bytes(content))
    try:
        found = read_static(path)
    except CheckpointError as error:
        assert "damaged.pickle" in error.message
    else:
        assert all(isinstance(values, np.ndarray) for values in found.values())


def test_a_missing_file_is_named(tmp_path) -> None:
    with pytest.raises(CheckpointError, match="No such file"):
        read_static(tmp_path / "absent.pickle")
