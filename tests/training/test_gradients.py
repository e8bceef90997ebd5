from __future__ import annotations

import copy

import pytest
import torch
from torch import nn

from aurora_dash.errors import TrainingError
from aurora_dash.spec import OptimiserSpec
from aurora_dash.training.gradients import clip, clip_gradients, gradient_norms
from aurora_dash.training.optimiser import build_optimiser, set_learning_rates


def _parameters(*gradients: list[float] | None) -> dict[str, nn.Parameter]:
    found = {}
    for number, gradient in enumerate(gradients):
        values = torch.tensor(gradient or [0.0])
        found[str(number)] = nn.Parameter(torch.zeros_like(values))
        found[str(number)].grad = values if gradient else None
    return found


def test_norms_by_hand() -> None:
    norms = gradient_norms({"encoder": _parameters([3.0, 4.0], [12.0]), "lora": _parameters([8.0])})
    assert norms.by_group["encoder"].item() == 13.0
    assert norms.by_group["lora"].item() == 8.0
    assert norms.total.item() == pytest.approx((13**2 + 8**2) ** 0.5)


def test_parameters_without_gradient_count_nothing() -> None:
    norms = gradient_norms({"encoder": _parameters([3.0], None), "lora": _parameters(None)})
    assert norms.total.item() == 3.0
    assert set(norms.by_group) == {"encoder"}


@pytest.mark.parametrize("max_norm", [0.5, 3.0, 1e6])
def test_clipping_is_that_of_torch(max_norm: float) -> None:
    generator = torch.Generator().manual_seed(0)
    ours = {}
    for name in "abc":
        ours[name] = nn.Parameter(torch.zeros(7, 5))
        ours[name].grad = torch.randn(7, 5, generator=generator)
    theirs = copy.deepcopy(list(ours.values()))
    for parameter, original in zip(theirs, ours.values(), strict=True):
        parameter.grad = original.grad.clone()
    groups = {"one": {"a": ours["a"]}, "two": {"b": ours["b"], "c": ours["c"]}}
    norms = gradient_norms(groups)
    clip_gradients(groups, norms.total, max_norm)
    total = nn.utils.clip_grad_norm_(theirs, max_norm)
    assert torch.equal(norms.total, total)
    for parameter, original in zip(theirs, ours.values(), strict=True):
        assert torch.equal(parameter.grad, original.grad)


def test_new_embeddings_have_their_own_rate() -> None:
    groups = {
        "new_embeddings": _parameters([1.0]),
        "encoder": _parameters([1.0]),
        "decoder": _parameters([1.0]),
    }
    spec = OptimiserSpec(lr=1e-4, lr_new=1e-3, warmup_steps=2, weight_decay=5e-6)
    optimiser = build_optimiser(groups, spec)
    rates = set_learning_rates(optimiser, 0, 10, spec)
    assert rates == {"new_embeddings": 5e-4, "encoder": 5e-5, "decoder": 5e-5}
    assert {g["name"]: g["lr"] for g in optimiser.param_groups} == rates
    assert all(g["weight_decay"] == 5e-6 for g in optimiser.param_groups)


def test_frozen_parameters_are_left_out_and_a_model_frozen_whole_is_refused() -> None:
    groups = {"encoder": _parameters([1.0]), "decoder": _parameters([1.0])}
    for parameter in groups["encoder"].values():
        parameter.requires_grad_(False)
    optimiser = build_optimiser(groups, OptimiserSpec())
    assert [g["name"] for g in optimiser.param_groups] == ["decoder"]
    with pytest.raises(TrainingError, match="Nothing to train"):
        build_optimiser({"encoder": groups["encoder"]}, OptimiserSpec())


