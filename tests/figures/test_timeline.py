from __future__ import annotations

import numpy as np

from aurora_dash.figures.timeline import Bar, split_timeline


def _bar(use: str, first: str, last: str, num_times: int = 4) -> Bar:
    return Bar(use, np.datetime64(first), np.datetime64(last), num_times)


def test_each_use_has_its_colour_and_reaches_to_the_next() -> None:
    figure = split_timeline(
        {
            "north": [
                _bar("train", "2025-06-01T00", "2025-06-01T18"),
                _bar("gap", "2025-06-02T00", "2025-06-02T00", 1),
                _bar("validation", "2025-06-02T06", "2025-06-03T00"),
            ],
            "south": [_bar("train", "2025-06-01T00", "2025-06-03T00")],
        }
    )
    trained, left_out, validated = figure.data
    assert [trace.name for trace in figure.data] == ["trained on", "left out", "validated with"]
    assert list(trained.y) == ["north", "south"]
    assert list(trained.base) == ["2025-06-01T00:00", "2025-06-01T00:00"]
    hour = 3_600_000
    assert list(trained.x) == [24 * hour, 48 * hour]
    assert list(left_out.x) == [6 * hour]
    assert list(validated.x) == [18 * hour]
    assert left_out.customdata[0] == "1 times, 2025-06-02T00:00 to 2025-06-02T00:00 UTC"
    assert len({trace.marker.color for trace in figure.data}) == 3
    assert figure.layout.height > split_timeline({"": []}).layout.height


def test_a_use_that_does_not_occur_is_not_in_the_legend() -> None:
    figure = split_timeline({"": [_bar("train", "2025-06-01", "2025-06-02")]})
    assert [trace.name for trace in figure.data] == ["trained on"]
    assert not figure.layout.yaxis.showticklabels
