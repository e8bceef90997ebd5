"""What to evaluate. Free of torch, so that pages and the command line can build one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from aurora_dash.errors import AuroraDashError
from aurora_dash.evaluation.measures import CATEGORICAL, MEASURES
from aurora_dash.evaluation.regions import require_regions
from aurora_dash.spec import DataSpec, Region
from aurora_dash.spec.base import (
    FiniteFloat,
    PositiveInt,
    SpecModel,
    StringTuple,
    UtcDatetime,
    one_or_many,
)

Split = Literal["all", "validation", "train"]
Baseline = Literal["persistence", "climatology"]
Grouping = Literal["hour", "season", "surface"]
Weights = Literal["auto", "raw", "average"]

NOT_OF_OTHER_FILES: Mapping[str, object] = {
    **dict.fromkeys(("start", "end", "validation_start", "validation_end")),
    "mix": (),
}
"""Fields of a run's data that make no sense for other files, with their defaults."""


def _known_regions(names: tuple[str, ...]) -> tuple[str, ...]:
    try:
        require_regions(names)
    except AuroraDashError as error:
        raise ValueError(str(error)) from None
    return names


def _known_measures(names: tuple[str, ...]) -> tuple[str, ...]:
    for name in names:
        if name not in MEASURES:
            raise ValueError(f"there is no measure {name!r}; there are {', '.join(MEASURES)}")
    return names


def _odd(width: int) -> int:
    if width % 2 == 0:
        raise ValueError("a neighbourhood is an odd number of points wide, with one in its middle")
    return width


_RESERVED = ("model", "initial", "persistence", "climatology", "target")


class Reference(SpecModel):
    """Something else that is judged on the same samples: a checkpoint, or forecasts in a file."""

    name: Annotated[str, Field(min_length=1, max_length=80)]
    """What it is called in the scores."""
    run: str | None = None
    """Id of the run whose checkpoint it is, in the same folder of runs."""
    checkpoint: str | None = None
    """Of a run ``best``, ``last`` or a checkpoint's name; without `run` a checkpoint file."""
    variant: str | None = None
    """Model variant of a checkpoint file, where its name does not tell."""
    weights: Weights = "auto"
    forecast: str | None = None
    """A file of forecasts, NetCDF, GRIB or Zarr, with initial and lead time as dimensions."""

    @model_validator(mode="after")
    def _one_thing(self) -> Self:
        if (self.forecast is None) == (self.run is None and self.checkpoint is None):
            raise ValueError("give a run or a checkpoint, or a file of forecasts, and not both")
        if self.name in _RESERVED:
            raise ValueError(f"the name {self.name!r} is taken; choose another")
        return self


class ForecastRequest(SpecModel):
    """Which checkpoint is to forecast, from what, how far."""

    run: str | None = None
    """Id of the run whose checkpoint is judged; None: `checkpoint` is a file."""
    checkpoint: str = "best"
    """``best``, ``last`` or a name such as ``step-00000120``; without `run`, a path."""
    variant: str | None = None
    """Model variant of a checkpoint file, where its name does not tell."""
    weights: Weights = "auto"
    """The weights themselves, or their moving average (`optimiser.ema_decay`); ``auto``: those that
    the run's validation measured, by which its best checkpoint was chosen."""
    data: DataSpec | None = None
    """Data to forecast from; None: the run's own."""
    part: str | None = None
    """Which part of a mix; None: the first. Each is a grid of its own."""
    leads: PositiveInt = 1
    """How many steps to roll the forecast out: each is one lead time further."""
    device: Annotated[str, Field(pattern=r"^(auto|cpu|cuda(:\d+)?)$")] = "auto"

    @model_validator(mode="after")
    def _a_file_has_data(self) -> Self:
        if self.run is None and self.checkpoint in ("best", "last"):
            raise ValueError("give the run's id, or a checkpoint file's path as `checkpoint`")
        if self.run is None and self.data is None:
            raise ValueError("a checkpoint file brings no data: give `data`")
        return self


