"""The Monitor page's account of how the model got its weights."""

from __future__ import annotations

import streamlit as st

from aurora_dash.errors import RunError
from aurora_dash.runs.loading import OUTCOMES, LoadAccount
from aurora_dash.runs.status import may_be_arriving
from aurora_dash.runs.store import Run
from aurora_dash.ui import boundary, runs_view

_NAMED = 200
_ORDINARY = ("matched", "random")


def show(run: Run) -> None:
    """What matched, was missing, unexpected, of another shape or new, by group of parameters."""
    with boundary.errors_shown():
        try:
            account = runs_view.load_account(run)
        except RunError:
            if may_be_arriving(run.load_report_path):
                return
            raise
        if account is None:
            return
        title = f"Weights of this run: {account.summary()}"
        with st.expander(title, icon=":material/inventory_2:", expanded=bool(account.refused)):
            _content(account)


def _content(account: LoadAccount) -> None:
    st.caption(f"From {boundary.plain(account.source)}. Numbers are tensors, not single weights.")
    if account.refused:
        st.error(boundary.plain(account.refused), icon=":material/block:")
    table: dict[str, list[str | int]] = {"Group": [group for group, _ in account.rows()]}
    for index, told in enumerate(OUTCOMES.values()):
        table[told.capitalize()] = [counts[index] for _, counts in account.rows()]
    st.dataframe(table, hide_index=True, height="content")
    for outcome, told in OUTCOMES.items():
        names = account.names(outcome)
        if outcome in _ORDINARY or not names:
            continue
        st.markdown(f"**{told.capitalize()}**")
        more = [f"and {len(names) - _NAMED} more"] if len(names) > _NAMED else []
        height = min(200, 60 + 20 * len(names))
        st.code("\n".join([*names[:_NAMED], *more]), language=None, height=height)
