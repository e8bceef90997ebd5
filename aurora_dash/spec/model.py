"""Which model to start from."""

from __future__ import annotations

from typing import Literal, Self

from pydantic import Field, field_validator, model_validator

from aurora_dash.errors import SpecError
from aurora_dash.spec.base import FiniteFloat, PositiveFloat, SpecModel
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
    statistics: dict[str, tuple[FiniteFloat, PositiveFloat]] = Field(default_factory=dict)
    """Mean and standard deviation in place of Aurora's own, by ``2t`` or ``z_500``: the model's
    variables look different to weights that were trained with Aurora's, so change them knowingly.
    """

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

    @model_validator(mode="after")
    def _statistics_are_of_its_own_variables(self) -> Self:
        variant = self.catalogue_entry
        levels = [f"{name}_{level}" for name in variant.atmospheric for level in variant.levels]
        for key in self.statistics:
            if key not in (*variant.surface, *variant.static, *levels):
                raise ValueError(
                    f"model.statistics names {key!r}, which is none of the model's own variables; "
                    "write 2t for a surface or static one, z_500 for one on a level, and give "
                    "new variables their mean and std where they are registered"
                )
        return self

    @property
    def catalogue_entry(self) -> Variant:
        """The variant this model is of."""
        return get_variant(self.variant)

    @property
    def is_random(self) -> bool:
        """Whether the weights are random: such a model is labelled everywhere."""
        return self.source == "random"
