"""metrics.jsonl: strict JSON, columns by split, steps that a resumed run repeats."""

from __future__ import annotations

import json
import math
import threading
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from aurora_dash.runs.metrics import MetricsReader, MetricsTable, MetricsWriter, metrics_table


def _strict(line: str) -> dict[str, object]:
    def refuse(constant: str) -> None:
        raise AssertionError(f"{constant} is not JSON")

    return json.loads(line, parse_constant=refuse)


def test_records_are_strict_json_and_name_what_was_not_finite(tmp_path: Path) -> None:
    path = tmp_path / "metrics.jsonl"
    with MetricsWriter(path) as writer:
        writer.write(
            {
                "step": np.int64(1),
                "split": "train",
                "time": 12.5,
                "loss": math.nan,
                "lr": np.float32(0.5),
                "grad_norm": math.inf,
                "grad_norm/lora": None,
            }
        )
    assert _strict(path.read_text()) == {
        "schema": 1,
        "step": 1,
        "split": "train",
        "time": 12.5,
        "loss": None,
        "lr": 0.5,
        "grad_norm": None,
        "grad_norm/lora": None,
        "nonfinite": ["loss", "grad_norm"],
    }


def test_a_record_gets_the_time_unless_it_brings_one(tmp_path: Path) -> None:
    path = tmp_path / "metrics.jsonl"
    with MetricsWriter(path) as writer:
        writer.write({"step": 1, "split": "train"})
        writer.write({"step": 2, "split": "train", "time": 3.0})
    first, second = MetricsReader(path).read()
    assert first["time"] > 1.7e9
    assert second["time"] == 3.0


@pytest.mark.parametrize("record", [{"step": 1}, {"split": "train"}, {}])
def test_a_record_without_step_or_split_is_refused(tmp_path: Path, record: dict) -> None:
    with MetricsWriter(tmp_path / "m.jsonl") as writer, pytest.raises(ValueError, match="split"):
        writer.write(record)


def test_pandas_reads_the_file(tmp_path: Path) -> None:
    pandas = pytest.importorskip("pandas")
    path = tmp_path / "metrics.jsonl"
    with MetricsWriter(path) as writer:
        for step in (1, 2):
            writer.write({"step": step, "split": "train", "loss/z/850": step / 4})
    frame = pandas.read_json(path, lines=True)
    assert frame["loss/z/850"].tolist() == [0.25, 0.5]


def test_columns_are_by_split_and_nan_where_nothing_was_recorded(tmp_path: Path) -> None:
    path = tmp_path / "metrics.jsonl"
    table = MetricsTable(path)
    table.refresh()
    assert table.splits == () and table.column("loss").shape == (0,)
    with MetricsWriter(path) as writer:
        writer.write({"step": 0, "split": "validation", "loss": 3.0})
        writer.write({"step": 1, "split": "train", "loss": 2.0})
        writer.write({"step": 2, "split": "train", "loss": math.nan, "extra": 7})
    table.refresh()
    np.testing.assert_array_equal(table.column("loss"), [2.0, np.nan])
    np.testing.assert_array_equal(table.column("extra"), [np.nan, 7])
    np.testing.assert_array_equal(table.column("loss", "validation"), [3.0])
    np.testing.assert_array_equal(table.column("unheard of"), [np.nan, np.nan])
    assert table.last() == {
        "step": 2,
        "extra": 7,
        "time": pytest.approx(table.column("time")[-1]),
    }
    assert set(table.names()) == {"step", "time", "loss", "extra"}


def test_a_resumed_run_shows_the_newer_of_repeated_steps() -> None:
    table = MetricsTable(Path("unused"))
    table.extend({"step": s, "split": "train", "loss": s} for s in range(1, 8))
    table.extend({"step": s, "split": "validation", "loss": s} for s in (0, 3, 6))
    # Resumed from the checkpoint at step 3: validates there again, then goes on with step 4.
    table.extend([{"step": 3, "split": "validation", "loss": -3}])
    table.extend({"step": s, "split": "train", "loss": -s} for s in (4, 5))
    np.testing.assert_array_equal(table.column("step"), [1, 2, 3, 4, 5])
    np.testing.assert_array_equal(table.column("loss"), [1, 2, 3, -4, -5])
    np.testing.assert_array_equal(table.column("loss", "validation"), [0, -3])


def test_two_records_of_one_step_become_one_row() -> None:
    table = MetricsTable(Path("unused"))
    table.extend([{"step": 0, "split": "validation", "loss": 1.0}])
    table.extend([{"step": 0, "split": "validation", "persistence_loss": 2.0, "loss": None}])
    assert table.num_rows("validation") == 1
    assert table.last("validation") == {"step": 0, "loss": 1.0, "persistence_loss": 2.0}


def _expected(records: list[dict]) -> dict[str, list[tuple[int, float]]]:
    """The same rule, written the slow and plain way."""
    rows: dict[str, dict[int, float]] = {}
    for record in records:
        step, split = record["step"], record["split"]
        own = rows.setdefault(split, {})
        if own and step < max(own):
            for name, other in rows.items():
                limit = step if name == split else step + 1
                rows[name] = {s: v for s, v in other.items() if s < limit}
        rows[split][step] = record["loss"]
    return {split: sorted(values.items()) for split, values in rows.items()}


