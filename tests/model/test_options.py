"""Options of the model: checkpointing by layers, half precision by parts, added parts."""

from __future__ import annotations

from contextlib import nullcontext
from pathlib import Path

import pytest
import torch

from aurora_dash.errors import SpecError
from aurora_dash.model.build import BuiltModel, build_model
from aurora_dash.model.checkpointing import LAYERS
from aurora_dash.model.load import load_into
from aurora_dash.model.randomness import OwnRandomness
from aurora_dash.spec import ModelSpec, RunSpec, VariableSpec
from aurora_dash.variables import Group

TCWV = VariableSpec(name="tcwv", mean=20, std=10)
W = VariableSpec(name="w", group=Group.ATMOSPHERIC, mean=0, std=0.2)


def _spec(*variables: VariableSpec, **model: object) -> RunSpec:
    return RunSpec.build({"model": model, "variables": [v.model_dump() for v in variables]})


def _gradients(built: BuiltModel, batch) -> dict[str, torch.Tensor]:
    with OwnRandomness(3) if built.module.is_stochastic else nullcontext():
        prediction = built.module.predict_normalised(batch)
        values = (*prediction.surf_vars.values(), *prediction.atmos_vars.values())
        torch.autograd.backward(sum(value.square().mean() for value in values))
    return {
        name.replace("_checkpoint_wrapped_module.", ""): parameter.grad
        for name, parameter in built.module.named_parameters()
        if parameter.grad is not None
    }


@pytest.fixture
def batch(make_batch):
    return make_batch(_spec())


# Checkpointing


@pytest.mark.parametrize("layers", LAYERS)
@pytest.mark.parametrize("use_lora", [False, True])
def test_gradients_are_those_without_checkpointing(batch, layers: str, use_lora: bool) -> None:
    plain = build_model(_spec(use_lora=use_lora))
    other = build_model(
        _spec(use_lora=use_lora, activation_checkpointing=True, checkpointed_layers=layers)
    )
    wrapped = {
        type(part._checkpoint_wrapped_module).__name__
        for part in other.module.modules()
        if hasattr(part, "_checkpoint_wrapped_module")
    }
    assert wrapped == LAYERS[layers]
    expected, found = _gradients(plain, batch), _gradients(other, batch)
    assert list(found) == list(expected)
    assert len(found) > 150
    for name, gradient in expected.items():
        assert torch.equal(found[name], gradient), name


@pytest.mark.parametrize("layers", LAYERS)
def test_an_ensemble_draws_the_same_noise_when_it_recomputes(layers: str) -> None:
    from aurora_dash.data.batches import VariableNames, WindowSamples
    from aurora_dash.data.source import open_data
    from aurora_dash.training.plan import split_of

    demo = {"height": 16, "width": 16, "levels": [850, 500], "num_times": 8}
    spec = RunSpec.build({"model": {"variant": "v1.5-ensemble"}, "data": {"demo": demo}})
    dataset = open_data(spec.data, spec.model.catalogue_entry).dataset
    windows = split_of(spec, dataset).train[:1]
    sample, _ = WindowSamples(dataset, windows, VariableNames.of(spec))[0]
    expected = _gradients(build_model(spec), sample)
    model = spec.model.replace(activation_checkpointing=True, checkpointed_layers=layers)
    found = _gradients(build_model(spec.replace(model=model)), sample)
    assert list(found) == list(expected)
    for name, gradient in expected.items():
        assert torch.equal(found[name], gradient), name


def test_a_choice_of_layers_without_checkpointing_is_refused() -> None:
    with pytest.raises(SpecError, match="activation_checkpointing is off"):
        _spec(checkpointed_layers="blocks")


# Half precision


@pytest.mark.parametrize(
    "parts",
    [{"backbone"}, {"decoder"}, {"backbone", "decoder"}, {"encoder", "backbone", "decoder"}],
    ids=lambda parts: "+".join(sorted(parts)),
)
def test_half_precision_is_switched_on_by_parts(batch, parts: set[str]) -> None:
    fields = {"encoder": "autocast_encoder", "decoder": "autocast_decoder", "backbone": "autocast"}
    built = build_model(_spec(**{fields[part]: True for part in parts}))
    seen: dict[str, set[torch.dtype]] = {part: set() for part in fields}
    for name, module in built.module.named_modules():
        if isinstance(module, torch.nn.Linear):
            types = seen[name.partition(".")[0]]
            module.register_forward_hook(lambda _, __, out, types=types: types.add(out.dtype))
    with torch.no_grad():
        prediction = built.module.predict(batch)
    half = {of for of, types in seen.items() if torch.bfloat16 in types}
    assert half == parts
    assert prediction.surf_vars["2t"].dtype == torch.float32
    assert torch.isfinite(prediction.surf_vars["2t"]).all()


@pytest.mark.parametrize("others", [{}, {"autocast": True}, {"autocast_decoder": True}])
def test_the_encoder_in_half_precision_alone_is_refused(others) -> None:
    with pytest.raises(SpecError, match="needs autocast and autocast_decoder too"):
        _spec(autocast_encoder=True, **others)


