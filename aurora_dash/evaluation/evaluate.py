"""Judge a checkpoint: forecasts, scores beside persistence and beside where it started, fields."""

from __future__ import annotations

import gc
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import torch

from aurora_dash.data.batches import VariableNames
from aurora_dash.errors import EvaluationError
from aurora_dash.evaluation.fields import FieldKeeper
from aurora_dash.evaluation.forecast import forecast
from aurora_dash.evaluation.judge import Judge
from aurora_dash.evaluation.metrics import ScoreBook
from aurora_dash.evaluation.plan import Plan, make_plan
from aurora_dash.evaluation.request import EvaluationRequest
from aurora_dash.evaluation.results import (
    FIELDS_FILE,
    EvaluationResult,
    require_writable,
    write_result,
)
from aurora_dash.evaluation.sources import CheckpointRef
from aurora_dash.evaluation.summary import field_attributes, summarise
from aurora_dash.evaluation.truth import Truth
from aurora_dash.model.device import choose_device
from aurora_dash.model.normalised import OwnStatistics
from aurora_dash.runs.store import RunStore, default_root

Modules = dict[str, OwnStatistics]


def ignore_progress(done: int, total: int) -> None:
    """Stands in where nobody wants to know."""


def _never() -> bool:
    return False


def evaluate(
    request: EvaluationRequest,
    folder: Path,
    *,
    store: RunStore | None = None,
    roots: tuple[Path, ...] | None = None,
    progress: Callable[[int, int], None] = ignore_progress,
    should_stop: Callable[[], bool] = _never,
) -> EvaluationResult:
    """Score a checkpoint and write ``scores.json``, ``summary.json`` and ``fields.nc``.

    Samples are streamed: memory does not grow with their number, only with the fields kept for
    maps. `store` holds the runs; None: the default one. `roots` are the folders that data may lie
    in; None: any. `progress` gets the forecast steps done and in all; `should_stop` is asked
    before each, and a stop is an `EvaluationError`, as is anything that can't be compared.
    """
    began = time.monotonic()
    require_writable(folder)
    subject = CheckpointRef.of(request, store or RunStore(default_root())).resolve()
    plan = make_plan(request, subject, roots=roots)
    try:
        book, keeper = judge_plan(plan, progress, should_stop)
        scores = book.scores(lambda key: plan.unit(key.variable))
        summary = summarise(plan, book, scores, keeper, time.monotonic() - began)
        result = EvaluationResult(folder=folder, scores=scores, summary=summary)
        if keeper is not None:
            keeper.write(folder / FIELDS_FILE, field_attributes(plan, summary))
        write_result(result)
    finally:
        plan.opened.close()
    return result


def judge_plan(
    plan: Plan,
    progress: Callable[[int, int], None] = ignore_progress,
    should_stop: Callable[[], bool] = _never,
) -> tuple[ScoreBook, FieldKeeper | None]:
    """Load the models, forecast all samples of a plan and compare; nothing is written."""
    book, keeper = plan.new_book(), plan.new_keeper()
    with _modules(plan) as modules:
        _judge_all(plan, modules, book, keeper, _Steps(plan, progress, should_stop))
    return book, keeper


class _Steps:
    """Counts forecast steps and stops between two of them."""

    def __init__(
        self, plan: Plan, progress: Callable[[int, int], None], should_stop: Callable[[], bool]
    ) -> None:
        num_models = len(plan.sources) - len(plan.request.baselines)
        self._total = num_models * sum(plan.steps(chunk) for chunk in plan.chunks)
        self._done = 0
        self._progress = progress
        self._should_stop = should_stop

    def begin(self) -> None:
        """Before a step; `EvaluationError` if the evaluation is to stop."""
        if self._done == 0:
            self._progress(0, self._total)
        if self._should_stop():
            raise EvaluationError(
                f"The evaluation was stopped after {self._done} of {self._total} forecast steps.",
                remedy="Start it again.",
            )

    def end(self) -> None:
        """After a step."""
        self._done += 1
        self._progress(self._done, self._total)


def _judge_all(
    plan: Plan, modules: Modules, book: ScoreBook, keeper: FieldKeeper | None, steps: _Steps
) -> None:
    dataset = plan.opened.dataset
    truth = Truth(dataset, plan.samples, VariableNames.of(plan.spec), modules["model"])
    judge = Judge(
        dataset=dataset,
        truth=truth,
        targets=plan.targets,
        levels=plan.levels,
        lead_hours=plan.lead_hours,
        persistence="persistence" in plan.sources,
        book=book,
        keeper=keeper,
    )
    # Not inference_mode: it hides random operations from the mode that seeds stochastic variants.
    with torch.no_grad(), _memory_in_words():
        for chunk in plan.chunks:
            _judge_chunk(plan, modules, chunk, judge, steps)


def _judge_chunk(plan: Plan, modules: Modules, chunk: range, judge: Judge, steps: _Steps) -> None:
    samples = {position: plan.samples[position] for position in chunk}
    inputs = judge.truth.inputs(chunk)
    num_steps = plan.steps(chunk)
    forecasts = {
        source: forecast(
            module, inputs, steps=num_steps, lead_hours=plan.lead_hours, seed=chunk.start
        )
        for source, module in modules.items()
    }
    starts = judge.starts(list(samples.values()))
    for step in range(1, num_steps + 1):
        predictions = {}
        for source, predict in forecasts.items():
            steps.begin()
            predictions[source] = next(predict)
            steps.end()
        judge.judge(samples, step, predictions, starts)


@contextmanager
def _modules(plan: Plan) -> Iterator[Modules]:
    """The models on their device, by source; let go of at the end, so that memory is free."""
    device = choose_device(plan.request.device)
    modules: Modules = {}
    try:
        modules["model"] = plan.subject.load().module.eval().to(device)
        if "initial" in plan.sources:
            modules["initial"] = plan.subject.load_initial().module.eval().to(device)
        yield modules
    finally:
        modules.clear()
        gc.collect()
        if device.type == "cuda":
            torch.cuda.empty_cache()


@contextmanager
def _memory_in_words() -> Iterator[None]:
    try:
        yield
    except torch.OutOfMemoryError as error:
        raise EvaluationError(
            "The GPU ran out of memory during a forecast.",
            remedy="Use batch size 1, leave out the checkpoint before fine-tuning, choose fewer "
            "levels or a region, or the device 'cpu'.",
        ) from error
