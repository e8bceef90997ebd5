from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st

import aurora_dash.data.reading as reading
from aurora_dash.data.open import open_files
from aurora_dash.data.statistics import Moments, level_key, variable_statistics
from aurora_dash.errors import DataError

finite = st.floats(-1e6, 1e6, allow_nan=False)
samples = st.lists(st.one_of(finite, st.just(math.nan)), max_size=30)


@given(samples, samples)
def test_moments_of_parts_merge_to_those_of_the_whole(a: list[float], b: list[float]) -> None:
    merged = Moments.of(a).merge(Moments.of(b))
    whole = np.array(a + b, dtype=float)
    values = whole[np.isfinite(whole)]
    assert merged.count == values.size
    assert merged.num_missing == whole.size - values.size
    if values.size:
        scale = 1 + np.abs(values).max()
        assert merged.mean == pytest.approx(values.mean(), abs=1e-9 * scale)
        assert merged.std == pytest.approx(values.std(), abs=1e-6 * scale)
    else:
        assert math.isnan(merged.mean)


@given(samples, samples, samples)
def test_the_order_of_merging_does_not_matter(a: list, b: list, c: list) -> None:
    x, y, z = Moments.of(a), Moments.of(b), Moments.of(c)
    left, right = x.merge(y).merge(z), z.merge(y.merge(x))
    assert left.count == right.count
    if left.count:
        assert left.mean == pytest.approx(right.mean, rel=1e-9, abs=1e-6)
        assert left.std == pytest.approx(right.std, rel=1e-6, abs=1e-3)


def test_a_small_spread_on_a_large_mean_is_not_lost() -> None:
    # In single precision, or by the difference of squares, this would be noise.
    values = 101_325 + 0.01 * np.sin(np.arange(100_000))
    moments = Moments.of(values[:30_000]).merge(Moments.of(values[30_000:]))
    assert moments.std == pytest.approx(values.std(), rel=1e-9)


@pytest.mark.parametrize(
    ("level", "key"),
    [
        (500, "z_500"),
        (500.0, "z_500"),
        (999.9999999, "z_1000"),
        (0.5, "z_0_5"),
        (92.51234, "z_92_512"),
    ],
)
def test_level_keys_are_those_of_aurora(level: float, key: str) -> None:
    assert level_key("z", level) == key


@pytest.mark.slow
@settings(deadline=None)  # the first example imports torch
@given(level=st.floats(0.001, 1100, allow_nan=False))
def test_level_keys_agree_with_the_package(level: float) -> None:
    from aurora.normalisation import level_to_str

    assert level_key("q", level) == f"q_{level_to_str(level)}"


def test_statistics_of_real_data_agree_with_numpy(norway_files: tuple[Path, Path]) -> None:
    dataset = open_files(norway_files).dataset
    pressure, single = (xr.load_dataset(p, engine="h5netcdf") for p in norway_files)
    found = variable_statistics(dataset, "atmos_q")
    assert list(found) == ["q_1000", "q_925", "q_850", "q_700"]
    expected = pressure["q"].sel(pressure_level=850).values.astype(np.float64)
    assert found["q_850"].mean == pytest.approx(expected.mean(), rel=1e-12)
    assert found["q_850"].std == pytest.approx(expected.std(), rel=1e-9)
    assert found["q_850"].count == 20 * 61 * 61
    (surface,) = variable_statistics(dataset, "surf_msl").values()
    assert surface.mean == pytest.approx(single["msl"].values.astype(np.float64).mean(), rel=1e-12)
    assert list(variable_statistics(dataset, "static_lsm")) == ["lsm"]


def test_only_the_chosen_times_count(norway_files: tuple[Path, Path]) -> None:
    dataset = open_files(norway_files).dataset
    expected = dataset["surf_2t"].values[[2, 5]].astype(np.float64)
    found = variable_statistics(dataset, "surf_2t", time_indices=[5, 2, 5])["2t"]
    assert found.mean == pytest.approx(expected.mean(), rel=1e-12)
    assert found.count == expected.size


def test_little_memory_gives_the_same_result(
    norway_files: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    dataset = open_files(norway_files).dataset
    at_once = variable_statistics(dataset, "atmos_z")
    sizes: list[int] = []
    original = reading.read_values

    def watch(array: xr.DataArray) -> np.ndarray:
        sizes.append(array.sizes["time"])
        return original(array)

    monkeypatch.setattr(reading, "_BUDGET_BYTES", 3 * 4 * 4 * 61 * 61)
    monkeypatch.setattr(reading, "read_values", watch)
    in_parts = variable_statistics(dataset, "atmos_z")
    assert sizes == [3] * 6 + [2]
    for key, moments in at_once.items():
        assert in_parts[key].mean == pytest.approx(moments.mean, rel=1e-12)
        assert in_parts[key].std == pytest.approx(moments.std, rel=1e-9)


def test_missing_values_are_left_out_and_counted(small_file: Callable[..., Path]) -> None:
    def spoil(dataset: xr.Dataset) -> xr.Dataset:
        dataset["t2m"][1, 0, 0] = np.nan
        dataset["t2m"][2, 0, 0] = np.inf
        return dataset

    dataset = open_files([small_file(change=spoil)]).dataset
    moments = variable_statistics(dataset, "surf_2t")["2t"]
    values = dataset["surf_2t"].values.astype(np.float64)
    assert moments.num_missing == 2
    assert moments.mean == pytest.approx(values[np.isfinite(values)].mean(), rel=1e-12)


def test_a_variable_that_is_not_there_is_refused(small_file: Callable[..., Path]) -> None:
    with pytest.raises(DataError, match="no surf_tp") as error:
        variable_statistics(open_files([small_file()]).dataset, "surf_tp")
    assert "surf_2t" in error.value.remedy


def test_a_variable_without_any_value_has_no_statistics(small_file: Callable[..., Path]) -> None:
    dataset = open_files([small_file(change=lambda d: d.assign(t=d["t"] * np.nan))]).dataset
    with pytest.raises(DataError, match="t_1000 has no finite value"):
        variable_statistics(dataset, "atmos_t")


def test_statistics_can_be_those_of_transformed_values() -> None:
    values = np.array([[[1.0, 4.0]], [[9.0, np.nan]]], dtype=np.float32)
    dataset = xr.Dataset(
        {
            "surf_x": (("time", "latitude", "longitude"), values),
            "static_y": (("latitude", "longitude"), values[0]),
        }
    )
    [moments] = variable_statistics(dataset, "surf_x", transform=np.sqrt).values()
    # Of 1, 2 and 3.
    assert (moments.mean, moments.count, moments.num_missing) == (2, 3, 1)
    assert moments.std == pytest.approx((2 / 3) ** 0.5)
    assert variable_statistics(dataset, "static_y", transform=np.sqrt)["y"].mean == 1.5
