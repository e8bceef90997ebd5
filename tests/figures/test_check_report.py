from __future__ import annotations

from html.parser import HTMLParser
from typing import Any

from aurora_dash.figures.check_report import check_report


def _document(**finding: Any) -> dict[str, Any]:
    plain = {
        "severity": "error",
        "code": "c",
        "message": "<b>bold</b> is 5 > 3",
        "remedy": "Do & mend",
        "variable": "surf_2t",
        "where": "2025-06-01T00:00Z",
        "fixes": [{"label": "Mend", "set": ['data.remedies+={"kind":"keep_first"}']}],
        "picture": None,
    }
    span = {"use": "train", "first": "a", "last": "b", "num_times": 3}
    return {
        "launchable": False,
        "summary": {
            "variables": [{"name": "2t", "group": "surface"}],
            "levels": [850.0],
            "times": {"count": 3, "first": "a", "last": "b", "step_hours": 6.0},
            "grid": {
                **{"num_latitudes": 4, "num_longitudes": 8},
                **{"north": 3.0, "south": 0.0, "west": 1.0, "east": 9.0},
            },
        },
        "split": {"num_train": 5, "num_validation": 2, "num_left_out": 1, "spans": [span]},
        "parts": [],
        "findings": [plain | finding],
    }


class _Page(HTMLParser):
    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.text = ""
        self.links: list[str] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.links += [value or "" for name, value in attrs if name in ("src", "href")]

    def handle_data(self, data: str) -> None:
        self.text += data


def test_it_says_all_and_needs_nothing_else() -> None:
    page = _Page(check_report(_document(), title="Check of <x>"))
    for words in (
        "Check of <x>",
        "A run can not start on this data.",
        "<b>bold</b> is 5 > 3",
        "Do & mend",
        "surf_2t, 2025-06-01T00:00Z",
        "5 to train on, 2 to validate with, 1 between them left out",
        """--set 'data.remedies+={"kind":"keep_first"}'""",
        "In the way of a launch (1)",
    ):
        assert words in page.text
    assert "b" not in page.tags
    assert "script" not in page.tags
    assert page.links == []


def test_pictures_are_in_the_file_itself() -> None:
    picture = {
        **{"kind": "bars", "title": "Missing", "values": [1.0], "num_columns": 0},
        **{"first": "a", "last": "b", "top": "", "bottom": "", "mark": None, "band": None},
        "note": "",
    }
    page = _Page(check_report(_document(picture=picture), title="x"))
    assert "svg" in page.tags


def test_the_parts_of_a_mix_are_named() -> None:
    document = _document()
    part = {"summary": document["summary"], "split": document["split"]}
    document["parts"] = [{"name": "north", **part}, {"name": "south", **part}]
    page = _Page(check_report(document, title="x"))
    assert "north" in page.text
    assert "south" in page.text
