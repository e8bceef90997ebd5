from __future__ import annotations

import math
import xml.etree.ElementTree as ET

import pytest

from aurora_dash.figures.lead_curves import LeadLine, LeadPanel, lead_curves

NAMESPACE = {"svg": "http://www.w3.org/2000/svg"}


def _drawn(**panel: object) -> ET.Element:
    line = LeadLine(name="model <b>", colour="#0072B2", values=[1.0, 2.0, 4.0])
    given = {"title": "RMSE & more", "unit": "K", "lead_hours": [6, 12, 18], "lines": [line]}
    return ET.fromstring(lead_curves(LeadPanel(**(given | panel))))  # type: ignore[arg-type]


def _curves(svg: ET.Element, colour: str = "#0072B2") -> list[list[tuple[float, float]]]:
    """Points of the lines in the plot, the legend's left out."""
    lines = [
        [tuple(map(float, point.split(","))) for point in line.get("points", "").split()]
        for line in svg.iterfind(".//svg:polyline", NAMESPACE)
        if line.get("stroke") == colour
    ]
    return [line for line in lines if line[0][1] < 150]  # type: ignore[misc]


def test_heights_are_as_the_values_and_widths_as_the_leads() -> None:
    [(first, second, third)] = _curves(_drawn())
    # From zero at the bottom: a step of 1 is half of a step of 2.
    assert second[1] - third[1] == pytest.approx(2 * (first[1] - second[1]), abs=0.2)
    assert third[0] - second[0] == pytest.approx(second[0] - first[0], abs=0.2)


def test_words_are_escaped_and_all_there() -> None:
    texts = [element.text for element in _drawn().iterfind(".//svg:text", NAMESPACE)]
    assert {"RMSE & more", "K", "model <b>", "6", "12", "18", "lead time [h]"} <= {*texts}


def test_a_missing_score_is_a_gap_and_a_lone_one_a_point() -> None:
    line = LeadLine(name="a", colour="#0072B2", values=[1.0, math.nan, 3.0, 4.0])
    svg = _drawn(lead_hours=[6, 12, 18, 24], lines=[line])
    assert [len(curve) for curve in _curves(svg)] == [2]
    assert len(list(svg.iterfind(".//svg:circle", NAMESPACE))) == 3


@pytest.mark.parametrize("values", [[0.0, 0.0, 0.0], [-1.0, 2.0, 0.5], [math.nan] * 3])
def test_any_values_stay_within_the_picture(values: list[float]) -> None:
    svg = _drawn(lines=[LeadLine(name="a", colour="#0072B2", values=values)])
    for curve in _curves(svg):
        assert all(0 <= x <= 300 and 20 <= y <= 145 for x, y in curve)
