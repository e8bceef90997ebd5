from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from aurora_dash.data.batches import collate, cut
from aurora_dash.data.crops import Box
from aurora_dash.training.crops import CentreCrop, RandomCrop
from aurora_dash.training.loader import TrainingBatches
from aurora_dash.training.order import BatchOrder


@given(
    seed=st.integers(0, 2**31),
    step=st.integers(0, 10**7),
    size=st.tuples(st.integers(1, 30), st.integers(1, 30)),
    more=st.tuples(st.integers(0, 30), st.integers(0, 30)),
)
def test_a_crop_lies_in_the_grid_and_is_a_function_of_seed_and_step(
    seed: int, step: int, size: tuple[int, int], more: tuple[int, int]
) -> None:
    grid = (size[0] + more[0], size[1] + more[1])
    box = RandomCrop(size, seed).box(step, grid)
    assert (box.height, box.width) == size
    assert 0 <= box.top <= more[0]
    assert 0 <= box.left <= more[1]
    state = torch.get_rng_state()
    assert RandomCrop(size, seed).box(step, grid) == box
    assert torch.equal(torch.get_rng_state(), state)


def test_every_place_comes_about_equally_often() -> None:
    crop = RandomCrop((4, 8), seed=3)
    boxes = [crop.box(step, (7, 10)) for step in range(2400)]
    counts = torch.zeros(4, 3)
    for box in boxes:
        counts[box.top, box.left] += 1
    # 200 expected at each of 12 places; five standard deviations are 68.
    assert counts.sum() == 2400
    assert (counts - 200).abs().max() < 68
    assert boxes != [RandomCrop((4, 8), seed=4).box(step, (7, 10)) for step in range(2400)]


def test_inputs_targets_statics_and_coordinates_are_cut_alike(samples) -> None:
    sample = samples[0]
    box = Box(top=4, left=2, height=8, width=12)
    inputs, (target,) = cut(sample, box)
    whole_inputs, (whole_target,) = sample
    for part, whole in ((inputs, whole_inputs), (target, whole_target)):
        assert torch.equal(part.metadata.lat, whole.metadata.lat[4:12])
        assert torch.equal(part.metadata.lon, whole.metadata.lon[2:14])
        assert part.metadata.time == whole.metadata.time
        for name, values in part.surf_vars.items():
            assert torch.equal(values, whole.surf_vars[name][..., 4:12, 2:14])
        for name, values in part.static_vars.items():
            assert torch.equal(values, whole.static_vars[name][4:12, 2:14])
        for name, values in part.atmos_vars.items():
            assert torch.equal(values, whole.atmos_vars[name][..., 4:12, 2:14])


def test_longitudes_of_a_crop_increase_within_the_circle(samples) -> None:
    crop = RandomCrop((8, 8), seed=0)
    for step in range(20):
        ((inputs, _),) = crop(step, [samples[0]])
        longitudes = inputs.metadata.lon
        assert (longitudes.diff() > 0).all()
        assert longitudes.min() >= 0
        assert longitudes.max() < 360


def test_all_samples_of_a_step_are_cut_at_one_place_and_the_next_elsewhere(samples) -> None:
    crop, order = RandomCrop((8, 8), seed=1), BatchOrder(len(samples), 3, seed=0)
    places = set()
    with TrainingBatches(samples, order, crop=crop) as batches:
        for step in range(6):
            inputs, (target,) = batches.take(step)
            box = crop.box(step, (16, 16))
            expected, _ = collate([cut(samples[i], box) for i in order.batch(step)])
            assert torch.equal(inputs.surf_vars["2t"], expected.surf_vars["2t"])
            assert torch.equal(inputs.metadata.lat, target.metadata.lat)
            assert inputs.surf_vars["2t"].shape[2:] == (8, 8)
            places.add((box.top, box.left))
    assert len(places) > 1


def test_a_step_on_a_crop_changes_the_weights(step, samples) -> None:
    crop = RandomCrop((8, 12), seed=1)
    record = step(0, [collate(crop(0, [samples[0], samples[3]]))])
    assert record["loss"] > 0


def test_validation_sees_the_middle(samples) -> None:
    middle = CentreCrop(samples, (8, 12))
    assert len(middle) == len(samples)
    inputs, _ = middle[2]
    assert torch.equal(inputs.surf_vars["2t"], samples[2][0].surf_vars["2t"][..., 4:12, 2:14])


def test_a_crop_larger_than_the_grid_is_refused(samples) -> None:
    with pytest.raises(ValueError, match="does not fit"):
        RandomCrop((20, 8), seed=0)(0, [samples[0]])