@given(
    st.lists(
        st.tuples(st.integers(0, 12), st.sampled_from(["train", "validation"]), st.floats(0, 1)),
        max_size=60,
    ),
    st.integers(1, 10),
)
def test_the_table_follows_its_rule_whatever_the_order_and_the_batches(
    rows: list[tuple[int, str, float]], batch: int
) -> None:
    records = [{"step": step, "split": split, "loss": loss} for step, split, loss in rows]
    table = MetricsTable(Path("unused"))
    for start in range(0, len(records), batch):
        table.extend(records[start : start + batch])
    for split, expected in _expected(records).items():
        found = table.columns(split, ("step", "loss"))
        assert list(zip(found["step"], found["loss"], strict=True)) == expected


def test_columns_of_one_call_are_of_one_moment_while_another_thread_appends(
    tmp_path: Path,
) -> None:
    path = tmp_path / "metrics.jsonl"
    stop, looked = threading.Event(), threading.Event()

    def write() -> None:
        with MetricsWriter(path) as writer:
            for step in range(3000):
                if step % 1000 == 500:
                    # However busy the machine is, somebody looks in between.
                    looked.clear()
                    looked.wait(20)
                writer.write({"step": step, "split": "train", "loss": step, f"x{step % 50}": 1})
        stop.set()

    thread = threading.Thread(target=write)
    thread.start()
    looks = 0
    while not stop.is_set():
        columns = metrics_table(path).columns()
        assert len({len(values) for values in columns.values()}) <= 1
        if columns:
            np.testing.assert_array_equal(columns["step"], columns["loss"])
        looks += 1
        looked.set()
    thread.join()
    assert metrics_table(path).num_rows() == 3000
    assert looks > 1


def test_a_file_is_parsed_once_a_process_however_many_read_it(tmp_path: Path) -> None:
    path = tmp_path / "metrics.jsonl"
    with MetricsWriter(path) as writer:
        writer.write({"step": 1, "split": "train"})
    table = metrics_table(path)
    assert metrics_table(path) is table
    assert table.num_rows() == 1
    path.unlink()
    with MetricsWriter(path) as writer:
        writer.write({"step": 5, "split": "train"})
    np.testing.assert_array_equal(metrics_table(path).column("step"), [5])


def test_records_without_a_step_count_as_damaged(tmp_path: Path) -> None:
    path = tmp_path / "metrics.jsonl"
    path.write_text('{"loss": 1}\n{"step": "x"}\n{"step": 1}\nrubbish\n')
    table = metrics_table(path)
    assert table.damaged == 3
    assert table.num_rows("train") == 1


def test_a_column_handed_out_does_not_change_afterwards() -> None:
    table = MetricsTable(Path("unused"))
    table.extend({"step": s, "split": "train", "loss": s} for s in (1, 2, 3))
    before = table.column("loss")
    table.extend([{"step": 2, "split": "train", "loss": 9.0}])
    np.testing.assert_array_equal(before, [1, 2, 3])
    np.testing.assert_array_equal(table.column("loss"), [1, 9])


@given(
    st.lists(st.tuples(st.floats(0.1, 600.0), st.just(0.0) | st.floats(-7200.0, 0.0)), min_size=1),
    st.integers(1, 5),
)
def test_times_go_on_where_they_were_when_the_clock_is_moved_back(
    steps: list[tuple[float, float]], every: int
) -> None:
    table, clock, shown = MetricsTable(Path("metrics.jsonl")), 1.8e9, [1.8e9]
    records = [{"step": 0, "split": "train", "time": clock}]
    for number, (took, moved) in enumerate(steps, start=1):
        clock += took + moved
        shown.append(shown[-1] + max(0.0, took + moved))
        split = "validation" if number % every == 0 else "train"
        records.append({"step": number, "split": split, "time": clock})
    for record in records:
        table.extend([record])
    found = {}
    for split in table.splits:
        columns = table.columns(split, ("step", "time"))
        assert (np.diff(columns["time"]) >= 0).all()
        found |= dict(zip(columns["step"].tolist(), columns["time"].tolist(), strict=True))
    np.testing.assert_allclose([found[step] for step in range(len(shown))], shown, atol=1e-3)


def test_a_resume_after_any_cut_keeps_all_whole_records_and_adds_its_steps(tmp_path: Path) -> None:
    path = tmp_path / "metrics.jsonl"
    records = [{"step": step, "split": "train", "loss": 1 / step} for step in range(1, 4)]
    with MetricsWriter(path) as writer:
        for record in records:
            writer.write(record)
    whole = path.read_bytes()
    ends = [i for i, byte in enumerate(whole) if byte == ord("\n")]
    for cut in range(len(whole) + 1):
        path.write_bytes(whole[:cut])
        table = MetricsTable(path)
        table.refresh()
        with MetricsWriter(path) as writer:
            # From the checkpoint of step 1, which the file may lack.
            for step in (2, 3, 4):
                writer.write({"step": step, "split": "train", "loss": 2 / step})
        kept = min(1, sum(end <= cut for end in ends))
        losses = [1 / step for step in range(1, kept + 1)] + [2 / step for step in (2, 3, 4)]
        for shown in (table, MetricsTable(path)):
            shown.refresh()
            assert shown.column("step").tolist() == [*range(1, kept + 1), 2, 3, 4]
            assert shown.column("loss").tolist() == losses
            assert shown.damaged == 0
