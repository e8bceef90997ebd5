from __future__ import annotations

import numpy as np

from aurora_dash.figures.spectra import spectrum_figure

WAVELENGTHS = 360.0 / np.arange(1, 33)


def test_a_blurred_forecast_falls_below_the_target_at_short_waves() -> None:
    target = 1e4 / np.arange(1, 33) ** 3
    model = target * np.linspace(1, 0.1, 32)
    figure = spectrum_figure(
        WAVELENGTHS, {"model": model, "target": target}, title="Power", unit="m s-1"
    )
    power, ratio, observed = figure.data
    assert (power.name, observed.name) == ("Fine-tuned", "Target")
    np.testing.assert_allclose(ratio.y, np.linspace(1, 0.1, 32))
    assert (power.yaxis, ratio.yaxis) == ("y", "y2")
    assert figure.layout.xaxis.autorange == "reversed"
    assert list(figure.layout.xaxis2.tickvals) == [20, 50, 100, 200, 360]
    assert figure.layout.yaxis.title.text == "Power [(m s⁻¹)²]"


def test_what_rounding_left_is_no_power() -> None:
    target = np.where(np.arange(32) % 2, 1e5, 1e-9)
    model = np.full(32, 1e3)
    figure = spectrum_figure(WAVELENGTHS, {"model": model, "target": target}, title="", unit="K")
    power, ratio, observed = figure.data
    assert np.isfinite(power.y).all()
    assert np.isnan(observed.y[::2]).all()
    np.testing.assert_allclose(ratio.y[1::2], 0.01)
    assert np.isnan(ratio.y[::2]).all()


def test_a_source_without_power_is_left_out() -> None:
    power = {"model": np.ones(32), "climatology": np.full(32, np.nan), "target": np.ones(32)}
    figure = spectrum_figure(WAVELENGTHS, power, title="", unit="K")
    assert {trace.name for trace in figure.data} == {"Fine-tuned", "Target"}
