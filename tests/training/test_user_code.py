"""A person's own loss runs where that was allowed, and nowhere else."""

from __future__ import annotations

import math
import re
from pathlib import Path

import pytest
import torch

from aurora_dash.errors import PathError, TrainingError
from aurora_dash.runs.status import RunState
from aurora_dash.spec import LossSpec, RunSpec
from aurora_dash.training.engine import train
from aurora_dash.training.loss import build_loss

DOCUMENT = Path(__file__).resolve().parents[2] / "docs" / "losses.md"


@pytest.fixture
def loss_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The documented example, as a person would save it."""
    monkeypatch.setenv("AURORA_DASH_ROOTS", str(tmp_path))
    monkeypatch.setenv("AURORA_DASH_USER_CODE", "1")
    example = re.search(r"```python\n(.*?)```", DOCUMENT.read_text(encoding="utf-8"), re.DOTALL)
    path = tmp_path / "my_loss.py"
    path.write_text(example[1])
    return path


def _spec(path: Path) -> RunSpec:
    loss = LossSpec(kind="custom", code=str(path), targets=("2t",), surface_weight=1)
    return RunSpec(loss=loss)


def test_the_documented_loss_computes_what_it_says(loss_file, batch_of) -> None:
    errors = torch.tensor([0.5, 2.0, 30.0, math.nan]).reshape(1, 1, 1, 4)
    terms = build_loss(_spec(loss_file))(
        batch_of({"2t": torch.zeros_like(errors)}), batch_of({"2t": errors})
    )
    expected = (math.log(math.cosh(0.5)) + math.log(math.cosh(2)) + math.log(math.cosh(30))) / 3
    assert terms.total.item() == pytest.approx(expected)
    assert terms.by_variable["2t"].item() == pytest.approx(32.5 / 3)


@pytest.mark.parametrize("value", [None, "", "0", "yes"])
def test_a_spec_alone_never_runs_code(loss_file, monkeypatch, value) -> None:
    loss_file.write_text(f"open({str(loss_file.with_suffix('.ran'))!r}, 'w')")
    if value is None:
        monkeypatch.delenv("AURORA_DASH_USER_CODE")
    else:
        monkeypatch.setenv("AURORA_DASH_USER_CODE", value)
    with pytest.raises(TrainingError, match="is not allowed here") as caught:
        build_loss(_spec(loss_file))
    assert "AURORA_DASH_USER_CODE=1" in caught.value.remedy
    assert not loss_file.with_suffix(".ran").exists()


def test_a_file_outside_the_roots_is_not_run(loss_file, tmp_path_factory) -> None:
    elsewhere = tmp_path_factory.mktemp("elsewhere") / "loss.py"
    elsewhere.write_text(loss_file.read_text())
    with pytest.raises(PathError, match="outside the folders"):
        build_loss(_spec(elsewhere))


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("1 / 0", "can't be run: ZeroDivisionError: division by zero"),
        ("def (", "can't be run: SyntaxError"),
        ("x = 1", "it defines none"),
        ("from aurora_dash.training.loss import WeightedMAE", "it defines none"),
        (
            "from aurora_dash.training.loss import WeightedLoss\nclass A(WeightedLoss): pass",
            "has a penalty; it defines A",
        ),
        (
            "from aurora_dash.training.loss import WeightedMAE\n"
            "class A(WeightedMAE): pass\nclass B(WeightedMAE): pass",
            "it defines A, B",
        ),
    ],
)
def test_a_file_that_is_no_loss_is_refused_in_words(loss_file, source, message) -> None:
    loss_file.write_text(source)
    with pytest.raises(TrainingError, match=message):
        build_loss(_spec(loss_file))


def test_a_missing_file_is_named(loss_file) -> None:
    loss_file.unlink()
    with pytest.raises(TrainingError, match=r"Can't read the loss .*my_loss\.py"):
        build_loss(_spec(loss_file))


def test_a_run_trains_with_it_or_fails_with_the_reason(store, spec, loss_file, monkeypatch) -> None:
    own = spec.replace(
        loss=LossSpec(kind="custom", code=str(loss_file)),
        training=spec.training.replace(steps=1),
    )
    assert train(store.create(own)).state is RunState.COMPLETED
    monkeypatch.delenv("AURORA_DASH_USER_CODE")
    result = train(store.create(own))
    assert result.state is RunState.FAILED
    assert "not allowed here" in result.reason
