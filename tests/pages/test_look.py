"""Data: the view that shows maps, series, distribution and coverage."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import xarray as xr
from streamlit.testing.v1 import AppTest

from aurora_dash.presets import demo
from aurora_dash.runs.store import RunStore
from aurora_dash.spec import DataSpec, DemoSpec, MixPart, VariableSpec
from aurora_dash.ui.drafts import DraftStore
from tests.pages.helpers import TINY_DATA, OpenPage, texts


@pytest.fixture
def drafts(store: RunStore) -> DraftStore:
    return DraftStore(store.root)


@pytest.fixture
def app(open_page: OpenPage, drafts: DraftStore) -> AppTest:
    spec = demo().replace(data=TINY_DATA, variables=(VariableSpec(name="tcwv", mean=20, std=8),))
    return open_page("data", draft=drafts.create(spec).id, view="Look")


def test_every_variable_can_be_looked_at(app: AppTest) -> None:
    assert not app.exception
    for key in app.selectbox(key="look-variable").options:
        app = app.selectbox(key="look-variable").set_value(key).run()
        assert not app.exception, key
        assert "Of this one field" in texts(app)


def test_a_surface_variable_is_compared_with_auroras_own_statistics(app: AppTest) -> None:
    app = app.selectbox(key="look-variable").set_value("surf_2t").run()
    assert "normalised with Aurora's own: mean 278" in texts(app)
    assert "A time every 6 h is expected" in texts(app)
    assert "all are there" in texts(app)


def test_a_registered_variable_is_compared_with_its_own(app: AppTest) -> None:
    app = app.selectbox(key="look-variable").set_value("surf_tcwv").run()
    assert "those that were registered: mean 20, standard deviation 8" in texts(app)


def test_level_time_and_place_can_be_chosen(app: AppTest) -> None:
    app = app.selectbox(key="look-variable").set_value("atmos_z").run()
    app = app.selectbox(key="look-level").set_value(500.0).run()
    app = app.select_slider(key="look-time").set_value(5).run()
    app = app.number_input(key="look-longitude").set_value(-10.0).run()
    assert not app.exception


def test_data_that_can_not_be_opened_has_nothing_to_look_at(
    open_page: OpenPage, drafts: DraftStore, tmp_path: Path
) -> None:
    spec = demo().replace(data=DataSpec(source="files", paths=(str(tmp_path / "none.nc"),)))
    app = open_page("data", draft=drafts.create(spec).id, view="Look")
    assert not app.exception
    assert "Nothing to look at yet" in "\n".join([texts(app), *(m.value for m in app.markdown)])


def test_an_address_that_names_no_view_shows_the_first(
    open_page: OpenPage, drafts: DraftStore
) -> None:
    app = open_page("data", draft=drafts.create(demo().replace(data=TINY_DATA)).id, view="Nowhere")
    assert not app.exception
    assert not app.error


def _view(open_page: OpenPage, drafts: DraftStore, data: DataSpec) -> AppTest:
    return open_page("data", draft=drafts.create(demo().replace(data=data)).id, view="Look")


def _missing(app: AppTest) -> str:
    return next(str(metric.value) for metric in app.metric if metric.label == "Missing")


def _changed(source: Path, target: Path, change: Callable[[xr.Dataset], xr.Dataset]) -> str:
    with xr.open_dataset(source) as dataset:
        change(dataset.load()).to_netcdf(target)
    return str(target)


def test_missing_values_of_a_real_file_are_counted_and_drawn(
    open_page: OpenPage, drafts: DraftStore, norway_files: tuple[Path, Path], tmp_path: Path
) -> None:
    def holed(dataset: xr.Dataset) -> xr.Dataset:
        dataset["t2m"][0, :10, :10] = np.nan
        dataset["msl"][:] = np.nan
        return dataset

    path = _changed(norway_files[1], tmp_path / "holed.nc", holed)
    data = DataSpec(source="files", paths=(path, str(norway_files[0])))
    app = _view(open_page, drafts, data)
    for key, missing in (("surf_2t", "100 of 3,600"), ("surf_msl", "3,600 of 3,600")):
        app = app.selectbox(key="look-variable").set_value(key).run()
        assert not app.exception
        assert _missing(app) == missing


def test_a_single_time_is_shown_without_a_slider(
    open_page: OpenPage, drafts: DraftStore, norway_files: tuple[Path, Path], tmp_path: Path
) -> None:
    path = _changed(norway_files[0], tmp_path / "one.nc", lambda d: d.isel(valid_time=[3]))
    app = _view(open_page, drafts, DataSpec(source="files", paths=(path,)))
    assert not app.exception
    assert "Of this one field" in texts(app)
    assert not [slider for slider in app.select_slider if slider.key == "look-time"]


def test_static_fields_alone_can_be_looked_at(
    open_page: OpenPage, drafts: DraftStore, norway_files: tuple[Path, Path], tmp_path: Path
) -> None:
    def only_static(dataset: xr.Dataset) -> xr.Dataset:
        return dataset[["lsm"]].isel(valid_time=0, drop=True)

    path = _changed(norway_files[1], tmp_path / "static.nc", only_static)
    app = _view(open_page, drafts, DataSpec(source="files", paths=(path,)))
    assert not app.exception
    assert _missing(app) == "0 of 3,600"


def test_each_part_of_a_mix_can_be_looked_at(open_page: OpenPage, drafts: DraftStore) -> None:
    long = MixPart(name="long", demo=DemoSpec(height=16, width=16, levels=(850, 500), num_times=16))
    short = MixPart(name="short", demo=DemoSpec(height=16, width=32, levels=(850,), num_times=9))
    app = _view(open_page, drafts, TINY_DATA.replace(mix=(long, short)))
    assert not app.exception
    assert len(app.select_slider(key="look-time").options) == 16
    app = app.selectbox(key="look-variable").set_value("atmos_z").run()
    app = app.selectbox(key="look-level").set_value(500.0).run()
    app = app.select_slider(key="look-time").set_value(15).run()
    app = app.selectbox(key="look-part").set_value("short").run()
    assert not app.exception
    assert len(app.select_slider(key="look-time").options) == 9
    assert _missing(app) == "0 of 512"
