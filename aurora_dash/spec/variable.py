"""A variable that the model does not know yet, and what normalises it."""

from __future__ import annotations

import re
from typing import Annotated, Literal, Self

from pydantic import Field, field_validator, model_validator

from aurora_dash.spec.base import FiniteFloat, PositiveFloat, SpecModel
from aurora_dash.variables import Group

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


class VariableSpec(SpecModel):
    """A new variable, with the statistics that normalise it."""

    name: Annotated[str, Field(min_length=1)]
    """Short name in the model: letters, digits and underscores."""
    group: Group = Group.SURFACE
    """One field a time (surface), one for all times (static), or a field a pressure level."""
    unit: str = "1"
    """Unit of the values in the data."""
    long_name: str = ""
    """What charts and maps call it."""
    source_name: str | None = None
    """Name in the files; None: the same as `name` or one of its known aliases."""
    mean: FiniteFloat | dict[str, FiniteFloat] | None = None
    """Location; by level (``{"850": 281.2}``) for an atmospheric variable; None: from the data."""
    std: PositiveFloat | dict[str, PositiveFloat] | None = None
    """Scale, like `mean`. None: computed from the training period at launch."""
    role: Literal["both", "input", "output"] = "both"
    """Given and predicted, only given, or only predicted; a static variable is only given."""
    transform: Literal["none", "log", "sqrt"] = "none"
    """Of a variable that is never negative, before it is normalised: ``log(1 + x / offset)`` or the
    square root. Mean and standard deviation are those of transformed values; maps and scores are
    in physical units."""
    transform_offset: PositiveFloat | None = None
    """Offset of ``log``, in the variable's unit: about where values begin to matter. Below it the
    transform is nearly linear, so that zero stays zero; 1e-5 suits precipitation in m, 1e-10 a
    mixing ratio of NO2 or SO2 in kg kg-1."""
    initialise: Literal["random", "zero", "copy"] = "random"
    """How the weights of the input embedding begin. With zero, forecasts of all other variables
    are at first what they were without this one."""
    copy_from: str | None = None
    """With ``copy``: the variable of the model, of the same group, whose embedding and head are
    copied."""
    lr: PositiveFloat | None = None
    """Peak learning rate of this variable's embedding and head; None: `optimiser.lr_new`."""

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

    @model_validator(mode="after")
    def _transform_is_complete(self) -> Self:
        if self.transform == "log" and self.transform_offset is None:
            raise ValueError(
                f"variable {self.name!r}: transform 'log' needs transform_offset, in {self.unit}, "
                "such as 1e-5 for precipitation in m"
            )
        if self.transform != "log" and self.transform_offset is not None:
            raise ValueError(
                f"variable {self.name!r}: transform_offset belongs to transform 'log', not "
                f"{self.transform!r}"
            )
        return self

    @model_validator(mode="after")
    def _role_and_beginning_fit(self) -> Self:
        if self.group is Group.STATIC and self.role == "output":
            raise ValueError(f"static variable {self.name!r} is only given, never predicted")
        if (self.initialise == "copy") != (self.copy_from is not None):
            raise ValueError(
                f"variable {self.name!r}: initialise 'copy' and copy_from, the variable to copy "
                "from, go together"
            )
        return self

    @property
    def is_given(self) -> bool:
        """Whether it is among the model's inputs."""
        return self.role != "output"

    @property
    def is_predicted(self) -> bool:
        """Whether the model forecasts it, so that it counts in the loss and is scored."""
        return self.role != "input" and self.group is not Group.STATIC

    @property
    def has_statistics(self) -> bool:
        """Whether mean and standard deviation are given, not to be computed."""
        return self.mean is not None
