"""What is watched must exist as far as a spec alone can tell."""

from __future__ import annotations

import json

import pytest

from aurora_dash.errors import SpecError
from aurora_dash.spec import RunSpec


def test_a_spec_from_before_watches_the_first_sample() -> None:
    old = json.loads(RunSpec().to_json())
    del old["training"]["watched"]
    watched = RunSpec.build(old).training.watched
    assert (watched.enabled, watched.sample, watched.variables) == (True, 0, ())


@pytest.mark.parametrize(
    ("assignment", "told"),
    [
        ('training.watched.variables=["2t","nonsense"]', "'nonsense', which this model does not"),
        ("training.watched.variables=t/high", "'t/high', whose level is no number"),
        ("training.watched.variables=2t/850", "'2t/850', but '2t' is on no levels"),
        ("training.watched.forecast_step=2", "forecast_step is 2, but forecasts of 1 step are"),
        ("training.watched.sample=-1", "training.watched.sample"),
        ("training.watched.keep=0", "training.watched.keep"),
    ],
)
def test_what_does_not_exist_is_refused_by_name(assignment: str, told: str) -> None:
    with pytest.raises(SpecError) as refused:
        RunSpec().with_overrides([assignment])
    assert told in str(refused.value)


def test_a_level_must_be_among_those_that_the_data_is_cut_to() -> None:
    spec = RunSpec().with_overrides(["data.levels=[850, 500]", "training.watched.variables=t/500"])
    assert spec.training.watched.variables == ("t/500",)
    with pytest.raises(SpecError, match="'t/700', but the data's levels are 850, 500"):
        spec.with_overrides(["training.watched.variables=t/700"])


def test_a_part_must_be_one_of_the_mix() -> None:
    parts = [{"name": name, "demo": {}} for name in ("north", "south")]
    spec = RunSpec().with_overrides(
        [f"data.mix={json.dumps(parts)}", "training.watched.part=south"]
    )
    assert spec.training.watched.part == "south"
    with pytest.raises(
        SpecError, match="'east', which is no part of the data; those are north, so"
    ):
        spec.with_overrides(["training.watched.part=east"])
