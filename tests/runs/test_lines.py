"""Files of JSON lines: cut anywhere, damaged, replaced, on a full disk, written while read."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aurora_dash.runs import lines
from aurora_dash.runs.lines import LineReader, LineWriter, append_line

RECORDS = [{"step": i, "loss": 1 / (i + 1), "note": "å\n" * (i % 3)} for i in range(8)]


def _encoded(records: list[dict[str, object]]) -> bytes:
    return b"".join(json.dumps(record, ensure_ascii=False).encode() + b"\n" for record in records)


def test_a_file_cut_at_any_byte_gives_exactly_its_whole_lines(tmp_path: Path) -> None:
    whole = _encoded(RECORDS)
    path = tmp_path / "lines.jsonl"
    for cut in range(len(whole) + 1):
        path.write_bytes(whole[:cut])
        assert LineReader(path).read() == RECORDS[: whole[:cut].count(b"\n")]


def test_a_writer_mends_a_file_cut_at_any_byte_and_loses_no_whole_record(tmp_path: Path) -> None:
    whole = _encoded(RECORDS)
    ends = [i for i, byte in enumerate(whole) if byte == ord("\n")]
    path = tmp_path / "lines.jsonl"
    for cut in range(len(whole) + 1):
        path.write_bytes(whole[:cut])
        reader = LineReader(path)
        before = reader.read()
        with LineWriter(path) as writer:
            writer.write_line({"step": 99})
        # A record is whole once its closing brace is there, with or without its newline.
        num_whole = sum(end <= cut for end in ends)
        assert before + reader.read() == [*RECORDS[:num_whole], {"step": 99}]
        assert (reader.damaged, reader.generation) == (0, 0)
        assert LineReader(path).read() == [*RECORDS[:num_whole], {"step": 99}]


def test_a_reader_that_follows_byte_by_byte_sees_each_record_once(tmp_path: Path) -> None:
    path = tmp_path / "lines.jsonl"
    reader = LineReader(path)
    seen = reader.read()
    with path.open("ab", buffering=0) as file:
        for byte in _encoded(RECORDS):
            file.write(bytes([byte]))
            seen += reader.read()
    assert seen == RECORDS


@given(
    st.lists(
        st.one_of(
            st.binary(max_size=20).filter(lambda b: b"\n" not in b),
            st.sampled_from([b'{"a":1}', b'{"a":[{}', b'],"b":2},{"c":3}', b"[1]", b"NaN", b"{}"]),
        ),
        max_size=12,
    )
)
def test_damaged_lines_never_crash_a_reader_nor_hide_others(content: list[bytes]) -> None:
    valid = [{"step": i} for i in range(len(content))]
    text = b"".join(
        line + b"\n" + json.dumps(record).encode() + b"\n"
        for line, record in zip(content, valid, strict=True)
    )
    with tempfile.NamedTemporaryFile() as file:
        file.write(text)
        file.flush()
        found = LineReader(Path(file.name)).read()
    assert [record for record in found if record in valid] == valid


def test_whole_lines_that_are_no_objects_are_counted(tmp_path: Path) -> None:
    path = tmp_path / "lines.jsonl"
    path.write_bytes(b'{"a":1}\n\x00\x00\n[1]\n{"a":\n' + b"[" * 100_000 + b'\n\n{"a":2}\n')
    reader = LineReader(path)
    assert reader.read() == [{"a": 1}, {"a": 2}]
    assert reader.damaged == 4


def test_a_replaced_or_truncated_file_is_read_again_from_its_start(tmp_path: Path) -> None:
    path, other = tmp_path / "lines.jsonl", tmp_path / "other.jsonl"
    path.write_bytes(_encoded(RECORDS[:4]))
    reader = LineReader(path)
    assert len(reader.read()) == 4
    path.write_bytes(_encoded(RECORDS[:2]))
    assert (reader.read(), reader.generation) == (RECORDS[:2], 1)
    other.write_bytes(_encoded(RECORDS))
    other.replace(path)
    assert (reader.read(), reader.generation) == (RECORDS, 2)
    # Overwritten in place by something longer: only what was read before tells.
    path.write_bytes(_encoded(RECORDS[::-1]) * 2)
    assert (reader.read(), reader.generation) == (RECORDS[::-1] * 2, 3)
    path.unlink()
    assert reader.read() == []


def test_lines_longer_than_a_block_are_read_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "lines.jsonl"
    records = [{"text": "x" * size} for size in (3, 200, 1_000, 5)]
    path.write_bytes(_encoded(records))
    monkeypatch.setattr(lines, "_CHUNK_BYTES", 64)
    chunks = list(LineReader(path).chunks())
    assert [record for chunk in chunks for record in chunk] == records
    assert len(chunks) > 1


def test_a_reader_follows_a_process_that_writes(tmp_path: Path, spawn) -> None:
    path = tmp_path / "lines.jsonl"
    code = (
        "import sys; from pathlib import Path; from aurora_dash.runs.lines import LineWriter\n"
        "with LineWriter(Path(sys.argv[1])) as writer:\n"
        "    for step in range(5000):\n"
        "        writer.write_line({'step': step, 'text': 'x' * (step % 300)})\n"
        "        if step % 1000 == 0: print(step, flush=True); sys.stdin.readline()\n"
    )
    child = spawn(code, path)
    reader = LineReader(path)
    steps: list[int] = []
    for expected in range(0, 5000, 1000):
        assert int(child.stdout.readline()) == expected
        steps += [record["step"] for record in reader.read()]
        assert steps[-1] == expected
        child.stdin.write("go\n")
        child.stdin.flush()
    while child.poll() is None:
        steps += [record["step"] for record in reader.read()]
    steps += [record["step"] for record in reader.read()]
    assert child.returncode == 0
    assert steps == list(range(5000))
    assert reader.damaged == 0


def test_processes_that_append_to_one_file_cut_off_nothing(tmp_path: Path, spawn) -> None:
    path = tmp_path / "events.jsonl"
    path.write_bytes(b'{"torn":')
    code = (
        "import sys; from pathlib import Path; from aurora_dash.runs.lines import append_line\n"
        "for n in range(300):\n"
        "    append_line(Path(sys.argv[1]), {'who': sys.argv[2], 'n': n, 'x': 'y' * 3000})\n"
    )
    children = [spawn(code, path, who) for who in "ab"]
    assert [child.wait() for child in children] == [0, 0]
    reader = LineReader(path)
    records = reader.read()
    for who in "ab":
        assert [record["n"] for record in records if record["who"] == who] == list(range(300))
    assert reader.damaged == 1  # the torn line that was there before


def test_a_full_disk_leaves_no_torn_line_and_names_the_file(tmp_path: Path, spawn) -> None:
    path = tmp_path / "lines.jsonl"
    # A limit on the size of files is a full disk that needs no root: writes stop in mid-line.
    code = (
        "import resource, sys; from pathlib import Path\n"
        "from aurora_dash.errors import RunError; from aurora_dash.runs.lines import LineWriter\n"
        "hard = resource.getrlimit(resource.RLIMIT_FSIZE)[1]\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (1000, hard))\n"
        "writer = LineWriter(Path(sys.argv[1]))\n"
        "try:\n"
        "    for step in range(100): writer.write_line({'step': step, 'text': 'x' * 90})\n"
        "except RunError as error: print(step, error)\n"
    )
    out, _ = spawn(code, path).communicate(timeout=30)
    refused, _, message = out.partition(" ")
    assert str(path) in message and "disk space" in message
    assert [record["step"] for record in LineReader(path).read()] == list(range(int(refused)))
    assert path.read_bytes().endswith(b"\n")


def test_append_line_starts_a_line_of_its_own_after_a_torn_one(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    append_line(path, {"n": 1})
    with path.open("ab") as file:
        file.write(b'{"n": 2')
    append_line(path, {"n": 3})
    assert LineReader(path).read() == [{"n": 1}, {"n": 3}]
