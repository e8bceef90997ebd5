"""The Compare page."""

from __future__ import annotations

from collections.abc import Callable

from aurora_dash.runs.annotations import annotate, read_annotations
from aurora_dash.runs.status import RunState
from aurora_dash.runs.store import Run, RunStore
from tests.pages.helpers import OpenPage, button, texts

MakeRun = Callable[..., Run]


def _frames(app) -> list:
    return [frame.value for frame in app.dataframe]


def test_without_runs_the_page_says_how_to_get_some(open_page: OpenPage) -> None:
    app = open_page("compare")
    assert not app.exception
    assert "No runs to compare yet" in texts(app)


def test_the_address_alone_says_what_is_compared_and_how(
    open_page: OpenPage, make_run: MakeRun
) -> None:
    runs = [make_run(RunState.COMPLETED, name=name) for name in ("one", "two", "three")]
    first, _, third = (run.id for run in runs)
    app = open_page("compare", runs=[first, third], along="Epoch", metric="train: grad_norm")
    assert not app.exception
    everything, losses, *_ = _frames(app)
    assert sorted(everything["Name"]) == ["one", "three", "two"]
    assert list(losses.index) == ["one", "three"]
    assert losses["Best validation"].tolist() == [0.2, 0.2]
    assert app.selectbox(key="metric").value == "train: grad_norm"


def test_conditions_leave_what_is_chosen_alone(open_page: OpenPage, make_run: MakeRun) -> None:
    runs = [make_run(RunState.COMPLETED, name=name) for name in ("one", "two")]
    app = open_page("compare", runs=[run.id for run in runs], where="name=one")
    everything, losses, *_ = _frames(app)
    assert list(everything["Name"]) == ["one"]
    assert list(losses.index) == ["one", "two"]


def test_a_wrong_condition_is_said_and_hides_nothing(
    open_page: OpenPage, make_run: MakeRun
) -> None:
    make_run(RunState.COMPLETED)
    app = open_page("compare", where="lr<1")
    assert "no field" in app.error[0].value
    assert len(_frames(app)[0]) == 1


def test_results_stand_beside_those_of_the_baseline(
    open_page: OpenPage, make_run: MakeRun, store: RunStore
) -> None:
    first, second = make_run(RunState.COMPLETED, name="one"), make_run(RunState.FAILED, name="two")
    second.save_spec(second.spec().with_overrides(["optimiser.lr=0.5"]))
    app = open_page("compare", runs=[first.id, second.id])
    app.selectbox(key="baseline").select("two").run()
    assert not app.exception
    losses, differences = _frames(app)[1:3]
    assert losses["Against baseline"].tolist() == [0, 0]
    assert list(differences.columns) == ["two", "one"]
    assert differences.loc["optimiser.lr", "two"] == "0.5"


def test_notes_and_tags_are_kept_with_the_run(open_page: OpenPage, make_run: MakeRun) -> None:
    run = make_run(RunState.COMPLETED)
    annotate(run.folder, tags=["sweep"])
    app = open_page("compare", runs=run.id)
    app.text_area(key=f"notes-{run.id}").input("worked at once").run()
    assert not app.exception
    assert read_annotations(run.folder).notes == "worked at once"
    assert read_annotations(run.folder).tags == ("sweep",)


def test_a_run_is_deleted_and_brought_back(
    open_page: OpenPage, make_run: MakeRun, store: RunStore
) -> None:
    first, second = make_run(RunState.COMPLETED, name="one"), make_run(RunState.FAILED, name="two")
    app = open_page("compare", runs=[first.id, second.id])
    app.button(key=f"delete-{second.id}").click().run()
    assert [run.id for run in store.list()] == [first.id]
    assert list(_frames(app)[1].index) == ["one"]
    button(app, f"Bring back {second.id}").click().run()
    assert not app.exception
    assert len(store.list()) == 2


def test_a_run_that_is_gone_is_said(open_page: OpenPage, make_run: MakeRun) -> None:
    run = make_run(RunState.COMPLETED)
    app = open_page("compare", runs=[run.id, "20200101-000000-gone-0000"])
    assert "20200101" in app.warning[0].value


def test_another_like_it_is_set_up_on_the_train_page(
    open_page: OpenPage, make_run: MakeRun
) -> None:
    run = make_run(RunState.COMPLETED, name="the one to repeat")
    app = open_page("compare", runs=run.id)
    app.button(key=f"clone-{run.id}").click().run()
    assert not app.exception
    assert "the one to repeat" in [field.value for field in app.text_input]
