"""Training that runs away: exploding gradients, jumps of the loss."""

from __future__ import annotations

from aurora_dash.spec import RunSpec
from aurora_dash.training.health import remedies
from aurora_dash.training.health.rules import LevelsByLead, Record, Sign, Signs, number


class ExplodingGradient:
    """The gradient norm, before clipping, is many times its calmest level."""

    explanation = (
        "Gradients that grow tenfold usually mean that the weights are on their way to where the "
        "loss is no longer finite: the learning rate is too high for the present weights, or the "
        "aggregation of levels amplifies them, which Aurora is known for."
    )
    advice = (
        "Go back to a sound checkpoint with half the learning rate, clip gradients more tightly, "
        "or set model.stabilise_level_agg."
    )

    def __init__(self, spec: RunSpec) -> None:
        self._factor = spec.health.exploding_gradient.factor
        self._levels = LevelsByLead(spec.health.exploding_gradient.window)
        self._remedies = remedies.diverged_remedies(spec)

    def look(self, record: Record) -> Signs | None:
        """Compare the norm's present level with the calmest."""
        norm = number(record, "grad_norm")
        if norm is None:
            return None
        levels = self._levels.add(norm, record)
        present, calm = levels.present, levels.calmest
        if present is None or calm is None:
            return None
        if present <= self._factor * calm:
            return ()
        message = (
            f"The gradient norm is {present:.3g}, {present / calm:.0f} times its calmest level "
            f"({calm:.3g})."
        )
        return (Sign(message=message, remedies=self._remedies, since=int(record["step"]) - 2),)


class LossSpike:
    """The training loss is far above its calmest level, and out of its own scatter."""

    explanation = (
        "A loss that jumps and stays up has lost what it had learned: too high a learning rate, "
        "or samples that are unlike all others. A jump that vanishes within some steps is "
        "harmless."
    )
    advice = (
        "If it does not come down by itself, go back to a sound checkpoint with half the learning "
        "rate or tighter clipping, and look at the data of those steps."
    )

    def __init__(self, spec: RunSpec) -> None:
        self._settings = spec.health.loss_spike
        self._levels = LevelsByLead(self._settings.window)
        self._remedies = remedies.diverged_remedies(spec)

    def look(self, record: Record) -> Signs | None:
        """Compare the loss' present level with the calmest, in both measures."""
        loss = number(record, "loss")
        if loss is None:
            return None
        levels = self._levels.add(loss, record)
        if levels.present is None or levels.calmest is None:
            return None
        scatter = self._settings.deviations * levels.calmest_scatter
        bound = max(self._settings.factor * levels.calmest, levels.calmest + scatter)
        if levels.present <= bound:
            return ()
        message = (
            f"The training loss is {levels.present:.3g}; its lowest level was "
            f"{levels.calmest:.3g} and its scatter there {levels.calmest_scatter:.2g}."
        )
        return (Sign(message=message, remedies=self._remedies, since=int(record["step"]) - 2),)
