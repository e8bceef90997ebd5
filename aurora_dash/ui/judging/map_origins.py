"""Where the forecasts of the maps lie: an evaluation's fields, or what a rollout wrote."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

import streamlit as st
import xarray as xr

from aurora_dash.data.places import stamp_of
from aurora_dash.data.roots import configured_roots, resolve_inside_roots
from aurora_dash.errors import DataError, EvaluationError
from aurora_dash.evaluation.job import (
    EvaluationState,
    evaluation_folder,
    list_evaluations,
    load_evaluation,
)
from aurora_dash.evaluation.maps.forecasts import PERSISTENCE, Forecasts
from aurora_dash.evaluation.maps.opening import of_evaluation, of_stored, stored_forecasts
from aurora_dash.evaluation.results import FIELDS_FILE
from aurora_dash.runs.store import Run
from aurora_dash.ui import opened, runs_view
from aurora_dash.ui.cache import run_store
from aurora_dash.ui.judging import follow

SOURCES = {"model": "Fine-tuned", "initial": "Before fine-tuning", PERSISTENCE: "Persistence"}
_BY_PATH = "path:"
_MOST_OTHERS = 60


@dataclass(frozen=True)
class Origin:
    """Forecasts that can be opened again and again, in any thread."""

    run_id: str
    """Of the run whose evaluation it is, or whose data tells what came true."""
    evaluation: str = ""
    path: Path | None = None
    """Of stored forecasts."""
    source: str = "model"

    @cached_property
    def file(self) -> Path:
        """The file or store."""
        if self.path is not None:
            return self.path
        return evaluation_folder(self._run, self.evaluation) / FIELDS_FILE

    @property
    def identity(self) -> str:
        """Another text once the content is another, for caches."""
        return " ".join(map(str, (self.run_id, self.source, *stamp_of(self.file))))

    @property
    def name(self) -> str:
        """Of the file, for those that are made of it."""
        return self.file.stem if self.path else self.evaluation

    def open(self) -> Forecasts:
        """The forecasts; to be closed."""
        if self.path is not None:
            return of_stored(self.path, self._truth())
        return of_evaluation(load_evaluation(self._run, self.evaluation), self._run.spec())

    @property
    def _run(self) -> Run:
        return run_store().get(self.run_id)

    def _truth(self) -> xr.Dataset | None:
        """The run's data, where it can be opened: without it maps have no target, and say so."""
        try:
            return opened.opened(self._run.spec()).dataset
        except DataError:
            return None


def choose(run: Run, evaluation: str | None) -> Origin | None:
    """Which forecasts are drawn, the evaluation's first; None while there are none."""
    shelf = {str(path): path for path in stored_forecasts(run)}
    kept = [evaluation] if evaluation and _has_fields(run, evaluation) else []
    options = [*kept, *shelf, _BY_PATH]
    names = {_BY_PATH: "A file of forecasts, by its path"}
    names |= {text: f"Forecast {path.parent.name}/{path.name}" for text, path in shelf.items()}
    names |= dict.fromkeys(kept, "Fields of this evaluation")
    chosen = st.selectbox(
        "Forecasts",
        options,
        format_func=names.__getitem__,
        help="Fields that the evaluation kept, or what a rollout wrote.",
        key="map-forecasts",
        bind="query-params",
    )
    if chosen in shelf:
        return Origin(run.id, path=shelf[chosen])
    return Origin(run.id, evaluation=chosen) if chosen in kept else _typed(run)


def _typed(run: Run) -> Origin | None:
    text = st.text_input(
        "File of forecasts",
        placeholder="/data/forecasts/forecast.zarr",
        help="What aurora-dash rollout wrote, as .zarr or .nc.",
        key="map-path",
        bind="query-params",
    )
    if not text or not text.strip():
        return None
    path = resolve_inside_roots(text, configured_roots())
    if not path.exists():
        raise EvaluationError(f"There is no {path}.", remedy="Check the spelling.")
    return Origin(run.id, path=path)


def choose_other(first: Origin, source: str, sources: tuple[str, ...]) -> tuple[Origin, str] | None:
    """What is subtracted from `source` of the first, and its name; None for nothing."""
    others = _others(replace(first, source=source), sources)
    none = "nothing"
    chosen = st.selectbox(
        "Compare with (A − B)",
        [none, *others],
        help="A second checkpoint at the same valid time and lead: another evaluation that kept "
        "fields, of this run or another, or a stored forecast.",
        key="map-minus",
        bind="query-params",
    )
    return None if chosen in (None, none) else (others[chosen], str(chosen))


def _others(first: Origin, sources: tuple[str, ...]) -> dict[str, Origin]:
    """By their names, those of the same file first."""
    found: dict[str, Origin] = {}
    for source in sources:
        if source != first.source:
            name = SOURCES.get(source, source)
            found[name] = Origin(first.run_id, first.evaluation, first.path, source)
    runs = run_store().list()
    titles = runs_view.choices(runs)
    for run in runs:
        for status in list_evaluations(run):
            if status.state is EvaluationState.COMPLETED and _has_fields(run, status.id):
                found[f"{titles[run.id]}: {follow.title(status)}"] = Origin(run.id, status.id)
        for path in stored_forecasts(run):
            name = f"{titles[run.id]}: forecast {path.parent.name}/{path.name}"
            found[name] = Origin(run.id, path=path)
        if len(found) > _MOST_OTHERS:
            break
    return {name: origin for name, origin in found.items() if origin != first}


def _has_fields(run: Run, evaluation: str) -> bool:
    return (evaluation_folder(run, evaluation) / FIELDS_FILE).is_file()
