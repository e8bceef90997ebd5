"""How samples are read is part of the spec, and leaves old runs as they were."""

from __future__ import annotations

import pytest

from aurora_dash.errors import SpecError
from aurora_dash.spec import LoaderSpec, RunSpec


def test_without_a_word_samples_are_read_as_they_always_were() -> None:
    spec = RunSpec.build({"name": "old", "training": {"steps": 5}})
    assert spec.loader == LoaderSpec(
        shuffle="full", prefetch=1, workers=1, cache_megabytes=512, pin_memory=False
    )


@pytest.mark.parametrize(
    "assignment", ["loader.shuffle=none", "loader.workers=0", "loader.prefetch=0", "loader.block=0"]
)
def test_what_can_not_be_is_refused_with_the_value(assignment: str) -> None:
    with pytest.raises(SpecError, match=assignment.partition("=")[2]):
        RunSpec().with_overrides([assignment])
