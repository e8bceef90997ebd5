"""The report of an evaluation, written when somebody asks for it."""

from __future__ import annotations

from functools import partial

import streamlit as st

from aurora_dash.evaluation.results import EvaluationResult
from aurora_dash.ui.cache import run_store


def downloads(result: EvaluationResult) -> None:
    """Buttons for the HTML file and for the Markdown with its pictures."""
    name = f"report-{result.folder.name}"
    with st.container(horizontal=True):
        st.download_button(
            "Report (HTML)",
            partial(_html, result),
            file_name=f"{name}.html",
            mime="text/html",
            icon=":material/description:",
            help="One file with scores, scorecard, maps, spec and where the data came from, to "
            "keep, print or send: it needs no network.",
            on_click="ignore",
            key="report-html",
        )
        st.download_button(
            "Model card (Markdown)",
            partial(_archive, result),
            file_name=f"{name}.zip",
            mime="application/zip",
            icon=":material/description:",
            help="README.md and its pictures, as a repository of the Hugging Face hub has them.",
            on_click="ignore",
            key="report-markdown",
        )


def _html(result: EvaluationResult) -> bytes:
    # Imported when asked for: it brings matplotlib.
    from aurora_dash.evaluation.report.write import html_report

    return html_report(result, store=run_store())


def _archive(result: EvaluationResult) -> bytes:
    from aurora_dash.evaluation.report.write import markdown_archive

    return markdown_archive(result, store=run_store())
