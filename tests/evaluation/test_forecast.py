from __future__ import annotations

from typing import Any

import torch

from aurora_dash.data.batches import VariableNames, batch_for
from aurora_dash.data.source import open_data
from aurora_dash.data.windows import Window
from aurora_dash.evaluation.forecast import forecast
from aurora_dash.model.build import build_model
from aurora_dash.spec import RunSpec


def _parts(variant: str, model: dict[str, Any] | None = None, **data: Any) -> tuple[Any, Any]:
    demo = {"height": 16, "width": 16, "levels": [850, 500], "num_times": 6}
    spec = RunSpec.build(
        {
            "model": {"variant": variant, "source": "random", "size": "tiny", **(model or {})},
            "data": {"demo": demo, **data},
        }
    )
    dataset = open_data(spec.data, spec.model.catalogue_entry).dataset
    inputs, _ = batch_for(dataset, [Window((0, 1), (2,))], VariableNames.of(spec))
    return build_model(spec).module.eval(), inputs


@torch.no_grad()
def test_a_rollout_is_aurora_s_own() -> None:
    from aurora.rollout import rollout

    module, inputs = _parts("small")
    expected = list(rollout(module, inputs, 3))
    found = list(forecast(module, inputs, steps=3, lead_hours=6))
    assert len(found) == 3
    for one, other in zip(found, expected, strict=True):
        assert one.metadata.time == other.metadata.time
        assert torch.equal(one.surf_vars["2t"], other.surf_vars["2t"])
        assert torch.equal(one.atmos_vars["q"], other.atmos_vars["q"])


@torch.no_grad()
def test_one_step_of_a_variable_lead_time_is_the_lead_asked_for() -> None:
    module, inputs = _parts("v1.5", lead_hours=3)
    (prediction,) = forecast(module, inputs, steps=1, lead_hours=3)
    hours = (prediction.metadata.time[0] - inputs.metadata.time[0]).total_seconds() / 3600
    assert hours == 3


@torch.no_grad()
def test_the_noise_of_an_ensemble_follows_from_the_seed_alone() -> None:
    module, inputs = _parts("v1.5-ensemble")

    # What chance gives a fresh random model is too small to be seen in float32: make it count.
    for name, parameter in module.named_parameters():
        if "ln_modulation" in name:
            parameter.add_(0.1)

    def last(seed: int) -> torch.Tensor:
        return list(forecast(module, inputs, steps=2, lead_hours=6, seed=seed))[-1].surf_vars["2t"]

    state = torch.random.get_rng_state()
    first = last(seed=1)
    torch.rand(3)
    assert torch.equal(first, last(seed=1))
    assert not torch.equal(first, last(seed=2))
    torch.random.set_rng_state(state)
    expected = torch.rand(3)
    torch.random.set_rng_state(state)
    last(seed=1)
    assert torch.equal(torch.rand(3), expected)


@torch.no_grad()
def test_lora_from_the_second_step_acts_from_the_second_step_of_a_rollout() -> None:
    def predictions(weight: float) -> list[torch.Tensor]:
        module, inputs = _parts("small", model={"use_lora": True, "lora_mode": "from_second"})
        for name, parameter in module.named_parameters():
            # Adaptive layer norms begin at zero and would hide the attention.
            if "ln_modulation" in name:
                parameter.add_(0.1)
            if ".lora_B" in name:
                parameter.fill_(weight)
        forecasts = forecast(module, inputs, steps=3, lead_hours=6)
        return [prediction.surf_vars["2t"] for prediction in forecasts]

    without, within = predictions(0.0), predictions(0.05)
    same = [torch.equal(one, other) for one, other in zip(without, within, strict=True)]
    assert same == [True, False, False]
