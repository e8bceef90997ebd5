"""Times are told in UTC, and the zone is named beside every one of them."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

import pandas as pd
import pytest
from streamlit.testing.v1 import AppTest

from aurora_dash.runs.ownership import Owner
from aurora_dash.runs.status import RunState
from aurora_dash.runs.store import Run
from tests.pages.helpers import OpenPage

# A time of the day, with what follows it: its zone, or the rest of an ISO text that ends with one.
CLOCK = re.compile(r"\b\d{1,2}:\d{2}(?::\d{2})?(?:\.\d+)?(?P<zone>.{0,6})")
ZONE = re.compile(r"`? ?(UTC|Z\b|\+00:00)")


def _said(app: AppTest) -> Iterator[str]:
    """Every text of a page, and the cells of its tables with the names of their columns."""
    for kind in (
        "title",
        "subheader",
        "markdown",
        "caption",
        "info",
        "warning",
        "error",
        "success",
    ):
        yield from (str(element.value) for element in getattr(app, kind))
    yield from (option for box in app.selectbox for option in box.options)
    yield from (str(metric.value) for metric in app.metric)
    yield from (expander.label for expander in app.expander)
    for table in (*app.dataframe, *app.table):
        frame = pd.DataFrame(table.value)
        for name, column in frame.items():
            # Moments are shown in the zone that the column's heading names.
            if isinstance(column.dtype, pd.DatetimeTZDtype):
                assert str(column.dtype.tz) == "UTC", name
                assert "Created (UTC)" in str(table.proto.columns)
            elif not pd.api.types.is_numeric_dtype(column):
                yield from map(str, column)


def without_zone(text: str) -> list[str]:
    """The times of a text that name no zone."""
    return [m[0] for m in CLOCK.finditer(text) if not ZONE.match(m["zone"])]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("2025-06-01 18:00 UTC", []),
        ("`18:00:05 UTC` stopped", []),
        ("2025-06-01T18:00:00Z", []),
        ("at 18:00 it stopped", ["18:00 it st"]),
        ("a ratio of 3:1", []),
    ],
)
def test_a_time_without_its_zone_is_found(text: str, found: list[str]) -> None:
    assert without_zone(text) == found


@pytest.mark.slow
@pytest.mark.parametrize(
    "page",
    ["start", "model", "data", "variables", "train", "monitor", "evaluate", "compare", "doctor"],
)
def test_no_page_tells_a_time_without_its_zone(
    open_page: OpenPage, make_run: Callable[..., Run], page: str
) -> None:
    make_run(RunState.FAILED, reason="The loss is not finite.")
    run = make_run(RunState.COMPLETED)
    owner = Owner.take(run, launcher="thread")
    owner.update(state=RunState.STOPPED)
    owner.release()
    app = open_page(page, run=run.id)
    assert not app.exception
    texts = list(_said(app))
    assert texts
    assert {text: without_zone(text) for text in texts if without_zone(text)} == {}
