from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aurora_dash.data.units import conversion, normalise_unit
from aurora_dash.variables import CATALOGUE


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("m**2 s**-2", "m2 s-2"),
        ("m^2/s^2", "m2 s-2"),
        ("m2.s-2", "m2 s-2"),
        ("m s**-1", "m s-1"),
        ("m/s", "m s-1"),
        ("kg kg**-1", "kg kg-1"),
        ("kg/kg", "kg kg-1"),
        ("kg m**-3", "kg m-3"),
        ("µg m-3", "ug m-3"),
        ("J m**-2", "J m-2"),
        ("(0 - 1)", "1"),
        ("", "1"),
        ("~", "1"),
        ("dimensionless", "1"),
        ("Proportion", "1"),
        ("(Code table 4.213)", "class"),
        ("K", "K"),
        ("kelvin", "K"),
        ("degC", "degC"),
        ("Celsius", "degC"),
        ("Degree true", "degrees"),
        ("m of water equivalent", "m"),
        ("millibars", "hPa"),
        ("%", "%"),
    ],
)
def test_spellings_of_a_unit_become_one(text: str, expected: str) -> None:
    assert normalise_unit(text) == expected


@pytest.mark.parametrize(
    ("found", "wanted", "value", "expected"),
    [
        ("degC", "K", 15.0, 288.15),
        ("hPa", "Pa", 1013.25, 101325.0),
        ("g kg**-1", "kg kg-1", 8.0, 0.008),
        ("%", "1", 60.0, 0.6),
        ("mm", "m", 2.5, 0.0025),
        ("kg m-2", "m", 2.5, 0.0025),
        ("gpm", "m2 s-2", 5500.0, 53936.575),
        ("m", "m2 s-2", 100.0, 980.665),
        ("ug/m3", "kg m-3", 50.0, 5e-8),
        ("knots", "m s-1", 10.0, 5.14444),
        ("km/h", "m s-1", 36.0, 10.0),
        ("s-1 m", "m s-1", 3.0, 3.0),
        ("1", "kg kg-1", 0.01, 0.01),
    ],
)
def test_known_conversions(found: str, wanted: str, value: float, expected: float) -> None:
    how = conversion(found, wanted)
    assert how is not None
    assert value * how.factor + how.offset == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize(("found", "wanted"), [("Pa", "K"), ("m", "K"), ("furlong", "m s-1")])
def test_what_is_not_known_is_not_guessed(found: str, wanted: str) -> None:
    assert conversion(found, wanted) is None


@pytest.mark.parametrize("unit", sorted({variable.unit for variable in CATALOGUE}))
def test_every_unit_of_the_table_is_its_own_spelling(unit: str) -> None:
    assert normalise_unit(unit) == unit
    same = conversion(unit, unit)
    assert same is not None
    assert same.is_identity


@given(st.text(max_size=30))
def test_any_text_is_normalised_once_and_for_all(text: str) -> None:
    once = normalise_unit(text)
    assert normalise_unit(once) == once
