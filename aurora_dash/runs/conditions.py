"""Conditions on runs, as people type them: ``optimiser.lr<1e-4``, ``tag=best``."""

from __future__ import annotations

import json
import operator
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from aurora_dash.errors import RunError
from aurora_dash.runs.overview import RUN_KEYS, Overview, value_text
from aurora_dash.spec import RunSpec
from aurora_dash.spec.differences import flat

_PATTERN = re.compile(r"\s*([A-Za-z_][\w.]*)\s*(!=|<=|>=|=|<|>|~)\s*(.*?)\s*", re.DOTALL)
_ORDER: Mapping[str, Callable[[Any, Any], bool]] = MappingProxyType(
    {"<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge}
)
_EXAMPLE = "Write for example optimiser.lr<1e-4, model.variant=small, tag=best or name~norway."


@dataclass(frozen=True)
class Condition:
    """One condition: a key, how to compare, and with what."""

    key: str
    comparison: str
    """``=`` and ``!=`` compare, of lists any item; ``~`` looks for a part of the text; the
    others compare numbers."""
    wanted: str

    def holds(self, overview: Overview) -> bool:
        """Whether a run meets it. What a run does not have meets only ``!=``."""
        value = overview.value(self.key)
        if self.comparison == "=":
            return self._equals(value)
        if self.comparison == "!=":
            return not self._equals(value)
        if self.comparison == "~":
            return self.wanted.casefold() in value_text(value).casefold()
        number = isinstance(value, (int, float)) and not isinstance(value, bool)
        return number and _ORDER[self.comparison](value, float(self.wanted))

    def _equals(self, value: Any) -> bool:
        items = value if isinstance(value, (tuple, list)) else (value,)
        return any(self._same(item) for item in (*items, value))

    def _same(self, value: Any) -> bool:
        if isinstance(value, str):
            return value.casefold() == self.wanted.casefold()
        if value is None and self.wanted.casefold() == "none":
            return True
        try:
            wanted = json.loads(self.wanted)
        except ValueError:
            return False
        return bool(wanted == value and isinstance(wanted, bool) == isinstance(value, bool))

    def __str__(self) -> str:
        return f"{self.key}{self.comparison}{self.wanted}"


def parse_condition(text: str) -> Condition:
    """A condition from its text; `RunError` says what is wrong with it."""
    found = _PATTERN.fullmatch(text)
    if found is None:
        raise RunError(f"{text!r} is not a condition.", remedy=_EXAMPLE)
    condition = Condition(*found.groups())
    if condition.key not in RUN_KEYS and not _is_field(condition.key):
        raise RunError(
            f"{condition.key!r} in the condition {text!r} is no field of a spec.",
            remedy=f"Besides spec fields there are {', '.join(RUN_KEYS)}. {_EXAMPLE}",
        )
    if condition.comparison in _ORDER:
        try:
            float(condition.wanted)
        except ValueError:
            raise RunError(
                f"{condition.wanted!r} in the condition {text!r} is not a number.", remedy=_EXAMPLE
            ) from None
    return condition


def parse_conditions(text: str) -> tuple[Condition, ...]:
    """Several conditions on one line, separated by spaces, commas or ``and``."""
    parts = re.split(r"\s+and\s+|\s*[,;]\s*|\s+(?=[A-Za-z_][\w.]*\s*(?:!=|<=|>=|=|<|>|~))", text)
    return tuple(parse_condition(part) for part in parts if part.strip())


def matching(
    overviews: Iterable[Overview], conditions: Sequence[Condition]
) -> tuple[Overview, ...]:
    """Those that meet all conditions, in their order."""
    return tuple(o for o in overviews if all(condition.holds(o) for condition in conditions))


def _is_field(key: str) -> bool:
    """Whether specs have such a field; tables with free keys have any below them."""
    fields = flat(RunSpec().model_dump(mode="json"))
    return any(key == name or key.startswith(f"{name}.") for name in fields) or _is_in_table(key)


def _is_in_table(key: str) -> bool:
    value: Any = RunSpec()
    for name in key.split("."):
        if isinstance(value, dict):
            return True
        value = getattr(value, name, None)
    return isinstance(value, dict)
