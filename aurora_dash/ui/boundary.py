"""Where errors stop: a person reads what happened and what to do, never a traceback."""

from __future__ import annotations

import functools
import itertools
import logging
import re
import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import ParamSpec, TypeVar

import streamlit as st

from aurora_dash.errors import AuroraDashError
from aurora_dash.ui import state

_logger = logging.getLogger(__name__)

_CODE = re.compile(r"(`[^`\n]+`)")
_LOGGED = "Unexpected error, reference %s"

P = ParamSpec("P")
R = TypeVar("R")


def show_error(error: AuroraDashError) -> None:
    """Show what went wrong, and the remedy under it."""
    st.error(in_words(error), icon=":material/error:")


def in_words(error: AuroraDashError) -> str:
    """An error as Markdown: the message, then the remedy on its own line."""
    message = plain(error.message)
    return f"{message}\n\n**What to do:** {plain(error.remedy)}" if error.remedy else message


def plain(text: str) -> str:
    """Text in which nothing is taken for Markdown or LaTeX: paths and patterns show as typed.

    What stands between two backticks, as commands do in messages, is shown as code.
    """
    return "".join(
        part if code else _escaped(part)
        for part, code in zip(_CODE.split(text), itertools.cycle((False, True)), strict=False)
    )


def _escaped(text: str) -> str:
    for character in "\\`*_[]$~<>#|":
        text = text.replace(character, f"\\{character}")
    return text


@contextmanager
def errors_shown() -> Iterator[None]:
    """Show an error raised inside as a box on the page; the rest of the page stays."""
    try:
        yield
    except AuroraDashError as error:
        show_error(error)
    except Exception as error:
        reference = secrets.token_hex(3)
        _logger.exception(_LOGGED, reference)
        st.error(_report(error, reference), icon=":material/bug_report:")


def guarded(function: Callable[P, R]) -> Callable[P, R | None]:
    """Wrap a widget's callback: an error becomes a message at the next drawing of the page."""

    @functools.wraps(function)
    def wrapper(*args: P.args, **kwargs: P.kwargs) -> R | None:
        try:
            return function(*args, **kwargs)
        except AuroraDashError as error:
            state.flash(in_words(error), kind="error")
        except Exception as error:
            reference = secrets.token_hex(3)
            _logger.exception(_LOGGED, reference)
            state.flash(_report(error, reference), kind="error")
        return None

    return wrapper


def _report(error: Exception, reference: str) -> str:
    what = plain(f"{type(error).__name__}: {error}"[:300])
    return (
        f"Something went wrong that this page did not expect ({what}).\n\n"
        "**What to do:** reload the page. What you set up is saved, and a run that trains goes "
        f"on. The full report is in the server's log under reference {reference}."
    )
