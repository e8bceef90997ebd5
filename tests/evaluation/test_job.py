from __future__ import annotations

import json
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from aurora_dash.errors import EvaluationError
from aurora_dash.evaluation.job import (
    EvaluationState,
    EvaluationStatus,
    evaluation_folder,
    get_evaluation,
    list_evaluations,
    load_evaluation,
    start_evaluation,
    stop_all,
    stop_evaluation,
)
from aurora_dash.evaluation.request import EvaluationRequest
from aurora_dash.presets import demo
from aurora_dash.runs.store import Run, RunStore
from aurora_dash.spec import RunSpec


@pytest.fixture
def run(tmp_path: Path) -> Run:
    return RunStore(tmp_path / "runs").create(demo())


class Worker:
    """An evaluation that does nothing until told to."""

    def __init__(self, error: Exception | None = None) -> None:
        self.begun = threading.Event()
        self.go = threading.Event()
        self.error = error
        self.calls: list[tuple[EvaluationRequest, Path]] = []

    def __call__(self, request: EvaluationRequest, folder: Path, **options: Any) -> Any:
        self.calls.append((request, folder))
        self.begun.set()
        options["progress"](1, 4)
        while not self.go.wait(0.01):
            if options["should_stop"]():
                raise EvaluationError("The evaluation was stopped.")
        if self.error:
            raise self.error
        options["progress"](4, 4)


def _wait(
    run: Run, evaluation_id: str, state: EvaluationState, seconds: float = 10
) -> EvaluationStatus:
    deadline = time.monotonic() + seconds
    while (status := get_evaluation(run, evaluation_id)).state is not state:
        assert time.monotonic() < deadline, status
        time.sleep(0.01)
    return status


def _request(run: Run) -> EvaluationRequest:
    return EvaluationRequest(run=run.id, leads=2)


def test_an_evaluation_tells_how_far_it_is_and_that_it_is_done(run: Run) -> None:
    worker = Worker()
    evaluation_id = start_evaluation(run, _request(run), evaluate=worker)
    assert worker.begun.wait(5)
    status = _wait(run, evaluation_id, EvaluationState.RUNNING)
    assert status.request == _request(run)
    worker.go.set()
    status = _wait(run, evaluation_id, EvaluationState.COMPLETED)
    assert (status.done, status.total, status.fraction_done) == (4, 4, 1.0)
    assert status.ended is not None and status.started is not None
    assert worker.calls == [(_request(run), evaluation_folder(run, evaluation_id))]
    assert [s.id for s in list_evaluations(run)] == [evaluation_id]


def test_a_real_evaluation_ends_with_its_scores(make_run: Any, small_spec: RunSpec) -> None:
    run = make_run(small_spec)
    request = EvaluationRequest(run=run.id, device="cpu", max_samples=2, variables="2t")
    evaluation_id = start_evaluation(run, request)
    status = _wait(run, evaluation_id, EvaluationState.COMPLETED, seconds=60)
    assert (status.done, status.total) == (4, 4)
    result = load_evaluation(run, evaluation_id)
    assert {score.source for score in result.scores} == {"model", "persistence", "initial"}
    assert result.folder == evaluation_folder(run, evaluation_id)


def test_a_real_evaluation_that_can_not_begin_says_why(
    make_run: Any, small_spec: RunSpec, tmp_path: Path
) -> None:
    run = make_run(small_spec)
    outside = {"source": "files", "paths": ["/etc/hostname"]}
    request = EvaluationRequest.build({"run": run.id, "data": outside})
    evaluation_id = start_evaluation(run, request, roots=(tmp_path,))
    status = _wait(run, evaluation_id, EvaluationState.FAILED, seconds=60)
    assert "/etc/hostname" in status.reason and status.remedy


def test_a_failure_keeps_its_reason_and_remedy(run: Run) -> None:
    worker = Worker(EvaluationError("There is no sample.", remedy="Choose more data."))
    worker.go.set()
    evaluation_id = start_evaluation(run, _request(run), evaluate=worker)
    status = _wait(run, evaluation_id, EvaluationState.FAILED)
    assert (status.reason, status.remedy) == ("There is no sample.", "Choose more data.")


