"""The first page: what the machine offers, what ran here, and the way in."""

from __future__ import annotations

from collections.abc import Callable
from importlib import metadata

import pytest

from aurora_dash.presets import demo
from aurora_dash.runs.status import RunState
from aurora_dash.runs.store import Run, RunStore
from aurora_dash.ui import start
from aurora_dash.ui.drafts import DraftStore
from tests.pages.helpers import OpenPage, button, labels, parameter, texts, title


def test_it_names_the_machine_and_the_versions(open_page: OpenPage) -> None:
    app = open_page()
    shown = {metric.label: metric.value for metric in app.metric}
    assert shown["PyTorch"] == metadata.version("torch")
    assert shown["Aurora"] == metadata.version("microsoft-aurora")
    assert "GiB" in shown["Memory"]
    assert shown["Computes on"]


def test_without_runs_it_says_how_to_get_the_first(open_page: OpenPage) -> None:
    app = open_page()
    assert not app.exception
    assert "No runs yet" in texts(app)
    assert "Train the demo now" in labels(app)


def test_the_demo_is_labelled_before_it_is_launched(open_page: OpenPage) -> None:
    shown = texts(open_page())
    assert "synthetic data" in shown
    assert "random weights" in shown


def test_one_click_launches_the_demo_and_goes_to_watch_it(
    open_page: OpenPage, store: RunStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    launched: list[Run] = []
    monkeypatch.setattr(start, "launch", launched.append)
    app = button(open_page(), "Train the demo now").click().run()
    assert title(app) == "Monitor"
    [run] = store.list()
    assert launched == [run]
    assert run.spec() == demo()
    assert parameter(app, "run") == run.id


@pytest.mark.parametrize("state", [RunState.FAILED, RunState.COMPLETED, RunState.STOPPED])
def test_runs_are_listed_with_state_progress_and_loss(
    open_page: OpenPage, make_run: Callable[..., Run], state: RunState
) -> None:
    make_run(state, name="a run of mine")
    app = open_page()
    shown = texts(app)
    assert state.value in shown
    assert "10 / 20 steps" in shown
    assert "loss 0.1, best 0.2" in shown


def test_a_failed_run_says_why(open_page: OpenPage, make_run: Callable[..., Run]) -> None:
    make_run(RunState.FAILED, reason="The loss of 2t is not finite.")
    assert "The loss of 2t is not finite" in texts(open_page())


def test_a_foreign_folder_among_the_runs_does_no_harm(
    open_page: OpenPage, store: RunStore, make_run: Callable[..., Run]
) -> None:
    make_run(RunState.COMPLETED)
    (store.root / "holiday-photos").mkdir()
    (store.root / "holiday-photos" / "beach.jpg").touch()
    app = open_page()
    assert not app.exception
    assert "holiday-photos has no status.json" in texts(app).replace("\\", "")


def test_the_guided_path_begins_with_a_fresh_draft(open_page: OpenPage, store: RunStore) -> None:
    draft = DraftStore(store.root).create(demo())
    app = button(open_page("start", draft=draft.id), "Set up a fine-tuning").click().run()
    assert title(app) == "Model"
    assert "draft" not in app.query_params


def test_what_was_left_unfinished_can_be_discarded(open_page: OpenPage, store: RunStore) -> None:
    drafts = DraftStore(store.root)
    draft = drafts.create(demo().replace(name="half done"))
    app = open_page()
    assert app.button(key=f"discard-{draft.id}").click().run()
    assert drafts.list() == []


def test_a_launched_draft_is_not_listed_as_unfinished(open_page: OpenPage, store: RunStore) -> None:
    from dataclasses import replace

    drafts = DraftStore(store.root)
    drafts.save(replace(drafts.create(demo()), launched_as="20250101-000000-demo-abcd"))
    assert "Being set up" not in [heading.value for heading in open_page().subheader]
