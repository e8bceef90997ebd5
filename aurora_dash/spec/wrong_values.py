"""What is wrong with the values given for a spec, in words: field, value, what was expected."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from difflib import get_close_matches
from types import MappingProxyType
from typing import Any, get_args

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from aurora_dash.errors import SpecError
from aurora_dash.spec.urls import redact

_TEXT = "text is needed, in quotes where it is part of JSON"
_WHOLE, _NUMBER = "a whole number is needed", "a number is needed, such as 0.5 or 1e-4"
_LIST, _TABLE = (
    "a list in brackets is needed, such as [850, 500] for levels",
    "a table of fields is needed",
)
_TIME = "a time is needed, such as 2025-06-01T12:00"

# Pydantic speaks of Python's types; people who write a spec may not.
_EXPECTED = MappingProxyType(
    {
        "bool_parsing": "true or false is needed",
        "bool_type": "true or false is needed",
        "datetime_from_date_parsing": _TIME,
        "datetime_parsing": _TIME,
        "datetime_type": _TIME,
        "dict_type": "a table of names and values is needed",
        "float_parsing": _NUMBER,
        "float_type": _NUMBER,
        "int_from_float": _WHOLE,
        "int_parsing": _WHOLE,
        "int_type": _WHOLE,
        "list_type": _LIST,
        "missing": "it is missing",
        "model_attributes_type": _TABLE,
        "model_type": _TABLE,
        "string_type": _TEXT,
        "tuple_type": _LIST,
    }
)


def spec_error(error: ValidationError, model: type[BaseModel], *, source: str) -> SpecError:
    """A `SpecError` that names every wrong field of `model`; `source` says who gave the values."""
    details = error.errors(include_url=False)
    where = f"{source}: " if source else ""
    remedies = dict.fromkeys(_known(d, model) for d in details if d["type"] == "extra_forbidden")
    return SpecError(
        where + " ".join(dict.fromkeys(_sentence(detail) for detail in details)),
        remedy=" ".join(remedies),
    )


def unknown_key(name: str, known: Sequence[str]) -> str:
    """What to say of a name that is not among `known`: the nearest, or all."""
    near = get_close_matches(name, known, n=1)
    listed = ", ".join(known)
    return f"Did you mean {near[0]}? Known: {listed}." if near else f"Known: {listed}."


def _sentence(detail: ErrorDetails) -> str:
    field = _field(detail["loc"]) or "spec"
    if detail["type"] == "extra_forbidden":
        return f"{field}: unknown key (value {_quoted(detail)})."
    message = _EXPECTED.get(detail["type"])
    if message is None:
        message = detail["msg"].removeprefix("Value error, ").rstrip(".")
        message = message.replace("Input should be", "must be")
        message = message.replace("String should match pattern", "must look like")
    if detail["type"] == "missing" or isinstance(detail["input"], (dict, BaseModel)):
        return f"{field}: {message}."
    return f"{field} = {_quoted(detail)}: {message}."


def _quoted(detail: ErrorDetails) -> str:
    """The value as it was given, but for what must not be shown of an address."""
    return redact(repr(detail["input"]))


def _field(location: Sequence[int | str]) -> str:
    """``variables[0].name`` for a place in a spec."""
    text = ""
    for part in location:
        text += f"[{part}]" if isinstance(part, int) else f".{part}"
    return text.removeprefix(".")


def _known(detail: ErrorDetails, model: type[BaseModel]) -> str:
    """The keys that there are where an unknown one was given."""
    *path, key = detail["loc"]
    owner: Any = model
    for part in path:
        if isinstance(part, str):
            owner = _model_in(_annotation(owner, part))
    if owner is None:
        return ""
    section = f"{_field(path)} has" if path else "A spec has"
    return unknown_key(str(key), tuple(owner.model_fields)).replace("Known:", f"{section}:")


def _annotation(owner: type[BaseModel] | None, name: str) -> Any:
    fields: Mapping[str, Any] = owner.model_fields if owner else {}
    # A part that is no field says which member of a union was tried.
    return fields[name].annotation if name in fields else owner


def _model_in(annotation: Any) -> type[BaseModel] | None:
    """The spec model that an annotation such as ``tuple[VariableSpec, ...] | None`` holds."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    found = (_model_in(part) for part in get_args(annotation))
    return next((model for model in found if model is not None), None)
