from __future__ import annotations

import pytest

from aurora_dash.errors import SpecError
from aurora_dash.spec import RunSpec, best_metric


@pytest.mark.parametrize("metric", ["loss", "loss/2t", "loss/z/500", "loss/q/850"])
def test_what_validation_measures_may_say_which_is_best(metric) -> None:
    spec = RunSpec().with_overrides([f"training.best_metric={metric}"])
    assert spec.training.best_metric == metric


@pytest.mark.parametrize(
    "metric", ["los", "loss/tp", "loss/z", "loss/2t/500", "loss/z/top", "loss/z/500.0", "lr", ""]
)
def test_anything_else_is_refused_with_what_there_is(metric) -> None:
    with pytest.raises(SpecError, match=r"it measures loss, loss/2t.*, loss/z/<level>"):
        RunSpec().with_overrides([f"training.best_metric={metric}"])


def test_only_targets_levels_in_use_and_parts_of_a_mix_are_measured() -> None:
    base = ['loss.targets=["2t","z"]', "data.levels=[850,500]"]
    RunSpec().with_overrides([*base, "training.best_metric=loss/z/850"])
    for metric in ("loss/msl", "loss/t/850", "loss/z/1000", "part/a/loss"):
        with pytest.raises(SpecError, match="does not measure"):
            RunSpec().with_overrides([*base, f"training.best_metric={metric}"])


def test_all_choices_are_accepted() -> None:
    spec = RunSpec()
    choices = best_metric.choices(spec)
    assert choices[:2] == ("loss", "loss/2t")
    assert "loss/t/1000" in choices
    for choice in choices:
        spec.replace(training=spec.training.replace(best_metric=choice))


def test_what_is_kept_for_good_is_saved_at_all() -> None:
    kept = RunSpec().with_overrides(["training.checkpoint_every=20", "training.keep_every=60"])
    assert kept.training.keep_every == 60
    with pytest.raises(SpecError, match=r"keep_every \(50\) is no multiple of checkpoint_every"):
        RunSpec().with_overrides(["training.checkpoint_every=20", "training.keep_every=50"])
