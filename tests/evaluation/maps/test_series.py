from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from aurora_dash.evaluation.maps import series
from aurora_dash.evaluation.maps.against import Other
from aurora_dash.evaluation.maps.forecasts import At, Forecasts
from aurora_dash.evaluation.maps.opening import of_stored
from tests.evaluation.maps.known import make_stored, value

AT = At(key="atmos_t", level=500.0, sample=0, lead_hours=6)
# Nearest to row 1 (50 degrees north) and column 0 (0 degrees east), from the west of Greenwich.
PLACE = (47.0, -20.0)


def test_over_leads_it_is_the_sample_at_each_lead(kept: Forecasts) -> None:
    found = series.over_leads(kept, AT, PLACE, "initial", None)
    assert (found.latitude, found.longitude, found.stride) == (50, 0, 1)
    assert found.lead_hours.tolist() == [6, 12]
    for name, source in (
        ("prediction", "initial"),
        ("target", "target"),
        ("persistence", "persistence"),
    ):
        expected = [value(source, "atmos_t", 0, lead, 500)[1, 0] for lead in (6, 12)]
        np.testing.assert_array_equal(found.lines[name], expected)
    assert found.records()[1] == {
        "valid_time": "2025-01-01T12:00Z",
        "initial_time": "2025-01-01T00:00Z",
        "lead_hours": 12,
        **{name: float(values[1]) for name, values in found.lines.items()},
    }


def test_over_samples_it_is_the_lead_of_each_sample_and_gaps_stay(kept: Forecasts) -> None:
    found = series.over_samples(kept, replace(AT, lead_hours=12), PLACE, "model", None)
    expected = [value("model", "atmos_t", sample, 12, 500)[1, 0] for sample in (0, 1)]
    np.testing.assert_array_equal(found.lines["prediction"], expected)
    assert np.isnan(found.lines["target"]).tolist() == [False, True]
    assert (
        found.valid_times.tolist() == np.array(["2025-01-01T12", "2025-01-01T18"], "M8[s]").tolist()
    )


def test_a_second_checkpoint_is_a_line_of_its_own_where_it_has_the_time(
    kept: Forecasts, tmp_path: Path
) -> None:
    with of_stored(make_stored(tmp_path / "b.zarr")) as stored:
        other = Other.of(stored, kept, source="initial", name="run b")
        found = series.over_leads(stored, AT, PLACE, "model", other)
    assert set(found.lines) == {"prediction", "run b"}
    expected = [value("initial", "atmos_t", 0, lead, 500)[1, 0] for lead in (6, 12)]
    np.testing.assert_array_equal(found.lines["run b"], [*expected, np.nan])


def test_long_forecasts_are_thinned_and_say_so(
    kept: Forecasts, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(series, "MOST_TIMES", 1)
    found = series.over_leads(kept, AT, PLACE, "model", None)
    assert (found.lead_hours.tolist(), found.stride) == ([6], 2)
