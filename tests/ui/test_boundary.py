"""Errors reach a person as words: never a traceback, always a way on."""

from __future__ import annotations

import logging

import pytest
from streamlit.testing.v1 import AppTest

from aurora_dash.ui.boundary import plain


def _expected() -> None:
    import streamlit as st

    from aurora_dash.errors import DataError
    from aurora_dash.ui import boundary

    with boundary.errors_shown():
        raise DataError("era5_*.nc lacks `z`.", remedy="Add <pressure levels>.")
    st.write("the rest of the page")


def _unexpected() -> None:
    from aurora_dash.ui import boundary

    with boundary.errors_shown():
        raise ZeroDivisionError("division by $ero")


def _in_a_callback() -> None:
    import streamlit as st

    from aurora_dash.errors import SpecError
    from aurora_dash.ui import boundary, state

    @boundary.guarded
    def callback() -> None:
        raise SpecError("steps must be above 0.", remedy="Give 1 or more.")

    for _kind, message in state.take_flashes():
        st.error(message)
    st.button("press", on_click=callback)


def test_an_expected_error_shows_message_and_remedy_as_typed() -> None:
    app = AppTest.from_function(_expected).run()
    [box] = app.error
    assert box.value == ("era5\\_\\*.nc lacks `z`.\n\n**What to do:** Add \\<pressure levels\\>.")
    assert app.markdown[0].value == "the rest of the page"


def test_an_unexpected_error_is_a_friendly_box_and_a_report_in_the_log(
    caplog: pytest.LogCaptureFixture,
) -> None:
    with caplog.at_level(logging.ERROR):
        app = AppTest.from_function(_unexpected).run()
    assert not app.exception
    message = app.error[0].value
    assert "ZeroDivisionError: division by \\$ero" in message
    assert "Traceback" not in message
    reference = message.rstrip(".").rpartition(" ")[2]
    assert f"reference {reference}" in caplog.text
    assert "Traceback" in caplog.text


def test_an_error_in_a_callback_waits_for_the_next_drawing() -> None:
    app = AppTest.from_function(_in_a_callback).run().button[0].click().run()
    assert not app.exception
    assert app.error[0].value == "steps must be above 0.\n\n**What to do:** Give 1 or more."


def test_plain_text_stays_what_it_is() -> None:
    assert plain("a_b*c[d]$e<f>") == r"a\_b\*c\[d\]\$e\<f\>"


def test_commands_between_backticks_are_shown_as_code_and_single_ones_as_typed() -> None:
    assert plain("see `runs fix A_1 --set a*b` or a_b") == r"see `runs fix A_1 --set a*b` or a\_b"
    assert plain("a `torn b_c") == r"a \`torn b\_c"
