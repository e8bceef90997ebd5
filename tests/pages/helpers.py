"""Reading what a page shows, and records as a trainer writes them."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from streamlit.testing.v1 import AppTest

from aurora_dash.spec import DataSpec, DemoSpec

OpenPage = Callable[..., AppTest]

TINY_DATA = DataSpec(demo=DemoSpec(height=16, width=16, levels=(850, 500), num_times=12))


def title(app: AppTest) -> str:
    """Title of the page that is shown."""
    return str(app.title[0].value)


def parameter(app: AppTest, name: str) -> str:
    """A parameter of the URL."""
    value = app.query_params[name]
    return value[0] if isinstance(value, list) else value


def labels(app: AppTest) -> list[str]:
    """Labels of all buttons that can be pressed."""
    return [button.label for button in app.button if not button.disabled]


def button(app: AppTest, label: str) -> Any:
    """The button of that label."""
    return next(button for button in app.button if button.label == label)


def texts(app: AppTest) -> str:
    """All Markdown and captions of the page in one text."""
    return "\n".join([*(m.value for m in app.markdown), *(c.value for c in app.caption)])


def record(step: int, **more: float) -> dict[str, Any]:
    """A training record as the trainer writes it."""
    return {
        "step": step,
        "split": "train",
        "epoch": step / 5,
        "loss": 1 / step,
        "lr": 1e-3,
        "grad_norm": 2.0,
        "grad_norm/encoder": 1.0,
        "loss/2t": 0.5 / step,
        "loss/z/500": 0.2,
        "loss/z/850": 0.4,
        "step_seconds": 0.25,
        "data_seconds": 0.01,
        "memory_bytes": 2.0**30,
        **more,
    }


def wait_until(condition: Callable[[], bool], seconds: float) -> None:
    """Wait for something that another thread does; fail if it does not."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "waited too long"
        time.sleep(0.1)
