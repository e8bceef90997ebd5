from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import numpy as np
import pytest

from aurora_dash.figures.labels import pretty_unit, quantity, utc, validity
from aurora_dash.variables import CATALOGUE, Group, describe


@pytest.mark.parametrize(
    ("unit", "shown"),
    [
        ("m2 s-2", "m² s⁻²"),
        ("kg kg-1", "kg kg⁻¹"),
        ("m s-1", "m s⁻¹"),
        ("J m-2", "J m⁻²"),
        ("K", "K"),
        ("%", "%"),
        ("1", "–"),
        ("degrees", "°"),
    ],
)
def test_units_are_written_as_in_print(unit: str, shown: str) -> None:
    assert pretty_unit(unit) == shown


def test_no_unit_of_the_catalogue_keeps_a_plain_exponent() -> None:
    for variable in CATALOGUE:
        assert not any(letter in "0123456789-" for letter in pretty_unit(variable.unit))


def test_a_quantity_names_level_and_unit() -> None:
    assert quantity(describe("z", Group.ATMOSPHERIC), 850) == "Geopotential at 850 hPa [m² s⁻²]"
    assert quantity(describe("2t", Group.SURFACE)) == "2 m temperature [K]"


@pytest.mark.parametrize(
    "time",
    [
        datetime(2025, 6, 5, 18, tzinfo=UTC),
        datetime(2025, 6, 5, 18),
        datetime(2025, 6, 5, 20, tzinfo=timezone(timedelta(hours=2))),
        np.datetime64("2025-06-05T18:00", "ns"),
        np.datetime64("2025-06-05T18:00", "s"),
    ],
)
def test_times_are_utc_whatever_they_come_as(
    time: datetime | np.datetime64, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TZ", "America/Los_Angeles")
    assert utc(time) == "2025-06-05 18:00 UTC"


def test_validity_says_what_is_known() -> None:
    time = datetime(2025, 6, 5, 18, tzinfo=UTC)
    assert validity(time, 6) == "valid 2025-06-05 18:00 UTC, +6 h"
    assert validity(time, None) == "valid 2025-06-05 18:00 UTC"
    assert validity(None, 12) == "+12 h"
    assert validity(None, None) == ""
