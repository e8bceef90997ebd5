from __future__ import annotations

import os
import pickle
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from aurora_dash.data.check import check_for_training
from aurora_dash.data.findings import Finding
from aurora_dash.data.source import open_data
from aurora_dash.errors import DataError, PathError
from aurora_dash.spec import DataSpec, ModelSpec, Region, RunSpec
from aurora_dash.variants import get_variant
from tests.hub_server import Hub

SMALL, WAVE, AIR = (get_variant(name) for name in ("small", "0.25-wave", "0.4-air-pollution"))


def _globe(rows: int = 721, columns: int = 1440, offset: float = 0.0) -> np.ndarray:
    """Every point knows its place: 10 000 times the row, plus the column."""
    numbers = 10_000 * np.arange(rows)[:, None] + np.arange(columns) + offset
    return numbers.astype(np.float32)


def _expected(latitudes: np.ndarray, longitudes: np.ndarray, step: float) -> np.ndarray:
    """What `_globe` holds at these coordinates."""
    return (10_000 * (90 - latitudes)[:, None] / step + longitudes / step).astype(np.float32)


@pytest.fixture
def quarter_degree_file(small_file: Callable[..., Path]) -> Path:
    """8 x 8 points of 0.25 degrees with lsm and no other static variable."""
    return small_file(
        latitude=tuple(60 - 0.25 * np.arange(8)), longitude=tuple(5 + 0.25 * np.arange(8))
    )


def _data(path: Path, static_file: str | None, **more: object) -> DataSpec:
    return DataSpec(source="files", paths=(str(path),), static_file=static_file, **more)  # type: ignore[arg-type]


def _only(findings: tuple[Finding, ...], code: str) -> Finding:
    (finding,) = [finding for finding in findings if finding.code == code]
    return finding


def test_what_the_data_lacks_comes_from_the_hub_at_its_own_points(
    hub: Hub, quarter_degree_file: Path
) -> None:
    fields = {"lsm": _globe(offset=-1), "z": _globe(), "slt": _globe(), "other": _globe()}
    hub.add(SMALL, "aurora-0.25-static.pickle", pickle.dumps(fields))
    opened = open_data(_data(quarter_degree_file, "hub"), SMALL)
    dataset = opened.dataset
    expected = _expected(dataset.latitude.values, dataset.longitude.values, 0.25)
    np.testing.assert_array_equal(dataset.static_z.values, expected)
    np.testing.assert_array_equal(dataset.static_slt.values, expected)
    assert dataset.static_z.dtype == np.float32
    assert dataset.static_z.attrs["units"] == "m2 s-2"
    assert "static_other" not in dataset
    # The data's own land-sea mask stays.
    assert float(dataset.static_lsm.max()) < 10
    finding = _only(opened.findings, "static-file")
    assert finding.severity == "info"
    assert "z, slt came from the static file microsoft/aurora/aurora-0.25-static.pickle @ 0be7e57c"\
        in finding.message  # fmt: skip
    num_requests = len(hub.requests)
    open_data(_data(quarter_degree_file, "hub"), SMALL)
    assert len(hub.requests) == num_requests, "it is cached"


def test_a_copy_on_this_machine_does_as_well_and_a_region_is_cut_out(
    quarter_degree_file: Path, tmp_path: Path
) -> None:
    copy = tmp_path / "wave.pickle"
    names = ("z", "slt", "wmb", "lat_mask")
    # Without the south pole, as some files are.
    copy.write_bytes(pickle.dumps({name: _globe(rows=720) for name in names}))
    region = Region(north=59.5, south=58.5, west=5.5, east=6.25)
    opened = open_data(_data(quarter_degree_file, str(copy), region=region), WAVE)
    dataset = opened.dataset
    assert dataset.sizes["latitude"] == 4
    expected = _expected(dataset.latitude.values, dataset.longitude.values, 0.25)
    for name in names:
        np.testing.assert_array_equal(dataset[f"static_{name}"].values, expected)
    assert str(copy) in _only(opened.findings, "static-file").message


def test_the_file_of_another_resolution_fits_its_own_variant(
    small_file: Callable[..., Path], tmp_path: Path
) -> None:
    path = small_file(
        latitude=tuple(40 - 0.4 * np.arange(6)), longitude=tuple(350 + 0.4 * np.arange(6))
    )
    copy = tmp_path / "air.pickle"
    copy.write_bytes(pickle.dumps({"static_co": _globe(451, 900)}))
    opened = open_data(_data(path, str(copy)), AIR)
    dataset = opened.dataset
    expected = _expected(dataset.latitude.values, dataset.longitude.values, 0.4)
    np.testing.assert_allclose(dataset.static_static_co.values, expected, rtol=1e-6)
    lacking = _only(opened.findings, "static-file-lacks")
    assert lacking.severity == "warning"
    assert "static_nox" in lacking.message
    with pytest.raises(DataError, match=r"has 451 x 900; expected 721 x 1440 points") as caught:
        open_data(_data(path, str(copy)), SMALL)
    assert "Small pretrained" in caught.value.message


def test_a_grid_that_does_not_coincide_is_refused_naming_both(
    small_file: Callable[..., Path], tmp_path: Path
) -> None:
    path = small_file(
        latitude=tuple(60.1 - 0.25 * np.arange(8)), longitude=tuple(5 + 0.25 * np.arange(8))
    )
    copy = tmp_path / "static.pickle"
    copy.write_bytes(pickle.dumps({"z": _globe(), "slt": _globe()}))
    with pytest.raises(DataError, match="does not coincide") as caught:
        open_data(_data(path, str(copy)), SMALL)
    assert "721 x 1440 points, latitude 90 to -90, longitude 0 to 359.75" in caught.value.message
    assert "8 x 8 points, latitude 60.1 to 58.35" in caught.value.message


def test_nothing_in_the_file_is_executed(quarter_degree_file: Path, tmp_path: Path) -> None:
    witness, copy = tmp_path / "was-executed", tmp_path / "static.pickle"

    class Payload:
        def __reduce__(self):
            return os.system, (f"touch {witness}",)

    copy.write_bytes(pickle.dumps({"z": Payload()}))
    with pytest.raises(DataError, match="Refused to load"):
        open_data(_data(quarter_degree_file, str(copy)), SMALL)
    assert not witness.exists()


def test_a_hub_out_of_reach_is_said_with_the_way_out(
    quarter_degree_file: Path, hub: Hub, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    with pytest.raises(DataError, match="the hub can't be reached"):
        open_data(_data(quarter_degree_file, "hub"), SMALL)


def test_a_copy_outside_the_roots_is_not_read(quarter_degree_file: Path, tmp_path: Path) -> None:
    data = _data(quarter_degree_file, "/etc/hostname")
    with pytest.raises(PathError, match="outside"):
        open_data(data, SMALL, roots=(tmp_path,))


def test_the_check_names_the_option_while_it_can_help(quarter_degree_file: Path) -> None:
    spec = RunSpec(model=ModelSpec(variant="small"), data=_data(quarter_degree_file, None))
    finding = _only(check_for_training(open_data(spec.data, SMALL), spec), "missing-static")
    assert "z (" in finding.message
    assert "data.static_file to 'hub'" in finding.remedy
    assert "aurora-0.25-static.pickle" in finding.remedy
