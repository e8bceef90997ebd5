"""A preparation that is killed without warning goes on as if nothing had happened."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from aurora_dash.data.store.status import PrepareState, read_status

SLOW_PREPARE = """
import sys, time
from aurora_dash.cli import main
import aurora_dash.data.store.writing as writing
honest = writing.write_file
def slow(path, content):
    time.sleep(0.004)
    honest(path, content)
writing.write_file = slow
sys.exit(main(sys.argv[1:]))
"""


def _command(files: list[Path], out: Path, codec: str) -> list[str]:
    return ["data", "prepare", *map(str, files), "--out", str(out), "--codec", codec, "--json"]


def _prepare(files: list[Path], out: Path, codec: str) -> dict[str, object]:
    done = subprocess.run(
        [sys.executable, "-m", "aurora_dash", *_command(files, out, codec)],
        capture_output=True, check=True, timeout=120,
    )  # fmt: skip
    result: dict[str, object] = json.loads(done.stdout)
    return result


@pytest.mark.slow
@pytest.mark.parametrize("codec", ["lz4", "none"])
def test_a_killed_preparation_ends_in_the_same_bytes(month_files, tmp_path, tree, codec) -> None:
    files = month_files()
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    _prepare(files, whole, codec)
    for round_number in range(3):
        process = subprocess.Popen(
            [sys.executable, "-c", SLOW_PREPARE, *_command(files, killed, codec)],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        wanted, deadline = 3 * round_number + 1, time.monotonic() + 60
        while time.monotonic() < deadline:
            if len(list(killed.glob("atmos_q/c.*"))) > wanted:
                break
            time.sleep(0.002)
        os.kill(process.pid, signal.SIGKILL)
        assert process.wait() == -signal.SIGKILL
        status = read_status(killed)
        assert status is not None
        assert status.state is PrepareState.INTERRUPTED
    result = _prepare(files, killed, codec)
    assert 0 < int(str(result["num_kept"])) < 12
    assert int(str(result["num_kept"])) + int(str(result["num_written"])) == 12
    assert tree(killed) == tree(whole)