@pytest.mark.parametrize("wanted", [True, False])
def test_v1p5_still_switches_all_parts_with_the_backbone(wanted: bool) -> None:
    module = build_model(_spec(variant="v1.5", autocast=wanted)).module
    parts = (module.autocast_encoder, module.autocast_backbone, module.autocast_decoder)
    assert parts == (wanted, wanted, wanted)


# Added parts


def test_a_second_perceiver_begins_as_a_copy_and_changes_no_forecast(batch, tmp_path: Path) -> None:
    plain = build_model(_spec())
    path = tmp_path / "aurora.ckpt"
    torch.save({k: v.clone() for k, v in plain.state_dict().items()}, path)
    built = build_model(_spec(source="file", path=str(path), separate_perceiver=("q", "z")))
    assert {name.split(".")[1] for name in built.report.new} == {"level_decoder_alternate"}
    assert not built.report.missing
    with torch.no_grad():
        expected, found = plain.module.predict(batch), built.module.predict(batch)
    for name in "zuvtq":
        assert torch.equal(found.atmos_vars[name], expected.atmos_vars[name])
    # And it learns from its own variables alone.
    built.module.predict_normalised(batch).atmos_vars["q"].sum().backward()
    parts = dict(built.module.decoder.named_children())
    assert not any(p.grad.any() for p in parts["level_decoder"].parameters())
    assert any(p.grad.any() for p in parts["level_decoder_alternate"].parameters())


def test_a_variants_own_second_perceiver_is_kept() -> None:
    own = ("co", "no", "no2", "go3", "so2")
    built = build_model(_spec(variant="0.4-air-pollution", separate_perceiver=("q", "co")))
    names = built.module.decoder.separate_perceiver
    assert [name for name in names if not name.endswith("_mod")] == [*own, "q"]
    assert "co_mod" in names


@pytest.mark.parametrize("variant", ["small", "0.4-air-pollution"])
def test_a_modulation_head_forecasts_a_change_of_the_newest_input(variant: str) -> None:
    from aurora_dash.data.batches import VariableNames, WindowSamples
    from aurora_dash.data.source import open_data
    from aurora_dash.training.plan import split_of

    demo = {"height": 18, "width": 18, "levels": [850, 500], "num_times": 8}
    spec = RunSpec.build(
        {
            "model": {"variant": variant, "modulation_heads": ["tcwv", "w"]},
            "data": {"demo": demo},
            "variables": [TCWV.model_dump(), W.model_dump()],
        }
    )
    dataset = open_data(spec.data, spec.model.catalogue_entry, spec.variables).dataset
    windows = split_of(spec, dataset).train[:1]
    inputs, _ = WindowSamples(dataset, windows, VariableNames.of(spec))[0]
    built = build_model(spec)
    heads = {n: p for n, p in built.module.named_parameters() if "_heads." in n}
    mine = {n: p for n, p in heads.items() if ".tcwv" in n or ".w." in n or ".w_mod" in n}
    assert all(n in built.parameters_by_group()["new_embeddings"] for n in mine)
    with torch.no_grad():
        for parameter in mine.values():
            parameter.zero_()
        prediction = built.module.predict(inputs)
    assert not any(name.endswith("_mod") for name in prediction.surf_vars)
    assert set(prediction.atmos_vars) == {*spec.names(Group.ATMOSPHERIC)}
    height = prediction.surf_vars["tcwv"].shape[-2]
    # Heads that give nothing: the newest input stays, to the digits of normalising and back.
    for found, given in (
        (prediction.surf_vars["tcwv"], inputs.surf_vars["tcwv"][:, -1:, :height]),
        (prediction.atmos_vars["w"], inputs.atmos_vars["w"][:, -1:, :, :height]),
    ):
        torch.testing.assert_close(found, given, rtol=1e-5, atol=1e-5)
    # Without the option the head alone gives the value: the mean, here.
    unmodulated = spec.replace(model=spec.model.replace(modulation_heads=()))
    assert not any("tcwv_mod" in n for n, _ in build_model(unmodulated).module.named_parameters())


def test_heads_of_new_variables_may_be_absent_from_a_checkpoint() -> None:
    checkpoint = {k: v.clone() for k, v in build_model(_spec()).state_dict().items()}
    built = build_model(_spec(TCWV, modulation_heads=("tcwv",)))
    report = load_into(built.module, checkpoint, new_variables=(TCWV,))
    assert "decoder.surf_heads.tcwv_mod.weight" in report.new
    assert len(report.new) == 5


@pytest.mark.parametrize(
    ("model", "said"),
    [
        ({"separate_perceiver": ["2t"]}, "'2t', which is no atmospheric variable"),
        ({"separate_perceiver": [*"zuvtq", "w"]}, "leaves the first Perceiver without any"),
        ({"separate_perceiver": ["z", "z"]}, "names a variable twice"),
        ({"modulation_heads": ["2t"]}, "trained to give the value itself. New here: tcwv, w"),
    ],
)
def test_what_does_not_go_together_is_refused_with_the_reason(model, said: str) -> None:
    with pytest.raises(SpecError, match=said):
        _spec(TCWV, W, **model)


def test_an_old_spec_without_these_fields_still_means_what_it_did() -> None:
    assert ModelSpec.build({"variant": "small", "autocast": True}) == ModelSpec(autocast=True)
    assert ModelSpec().checkpointed_layers == "default"
