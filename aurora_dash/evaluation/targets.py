"""Which variables are scored: those that the model predicts, that are asked for and observed."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace

from aurora_dash.errors import EvaluationError
from aurora_dash.evaluation.request import EvaluationRequest
from aurora_dash.spec import RunSpec
from aurora_dash.variables import Group, Variable, describe


@dataclass(frozen=True, kw_only=True)
class Target:
    """A variable that is scored."""

    variable: Variable
    """With the unit and the words of this run."""

    @property
    def name(self) -> str:
        """Aurora's short name."""
        return self.variable.name

    @property
    def group(self) -> Group:
        """Surface or atmospheric."""
        return self.variable.group

    @property
    def unit(self) -> str:
        """Unit of the values and of their scores."""
        return self.variable.unit

    @property
    def circular(self) -> bool:
        """Whether it is a direction in degrees."""
        return self.variable.circular

    @property
    def key(self) -> str:
        """Name in a canonical dataset."""
        return self.variable.key


def predicted_targets(spec: RunSpec) -> tuple[Target, ...]:
    """All that the model of `spec` forecasts; what is computed instead, as insolation is, is not
    among them: it would score a perfect zero. Nor is what is only given."""
    return tuple(
        Target(variable=described(spec, name, group))
        for group in (Group.SURFACE, Group.ATMOSPHERIC)
        for name in spec.names(group)
        if name not in (*spec.model.catalogue_entry.computed, *spec.input_only)
    )


def described(spec: RunSpec, name: str, group: Group) -> Variable:
    """The table's entry of a variable, or what was said when the run registered it."""
    known = describe(name, group)
    for new in spec.variables:
        if (new.name, new.group) == (name, group):
            long_name = new.long_name or known.long_name
            return replace(known, unit=new.unit, long_name=long_name, user_registered=True)
    return known


def choose_targets(
    spec: RunSpec, request: EvaluationRequest, observed: Collection[str]
) -> tuple[tuple[Target, ...], tuple[str, ...]]:
    """What is scored, and warnings about predicted variables that can't be.

    `observed` are the canonical names that the data has. `EvaluationError` for a name asked for,
    or trained for on purpose, that is not predicted or not observed: it is never passed over.
    """
    targets = predicted_targets(spec)
    _require_predicted(request.variables, targets)
    wanted = request.variables or spec.loss.targets
    absent = [target for target in targets if target.key not in observed]
    for target in absent:
        if target.name in wanted:
            raise EvaluationError(
                f"{target.name!r} is to be scored, but the data has no {target.group} variable of "
                "that name: there is nothing to compare the forecast with.",
                remedy="Add files that hold it, or name the variables to score.",
            )
    asked = request.variables or tuple(target.name for target in targets)
    chosen = tuple(t for t in targets if t.name in asked and t.key in observed)
    if not chosen:
        raise EvaluationError(
            "The data holds none of the variables that the model predicts: "
            f"{', '.join(target.name for target in targets)}.",
            remedy="Choose other data.",
        )
    warnings = tuple(
        f"{target.name} is predicted, but the data does not have it: it is not scored."
        for target in absent
    )
    return chosen, warnings


def _require_predicted(names: Sequence[str], targets: Sequence[Target]) -> None:
    known = [target.name for target in targets]
    for name in names:
        if name not in known:
            raise EvaluationError(
                f"The model does not predict {name!r}.", remedy=f"It predicts {', '.join(known)}."
            )
