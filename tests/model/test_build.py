from __future__ import annotations

import threading

import aurora
import pytest
import torch

from aurora_dash.errors import CheckpointError, ModelError, RunError
from aurora_dash.model.build import build_model
from aurora_dash.model.saved import checkpoint_name
from aurora_dash.runs.store import RunStore
from aurora_dash.spec import ModelSpec, RunSpec, TrainingSpec, VariableSpec
from aurora_dash.variables import Group
from aurora_dash.variants import VARIANTS


def _spec(seed: int = 0, **model: object) -> RunSpec:
    return RunSpec(model=ModelSpec(**model), training=TrainingSpec(seed=seed))


def _same(one: dict[str, torch.Tensor], other: dict[str, torch.Tensor]) -> bool:
    return list(one) == list(other) and all(torch.equal(one[k], other[k]) for k in one)


def test_the_tiny_model_has_the_size_it_is_said_to_have() -> None:
    assert build_model(_spec()).num_parameters == 1_563_984


def test_the_small_size_is_the_small_variant() -> None:
    built = build_model(_spec(size="small"))
    assert built.num_parameters == 112_797_584
    assert isinstance(built.module, aurora.AuroraSmallPretrained)


@pytest.mark.parametrize("variant", VARIANTS, ids=lambda v: v.id)
def test_every_variant_can_be_built_small_and_is_of_auroras_class(variant) -> None:
    built = build_model(_spec(variant=variant.id))
    assert isinstance(built.module, getattr(aurora, variant.class_name))
    assert built.module.patch_size == variant.patch_size
    assert built.module.timestep.total_seconds() == 3600 * variant.timestep_hours
    assert built.module.use_lora is variant.uses_lora
    assert not built.report.matched
    assert len(built.report.random) == len(built.module.state_dict())


def test_weights_follow_from_the_seed_alone() -> None:
    torch.manual_seed(1)
    first = build_model(_spec(seed=5)).state_dict()
    torch.manual_seed(2)
    assert _same(build_model(_spec(seed=5)).state_dict(), first)
    assert not _same(build_model(_spec(seed=6)).state_dict(), first)


def test_building_leaves_the_processs_random_numbers_alone() -> None:
    before = torch.get_rng_state()
    build_model(_spec())
    assert torch.equal(torch.get_rng_state(), before)


