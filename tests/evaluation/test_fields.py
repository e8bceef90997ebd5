from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from aurora_dash.errors import EvaluationError
from aurora_dash.evaluation.fields import FieldAxes, FieldKeeper, fitting_samples, open_fields

AXES = FieldAxes(
    sources=("model", "persistence"),
    leads=(6, 12),
    levels=(850.0, 500.0),
    latitudes=np.array([70.0, 60.0, 50.0]),
    longitudes=np.array([0.0, 10.0, 20.0, 30.0]),
)
KEYS = ("surf_2t", "atmos_t")
START = np.datetime64("2025-06-01T06", "ns")


def _fields(value: float) -> dict[str, np.ndarray]:
    return {
        "surf_2t": np.full((3, 4), value),
        "atmos_t": np.full((2, 3, 4), value + 1),
        "surf_msl": np.zeros((3, 4)),
    }


def test_what_is_kept_comes_back_under_its_name_source_sample_and_lead(tmp_path: Path) -> None:
    keeper = FieldKeeper(AXES, KEYS, num_samples=2)
    keeper.put(0, 6, "target", _fields(1.0), time=START)
    keeper.put(0, 12, "model", _fields(2.0), time=START)
    keeper.put(1, 6, "persistence", _fields(3.0), time=START + np.timedelta64(6, "h"))
    path = tmp_path / "fields.nc"
    keeper.write(path, {"": {"synthetic": 1}, "surf_2t": {"units": "K"}})
    with open_fields(path) as fields:
        assert set(fields.data_vars) == set(KEYS)
        assert fields.surf_2t.dims == ("source", "sample", "lead", "latitude", "longitude")
        assert fields.source.values.tolist() == ["target", "model", "persistence"]
        t = fields.atmos_t
        assert (t.sel(source="model", sample=0, lead=12, level=500) == 3).all()
        assert (t.sel(source="persistence", sample=1, lead=6, level=850) == 4).all()
        assert t.sel(source="persistence", sample=0).isnull().all()
        assert fields.surf_2t.attrs["units"] == "K"
        assert fields.attrs["synthetic"] == 1
        assert fields.valid_time.sel(sample=1, lead=12).values == np.datetime64("2025-06-02T00")
    assert [p.name for p in tmp_path.iterdir()] == ["fields.nc"]


def test_samples_beyond_the_first_are_not_kept() -> None:
    keeper = FieldKeeper(AXES, KEYS, num_samples=1)
    keeper.put(1, 6, "target", _fields(1.0), time=START)
    assert keeper.dataset({}).surf_2t.isnull().all()


def test_size_counts_every_source_lead_and_level() -> None:
    # (1 surface + 2 levels) of 12 points, 2 sources and the target, 2 leads, 4 bytes.
    assert AXES.bytes_per_sample(KEYS) == 3 * 12 * 3 * 2 * 4
    keeper = FieldKeeper(AXES, KEYS, num_samples=5)
    assert sum(v.nbytes for v in keeper.dataset({}).data_vars.values()) == 5 * 864


@pytest.mark.parametrize(
    ("most_samples", "most_bytes", "kept"), [(4, 10**9, 4), (4, 2 * 864, 2), (4, 863, 0), (0, 1, 0)]
)
def test_as_many_samples_as_fit_are_kept(most_samples: int, most_bytes: int, kept: int) -> None:
    assert fitting_samples(AXES, KEYS, most_samples=most_samples, most_bytes=most_bytes) == kept


def test_a_failed_write_leaves_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "fields.nc"
    path.write_bytes(b"old")
    keeper = FieldKeeper(AXES, KEYS, num_samples=1)
    with pytest.raises(TypeError):
        keeper.write(path, {"": {"not possible in NetCDF": object()}})
    assert path.read_bytes() == b"old"
    assert [p.name for p in tmp_path.iterdir()] == ["fields.nc"]


def test_a_damaged_file_is_an_error_that_names_it(tmp_path: Path) -> None:
    path = tmp_path / "fields.nc"
    path.write_bytes(b"not NetCDF")
    with pytest.raises(EvaluationError, match=r"fields\.nc"):
        open_fields(path)
