from __future__ import annotations

from collections.abc import Iterator

import pytest

from aurora_dash.evaluation.metrics import Score
from aurora_dash.evaluation.old_variables import old_variables


def scores(variable: str, before: float, after: float, **more: object) -> Iterator[Score]:
    for source, value in (("initial", before), ("model", after), ("persistence", 9.0)):
        fields = {"level": None, "lead_hours": 6, "region": "global", "metric": "rmse", **more}
        yield Score(variable=variable, value=value, unit="K", source=source, **fields)


def test_fields_that_got_better_and_worse_are_counted() -> None:
    found = old_variables(
        [
            *scores("2t", 2.0, 1.0),
            *scores("t", 2.0, 2.5, level=850.0),
            *scores("t", 4.0, 4.4, level=500.0, lead_hours=12),
            *scores("msl", 3.0, 3.0),
            *scores("tcwv", 1.0, 100.0),
            *scores("2t", 1.0, 50.0, metric="mae"),
        ],
        ["tcwv"],
    )
    assert found is not None
    assert (found.better, found.worse, found.unchanged) == (1, 2, 1)
    assert found.worst is not None
    assert (found.worst.variable, found.worst.level) == ("t", 850.0)
    assert found.worst.percent == pytest.approx(25)
    assert str(found) == (
        "1 of 4 fields better, 2 worse; worst change t at 850 hPa, 6 h: +25.0 % (2 to 2.5 K)"
    )


def test_what_is_more_than_chance_is_counted_apart() -> None:
    def skill(variable: str, value: float, *, significant: bool, **more: object) -> Score:
        fields = {"level": None, "lead_hours": 6, "region": "global", "unit": "1", **more}
        return Score(
            variable=variable, value=value, metric="rmse_skill", source="model",
            reference=fields.pop("reference", "initial"), significant=significant, **fields,
        )  # fmt: skip

    plain = [*scores("2t", 2.0, 1.0), *scores("msl", 2.0, 2.1), *scores("10u", 2.0, 3.0)]
    found = old_variables(
        [
            *plain,
            skill("2t", 0.5, significant=True),
            skill("msl", -0.05, significant=False),
            skill("10u", -0.5, significant=True),
            skill("tcwv", -0.5, significant=True),
            skill("msl", -0.5, significant=True, reference="persistence"),
            skill("2t", -0.5, significant=True, surface="land"),
        ],
        ["tcwv"],
    )
    assert found is not None
    assert (found.surely_better, found.surely_worse, found.added) == (1, 1, ("tcwv",))
    assert str(found).startswith(
        "1 (1 by more than chance) of 3 fields better, 2 (1 by more than chance) worse"
    )
    unasked = old_variables(plain, [])
    assert unasked is not None
    assert (unasked.surely_better, unasked.surely_worse) == (None, None)


def test_where_all_got_better_the_worst_is_what_gained_least() -> None:
    found = old_variables([*scores("2t", 2.0, 1.0), *scores("msl", 2.0, 1.8)], [])
    assert found is not None
    assert found.worst is not None
    assert (found.worst.variable, found.worst.percent) == ("msl", pytest.approx(-10))


def test_a_field_without_error_before_can_get_worse_but_not_by_a_share() -> None:
    found = old_variables(list(scores("2t", 0.0, 1.0)), [])
    assert found is not None
    assert (found.worse, found.worst) == (1, None)


def test_without_the_model_before_there_is_nothing_to_compare() -> None:
    alone = [score for score in scores("2t", 1.0, 2.0) if score.source != "initial"]
    assert old_variables(alone, []) is None