class RolloutRequest(ForecastRequest):
    """Which checkpoint to roll out from which initial times, and what of it to keep."""

    variables: StringTuple = ()
    """Names of the predicted variables to write; empty: all, which a killed rollout can go on
    from in the middle of a forecast."""
    every_hours: PositiveInt | None = None
    """Hours between initial times, from the first; None: all times of the data."""
    max_starts: PositiveInt | None = None
    """Only the first initial times; None: all."""
    start: UtcDatetime | None = None
    """Only the forecast from this initial time, UTC; None: all."""


class EvaluationRequest(ForecastRequest):
    """Which checkpoint to judge, on what, against what."""

    split: Split = "all"
    """Which samples of the data: the kept-back last part, the part before it, or both."""
    variables: StringTuple = ()
    """Names of the predicted variables to score; empty: all that the data holds."""
    measures: Annotated[StringTuple, Field(min_length=1), AfterValidator(_known_measures)] = (
        "rmse",
        "mae",
        "bias",
    )
    """Names of `aurora_dash.evaluation.measures.MEASURES`."""
    baselines: Annotated[tuple[Baseline, ...], BeforeValidator(one_or_many)] = ("persistence",)
    initial: bool = True
    """Also judge the checkpoint before fine-tuning; a checkpoint file has none."""
    against: tuple[Reference, ...] = ()
    """What else to judge beside it."""
    climatology: str | None = None
    """A file in WeatherBench 2's layout (hour, dayofyear); None or ``data``: a fit of the data, in
    the part that is not validated with where that is what is judged."""
    members: PositiveInt = 1
    """Forecasts that a stochastic model makes of each sample."""
    regions: Annotated[StringTuple, Field(min_length=1), AfterValidator(_known_regions)] = (
        "global",
    )
    boxes: tuple[Region, ...] = ()
    """Further regions, drawn."""
    by: Annotated[tuple[Grouping, ...], BeforeValidator(one_or_many)] = ()
    """What to tell apart besides: the hour or the season of the valid time, land and sea."""
    thresholds: Mapping[str, Annotated[tuple[FiniteFloat, ...], Field(min_length=1)]] = {}
    """For categorical scores: by variable, in its unit; reached means at or above."""
    neighbourhoods: tuple[Annotated[PositiveInt, AfterValidator(_odd)], ...] = (5,)
    """Widths in points, odd, for the fractions skill score."""
    confidence: Annotated[float, Field(gt=0, lt=1)] | None = None
    """Probability of the intervals of skill against each other source; None: no skill."""
    bootstrap_block: PositiveInt | None = None
    """Neighbouring initial times that are drawn together; None: the cube root of their number."""
    bootstrap_seed: Annotated[int, Field(ge=0)] = 0
    histograms: bool = True
    """Also keep how often each value is forecast where each is observed, by field, lead and source:
    ``histograms.nc``."""
    batch_size: PositiveInt = 1
    """Samples a forward pass; changes speed and memory, not scores."""
    max_samples: PositiveInt | None = None
    """Only the first samples; None: all."""
    max_map_samples: Annotated[int, Field(ge=0)] = 4
    """For how many samples, the first ones, to keep whole fields for maps."""
    max_map_bytes: PositiveInt = 2**30
    """Largest size of these fields before compression; fewer samples are kept if need be."""

    @model_validator(mode="after")
    def _thresholds_are_used(self) -> Self:
        categorical = [name for name in self.measures if name in CATEGORICAL]
        if categorical and not self.thresholds:
            raise ValueError(f"{', '.join(categorical)} needs thresholds: give `thresholds`")
        if self.thresholds and not categorical:
            raise ValueError(
                f"thresholds are for the measures {', '.join(CATEGORICAL)}: name some of them"
            )
        return self

    @model_validator(mode="after")
    def _names_differ(self) -> Self:
        names = [reference.name for reference in self.against]
        for name in names:
            if names.count(name) > 1:
                raise ValueError(f"two things to judge against are called {name!r}")
        return self
