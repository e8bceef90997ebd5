"""Several processes are part of the spec, share what one would do, and leave old runs alone."""

from __future__ import annotations

import pytest

from aurora_dash.errors import SpecError
from aurora_dash.runs.fix import keeps_parameters
from aurora_dash.spec import DistributedSpec, RunSpec


def test_without_a_word_one_process_trains() -> None:
    spec = RunSpec.build({"name": "old", "training": {"steps": 5, "accumulate": 3}})
    assert spec.distributed == DistributedSpec(processes=1, nodes=1, strategy="ddp")
    assert spec.distributed.world_size == 1


@pytest.mark.parametrize(
    ("size", "several", "world", "shares"),
    [(1, 4, 2, True), (4, 1, 2, False), (2, 2, 2, True), (6, 4, 3, False), (3, 8, 8, True)],
)
def test_processes_take_whole_batches_where_they_can_and_else_a_part_of_each(
    size: int, several: int, world: int, shares: bool
) -> None:
    spec = RunSpec().with_overrides(
        [
            f"training.batch_size={size}",
            f"training.accumulate={several}",
            f"distributed.processes={world}",
        ]
    )
    assert spec.distributed.shares_batches(spec.training) is shares


def test_what_can_not_be_shared_is_refused_with_the_numbers_and_a_way_out() -> None:
    wrong = ["training.batch_size=3", "training.accumulate=5", "distributed.nodes=2"]
    with pytest.raises(SpecError, match=r"accumulate = 5 .*batch_size = 3.*set .*accumulate to 8"):
        RunSpec().with_overrides([*wrong, "distributed.processes=2"])


@pytest.mark.parametrize(
    ("assignments", "told"),
    [
        (["training.device=cuda:1"], "training.device = 'cuda:1'"),
        (["rollout.kind=replay"], "rollout.kind 'replay'"),
        (["distributed.strategy=fsdp", "optimiser.kind=adafactor"], "optimiser.kind 'adafactor'"),
        (
            ["distributed.strategy=fsdp", "model.autocast=true", "model.weights_dtype=bfloat16"],
            "model.weights_dtype",
        ),
        (["distributed.strategy=fsdp", "optimiser.offload=true"], "optimiser.offload"),
        (["model.variant=v1.5", "rollout.lead_hours=[6,12]"], r"lead_hours is told by lead time"),
        (["model.variant=v1.5-ensemble"], r"noise for a batch as a whole.*multiple of 2"),
    ],
)
def test_what_several_processes_can_not_do_is_refused_with_the_reason(
    assignments: list[str], told: str
) -> None:
    split = ["training.batch_size=2", "distributed.processes=2"]
    with pytest.raises(SpecError, match=told):
        RunSpec().with_overrides([*assignments, *split])
    assert RunSpec().with_overrides([*assignments, "training.batch_size=2"])


def test_checkpoints_fit_another_number_of_processes_and_another_strategy() -> None:
    one = RunSpec().with_overrides(["training.accumulate=2"])
    two = one.with_overrides(["distributed.processes=2", "distributed.strategy=fsdp"])
    assert keeps_parameters(one, two)


@pytest.mark.parametrize(
    ("more", "told"),
    [
        (
            ["optimiser.clip_norm=null", "optimiser.in_backward=true"],
            "optimiser.in_backward uses each gradient as it comes",
        ),
        (
            ["distributed.strategy=fsdp", "model.autocast=true", "model.weights_dtype=bfloat16"],
            "model.weights_dtype 'bfloat16' keeps whole masters of them",
        ),
        (
            ["distributed.strategy=fsdp", "optimiser.offload=true"],
            "optimiser.offload keeps whole copies of them",
        ),
    ],
)
def test_ways_to_save_memory_that_several_processes_can_not_go_are_refused(
    more: list[str], told: str
) -> None:
    several = ["training.batch_size=2", "distributed.processes=2"]
    with pytest.raises(SpecError, match=told):
        RunSpec().with_overrides([*several, *more])
    RunSpec().with_overrides(more)
    assert RunSpec().with_overrides([*several, "optimiser.offload=true"]).optimiser.offload
