"""What of the model is trained: choices that fit, and refusals with the reason."""

from __future__ import annotations

from typing import Any

import pytest

from aurora_dash.errors import SpecError
from aurora_dash.model.groups import PARAMETER_GROUPS
from aurora_dash.spec import LoraSpec, RunSpec, TrainableSpec, VariableSpec

NEW = (VariableSpec(name="tcwv", mean=20, std=15),)


def _run(trainable: dict[str, Any], **fields: Any) -> RunSpec:
    return RunSpec.build({"trainable": trainable, **fields})


def test_everything_is_trained_by_default_and_in_specs_from_before() -> None:
    assert RunSpec().trainable == TrainableSpec(parts="all")
    old = RunSpec().model_dump(mode="json")
    del old["trainable"]
    assert RunSpec.build(old) == RunSpec()
    assert not RunSpec().trainable.attaches_lora


def test_a_spec_survives_json() -> None:
    chosen = {"parts": "groups", "groups": ["decoder", "lora"]}
    spec = _run({**chosen, "lora": {"rank": 4, "alpha": 2.0, "targets": ["mlp"]}})
    assert RunSpec.model_validate_json(spec.to_json()) == spec
    assert spec.trainable.lora == LoraSpec(rank=4, alpha=2.0, targets=("mlp",))


def test_the_groups_are_those_of_the_model() -> None:
    spec = TrainableSpec(parts="groups", groups=PARAMETER_GROUPS)
    assert spec.trained_groups == PARAMETER_GROUPS


@pytest.mark.parametrize(
    ("trainable", "trained"),
    [
        ({"parts": "all"}, {"new_embeddings", "encoder", "backbone", "decoder"}),
        ({"parts": "new"}, {"new_embeddings"}),
        ({"parts": "groups", "groups": ["new_embeddings", "lora"]}, {"new_embeddings", "lora"}),
        ({"parts": "groups", "groups": "new_embeddings"}, {"new_embeddings"}),
    ],
)
def test_parts_name_what_is_trained(trainable: dict[str, Any], trained: set[str]) -> None:
    spec = _run(trainable, variables=NEW)
    assert set(spec.trainable.trained_groups) == trained
    assert spec.trainable.attaches_lora is ("lora" in trained)


@pytest.mark.parametrize(
    ("trainable", "variables", "reason"),
    [
        ({"parts": "new"}, (), "'new' trains the embeddings .* none is registered"),
        ({"parts": "groups", "groups": ["new_embeddings", "decoder"]}, (), "none is registered"),
        ({"parts": "groups"}, (), "needs trainable.groups, at least one of"),
        ({"parts": "all", "groups": ["decoder"]}, (), "count only with parts 'groups', not"),
        ({"parts": "groups", "groups": ["decoder", "decoder"]}, (), "named twice"),
        ({"parts": "groups", "groups": ["head"]}, (), r"trainable\.groups\[0\] = 'head'"),
        ({"parts": "lora"}, NEW, "would stay as random as they begin"),
        ({"parts": "groups", "groups": ["decoder"]}, NEW, "would stay as random as they begin"),
        ({"parts": "lora", "lora": {"targets": []}}, (), "lora.targets is empty"),
        ({"parts": "lora", "lora": {"targets": ["qkv", "qkv"]}}, (), "names a layer twice"),
        ({"parts": "lora", "lora": {"rank": 0}}, (), "rank = 0"),
        ({"parts": "lora", "lora": {"alpha": 0}}, (), "alpha = 0"),
    ],
)
def test_what_does_not_go_together_is_refused_with_the_reason(
    trainable: dict[str, Any], variables: tuple[VariableSpec, ...], reason: str
) -> None:
    with pytest.raises(SpecError, match=reason):
        _run(trainable, variables=variables)


def test_new_variables_that_an_earlier_run_may_have_trained_can_stay_as_they_are() -> None:
    spec = _run({"parts": "lora"}, variables=NEW, model={"source": "run", "run": "earlier"})
    assert spec.trainable.trained_groups == ("lora",)
