"""Which model to start from."""

from __future__ import annotations

from typing import Literal, Self

from pydantic import Field, field_validator, model_validator

from aurora_dash.errors import SpecError
from aurora_dash.spec.base import (
    FiniteFloat,
    PositiveFloat,
    PositiveInt,
    SpecModel,
    StringTuple,
)
from aurora_dash.variants import Variant, get_variant


class ModelSpec(SpecModel):
    """Which model to start from."""

    variant: str = "small"
    """Checkpoint of the catalogue (`aurora-dash variants`): class, variables, levels, time step."""
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
    lora_mode: Literal["single", "from_second", "all"] | None = None
    """In which steps of a forecast that LoRA acts: in all alike; in all but the first; in each
    step another one. None: as the variant has it."""
    stabilise_level_agg: bool = False
    """Normalise where levels are aggregated: against exploding gradients."""
    autocast: bool = False
    """Run the backbone in bfloat16 (V1.5: all parts, as its class has it)."""
    autocast_encoder: bool = False
    """Run the encoder in bfloat16; only together with the two other parts."""
    autocast_decoder: bool = False
    """Run the decoder in bfloat16, whose 8 binary digits move gradients by about 4e-3."""
    weights_dtype: Literal["float32", "bfloat16"] = "float32"
    """In what training holds the linear layers of the parts that run in bfloat16. ``bfloat16``: in
    that too, and their gradients; the optimiser changes float32 masters, which checkpoints hold."""
    activation_checkpointing: bool = False
    """Recompute activations in the backward pass: slower, much less memory."""
    checkpointed_layers: Literal["default", "stages", "stages+blocks", "blocks"] = "default"
    """What is recomputed: ``default``, the seven kinds of layers that Aurora's own method wraps;
    ``stages``, those of the backbone's encoder and decoder; ``blocks``, its Swin blocks alone;
    ``stages+blocks``, one within the other: the backbone's least memory, without recomputing it
    as a whole. With `chunks` only the backbone's are wrapped."""
    offload_activations: bool = False
    """Keep in the host's memory what the backbone's backward pass needs, and bring it back in
    time: of use on a GPU, and most with `checkpointed_layers` ``blocks``."""
    compile: bool = False
    """Compile the backbone's Swin blocks in training: quicker steps on a GPU, after minutes of
    warm-up in the first step and the first validation. Needs a C++ compiler."""
    chunks: Literal["off", "auto"] | PositiveInt = "off"
    """Run encoder and decoder in so many bands of whole patch rows, one after another, and
    recompute each in the backward pass: the same gradients, much less memory on large grids.
    ``auto``: as many as the device's free memory asks for, settled when a grid is first seen and
    written to the events; see docs/chunking.md."""
    separate_perceiver: StringTuple = ()
    """Atmospheric variables that the decoder takes from levels by a second Perceiver, for what
    behaves otherwise than the rest; variants may have some by themselves."""
    modulation_heads: StringTuple = ()
    """New variables with a second head, to be forecast as a change of their newest input."""
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

    @field_validator("chunks", mode="before")
    @classmethod
    def _off_auto_or_a_number(cls, value: object) -> object:
        # Each member of the union would complain for itself, and true would count as 1.
        if value in ("off", "auto") or (type(value) is int and value > 0):
            return value
        raise ValueError("must be 'off', 'auto' or a whole number above 0")

    @model_validator(mode="after")
    def _source_is_complete(self) -> Self:
        if self.source == "file" and not self.path:
            raise ValueError("source 'file' needs model.path, the checkpoint's path")
        if self.source == "run" and not self.run:
            raise ValueError("source 'run' needs model.run, the earlier run's id")
        return self

    @model_validator(mode="after")
    def _options_go_together(self) -> Self:
        if self.checkpointed_layers != "default" and not self.activation_checkpointing:
            raise ValueError(
                f"checkpointed_layers = {self.checkpointed_layers!r} says what activation "
                "checkpointing wraps, but activation_checkpointing is off; switch it on or leave "
                "checkpointed_layers at 'default'"
            )
        if self.lora_mode is not None and not self.has_package_lora:
            raise ValueError(
                f"lora_mode = {self.lora_mode!r} says when the LoRA of Aurora's own layers acts, "
                "and this model has none; set model.use_lora to true"
            )
        if self.weights_dtype == "bfloat16" and not self.has_autocast:
            raise ValueError(
                "weights_dtype = 'bfloat16' holds the weights of the parts that run in bfloat16, "
                "and none does; set model.autocast too"
            )
        if self.autocast_encoder and not (self.autocast and self.autocast_decoder):
            raise ValueError(
                "autocast_encoder needs autocast and autocast_decoder too: the encoder then hands "
                "on bfloat16 numbers, which backbone and decoder take only under autocast"
            )
        for field in ("separate_perceiver", "modulation_heads"):
            names = getattr(self, field)
            if len(set(names)) < len(names):
                raise ValueError(f"{field} names a variable twice: {', '.join(names)}")
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
    def has_autocast(self) -> bool:
        """Whether any part runs in bfloat16."""
        return self.autocast or self.autocast_encoder or self.autocast_decoder

    @property
    def has_package_lora(self) -> bool:
        """Whether Aurora's own layers have LoRA weights."""
        return self.catalogue_entry.uses_lora if self.use_lora is None else self.use_lora

    @property
    def package_lora_mode(self) -> Literal["single", "from_second", "all"]:
        """In which steps of a forecast the LoRA of Aurora's own layers acts."""
        return self.lora_mode or self.catalogue_entry.lora_mode

    @property
    def is_random(self) -> bool:
        """Whether the weights are random: such a model is labelled everywhere."""
        return self.source == "random"
