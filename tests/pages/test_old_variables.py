"""Evaluate & maps: what became of the variables that the model had before a run added others."""

from __future__ import annotations

from pathlib import Path

import pytest

from aurora_dash.cli.entry import main
from aurora_dash.evaluation.job import list_evaluations, load_evaluation, start_evaluation
from aurora_dash.evaluation.request import EvaluationRequest
from aurora_dash.presets import demo
from aurora_dash.runs.status import RunState
from aurora_dash.runs.store import Run, RunStore
from aurora_dash.spec import TrainingSpec, VariableSpec
from tests.pages.helpers import TINY_DATA, OpenPage, texts, wait_until

pytestmark = pytest.mark.slow


@pytest.fixture
def trained(store: RunStore) -> Run:
    """Two steps of real training with a new variable."""
    from aurora_dash.training.engine import train

    spec = demo().replace(
        data=TINY_DATA,
        training=TrainingSpec(steps=2, validate_every=2),
        variables=(VariableSpec(name="tcwv", unit="kg m-2", initialise="zero"),),
    )
    run = store.create(spec)
    assert train(run).state is RunState.COMPLETED
    return run


def test_old_variables_have_a_line_on_the_command_line(
    trained: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "scores"
    assert main(["evaluate", str(trained.folder), "--out", str(folder), "--device", "cpu"]) == 0
    lines = capsys.readouterr().out.splitlines()
    [line] = [line for line in lines if line.startswith("variables it had before")]
    assert "of 14 fields better" in line
    assert "worst change" in line


def test_old_variables_have_a_panel(open_page: OpenPage, trained: Run) -> None:
    request = EvaluationRequest(run=trained.id, device="cpu")
    evaluation = start_evaluation(trained, request)
    wait_until(lambda: not list_evaluations(trained)[0].state.is_live, 120)
    app = open_page("evaluate", run=trained.id, evaluation=evaluation)
    assert not app.exception
    assert "Did the variables it had before suffer?" in texts(app)
    old = load_evaluation(trained, evaluation).summary.old_variables
    assert old is not None
    shown = {metric.label: metric.value for metric in app.metric}
    assert shown["Fields better"] == str(old.better)
    assert shown["Fields worse"] == str(old.worse)
    assert shown["Worst change of the RMSE"] == f"{old.worst.percent:+.1f} %"
