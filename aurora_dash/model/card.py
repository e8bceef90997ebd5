"""The model card of an exported checkpoint: what it is, how to load it, what it is worth."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from aurora_dash.spec import RunSpec
from aurora_dash.variables import Group

_METRIC, _REGION = "rmse", "global"


@dataclass(frozen=True, kw_only=True)
class CardFacts:
    """All that a card says."""

    title: str
    checkpoint: str
    """Which checkpoint it is, in words."""
    filename: str
    spec: RunSpec
    snippet: str
    num_parameters: int
    num_trained: int | None
    licence: str
    scores: Sequence[Mapping[str, Any]]
    """Records of ``scores.json``; empty if it was not evaluated."""
    judged_on: str
    """On what it was evaluated, in words."""
    random_weights: bool


def licence_of(spec: RunSpec, *, random_weights: bool) -> str:
    """Whose licence the weights are under, in words."""
    variant = spec.model.catalogue_entry
    if random_weights:
        return "The weights began as random numbers: no licence of published weights applies."
    return (
        f"Derived from the weights of {variant.repository} ({variant.filename}), "
        f"licence {variant.licence}."
    )


def model_card(facts: CardFacts) -> str:
    """The card in Markdown, with the head that the Hugging Face hub reads."""
    parts = [
        front_matter(hub_head(facts.spec, random_weights=facts.random_weights)),
        f"# {facts.title}",
        _what(facts),
        "## Load it",
        "With `pip install microsoft-aurora`, in the folder of this file:",
        f"```python\n{facts.snippet}\n```",
        _usage(facts.spec),
        "## Variables",
        _variables(facts.spec),
        "## Scores",
        _scores(facts),
        "## Licence",
        f"{facts.licence} The data that it was trained with has a licence of its own, which may "
        "ask for attribution.",
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def hub_head(spec: RunSpec | None, *, random_weights: bool) -> dict[str, Any]:
    """What the Hugging Face hub reads at the head of a card, as far as it is known.

    `spec` None: nothing is known of where the weights came from.
    """
    head: dict[str, Any] = {
        "library_name": "aurora",
        "tags": ["weather", "aurora", "fine-tuned"],
    }
    if spec is not None and not random_weights:
        variant = spec.model.catalogue_entry
        head |= {"license": variant.licence.lower(), "base_model": variant.repository}
    return head


def front_matter(head: Mapping[str, Any]) -> str:
    """A head as YAML between its lines; values are JSON, which YAML reads alike."""
    lines = [f"{name}: {json.dumps(value, ensure_ascii=False)}" for name, value in head.items()]
    return "\n".join(["---", *lines, "---"])


def _what(facts: CardFacts) -> str:
    spec = facts.spec
    trained = "" if facts.num_trained is None else f", {facts.num_trained:,} of them trained"
    lines = [
        f"`{facts.filename}` is an Aurora model of the variant "
        f"*{spec.model.catalogue_entry.title}*: {facts.checkpoint}; "
        f"{facts.num_parameters:,} parameters{trained}. Trained with Aurora Dash; trained parts: "
        f"{', '.join(spec.trainable.trained_groups)}."
    ]
    if facts.random_weights:
        lines.append("**It began with random weights and is no forecast model.**")
    if spec.is_demo:
        lines.append("**It was trained on synthetic data, not on weather.**")
    return "\n\n".join([*lines, spec.notes] if spec.notes else lines)


def _usage(spec: RunSpec) -> str:
    """What plain aurora does not know of and its user must."""
    notes = []
    if spec.model.variant.startswith("v1.5"):
        notes.append(
            "V1.5 is told the lead time at every call: "
            "`model(batch, lead_times=torch.tensor([6.0]))` in hours, one for each sample."
        )
    if transformed := [v.name for v in spec.variables if v.transform != "none"]:
        notes.append(
            f"Plain aurora knows no transforms: give {', '.join(transformed)} transformed, as "
            "registered below, and undo it in the forecast."
        )
    if given_never := [v.name for v in spec.variables if v.role == "output"]:
        notes.append(
            f"Give {', '.join(given_never)} as its mean everywhere: it was trained as an output "
            "only, with zeros after normalisation as input."
        )
    if spec.model.modulation_heads:
        notes.append(
            "Plain aurora leaves out the second heads of "
            f"{', '.join(spec.model.modulation_heads)}: forecasts of these need Aurora Dash."
        )
    return "\n\n".join(notes)


def _variables(spec: RunSpec) -> str:
    new = {(variable.name, variable.group) for variable in spec.variables}
    rows = ["| variable | group | unit | new |", "|---|---|---|---|"]
    for group in Group:
        for name in spec.names(group):
            mark = "yes" if (name, group) in new else ""
            rows.append(f"| {name} | {group} | {spec.unit(name, group)} | {mark} |")
    if spec.variables:
        registered = [
            variable.model_dump(mode="json", exclude_defaults=True) for variable in spec.variables
        ]
        text = json.dumps(registered, indent=2, ensure_ascii=False)
        rows += ["", "New variables as they were registered:", "", f"```json\n{text}\n```"]
    return "\n".join(rows)


def _scores(facts: CardFacts) -> str:
    found: dict[tuple[str, Any, int], dict[str, float]] = {}
    units: dict[str, str] = {}
    for record in facts.scores:
        if (record["metric"], record["region"]) == (_METRIC, _REGION):
            key = (record["variable"], record["level"], record["lead_hours"])
            found.setdefault(key, {})[record["source"]] = record["value"]
            units[record["variable"]] = record["unit"]
    if not found:
        return "It was not evaluated."
    sources = list(dict.fromkeys(source for values in found.values() for source in values))
    rows = [
        f"RMSE, {facts.judged_on}. All scores are in the JSON file beside.",
        "",
        f"| variable | level | lead | unit | {' | '.join(sources)} |",
        "|---" * (4 + len(sources)) + "|",
    ]
    for (variable, level, lead), values in found.items():
        where = "" if level is None else f"{level:g} hPa"
        numbers = " | ".join(f"{values[s]:.4g}" if s in values else "" for s in sources)
        rows.append(f"| {variable} | {where} | {lead} h | {units[variable]} | {numbers} |")
    return "\n".join(rows)