def test_models_built_in_threads_at_once_are_what_they_are_alone() -> None:
    alone = [build_model(_spec(seed=i)).state_dict() for i in range(3)]
    together: dict[int, dict[str, torch.Tensor]] = {}

    def build(i: int) -> None:
        together[i] = build_model(_spec(seed=i)).state_dict()

    threads = [threading.Thread(target=build, args=(i,)) for i in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert all(_same(together[i], alone[i]) for i in range(3))


def test_new_parameters_are_made_in_a_fixed_order() -> None:
    variables = tuple(VariableSpec(name=name, mean=0, std=1) for name in ("zeta", "alpha", "mid"))
    spec = RunSpec(variables=variables)
    one, other = build_model(spec), build_model(spec)
    assert _same(one.state_dict(), other.state_dict())
    assert [v.name for v in one.variables] == ["zeta", "alpha", "mid"]
    assert one.module.surf_vars == ("2t", "10u", "10v", "msl", "zeta", "alpha", "mid")


def test_new_variables_reach_the_wave_and_air_pollution_models_too() -> None:
    new = (
        VariableSpec(name="sst", mean=290, std=10),
        VariableSpec(name="sdor", group=Group.STATIC, mean=0, std=50),
        VariableSpec(name="w", group=Group.ATMOSPHERIC, mean=0, std=0.2),
    )
    for variant in ("0.25-wave", "0.4-air-pollution"):
        built = build_model(RunSpec(model=ModelSpec(variant=variant), variables=new))
        names = built.parameters_by_group()["new_embeddings"]
        assert "encoder.surf_token_embeds.weights.sst" in names
        assert "encoder.surf_token_embeds.weights.sdor" in names
        assert any(name.startswith("decoder.atmos_heads.w.") for name in names)


def test_options_of_the_spec_reach_the_model() -> None:
    built = build_model(
        _spec(use_lora=True, stabilise_level_agg=True, autocast=True, variant="0.25-pretrained")
    )
    assert "lora" in built.parameters_by_group()
    assert "encoder.level_agg.layers.0.0.ln_k.weight" in built.state_dict()
    assert built.module.autocast_backbone
    assert built.module.autocast_dtype is torch.bfloat16
    plain = build_model(_spec(use_lora=False, variant="0.25-finetuned"))
    assert "lora" not in plain.parameters_by_group()
    assert not plain.module.autocast_backbone


def test_another_lead_time_is_told_to_the_model() -> None:
    spec = RunSpec().with_overrides(["data.lead_hours=12"])
    assert build_model(spec).module.timestep.total_seconds() == 12 * 3600


def test_recomputing_activations_changes_no_gradient_and_no_name(tiny_spec, make_batch) -> None:
    batch = make_batch(tiny_spec)
    checkpointed = tiny_spec.replace(model=tiny_spec.model.replace(activation_checkpointing=True))
    gradients = []
    before = torch.get_rng_state()
    for spec in (tiny_spec, checkpointed):
        built = build_model(spec)
        prediction = built.module.predict_normalised(batch)
        sum(v.abs().mean() for v in prediction.surf_vars.values()).backward()
        groups = built.parameters_by_group()
        gradients.append({g: [p.grad for p in ps.values()] for g, ps in groups.items()})
    assert torch.equal(torch.get_rng_state(), before)
    plain, recomputed = gradients
    assert plain.keys() == recomputed.keys()
    for group, values in plain.items():
        for one, other in zip(values, recomputed[group], strict=True):
            assert (one is None) == (other is None)
            assert one is None or torch.equal(one, other)
    names = build_model(checkpointed).state_dict()
    assert list(names) == list(build_model(tiny_spec).state_dict())


def test_a_file_tells_its_size_by_itself(tmp_path) -> None:
    original = build_model(_spec(seed=3))
    path = tmp_path / "tiny.ckpt"
    torch.save(original.state_dict(), path)
    built = build_model(_spec(source="file", path=str(path), size="full"))
    assert built.size == "tiny"
    assert built.report.complete
    assert _same(built.state_dict(), original.state_dict())


def test_a_file_of_another_width_or_no_model_at_all_is_refused(tmp_path) -> None:
    path = tmp_path / "odd.ckpt"
    torch.save({"encoder.surf_level_encoding": torch.zeros(123)}, path)
    with pytest.raises(CheckpointError, match="is 123 wide"):
        build_model(_spec(source="file", path=str(path)))
    torch.save({"weight": torch.zeros(3)}, path)
    with pytest.raises(CheckpointError, match="matched almost nothing"):
        build_model(_spec(source="file", path=str(path)))
    with pytest.raises(CheckpointError, match=r"is a folder without meta.json"):
        build_model(_spec(source="file", path=str(tmp_path)))
    with pytest.raises(CheckpointError, match="No such file"):
        build_model(_spec(source="file", path=str(tmp_path / "absent.ckpt")))


def test_an_earlier_run_must_exist_and_have_a_checkpoint(tmp_path) -> None:
    store = RunStore(tmp_path)
    earlier = store.create(_spec())
    spec = _spec(source="run", run=earlier.id)
    with pytest.raises(ModelError, match="without the folder of runs"):
        build_model(spec)
    with pytest.raises(CheckpointError, match="it holds none"):
        build_model(spec, store=store)
    with pytest.raises(RunError, match="no run 'nothing'"):
        build_model(_spec(source="run", run="nothing"), store=store)
    assert checkpoint_name(120) == "step-00000120"
