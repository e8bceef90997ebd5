"""Names of the usual sources, and CF metadata where a name says nothing."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import xarray as xr

from aurora_dash.data.open import open_files
from aurora_dash.variables import recognise

SmallFile = Callable[..., Path]


@pytest.mark.parametrize(
    ("name", "has_levels", "key"),
    [
        ("tas", False, "surf_2t"),
        ("psl", False, "surf_msl"),
        ("sd", False, "surf_scaled_sd"),
        ("snow_depth", False, "surf_scaled_sd"),
        ("p140121", False, "surf_swh1"),
        ("mean_period_of_total_swell", False, "surf_mpts"),
        ("lake_depth", False, "static_dl"),
        ("orog", False, "static_z"),
        ("zg", True, "atmos_z"),
        ("wap", True, "atmos_w"),
    ],
)
def test_names_of_cds_cmip_and_mars_are_known(name: str, has_levels: bool, key: str) -> None:
    variable = recognise(name, has_levels=has_levels)
    assert variable is not None
    assert variable.key == key


def _renamed() -> Callable[[xr.Dataset], xr.Dataset]:
    def change(dataset: xr.Dataset) -> xr.Dataset:
        dataset = dataset.rename(t2m="temp_near_ground", t="TEMP", msl="P0")
        dataset["temp_near_ground"].attrs["standard_name"] = "air_temperature"
        dataset["TEMP"].attrs["standard_name"] = "air_temperature"
        dataset["P0"].attrs["standard_name"] = "air_pressure_at_mean_sea_level"
        height = xr.DataArray(2.0, attrs={"standard_name": "height", "units": "m"})
        return dataset.assign(
            temp_near_ground=dataset["temp_near_ground"].assign_coords(height=height)
        )

    return change


def test_unknown_names_are_understood_by_their_standard_names(small_file: SmallFile) -> None:
    opened = open_files([small_file(change=_renamed())])
    assert set(opened.dataset.data_vars) == {"surf_2t", "surf_msl", "atmos_t", "static_lsm"}
    renamed = next(f for f in opened.findings if f.code == "renamed")
    assert "TEMP -> atmos_t" in renamed.message


def test_a_standard_name_that_two_variables_share_is_not_guessed_at(small_file: SmallFile) -> None:
    def change(dataset: xr.Dataset) -> xr.Dataset:
        dataset = dataset.rename(msl="pressure_a")
        dataset["pressure_a"].attrs["standard_name"] = "surface_air_pressure"
        return dataset.assign(pressure_b=dataset["pressure_a"] + 1)

    path = small_file(change=lambda d: change(d).pipe(_with_standard_b))
    assert "surf_sp" not in open_files([path]).dataset


def _with_standard_b(dataset: xr.Dataset) -> xr.Dataset:
    dataset["pressure_b"].attrs["standard_name"] = "surface_air_pressure"
    return dataset


def test_a_known_name_goes_before_a_standard_name(small_file: SmallFile) -> None:
    def change(dataset: xr.Dataset) -> xr.Dataset:
        other = (dataset["msl"] + 5).assign_attrs(standard_name="air_pressure_at_sea_level")
        return dataset.assign(other=other)

    dataset = open_files([small_file(change=change)]).dataset
    assert dataset["surf_msl"].attrs["source_name"] == "msl"


def test_axes_of_any_name_are_known_by_cf_metadata(small_file: SmallFile) -> None:
    def change(dataset: xr.Dataset) -> xr.Dataset:
        names = {"latitude": "rows", "longitude": "cols", "pressure_level": "pl"}
        dataset = dataset.rename({**names, "valid_time": "when"})
        dataset["rows"].attrs = {"axis": "Y", "units": "degrees_north"}
        dataset["cols"].attrs = {"axis": "X", "standard_name": "longitude"}
        dataset["pl"].attrs = {"standard_name": "air_pressure", "units": "hPa"}
        dataset["when"].attrs = {"standard_name": "time", "axis": "T"}
        return dataset

    expected = open_files([small_file("plain.nc")]).dataset
    xr.testing.assert_equal(open_files([small_file(change=change)]).dataset, expected)


def test_geopotential_height_becomes_geopotential(small_file: SmallFile) -> None:
    def change(dataset: xr.Dataset) -> xr.Dataset:
        return dataset[["t"]].rename(t="zg").pipe(_in_metres)

    opened = open_files([small_file(change=change)])
    np.testing.assert_allclose(
        float(opened.dataset["atmos_z"][0, 0, 0, 0]), 250 * 9.80665, rtol=1e-6
    )
    assert "unit-converted" in [finding.code for finding in opened.findings]


def _in_metres(dataset: xr.Dataset) -> xr.Dataset:
    dataset["zg"].attrs["units"] = "m"
    return dataset


def test_sums_over_time_are_pointed_out(small_file: SmallFile) -> None:
    def change(dataset: xr.Dataset) -> xr.Dataset:
        rain = dataset["t2m"].assign_attrs(units="m")
        sums = dataset["t2m"].assign_attrs(units="J m**-2", cell_methods="time: sum")
        return dataset.assign(tp=rain, ssrd=sums)

    finding = next(
        f for f in open_files([small_file(change=change)]).findings if f.code == "accumulated"
    )
    assert finding.severity == "info"
    assert "tp, ssrd is summed up" in finding.message


def test_sums_of_several_leads_are_warned_about(small_file: SmallFile) -> None:
    def change(dataset: xr.Dataset) -> xr.Dataset:
        leads = np.arange(4) * np.timedelta64(6, "h")
        start = dataset["valid_time"].values[0]
        dataset = dataset.rename(valid_time="step", t2m="tp").assign_coords(step=leads)
        dataset["tp"].attrs["units"] = "m"
        return dataset.assign_coords(time=start)

    findings = open_files([small_file(change=change)]).findings
    finding = next(f for f in findings if f.code == "accumulated")
    assert finding.severity == "warning"
    assert "4 leads" in finding.message
    assert "forecast" in [f.code for f in findings]
