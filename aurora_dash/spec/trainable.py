"""What of the model is trained: everything, parts of it, or low-rank weights beside it."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import BeforeValidator, Field, model_validator

from aurora_dash.spec.base import PositiveFloat, SpecModel

Parts = Literal["all", "new", "groups", "lora"]
GroupName = Literal["new_embeddings", "encoder", "backbone", "decoder", "lora"]
LoraTarget = Literal["qkv", "proj", "mlp"]


def _one_or_many(value: object) -> object:
    return (value,) if isinstance(value, str) else value


class LoraSpec(SpecModel):
    """Low-rank weights beside those of the backbone: W + alpha / rank * B A."""

    kind: Literal["attached", "package"] = "attached"
    """``attached``: weights of this project that act in every step of a forecast and can be merged.
    ``package``: those that Aurora's own layers have with `model.use_lora`, of rank 8, which can act
    from the second step on (`model.lora_mode`); `rank`, `alpha` and `targets` don't count."""
    rank: Annotated[int, Field(ge=1, le=256)] = 8
    alpha: PositiveFloat = 8.0
    """Strength: what LoRA adds is scaled by alpha / rank."""
    targets: Annotated[tuple[LoraTarget, ...], BeforeValidator(_one_or_many)] = ("qkv", "proj")
    """Layers of every backbone block: attention's queries, keys and values; its projection; the
    two layers of the MLP."""

    @model_validator(mode="after")
    def _targets_are_named_once(self) -> Self:
        if not self.targets:
            raise ValueError("lora.targets is empty; name at least one of qkv, proj, mlp")
        if len(set(self.targets)) < len(self.targets):
            raise ValueError(f"lora.targets names a layer twice: {', '.join(self.targets)}")
        return self


class TrainableSpec(SpecModel):
    """Which weights are trained; all others stay bit-identical."""

    parts: Parts = "all"
    """``all``; ``new``: patch embeddings and heads of new variables; ``groups``: those in
    `groups`; ``lora``: nothing but low-rank weights beside the backbone's."""
    groups: Annotated[tuple[GroupName, ...], BeforeValidator(_one_or_many)] = ()
    """For ``groups``. ``lora`` trains low-rank weights as `lora` says; with its kind ``attached``
    a LoRA that came with the checkpoint belongs to ``backbone``."""
    lora: LoraSpec = LoraSpec()

    @model_validator(mode="after")
    def _groups_go_with_parts(self) -> Self:
        if self.parts == "groups" and not self.groups:
            raise ValueError(
                "parts 'groups' needs trainable.groups, at least one of new_embeddings, encoder, "
                "backbone, decoder, lora"
            )
        if self.parts != "groups" and self.groups:
            raise ValueError(
                f"groups ({', '.join(self.groups)}) count only with parts 'groups', not with "
                f"{self.parts!r}"
            )
        if len(set(self.groups)) < len(self.groups):
            raise ValueError(f"a group is named twice: {', '.join(self.groups)}")
        return self

    @property
    def trained_groups(self) -> tuple[GroupName, ...]:
        """The groups whose weights are trained, in a fixed order."""
        if self.parts == "all":
            return ("new_embeddings", "encoder", "backbone", "decoder")
        if self.parts == "new":
            return ("new_embeddings",)
        return ("lora",) if self.parts == "lora" else self.groups

    @property
    def attaches_lora(self) -> bool:
        """Whether low-rank weights of `lora` are attached to the backbone."""
        return "lora" in self.trained_groups and self.lora.kind == "attached"

    @property
    def trains_package_lora(self) -> bool:
        """Whether the LoRA of Aurora's own layers is trained as a group of its own."""
        return "lora" in self.trained_groups and self.lora.kind == "package"

    def refusal(self, *, num_new: int, new_are_untrained: bool) -> str:
        """Why this does not go with a run's variables; empty if it does.

        `num_new` is how many variables are registered, `new_are_untrained` whether their weights
        can't have been trained before.
        """
        trains_new = "new_embeddings" in self.trained_groups
        if trains_new and self.parts != "all" and not num_new:
            where = "parts 'new'" if self.parts == "new" else "the group 'new_embeddings'"
            return (
                f"{where} trains the embeddings and heads of new variables, and none is "
                "registered; register one or train something else"
            )
        if not trains_new and num_new and new_are_untrained:
            return (
                "the new variables' embeddings and heads would stay as random as they begin; "
                "choose parts 'groups' with 'new_embeddings' among them, or 'new' or 'all'"
            )
        return ""
