"""Of what an estimate is made: what decides it, and nothing else."""

from __future__ import annotations

import pytest

from aurora_dash.errors import SpecError
from aurora_dash.spec import RunSpec, VariableSpec
from aurora_dash.training.memory.question import Question, Shape
from aurora_dash.variants import get_variant

SHAPE = Shape(height=32, width=64, levels=(1000, 850))


def _digest(*assignments: str) -> str:
    return Question.of(RunSpec().with_overrides(assignments), SHAPE, "cuda", 0).digest()


@pytest.mark.parametrize(
    "assignment",
    ["name=other", "optimiser.lr=0.5", "training.seed=7", "training.steps=9", "data.stride=3",
     "loss.surface_weight=2", "training.validate_every=3", "loader.prefetch=9"],
)  # fmt: skip
def test_what_takes_no_memory_does_not_count(assignment: str) -> None:
    assert _digest(assignment) == _digest()


@pytest.mark.parametrize(
    "assignment",
    ["training.batch_size=2", "model.chunks=4", "optimiser.kind=adafactor", "rollout.kind=backprop",
     "trainable.parts=lora", "model.autocast=true", "optimiser.ema_decay=0.9",
     "training.accumulate=2", "optimiser.offload=true", "model.variant=v1.5"],
)  # fmt: skip
def test_what_takes_memory_counts(assignment: str) -> None:
    assert _digest(assignment) != _digest()


def test_more_batches_than_two_a_step_take_no_more_than_two() -> None:
    assert _digest("training.accumulate=2") == _digest("training.accumulate=8")


def test_the_devices_memory_counts_only_where_it_chooses_the_chunks() -> None:
    def digest(chunks: str, gib: int) -> str:
        spec = RunSpec().with_overrides([f"model.chunks={chunks}"])
        return Question.of(spec, SHAPE, "cuda", gib * 2**30).digest()

    assert digest("8", 16) == digest("8", 80)
    assert digest("auto", 16) != digest("auto", 80)


def test_a_question_survives_json_with_its_new_variables() -> None:
    variables = (VariableSpec(name="tcwv", unit="kg m-2"),)
    question = Question.of(RunSpec(variables=variables), SHAPE, "cpu", 0)
    again = Question.from_dict(question.to_dict())
    assert again == question
    assert again.spec.variables[0].std == 1.0


def test_a_crop_is_what_a_step_is_taken_on() -> None:
    spec = RunSpec().with_overrides(["data.crop=[16, 24]"])
    question = Question.of(spec, SHAPE, "cuda", 0)
    assert (question.shape.height, question.shape.width) == (16, 24)
    assert question.shape.levels == (1000, 850)


@pytest.mark.parametrize(("height", "width"), [(30, 64), (32, 61), (4, 64)])
def test_a_grid_without_whole_patches_is_refused_with_one_that_has(height: int, width: int) -> None:
    shape = Shape(height=height, width=width, levels=(1000,))
    with pytest.raises(SpecError, match=f"{height} x {width} points.*Take \\d+ x \\d+"):
        Question.of(RunSpec(), shape, "cuda", 0)


def test_shapes_are_those_of_the_variant_or_of_what_is_asked() -> None:
    variant = get_variant("0.25-pretrained")
    native = Shape.native(variant)
    assert (native.height, native.width, len(native.levels)) == (720, 1440, 13)
    changed = native.changed(variant, grid=(721, 1440), num_levels=4)
    assert (changed.height, changed.levels) == (721, (700, 850, 925, 1000))
    with pytest.raises(SpecError, match="14 levels"):
        native.changed(variant, num_levels=14)
