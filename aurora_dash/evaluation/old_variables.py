"""What fine-tuning with new variables did to the forecasts of the others. Free of torch."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from pydantic import BaseModel, ConfigDict

from aurora_dash.evaluation.metrics import Score

_METRIC = "rmse"


class WorstChange(BaseModel):
    """The field of an untouched variable whose error grew most, or fell least."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    variable: str
    level: float | None
    lead_hours: int
    region: str
    unit: str
    before: float
    """Root mean square error of the model before fine-tuning."""
    after: float
    percent: float
    """Change of the error: above zero it grew."""

    def __str__(self) -> str:
        where = "" if self.level is None else f" at {self.level:g} hPa"
        return (
            f"{self.variable}{where}, {self.lead_hours} h: {self.percent:+.1f} % "
            f"({self.before:.4g} to {self.after:.4g} {self.unit})"
        )


class OldVariables(BaseModel):
    """Skill of the variables that the model had already, before and after fine-tuning.

    A field is a variable, level, lead time and region; what counts is its root mean square error.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    better: int
    worse: int
    unchanged: int
    worst: WorstChange | None
    """None if no field has an error before fine-tuning that a change can be measured against."""
    surely_better: int | None = None
    surely_worse: int | None = None
    """How many of them by more than chance; None where no intervals were asked for."""
    added: tuple[str, ...] = ()
    """The new variables, which don't count here."""

    def __str__(self) -> str:
        total = self.better + self.worse + self.unchanged
        better, worse = _with(self.better, self.surely_better), _with(self.worse, self.surely_worse)
        text = f"{better} of {total} fields better, {worse} worse"
        return text if self.worst is None else f"{text}; worst change {self.worst}"


def _with(count: int, surely: int | None) -> str:
    return str(count) if surely is None else f"{count} ({surely} by more than chance)"


def old_variables(scores: Sequence[Score], new: Collection[str]) -> OldVariables | None:
    """Compare the sources ``initial`` and ``model``; None where one of them was not scored.

    `new` names the predicted variables that the run added, if any.
    """
    before, after = _errors(scores, "initial", new), _errors(scores, "model", new)
    fields = [field for field in after if field in before]
    if not fields:
        return None
    changes = [_change(before[field], after[field]) for field in fields if before[field].value > 0]
    surely = _surely(scores, new)
    return OldVariables(
        better=sum(after[field].value < before[field].value for field in fields),
        worse=sum(after[field].value > before[field].value for field in fields),
        unchanged=sum(after[field].value == before[field].value for field in fields),
        worst=max(changes, key=lambda change: change.percent, default=None),
        surely_better=None if surely is None else sum(skill > 0 for skill in surely),
        surely_worse=None if surely is None else sum(skill < 0 for skill in surely),
        added=tuple(sorted(new)),
    )


def _surely(scores: Sequence[Score], new: Collection[str]) -> list[float] | None:
    """Skill against ``initial`` of the fields where it is more than chance; None: not known."""
    known = [
        score
        for score in scores
        if score.metric == f"{_METRIC}_skill"
        and score.reference == "initial"
        and score.surface is None
        and score.significant is not None
        and score.variable not in new
    ]
    return [score.value for score in known if score.significant] if known else None


_Field = tuple[str, float | None, int, str]


def _errors(scores: Sequence[Score], source: str, new: Collection[str]) -> dict[_Field, Score]:
    return {
        (s.variable, s.level, s.lead_hours, s.region): s
        for s in scores
        if s.is_plain and s.source == source and s.metric == _METRIC and s.variable not in new
    }


def _change(before: Score, after: Score) -> WorstChange:
    return WorstChange(
        variable=after.variable,
        level=after.level,
        lead_hours=after.lead_hours,
        region=after.region,
        unit=after.unit,
        before=before.value,
        after=after.value,
        percent=100 * (after.value / before.value - 1),
    )
