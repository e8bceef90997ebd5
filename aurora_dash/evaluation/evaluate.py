"""Judge a checkpoint: forecasts, scores beside persistence and beside where it started, fields."""

from __future__ import annotations

import gc
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import torch
from aurora import Batch

from aurora_dash.data.batches import VariableNames
from aurora_dash.data.reading import heed_stop, interruptible
from aurora_dash.errors import EvaluationError, StopAsked
from aurora_dash.evaluation.climatology import Climatology, make_climatology
from aurora_dash.evaluation.fields import FieldKeeper
from aurora_dash.evaluation.forecast import forecast
from aurora_dash.evaluation.histograms import write_histograms
from aurora_dash.evaluation.joint import JointHistograms, limits_of
from aurora_dash.evaluation.judge import Judge
from aurora_dash.evaluation.metrics import table_scores
from aurora_dash.evaluation.outcome import tabulate, write_table
from aurora_dash.evaluation.plan import Plan, make_plan
from aurora_dash.evaluation.request import EvaluationRequest
from aurora_dash.evaluation.results import (
    FIELDS_FILE,
    EvaluationResult,
    require_writable,
    write_result,
)
from aurora_dash.evaluation.sources import CheckpointRef, Subject
from aurora_dash.evaluation.statistics import Scorer
from aurora_dash.evaluation.summary import field_attributes, summarise, table_attributes
from aurora_dash.evaluation.truth import Truth
from aurora_dash.model.device import choose_device
from aurora_dash.model.normalised import OwnStatistics
from aurora_dash.runs.store import RunStore, default_root

Modules = dict[str, OwnStatistics]

# More than there are samples, so that no member of one is another's.
_SEEDS_APART = 1_000_003


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
    """Score a checkpoint and write its files: ``scores.json`` and others (docs/scores.md).

    Samples are streamed: memory does not grow with their number, only with the fields kept for
    maps. `store` holds the runs; None: the default one. `roots` are the folders that data may lie
    in; None: any. `progress` gets the forecast steps done and in all; `should_stop` is asked
    before each, and a stop is an `EvaluationError`, as is anything that can't be compared.
    """
    try:
        with interruptible(should_stop):
            return _evaluate(request, folder, store, roots, progress, should_stop)
    except StopAsked as asked:
        raise EvaluationError(
            "The evaluation was stopped before it had a result.", remedy="Start it again."
        ) from asked


def _evaluate(
    request: EvaluationRequest,
    folder: Path,
    store: RunStore | None,
    roots: tuple[Path, ...] | None,
    progress: Callable[[int, int], None],
    should_stop: Callable[[], bool],
) -> EvaluationResult:
    began = time.monotonic()
    require_writable(folder)
    subject = CheckpointRef.of(request, store or RunStore(default_root())).resolve()
    plan = make_plan(request, subject, store=store, roots=roots)
    try:
        scorer, keeper = judge_plan(plan, progress, should_stop)
        table = tabulate(plan, scorer)
        scores = table_scores(table)
        summary = summarise(plan, scorer.sums, table, scores, keeper, time.monotonic() - began)
        result = EvaluationResult(folder=folder, scores=scores, summary=summary)
        write_table(folder, table.assign_attrs(table_attributes(summary)))
        if scorer.joint is not None:
            write_histograms(folder, scorer.joint.dataset().assign_attrs(table_attributes(summary)))
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
) -> tuple[Scorer, FieldKeeper | None]:
    """Load the models, forecast all samples of a plan and compare; nothing is written."""
    keeper = plan.new_keeper()
    climatology = _climatology(plan)
    with _modules(plan) as modules:
        scorer = _scorer(plan, modules)
        steps = _Steps(plan, modules, progress, should_stop)
        _judge_all(plan, modules, scorer, keeper, climatology, steps)
    scorer.sums.require_scored()
    return scorer, keeper


def _climatology(plan: Plan) -> Climatology | None:
    if not plan.needs_climatology:
        return None
    return make_climatology(
        plan.request.climatology,
        plan.opened.dataset,
        plan.normal_times,
        plan.layout,
        plan.roots,
    )


