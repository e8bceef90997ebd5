from __future__ import annotations

from xml.etree import ElementTree

import numpy as np
import pytest

from aurora_dash.figures.thumbnails import HEIGHT, WIDTH, thumbnail

SVG = "{http://www.w3.org/2000/svg}"


def _picture(kind: str, values: list[float | None], **more: object) -> dict[str, object]:
    plain = {
        "kind": kind,
        "title": "Missing <values> & more",
        "values": values,
        "num_columns": 0,
        "first": "a",
        "last": "z",
        "top": "",
        "bottom": "",
        "mark": None,
        "band": None,
        "note": "",
    }
    return plain | more


def _drawn(picture: dict[str, object]) -> ElementTree.Element:
    return ElementTree.fromstring(thumbnail(picture))


def _rects(root: ElementTree.Element) -> list[dict[str, str]]:
    return [rect.attrib for rect in root.iter(f"{SVG}rect")]


def test_bars_are_as_high_as_their_values_and_small_ones_are_seen() -> None:
    root = _drawn(_picture("bars", [0, 1, 4, 0.001]))
    *bars, axis = _rects(root)
    heights = [float(bar["height"]) for bar in bars]
    assert heights == [18, 72, 1.5]
    assert float(axis["height"]) == 0.8
    assert (root.attrib["width"], root.attrib["height"]) == (str(WIDTH), str(HEIGHT))
    assert root.find(f"{SVG}title").text == "Missing <values> & more"  # type: ignore[union-attr]


def test_a_map_has_its_cells_its_gaps_and_its_mark_in_place() -> None:
    values: list[float | None] = [0.0, 1.0, None, 0.5, 0.5, 0.5]
    picture = _picture("map", values, num_columns=3, mark=(0.5, 0.75), note="here")
    root = _drawn(picture)
    cells = _rects(root)
    # Three cells of the first row, and the three equal ones of the second as one.
    assert len(cells) == 4
    assert cells[2]["fill"] == "#b4b4b4"
    assert float(cells[3]["width"]) == pytest.approx(3 * float(cells[0]["width"]), abs=0.7)
    (circle,) = root.iter(f"{SVG}circle")
    width = 72 * 3 / 2
    assert float(circle.attrib["cx"]) == pytest.approx(6 + 0.5 * width)
    assert float(circle.attrib["cy"]) == pytest.approx(20 + 0.75 * 72)


def test_a_histogram_shows_what_was_expected() -> None:
    root = _drawn(_picture("histogram", [1, 2, 1], band=(0.25, 0.5), note="expected"))
    band, *_ = _rects(root)
    assert float(band["x"]) == pytest.approx(6 + 0.25 * 248)
    assert float(band["width"]) == pytest.approx(0.25 * 248)
    assert "expected" in [text.text for text in root.iter(f"{SVG}text")]


@pytest.mark.parametrize("kind", ["bars", "histogram"])
def test_nothing_at_all_is_drawn_too(kind: str) -> None:
    assert _rects(_drawn(_picture(kind, [0, 0])))


def test_a_map_of_nothing_is_all_gaps() -> None:
    root = _drawn(_picture("map", [None] * 4, num_columns=2))
    assert {cell["fill"] for cell in _rects(root)} == {"#b4b4b4"}


def test_a_large_map_stays_small() -> None:
    rng = np.random.default_rng(0)
    picture = _picture("map", rng.random(48 * 48).tolist(), num_columns=48)
    assert len(thumbnail(picture)) < 250_000
