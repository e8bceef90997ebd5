"""Processes share a step's samples without leaving any out or taking one twice."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from aurora_dash.spec import RunSpec
from aurora_dash.training.cells import CellWeights
from aurora_dash.training.distributed.share import part_of, share_of
from aurora_dash.training.loss import LossTerms, build_loss
from aurora_dash.training.order import BatchOrder
from tests.training.conftest import MakeBatch


@given(st.integers(1, 5), st.integers(1, 4), st.integers(1, 3), st.integers(1, 20), st.data())
def test_all_samples_of_a_step_are_taken_once(
    world: int, size: int, several: int, num_samples: int, data: st.DataObject
) -> None:
    if data.draw(st.booleans()):
        size *= world
    else:
        several *= world
    assignments = [f"training.batch_size={size}", f"training.accumulate={several}"]
    spec = RunSpec().with_overrides([*assignments, f"distributed.processes={world}"])
    order = BatchOrder(num_samples, size, seed=3)
    step = data.draw(st.integers(0, 5))
    expected = [i for k in range(several) for i in order.batch(step * several + k)]
    taken, weights = [], 0.0
    for rank in range(world):
        share = share_of(spec, rank, world, order)
        for number in share.numbers(step * several, several):
            own = share.order(order).batch(number)
            assert own
            weights += share.weight(number, len(own))
            taken += [] if share.stands_in(number) else own
    assert sorted(taken) == sorted(expected)
    assert weights == pytest.approx(len(expected))


@given(st.lists(st.integers(), max_size=12), st.integers(1, 6))
def test_parts_of_a_batch_are_neighbours_of_nearly_equal_number(
    items: list[int], world: int
) -> None:
    parts = [part_of(items, rank, world) for rank in range(world)]
    assert [item for part in parts for item in part] == items
    assert max(map(len, parts)) - min(map(len, parts)) <= 1


@pytest.mark.parametrize("area_weighted", [False, True])
def test_the_mean_of_the_losses_of_parts_is_that_of_the_batch_wherever_values_are_missing(
    batch_of: MakeBatch, area_weighted: bool
) -> None:
    torch.manual_seed(1)
    names = ("2t", "10u", "10v", "msl"), ("z", "u", "v", "t", "q")

    def random(gaps: bool = False) -> dict[str, dict[str, torch.Tensor]]:
        surface = {name: torch.randn(4, 1, 4, 8) for name in names[0]}
        atmospheric = {name: torch.randn(4, 1, 2, 4, 8) for name in names[1]}
        if gaps:
            # The first part lacks much, the second little, and one variable all of one level.
            surface["2t"][:2] = torch.where(torch.rand(2, 1, 4, 8) < 0.9, torch.nan, 1.0)
            atmospheric["z"][:, :, 0] = torch.nan
            atmospheric["t"][3, 0, 1, :2] = torch.nan
        return {"surface": surface, "atmospheric": atmospheric}

    def cut(values: dict[str, dict[str, torch.Tensor]], part: slice) -> dict[str, object]:
        return {group: {k: v[part] for k, v in own.items()} for group, own in values.items()}

    spec = RunSpec().with_overrides([f"loss.area_weighted={str(area_weighted).lower()}"])
    loss = build_loss(spec)
    predicted, wanted = random(), random(gaps=True)
    cells = CellWeights(spec.loss, torch.device("cpu")).of(batch_of(**wanted))
    whole = loss(batch_of(**predicted), batch_of(**wanted), cells)
    parts = (slice(0, 2), slice(2, 4))
    numbers = []
    for part in parts:
        loss(
            batch_of(**cut(predicted, part)),
            batch_of(**cut(wanted, part)),
            cells,
            pool=lambda own: numbers.append(own) or own,
        )
    pooled = torch.stack(numbers).mean(dim=0)
    terms = [
        loss(
            batch_of(**cut(predicted, part)),
            batch_of(**cut(wanted, part)),
            cells,
            pool=lambda _: pooled,
        )
        for part in parts
    ]
    assert _mean(terms) == pytest.approx(whole.total.item(), rel=1e-6)
    for name, expected in whole.by_variable.items():
        found = torch.stack([t.by_variable[name] for t in terms]).mean()
        assert found.item() == pytest.approx(expected.item(), rel=1e-5, nan_ok=True), name
    assert sum(t.num_compared for t in terms) == whole.num_compared
    assert whole.by_variable["z/850"].isnan()
    own = [loss(batch_of(**cut(predicted, p)), batch_of(**cut(wanted, p)), cells) for p in parts]
    assert _mean(own) != pytest.approx(whole.total.item(), rel=1e-3)


def _mean(terms: list[LossTerms]) -> float:
    return torch.stack([t.total for t in terms]).mean().item()