def _scorer(plan: Plan, modules: Modules) -> Scorer:
    sizes = [_members(plan, module) for module in modules.values()]
    if plan.request.members > 1 and max(sizes) == 1:
        raise EvaluationError(
            f"{plan.request.members} members were asked for, but no model that is judged is "
            "stochastic: all its forecasts of a sample are the same.",
            remedy="Ask for one member.",
        )
    device = choose_device(plan.request.device)
    limits = limits_of(plan.layout, modules["model"].statistics, plan.spec.variables)
    return Scorer(
        plan.layout,
        plan.request.measures,
        len(plan.samples),
        device,
        joint=JointHistograms(plan.layout, limits, device) if plan.request.histograms else None,
        absent=plan.rivals.absent,
        num_members=max(sizes + [file.num_members for file in plan.rivals.files.values()]),
    )


def _members(plan: Plan, module: OwnStatistics) -> int:
    """How many forecasts a model makes of each sample."""
    return plan.request.members if module.is_stochastic else 1


class _Steps:
    """Counts forecast steps and stops between two of them."""

    def __init__(
        self,
        plan: Plan,
        modules: Modules,
        progress: Callable[[int, int], None],
        should_stop: Callable[[], bool],
    ) -> None:
        num_forecasts = sum(_members(plan, module) for module in modules.values())
        self._total = num_forecasts * sum(plan.steps(chunk) for chunk in plan.chunks)
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
    plan: Plan,
    modules: Modules,
    scorer: Scorer,
    keeper: FieldKeeper | None,
    climatology: Climatology | None,
    steps: _Steps,
) -> None:
    dataset = plan.opened.dataset
    truths = {
        source: Truth(dataset, plan.samples, VariableNames.of(subject.spec), modules[source])
        for source, subject in _own_inputs(plan).items()
    }
    judge = Judge(
        dataset=dataset,
        truth=truths["model"],
        lead_hours=plan.lead_hours,
        sources=plan.sources,
        files=plan.rivals.files,
        climatology=climatology,
        scorer=scorer,
        keeper=keeper,
    )
    # Not inference_mode: it hides random operations from the mode that seeds stochastic variants.
    with torch.no_grad(), _memory_in_words():
        for chunk in plan.chunks:
            _judge_chunk(plan, modules, chunk, judge, truths, steps)


def _own_inputs(plan: Plan) -> dict[str, Subject]:
    """The sources that are given inputs of their own: rivals with other variables."""
    names = VariableNames.of(plan.spec)
    others = {
        name: subject
        for name, subject in plan.rivals.checkpoints.items()
        if VariableNames.of(subject.spec) != names
    }
    return {"model": plan.subject, **others}


def _judge_chunk(
    plan: Plan,
    modules: Modules,
    chunk: range,
    judge: Judge,
    truths: Mapping[str, Truth],
    steps: _Steps,
) -> None:
    samples = {position: plan.samples[position] for position in chunk}
    inputs = {source: truth.inputs(chunk) for source, truth in truths.items()}
    num_steps = plan.steps(chunk)
    forecasts = {
        source: [
            forecast(
                module,
                inputs.get(source, inputs["model"]),
                steps=num_steps,
                lead_hours=plan.lead_hours,
                seed=chunk.start + member * _SEEDS_APART,
            )
            for member in range(_members(plan, module))
        ]
        for source, module in modules.items()
    }
    starts = judge.starts(list(samples.values()))
    for step in range(1, num_steps + 1):
        predictions: dict[str, list[Batch]] = {source: [] for source in forecasts}
        for source, members in forecasts.items():
            for predict in members:
                steps.begin()
                predictions[source].append(next(predict))
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
            heed_stop()
            modules["initial"] = plan.subject.load_initial().module.eval().to(device)
        for name, subject in plan.rivals.checkpoints.items():
            heed_stop()
            modules[name] = subject.load().module.eval().to(device)
        heed_stop()
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
            remedy="Use batch size 1, leave out other checkpoints, choose fewer "
            "levels or a region, or the device 'cpu'.",
        ) from error
