"""``data fetch`` against a store of our own: estimate, fetch, stop, go on."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.data.fetch.cds_server import KEY, CdsServer, delivering, serve_cds


@pytest.fixture
def cds(norway_files: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch) -> Iterator[CdsServer]:
    """A store that delivers real ERA5 of Norway; its address and key are in the environment."""
    with serve_cds(delivering(*norway_files)) as server:
        server.polls_needed = 1
        for prefix in ("CDSAPI", "ECMWF_DATASTORES"):
            monkeypatch.setenv(f"{prefix}_URL", server.url)
            monkeypatch.setenv(f"{prefix}_KEY", KEY)
        yield server


def arguments(out: Path, *more: str) -> list[str]:
    return [
        *("data", "fetch", "era5", "--start", "2025-06-01", "--end", "2025-06-05"),
        *("--region", "70/5/55/20", "--levels", "1000", "925", "850", "700"),
        *("--out", str(out), *more),
    ]


def test_a_dry_run_shows_the_size_and_asks_nobody(cli, cds: CdsServer, tmp_path: Path) -> None:
    outcome = cli(*arguments(tmp_path / "era5", "--dry-run"))
    assert outcome.code == 0
    assert "20 times in 3 requests, about 3." in outcome.out and "MiB" in outcome.out
    document = cli(*arguments(tmp_path / "era5", "--dry-run", "--json")).document
    assert document["num_requests"] == 3 and len(document["pieces"]) == 3
    assert cds.requests == [] and not (tmp_path / "era5").exists()


@pytest.mark.slow
def test_what_was_fetched_passes_data_check(cli, cds: CdsServer, tmp_path: Path) -> None:
    outcome = cli(*arguments(tmp_path / "era5", "--json"))
    assert outcome.code == 0
    assert outcome.document["state"] == "completed"
    assert outcome.document["num_bytes"] == sum(
        Path(path).stat().st_size for path in outcome.document["files"]
    )
    assert "3/3 done" in outcome.err and KEY not in outcome.err + outcome.out
    assert cli("data", "check", outcome.document["folder"]).code == 0


@pytest.mark.parametrize(
    ("more", "words"),
    [
        (["--region", "70/5/55"], "not four numbers"),
        (["--variant", "0.25-wave"], "MARS"),
        (["--levels", "123"], "[123] hPa"),
        (["--start", "yesterday"], "'yesterday'"),
        (["--dataset", "cmip6"], "'cmip6'"),
    ],
)
def test_what_cannot_be_fetched_is_one_line_and_exit_2(
    cli, tmp_path: Path, more: list[str], words: str
) -> None:
    outcome = cli(*arguments(tmp_path / "era5", *more))
    assert outcome.code == 2
    assert words in outcome.err and len(outcome.err.splitlines()) == 1


def test_a_missing_key_says_what_to_write(
    cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("CDSAPI_KEY", "ECMWF_DATASTORES_KEY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("CDSAPI_RC", str(tmp_path / "none"))
    monkeypatch.setenv("ECMWF_DATASTORES_RC_FILE", str(tmp_path / "none"))
    outcome = cli(*arguments(tmp_path / "era5", "--json"))
    assert outcome.code == 2
    assert "no key" in outcome.document["error"] and "~/.cdsapirc" in outcome.document["remedy"]


@pytest.mark.slow
def test_ctrl_c_stops_cleanly_and_the_same_command_goes_on(
    cli, cds: CdsServer, tmp_path: Path
) -> None:
    cds.frozen = True
    command = [sys.executable, "-m", "aurora_dash", *arguments(tmp_path / "era5", "--json")]
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env={**os.environ}, text=True
    )
    deadline = time.monotonic() + 60
    while cds.submissions < 3 and time.monotonic() < deadline:
        time.sleep(0.05)
    time.sleep(0.3)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 130 and "Traceback" not in err
    assert json.loads(out)["state"] == "stopped"
    cds.frozen = False
    assert cli(*arguments(tmp_path / "era5")).code == 0
    assert cds.submissions == 3
