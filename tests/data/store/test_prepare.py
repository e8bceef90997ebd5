"""A store holds what the files held, and is brought up to date without doing more than it must."""

from __future__ import annotations

import json
import os
from pathlib import Path

import numpy as np
import pytest
import xarray as xr

from aurora_dash.data.store.layout import Layout, chunk_path
from aurora_dash.data.store.manifest import read_manifest
from aurora_dash.data.store.store import open_store
from aurora_dash.errors import DataError
from aurora_dash.spec import DataSpec, RunSpec, VariableSpec


def _touched(folder: Path, before: dict[str, int]) -> set[int]:
    """Slots of which any field was written since `before`."""
    return {
        int(path.name.split(".")[1])
        for path in folder.glob("*/c.*.0.0*")
        if path.parent.name.startswith(("surf_", "atmos_"))
        and before.get(str(path)) != path.stat().st_mtime_ns
    }


def _stamps(folder: Path) -> dict[str, int]:
    return {str(path): path.stat().st_mtime_ns for path in folder.rglob("c.*")}


@pytest.mark.parametrize("codec", ["lz4", "none"])
def test_a_store_gives_back_every_value_exactly(
    month_files, spec_of, prepared, opened_dataset, codec
) -> None:
    spec = spec_of(month_files())
    result = prepared(spec, codec=codec)
    assert (result.num_written, result.num_kept, result.whole) == (12, 0, True)
    original = opened_dataset(spec)
    stored = opened_dataset(spec_of([result.folder]))
    # What the model does not take is not stored.
    assert set(original.data_vars) - set(stored.data_vars) == {"surf_tcwv", "atmos_w"}
    for key in stored.data_vars:
        np.testing.assert_array_equal(stored[key].values, original[key].values)
        assert stored[key].dims == original[key].dims
        assert stored[key].attrs["units"] == original[key].attrs["units"]
    for name in ("time", "level", "latitude", "longitude"):
        np.testing.assert_array_equal(stored[name].values, original[name].values)


@pytest.mark.parametrize("codec", ["lz4", "none"])
def test_any_zarr_library_reads_it_checksums_included(
    spec_of, prepared, opened_dataset, codec
) -> None:
    folder = prepared(spec_of(), codec=codec).folder
    plain = xr.open_zarr(folder)
    original = opened_dataset(spec_of())
    for key in plain.data_vars:
        np.testing.assert_array_equal(plain[key].values, original[key].values)
    np.testing.assert_array_equal(plain["time"].values, original["time"].values)
    path = folder / "surf_2t" / "c.3.0.0"
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    with pytest.raises(ValueError, match="checksum"):
        plain["surf_2t"].isel(time=3).load()


@pytest.mark.slow
def test_nothing_to_do_is_noticed_without_writing(month_files, spec_of, prepared) -> None:
    spec = spec_of(month_files())
    folder = prepared(spec).folder
    before = _stamps(folder)
    manifest = (folder / ".aurora-dash" / "prepare.json").read_bytes()
    again = prepared(spec)
    assert (again.num_written, again.num_kept, again.num_removed) == (0, 12, 0)
    assert _stamps(folder) == before
    assert (folder / ".aurora-dash" / "prepare.json").read_bytes() == manifest


@pytest.mark.slow
def test_added_months_are_appended_and_nothing_else_is_touched(
    month_files, spec_of, prepared, opened_dataset
) -> None:
    files = month_files()
    # The third month comes before the second: neither may be lost or put in the wrong place.
    folder = prepared(spec_of([files[0], files[2]])).folder
    before = _stamps(folder)
    result = prepared(spec_of(files))
    assert (result.num_written, result.num_kept) == (6, 6)
    assert _touched(folder, before) == {6, 7, 8, 9, 10, 11}
    stored, original = opened_dataset(spec_of([folder])), opened_dataset(spec_of(files))
    np.testing.assert_array_equal(stored["time"].values, original["time"].values)
    np.testing.assert_array_equal(stored["atmos_t"].values, original["atmos_t"].values)


