from __future__ import annotations

from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from PIL import Image

from aurora_dash.data.area import area_weights
from aurora_dash.data.source import open_data
from aurora_dash.errors import AuroraDashError
from aurora_dash.evaluation.sought import Sought
from aurora_dash.evaluation.sources import CheckpointRef
from aurora_dash.evaluation.visualize import Picture, visualize
from aurora_dash.figures.publication import Look
from aurora_dash.runs.store import Run
from aurora_dash.spec import RunSpec

SIGNATURES = {".png": b"\x89PNG", ".pdf": b"%PDF"}


def _picture(run: Run, output: Path, **options: Any) -> Picture:
    ref = CheckpointRef(run=run, checkpoint="best")
    sought = Sought(**{"var": "2t", **options})
    return visualize(ref, None, sought, output=output, device="cpu")


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
        ({"output": "map.tif"}, r"map\.tif does not say .* \.png, \.svg, \.pdf, \.gif, \.mp4"),
        ({"start": "2031-01-01T00:00"}, "No forecast can begin at 2031-01-01T00:00Z"),
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


@pytest.mark.slow
@pytest.mark.parametrize("suffix", [".gif", ".mp4"])
def test_a_rollout_becomes_an_animation_with_a_frame_a_lead(
    make_run: Any, small_spec: RunSpec, tmp_path: Path, suffix: str
) -> None:
    output = tmp_path / f"t{suffix}"
    picture = _picture(make_run(small_spec), output, var="t", level=850, lead=3)
    assert (picture.frames, picture.lead_hours) == (3, 18)
    if suffix == ".gif":
        with Image.open(output) as gif:
            assert gif.n_frames == 3
    else:
        with av.open(str(output)) as film:
            assert sum(1 for _ in film.decode(video=0)) == 3
    assert [path.name for path in tmp_path.glob("*t.*")] == [output.name]


@pytest.mark.slow
def test_a_forecast_beyond_the_data_is_drawn_without_a_target(
    make_run: Any, small_spec: RunSpec, tmp_path: Path
) -> None:
    dataset = open_data(small_spec.data, small_spec.model.catalogue_entry).dataset
    last = np.datetime_as_string(dataset.time.values[-1], unit="m")
    output = tmp_path / "a.svg"
    picture = _picture(
        make_run(small_spec), output, start=last, lead=2, increment=True, look=Look(wind="arrows")
    )
    assert (picture.rmse, picture.sample_index) == ({}, None)
    said = written(output)
    assert "Increment: prediction" in said
    assert "There is no target at" in said
    assert "m s⁻¹" in said


@pytest.mark.slow
def test_a_second_checkpoint_is_subtracted_at_the_same_time_and_lead(
    make_run: Any, small_spec: RunSpec, tmp_path: Path
) -> None:
    def changed(weights: dict[str, Any]) -> None:
        for name, value in weights.items():
            if "decoder" in name:
                value += 0.05

    run, second = make_run(small_spec), make_run(small_spec, changed)
    minus = CheckpointRef(run=second, checkpoint="best")
    alone = _picture(second, tmp_path / "b.png")
    picture = _picture(run, tmp_path / "a.svg", minus=minus, look=Look(projection="robinson"))
    assert picture.rmse[alone.checkpoint] == pytest.approx(alone.rmse["model"], rel=1e-6)
    assert picture.rmse[alone.checkpoint] != picture.rmse["model"]
    said = " ".join(written(tmp_path / "a.svg").split())
    for words in ("A: prediction", "B: prediction", "A − B", f"B is {alone.checkpoint}."):
        assert words in said


def written(path: Path) -> str:
    """All texts of an SVG: matplotlib keeps them as comments beside the glyphs."""
    lines = path.read_text(encoding="utf-8").splitlines()
    return "\n".join(line for line in lines if line.strip().startswith("<!--"))
