from __future__ import annotations

import pytest
import torch

from aurora_dash.errors import CheckpointError
from aurora_dash.model.build import build_model
from aurora_dash.model.load import load_into
from aurora_dash.spec import ModelSpec, RunSpec, TrainingSpec, VariableSpec
from aurora_dash.variables import Group

NEW = (
    VariableSpec(name="tcwv", mean=20, std=10),
    VariableSpec(name="w", group=Group.ATMOSPHERIC, mean=0, std=0.2),
)


def _built(seed: int = 0, variables: tuple[VariableSpec, ...] = (), **model: object):
    return build_model(
        RunSpec(model=ModelSpec(**model), training=TrainingSpec(seed=seed), variables=variables)
    )


@pytest.fixture
def checkpoint() -> dict[str, torch.Tensor]:
    """Weights of another seed, in Aurora's format."""
    return {k: v.clone() for k, v in _built(seed=1).state_dict().items()}


def test_a_complete_checkpoint_fills_the_whole_model(checkpoint, tmp_path) -> None:
    path = tmp_path / "aurora.ckpt"
    torch.save(checkpoint, path)
    built = _built()
    report = load_into(built.module, path)
    assert report.complete
    assert set(report.matched) == set(checkpoint)
    assert all(torch.equal(v, checkpoint[k]) for k, v in built.state_dict().items())
    assert sum(counts["matched"] for counts in report.groups.values()) == len(checkpoint)
    assert report.summary() == f"{path}: 181 matched"
    assert report.to_dict()["groups"]["decoder"]["matched"] > 0


def test_aurora_loads_what_this_saves(checkpoint, tmp_path) -> None:
    import aurora

    from aurora_dash.model.build import SIZES

    path = tmp_path / "aurora.ckpt"
    torch.save(checkpoint, path)
    plain = aurora.AuroraSmallPretrained(**SIZES["tiny"])
    plain.load_checkpoint_local(str(path), strict=True)
    assert all(torch.equal(v, checkpoint[k]) for k, v in plain.state_dict().items())


def test_the_older_formats_of_the_package_are_understood(checkpoint) -> None:
    """Early checkpoints have a prefix and number the variables instead of naming them."""
    old = {f"net.{key}": value for key, value in checkpoint.items()}
    surface = ("2t", "10u", "10v", "msl", "lsm", "z", "slt")
    key = "net.encoder.surf_token_embeds.weight"
    parts = [old.pop(f"{key}s.{name}") for name in surface]
    old[key] = torch.cat(parts, dim=1)
    built = _built()
    report = load_into(built.module, old)
    assert report.complete
    assert all(torch.equal(v, checkpoint[k]) for k, v in built.state_dict().items())


def test_a_shorter_history_is_extended_with_zeros(checkpoint) -> None:
    for key in checkpoint:
        if "token_embeds.weights." in key:
            checkpoint[key] = checkpoint[key][:, :, :1]
    built = _built()
    load_into(built.module, checkpoint)
    found = built.state_dict()["encoder.surf_token_embeds.weights.2t"]
    assert torch.equal(found[:, :, :1], checkpoint["encoder.surf_token_embeds.weights.2t"])
    assert found[:, :, 1].abs().sum() == 0


def test_a_longer_history_is_refused(checkpoint) -> None:
    for key in checkpoint:
        if "token_embeds.weights." in key:
            checkpoint[key] = torch.cat([checkpoint[key]] * 2, dim=2)
    with pytest.raises(CheckpointError, match="4 history steps, the model 2"):
        load_into(_built().module, checkpoint)


def test_parameters_of_new_variables_may_be_absent(checkpoint) -> None:
    built = _built(variables=NEW)
    fresh = {k: v.clone() for k, v in built.state_dict().items()}
    report = load_into(built.module, checkpoint, new_variables=NEW)
    assert not report.complete
    assert set(report.new) == {
        "encoder.surf_token_embeds.weights.tcwv",
        "encoder.atmos_token_embeds.weights.w",
        "decoder.surf_heads.tcwv.weight",
        "decoder.surf_heads.tcwv.bias",
        "decoder.atmos_heads.w.weight",
        "decoder.atmos_heads.w.bias",
    }
    assert report.groups["new_embeddings"] == {"new": 6}
    for key, value in built.state_dict().items():
        assert torch.equal(value, fresh[key] if key in report.new else checkpoint[key])


def test_a_variable_that_is_neither_known_nor_new_is_refused(checkpoint) -> None:
    built = _built(variables=NEW)
    before = {k: v.clone() for k, v in built.state_dict().items()}
    with pytest.raises(CheckpointError, match=r"lacks 3 tensors .*atmos_token_embeds.weights.w"):
        load_into(built.module, checkpoint, new_variables=NEW[:1])
    assert all(torch.equal(v, before[k]) for k, v in built.state_dict().items())


def test_lora_and_stabilisation_may_be_absent_and_are_reported(checkpoint) -> None:
    built = _built(use_lora=True, stabilise_level_agg=True)
    report = load_into(built.module, checkpoint)
    assert len([k for k in report.missing if ".lora_" in k]) == 32
    assert len(report.missing) == 36
    assert "36 missing" in report.summary()
    assert set(report.matched) == set(checkpoint)


def test_what_the_model_does_not_have_is_reported(checkpoint) -> None:
    checkpoint["decoder.surf_heads.tp.weight"] = torch.zeros(16, 128)
    report = load_into(_built().module, checkpoint)
    assert report.unexpected == ("decoder.surf_heads.tp.weight",)
    assert not report.complete


def test_another_shape_is_refused_with_both_shapes(checkpoint) -> None:
    checkpoint["decoder.surf_heads.2t.weight"] = torch.zeros(9, 128)
    with pytest.raises(CheckpointError, match=r"2t.weight with \(9, 128\) instead of \(16, 128\)"):
        load_into(_built().module, checkpoint)


@pytest.mark.parametrize("number", [0, 1, 5])
def test_a_load_that_matched_almost_nothing_is_refused(checkpoint, number) -> None:
    some = dict(list(checkpoint.items())[:number])
    with pytest.raises(CheckpointError, match=f"almost nothing: {number} of the model's 181"):
        load_into(_built().module, some)


def test_a_checkpoint_of_another_variant_is_refused() -> None:
    air = _built(variant="0.4-air-pollution").state_dict()
    with pytest.raises(CheckpointError):
        load_into(_built().module, air)
    with pytest.raises(CheckpointError, match="is not a checkpoint of AuroraAirPollution"):
        load_into(_built(variant="0.4-air-pollution").module, _built().state_dict())


def test_weights_under_activation_checkpointing_have_the_same_names(checkpoint) -> None:
    built = _built(activation_checkpointing=True)
    assert load_into(built.module, checkpoint).complete
    assert all(torch.equal(v, checkpoint[k]) for k, v in built.state_dict().items())


def test_own_checkpoints_of_the_air_model_come_back_unchanged() -> None:
    """Aurora's adaptation would overwrite the embedding of `z` with that of `static_z`."""
    saved = {k: v.clone() for k, v in _built(1, variant="0.4-air-pollution").state_dict().items()}
    built = _built(0, variant="0.4-air-pollution")
    assert load_into(built.module, saved, adapt=False).complete
    assert all(torch.equal(v, saved[k]) for k, v in built.state_dict().items())
