from __future__ import annotations

import threading

import aurora
import aurora.normalisation
import pytest
import torch
from aurora import Batch

from aurora_dash.errors import ModelError
from aurora_dash.model.build import SIZES, build_model
from aurora_dash.model.normalised import StatisticsBatch, own_class
from aurora_dash.model.statistics import ModelStatistics
from aurora_dash.spec import ModelSpec, RunSpec, VariableSpec
from aurora_dash.variables import Group


def _fields(batch: Batch) -> dict[str, torch.Tensor]:
    return {
        **{f"surf_{k}": v for k, v in batch.surf_vars.items()},
        **{f"static_{k}": v for k, v in batch.static_vars.items()},
        **{f"atmos_{k}": v for k, v in batch.atmos_vars.items()},
    }


def _assert_equal(one: Batch, other: Batch) -> None:
    assert _fields(one).keys() == _fields(other).keys()
    for name, values in _fields(one).items():
        assert torch.equal(values, _fields(other)[name]), name


def _with_tcwv(mean: float, std: float, seed: int = 0) -> RunSpec:
    spec = RunSpec(variables=(VariableSpec(name="tcwv", mean=mean, std=std),))
    return spec.replace(training=spec.training.replace(seed=seed))


def test_with_auroras_numbers_it_normalises_as_aurora_does(tiny_spec, make_batch) -> None:
    batch = make_batch(tiny_spec, size=2)
    own = StatisticsBatch.of(batch, ModelStatistics.for_spec(tiny_spec))
    _assert_equal(own.normalise({}), batch.normalise({}))
    normalised = batch.normalise({})
    again = StatisticsBatch.of(normalised, own.statistics)
    _assert_equal(again.unnormalise({}), normalised.unnormalise({}))


def test_a_forecast_equals_that_of_auroras_own_class(tiny_spec, make_batch) -> None:
    built = build_model(tiny_spec)
    plain = aurora.AuroraSmallPretrained(**SIZES["tiny"])
    plain.load_state_dict(built.state_dict())
    batch = make_batch(tiny_spec, size=2)
    with torch.no_grad():
        _assert_equal(built.module.predict(batch), plain(batch))


def test_moving_and_casting_keep_the_statistics(tiny_spec, make_batch) -> None:
    own = StatisticsBatch.of(make_batch(tiny_spec), ModelStatistics.for_spec(tiny_spec))
    cast = own.type(torch.float64).to("cpu")
    assert isinstance(cast, StatisticsBatch)
    assert cast.statistics is own.statistics
    assert cast.surf_vars["2t"].dtype is torch.float64


def test_a_normalised_forecast_is_the_forecast_normalised(tiny_spec, make_batch) -> None:
    module = build_model(tiny_spec).module
    batch = make_batch(tiny_spec)
    with torch.no_grad():
        raw = module.predict_normalised(batch)
        expected = module.normalise_for_loss(module.predict(batch))
    for name, values in _fields(expected).items():
        torch.testing.assert_close(_fields(raw)[name], values, rtol=1e-4, atol=1e-4)
    # The next forecast is in physical units again.
    with torch.no_grad():
        assert module.predict(batch).surf_vars["msl"].mean() > 50_000


def test_a_batch_for_the_loss_is_cropped_and_single_precision(tiny_spec, make_batch) -> None:
    batch = make_batch(tiny_spec).type(torch.float64)
    odd = Batch(
        {k: torch.cat([v, v[..., -1:, :]], dim=-2) for k, v in batch.surf_vars.items()},
        {k: torch.cat([v, v[..., -1:, :]], dim=-2) for k, v in batch.static_vars.items()},
        {k: torch.cat([v, v[..., -1:, :]], dim=-2) for k, v in batch.atmos_vars.items()},
        aurora.Metadata(
            lat=torch.linspace(60, 44, 17),
            lon=batch.metadata.lon,
            time=batch.metadata.time,
            atmos_levels=batch.metadata.atmos_levels,
        ),
    )
    found = build_model(tiny_spec).module.normalise_for_loss(odd)
    assert found.spatial_shape == (16, 32)
    assert found.surf_vars["2t"].dtype is torch.float32
    expected = (batch.surf_vars["2t"].float() - 278.514) / 21.22036
    torch.testing.assert_close(found.surf_vars["2t"], expected, rtol=1e-5, atol=1e-5)


def test_a_model_without_statistics_says_so(tiny_spec, make_batch) -> None:
    module = own_class(aurora.AuroraSmallPretrained)(**SIZES["tiny"])
    with pytest.raises(ModelError, match="no statistics"):
        module.predict(make_batch(tiny_spec))


