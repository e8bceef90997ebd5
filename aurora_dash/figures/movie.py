"""Animations: frames go to a GIF or an MP4 file as they come, one in memory at a time."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from aurora_dash.errors import DataError
from aurora_dash.figures.colours import ColourScale, colour_map
from aurora_dash.figures.theme import NO_DATA, VERMILION

MovieFormat = Literal["gif", "mp4"]
Image = NDArray[np.uint8]
"""Red, green and blue, (H, W, 3)."""

_ENCODERS = {"gif": ("gif", "pal8"), "mp4": ("libx264", "yuv420p")}
_GREYS = 40
"""Shades of letters and lines between black and white."""
_QUALITY = "18"
"""Of H.264, where 0 is lossless and differences can't be seen up to about 18."""


def write_movie(
    path: Path,
    frames: Iterable[Image],
    scales: Sequence[ColourScale],
    *,
    file_format: MovieFormat,
    frames_per_second: int = 4,
) -> int:
    """Write frames of one size and return their number.

    The 256 colours of a GIF are those of `scales` and greys, the same in all frames, so that equal
    colours mean equal values. `DataError` if there is no encoder, or no frame.
    """
    import av

    encoder, pixels = _ENCODERS[file_format]
    try:
        av.codec.Codec(encoder, "w")
    except av.codec.codec.UnknownCodecError as error:
        raise DataError(
            f"The installed PyAV {av.__version__} has no encoder {encoder} for {file_format}.",
            remedy="Install PyAV from PyPI (pip install av), or choose the other format.",
        ) from error
    palette = _palette(scales) if file_format == "gif" else None
    number = 0
    with av.open(str(path), "w", format=file_format) as container:
        stream: Any = None
        for number, frame in enumerate(frames, start=1):
            frame = frame if file_format == "gif" else _even(frame)
            if stream is None:
                stream = container.add_stream(encoder, rate=frames_per_second)
                stream.height, stream.width = frame.shape[:2]
                stream.pix_fmt = pixels
                stream.options = {} if file_format == "gif" else {"crf": _QUALITY}
            picture = _picture(frame, palette)
            picture.pts = number - 1
            container.mux(stream.encode(picture))
        if stream is None:
            raise DataError("An animation needs at least one frame.")
        container.mux(stream.encode())
    return number


def _picture(frame: Image, palette: Image | None) -> Any:
    import av

    if palette is None:
        return av.VideoFrame.from_ndarray(np.ascontiguousarray(frame), format="rgb24")
    from PIL import Image as Pictures

    colours = Pictures.new("P", (1, 1))
    colours.putpalette(palette.ravel().tolist())
    picture = Pictures.fromarray(frame)
    indices = np.array(picture.quantize(palette=colours, dither=Pictures.Dither.NONE))
    opaque = np.concatenate([np.full((256, 1), 255, np.uint8), palette], axis=1)
    # Takes a pair for this format, which its types leave out.
    both: Any = (indices, opaque)
    return av.VideoFrame.from_ndarray(both, format="pal8")


def _palette(scales: Sequence[ColourScale]) -> Image:
    """256 colours (256, 3): greys, signal colours, and of each scale as many as fit."""
    greys = np.linspace(0, 255, _GREYS).round().astype(np.uint8)
    fixed = np.repeat(greys[:, None], 3, axis=1).tolist()
    fixed += [[int(c[i : i + 2], 16) for i in (1, 3, 5)] for c in (NO_DATA, VERMILION)]
    cmaps = list(dict.fromkeys(scale.cmap for scale in scales))
    rest = 256 - len(fixed)
    found = [np.array(fixed, np.uint8)]
    for index, cmap in enumerate(cmaps):
        share = rest // len(cmaps) + (index < rest % len(cmaps))
        found.append(colour_map(cmap)(np.linspace(0, 1, share), bytes=True)[:, :3])
    palette = np.concatenate(found)
    padding = np.zeros((256 - len(palette), 3), np.uint8)
    return np.concatenate([palette, padding]).astype(np.uint8)


def _even(frame: Image) -> Image:
    """Padded in white to even sizes, as H.264 wants them."""
    height, width = frame.shape[:2]
    padding = ((0, height % 2), (0, width % 2), (0, 0))
    return np.pad(frame, padding, constant_values=255)