@pytest.mark.slow
def test_a_changed_file_rewrites_its_times_alone(
    month_files, spec_of, prepared, opened_dataset
) -> None:
    files = month_files()
    folder = prepared(spec_of(files)).folder
    with xr.open_dataset(files[1]) as dataset:
        changed = dataset.load()
    changed["t2m"] += 1
    changed.to_netcdf(files[1])
    os.utime(files[1], ns=(1, 1))
    before = _stamps(folder)
    result = prepared(spec_of(files))
    assert (result.num_written, result.num_kept) == (3, 9)
    assert _touched(folder, before) == {3, 4, 5}
    stored, original = opened_dataset(spec_of([folder])), opened_dataset(spec_of(files))
    np.testing.assert_array_equal(stored["surf_2t"].values, original["surf_2t"].values)


@pytest.mark.slow
def test_times_that_are_gone_are_removed(month_files, spec_of, prepared, opened_dataset) -> None:
    files = month_files()
    folder = prepared(spec_of(files)).folder
    result = prepared(spec_of(files[1:]))
    # The first month's slots are filled with the last one's times: no gap, no file too many.
    assert (result.num_kept, result.num_written, result.num_removed) == (6, 3, 3)
    stored, original = opened_dataset(spec_of([folder])), opened_dataset(spec_of(files[1:]))
    np.testing.assert_array_equal(stored["surf_2t"].values, original["surf_2t"].values)
    assert len(list((folder / "surf_2t").glob("c.*"))) == 9
    xr.testing.assert_equal(xr.open_zarr(folder).sortby("time")["surf_2t"].load(),
                            stored["surf_2t"].load())  # fmt: skip


@pytest.mark.parametrize("codec", ["lz4", "none"])
def test_a_damaged_field_is_named_when_read_and_mended_when_prepared_again(
    spec_of, prepared, opened_dataset, codec
) -> None:
    folder = prepared(spec_of(), codec=codec).folder
    path = folder / "atmos_z" / "c.5.0.0.0"
    whole = path.read_bytes()
    path.write_bytes(whole[:100] + bytes([whole[100] ^ 4]) + whole[101:])
    damaged = opened_dataset(spec_of([folder]))
    with pytest.raises(DataError, match=r"c\.5\.0\.0\.0.*checksum"):
        damaged["atmos_z"].isel(time=5).load()
    with pytest.raises(DataError, match=r"c\.5\.0\.0\.0.*checksum"):
        open_store(folder).verify()
    path.write_bytes(whole[:100])
    with pytest.raises(DataError, match=r"c\.5\.0\.0\.0"):
        damaged["atmos_z"].isel(time=5).load()
    assert prepared(spec_of()).num_written == 1
    assert path.read_bytes() == whole
    assert open_store(folder).verify() > 0


def test_a_store_of_other_variables_is_refused_or_replaced(spec_of, prepared) -> None:
    folder = prepared(spec_of()).folder
    new = VariableSpec(name="tcwv", group="surface", unit="kg m**-2", long_name="Water")
    other = RunSpec(data=spec_of().data, variables=(new,))
    with pytest.raises(DataError, match="surf_tcwv"):
        prepared(other)
    with pytest.raises(DataError, match="levels"):
        prepared(spec_of(levels=(850.0,)))
    assert open_store(folder).times.size == 12
    assert prepared(other, replace=True).num_written == 12
    assert "surf_tcwv" in open_store(folder).layout.attributes


@pytest.mark.slow
def test_a_store_keeps_its_codec_until_it_is_begun_anew_with_another(
    month_files, spec_of, prepared, opened_dataset
) -> None:
    files = month_files()
    folder = prepared(spec_of(files[:3]), codec="none").folder
    field = folder / "atmos_z" / "c.0.0.0.0"
    values = opened_dataset(spec_of(files))["atmos_z"].isel(time=0).values
    # No compression: the field as it is in memory, and four bytes of checksum.
    assert field.read_bytes()[:-4] == values.tobytes()
    assert prepared(spec_of(files)).num_written == 3
    assert (folder / "atmos_z" / "c.9.0.0.0").stat().st_size == values.nbytes + 4
    with pytest.raises(DataError, match="it has codec none, wanted: lz4"):
        prepared(spec_of(files), codec="lz4")
    assert prepared(spec_of(files), codec="lz4", replace=True).num_written == 12
    assert field.stat().st_size < values.nbytes
    stored = opened_dataset(spec_of([folder]))
    np.testing.assert_array_equal(stored["atmos_z"].isel(time=0).values, values)


