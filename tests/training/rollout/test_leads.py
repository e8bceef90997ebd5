"""Several lead times: each sample has one, which the model is told."""

from __future__ import annotations

import pytest
import torch

from aurora_dash.data.batches import collate
from aurora_dash.training.rollout.leads import lead_hours, split_by_lead
from aurora_dash.training.step import TrainingStep
from aurora_dash.training.validation import Validator

CPU = torch.device("cpu")
OPTIONS = ("model.variant=v1.5", "rollout.lead_hours=[6,12,18]", "optimiser.clip_norm=null")


def _sample_of(samples, hours: float, number: int):
    found = [
        s
        for s in (samples[i] for i in range(len(samples)))
        if lead_hours(s[0], s[1][0])[0] == hours
    ]
    return found[number]


def test_every_time_is_a_sample_of_every_lead_that_the_data_has(prepare) -> None:
    _, _, samples = prepare(*OPTIONS)
    leads = [lead_hours(inputs, target)[0] for inputs, (target,) in samples]
    # 12 times, of which the first has no history.
    assert {hours: leads.count(hours) for hours in leads} == {6: 10, 12: 9, 18: 8}


def test_the_model_is_told_the_lead_of_each_sample(prepare) -> None:
    """Loss and gradients of a batch of three leads, with Aurora called by hand."""
    spec, built, samples = prepare(*OPTIONS)
    inputs, targets = collate([_sample_of(samples, hours, 1) for hours in (12, 6, 18)])
    step = TrainingStep(built, spec, CPU, 6)
    record = step(0, [(inputs, targets)])
    assert not [name for name in record if name.startswith("lead_loss")]

    other = prepare(*OPTIONS)[1].module
    prediction = other(inputs, lead_times=torch.tensor([12.0, 6.0, 18.0]))
    wanted = other.normalise_for_loss(targets[0])
    loss = step.comparer._loss(other.normalise_for_loss(prediction), wanted).total
    loss.backward()
    assert record["loss"] == pytest.approx(loss.item(), rel=1e-4)
    expected = {n: p.grad for n, p in other.named_parameters() if p.grad is not None}
    scale = max(value.abs().max() for value in expected.values())
    for name, parameter in built.module.named_parameters():
        if name in expected:
            assert (parameter.grad - expected[name]).abs().max() < 1e-3 * scale, name
    times = [time.isoformat() for time in prediction.metadata.time]
    assert times == [time.isoformat() for time in targets[0].metadata.time]


def test_validation_tells_the_leads_apart(prepare) -> None:
    spec, built, samples = prepare(*OPTIONS, 'loss.targets=["2t", "z"]')
    comparer = TrainingStep(built, spec, CPU, 6).comparer
    few = [_sample_of(samples, hours, i) for i in range(2) for hours in (6, 18)]
    found = Validator(comparer, [*few, _sample_of(samples, 6, 5)], 3)()
    with torch.no_grad():
        by_hand = {
            hours: [
                comparer.forecast(*_sample_of(samples, hours, i), draw=0).total.item()
                for i in numbers
            ]
            for hours, numbers in ((6, (0, 1, 5)), (18, (0, 1)))
        }
    assert found["lead_loss/6"] == pytest.approx(sum(by_hand[6]) / 3, rel=1e-5)
    assert found["lead_loss/18"] == pytest.approx(sum(by_hand[18]) / 2, rel=1e-5)
    assert found["loss"] == pytest.approx((sum(by_hand[6]) + sum(by_hand[18])) / 5, rel=1e-5)
    assert found["persistence_loss"] > 0


def test_a_batch_is_split_by_lead_without_losing_a_sample(prepare) -> None:
    _, _, samples = prepare(*OPTIONS)
    chosen = [_sample_of(samples, hours, i) for i, hours in enumerate((12, 6, 12))]
    parts = split_by_lead(*collate(chosen))
    assert [lead_hours(inputs, target) for inputs, (target,) in parts] == [(6.0,), (12.0, 12.0)]
    (_, _), (inputs, (target,)) = parts
    for row, index in enumerate((0, 2)):
        given, (wanted,) = chosen[index]
        assert inputs.metadata.time[row] == given.metadata.time[0]
        assert torch.equal(inputs.surf_vars["2t"][row], given.surf_vars["2t"][0])
        assert torch.equal(target.atmos_vars["q"][row], wanted.atmos_vars["q"][0])
