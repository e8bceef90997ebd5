"""Power spectra against numpy's and scipy's transforms, and against variances."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.fft import dctn

from aurora_dash.data.area import area_weights
from tests.evaluation.scoring import make_layout, score_fields


def _power(fields: np.ndarray, latitudes: np.ndarray, longitudes: np.ndarray) -> np.ndarray:
    table, _ = score_fields(
        make_layout(latitudes=latitudes, longitudes=longitudes),
        ["spectral_ratio"],
        {"model": {"surf_2t": fields[None]}},
        {"surf_2t": fields},
    )
    return np.asarray(table["power"].sel(power_source="model").squeeze().values)


def test_a_wave_round_the_earth_has_the_power_of_its_wavenumber_alone() -> None:
    latitudes, longitudes = np.linspace(80, -80, 9), np.arange(0, 360, 15.0)
    wave = 3 * np.cos(np.deg2rad(5 * longitudes))[None, None] * np.ones((1, 9, 1)) + 280
    power = _power(wave, latitudes, longitudes)
    expected = np.zeros(12)
    expected[5 - 1] = 3**2 / 2
    np.testing.assert_allclose(power, expected, atol=1e-9)


@pytest.mark.parametrize("width", [24, 25])
def test_a_zonal_spectrum_sums_to_the_variance_along_rows(width: int) -> None:
    latitudes, longitudes = np.linspace(80, -80, 9), np.arange(width) * 360 / width
    fields = np.random.default_rng(0).normal(280, 5, (3, 9, width))
    expected = np.average(fields.var(axis=-1).mean(axis=0), weights=area_weights(latitudes))
    assert _power(fields, latitudes, longitudes).sum() == pytest.approx(expected)


@pytest.mark.parametrize("shape", [(12, 12), (10, 15)])
def test_a_regional_spectrum_is_scipys_cosine_transform_in_bands(shape: tuple[int, int]) -> None:
    height, width = shape
    latitudes, longitudes = 60 - np.arange(height) / 4, np.arange(width) / 4
    field = np.random.default_rng(1).normal(0, 3, (1, *shape))
    found = _power(field, latitudes, longitudes)
    variance = dctn(field[0], norm="ortho") ** 2 / field[0].size
    shorter = min(shape)
    expected = np.zeros(shorter + 1)
    for m in range(height):
        for n in range(width):
            if (m, n) != (0, 0):
                number = round(shorter * np.hypot(m / height, n / width), 9)
                expected[min(shorter, max(1, int(number)))] += variance[m, n]
    np.testing.assert_allclose(found, expected[1:shorter], rtol=1e-9)
    # What is beyond the side of the square is the corner of diagonal waves only.
    assert found.sum() + expected[shorter] == pytest.approx(field.var())


def test_a_smoothed_forecast_has_lost_its_short_waves() -> None:
    latitudes, longitudes = 60 - np.arange(16) / 4, np.arange(16) / 4
    target = np.random.default_rng(2).normal(0, 3, (2, 16, 16))
    smooth = (target + np.roll(target, 1, -1) + np.roll(target, 1, -2)) / 3
    table, _ = score_fields(
        make_layout(latitudes=latitudes, longitudes=longitudes),
        ["spectral_ratio"],
        {"model": {"surf_2t": smooth[None]}},
        {"surf_2t": target},
    )
    assert table["spectral_ratio"].item() < 0.5
    power = table["power"].squeeze()
    half = power.sizes["wavenumber"] // 2
    short = power.isel(wavenumber=slice(half, None)).sum("wavenumber")
    ratio = float(short.sel(power_source="model") / short.sel(power_source="target"))
    assert table["spectral_ratio"].item() == pytest.approx(ratio)


def test_a_field_with_holes_has_no_spectrum_and_leaves_the_others_theirs() -> None:
    latitudes, longitudes = 60 - np.arange(12) / 4, np.arange(12) / 4
    fields = np.random.default_rng(3).normal(0, 3, (2, 12, 12))
    alone = _power(fields[:1], latitudes, longitudes)
    fields[1, 5, 5] = np.nan
    np.testing.assert_allclose(_power(fields, latitudes, longitudes), alone)
