"""The Train page's choice of what is trained: everything, parts of the model, or LoRA."""

from __future__ import annotations

import streamlit as st

from aurora_dash.spec import RunSpec
from aurora_dash.ui import boundary, editor, fields, state

_FIELD = "trainable"
_PARTS_KEY = f"{state.FIELD_PREFIX}trainable.parts"

PARTS = {
    "all": ("Everything", "All weights. Learns most, and needs the most memory and data."),
    "new": (
        "New variables",
        "Only embeddings and heads of new variables; the rest stays as it is.",
    ),
    "groups": ("Chosen parts", "Encoder, backbone, decoder, new variables or LoRA, as you choose."),
    "lora": ("LoRA", "Low-rank weights beside the backbone's: few, and the rest stays as it is."),
}
GROUPS = {
    "new_embeddings": "Embeddings and heads of new variables",
    "encoder": "Encoder: from variables and levels to the latent atmosphere",
    "backbone": "Backbone: the Swin transformer that steps forward in time",
    "decoder": "Decoder: back to variables and levels",
    "lora": "LoRA: low-rank weights beside the backbone's",
}
LORA_KINDS = {
    "attached": "New weights of a chosen rank",
    "package": "The LoRA that the model has, of rank 8",
}
TARGETS = {
    "qkv": "Queries, keys and values of the attention",
    "proj": "Projection of the attention",
    "mlp": "Both layers of the MLP",
}


def choose(spec: RunSpec) -> None:
    """What is trained; all else stays bit-identical."""
    fields.described(
        "What is trained",
        PARTS,
        spec.trainable.parts,
        key=_PARTS_KEY,
        on_change=_choose_parts,
    )
    fields.show_error(_FIELD)
    if spec.trainable.parts == "groups":
        fields.several(
            spec,
            "trainable.groups",
            "Trained parts",
            "The weights of these parts are trained. A LoRA that came with the checkpoint belongs "
            "to its backbone.",
            list(GROUPS),
            placeholder="Choose at least one",
            show=GROUPS.__getitem__,
        )
    trains_lora = "lora" in spec.trainable.trained_groups
    if trains_lora and (spec.model.has_package_lora or spec.trainable.trains_package_lora):
        fields.choice(
            spec,
            "trainable.lora.kind",
            "Which LoRA",
            "Weights of this project can be merged into the model and act in every step of a "
            "forecast; Aurora's own can act from the second step on (see Forecasts in training).",
            list(LORA_KINDS),
            show=LORA_KINDS.__getitem__,
        )
    if spec.trainable.attaches_lora:
        _lora(spec)


def _lora(spec: RunSpec) -> None:
    rank, alpha, targets = st.columns([1, 1, 2])
    with rank:
        fields.integer(
            spec,
            "trainable.lora.rank",
            "Rank",
            "How many directions a layer may change in: 4 to 32. More can learn more.",
            minimum=1,
            maximum=256,
        )
    with alpha:
        fields.decimal(
            spec,
            "trainable.lora.alpha",
            "Alpha",
            "Strength: what LoRA adds is scaled by alpha / rank. Equal to the rank is neutral.",
            minimum=0.1,
            step=1.0,
        )
    with targets:
        fields.several(
            spec,
            "trainable.lora.targets",
            "Layers",
            "Layers of every block of the backbone that get low-rank weights; Aurora's own "
            "fine-tuning took the first two.",
            list(TARGETS),
            placeholder="Choose at least one",
            show=TARGETS.__getitem__,
        )


@boundary.guarded
def _choose_parts() -> None:
    spec = editor.current().spec
    parts = st.session_state[_PARTS_KEY]
    usual = ("new_embeddings", "decoder") if spec.variables else ("decoder",)
    errors = state.field_errors()
    for field in [name for name in errors if name.startswith(_FIELD)]:
        del errors[field]
    groups = usual if parts == "groups" else ()
    editor.assign(_FIELD, spec.trainable.replace(parts=parts, groups=groups))