def test_two_models_in_one_process_keep_their_own_numbers(make_batch) -> None:
    narrow, wide = _with_tcwv(20.0, 1.0), _with_tcwv(0.0, 100.0)
    batch = make_batch(narrow)
    before = dict(aurora.normalisation.locations), dict(aurora.normalisation.scales)
    models = [build_model(spec) for spec in (narrow, wide)]
    # In turn, and in turn again: nothing of one call is left for the next.
    for _ in range(2):
        for built, (mean, std) in zip(models, [(20.0, 1.0), (0.0, 100.0)], strict=True):
            normalised = built.module.normalise_for_loss(batch).surf_vars["tcwv"]
            torch.testing.assert_close(normalised, (batch.surf_vars["tcwv"] - mean) / std)
            # The decoder starts near zero, so a forecast is near the location.
            with torch.no_grad():
                forecast = built.module.predict(batch).surf_vars["tcwv"]
                raw = built.module.predict_normalised(batch).surf_vars["tcwv"]
            torch.testing.assert_close(forecast, raw * std + mean)
    assert (aurora.normalisation.locations, aurora.normalisation.scales) == before


def test_two_threads_with_different_numbers_get_what_each_gets_alone(make_batch) -> None:
    specs = [_with_tcwv(20.0, 1.0, seed=1), _with_tcwv(-5.0, 100.0, seed=2)]
    batch = make_batch(specs[0])

    def losses(spec: RunSpec) -> list[float]:
        built = build_model(spec)
        optimiser = torch.optim.SGD(built.module.parameters(), lr=0.1)
        target = built.module.normalise_for_loss(batch).surf_vars["tcwv"][:, -1:]
        found = []
        for _ in range(3):
            optimiser.zero_grad()
            predicted = built.module.predict_normalised(batch).surf_vars["tcwv"]
            loss = (predicted - target).abs().mean()
            loss.backward()
            optimiser.step()
            found.append(loss.item())
        return found

    alone = [losses(spec) for spec in specs]
    together: dict[int, list[float]] = {}
    threads = [
        threading.Thread(target=lambda i=i: together.__setitem__(i, losses(specs[i])))
        for i in range(2)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [together[0], together[1]] == alone
    assert alone[0] != alone[1]


def test_new_variables_of_all_groups_get_finite_gradients(make_batch) -> None:
    spec = RunSpec(
        variables=(
            VariableSpec(name="tcwv", group=Group.SURFACE, mean=1.0, std=0.1),
            VariableSpec(name="sdor", group=Group.STATIC, mean=1.0, std=0.1),
            VariableSpec(name="w", group=Group.ATMOSPHERIC, mean=1.0, std=0.1),
        )
    )
    built = build_model(spec)
    batch = make_batch(spec)
    prediction = built.module.predict_normalised(batch)
    assert set(prediction.surf_vars) == {"2t", "10u", "10v", "msl", "tcwv"}
    assert set(prediction.atmos_vars) == {"z", "u", "v", "t", "q", "w"}
    target = built.module.normalise_for_loss(batch)
    loss = sum(
        (_fields(prediction)[name] - _fields(target)[name][:, -1:]).abs().mean()
        for name in _fields(prediction)
        if not name.startswith("static_")
    )
    loss.backward()
    new = built.parameters_by_group()["new_embeddings"]
    assert len(new) == 7
    for name, parameter in new.items():
        assert torch.isfinite(parameter.grad).all(), name
        assert parameter.grad.abs().sum() > 0, name


def test_air_pollution_does_not_mix_the_samples_of_a_batch(make_batch) -> None:
    spec = RunSpec(model=ModelSpec(variant="0.4-air-pollution"))
    module = build_model(spec).module
    batch = make_batch(spec, size=2)
    grid = {"lat": batch.metadata.lat[:15], "lon": batch.metadata.lon[:30]}
    batch = Batch(
        {k: v[..., :15, :30] for k, v in batch.surf_vars.items()},
        {k: v[:15, :30] for k, v in batch.static_vars.items()},
        {k: v[..., :15, :30] for k, v in batch.atmos_vars.items()},
        aurora.Metadata(time=batch.metadata.time, atmos_levels=(1000, 500), **grid),
    )

    def only(index: int) -> Batch:
        part = slice(index, index + 1)
        return Batch(
            {k: v[part] for k, v in batch.surf_vars.items()},
            batch.static_vars,
            {k: v[part] for k, v in batch.atmos_vars.items()},
            aurora.Metadata(time=batch.metadata.time[part], atmos_levels=(1000, 500), **grid),
        )

    with torch.no_grad():
        both = module.predict_normalised(batch)
        single = [module.predict_normalised(only(i)) for i in range(2)]
    assert both.surf_vars["pm10"].shape == (2, 1, 15, 30)
    for name in ("2t", "pm10", "tcco"):
        expected = torch.cat([s.surf_vars[name] for s in single])
        torch.testing.assert_close(both.surf_vars[name], expected, rtol=1e-4, atol=1e-4)
    expected = torch.cat([s.atmos_vars["no2"] for s in single])
    torch.testing.assert_close(both.atmos_vars["no2"], expected, rtol=1e-4, atol=1e-4)
