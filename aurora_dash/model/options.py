"""Options of a model beyond its variables: which parts compute in half precision, added parts."""

from __future__ import annotations

import inspect
from typing import Any

from aurora import Aurora

from aurora_dash.model.normalised import OwnStatistics
from aurora_dash.spec import ModelSpec


def added_parts(model: ModelSpec, base: type[Aurora]) -> dict[str, Any]:
    """Arguments of `base` for parts that the spec asks for, beside those that it has by itself."""
    wanted = {
        "separate_perceiver": model.separate_perceiver,
        "modulation_heads": model.modulation_heads,
    }
    return {
        argument: tuple(dict.fromkeys((*_default_of(base, argument), *names)))
        for argument, names in wanted.items()
        if names
    }


def apply_options(module: OwnStatistics, model: ModelSpec) -> None:
    """Set what is no argument of Aurora's classes."""
    # Aurora's V1.5 switches all parts on with the backbone; what is on stays on.
    module.autocast_encoder = module.autocast_encoder or model.autocast_encoder
    module.autocast_decoder = module.autocast_decoder or model.autocast_decoder
    module.modulated = model.modulation_heads


def _default_of(base: type[Aurora], argument: str) -> tuple[str, ...]:
    """The value with which a class passes an argument on if it is not given."""
    for cls in base.__mro__:
        parameters = inspect.signature(cls).parameters
        if argument in parameters:
            return tuple(parameters[argument].default)
    return ()
