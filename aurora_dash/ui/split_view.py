"""How many samples the chosen data gives, and when it is trained on and validated with."""

from __future__ import annotations

import numpy as np
import streamlit as st

from aurora_dash.data.plan import Span, SplitSummary, describe_split
from aurora_dash.errors import DataError
from aurora_dash.figures.timeline import Bar, split_timeline
from aurora_dash.spec import RunSpec
from aurora_dash.ui import opened
from aurora_dash.ui.live_chart import live_chart


def show(spec: RunSpec, *, chosen: bool) -> None:
    """Counts and a timeline, by part; nothing while the data can't be opened: Check says why."""
    if not chosen:
        return
    try:
        splits = {part.name: describe_split(part.spec, part.times) for part in opened.parts(spec)}
    except DataError:
        return
    st.markdown("  \n".join(_words(name, split) for name, split in splits.items()))
    rows = {name: [_bar(span) for span in split.spans] for name, split in splits.items()}
    if any(rows.values()):
        figure = split_timeline(rows)
        live_chart(figure, key="split", height=int(figure.layout.height))


def _words(name: str, split: SplitSummary) -> str:
    out = f", {split.num_left_out:,} between them left out" if split.num_left_out else ""
    before = f"`{name}`: " if name else ""
    return (
        f"{before}**{split.num_train:,}** samples to train on, **{split.num_validation:,}** to "
        f"validate with{out}"
    )


def _bar(span: Span) -> Bar:
    first, last = (np.datetime64(text.removesuffix("Z")) for text in (span.first, span.last))
    return Bar(span.use, first, last, span.num_times)
