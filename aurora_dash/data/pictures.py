"""What the small picture of a finding shows, as a few numbers; drawing it is for `figures`."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Literal, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

_MOST_BARS = 96
_MOST_CELLS = 48
_NUM_BINS = 40


@dataclass(frozen=True, kw_only=True)
class Picture:
    """A few numbers with a title; `kind` says how they are to be drawn."""

    kind: Literal["bars", "map", "histogram"]
    """``bars``: `values` along an axis from `first` to `last`. ``map``: rows of cells of a field,
    from north to south. ``histogram``: counts of bins from `first` to `last`."""
    title: str
    values: tuple[float | None, ...]
    """Bars or counts; of a map row after row, None where nothing is known."""
    num_columns: int = 0
    """Of a map."""
    first: str = ""
    last: str = ""
    """Ends of the horizontal axis, as they are to be written."""
    top: str = ""
    bottom: str = ""
    """Ends of the vertical axis of a map."""
    mark: tuple[float, float] | None = None
    """Column and row of a place on a map, as parts of its width and height."""
    band: tuple[float, float] | None = None
    """What is expected, as parts of the width of a histogram; may lie outside 0 to 1."""
    note: str = ""
    """What a mark or band stands for."""

    def to_dict(self) -> dict[str, Any]:
        """Plain data for JSON."""
        return asdict(self)

    @classmethod
    def bars(cls, values: ArrayLike, *, title: str, first: str, last: str) -> Self:
        """Values along an axis; of very many the largest of each few."""
        numbers = np.asarray(values, dtype=np.float64)
        parts = np.array_split(numbers, min(numbers.size, _MOST_BARS))
        heights = tuple(float(part.max()) for part in parts)
        return cls(kind="bars", title=title, values=heights, first=first, last=last)

    @classmethod
    def map(
        cls,
        field: NDArray[Any],
        latitude: NDArray[Any],
        longitude: NDArray[Any],
        *,
        title: str,
        at: tuple[int, int] | None = None,
        note: str = "",
    ) -> Self:
        """A field (latitude, longitude), coarsened; `at` (row, column) is marked."""
        height, width = field.shape
        rows, columns = min(height, _MOST_CELLS), min(width, _MOST_CELLS)
        cells = _coarse(field, rows, columns)
        mark = None if at is None else ((at[1] + 0.5) / width, (at[0] + 0.5) / height)
        return cls(
            kind="map",
            title=title,
            values=tuple(float(cell) if np.isfinite(cell) else None for cell in cells.ravel()),
            num_columns=columns,
            first=f"{longitude[0]:g}° E",
            last=f"{longitude[-1]:g}° E",
            top=f"{latitude[0]:g}° N",
            bottom=f"{latitude[-1]:g}° N",
            mark=mark,
            note=note,
        )

    @classmethod
    def histogram(
        cls, sample: ArrayLike, *, title: str, expected: tuple[float, float] | None, note: str = ""
    ) -> Self:
        """How values are distributed, and the range in which they are `expected`."""
        values = np.asarray(sample, dtype=np.float64)
        ends = [values.min(), values.max(), *(expected or ())]
        low, high = float(min(ends)), float(max(ends))
        width = (high - low) or 1.0
        counts, _ = np.histogram(values, bins=_NUM_BINS, range=(low, low + width))
        band = None
        if expected is not None:
            band = ((expected[0] - low) / width, (expected[1] - low) / width)
        return cls(
            kind="histogram",
            title=title,
            values=tuple(float(count) for count in counts),
            first=f"{low:.4g}",
            last=f"{low + width:.4g}",
            band=band,
            note=note,
        )


def _coarse(field: NDArray[Any], rows: int, columns: int) -> NDArray[np.float64]:
    """Cell means; NaN where there is nothing."""
    numbers = np.asarray(field, dtype=np.float64)
    known = np.isfinite(numbers)
    sums, counts = np.where(known, numbers, 0.0), known.astype(np.float64)
    for axis, num in ((0, rows), (1, columns)):
        starts = np.linspace(0, numbers.shape[axis], num, endpoint=False).astype(np.intp)
        sums = np.add.reduceat(sums, starts, axis=axis)
        counts = np.add.reduceat(counts, starts, axis=axis)
    means: NDArray[np.float64] = np.full(sums.shape, np.nan)
    np.divide(sums, counts, out=means, where=counts > 0)
    return means
