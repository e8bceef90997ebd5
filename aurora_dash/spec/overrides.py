"""``key=value`` assignments on a spec, as the command line takes them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from aurora_dash.errors import SpecError
from aurora_dash.spec.wrong_values import unknown_key


def refuse_two_lengths(assignments: Sequence[str]) -> None:
    """`SpecError` if assignments name both lengths of a training."""
    keys = {assignment.partition("=")[0].strip() for assignment in assignments}
    if {"training.steps", "training.epochs"} <= keys:
        raise SpecError(
            "training.steps and training.epochs are both given: each says how long to train.",
            remedy="Give one of them.",
        )


def apply_override(values: dict[str, Any], assignment: str) -> None:
    """Apply one ``key=value`` to a spec's plain values, in place; ``key+=value`` adds to a list."""
    key, separator, text = assignment.partition("=")
    if not separator or not key:
        raise SpecError(
            f"{assignment!r} is not an assignment.",
            remedy="Write key=value, for example training.steps=60.",
        )
    if key.endswith("+"):
        _append(values, key.removesuffix("+").strip(), _parse_value(text))
    else:
        _assign(values, key.strip(), _parse_value(text))


def _parse_value(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return text


def _append(values: dict[str, Any], dotted_key: str, value: Any) -> None:
    table, leaf = _place_of(values, dotted_key)
    if not isinstance(table.get(leaf), list):
        raise SpecError(
            f"{dotted_key}+= adds to a list, but {dotted_key} is {table.get(leaf)!r}.",
            remedy=f"Write {dotted_key}=value.",
        )
    _assign(values, dotted_key, [*table[leaf], value])


def _place_of(values: dict[str, Any], dotted_key: str) -> tuple[dict[str, Any], str]:
    """The section that holds a key, and the key's last part."""
    *parents, leaf = dotted_key.split(".")
    table = values
    for depth, parent in enumerate(parents):
        if not isinstance(table.get(parent), dict):
            where = ".".join(parents[: depth + 1])
            raise SpecError(
                f"There is no section {where!r} in a spec.", remedy=unknown_key(parent, list(table))
            )
        table = table[parent]
    return table, leaf


def _assign(values: dict[str, Any], dotted_key: str, value: Any) -> None:
    table, leaf = _place_of(values, dotted_key)
    table[leaf] = value
    # `steps` and `epochs` exclude each other: naming one replaces the other's default.
    if dotted_key in ("training.steps", "training.epochs") and value is not None:
        table["epochs" if leaf == "steps" else "steps"] = None
    if dotted_key == "data.paths":
        table["source"] = "files"
