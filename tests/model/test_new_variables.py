"""How new variables begin, what they are given as, and what becomes of the others."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest
import torch
from aurora import Batch, rollout

from aurora_dash.errors import ModelError
from aurora_dash.model.build import BuiltModel, build_model
from aurora_dash.model.statistics import ModelStatistics, inherit_statistics
from aurora_dash.spec import ModelSpec, RunSpec, VariableSpec
from aurora_dash.variables import Group

ONE_OF_EACH = {
    "tcwv": Group.SURFACE,
    "sdor": Group.STATIC,
    "w": Group.ATMOSPHERIC,
}


def variable(name: str, **changes: object) -> VariableSpec:
    values = {"name": name, "group": ONE_OF_EACH[name], "mean": 1.0, "std": 0.1, **changes}
    return VariableSpec.build(values)


def fields(batch: Batch) -> dict[str, torch.Tensor]:
    return {
        **{f"surf_{k}": v for k, v in batch.surf_vars.items()},
        **{f"atmos_{k}": v for k, v in batch.atmos_vars.items()},
    }


def without(batch: Batch, *names: str) -> Batch:
    def rest(values: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
        return {k: v for k, v in values.items() if k not in names}

    return dataclasses.replace(
        batch,
        surf_vars=rest(batch.surf_vars),
        static_vars=rest(batch.static_vars),
        atmos_vars=rest(batch.atmos_vars),
    )


@pytest.fixture
def checkpoint(tmp_path: Path, tiny_spec: RunSpec) -> Path:
    """A checkpoint file of a model that knows no new variable; its heads say something."""
    weights = build_model(tiny_spec).state_dict()
    path = tmp_path / "model.ckpt"
    torch.save({name: value * 1.5 for name, value in weights.items()}, path)
    return path


def built_on(checkpoint: Path, *variables: VariableSpec) -> BuiltModel:
    model = ModelSpec(variant="small", source="file", path=str(checkpoint))
    return build_model(RunSpec(model=model, variables=variables))


def forecast(built: BuiltModel, batch: Batch) -> dict[str, torch.Tensor]:
    with torch.no_grad():
        return fields(built.module.predict(batch))


@pytest.mark.parametrize("names", [("tcwv",), ("sdor",), ("w",), ("tcwv", "sdor", "w")])
def test_a_zero_beginning_leaves_the_other_forecasts_bit_identical(
    checkpoint, make_batch, names
) -> None:
    variables = [variable(name, initialise="zero") for name in names]
    batch = make_batch(RunSpec(variables=variables), size=2)
    before = forecast(built_on(checkpoint), without(batch, *names))
    after = forecast(built_on(checkpoint, *variables), batch)
    assert before.keys() <= after.keys()
    for name, values in before.items():
        assert torch.equal(after[name], values), name


def test_a_zero_beginning_keeps_the_last_digit_among_many_variables() -> None:
    model = ModelSpec(variant="v1.5", size="tiny")
    new = VariableSpec(name="dust", mean=0.0, std=1.0, initialise="zero")
    one = build_model(RunSpec(model=model)).module.encoder.surf_token_embeds
    other = build_model(RunSpec(model=model, variables=(new,))).module.encoder.surf_token_embeds
    other.load_state_dict(one.state_dict(), strict=False)
    names = one.var_names
    values = torch.randn(1, len(names), 2, 16, 32, generator=torch.Generator().manual_seed(0))
    # Where Aurora has it: between the 26 surface and the 36 static variables.
    middle = 26
    with torch.no_grad():
        embedded = other(
            torch.cat([values[:, :middle], values[:, :1], values[:, middle:]], dim=1),
            (*names[:middle], "dust", *names[middle:]),
        )
        assert torch.equal(embedded, one(values, names))


def test_a_random_beginning_does_not(checkpoint, make_batch) -> None:
    new = variable("tcwv")
    batch = make_batch(RunSpec(variables=(new,)))
    before = forecast(built_on(checkpoint), without(batch, "tcwv"))
    after = forecast(built_on(checkpoint, new), batch)
    assert not torch.equal(before["surf_2t"], after["surf_2t"])


def test_a_zero_beginning_reaches_every_level_and_static_of_air_pollution() -> None:
    new = variable("sdor", initialise="zero"), variable("w", initialise="zero")
    spec = RunSpec(model=ModelSpec(variant="0.4-air-pollution", size="tiny"), variables=new)
    weights = build_model(spec).state_dict()
    embeddings = [
        key
        for key in weights
        if key.startswith("encoder.") and key.endswith((".sdor", ".static_sdor", ".w"))
    ]
    # One on the surface; the static and w on each of 13 levels.
    assert len(embeddings) == 1 + 2 * 13
    assert not any(weights[key].any() for key in embeddings)


@pytest.mark.parametrize(("name", "original"), [("tcwv", "msl"), ("sdor", "lsm"), ("w", "q")])
def test_a_copy_begins_with_embedding_and_head_of_the_original(checkpoint, name, original) -> None:
    new = variable(name, initialise="copy", copy_from=original)
    weights = built_on(checkpoint, new).state_dict()
    part = "atmos" if new.group is Group.ATMOSPHERIC else "surf"
    embeddings = f"encoder.{part}_token_embeds.weights."
    assert weights[embeddings + name].any()
    assert torch.equal(weights[embeddings + name], weights[embeddings + original])
    heads = f"decoder.{part}_heads."
    for kind in ("weight", "bias"):
        if new.group is not Group.STATIC:
            copied = weights[f"{heads}{name}.{kind}"]
            assert torch.equal(copied, weights[f"{heads}{original}.{kind}"])


def test_what_is_predicted_by_way_of_other_quantities_can_not_be_copied() -> None:
    for variant, original in (("0.25-wave", "mwd"), ("0.4-air-pollution", "pm10")):
        spec = RunSpec(
            model=ModelSpec(variant=variant, size="tiny"),
            variables=(variable("tcwv", initialise="copy", copy_from=original),),
        )
        with pytest.raises(ModelError, match=f"can't be copied from '{original}'"):
            build_model(spec)


def test_loaded_weights_of_a_variable_are_not_begun_again(tmp_path: Path) -> None:
    new = variable("tcwv", initialise="zero")
    weights = build_model(RunSpec(variables=(new,))).state_dict()
    key = "encoder.surf_token_embeds.weights.tcwv"
    weights[key] = torch.full_like(weights[key], 0.25)
    path = tmp_path / "trained.ckpt"
    torch.save(weights, path)
    assert (built_on(path, new).state_dict()[key] == 0.25).all()


@pytest.mark.parametrize("name", ["tcwv", "w"])
def test_an_output_is_predicted_without_being_given(make_batch, name: str) -> None:
    spec = RunSpec(variables=(variable(name, role="output"),))
    built = build_model(spec)
    batch = make_batch(spec)
    key = f"{ONE_OF_EACH[name].prefix}{name}"
    alone = forecast(built, without(batch, name))
    assert alone[key].shape == alone["atmos_t" if name == "w" else "surf_2t"].shape
    # What an input says of it makes no difference.
    for found, values in forecast(built, batch).items():
        assert torch.equal(values, alone[found]), found


def test_an_output_is_normalised_in_targets_and_left_out_where_it_is_absent(make_batch) -> None:
    spec = RunSpec(variables=(variable("tcwv", role="output"),))
    module = build_model(spec).module
    batch = make_batch(spec)
    normalised = module.normalise_for_loss(batch).surf_vars["tcwv"]
    torch.testing.assert_close(normalised, (batch.surf_vars["tcwv"] - 1.0) / 0.1)
    assert "tcwv" not in module.normalise_for_loss(without(batch, "tcwv")).surf_vars


@pytest.mark.parametrize("name", ["tcwv", "w"])
def test_an_input_changes_forecasts_and_is_not_forecast(make_batch, name: str) -> None:
    spec = RunSpec(variables=(variable(name, role="input"),))
    built = build_model(spec)
    batch = make_batch(spec)
    found = forecast(built, batch)
    assert f"{ONE_OF_EACH[name].prefix}{name}" not in found
    values = batch.surf_vars if name == "tcwv" else batch.atmos_vars
    values[name] = values[name] + 1
    # With random weights levels and surface do not mix.
    other = "surf_2t" if name == "tcwv" else "atmos_t"
    assert not torch.equal(forecast(built, batch)[other], found[other])


def test_going_on_without_an_input_is_refused(make_batch) -> None:
    spec = RunSpec(variables=(variable("tcwv", role="input"),))
    built = build_model(spec)
    with torch.no_grad(), pytest.raises(ModelError, match="no surface variable 'tcwv'"):
        list(rollout(built.module, make_batch(spec), 2))


def test_unused_weights_are_not_trained() -> None:
    spec = RunSpec(variables=(variable("tcwv", role="input"), variable("w", role="output")))
    frozen = {
        name
        for name, parameter in build_model(spec).module.named_parameters()
        if not parameter.requires_grad
    }
    assert frozen == {
        "decoder.surf_heads.tcwv.weight",
        "decoder.surf_heads.tcwv.bias",
        "encoder.atmos_token_embeds.weights.w",
    }


TRANSFORMS = [
    {"transform": "log", "transform_offset": 0.5, "mean": 1.1, "std": 0.4},
    {"transform": "sqrt", "mean": 1.0, "std": 0.3},
]


@pytest.mark.parametrize("transform", TRANSFORMS)
@pytest.mark.parametrize("name", ["tcwv", "w"])
def test_a_transformed_variable_is_normalised_there_and_forecast_in_physical_units(
    make_batch, name, transform
) -> None:
    spec = RunSpec(variables=(variable(name, **transform),))
    module = build_model(spec).module
    batch = make_batch(spec)
    key = f"{ONE_OF_EACH[name].prefix}{name}"
    values = fields(batch)[key]
    log = transform["transform"] == "log"
    expected = torch.log(1 + values / 0.5) if log else values**0.5
    expected = (expected - transform["mean"]) / transform["std"]
    normalised = fields(module.normalise_for_loss(batch))[key]
    torch.testing.assert_close(normalised, expected, rtol=1e-5, atol=1e-5)
    with torch.no_grad():
        raw = fields(module.predict_normalised(batch))[key]
        physical = fields(module.predict(batch))[key]
    level = raw * transform["std"] + transform["mean"]
    undone = 0.5 * (torch.exp(level) - 1) if log else level**2
    torch.testing.assert_close(physical, undone, rtol=1e-5, atol=1e-6)
    assert physical.min() > 0


def test_statics_are_given_back_untransformed_to_the_next_step(make_batch) -> None:
    new = variable("sdor", transform="sqrt", mean=1.0, std=0.1)
    spec = RunSpec(variables=(new,))
    built, batch = build_model(spec), make_batch(spec)
    with torch.no_grad():
        pred = built.module.predict(batch)
    torch.testing.assert_close(pred.static_vars["sdor"], batch.static_vars["sdor"])


def test_the_models_own_statistics_change_only_where_that_is_asked_for(make_batch) -> None:
    spec = RunSpec(model=ModelSpec(statistics={"2t": (250.0, 10.0), "t_500": (260.0, 5.0)}))
    batch = make_batch(spec)
    usual = build_model(RunSpec()).module.normalise_for_loss(batch)
    changed = build_model(spec).module.normalise_for_loss(batch)
    torch.testing.assert_close(
        changed.surf_vars["2t"], (batch.surf_vars["2t"] - 250.0) / 10.0, rtol=1e-5, atol=1e-5
    )
    torch.testing.assert_close(
        changed.atmos_vars["t"][:, :, 1],
        (batch.atmos_vars["t"][:, :, 1] - 260.0) / 5.0,
        rtol=1e-5,
        atol=1e-5,
    )
    assert torch.equal(changed.atmos_vars["t"][:, :, 0], usual.atmos_vars["t"][:, :, 0])
    assert torch.equal(changed.surf_vars["msl"], usual.surf_vars["msl"])
    assert ModelStatistics.for_spec(RunSpec()).surface["2t"] != (250.0, 10.0)


def test_a_run_that_continues_another_keeps_what_it_changed_of_the_statistics() -> None:
    earlier = RunSpec(model=ModelSpec(statistics={"2t": (250.0, 10.0), "msl": (1e5, 2e3)}))
    spec = RunSpec(model=ModelSpec(statistics={"msl": (1e5, 1e3)}))
    assert inherit_statistics(spec, earlier).model.statistics == {
        "2t": (250.0, 10.0),
        "msl": (1e5, 1e3),
    }


def test_statistics_of_another_transform_are_not_taken_over() -> None:
    earlier = RunSpec(variables=(variable("tcwv", transform="sqrt"),))
    same = RunSpec(variables=(VariableSpec(name="tcwv", transform="sqrt"),))
    other = RunSpec(variables=(VariableSpec(name="tcwv"),))
    assert inherit_statistics(same, earlier).variables[0].mean == 1.0
    assert inherit_statistics(other, earlier) == other
