from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from aurora_dash.data.area import area_weights
from aurora_dash.data.source import open_data
from aurora_dash.errors import AuroraDashError
from aurora_dash.evaluation.sources import CheckpointRef
from aurora_dash.evaluation.visualize import Picture, visualize
from aurora_dash.runs.store import Run
from aurora_dash.spec import RunSpec

SIGNATURES = {".png": b"\x89PNG", ".pdf": b"%PDF"}


def _picture(run: Run, output: Path, **options: Any) -> Picture:
    ref = CheckpointRef(run=run, checkpoint="best")
    return visualize(ref, None, output=output, device="cpu", **{"var": "2t", **options})


@pytest.mark.parametrize("suffix", SIGNATURES)
def test_a_figure_is_written_in_the_format_of_its_name(
    make_run: Any, small_spec: RunSpec, tmp_path: Path, suffix: str
) -> None:
    output = tmp_path / "new" / f"t850{suffix}"
    picture = _picture(
        make_run(small_spec), output, var="t", level=850, sample_index=1, difference=True
    )
    assert output.read_bytes().startswith(SIGNATURES[suffix])
    assert picture.path == output
    assert (picture.variable, picture.level, picture.unit) == ("t", 850, "K")
    assert picture.labels == ("synthetic data", "random weights")
    assert [path.name for path in output.parent.iterdir()] == [output.name]
    dataset = open_data(small_spec.data, small_spec.model.catalogue_entry).dataset
    # Sample 1 starts at the third time and is for the fourth.
    time = np.datetime_as_string(dataset.time.values[3], unit="m")
    assert picture.valid_time == f"{time}Z"
    error = dataset.atmos_t.sel(level=850).isel(time=2).values - dataset.atmos_t.sel(
        level=850
    ).isel(time=3).values.astype(float)
    weights = area_weights(dataset.latitude.values)[:, None]
    expected = np.sqrt((weights * error**2).mean())
    assert picture.rmse["persistence"] == pytest.approx(expected, rel=1e-6)
    assert picture.rmse["model"] > 0


def test_a_later_lead_is_rolled_out(make_run: Any, small_spec: RunSpec, tmp_path: Path) -> None:
    picture = _picture(make_run(small_spec), tmp_path / "a.png", lead=3, sample_index=0)
    assert (picture.lead_hours, picture.num_samples) == (18, 6)
    assert picture.to_dict()["path"] == str(tmp_path / "a.png")


def test_difference_adds_the_error_of_persistence(
    make_run: Any, small_spec: RunSpec, tmp_path: Path
) -> None:
    run = make_run(small_spec)
    for name, difference in (("plain.svg", False), ("more.svg", True)):
        _picture(run, tmp_path / name, difference=difference)
    plain, more = ((tmp_path / name).read_text() for name in ("plain.svg", "more.svg"))
    assert plain.count("<image") == more.count("<image") - 1


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ({"var": "t"}, "on several levels: 850, 500 hPa. Name one"),
        ({"var": "t", "level": 1000}, "no level 1000 hPa. It has 850, 500"),
        ({"level": 850}, "2t is a surface variable"),
        ({"var": "swh"}, "does not predict 'swh'"),
        ({"sample_index": 8}, "no sample 8: 8 samples .* Choose one from 0 to 7"),
        ({"sample_index": -1}, "no sample -1"),
        ({"lead": 0}, "leads"),
        ({"lead": 9}, "no sample 0: 0 samples"),
        ({"output": "map.gif"}, r"map\.gif does not say .* \.png, \.svg, \.pdf"),
    ],
)
def test_what_is_not_there_is_named(
    make_run: Any, small_spec: RunSpec, tmp_path: Path, options: dict[str, Any], reason: str
) -> None:
    options = dict(options)
    output = tmp_path / options.pop("output", "map.png")
    with pytest.raises(AuroraDashError, match=reason):
        _picture(make_run(small_spec), output, **options)
    assert not output.exists()
