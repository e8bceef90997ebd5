"""Which runs are compared: all of them as a table, filtered, of which one chooses any number."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from typing import Any

import pandas as pd
import streamlit as st

from aurora_dash.errors import RunError
from aurora_dash.runs.conditions import matching, parse_conditions
from aurora_dash.runs.overview import Overview, differences_of, value_text
from aurora_dash.ui import boundary, state, words

_RUNS = "runs"
_FIRST_SHOWN = 5
_TABLE_HEIGHT, _ROW_HEIGHT = 320, 32
_MOST_FIELDS = 6


def filtered(everything: Sequence[Overview]) -> tuple[Overview, ...]:
    """The runs that meet the conditions typed; all of them while those can't be read."""
    text = st.text_input(
        "Only runs with",
        placeholder="optimiser.lr<1e-4 tag=norway state=completed name~demo",
        help="Conditions on fields of the spec (docs/spec.md), and on name, state, tag, step, "
        "loss, best_loss and device, all of which have to hold. =, !=, <, <=, >, >= compare; "
        "~ looks for a part of the text.",
        key="where",
        bind="query-params",
    )
    try:
        return matching(everything, parse_conditions(text or ""))
    except RunError as error:
        boundary.show_error(error)
        return tuple(everything)


def chosen(everything: Sequence[Overview]) -> tuple[Overview, ...]:
    """The runs that the URL names, in its order; the newest few where it names none."""
    known = {overview.id: overview for overview in everything}
    named = st.query_params.get_all(_RUNS) or state.compared()
    missing = [run_id for run_id in named if run_id and run_id not in known]
    if missing:
        st.warning(f"Not here any more: {boundary.plain(', '.join(missing))}.")
    if not named:
        return tuple(everything[:_FIRST_SHOWN])
    return tuple(known[run_id] for run_id in named if run_id in known)


def choose(ids: Iterable[str]) -> None:
    """Compare these runs from now on; none at all is a choice too."""
    wanted = list(dict.fromkeys(ids))
    state.compare(wanted)
    st.query_params[_RUNS] = wanted or [""]


def table(found: Sequence[Overview], compared: Sequence[Overview]) -> None:
    """The runs found, of which rows can be chosen."""
    shown = [overview.id for overview in found]
    rows = [shown.index(o.id) for o in compared if o.id in shown]
    # Another choice or another list is another table: Streamlit keeps the old one's choice else.
    identity = hashlib.sha256(repr((shown, sorted(rows))).encode()).hexdigest()[:12]
    key = f"compare-table-{identity}"
    st.dataframe(
        frame(found),
        hide_index=True,
        height=min(_TABLE_HEIGHT, _ROW_HEIGHT * (len(found) + 1) + 4),
        row_height=_ROW_HEIGHT,
        placeholder="–",
        column_config={
            "Created": st.column_config.DatetimeColumn("Created (UTC)", format="YYYY-MM-DD HH:mm"),
            "Best loss": st.column_config.NumberColumn(format="%.4g"),
            "Loss": st.column_config.NumberColumn(format="%.4g"),
        },
        selection_mode="multi-row",
        selection_default={"selection": {"rows": rows}},
        on_select=lambda: _take(key, shown, [o.id for o in compared]),
        key=key,
    )


@boundary.guarded
def _take(key: str, shown: Sequence[str], before: Sequence[str]) -> None:
    rows = st.session_state[key]["selection"]["rows"]
    now = [shown[row] for row in rows]
    # What the filter hides stays chosen; what was chosen keeps its place, and so its colour.
    kept = [run_id for run_id in before if run_id in now or run_id not in shown]
    choose([*kept, *now])


def frame(found: Sequence[Overview]) -> pd.DataFrame:
    """One row a run: what it is, where it stands, and the fields in which the runs differ most."""
    columns: dict[str, list[Any]] = {
        "Name": [o.name for o in found],
        "State": [o.status.in_words for o in found],
        "Tags": [", ".join(o.annotations.tags) for o in found],
        "Steps": [o.status.step for o in found],
        "Loss": [o.status.last_loss for o in found],
        "Best loss": [o.status.best_loss for o in found],
        "Created": [o.status.created for o in found],
        "By": [o.launched.by if o.launched else None for o in found],
    }
    for name, values in _telling(found).items():
        columns[name] = [value_text(values[o.id]) if o.id in values else "–" for o in found]
    columns["Run"] = [o.id for o in found]
    return pd.DataFrame(columns)


def _telling(found: Sequence[Overview]) -> dict[str, dict[str, Any]]:
    """The fields with the fewest different values: those by which runs fall into groups."""
    differences = differences_of(found)
    ranked = sorted(
        differences, key=lambda n: len({value_text(v) for v in differences[n].values()})
    )
    return {name: differences[name] for name in ranked[:_MOST_FIELDS]}


def titles(compared: Sequence[Overview]) -> dict[str, str]:
    """What to call each run, by id: its name, with the end of its id where others share it."""
    names = [overview.name for overview in compared]
    return words.distinct(
        {
            o.id: o.name if names.count(o.name) == 1 else f"{o.name} {o.id.rpartition('-')[2]}"
            for o in compared
        }
    )
