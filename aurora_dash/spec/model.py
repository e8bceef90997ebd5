"""Which model to start from."""

from __future__ import annotations

from typing import Literal, Self

from pydantic import field_validator, model_validator

from aurora_dash.errors import SpecError
from aurora_dash.spec.base import SpecModel
from aurora_dash.variants import Variant, get_variant


class ModelSpec(SpecModel):
    """Which model to start from."""

    variant: str = "small"
    source: Literal["hub", "file", "run", "random"] = "random"
    """Where the weights come from: the hub, a local file, an earlier run, or random numbers."""
    path: str | None = None
    """Checkpoint file, for source ``file``."""
    run: str | None = None
    """Run id, for source ``run``."""
    checkpoint: str = "best"
    """Checkpoint of that run: ``best``, ``last`` or a name such as ``step-00000120``."""
    size: Literal["tiny", "small", "full"] = "tiny"
    """Width and depth of a random-weight model; real checkpoints are always ``full``."""
    use_lora: bool | None = None
    """None: as the variant has it."""
    stabilise_level_agg: bool = False
    autocast: bool = False
    """Run the backbone in bfloat16."""
    activation_checkpointing: bool = False
    """Recompute activations in the backward pass: slower, much less memory."""

    @field_validator("variant")
    @classmethod
    def _known_variant(cls, value: str) -> str:
        try:
            return get_variant(value).id
        except SpecError as error:
            raise ValueError(str(error)) from None

    @model_validator(mode="after")
    def _source_is_complete(self) -> Self:
        if self.source == "file" and not self.path:
            raise ValueError("source 'file' needs model.path, the checkpoint's path")
        if self.source == "run" and not self.run:
            raise ValueError("source 'run' needs model.run, the earlier run's id")
        return self

    @property
    def catalogue_entry(self) -> Variant:
        """The variant this model is of."""
        return get_variant(self.variant)

    @property
    def is_random(self) -> bool:
        """Whether the weights are random: such a model is labelled everywhere."""
        return self.source == "random"
