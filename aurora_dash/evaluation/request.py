"""What to evaluate. Free of torch, so that pages and the command line can build one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from aurora_dash.errors import AuroraDashError
from aurora_dash.evaluation.regions import require_regions
from aurora_dash.spec import DataSpec
from aurora_dash.spec.base import PositiveInt, SpecModel, StringTuple

Split = Literal["all", "validation", "train"]
Source = Literal["model", "persistence", "initial"]
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


def _one_or_many(value: object) -> object:
    return (value,) if isinstance(value, str) else value


class EvaluationRequest(SpecModel):
    """Which checkpoint to judge, on what, against what."""

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
    """Data to judge on; None: the run's own."""
    part: str | None = None
    """Which part of a mix to judge on; None: the first. Each is a grid of its own."""
    split: Split = "all"
    """Which samples of the data: the kept-back last part, the part before it, or both."""
    leads: PositiveInt = 1
    """How many steps to roll the forecast out: each is one lead time further."""
    variables: StringTuple = ()
    """Names of the predicted variables to score; empty: all that the data holds."""
    baselines: Annotated[tuple[Literal["persistence"], ...], BeforeValidator(_one_or_many)] = (
        "persistence",
    )
    initial: bool = True
    """Also judge the checkpoint before fine-tuning; a checkpoint file has none."""
    regions: Annotated[StringTuple, Field(min_length=1), AfterValidator(_known_regions)] = (
        "global",
    )
    batch_size: PositiveInt = 1
    """Samples a forward pass; changes speed and memory, not scores."""
    max_samples: PositiveInt | None = None
    """Only the first samples; None: all."""
    device: Annotated[str, Field(pattern=r"^(auto|cpu|cuda(:\d+)?)$")] = "auto"
    max_map_samples: Annotated[int, Field(ge=0)] = 4
    """For how many samples, the first ones, to keep whole fields for maps."""
    max_map_bytes: PositiveInt = 2**30
    """Largest size of these fields before compression; fewer samples are kept if need be."""

    @model_validator(mode="after")
    def _a_file_has_data(self) -> Self:
        if self.run is None and self.checkpoint in ("best", "last"):
            raise ValueError("give the run's id, or a checkpoint file's path as `checkpoint`")
        if self.run is None and self.data is None:
            raise ValueError("a checkpoint file brings no data: give `data`")
        return self
