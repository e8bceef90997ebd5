"""Which remedies make a run fit: the cheapest, each told from an estimate."""

from __future__ import annotations

import pytest

from aurora_dash.spec import RunSpec
from aurora_dash.training.memory.estimate import PARTS, Estimate
from aurora_dash.training.memory.savings import (
    FLOPS_A_SECOND,
    fit,
    savings,
    step_seconds,
)

GIB = 2**30
FULL = RunSpec().with_overrides(["model.autocast=true", "model.activation_checkpointing=true"])


def _answer(gib: float, flops: float, trained: int = 10**9) -> Estimate:
    parts = dict.fromkeys(PARTS, 0) | {"decoder": int(gib * GIB)}
    return Estimate(
        device="cuda",
        height=720,
        width=1440,
        num_levels=13,
        batch_size=1,
        num_parameters=10**9,
        num_trainable=trained,
        parts=parts,
        peak_part="decoder",
        flops=int(flops),
        seconds=1.0,
    )


class World:
    """A model whose memory falls by 30 GiB with chunks, by 10 with offload, by 1 otherwise."""

    def __init__(self) -> None:
        self.asked: list[RunSpec] = []

    def __call__(self, spec: RunSpec) -> Estimate:
        self.asked.append(spec)
        gib, flops = 60.0, 500e12
        if spec.model.chunks != "off":
            gib, flops = gib - 30, flops - 60e12
        if spec.optimiser.offload:
            gib -= 10
        if spec.model.autocast_decoder:
            gib -= 1
        if spec.model.weights_dtype == "bfloat16":
            gib -= 1
        trained = 10**6 if spec.trainable.parts == "lora" else 10**9
        return _answer(gib, flops, trained)


def test_the_margin_is_two_to_four_gib_on_a_gpu() -> None:
    assert _answer(1, 0).margin_bytes == 2 * GIB
    assert _answer(40, 0).margin_bytes == 3 * GIB
    assert _answer(200, 0).margin_bytes == 4 * GIB
    assert _answer(40, 0).needed_bytes == 43 * GIB
    again = Estimate.from_dict(_answer(40, 5).to_dict())
    assert again == _answer(40, 5)


def test_each_remedy_is_told_with_what_it_saves_and_costs_the_most_saving_first() -> None:
    world = World()
    found = savings(FULL, world)
    assert [s.remedy.key for s in found][:2] == ["chunks", "offload"]
    chunks, offload = found[:2]
    # 60 GiB and the most of the margin, 4; 30 GiB and a twentieth beside 1.
    assert chunks.saved_bytes == pytest.approx((64 - 32.5) * GIB)
    assert chunks.slowdown == pytest.approx(-60 / 500)
    assert chunks.keeps_training and offload.keeps_training
    # 8 bytes of 1e9 weights at 20 GB/s and their step at 1e9 a second, beside 500 / 125 s.
    assert offload.slowdown == pytest.approx((0.4 + 1.0) / 4.0)
    assert not next(s for s in found if s.remedy.key == "lora").keeps_training


def test_a_run_that_fits_is_left_as_it_is() -> None:
    world = World()
    found = fit(FULL, 80 * GIB, world)
    assert (found.fits, found.remedies, found.spec, found.slowdown) == (True, (), FULL, 0)
    assert world.asked == [FULL]


def test_no_more_is_changed_than_makes_it_fit() -> None:
    found = fit(FULL, 33 * GIB, World())
    assert [remedy.key for remedy in found.remedies] == ["chunks"]
    assert found.spec.model.chunks == "auto"
    assert found.spec.model.checkpointed_layers == "stages+blocks"
    assert FULL.with_overrides(found.assignments) == found.spec
    assert found.slowdown < 0


def test_what_proves_needless_is_left_out_again_where_that_is_quicker() -> None:
    class Slow(World):
        def __call__(self, spec: RunSpec) -> Estimate:
            found = super().__call__(spec)
            more = 100e12 if spec.model.weights_dtype == "bfloat16" else 0
            return _answer(found.parts["decoder"] / GIB, found.flops + more)

    found = fit(FULL, 22 * GIB, Slow())
    keys = [remedy.key for remedy in found.remedies]
    assert "offload" in keys and "half-weights" not in keys
    assert found.fits


def test_a_field_that_two_remedies_set_is_told_once_as_the_last_has_it() -> None:
    class Offloading(World):
        def __call__(self, spec: RunSpec) -> Estimate:
            found = super().__call__(spec)
            less = 2 if spec.model.offload_activations else 0
            return _answer(found.parts["decoder"] / GIB - less, found.flops)

    found = fit(FULL, 29 * GIB, Offloading())
    assert [remedy.key for remedy in found.remedies][-1] == "offload-activations"
    layers = [text for text in found.assignments if "checkpointed_layers" in text]
    assert layers == ["model.checkpointed_layers=blocks"]
    assert FULL.with_overrides(found.assignments) == found.spec


def test_what_can_not_fit_says_so_with_all_that_was_tried() -> None:
    found = fit(FULL, 8 * GIB, World())
    assert not found.fits
    assert {"chunks", "offload", "half-weights"} <= {r.key for r in found.remedies}
    assert found.after.needed_bytes > 8 * GIB
    assert found.to_dict()["fits"] is False


def test_a_step_takes_as_long_as_its_operations() -> None:
    assert step_seconds(FULL, _answer(1, 3 * FLOPS_A_SECOND)) == 3.0
