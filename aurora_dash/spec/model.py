"""Which model to start from, and the variables added to it."""

from __future__ import annotations

import re
from typing import Annotated, Literal, Self

from pydantic import Field, field_validator, model_validator

from aurora_dash.errors import SpecError
from aurora_dash.spec.base import FiniteFloat, PositiveFloat, SpecModel
from aurora_dash.variables import Group
from aurora_dash.variants import Variant, get_variant

# Attributes of torch.nn.ParameterDict, which holds parameters by variable name: a variable of
# such a name can't be stored. A test compares the list with the installed torch.
RESERVED_NAMES = frozenset(
    """
    T_destination add_module apply bfloat16 buffers call_super_init children clear compile
    copy cpu cuda double dump_patches eval extra_repr float forward fromkeys get get_buffer
    get_extra_state get_parameter get_submodule half ipu items keys load_state_dict modules
    mtia named_buffers named_children named_modules named_parameters parameters pop popitem
    register_backward_hook register_buffer register_forward_hook register_forward_pre_hook
    register_full_backward_hook register_full_backward_pre_hook
    register_load_state_dict_post_hook register_load_state_dict_pre_hook register_module
    register_parameter register_state_dict_post_hook register_state_dict_pre_hook
    requires_grad_ set_extra_state set_submodule setdefault share_memory state_dict to
    to_empty train training type update values xpu zero_grad
    """.split()
)


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


class VariableSpec(SpecModel):
    """A new variable, with the statistics that normalise it."""

    name: Annotated[str, Field(min_length=1)]
    group: Group = Group.SURFACE
    unit: str = "1"
    long_name: str = ""
    source_name: str | None = None
    """Name in the files; None: the same as `name` or one of its known aliases."""
    mean: FiniteFloat | dict[str, FiniteFloat] | None = None
    """Location; by level (``{"850": 281.2}``) for an atmospheric variable; None: from the data."""
    std: PositiveFloat | dict[str, PositiveFloat] | None = None
    """Scale, like `mean`. None: computed from the training period at launch."""

    @field_validator("name")
    @classmethod
    def _usable_as_parameter_name(cls, value: str) -> str:
        if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_]*", value):
            raise ValueError(
                "a variable name has letters, digits and underscores and no underscore in front"
            )
        if value in RESERVED_NAMES:
            raise ValueError(
                "torch reserves this name; add something to it, for example a level or unit"
            )
        return value

    @model_validator(mode="after")
    def _statistics_fit_group(self) -> Self:
        if (self.mean is None) != (self.std is None):
            raise ValueError(f"variable {self.name!r} needs both mean and std, or neither")
        by_level = isinstance(self.mean, dict)
        if by_level != isinstance(self.std, dict):
            raise ValueError(f"variable {self.name!r}: mean and std must both be by level or not")
        if by_level and self.group is not Group.ATMOSPHERIC:
            raise ValueError(f"variable {self.name!r} is {self.group}: it has no levels")
        return self

    @property
    def has_statistics(self) -> bool:
        """Whether mean and standard deviation are given, not to be computed."""
        return self.mean is not None
