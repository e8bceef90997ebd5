"""Animations, opened again by another reader (GIF) or decoded frame by frame (MP4)."""

from __future__ import annotations

import tracemalloc
from collections.abc import Iterator
from pathlib import Path

import av
import numpy as np
import pytest
from PIL import Image

from aurora_dash.errors import DataError
from aurora_dash.figures.colours import ColourScale, colour_map
from aurora_dash.figures.movie import write_movie

SCALES = (
    ColourScale(cmap="viridis", low=0, high=1),
    ColourScale(cmap="cmc.vik", low=-1, high=1),
)


def frames(number: int, shape: tuple[int, int] = (61, 81)) -> Iterator[np.ndarray]:
    """Colours of both scales, moving to the right."""
    for shift in range(number):
        values = (np.arange(shape[1]) + 5 * shift) % shape[1] / shape[1]
        half = shape[0] // 2
        yield np.concatenate(
            [
                np.broadcast_to(
                    colour_map(scale.cmap)(values, bytes=True)[None, :, :3], (rows, shape[1], 3)
                )
                for scale, rows in zip(SCALES, (half, shape[0] - half), strict=True)
            ]
        )


def test_a_gif_has_every_frame_in_its_colours_and_time(tmp_path: Path) -> None:
    path = tmp_path / "a.gif"
    assert write_movie(path, frames(5), SCALES, file_format="gif", frames_per_second=4) == 5
    with Image.open(path) as gif:
        assert (gif.n_frames, gif.size, gif.info["loop"]) == (5, (81, 61), 0)
        for number, frame in enumerate(frames(5)):
            gif.seek(number)
            assert gif.info["duration"] == 250
            difference = np.abs(np.array(gif.convert("RGB")).astype(int) - frame)
            assert difference.max() <= 8, "a colour is at most half a step of its scale away"


def test_an_mp4_has_every_frame_and_its_length(tmp_path: Path) -> None:
    path = tmp_path / "a.mp4"
    assert write_movie(path, frames(6), SCALES, file_format="mp4", frames_per_second=3) == 6
    with av.open(str(path)) as film:
        stream = film.streams.video[0]
        decoded = [frame.to_ndarray(format="rgb24") for frame in film.decode(stream)]
        assert stream.codec_context.name == "h264"
        assert float(stream.duration * stream.time_base) == pytest.approx(2)
    assert len(decoded) == 6
    # Sizes of H.264 are even: a row and a column of white are added.
    assert decoded[0].shape == (62, 82, 3)
    for found, frame in zip(decoded, frames(6), strict=True):
        assert np.abs(found[:61, :81].astype(int) - frame).mean() < 8


@pytest.mark.slow
@pytest.mark.parametrize("file_format", ["gif", "mp4"])
def test_memory_does_not_grow_with_the_number_of_frames(tmp_path: Path, file_format: str) -> None:
    peaks = []
    for number in (10, 80):
        tracemalloc.start()
        write_movie(tmp_path / "a", frames(number, (300, 400)), SCALES, file_format=file_format)  # type: ignore[arg-type]
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] < peaks[0] + 300 * 400 * 3


def test_a_missing_encoder_is_said_in_words(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("aurora_dash.figures.movie._ENCODERS", {"mp4": ("libnone", "yuv420p")})
    with pytest.raises(DataError, match="no encoder libnone for mp4") as caught:
        write_movie(tmp_path / "a.mp4", frames(1), SCALES, file_format="mp4")
    assert "pip install av" in caught.value.remedy


def test_no_frame_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="at least one frame"):
        write_movie(tmp_path / "a.gif", [], SCALES, file_format="gif")
