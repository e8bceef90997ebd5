from __future__ import annotations

import time

import numpy as np
import pytest

from aurora_dash.data.demo import demo_dataset
from aurora_dash.spec import DemoSpec
from aurora_dash.variables import Group, split_key
from aurora_dash.variables import describe as describe_variable
from aurora_dash.variants import VARIANTS, Variant, get_variant

each_variant = pytest.mark.parametrize("variant", VARIANTS, ids=lambda v: v.id)


@each_variant
def test_it_has_all_that_the_variant_needs_and_a_few_more(variant: Variant) -> None:
    dataset = demo_dataset(DemoSpec(num_times=6), variant)
    wanted = {f"surf_{name}" for name in variant.surface if name not in variant.computed}
    wanted |= {f"static_{name}" for name in variant.static}
    wanted |= {f"atmos_{name}" for name in variant.atmospheric}
    assert wanted <= set(dataset.data_vars)
    assert {"surf_tcwv", "static_sdor", "atmos_w"} <= set(dataset.data_vars)


@each_variant
def test_it_is_canonical_and_within_what_is_possible(variant: Variant) -> None:
    dataset = demo_dataset(DemoSpec(num_times=8), variant)
    steps = np.diff(dataset["time"].values) / np.timedelta64(1, "h")
    assert set(steps.tolist()) == {variant.timestep_hours}
    assert np.all(np.diff(dataset["latitude"].values) < 0)
    longitude = dataset["longitude"].values
    assert np.all(np.diff(longitude) > 0)
    assert longitude[0] >= 0
    assert longitude[-1] < 360
    for key, array in dataset.items():
        group, name = split_key(str(key))
        variable = describe_variable(name, group)
        assert array.dtype == np.float32
        assert np.isfinite(array.values).all()
        low, high = variable.bounds
        assert low is None or float(array.min()) >= low, key
        assert high is None or float(array.max()) <= high, key
        assert array.attrs["units"] == variable.unit


def test_it_says_that_it_is_synthetic() -> None:
    assert demo_dataset(DemoSpec(), get_variant("small")).attrs["synthetic"] == 1


def test_magnitudes_are_those_of_the_atmosphere() -> None:
    dataset = demo_dataset(DemoSpec(), get_variant("small"))
    assert 270 < float(dataset["surf_2t"].mean()) < 295
    assert 99_000 < float(dataset["surf_msl"].mean()) < 103_000
    assert 50_000 < float(dataset["atmos_z"].sel(level=500).mean()) < 58_000
    assert 1 < float(dataset["surf_10u"].std()) < 10
    assert 10 < float(np.abs(dataset["atmos_u"].sel(level=250)).max()) < 120
    humidity = dataset["atmos_q"].mean(("time", "latitude", "longitude"))
    assert float(humidity.sel(level=1000)) > 20 * float(humidity.sel(level=250))
    assert set(np.unique(dataset["static_slt"])) <= set(range(8))


def test_the_wind_blows_along_the_isobars() -> None:
    # In geostrophic balance the meridional wind is the zonal slope of the geopotential over f.
    dataset = demo_dataset(DemoSpec(height=64, width=128, num_times=6), get_variant("small"))
    at = dataset.isel(time=2).sel(level=500).sel(latitude=slice(60, 30))
    latitude = np.deg2rad(at["latitude"].values)[:, None]
    slope = np.gradient(at["atmos_z"].values, np.deg2rad(at["longitude"].values), axis=1)
    expected = slope / (2 * 7.292e-5 * np.sin(latitude) * 6.371e6 * np.cos(latitude))
    inner = (slice(None), slice(2, -2))
    np.testing.assert_allclose(at["atmos_v"].values[inner], expected[inner], atol=0.6)


def test_waves_travel_east_so_that_a_model_can_learn_them() -> None:
    dataset = demo_dataset(DemoSpec(width=128), get_variant("small"))
    v = dataset["atmos_v"].sel(level=500).sel(latitude=48, method="nearest").values
    now, later = v[:-1], v[1:]
    shifts = [float((np.roll(now, cells, axis=1) * later).mean()) for cells in range(-6, 7)]
    eastward = range(-6, 7)[int(np.argmax(shifts))]
    assert eastward > 0
    persistence = float((now * later).mean())
    assert max(shifts) > 1.02 * persistence


def test_land_warms_by_day() -> None:
    dataset = demo_dataset(DemoSpec(), get_variant("small"))
    land = dataset["static_lsm"] > 0.8
    day = dataset["surf_2t"].groupby("time.hour").mean("time").where(land)
    near_greenwich = day.isel(longitude=slice(0, 6)).mean(("latitude", "longitude"))
    if np.isfinite(near_greenwich).all():
        assert float(near_greenwich.sel(hour=12)) > float(near_greenwich.sel(hour=0))
    tropics = dataset["surf_2t"].sel(latitude=slice(10, -10))
    assert float((tropics.max("time") - tropics.min("time")).max()) > 3


def test_a_seed_gives_the_same_weather_always_and_another_gives_another() -> None:
    small = get_variant("small")
    first = demo_dataset(DemoSpec(seed=3), small)
    again = demo_dataset(DemoSpec(seed=3), small)
    other = demo_dataset(DemoSpec(seed=4), small)
    assert first.identical(again)
    assert not first["surf_msl"].equals(other["surf_msl"])


def test_a_longer_demo_continues_the_shorter_one() -> None:
    small = get_variant("small")
    short, long = demo_dataset(DemoSpec(num_times=6), small), demo_dataset(DemoSpec(), small)
    np.testing.assert_allclose(
        short["atmos_z"].values, long["atmos_z"].isel(time=slice(6)).values, rtol=1e-6
    )


def test_it_is_quick() -> None:
    demo_dataset(DemoSpec(num_times=6), get_variant("small"))
    start = time.perf_counter()
    demo_dataset(DemoSpec(), get_variant("small"))
    assert time.perf_counter() - start < 2  # 0.1 s on an idle machine


def test_a_large_one_stays_lazy_and_agrees() -> None:
    demo = DemoSpec(height=180, width=360, num_times=400)
    large = demo_dataset(demo, get_variant("small"))
    assert large["atmos_t"].chunks is not None
    one = large["atmos_t"].isel(time=300).compute(scheduler="synchronous")
    assert one.shape == (4, 180, 360)
    assert 180 < float(one.min()) < float(one.max()) < 330


def test_groups_have_their_dimensions() -> None:
    dataset = demo_dataset(DemoSpec(num_times=6), get_variant("v1.5"))
    dims = {
        Group.SURFACE: ("time", "latitude", "longitude"),
        Group.STATIC: ("latitude", "longitude"),
        Group.ATMOSPHERIC: ("time", "level", "latitude", "longitude"),
    }
    for key, array in dataset.items():
        assert array.dims == dims[split_key(str(key))[0]]
