"""What travels to a live chart."""

from __future__ import annotations

import base64
import json
from typing import Any

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from plotly.io.json import to_json_plotly

from aurora_dash.ui.live_payload import Base, packed, payload

LAYOUT = {"title": {"text": "Loss"}}


def _trace(values: list[float], name: str = "loss") -> dict[str, Any]:
    y = np.array(values, dtype=np.float32)
    return {"type": "scatter", "name": name, "x": np.arange(y.size, dtype=np.int32), "y": y}


def _unpacked(values: Any) -> np.ndarray:
    if isinstance(values, list):
        return np.array(values)
    return np.frombuffer(base64.b64decode(values["bdata"]), dtype=values["dtype"])


class _Browser:
    """Puts figures together from payloads as the page's script does."""

    def __init__(self) -> None:
        self.base: dict[str, Any] = {}

    def take(self, told: dict[str, Any]) -> list[dict[str, Any]]:
        if told["starts"] is None:
            self.base = told
        assert told["base"] == self.base["base"]
        frame = told["frame"] or self.base["frame"]
        traces = []
        for i, trace in enumerate(frame["data"]):
            arrays = {a: _unpacked(v) for a, v in told["arrays"][i].items()}
            if told["starts"] is not None:
                start = told["starts"][i]
                head = {a: _unpacked(v)[:start] for a, v in self.base["arrays"][i].items()}
                arrays = {a: np.concatenate([head[a], arrays[a]]) for a in arrays}
            traces.append({**trace, **arrays})
        return traces


NUMBERS = st.floats(0, 1, width=32) | st.just(float("nan"))


@given(st.lists(st.lists(NUMBERS, max_size=60), min_size=1, max_size=6))
def test_what_the_browser_puts_together_is_the_figure(versions: list[list[float]]) -> None:
    browser, base = _Browser(), None
    for values in versions:
        data = [_trace(values), _trace(values[::-1], "other")]
        told, base = payload(data, LAYOUT, base)
        for shown, meant in zip(browser.take(told), data, strict=True):
            np.testing.assert_array_equal(shown["x"], meant["x"])
            np.testing.assert_array_equal(shown["y"], meant["y"])
            assert shown["name"] == meant["name"]


def _sent(data: list[dict[str, Any]], base: Base | None) -> tuple[int, Base]:
    told, base = payload(data, LAYOUT, base)
    return len(to_json_plotly(told)), base


def test_a_point_more_costs_a_few_bytes_however_many_there_are() -> None:
    values = np.random.default_rng(0).random(2_000).tolist()
    whole, base = _sent([_trace(values)], None)
    tail, _ = _sent([_trace([*values, 0.5])], base)
    assert whole > 15_000
    assert tail < 250


def test_refreshes_between_do_not_matter() -> None:
    browser, values = _Browser(), [float(n) for n in range(100)]
    told, base = payload([_trace(values)], LAYOUT, None)
    browser.take(told)
    for more in range(1, 20):
        told, base = payload([_trace([*values, *[0.5] * more])], LAYOUT, base)
    assert browser.take(told)[0]["y"].size == 119


def test_a_tail_that_has_become_long_is_a_new_whole_figure() -> None:
    _, base = payload([_trace([0.5] * 100)], LAYOUT, None)
    told, again = payload([_trace([0.5] * 200)], LAYOUT, base)
    assert told["starts"] is None
    assert again.id != base.id


def test_a_changed_title_travels_without_the_points() -> None:
    _, base = payload([_trace([0.5] * 100)], LAYOUT, None)
    told, _ = payload([_trace([0.5] * 100)], {"title": {"text": "Other"}}, base)
    assert told["frame"]["layout"]["title"]["text"] == "Other"
    assert [values["bdata"] for values in told["arrays"][0].values()] == ["", ""]


def test_another_number_of_curves_is_a_new_whole_figure() -> None:
    _, base = payload([_trace([0.5] * 100)], LAYOUT, None)
    told, _ = payload([_trace([0.5] * 100), _trace([0.1])], LAYOUT, base)
    assert told["starts"] is None


def test_a_map_stays_whole() -> None:
    heat = {"type": "heatmap", "x": np.arange(3.0), "z": np.zeros((2, 3))}
    told, _ = payload([heat], LAYOUT, None)
    assert told["arrays"] == [{}]
    assert json.loads(to_json_plotly(told))["frame"]["data"][0]["x"] is not None


def test_numbers_that_browsers_lack_travel_as_those_they_have() -> None:
    told = {
        dtype: _unpacked(packed(np.array([1, 2], dtype=dtype))).dtype.str[1:]
        for dtype in ("i8", "u8", "i4", "u1", "f4", "f8")
    }
    assert told == {"i8": "f8", "u8": "f8", "i4": "i4", "u1": "u1", "f4": "f4", "f8": "f8"}
    assert packed(np.array(["2024-01-01"], dtype=object)) == ["2024-01-01"]


def test_grids_and_colours_travel_as_bytes_and_words_as_they_are() -> None:
    trace = {
        "type": "heatmap",
        "x": np.arange(3),
        "z": np.arange(6, dtype=np.float32).reshape(2, 3),
        "y": ["a", "b"],
        "text": np.array(["one", "two"]),
        "marker": {"color": np.array([0.5, 1.5])},
    }
    told, _ = payload([trace], LAYOUT, None)
    (drawn,) = json.loads(to_json_plotly(told))["frame"]["data"]
    assert drawn["z"]["shape"] == "2, 3"
    assert _unpacked(drawn["z"]).tolist() == [0, 1, 2, 3, 4, 5]
    assert _unpacked(drawn["marker"]["color"]).tolist() == [0.5, 1.5]
    assert (drawn["y"], drawn["text"]) == (["a", "b"], ["one", "two"])
    assert drawn["x"]["dtype"] == "f8"
