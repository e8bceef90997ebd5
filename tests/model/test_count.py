"""Counts without making a model are those of the model that is made."""

from __future__ import annotations

from typing import Any

import pytest

from aurora_dash.errors import CheckpointError
from aurora_dash.model.build import build_model
from aurora_dash.model.count import count_parameters
from aurora_dash.runs.store import RunStore
from aurora_dash.spec import RunSpec, VariableSpec
from aurora_dash.variants import VARIANTS

NEW = (VariableSpec(name="sst2", mean=290, std=10), VariableSpec(name="w", group="atmospheric"))


@pytest.mark.parametrize("variant", VARIANTS, ids=lambda v: v.id)
@pytest.mark.parametrize(
    "trainable",
    [
        {},
        {"parts": "new"},
        {"parts": "groups", "groups": ["new_embeddings", "decoder", "lora"], "lora": {"rank": 3}},
    ],
    ids=lambda trainable: trainable.get("parts", "all"),
)
def test_the_count_is_exact(variant: Any, trainable: dict[str, Any]) -> None:
    values = {"model": {"variant": variant.id}, "variables": NEW, "trainable": trainable}
    spec = RunSpec.build(values)
    statistics = {"850": 0.0}, {"850": 1.0}
    known = (NEW[0], NEW[1].replace(mean=statistics[0], std=statistics[1]))
    built = build_model(spec.replace(variables=known))
    count = count_parameters(spec)
    assert (count.total, count.trainable) == (built.num_parameters, built.num_trainable)


@pytest.mark.parametrize("variant", VARIANTS, ids=lambda v: v.id)
def test_full_size_is_counted_as_published_without_a_download(variant: Any) -> None:
    spec = RunSpec.build({"model": {"variant": variant.id, "source": "hub"}})
    assert count_parameters(spec).total == variant.num_parameters


def test_a_source_that_is_not_there_is_an_error(tmp_path: Any) -> None:
    spec = RunSpec.build({"model": {"source": "file", "path": str(tmp_path / "none.ckpt")}})
    with pytest.raises(CheckpointError, match="No such file"):
        count_parameters(spec, RunStore(tmp_path))
