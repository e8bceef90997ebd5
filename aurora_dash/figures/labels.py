"""Words and numbers on figures: units, places, times. UTC everywhere, and said so."""

from __future__ import annotations

import re
from datetime import UTC, datetime

import numpy as np

from aurora_dash.variables import Variable

_SUPERSCRIPTS = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")
_POWER = re.compile(r"(?<=[A-Za-z])(-?\d+)\b")
_NAMED_UNITS = {"1": "–", "degrees": "°", "degC": "°C"}


def pretty_unit(unit: str) -> str:
    """``m2 s-2`` as ``m² s⁻²``; a dimensionless 1 as a dash."""
    if unit in _NAMED_UNITS:
        return _NAMED_UNITS[unit]
    return _POWER.sub(lambda match: match[1].translate(_SUPERSCRIPTS), unit)


def quantity(variable: Variable, level: float | None = None) -> str:
    """What a field shows, such as ``Geopotential at 850 hPa [m² s⁻²]``."""
    where = "" if level is None else f" at {level:g} hPa"
    return f"{variable.long_name}{where} [{pretty_unit(variable.unit)}]"


def utc(time: datetime | np.datetime64) -> str:
    """``2025-06-05 18:00 UTC``; a time without a zone counts as UTC, as everywhere here."""
    if isinstance(time, np.datetime64):
        time = datetime.fromtimestamp(int(time.astype("datetime64[s]").astype(np.int64)), UTC)
    aware = time.replace(tzinfo=UTC) if time.tzinfo is None else time.astimezone(UTC)
    return f"{aware:%Y-%m-%d %H:%M} UTC"


def validity(valid_time: datetime | np.datetime64 | None, lead_hours: float | None) -> str:
    """``valid 2025-06-05 18:00 UTC, +6 h``, or what of it is known."""
    parts = []
    if valid_time is not None:
        parts.append(f"valid {utc(valid_time)}")
    if lead_hours is not None:
        parts.append(f"{lead_hours:+g} h")
    return ", ".join(parts)
