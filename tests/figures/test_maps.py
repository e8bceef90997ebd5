from __future__ import annotations

import base64
import json
from dataclasses import replace
from typing import Any

import numpy as np
import plotly.graph_objects as go
import pytest

from aurora_dash.errors import DataError
from aurora_dash.figures.maps import MAX_CELLS, comparison_maps, field_map
from aurora_dash.figures.scene import Scene
from aurora_dash.figures.theme import NO_DATA
from aurora_dash.variables import Group, describe


def heatmaps(figure: go.Figure) -> list[go.Heatmap]:
    return [drawn for drawn in figure.data if drawn.type == "heatmap"]


def words(figure: go.Figure) -> str:
    layout = figure.layout
    return " | ".join([layout.title.text, *(note.text for note in layout.annotations)])


def test_prediction_and_target_share_their_colours_and_the_error_is_about_zero(
    norway: Any,
) -> None:
    figure = comparison_maps(norway.prediction, norway.target, norway.scene)
    prediction, target, error = heatmaps(figure)
    assert prediction.coloraxis == target.coloraxis == "coloraxis"
    assert error.coloraxis == "coloraxis2"
    both = np.stack([norway.prediction, norway.target])
    assert figure.layout.coloraxis.cmin == pytest.approx(both.min())
    assert figure.layout.coloraxis.cmax == pytest.approx(both.max())
    most = np.abs(norway.prediction - norway.target).max()
    assert figure.layout.coloraxis2.cmax == pytest.approx(most)
    assert figure.layout.coloraxis2.cmin == pytest.approx(-most)
    np.testing.assert_allclose(error.z, norway.prediction - norway.target, atol=1e-4)


def test_persistence_is_judged_on_the_same_scale_as_the_model(norway: Any) -> None:
    figure = comparison_maps(
        norway.prediction, norway.target, norway.scene, persistence=norway.persistence
    )
    error, of_persistence = heatmaps(figure)[2:]
    assert error.coloraxis == of_persistence.coloraxis == "coloraxis2"
    # The prediction is halfway between persistence and target.
    np.testing.assert_allclose(of_persistence.z, 2 * np.asarray(error.z), atol=1e-3)
    assert figure.layout.coloraxis2.cmax == pytest.approx(np.abs(of_persistence.z).max())


def test_every_cell_keeps_its_value_and_its_place(globe: Any) -> None:
    shown = heatmaps(field_map(globe.target, globe.scene))[0]
    longitudes = np.asarray(globe.scene.longitudes)
    for x in (-180.0, -5.0, 0.0, 175.0):
        column = list(shown.x).index(x)
        source = list(longitudes).index(x % 360)
        np.testing.assert_array_equal(np.asarray(shown.z)[:, column], globe.target[:, source])
    np.testing.assert_array_equal(shown.y, globe.scene.latitudes)


def test_panels_zoom_together_and_a_degree_keeps_its_shape(norway: Any) -> None:
    layout = comparison_maps(norway.prediction, norway.target, norway.scene).layout
    assert layout.yaxis.scaleanchor == "x"
    assert layout.yaxis.scaleratio == pytest.approx(1 / np.cos(np.deg2rad(62.5)))
    for axis in (layout.xaxis2, layout.xaxis3):
        assert axis.matches == "x"
    for axis in (layout.yaxis2, layout.yaxis3):
        assert axis.matches == "y"
        assert axis.scaleanchor is None
    assert tuple(layout.xaxis.range) == (4.875, 20.125)


def test_coasts_are_drawn_in_every_panel_and_do_not_catch_the_pointer(norway: Any) -> None:
    figure = comparison_maps(norway.prediction, norway.target, norway.scene)
    lines = [drawn for drawn in figure.data if drawn.type == "scatter"]
    assert {line.xaxis for line in lines} == {"x", "x2", "x3"}
    assert all(line.hoverinfo == "skip" for line in lines)
    assert max(line.x.size for line in lines) > 500


def test_the_pointer_reads_physical_units(norway: Any) -> None:
    template = heatmaps(field_map(norway.target, norway.scene))[0].hovertemplate
    assert "%{z:.6~g} K" in template
    height = replace(norway.scene, variable=describe("z", Group.ATMOSPHERIC), level=850)
    figure = field_map(norway.target, height)
    assert "m² s⁻²" in heatmaps(figure)[0].hovertemplate
    assert "Geopotential at 850 hPa [m² s⁻²]" in words(figure)


