"""The Train page's estimate of memory: asked for, and shown against a card."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from aurora_dash.presets import demo
from aurora_dash.runs.store import RunStore
from aurora_dash.training.memory import ask
from aurora_dash.training.memory.estimate import PARTS, Estimate
from aurora_dash.training.memory.question import Question
from aurora_dash.ui.drafts import DraftStore
from tests.pages.helpers import TINY_DATA, OpenPage, button, labels, texts

pytestmark = pytest.mark.slow

GIB = 2**30


@pytest.fixture(autouse=True)
def _own_cache(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("AURORA_DASH_CACHE", str(tmp_path / "cache"))


def _finished(app: AppTest, label: str) -> AppTest:
    for _ in range(200):
        app = app.run()
        if label in labels(app):
            return app
        time.sleep(0.5)
    raise AssertionError(f"no button {label!r} after 100 s: {texts(app)}")


def test_an_estimate_is_asked_for_and_shown_against_a_card(
    open_page: OpenPage, store: RunStore
) -> None:
    drafts = DraftStore(store.root)
    draft_id = drafts.create(demo().replace(data=TINY_DATA)).id
    app = open_page("train", draft=draft_id)
    assert "Make it fit" not in labels(app)
    app = app.selectbox(key="estimate-card").set_value("A GPU of 16 GiB").run()
    app = app.button(key="estimate-estimate").click().run()
    app = _finished(app, "What would save memory")
    assert any("A step needs **2.0 GiB** of 16.0 GiB" in box.value for box in app.success)
    app = app.button(key="estimate-fit").click().run()
    app = _finished(app, "Make it fit")
    assert "It fits as it is." in texts(app)


def _as_if_full(question: Question, **_: Any) -> Estimate:
    """In place of the process: 46 GiB, of which 20 are the optimiser's and 20 go with chunks."""
    spec = question.spec
    parts = dict.fromkeys(PARTS, 0) | {"parameters": 6 * GIB}
    parts["optimiser"] = 0 if spec.optimiser.offload else 20 * GIB
    parts["decoder"] = 20 * GIB if spec.model.chunks == "off" else 0
    return Estimate(
        device=question.device,
        height=question.shape.height,
        width=question.shape.width,
        num_levels=len(question.shape.levels),
        batch_size=1,
        num_parameters=10**9,
        num_trainable=10**9,
        parts=parts,
        peak_part="decoder",
        flops=10**14,
        seconds=1.0,
    )


@pytest.fixture
def too_large(
    open_page: OpenPage, store: RunStore, monkeypatch: pytest.MonkeyPatch
) -> tuple[AppTest, str]:
    """The page of a run that was estimated to need 49.3 GiB, against a card of 24; its draft."""
    monkeypatch.setattr(ask, "_ask", lambda question, *_: _as_if_full(question))
    spec = demo().replace(data=TINY_DATA).with_overrides(["model.activation_checkpointing=true"])
    draft_id = DraftStore(store.root).create(spec).id
    app = open_page("train", draft=draft_id)
    app = app.selectbox(key="estimate-card").set_value("A GPU of 24 GiB").run()
    app = app.button(key="estimate-estimate").click().run()
    return _finished(app, "Make it fit"), draft_id


def test_a_remedy_is_ranked_and_applied_by_a_click(
    too_large: tuple[AppTest, str], store: RunStore
) -> None:
    app, draft_id = too_large
    assert any("49.3 GiB** of 24.0 GiB: 25.3 GiB too much" in box.value for box in app.error)
    app = app.button(key="estimate-savings").click().run()
    app = _finished(app, "Apply")
    applied = [b.key for b in app.button if b.key and b.key.startswith("estimate-apply-")]
    # Both save 20 GiB and a twentieth of margin; what saves nothing comes after them.
    assert set(applied[:2]) == {"estimate-apply-chunks", "estimate-apply-offload"}
    assert "saves 21.0 GiB" in texts(app)
    app = app.button(key="estimate-apply-chunks").click().run()
    assert not app.exception
    spec = DraftStore(store.root).get(draft_id).spec
    assert (spec.model.chunks, spec.model.checkpointed_layers) == ("auto", "stages+blocks")
    assert not spec.optimiser.offload


def test_what_makes_it_fit_is_applied_as_a_whole(
    too_large: tuple[AppTest, str], store: RunStore
) -> None:
    app, draft_id = too_large
    app = app.button(key="estimate-fit").click().run()
    app = _finished(app, "Apply all")
    (said,) = [box.value for box in app.info if "It fits with" in box.value]
    assert "chunks, Optimiser on the host. Then a step needs 8.0 GiB" in said
    app = button(app, "Apply all").click().run()
    assert not app.exception
    spec = DraftStore(store.root).get(draft_id).spec
    assert (spec.model.chunks, spec.optimiser.offload) == ("auto", True)
    # What was found for it when it was looked for is shown at once.
    assert any("8.0 GiB** of 24.0 GiB" in box.value for box in app.success)
