"""Writes points where TensorBoard or trackio reads them; runs in a Python that has both.

    python rival_points.py tensorboard FOLDER FIRST COUNT SPIKE

Steps FIRST to FIRST + COUNT - 1 of one series: a falling curve with noise, and `HEIGHT` at the step
SPIKE. Prints when the last of them was written, in seconds since 1970.
"""

from __future__ import annotations

import math
import random
import sys
import time
from collections.abc import Iterator
from pathlib import Path

HEIGHT = 50.0
PROJECT, RUN, SERIES = "bench", "run", "loss"
_CHUNK = 20_000


def points(first: int, count: int, spike: int) -> Iterator[tuple[int, float]]:
    """Steps and their values."""
    noise = random.Random(first)
    for step in range(first, first + count):
        value = math.exp(-step / 1e5) + 0.1 * noise.random()
        yield step, HEIGHT if step == spike else value


def write_tensorboard(folder: Path, found: Iterator[tuple[int, float]]) -> None:
    """As one event file, the format of TensorBoard's own writer."""
    from tensorboard.compat.proto.event_pb2 import Event
    from tensorboard.summary.writer.record_writer import RecordWriter

    path = folder / RUN / "events.out.tfevents.0000000001.bench"
    path.parent.mkdir(parents=True, exist_ok=True)
    is_new = not path.exists()
    with path.open("ab") as file:
        writer = RecordWriter(file)
        if is_new:
            head = Event(wall_time=time.time(), file_version="brain.Event:2")
            writer.write(head.SerializeToString())
        for step, value in found:
            event = Event(step=step, wall_time=time.time())
            event.summary.value.add(tag=SERIES, simple_value=value)
            writer.write(event.SerializeToString())


def write_trackio(found: Iterator[tuple[int, float]]) -> None:
    """Into the database that the environment's ``TRACKIO_DIR`` names."""
    from trackio.sqlite_storage import SQLiteStorage

    chunk: list[tuple[int, float]] = []

    def flush() -> None:
        steps, values = [step for step, _ in chunk], [{SERIES: value} for _, value in chunk]
        SQLiteStorage.bulk_log(PROJECT, RUN, values, steps=steps)
        chunk.clear()

    for point in found:
        chunk.append(point)
        if len(chunk) == _CHUNK:
            flush()
    if chunk:
        flush()


def main() -> int:
    """Write, and say when that was done."""
    kind, folder, *numbers = sys.argv[1:]
    found = points(*map(int, numbers))
    if kind == "tensorboard":
        write_tensorboard(Path(folder), found)
    else:
        write_trackio(found)
    print(time.time())
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
