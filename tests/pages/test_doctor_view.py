"""The Data page's check: findings with fixes that one click applies, and another undoes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import xarray as xr

from aurora_dash.presets import get_preset
from aurora_dash.runs.store import RunStore
from aurora_dash.spec import DataSpec
from aurora_dash.ui.drafts import DraftStore
from tests.pages.helpers import OpenPage, button, labels, texts

READY = "A run can be launched on this data."


@pytest.fixture
def drafts(store: RunStore) -> DraftStore:
    return DraftStore(store.root)


@pytest.fixture
def holed(drafts: DraftStore, norway_files: tuple[Path, Path], tmp_path: Path) -> str:
    """A draft on the Norway files with a hole in the temperature of one time."""
    with xr.open_dataset(norway_files[1], engine="h5netcdf") as dataset:
        changed = dataset.load().copy(deep=True)
    changed["t2m"][4, 10:14, 20] = np.nan
    for variable in changed.variables.values():
        variable.encoding = {}
    changed.to_netcdf(tmp_path / "holed.nc", engine="netcdf4")
    paths = (str(norway_files[0]), str(tmp_path / "holed.nc"))
    return drafts.create(get_preset("demo").replace(data=DataSpec(source="files", paths=paths))).id


def test_a_fix_is_applied_recorded_counted_and_undone_by_a_click_each(
    open_page: OpenPage, drafts: DraftStore, holed: str
) -> None:
    app = open_page("data", draft=holed)
    assert not app.success
    assert "surf\\_2t has 4 missing values" in texts(app)
    assert {"Infill in time", "Infill in space", "Drop that time"} <= set(labels(app))

    app = button(app, "Infill in time").click().run()
    assert READY in [s.value for s in app.success]
    (remedy,) = drafts.get(holed).spec.data.remedies
    assert (remedy.kind, remedy.variable) == ("infill_time", "surf_2t")
    assert "Applied remedies (1)" in texts(app)
    assert "4 missing values in 1 time were filled in" in texts(app)

    app = button(app, "Undo").click().run()
    assert drafts.get(holed).spec.data.remedies == ()
    assert READY not in [s.value for s in app.success]
    assert "Applied remedies" not in texts(app)


def test_a_region_across_greenwich_is_cut_by_a_click(
    open_page: OpenPage, drafts: DraftStore, iberia_tp_file: Path
) -> None:
    data = DataSpec(source="files", paths=(str(iberia_tp_file),))
    draft = drafts.create(get_preset("demo").replace(data=data)).id
    app = open_page("data", draft=draft)
    button(app, "Take the west of Greenwich").click().run()
    region = drafts.get(draft).spec.data.region
    assert region is not None
    assert (region.west, region.east) == (-20, -0.25)


def test_healthy_data_has_no_fix_to_offer(
    open_page: OpenPage, drafts: DraftStore, norway_files: tuple[Path, Path]
) -> None:
    data = DataSpec(source="files", paths=tuple(map(str, norway_files)))
    app = open_page("data", draft=drafts.create(get_preset("demo").replace(data=data)).id)
    assert READY in [s.value for s in app.success]
    assert not [b.key for b in app.button if str(b.key).startswith(("fix-", "undo-"))]
    assert "Worth a look" not in texts(app)
