"""Units as files spell them, brought to those of the variable table."""

from __future__ import annotations

import re
from dataclasses import dataclass

_SYNONYMS = {
    "": "1",
    "~": "1",
    "-": "1",
    "none": "1",
    "dimensionless": "1",
    "fraction": "1",
    "proportion": "1",
    "0-1": "1",
    "kelvin": "K",
    "degc": "degC",
    "deg_c": "degC",
    "degree_celsius": "degC",
    "degrees_celsius": "degC",
    "celsius": "degC",
    "pascal": "Pa",
    "pascals": "Pa",
    "hectopascal": "hPa",
    "mb": "hPa",
    "mbar": "hPa",
    "millibar": "hPa",
    "millibars": "hPa",
    "percent": "%",
    "degree": "degrees",
    "deg": "degrees",
    "degree_true": "degrees",
    "degrees_true": "degrees",
    "radian": "rad",
    "radians": "rad",
    "meter": "m",
    "metre": "m",
    "meters": "m",
    "metres": "m",
    "m_of_water_equivalent": "m",
    "m_of_water": "m",
    "meter_second-1": "m s-1",
    "knot": "kt",
    "knots": "kt",
    "kts": "kt",
    "second": "s",
    "seconds": "s",
    "gpm": "gpm",
}

_STANDARD_GRAVITY = 9.80665

# value in the second unit = value in the first * factor + offset
_CONVERSIONS: dict[tuple[str, str], tuple[float, float]] = {
    ("degC", "K"): (1.0, 273.15),
    ("hPa", "Pa"): (100.0, 0.0),
    ("kPa", "Pa"): (1000.0, 0.0),
    ("g kg-1", "kg kg-1"): (1e-3, 0.0),
    ("mg kg-1", "kg kg-1"): (1e-6, 0.0),
    ("1", "kg kg-1"): (1.0, 0.0),
    ("%", "1"): (0.01, 0.0),
    ("1", "%"): (100.0, 0.0),
    ("mm", "m"): (1e-3, 0.0),
    ("cm", "m"): (1e-2, 0.0),
    ("kg m-2", "m"): (1e-3, 0.0),
    ("mm", "kg m-2"): (1.0, 0.0),
    ("gpm", "m2 s-2"): (_STANDARD_GRAVITY, 0.0),
    ("m", "m2 s-2"): (_STANDARD_GRAVITY, 0.0),
    ("ug m-3", "kg m-3"): (1e-9, 0.0),
    ("hPa s-1", "Pa s-1"): (100.0, 0.0),
    ("km h-1", "m s-1"): (1 / 3.6, 0.0),
    ("kt", "m s-1"): (1852 / 3600, 0.0),
    ("W m-2 s", "J m-2"): (1.0, 0.0),
}


@dataclass(frozen=True)
class Conversion:
    """``wanted = found * factor + offset``."""

    factor: float
    offset: float

    @property
    def is_identity(self) -> bool:
        """Whether nothing has to be done."""
        return self.factor == 1.0 and self.offset == 0.0


def normalise_unit(text: str) -> str:
    """One spelling for each unit: ``m**2 s**-2``, ``m^2/s^2`` and ``m2 s-2`` become ``m2 s-2``.

    A text that is not understood is returned as it is, but for spaces.
    """
    plain = " ".join(text.strip().replace("µ", "u").replace("μ", "u").split())
    if plain.lower().startswith("(code table"):
        return "class"
    compact = plain.strip("()").replace(" - ", "-")
    synonym = _SYNONYMS.get(compact.lower().replace(" ", "_"))
    if synonym is not None:
        return synonym
    powers = re.sub(r"\*\*|\^", "", plain)
    return " ".join(_with_negative_powers(powers))


def conversion(found: str, wanted: str) -> Conversion | None:
    """How to get from one unit to another; None if that is not known."""
    source, target = normalise_unit(found), normalise_unit(wanted)
    if source == target or sorted(source.split()) == sorted(target.split()):
        return Conversion(1.0, 0.0)
    known = _CONVERSIONS.get((source, target))
    return Conversion(*known) if known else None


def _with_negative_powers(text: str) -> list[str]:
    """``m2/s2`` as ``m2 s-2``: every factor after a slash counts as divided by."""
    numerator, *denominators = text.split("/")
    factors = numerator.replace("*", " ").replace(".", " ").split()
    for part in denominators:
        for factor in part.replace("*", " ").split():
            match = re.fullmatch(r"([A-Za-z%]+)(\d*)", factor)
            factors.append(f"{match[1]}-{match[2] or 1}" if match else f"/{factor}")
    return [_SYNONYMS.get(factor.lower(), factor) for factor in factors if factor != "1"] or ["1"]


def convertible_units(wanted: str) -> dict[str, Conversion]:
    """All units that can be converted to `wanted` and differ from it, with how."""
    target = normalise_unit(wanted)
    return {
        source: Conversion(factor, offset)
        for (source, known), (factor, offset) in _CONVERSIONS.items()
        if known == target and (factor, offset) != (1.0, 0.0)
    }
