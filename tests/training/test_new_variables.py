"""New variables from the spec to scores and maps, through the real engine."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from aurora_dash.data.source import open_data
from aurora_dash.errors import EvaluationError
from aurora_dash.evaluation.evaluate import evaluate
from aurora_dash.evaluation.fields import open_fields
from aurora_dash.evaluation.request import EvaluationRequest
from aurora_dash.evaluation.results import FIELDS_FILE, EvaluationResult, read_result
from aurora_dash.model.build import build_model
from aurora_dash.model.saved import find_checkpoint, read_weights
from aurora_dash.runs.status import RunState
from aurora_dash.runs.store import Run, RunStore
from aurora_dash.spec import RunSpec, VariableSpec
from aurora_dash.training.engine import train
from aurora_dash.training.optimiser import build_optimiser
from aurora_dash.variables import Group

RAIN = VariableSpec(
    name="tcwv", unit="kg m-2", transform="log", transform_offset=0.5, initialise="zero"
)


def judged(run: Run, folder: Path, **fields: object) -> EvaluationResult:
    request = EvaluationRequest.build({"run": run.id, "device": "cpu", **fields})
    return evaluate(request, folder, store=RunStore(run.folder.parent))


def trained(store: RunStore, spec: RunSpec, *variables: VariableSpec) -> Run:
    run = store.create(spec.replace(variables=variables))
    result = train(run)
    assert (result.state, result.reason) == (RunState.COMPLETED, "")
    return run


@pytest.mark.slow
def test_a_log_transformed_variable_is_learnt_and_judged_in_physical_units(
    store, spec, tmp_path
) -> None:
    run = trained(store, spec, RAIN)
    losses = run.metrics().column("loss/tcwv")
    assert np.isfinite(losses).all()
    assert losses[-1] < losses[0]
    opened = open_data(spec.data, spec.model.catalogue_entry, (RAIN,))
    values = opened.dataset["surf_tcwv"].values.astype(np.float64)
    # Its statistics are those of the logarithm.
    logarithm = np.log(1 + values / 0.5)
    [variable] = run.spec().variables
    assert variable.mean == pytest.approx(logarithm.mean(), abs=0.1 * logarithm.std())
    assert variable.std == pytest.approx(logarithm.std(), rel=0.1)
    result = judged(run, tmp_path / "out", max_map_samples=2)
    with open_fields(result.folder / FIELDS_FILE) as fields:
        kept = fields["surf_tcwv"]
        assert kept.attrs["units"] == "kg m-2"
        sample = kept.isel(sample=0, lead=0)
        assert np.array_equal(sample.sel(source="target").values, values[2].astype(np.float32))
        forecast = sample.sel(source="model").values
    assert forecast.min() >= 0
    assert values.min() / 2 < forecast.mean() < values.max() * 2
    rmse = {
        score.source: score
        for score in result.scores
        if (score.variable, score.metric) == ("tcwv", "rmse")
    }
    assert {score.unit for score in rmse.values()} == {"kg m-2"}
    # Of the size of the variable's own spread, not of its logarithm's.
    assert 0.1 * values.std() < rmse["model"].value < 10 * values.std()


@pytest.mark.slow
def test_old_variables_are_compared_with_what_they_were(store, spec, tmp_path) -> None:
    result = judged(trained(store, spec, RAIN), tmp_path / "new")
    old = result.summary.old_variables
    assert old is not None
    # 4 surface variables and 5 on 2 levels.
    assert old.better + old.worse + old.unchanged == 14
    assert read_result(result.folder).summary.old_variables == old
    assert judged(trained(store, spec), tmp_path / "same").summary.old_variables is None


@pytest.mark.slow
def test_an_output_is_trained_and_scored_without_being_given(store, spec, tmp_path) -> None:
    new = (
        VariableSpec(name="tcwv", unit="kg m-2", role="output"),
        VariableSpec(name="w", group=Group.ATMOSPHERIC, unit="Pa s-1", role="output"),
    )
    run = trained(store, spec, *new)
    names = run.metrics().names()
    assert {"loss/tcwv", "loss/w/850"} <= set(names)
    # Nothing among the inputs that persistence could repeat.
    assert "persistence_loss" not in names
    # Two steps: the second starts from a forecast of what is given only.
    result = judged(run, tmp_path / "out", leads=2)
    found = {(score.variable, score.lead_hours) for score in result.scores}
    assert {("tcwv", 6), ("tcwv", 12), ("w", 12)} <= found


@pytest.mark.slow
def test_an_input_is_neither_in_the_loss_nor_in_the_scores(store, spec, tmp_path) -> None:
    new = VariableSpec(name="tcwv", unit="kg m-2", role="input")
    run = trained(store, spec, new)
    names = [name for name in run.metrics().names() if "tcwv" in name]
    assert not [name for name in names if name.startswith("loss/")]
    before = build_model(run.spec()).state_dict()
    after = read_weights(find_checkpoint(run.checkpoints_folder, "last"))
    embedding, head = "encoder.surf_token_embeds.weights.tcwv", "decoder.surf_heads.tcwv.weight"
    assert torch.equal(after[head], before[head])
    assert not torch.equal(after[embedding], before[embedding])
    assert "tcwv" not in {s.variable for s in judged(run, tmp_path / "out").scores}
    with pytest.raises(EvaluationError, match="tcwv is given to the model and not predicted"):
        judged(run, tmp_path / "far", leads=2)


def test_a_variable_has_its_own_learning_rate(store, spec) -> None:
    run = trained(
        store,
        spec,
        VariableSpec(name="tcwv", unit="kg m-2", lr=5e-3),
        VariableSpec(name="w", group=Group.ATMOSPHERIC, unit="Pa s-1"),
    )
    metrics = run.metrics()
    # Second of two warm-up steps: the peak.
    assert metrics.column("lr/new_embeddings/surf_tcwv")[1] == pytest.approx(5e-3)
    assert metrics.column("lr/new_embeddings")[1] == pytest.approx(1e-3)
    assert metrics.column("lr")[1] == pytest.approx(spec.optimiser.lr)
    new = run.spec().variables
    model = build_model(run.spec())
    optimiser = build_optimiser(model.parameters_by_group(), spec.optimiser, new)
    own = next(g for g in optimiser.param_groups if g["name"] == "new_embeddings/surf_tcwv")
    # Embedding, and weight and bias of the head.
    assert len(own["params"]) == 3
