"""New variables of all groups, roles and transforms in every variant, at reduced width."""

from __future__ import annotations

import math

import pytest
import torch
from aurora import Batch

from aurora_dash.data.batches import VariableNames, WindowSamples, collate
from aurora_dash.data.source import open_data
from aurora_dash.evaluation.forecast import forecast
from aurora_dash.model.build import build_model
from aurora_dash.model.load import load_into
from aurora_dash.model.normalised import OwnStatistics
from aurora_dash.model.statistics import resolve_statistics
from aurora_dash.spec import DataSpec, DemoSpec, ModelSpec, RunSpec, VariableSpec
from aurora_dash.training.plan import split_of
from aurora_dash.training.step import TrainingStep
from aurora_dash.variables import Group
from aurora_dash.variants import VARIANTS, Variant

pytestmark = pytest.mark.slow

Batches = tuple[Batch, Batch]


def prepared(variant: Variant, *new: VariableSpec) -> tuple[RunSpec, Batches]:
    """A spec with its statistics, and two samples of synthetic weather."""
    height, width = (40, 40) if variant.patch_size == 10 else (24, 24)
    demo = DemoSpec(height=height, width=width, levels=(850, 500), num_times=8)
    spec = RunSpec(model=ModelSpec(variant=variant.id), data=DataSpec(demo=demo), variables=new)
    dataset = open_data(spec.data, variant, new).dataset
    windows = split_of(spec, dataset).train[:2]
    samples = WindowSamples(dataset, windows, VariableNames.of(spec))
    return resolve_statistics(spec, dataset, None), collate([samples[0], samples[1]])


def predicted(module: OwnStatistics, inputs: Batch) -> dict[str, torch.Tensor]:
    with torch.no_grad():
        pred = next(forecast(module, inputs, steps=1, lead_hours=6))
    return {**pred.surf_vars, **pred.atmos_vars}


@pytest.mark.parametrize("variant", VARIANTS, ids=lambda v: v.id)
def test_a_zero_beginning_changes_no_digit_of_a_forecast(variant: Variant) -> None:
    new = (
        VariableSpec(name="one", source_name="2t", initialise="zero"),
        VariableSpec(name="two", source_name="lsm", group=Group.STATIC, initialise="zero"),
        VariableSpec(name="three", source_name="t", group=Group.ATMOSPHERIC, initialise="zero"),
    )
    bare, (without, _) = prepared(variant)
    spec, (inputs, _) = prepared(variant, *new)
    before, after = build_model(bare).module, build_model(spec).module
    load_into(after, before.state_dict(), new_variables=spec.variables, adapt=False)
    expected = predicted(before, without)
    found = predicted(after, inputs)
    assert found.keys() == expected.keys() | {"one", "three"}
    for name, values in expected.items():
        torch.testing.assert_close(found[name], values, rtol=0, atol=0, equal_nan=True)


@pytest.mark.parametrize("variant", VARIANTS, ids=lambda v: v.id)
def test_roles_and_transforms_work_in_every_variant(variant: Variant) -> None:
    log = {"transform": "log", "transform_offset": 1e-3}
    new = (
        VariableSpec(name="given", source_name="msl", role="input"),
        VariableSpec(name="wanted", source_name="msl", role="output", transform="sqrt"),
        VariableSpec(name="wet", source_name="q", group=Group.ATMOSPHERIC, **log),
        VariableSpec(name="out", source_name="q", group=Group.ATMOSPHERIC, role="output", **log),
        VariableSpec(name="in", source_name="q", group=Group.ATMOSPHERIC, role="input"),
    )
    spec, (inputs, targets) = prepared(variant, *new)
    assert "wanted" not in inputs.surf_vars
    assert "out" not in inputs.atmos_vars
    model = build_model(spec)
    record = TrainingStep(model, spec, torch.device("cpu"), 3)(0, [(inputs, targets)])
    assert math.isfinite(record["loss"])
    assert {"loss/wanted", "loss/wet/850", "loss/out/500"} <= record.keys()
    assert not {"loss/given", "loss/in/850"} & record.keys()
    found = predicted(model.module, inputs)
    assert not {"given", "in"} & found.keys()
    # In pascals and in kg of vapour a kg of air.
    assert 5e4 < found["wanted"].mean() < 2e5
    assert found["out"].min() >= 0
    assert found["wet"].max() < 0.2
