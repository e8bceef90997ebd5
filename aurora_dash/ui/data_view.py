"""What was recognised in the chosen data, and whether it can be launched on."""

from __future__ import annotations

import streamlit as st

from aurora_dash.data.check import DataSummary
from aurora_dash.data.findings import launchable
from aurora_dash.errors import DataError
from aurora_dash.evaluation.results import SYNTHETIC
from aurora_dash.figures.labels import pretty_unit
from aurora_dash.spec import RunSpec
from aurora_dash.ui import doctor_view, opened, widgets, words
from aurora_dash.variables import Group


def recognised(spec: RunSpec) -> None:
    """Show what the data holds and what was found."""
    found = opened.findings(spec)
    if launchable(found):
        st.success("A run can be launched on this data.", icon=":material/check_circle:")
    else:
        errors = sum(finding.severity == "error" for finding in found)
        st.markdown(
            f":red[:material/block: **No run can be launched on this data yet:** "
            f"{words.several(errors, 'thing')} in the way.]"
        )
    doctor_view.show(spec, found)
    try:
        summary = opened.summary(spec)
    except DataError:
        # That it can't be opened is among the findings.
        return
    _summary(summary, spec)


def _summary(summary: DataSummary, spec: RunSpec) -> None:
    st.subheader("What was recognised", anchor=False)
    if spec.data.mix:
        st.caption(f"In the first part of the mix, `{spec.data.mix[0].name}`.")
    widgets.show_label_texts([SYNTHETIC] if summary.synthetic else [])
    grid, times = summary.grid, summary.times
    widgets.facts(
        [
            ("Times", f"{times.count:,}" if times else "none"),
            ("Time step", _step(times.step_hours) if times else "–"),
            ("Grid", f"{grid.num_latitudes} × {grid.num_longitudes}"),
            ("Levels", str(len(summary.levels))),
            ("Size", words.size(summary.num_bytes)),
        ],
    )
    st.caption(" · ".join(_where_and_when(summary)))
    st.dataframe(_rows(summary, spec), hide_index=True, height="content")


def _step(hours: float | None) -> str:
    return "uneven" if hours is None else f"{hours:g} h"


def _where_and_when(summary: DataSummary) -> list[str]:
    grid = summary.grid
    parts = [f"{grid.north:g}° to {grid.south:g}° north, {grid.west:g}° to {grid.east:g}° east"]
    if grid.resolution is not None:
        parts.append(f"every {grid.resolution:g}°")
    if summary.times:
        parts.insert(0, f"{summary.times.first} to {summary.times.last}")
    if summary.levels:
        parts.append(", ".join(f"{level:g}" for level in summary.levels) + " hPa")
    return parts


def _rows(summary: DataSummary, spec: RunSpec) -> list[dict[str, str]]:
    """One row a variable of the data, those that the model takes first."""
    rows = [
        {
            "Variable": variable.name,
            "Group": variable.group,
            "What it is": variable.long_name,
            "Unit": pretty_unit(variable.unit),
            "In the files": variable.source_name,
            "Used": "yes" if variable.name in spec.names(Group(variable.group)) else "no",
        }
        for variable in summary.variables
    ]
    return sorted(rows, key=lambda row: row["Used"] == "no")
