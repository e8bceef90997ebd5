"""What differs between two specs, field by field."""

from __future__ import annotations

from typing import Any

from aurora_dash.spec.base import SpecModel


def differences(before: SpecModel, after: SpecModel) -> dict[str, tuple[Any, Any]]:
    """Old and new value of all fields that differ, by dotted name."""
    old, new = (flat(spec.model_dump(mode="json")) for spec in (before, after))
    return {
        name: (old.get(name), new.get(name))
        for name in dict.fromkeys([*old, *new])
        if old.get(name) != new.get(name)
    }


def flat(values: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    """Nested tables as dotted keys; lists stay whole."""
    found: dict[str, Any] = {}
    for key, value in values.items():
        if isinstance(value, dict):
            found |= flat(value, f"{prefix}{key}.")
        else:
            found[f"{prefix}{key}"] = value
    return found
