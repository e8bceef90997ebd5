from __future__ import annotations

import numpy as np
import pytest

from aurora_dash.figures.scorecard import (
    BY_CHANCE,
    Cells,
    lead_name,
    level_scores_figure,
    scorecard_figure,
)


def cells(percent: list[list[float]], **more: object) -> Cells:
    values = np.array(percent, float)
    rows, leads = values.shape
    fields = {
        "rows": [f"t {level}" for level in range(rows)],
        "lead_hours": [6 * (step + 1) for step in range(leads)],
        "percent": values,
        "values": np.full_like(values, 1.5),
        "reference_values": np.full_like(values, 2.0),
        "units": ["K"] * rows,
        **more,
    }
    return Cells(**fields)  # type: ignore[arg-type]


def test_one_cell_of_one_variable_is_a_card() -> None:
    figure = scorecard_figure(cells([[-25.0]]), source="Fine-tuned", reference="Persistence")
    [heat] = figure.data
    assert (list(heat.x), list(heat.y), heat.z.tolist()) == (["+6 h"], ["t 0"], [[-25.0]])
    assert [list(row) for row in heat.text] == [["−25"]]
    assert heat.customdata[0][0] == "Fine-tuned 1.5 K<br>Persistence 2 K"


def test_colours_are_symmetric_round_no_change_and_spare_outliers() -> None:
    percent = np.linspace(-20, 20, 99).tolist()
    [heat] = scorecard_figure(cells([[*percent, 5000.0]]), source="a", reference="b").data
    assert heat.zmin == -heat.zmax
    assert heat.zmax == pytest.approx(np.percentile(np.abs([*percent, 5000.0]), 95))
    # Blue, at the lower end, is better; blue and red are told apart by colour-blind people too.
    lowest, highest = heat.colorscale[0][1], heat.colorscale[-1][1]
    assert (lowest, highest) == ("#4393c3", "#d6604d")
    assert scorecard_figure(cells([[0.1]]), source="a", reference="b").data[0].zmax == 5


def test_numbers_can_be_read_on_every_colour() -> None:
    [heat] = scorecard_figure(cells([[1.0, -1.0]]), source="a", reference="b").data
    ink = _luminance(heat.textfont.color)
    for _, colour in heat.colorscale:
        # WCAG 2's contrast of text.
        assert (_luminance(colour) + 0.05) / (ink + 0.05) >= 4.5


def _luminance(colour: str) -> float:
    channels = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return sum(w * c for w, c in zip((0.2126, 0.7152, 0.0722), linear, strict=True))


def test_numbers_say_what_is_chance_missing_and_beyond_all_bounds() -> None:
    percent = [[-3.14, 12.6, np.nan, 4321.0]]
    significant = np.array([[True, False, False, True]])
    [heat] = scorecard_figure(
        cells(percent, significant=significant), source="a", reference="b"
    ).data
    assert list(heat.text[0]) == ["−3.1", f"+13 {BY_CHANCE}", "", "> +999"]
    assert "may be chance" in heat.customdata[0][1]
    assert "more than chance" in heat.customdata[0][0]


def test_a_large_card_keeps_its_numbers_readable() -> None:
    rng = np.random.default_rng(0)
    large = scorecard_figure(cells(rng.normal(0, 5, (70, 10))), source="a", reference="b")
    assert 70 * 20 < large.layout.height < 70 * 30
    assert large.layout.yaxis.autorange == "reversed"
    long = scorecard_figure(cells(rng.normal(0, 5, (2, 40))), source="a", reference="b")
    assert long.data[0].text is None
    assert all("." not in number for number in scorecard_figure(
        cells(rng.normal(0, 5, (1, 14))), source="a", reference="b"
    ).data[0].text[0])  # fmt: skip


def test_scores_by_level_are_numbers_in_their_unit() -> None:
    values = np.array([[100.0, 200.0], [300.0, np.nan]])
    figure = level_scores_figure(["z 500", "z 850"], [6, 12], values, name="RMSE", unit="m2 s-2")
    [heat] = figure.data
    assert [list(row) for row in heat.text] == [["100", "200"], ["300", ""]]
    assert heat.colorbar.title.text == "RMSE [m² s⁻²]"


def test_long_lead_times_are_told_in_days() -> None:
    assert [lead_name(hours) for hours in (1, 6, 48, 72, 78, 240)] == [
        "+1 h", "+6 h", "+48 h", "+3 d", "+78 h", "+10 d",
    ]  # fmt: skip
