"""ERA5 by way of the store's queue, and everything that goes wrong there."""

from __future__ import annotations

import hashlib
import json
import logging
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import xarray as xr

from aurora_dash.data.check import check_for_training
from aurora_dash.data.fetch.pace import Pace, StoppedError
from aurora_dash.data.fetch.plan import plan
from aurora_dash.data.fetch.request import FetchRequest
from aurora_dash.data.fetch.run import Fetched, run
from aurora_dash.data.fetch.state import FetchStatus, read_state, read_status
from aurora_dash.data.findings import launchable
from aurora_dash.data.source import open_data
from aurora_dash.errors import DataError
from aurora_dash.presets import demo
from aurora_dash.spec import DataSpec
from tests.data.fetch.cds_server import KEY, LICENCE_REFUSAL, CdsServer, some_bytes

Norway = Callable[..., FetchRequest]
PIECES = 3  # static, surface, pressure


@pytest.mark.slow
def test_what_the_store_delivers_is_ready_to_train_on(
    norway_cds: CdsServer, norway: Norway, quick: Pace, norway_files: tuple[Path, Path]
) -> None:
    told: list[FetchStatus] = []
    fetched = run(plan(norway()), told.append, pace=quick)

    assert sorted(path.name for path in fetched.files) == [
        "era5_pressure_2025-06-01_2025-06-05.nc",
        "era5_static.nc",
        "era5_surface_2025-06-01_2025-06-05.nc",
    ]
    spec = demo().replace(data=DataSpec(source="files", paths=(str(fetched.folder),)))
    opened = open_data(spec.data, spec.model.catalogue_entry)
    assert launchable(check_for_training(opened, spec))
    assert opened.dataset.sizes == {"time": 20, "level": 4, "latitude": 60, "longitude": 60}
    with xr.open_dataset(norway_files[0], engine="h5netcdf") as truth:
        expected = truth["q"].sel(pressure_level=[850.0]).values[:, :, :60, :60]
        assert np.array_equal(opened.dataset["atmos_q"].sel(level=[850.0]).values, expected)
    opened.close()
    assert norway_cds.submissions == PIECES
    assert {state.state for state in told} == {"running", "completed"}
    assert told[-1].pieces_done == PIECES and told[-1].fraction_done == 1.0
    assert (
        "Copernicus Climate Change Service information [2025]"
        in (fetched.folder / "ATTRIBUTION.txt").read_text()
    )


def test_a_second_run_asks_the_store_nothing(cds: CdsServer, norway: Norway, quick: Pace) -> None:
    first = run(plan(norway()), pace=quick)
    asked = len(cds.requests)
    assert run(plan(norway()), pace=quick) == first
    assert len(cds.requests) == asked


def test_a_file_that_was_deleted_comes_back_from_the_same_request(
    cds: CdsServer, norway: Norway, quick: Pace
) -> None:
    fetched = run(plan(norway()), pace=quick)
    fetched.files[1].unlink()
    assert run(plan(norway()), pace=quick) == fetched
    assert fetched.files[1].read_bytes() in [job.content for job in cds.jobs.values()]
    assert cds.submissions == PIECES


@pytest.mark.slow
def test_so_many_requests_wait_at_the_store_at_a_time(
    cds: CdsServer, norway: Norway, quick: Pace
) -> None:
    year = norway(start="2025-01-01", end="2025-06-30")
    fetched = run(plan(year), pace=replace(quick, queued=5))
    assert len(fetched.files) == cds.submissions == 1 + 6 * 2
    assert cds.most_open == 5


def test_a_failed_request_is_told_with_its_reason_and_only_it_is_asked_again(
    cds: CdsServer, norway: Norway, quick: Pace
) -> None:
    cds.failing = "mean_sea_level_pressure"
    with pytest.raises(DataError, match=r"1 of 3 requests failed.*surface.*MarsNoDataError"):
        run(plan(norway()), pace=quick)
    assert cds.submissions == PIECES
    cds.failing = ""
    assert len(run(plan(norway()), pace=quick).files) == PIECES
    assert cds.submissions == PIECES + 1


@pytest.mark.slow
def test_a_busy_store_is_given_the_time_it_asks_for(
    cds: CdsServer, norway: Norway, quick: Pace
) -> None:
    cds.busy = 3
    began = time.monotonic()
    run(plan(norway()), pace=quick)
    assert time.monotonic() - began > 3 * 0.3
    assert cds.submissions == PIECES


def test_a_licence_that_was_not_accepted_is_explained(
    cds: CdsServer, norway: Norway, quick: Pace
) -> None:
    cds.refuse = LICENCE_REFUSAL
    with pytest.raises(DataError) as caught:
        run(plan(norway()), pace=quick)
    assert "wants the licence" in caught.value.message
    assert "tab=download#manage-licences" in caught.value.message
    assert "accept the terms" in caught.value.remedy
    cds.refuse = None
    run(plan(norway()), pace=quick)
    assert cds.submissions == PIECES


