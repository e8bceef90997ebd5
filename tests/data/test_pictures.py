from __future__ import annotations

import json

import numpy as np

from aurora_dash.data.pictures import Picture


def test_of_many_times_the_largest_of_each_few_is_kept() -> None:
    values = np.zeros(1000)
    values[437] = 3
    picture = Picture.bars(values, title="t", first="a", last="b")
    assert len(picture.values) == 96
    assert [i for i, v in enumerate(picture.values) if v] == [437 // 11]
    assert json.loads(json.dumps(picture.to_dict()))["kind"] == "bars"


def test_a_map_is_coarsened_to_means_of_what_is_known() -> None:
    field = np.arange(96.0 * 192).reshape(96, 192)
    field[:2, :4] = np.nan
    latitude, longitude = np.linspace(90, -90, 96), np.linspace(0, 358, 192)
    picture = Picture.map(field, latitude, longitude, title="t", at=(95, 0))
    assert picture.num_columns == 48
    assert len(picture.values) == 48 * 48
    assert picture.values[0] is None
    assert picture.values[1] == np.mean(field[:2, 4:8])
    assert picture.mark == (0.5 / 192, 95.5 / 96)
    assert (picture.first, picture.last) == ("0° E", "358° E")


def test_a_histogram_covers_the_values_and_what_is_expected() -> None:
    picture = Picture.histogram([0.0, 1.0], title="t", expected=(4.0, 5.0))
    assert (picture.first, picture.last) == ("0", "5")
    assert sum(v or 0 for v in picture.values) == 2
    assert picture.band == (0.8, 1.0)


def test_a_single_value_has_a_histogram() -> None:
    assert sum(v or 0 for v in Picture.histogram([7.0], title="t", expected=None).values) == 1