def test_an_unexpected_error_fails_the_evaluation_and_frees_the_turn(run: Run) -> None:
    worker = Worker(ZeroDivisionError("nought"))
    worker.go.set()
    first = start_evaluation(run, _request(run), evaluate=worker)
    assert "ZeroDivisionError: nought" in _wait(run, first, EvaluationState.FAILED).reason
    worker.error = None
    second = start_evaluation(run, _request(run), evaluate=worker)
    _wait(run, second, EvaluationState.COMPLETED)


def test_one_works_at_a_time_and_both_a_waiting_and_a_working_one_can_be_stopped(run: Run) -> None:
    worker, waiting = Worker(), Worker()
    first = start_evaluation(run, _request(run), evaluate=worker)
    assert worker.begun.wait(5)
    second = start_evaluation(run, _request(run), evaluate=waiting)
    third = start_evaluation(run, _request(run), evaluate=waiting)
    assert get_evaluation(run, second).state is EvaluationState.QUEUED
    stop_evaluation(run, second)
    stop_evaluation(run, third)
    _wait(run, second, EvaluationState.STOPPED)
    _wait(run, third, EvaluationState.STOPPED)
    stop_evaluation(run, first)
    _wait(run, first, EvaluationState.STOPPED)
    assert waiting.calls == []
    with pytest.raises(EvaluationError, match="nothing to stop"):
        stop_evaluation(run, first)


def test_one_whose_process_is_gone_reads_as_interrupted(run: Run) -> None:
    worker = Worker()
    worker.go.set()
    evaluation_id = start_evaluation(run, _request(run), evaluate=worker)
    status = _wait(run, evaluation_id, EvaluationState.COMPLETED)
    path = evaluation_folder(run, evaluation_id) / "status.json"
    assert status.owner is not None
    for change in ({"process_start": "0"}, {"boot": "another", "host": "elsewhere"}):
        record = json.loads(status.model_dump_json())
        record["state"] = "running"
        record["owner"] |= change
        path.write_text(json.dumps(record))
        # Its last word comes before it lets go of the lock, so that moment may still lie ahead.
        _wait(run, evaluation_id, EvaluationState.INTERRUPTED)


def test_damaged_and_foreign_folders_are_listed_not_raised(run: Run) -> None:
    (run.evaluation_folder / "strange").mkdir(parents=True)
    (run.evaluation_folder / "torn").mkdir()
    (run.evaluation_folder / "torn" / "status.json").write_text('{"id": "to')
    assert {s.id: s.state for s in list_evaluations(run)} == {
        "strange": EvaluationState.FAILED,
        "torn": EvaluationState.FAILED,
    }


@pytest.mark.parametrize("name", ["../other", "/etc", "absent", "..", ""])
def test_an_id_is_the_name_of_a_folder_there(run: Run, name: str) -> None:
    run.evaluation_folder.mkdir()
    with pytest.raises(EvaluationError, match="has no evaluation"):
        evaluation_folder(run, name)


def test_a_request_for_another_run_is_refused(run: Run) -> None:
    with pytest.raises(EvaluationError, match="another-run"):
        start_evaluation(run, EvaluationRequest(run="another-run"), evaluate=Worker())


def test_the_end_of_the_process_stops_the_working_and_the_waiting(run: Run) -> None:
    worker, waiting = Worker(), Worker()
    first = start_evaluation(run, _request(run), evaluate=worker)
    assert worker.begun.wait(5)
    second = start_evaluation(run, _request(run), evaluate=waiting)
    assert stop_all(timeout=10)
    assert get_evaluation(run, first).state is EvaluationState.STOPPED
    assert get_evaluation(run, second).state is EvaluationState.STOPPED
    assert waiting.calls == []


def test_an_evaluation_that_does_not_stop_in_time_is_told(run: Run) -> None:
    stubborn, release = threading.Event(), threading.Event()

    def works_on(request: EvaluationRequest, folder: Path, **options: Any) -> Any:
        stubborn.set()
        release.wait(10)

    start_evaluation(run, _request(run), evaluate=works_on)
    assert stubborn.wait(5)
    assert not stop_all(timeout=0.05)
    release.set()
    assert stop_all(timeout=10)
