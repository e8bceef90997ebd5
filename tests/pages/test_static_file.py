"""Data: where static variables come from that the files lack."""

from __future__ import annotations

import pickle
from pathlib import Path

import numpy as np
import pytest

from aurora_dash.data.source import open_data
from aurora_dash.presets import demo
from aurora_dash.runs.store import RunStore
from aurora_dash.spec import DataSpec
from aurora_dash.ui.drafts import DraftStore
from aurora_dash.variants import get_variant
from tests.hub_server import Hub
from tests.pages.helpers import TINY_DATA, OpenPage, texts


@pytest.fixture
def without_static(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A file on the model's own grid with all but the static variables."""
    monkeypatch.setenv("AURORA_DASH_ROOTS", str(tmp_path))
    dataset = open_data(TINY_DATA, get_variant("small")).dataset
    places = {"latitude": 60 - 0.25 * np.arange(16), "longitude": 5 + 0.25 * np.arange(16)}
    dataset = dataset.drop_vars([k for k in dataset if str(k).startswith("static_")])
    path = tmp_path / "weather.nc"
    dataset.assign_coords(places).to_netcdf(path)
    return path


@pytest.mark.slow
def test_the_published_file_or_a_copy_fills_what_is_missing(
    open_page: OpenPage, store: RunStore, without_static: Path, tmp_path: Path, hub: Hub
) -> None:
    fields = {name: np.ones((721, 1440), np.float32) for name in ("lsm", "z", "slt")}
    hub.add(get_variant("small"), "aurora-0.25-static.pickle", pickle.dumps(fields))
    drafts = DraftStore(store.root)
    data = DataSpec(source="files", paths=(str(without_static),))
    draft = drafts.create(demo().replace(data=data))

    app = open_page("data", draft=draft.id)
    assert not app.exception
    told = texts(app).replace("\\", "")
    assert "The data lacks 3 static variables" in told + "".join(e.value for e in app.error)

    app = app.selectbox(key="field:data.static_file.place").select("hub").run()
    assert drafts.get(draft.id).spec.data.static_file == "hub"
    assert "A run can be launched on this data." in [s.value for s in app.success]
    assert "came from the static file" in texts(app).replace("\\", "") + str(app.info)

    copy = tmp_path / "static.pickle"
    copy.write_bytes(pickle.dumps(fields))
    app = app.selectbox(key="field:data.static_file.place").select("copy").run()
    app = app.text_input(key="field:data.static_file").input(str(copy)).run()
    assert drafts.get(draft.id).spec.data.static_file == str(copy)
    assert "A run can be launched on this data." in [s.value for s in app.success]
