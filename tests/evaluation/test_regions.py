from __future__ import annotations

import numpy as np
import pytest

from aurora_dash.data.area import area_weights
from aurora_dash.errors import EvaluationError
from aurora_dash.evaluation.regions import REGIONS, region_mask

LATITUDES = np.arange(90, -90.1, -0.25)
LONGITUDES = np.arange(0, 360, 0.25)


def _share(name: str) -> float:
    """Share of the sphere that a region's points cover."""
    weights = np.broadcast_to(area_weights(LATITUDES)[:, None], (721, 1440))
    return float(weights[region_mask(name, LATITUDES, LONGITUDES)].sum() / weights.sum())


def test_global_is_all_of_any_grid() -> None:
    assert region_mask("global", [70, 60], [5, 6, 7]).tolist() == [[True] * 3] * 2


@pytest.mark.parametrize(
    ("name", "share"),
    [
        # Between latitudes a and b: (sin a - sin b) / 2, times the share of the longitudes.
        ("tropics", np.sin(np.deg2rad(20))),
        ("extratropics-north", (1 - np.sin(np.deg2rad(20))) / 2),
        ("extratropics-south", (1 - np.sin(np.deg2rad(20))) / 2),
        ("europe", (np.sin(np.deg2rad(75)) - np.sin(np.deg2rad(35))) / 2 * 55 / 360),
    ],
)
def test_shares_of_the_sphere(name: str, share: float) -> None:
    # Edge rows and columns count whole, so a share is off by at most about half a row each.
    assert _share(name) == pytest.approx(share, rel=0.02)


def test_a_region_across_greenwich_has_both_sides() -> None:
    mask = region_mask("europe", [50.0], [0.0, 42.5, 43.0, 180.0, 347.0, 347.5, 359.75])
    assert mask[0].tolist() == [True, True, False, False, False, True, True]


def test_edges_belong_to_the_tropics() -> None:
    mask = region_mask("tropics", [20.25, 20, 0, -20, -20.25], [0.0])
    assert mask[:, 0].tolist() == [False, True, True, True, False]


def test_tropics_and_extratropics_cover_the_globe() -> None:
    masks = [
        region_mask(n, LATITUDES, LONGITUDES) for n in REGIONS if n not in ("global", "europe")
    ]
    assert np.logical_or.reduce(masks).all()


def test_a_region_outside_the_grid_is_an_error_that_names_both() -> None:
    with pytest.raises(EvaluationError, match=r"'tropics' has no point .* 55 to 70"):
        region_mask("tropics", [70, 55], [5, 20])


def test_an_unknown_region_is_an_error_that_names_the_known() -> None:
    with pytest.raises(EvaluationError, match=r"'atlantis'.*Known: global, tropics"):
        region_mask("atlantis", [70, 55], [5, 20])