def test_steps_equal_those_of_plain_adamw() -> None:
    spec = OptimiserSpec(lr=0.1, warmup_steps=0, schedule="constant", weight_decay=0.01)
    groups = {"encoder": _parameters([1.0, -2.0]), "decoder": _parameters([0.5])}
    plain = [nn.Parameter(torch.zeros(2)), nn.Parameter(torch.zeros(1))]
    reference = torch.optim.AdamW(plain, lr=0.1, weight_decay=0.01)
    optimiser = build_optimiser(groups, spec)
    for step in range(5):
        for parameter, own in zip(
            plain, [groups["encoder"]["0"], groups["decoder"]["0"]], strict=True
        ):
            own.grad = torch.full_like(own, 0.1 * step - 0.3)
            parameter.grad = own.grad.clone()
        set_learning_rates(optimiser, step, 5, spec)
        optimiser.step()
        reference.step()
    torch.testing.assert_close(groups["encoder"]["0"].data, plain[0].data)
    torch.testing.assert_close(groups["decoder"]["0"].data, plain[1].data)


def test_values_are_clipped_each_by_itself() -> None:
    groups = {"encoder": _parameters([3.0, -4.0, 0.5])}
    spec = OptimiserSpec(clip_by="value", clip_value=1.0)
    after = clip(groups, gradient_norms(groups), spec)
    assert groups["encoder"]["0"].grad.tolist() == [1.0, -1.0, 0.5]
    assert after.total.item() == 1.5
    assert after.by_group["encoder"].item() == 1.5


def test_adaptive_clipping_limits_each_row_against_its_weights() -> None:
    """Rows of norm 5, 0 (taken for 1e-3) and 10, with gradients of norm 1, 1 and 0.05."""
    weight = nn.Parameter(torch.tensor([[3.0, 4.0], [0.0, 0.0], [6.0, 8.0]]))
    weight.grad = torch.tensor([[0.6, 0.8], [1.0, 0.0], [0.03, 0.04]])
    bias = nn.Parameter(torch.tensor([0.0, 2.0]))
    bias.grad = torch.tensor([3.0, 4.0])
    groups = {"encoder": {"weight": weight, "bias": bias}}
    clip(groups, gradient_norms(groups), OptimiserSpec(clip_by="adaptive", clip_factor=0.1))
    expected = torch.tensor([[0.3, 0.4], [1e-4, 0.0], [0.03, 0.04]])
    torch.testing.assert_close(weight.grad, expected)
    # A vector is one row: 0.1 * 2 of 5.
    torch.testing.assert_close(bias.grad, torch.tensor([0.12, 0.16]))


def test_without_a_norm_nothing_is_clipped() -> None:
    groups = {"encoder": _parameters([30.0, 40.0])}
    assert clip(groups, gradient_norms(groups), OptimiserSpec(clip_norm=None)) is None
    assert groups["encoder"]["0"].grad.tolist() == [30.0, 40.0]


@pytest.mark.parametrize(
    "spec",
    [
        OptimiserSpec(clip_norm=6.5),
        OptimiserSpec(clip_by="value", clip_value=2.0),
        OptimiserSpec(clip_by="adaptive", clip_factor=0.5),
        OptimiserSpec(clip_norm=1e6),
    ],
    ids=["norm", "value", "adaptive", "out of reach"],
)
def test_norms_after_clipping_are_those_of_the_gradients_that_are_left(spec) -> None:
    groups = {"new_embeddings": _parameters([3.0, 4.0], [0.0]), "lora": _parameters([12.0])}
    parts = {"new_embeddings/surf_tp": {"0": groups["new_embeddings"]["0"]}}
    before = gradient_norms(groups).with_parts(gradient_norms(parts))
    after = clip(groups, before, spec, parts)
    left = gradient_norms(groups)
    assert after.total.item() == pytest.approx(left.total.item())
    assert {name: norm.item() for name, norm in after.by_group.items()} == pytest.approx(
        {
            "new_embeddings": left.by_group["new_embeddings"].item(),
            "lora": left.by_group["lora"].item(),
            "new_embeddings/surf_tp": groups["new_embeddings"]["0"].grad.norm().item(),
        }
    )
