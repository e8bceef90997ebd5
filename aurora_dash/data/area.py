"""Area weights of a latitude-longitude grid."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from aurora_dash.errors import DataError


def latitude_bounds(latitudes: ArrayLike) -> NDArray[np.float64]:
    """Edges (H + 1,) of the rows: midpoints between neighbours, clipped to the poles.

    The outermost edges lie half a spacing beyond the outermost rows, so a regional grid is not
    stretched to the poles.
    """
    centres = np.asarray(latitudes, dtype=np.float64)
    if centres.ndim != 1 or centres.size == 0:
        raise DataError(
            f"Area weights need a vector of latitudes, found the shape {centres.shape}."
        )
    if not np.isfinite(centres).all() or (np.abs(centres) > 90).any():
        raise DataError(
            "Latitudes must lie between -90 and 90 degrees, found "
            f"{np.nanmin(centres):g} to {np.nanmax(centres):g}."
        )
    if centres.size == 1:
        return np.array([centres[0] + 0.5, centres[0] - 0.5]).clip(-90, 90)
    steps = np.diff(centres)
    if not ((steps > 0).all() or (steps < 0).all()):
        raise DataError("Latitudes must strictly increase or strictly decrease.")
    inner = centres[:-1] + steps / 2
    first, last = centres[0] - steps[0] / 2, centres[-1] + steps[-1] / 2
    return np.concatenate(([first], inner, [last])).clip(-90, 90)


def area_weights(latitudes: ArrayLike) -> NDArray[np.float64]:
    """Weight (H,) of each row, proportional to its area on the sphere, with a mean of 1.

    The area between two latitudes is proportional to the difference of their sines, as
    forecasters define it (WeatherBench 2, Rasp et al. 2024).
    """
    bounds = np.sin(np.deg2rad(latitude_bounds(latitudes)))
    areas = np.abs(np.diff(bounds))
    return np.asarray(areas / areas.mean())
