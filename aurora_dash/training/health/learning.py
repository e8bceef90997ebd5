"""Training that goes on without learning what it should: plateau, overfitting, dead variables."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from statistics import fmean, median

from aurora_dash.spec import RunSpec
from aurora_dash.spec.health import DeadVariableRule
from aurora_dash.training.health import remedies
from aurora_dash.training.health.rules import Record, Sign, Signs, number

_LOOK_EVERY = 25
_HIGH_RATE = 0.3
_DEAD_NORM = 1e-12
_DEAD_STEPS = 10
_DEAD_LOOKS = 3
_LEVEL_STEPS = 15


class Plateau:
    """The training loss has stopped to fall though the learning rate is still high."""

    explanation = (
        "The loss moves within its noise only. Either it has reached what this model can learn "
        "from these data, or the learning rate is too low to leave where it is."
    )
    advice = (
        "Compare with persistence and with the validation loss: if they are good, stop here; "
        "otherwise raise the learning rate or train more of the model."
    )

    def __init__(self, spec: RunSpec) -> None:
        self._least = spec.health.plateau.improvement
        self._losses: deque[float] = deque(maxlen=spec.health.plateau.window)
        self._highest_rate = 0.0
        self._remedies = remedies.usable(
            spec, (remedies.double_rate(spec), remedies.train_all(spec))
        )

    def look(self, record: Record) -> Signs | None:
        """Compare the halves of the window, now and then."""
        loss = number(record, "loss")
        if loss is None:
            return None
        self._losses.append(loss)
        rate = number(record, "lr") or 0.0
        self._highest_rate = max(rate, self._highest_rate)
        if len(self._losses) < (self._losses.maxlen or 0) or int(record["step"]) % _LOOK_EVERY:
            return None
        if rate < _HIGH_RATE * self._highest_rate:
            # A falling schedule is about to end: standing still is what it is for.
            return ()
        half = len(self._losses) // 2
        values = list(self._losses)
        before, after = median(values[:half]), median(values[half:])
        if abs(before - after) >= self._least * abs(before):
            return ()
        message = (
            f"The training loss stands still: {before:.4g} in the first half of the last "
            f"{len(values)} steps, {after:.4g} in the second."
        )
        return (Sign(message=message, remedies=self._remedies),)


class Overfitting:
    """The validation loss rises while the training loss falls."""

    explanation = (
        "The model begins to learn the training samples by heart: what it gains there it loses on "
        "weather it has not seen. More steps make it worse."
    )
    advice = (
        "Keep the best checkpoint and stop, or go on from it with a lower rate, more weight decay, "
        "more data, or fewer weights that are trained."
    )

    def __init__(self, spec: RunSpec) -> None:
        self._rise = spec.health.overfitting.rise
        self._losses: deque[float] = deque(maxlen=_LEVEL_STEPS)
        self._newest: deque[float] = deque(maxlen=spec.health.overfitting.validations)
        self._best = (float("inf"), 0, float("inf"))
        """Validation loss, step and training loss of the best so far."""
        self._remedies = remedies.usable(
            spec, (remedies.best_and_halve(spec), remedies.decay_weights(spec))
        )

    def look(self, record: Record) -> Signs | None:
        """Compare a validation with the best and with how the training loss went meanwhile."""
        trained = number(record, "loss")
        if trained is not None:
            self._losses.append(trained)
        loss = number(record, "loss", "validation")
        if loss is None or not self._losses:
            return None
        training = fmean(self._losses)
        self._newest.append(loss)
        best, step, training_then = self._best
        if loss < best:
            self._best = (loss, int(record["step"]), training)
            return ()
        rises = len(self._newest) == self._newest.maxlen and all(
            value > best * (1 + self._rise) for value in self._newest
        )
        if not rises or training >= training_then:
            return ()
        message = (
            f"The validation loss is {loss:.4g}, {loss / best - 1:.0%} above its best at step "
            f"{step} ({best:.4g}), while the training loss fell from {training_then:.4g} to "
            f"{training:.4g}."
        )
        return (Sign(message=message, remedies=self._remedies, since=step + 1),)


class DeadVariable:
    """A new variable gets no gradient, or is not learned while the others are.

    Whether it is learned is judged from the first steps on. Weights of an earlier run know it
    already, and so do those of a run that is resumed later: then its gradient alone tells.
    """

    explanation = (
        "A new variable's embedding and head begin from nothing. Without a gradient, or with too "
        "small a learning rate or weight in the loss, they stay there and its forecasts mean "
        "nothing."
    )
    advice = (
        "See that it counts in the loss (loss.targets, loss.weights), that new embeddings are "
        "trained (trainable), that optimiser.lr_new is about 1e-3, and that its statistics fit."
    )

    def __init__(self, spec: RunSpec) -> None:
        self._spec = spec
        self._settings = spec.health.dead_variable
        new = [v.name for v in spec.variables if v.name in spec.predicted_names]
        self._learned = {name: _Learned(f"loss/{name}", self._settings) for name in new}
        self._total = _Learned("loss", self._settings)
        self._num_dead: dict[str, int] = {}
        self._begins_untrained: bool | None = False if spec.model.source == "run" else None
        self._has_new = bool(spec.variables)

    def look(self, record: Record) -> Signs | None:
        """Look at the gradients of new variables, and compare their losses with the whole."""
        if not self._has_new or number(record, "loss") is None:
            return None
        signs = list(self._without_gradient(record))
        if self._begins_untrained is None:
            self._begins_untrained = int(record["step"]) <= self._settings.steps
        if not self._begins_untrained:
            return tuple(signs)
        dead = {sign.subject for sign in signs}
        total_falls = self._total.falls(record)
        for name, learned in self._learned.items():
            falls = learned.falls(record)
            if falls is False and total_falls and name not in dead:
                signs.append(self._not_learned(name, learned))
        return tuple(signs)

    def _without_gradient(self, record: Record) -> Iterable[Sign]:
        for key in record:
            if not key.startswith("grad_norm/new_embeddings"):
                continue
            norm = number(record, key)
            dead = norm is not None and norm < _DEAD_NORM
            self._num_dead[key] = self._num_dead.get(key, 0) + 1 if dead else 0
            name = key.removeprefix("grad_norm/new_embeddings").strip("/").partition("_")[2]
            # Those of single variables are measured now and then only.
            if self._num_dead[key] >= (_DEAD_LOOKS if name else _DEAD_STEPS):
                what = f"The new variable {name}" if name else "New embeddings and heads"
                message = f"{what} had no gradient, {self._num_dead[key]} times in a row."
                offers = [remedies.train_all(self._spec)]
                if name in self._spec.predicted_names:
                    offers.insert(0, remedies.weigh(self._spec, name))
                yield Sign(
                    message=message, remedies=remedies.usable(self._spec, offers), subject=name
                )

    def _not_learned(self, name: str, learned: _Learned) -> Sign:
        counts = self._spec.loss.weights.get(name, 1.0) >= 1 and name in self._spec.targets
        offers = [remedies.raise_new_rate(self._spec), remedies.weigh(self._spec, name)]
        message = (
            f"The loss of the new variable {name} does not fall: {learned.first:.3g} at first, "
            f"{learned.present:.3g} now, while the whole loss fell from {self._total.first:.3g} to "
            f"{self._total.present:.3g}."
        )
        ranked = offers if counts else offers[::-1]
        return Sign(message=message, remedies=remedies.usable(self._spec, ranked), subject=name)


class _Learned:
    """A loss at first and now; the mean over the levels where it has levels."""

    def __init__(self, name: str, settings: DeadVariableRule) -> None:
        self._name = name
        self._settings = settings
        self._beginning: list[float] = []
        self._newest: deque[float] = deque(maxlen=_LEVEL_STEPS)
        self._seen = 0

    @property
    def first(self) -> float:
        return median(self._beginning)

    @property
    def present(self) -> float:
        return median(self._newest)

    def falls(self, record: Record) -> bool | None:
        """Whether it has fallen since the beginning; None while it is too early to say."""
        value = self._value(record)
        if value is None:
            return None
        self._seen += 1
        if len(self._beginning) < _DEAD_STEPS:
            self._beginning.append(value)
        self._newest.append(value)
        if self._seen < self._settings.steps:
            return None
        return self.present < (1 - self._settings.improvement) * self.first

    def _value(self, record: Record) -> float | None:
        whole = number(record, self._name)
        if whole is not None:
            return whole
        levels = [number(record, key) for key in record if key.startswith(f"{self._name}/")]
        known = [value for value in levels if value is not None]
        return fmean(known) if known else None