def test_title_time_and_attribution_are_on_the_figure(norway: Any) -> None:
    said = words(comparison_maps(norway.prediction, norway.target, norway.scene))
    assert "2 m temperature [K]" in said
    assert "valid 2025-06-02 06:00 UTC, +6 h" in said
    assert "Copernicus" in said
    assert "SYNTHETIC" not in said
    assert "Grey" not in said


def test_what_is_no_forecast_is_labelled(globe: Any) -> None:
    for figure in (
        field_map(globe.target, globe.scene),
        comparison_maps(globe.prediction, globe.target, globe.scene),
    ):
        assert "SYNTHETIC DATA · RANDOM WEIGHTS" in words(figure)


def test_missing_values_are_grey_and_said_to_be(globe: Any) -> None:
    figure = comparison_maps(globe.prediction, globe.target, globe.scene)
    assert "Grey: no value." in words(figure)
    assert figure.layout.plot_bgcolor == NO_DATA
    for shown in heatmaps(figure):
        assert np.isnan(shown.z).sum() == 20
        assert shown.hoverongaps is False
    assert np.isfinite([figure.layout.coloraxis.cmin, figure.layout.coloraxis2.cmax]).all()


def test_a_globe_stands_in_pairs_and_a_tall_region_in_a_row(norway: Any, globe: Any) -> None:
    row = comparison_maps(norway.prediction, norway.target, norway.scene).layout
    assert row.yaxis.domain == row.yaxis2.domain == row.yaxis3.domain
    pair = comparison_maps(globe.prediction, globe.target, globe.scene).layout
    assert pair.yaxis.domain == pair.yaxis2.domain
    assert pair.yaxis3.domain[1] < pair.yaxis.domain[0]
    one = comparison_maps(globe.prediction, globe.target, globe.scene, columns=1).layout
    assert one.yaxis2.domain[1] < one.yaxis.domain[0]
    assert one.height > pair.height


def test_a_large_grid_is_thinned_by_rows_and_columns_and_says_so() -> None:
    values = np.arange(721 * 1440, dtype=np.float32).reshape(721, 1440)
    scene = Scene(
        variable=describe("msl", Group.SURFACE),
        latitudes=np.linspace(90, -90, 721),
        longitudes=np.arange(1440) * 0.25,
    )
    figure = field_map(values, scene)
    shown = heatmaps(figure)[0]
    assert np.asarray(shown.z).size <= MAX_CELLS
    assert "One of every 2 rows and columns" in words(figure)
    # A value that is shown is one of the grid's, in its place.
    row, column = 100, 37
    source = round((shown.x[column] % 360) / 0.25)
    assert shown.z[row][column] == values[2 * row, source]


def test_fields_travel_as_float32() -> None:
    scene = Scene(variable=describe("2t", Group.SURFACE), latitudes=[1, 0], longitudes=[0, 1, 2])
    values = np.arange(6, dtype=np.float64).reshape(2, 3)
    shown = json.loads(field_map(values, scene).to_json())["data"][0]["z"]
    assert (shown["dtype"], shown["shape"]) == ("f4", "2, 3")
    sent = np.frombuffer(base64.b64decode(shown["bdata"]), np.float32)
    np.testing.assert_array_equal(sent, values.ravel())


def test_zoom_is_kept_for_the_same_place_only(norway: Any, globe: Any) -> None:
    here = field_map(norway.target, norway.scene).layout.uirevision
    other_field = comparison_maps(norway.prediction, norway.target, norway.scene).layout.uirevision
    elsewhere = field_map(globe.target, globe.scene).layout.uirevision
    assert here == other_field != elsewhere


def test_fields_of_another_grid_are_refused(norway: Any) -> None:
    with pytest.raises(DataError, match="The prediction has shape"):
        comparison_maps(norway.prediction[:60], norway.target, norway.scene)
    with pytest.raises(DataError, match="The persistence forecast has shape"):
        comparison_maps(
            norway.prediction, norway.target, norway.scene, persistence=norway.target[1:]
        )


def test_dark_maps_have_light_words(norway: Any) -> None:
    dark = field_map(norway.target, norway.scene, mode="dark").layout.template.layout
    assert dark.paper_bgcolor == "#0E1117"
    assert dark.font.color == "#FAFAFA"