def test_a_store_from_before_there_was_a_choice_of_codecs_is_read_as_it_was(
    spec_of, prepared, opened_dataset
) -> None:
    folder = prepared(spec_of()).folder
    path = folder / ".aurora-dash" / "prepare.json"
    manifest = json.loads(path.read_text())
    del manifest["layout"]["codec"]
    path.write_text(json.dumps(manifest))
    stored = opened_dataset(spec_of([folder]))
    original = opened_dataset(spec_of())
    np.testing.assert_array_equal(stored["surf_2t"].values, original["surf_2t"].values)
    manifest["layout"]["codec"] = "zstd"
    path.write_text(json.dumps(manifest))
    with pytest.raises(DataError, match="codec is 'zstd', not lz4 or none"):
        opened_dataset(spec_of([folder]))


def test_a_folder_with_other_things_in_it_is_left_alone(spec_of, prepared, tmp_path) -> None:
    (tmp_path / "store").mkdir()
    (tmp_path / "store" / "thesis.tex").write_text("years of work")
    with pytest.raises(DataError, match=r"thesis\.tex"):
        prepared(spec_of(), replace=True)
    assert [path.name for path in (tmp_path / "store").iterdir()] == ["thesis.tex"]


@pytest.mark.slow
def test_a_stopped_preparation_is_not_taken_for_a_store_and_goes_on(
    month_files, spec_of, prepared, tmp_path, opened_dataset
) -> None:
    spec = spec_of(month_files())
    asked = iter((False, False, True))
    result = prepared(spec, should_stop=lambda: next(asked))
    assert not result.whole
    assert result.num_written == 6
    with pytest.raises(DataError, match="6 of its 12 times"):
        opened_dataset(spec_of([result.folder]))
    rest = prepared(spec)
    assert (rest.num_written, rest.num_kept, rest.whole) == (6, 6, True)


@pytest.mark.slow
def test_provenance_says_from_what_it_was_made(month_files, spec_of, prepared) -> None:
    files = month_files(2)
    manifest = read_manifest(prepared(spec_of(files)).folder)
    sources = manifest.provenance.sources
    assert [source.place for source in sources] == [str(path) for path in files]
    assert [source.num_times for source in sources] == [3, 3]
    for path, source in zip(files, sources, strict=True):
        assert str(path.stat().st_size) in source.identity
    assert manifest.provenance.versions.keys() >= {"aurora-dash", "numcodecs"}
    assert "month-0.nc" in manifest.provenance.attribution
    assert manifest.provenance.spec["data"]["paths"] == [str(path) for path in files]


def test_what_a_store_can_not_serve_is_said(spec_of, prepared) -> None:
    from aurora_dash.data.source import open_data

    folder = prepared(spec_of()).folder
    data = DataSpec(source="files", paths=(str(folder),))
    new = VariableSpec(name="tcwv", group="surface", unit="kg m**-2", long_name="Water")
    spec = RunSpec(data=data, variables=(new,))
    opened = open_data(spec.data, spec.model.catalogue_entry, spec.variables)
    assert any("without surf_tcwv" in finding.message for finding in opened.findings)
    with pytest.raises(DataError, match="700"):
        open_data(data.replace(levels=(700.0,)), spec.model.catalogue_entry)


def test_leftovers_of_a_kill_are_cleared_away(spec_of, prepared) -> None:
    folder = prepared(spec_of()).folder
    (folder / "surf_2t" / ".c.1.0.0.77.tmp").write_bytes(b"half")
    (folder / "surf_2t" / "c.40.0.0").write_bytes(b"from a longer plan")
    chunk_path(folder, Layout.from_dict(read_manifest(folder).layout), "surf_2t", 0).unlink()
    assert prepared(spec_of()).num_written == 1
    assert len(list((folder / "surf_2t").iterdir())) == 13