def test_a_request_over_the_limit_is_explained(cds: CdsServer, norway: Norway, quick: Pace) -> None:
    cds.refuse = {
        "status": 403,
        "title": "cost limits exceeded",
        "detail": "Your request is too large, please reduce your selection.",
    }
    with pytest.raises(DataError, match=r"too large.*fewer variables"):
        run(plan(norway()), pace=quick)


def test_an_expired_key_is_told_and_stands_nowhere(
    cds: CdsServer, norway: Norway, quick: Pace, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    cds.key = "another"
    with pytest.raises(DataError) as caught:
        run(plan(norway()), pace=quick)
    assert "does not accept the key" in caught.value.message
    assert "profile" in caught.value.remedy
    written = [path.read_text() for path in Path(norway().out).rglob("*") if path.is_file()]
    for text in (str(caught.value), repr(caught.value), caplog.text, *written):
        assert KEY not in text


def test_the_key_stands_nowhere_after_success(
    cds: CdsServer, norway: Norway, quick: Pace, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    run(plan(norway()), pace=quick)
    assert KEY not in caplog.text
    assert all(KEY not in p.read_text(errors="replace") for p in Path(norway().out).iterdir())


def test_a_download_that_breaks_goes_on_where_it_broke(
    cds: CdsServer, norway: Norway, quick: Pace
) -> None:
    cds.cut_after = 70_000
    fetched = run(plan(norway()), pace=quick)
    ranges = [asked for method, path, asked in cds.requests if "/download/" in path and asked]
    assert ranges == ["bytes=65536-"]
    assert _hashes(fetched) == {hashlib.sha256(j.content).hexdigest() for j in cds.jobs.values()}


def test_a_file_of_another_length_than_promised_is_refused(
    cds: CdsServer, norway: Norway, quick: Pace
) -> None:
    cds.promised = 200_001
    with pytest.raises(DataError, match=r"200,000 of 200,001 bytes"):
        run(plan(norway()), pace=quick)
    assert not list(Path(norway().out).glob("*.nc"))


@pytest.mark.parametrize("form", ["md5:{md5}", "1220{sha256}", "d50110{md5}"])
def test_a_wrong_checksum_is_refused_and_a_right_one_taken(
    cds: CdsServer, norway: Norway, quick: Pace, form: str
) -> None:
    def checksum(content: bytes) -> str:
        md5, sha256 = hashlib.md5(content).hexdigest(), hashlib.sha256(content).hexdigest()
        return form.format(md5=md5, sha256=sha256)

    cds.checksum = lambda content: checksum(content + b"!")
    with pytest.raises(DataError, match="checksum"):
        run(plan(norway()), pace=quick)
    cds.checksum = checksum
    assert len(run(plan(norway()), pace=quick).files) == PIECES
    assert cds.submissions == PIECES


def test_a_page_instead_of_data_is_refused(cds: CdsServer, norway: Norway, quick: Pace) -> None:
    cds.content = lambda collection, inputs: b"<html>Sign in</html>"
    with pytest.raises(DataError, match="not NetCDF"):
        run(plan(norway()), pace=quick)
    assert not list(Path(norway().out).glob("*.nc"))


def test_the_store_may_restart_between_two_looks(
    cds: CdsServer, norway: Norway, quick: Pace
) -> None:
    cds.frozen = True

    def restart() -> None:
        while cds.submissions < PIECES:
            time.sleep(0.01)
        cds.stop()
        time.sleep(0.1)
        cds.frozen = False
        cds.start()

    thread = threading.Thread(target=restart)
    thread.start()
    patient = replace(quick, tries=200)
    assert len(run(plan(norway()), pace=patient).files) == PIECES
    thread.join()
    assert cds.submissions == PIECES


def test_a_store_that_is_not_there_is_told(cds: CdsServer, norway: Norway, quick: Pace) -> None:
    cds.stop()
    with pytest.raises(DataError, match="could not be reached 8 times in a row"):
        run(plan(norway()), pace=quick)


def test_an_answer_lost_on_the_way_does_not_submit_twice(
    cds: CdsServer, norway: Norway, quick: Pace
) -> None:
    cds.lost_answers = 2
    assert len(run(plan(norway()), pace=quick).files) == PIECES
    assert cds.submissions == PIECES


def test_a_request_that_the_store_dropped_is_submitted_again(
    cds: CdsServer, norway: Norway, quick: Pace
) -> None:
    cds.frozen = True
    _stop_when(lambda: cds.submissions == PIECES, norway(), quick)
    cds.jobs.pop(next(iter(cds.jobs)))
    cds.frozen = False
    assert len(run(plan(norway()), pace=quick).files) == PIECES
    assert cds.count("POST", "execution") == PIECES + 1


def test_stopping_keeps_the_queue_and_going_on_submits_nothing(
    cds: CdsServer, norway: Norway, quick: Pace
) -> None:
    cds.frozen = True
    _stop_when(lambda: cds.submissions == PIECES, norway(), quick)
    status = read_status(Path(norway().out))
    assert status is not None and status.state == "stopped" and status.queued == PIECES
    cds.frozen = False
    assert len(run(plan(norway()), pace=quick).files) == PIECES
    assert cds.submissions == PIECES


def test_two_processes_never_fetch_into_one_folder(
    cds: CdsServer, norway: Norway, quick: Pace
) -> None:
    cds.frozen = True
    refused: list[DataError] = []

    def attempt() -> bool:
        if cds.submissions < PIECES:
            return False
        with pytest.raises(DataError, match="already") as caught:
            run(plan(norway()), pace=quick)
        refused.append(caught.value)
        return True

    _stop_when(attempt, norway(), quick)
    assert refused and cds.submissions == PIECES


def test_another_fetch_into_the_same_folder_is_refused(
    cds: CdsServer, norway: Norway, quick: Pace
) -> None:
    run(plan(norway()), pace=quick)
    with pytest.raises(DataError, match=r"another fetch.*end '2025-06-05' there, '2025-06-04'"):
        run(plan(norway(end="2025-06-04")), pace=quick)


def test_a_damaged_state_is_told(cds: CdsServer, norway: Norway, quick: Pace) -> None:
    run(plan(norway()), pace=quick)
    (Path(norway().out) / "fetch.json").write_text("{")
    with pytest.raises(DataError, match=r"fetch\.json can't be read"):
        run(plan(norway()), pace=quick)


_SCRIPT = """
import json, sys
from aurora_dash.data.fetch.pace import Pace
from aurora_dash.data.fetch.plan import plan
from aurora_dash.data.fetch.request import FetchRequest
from aurora_dash.data.fetch.run import run
pace = Pace(poll=0.01, poll_most=0.05, retry=0.01, retry_most=0.05)
run(plan(FetchRequest.build(json.loads(sys.argv[1]))), pace=pace)
"""


def _killed_when(condition: Callable[[], bool], request: FetchRequest) -> None:
    """Fetch in a process of its own, and end it as a power cut would."""
    process = subprocess.Popen([sys.executable, "-c", _SCRIPT, request.model_dump_json()])
    deadline = time.monotonic() + 90
    while not condition():
        assert process.poll() is None and time.monotonic() < deadline
        time.sleep(0.02)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()


@pytest.mark.slow
def test_after_kill_9_in_the_queue_nothing_is_submitted_again(
    cds: CdsServer, norway: Norway, quick: Pace
) -> None:
    cds.frozen = True
    folder = Path(norway().out)

    def all_are_known() -> bool:
        state = read_state(folder)
        return state is not None and sum(p.job is not None for p in state.pieces.values()) == PIECES

    _killed_when(all_are_known, norway())
    status = read_status(folder)
    assert status is not None and status.state == "interrupted"
    cds.frozen = False
    assert len(run(plan(norway()), pace=quick).files) == PIECES
    assert cds.submissions == PIECES


@pytest.mark.slow
def test_after_kill_9_between_submission_and_answer_nothing_is_submitted_again(
    cds: CdsServer, norway: Norway, quick: Pace
) -> None:
    cds.hold.clear()
    _killed_when(lambda: cds.submissions == 1, norway())
    cds.hold.set()
    assert len(run(plan(norway()), pace=quick).files) == PIECES
    assert cds.submissions == PIECES


@pytest.mark.slow
def test_after_kill_9_in_a_download_the_rest_of_it_comes(
    cds: CdsServer, norway: Norway, quick: Pace
) -> None:
    cds.content = lambda collection, inputs: some_bytes(collection, inputs) * 200
    cds.cut_after = 30_000_000
    folder = Path(norway().out)
    _killed_when(lambda: any(p.stat().st_size > 2**20 for p in folder.glob(".*.part")), norway())
    kept = next(iter(folder.glob(".*.part"))).stat().st_size
    fetched = run(plan(norway()), pace=quick)
    assert _hashes(fetched) == {hashlib.sha256(j.content).hexdigest() for j in cds.jobs.values()}
    resumed = [int(r.removeprefix("bytes=").rstrip("-")) for _, _, r in cds.requests if r]
    assert kept in resumed
    assert cds.submissions == PIECES


def _stop_when(condition: Callable[[], bool], request: FetchRequest, pace: Pace) -> None:
    with pytest.raises(StoppedError):
        run(plan(request), should_stop=condition, pace=pace)


def _hashes(fetched: Fetched) -> set[str]:
    state = json.loads((fetched.folder / "fetch.json").read_text())
    recorded = {f["sha256"] for piece in state["pieces"].values() for f in piece["files"]}
    assert recorded == {hashlib.sha256(path.read_bytes()).hexdigest() for path in fetched.files}
    return recorded
