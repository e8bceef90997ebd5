from __future__ import annotations

import json
import os
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
import torch
import xarray as xr

import aurora_dash.data.steps as steps
from aurora_dash.data.batches import VariableNames, WindowSamples, batch_for, collate
from aurora_dash.data.source import open_data
from aurora_dash.data.windows import Window, make_windows
from aurora_dash.errors import DataError
from aurora_dash.spec import DataSpec, DemoSpec, ModelSpec, RunSpec, VariableSpec
from aurora_dash.variables import Group

pytestmark = pytest.mark.slow  # importing torch and aurora takes ten seconds


def _samples(spec: RunSpec, **more: int) -> WindowSamples:
    dataset = open_data(spec.data, spec.model.catalogue_entry, spec.variables).dataset
    step = spec.model.catalogue_entry.timestep_hours
    windows = make_windows(dataset["time"].values, history_hours=step, lead_hours=spec.lead_hours)
    return WindowSamples(dataset, windows, VariableNames.of(spec), **more)


def _norway_spec(files: tuple[Path, Path]) -> RunSpec:
    return RunSpec(data=DataSpec(source="files", paths=tuple(map(str, files))))


@pytest.fixture(scope="module")
def norway(norway_files: tuple[Path, Path]) -> WindowSamples:
    return _samples(_norway_spec(norway_files))


def test_a_sample_has_the_shapes_that_aurora_takes(norway: WindowSamples) -> None:
    assert len(norway) == 18
    inputs, (target,) = norway[0]
    assert list(inputs.surf_vars) == ["2t", "10u", "10v", "msl"]
    assert list(inputs.static_vars) == ["lsm", "z", "slt"]
    assert list(inputs.atmos_vars) == ["z", "u", "v", "t", "q"]
    assert inputs.surf_vars["2t"].shape == (1, 2, 60, 60)
    assert inputs.atmos_vars["z"].shape == (1, 2, 4, 60, 60)
    assert inputs.static_vars["slt"].shape == (60, 60)
    assert target.surf_vars["2t"].shape == (1, 1, 60, 60)
    assert target.atmos_vars["z"].shape == (1, 1, 4, 60, 60)
    assert inputs.metadata.atmos_levels == (1000, 925, 850, 700)
    tensors = [
        *inputs.surf_vars.values(),
        *inputs.static_vars.values(),
        *target.atmos_vars.values(),
    ]
    assert {tensor.dtype for tensor in tensors} == {torch.float32}


def test_values_are_physical_and_those_of_the_right_times(
    norway: WindowSamples, norway_files: tuple[Path, Path]
) -> None:
    single = xr.load_dataset(norway_files[1], engine="h5netcdf")["t2m"].values
    pressure = xr.load_dataset(norway_files[0], engine="h5netcdf")["q"].values
    inputs, (target,) = norway[7]
    np.testing.assert_array_equal(inputs.surf_vars["2t"][0, 0], single[7, :60, :60])
    np.testing.assert_array_equal(inputs.surf_vars["2t"][0, 1], single[8, :60, :60])
    np.testing.assert_array_equal(target.surf_vars["2t"][0, 0], single[9, :60, :60])
    np.testing.assert_array_equal(inputs.atmos_vars["q"][0, 1], pressure[8, :, :60, :60])
    np.testing.assert_array_equal(target.atmos_vars["q"][0, 0], pressure[9, :, :60, :60])


def test_times_are_those_of_the_newest_input_and_the_target_in_utc(norway: WindowSamples) -> None:
    inputs, (target,) = norway[0]
    assert inputs.metadata.time == (datetime(2025, 6, 1, 6, tzinfo=UTC),)
    assert target.metadata.time == (datetime(2025, 6, 1, 12, tzinfo=UTC),)
    assert inputs.metadata.time[0].tzinfo is not None


def test_coordinates_are_those_of_the_grid(norway: WindowSamples) -> None:
    metadata = norway[0][0].metadata
    assert metadata.lat[0] == 70
    assert metadata.lat[-1] == 55.25
    assert metadata.lon[-1] == 19.75


def test_collating_joins_samples_along_the_batch(norway: WindowSamples) -> None:
    inputs, (target,) = collate([norway[2], norway[5], norway[0]])
    assert inputs.surf_vars["msl"].shape == (3, 2, 60, 60)
    assert target.atmos_vars["u"].shape == (3, 1, 4, 60, 60)
    assert torch.equal(inputs.surf_vars["msl"][1:2], norway[5][0].surf_vars["msl"])
    hours = [
        (t - datetime(2025, 6, 1, tzinfo=UTC)) / timedelta(hours=1) for t in inputs.metadata.time
    ]
    assert hours == [18, 36, 6]
    assert inputs.static_vars["z"].shape == (60, 60)


def test_a_target_for_each_step_joins_along_the_batch_too(norway: WindowSamples) -> None:
    windows = make_windows(
        norway._dataset["time"].values, history_hours=6, lead_hours=6, num_targets=3
    )
    samples = WindowSamples(norway._dataset, windows, norway.names)
    _, targets = collate([samples[4], samples[0]])
    for step, target in enumerate(targets):
        for row, window in enumerate((4, 0)):
            (single,) = norway[window + step][1]
            assert target.metadata.time[row] == single.metadata.time[0]
            assert torch.equal(target.surf_vars["msl"][row : row + 1], single.surf_vars["msl"])
    assert len(targets) == 3


def test_a_batch_of_windows_is_the_collated_samples(norway: WindowSamples) -> None:
    dataset, windows = norway._dataset, norway.windows[3:5]
    inputs, (target,) = batch_for(dataset, windows, norway.names)
    expected_inputs, (expected_target,) = collate([norway[3], norway[4]])
    assert inputs.metadata.time == expected_inputs.metadata.time
    for name, tensor in expected_inputs.surf_vars.items():
        assert torch.equal(inputs.surf_vars[name], tensor)
    for name, tensor in expected_target.atmos_vars.items():
        assert torch.equal(target.atmos_vars[name], tensor)


def _count_reads(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    reads: list[str] = []
    original = steps.read_values

    def count(array: xr.DataArray) -> np.ndarray:
        reads.append(str(array.name))
        return original(array)

    monkeypatch.setattr(steps, "read_values", count)
    return reads


@pytest.mark.parametrize("cache_bytes", [0, 10**9])
def test_a_window_reads_each_of_its_times_once(
    norway_files: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch, cache_bytes: int
) -> None:
    samples = _samples(_norway_spec(norway_files), cache_bytes=cache_bytes)
    reads = _count_reads(monkeypatch)
    _ = samples[0]
    assert reads.count("surf_2t") == 3
    _ = samples[1]
    # Two of its three times were in the first window.
    assert reads.count("surf_2t") == (4 if cache_bytes else 6)
    assert not [name for name in reads if name.startswith("static")]


def test_kept_times_are_bounded_and_the_oldest_go_first(
    norway_files: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    per_time = 4 * 60 * 60 * (4 + 5 * 4)
    samples = _samples(_norway_spec(norway_files), cache_bytes=4 * per_time)
    reads = _count_reads(monkeypatch)
    for index in (0, 1, 2, 2, 0):
        _ = samples[index]
    # Times 0, 1, 2; then 3; then 4, which pushes 0 out; nothing new; then 0 again.
    assert reads.count("surf_2t") == 3 + 1 + 1 + 0 + 1


@pytest.mark.parametrize("keep_steps", [0, 3])
def test_a_sample_keeps_its_values_as_long_as_it_is_held(
    norway: WindowSamples, norway_files: tuple[Path, Path], keep_steps: int
) -> None:
    copied = [norway[index] for index in range(len(norway))]
    views = _samples(_norway_spec(norway_files), cache_bytes=0, keep_steps=keep_steps)
    views.expect([0, 1])
    held = [views[index] for index in range(len(views))]
    for (inputs, (target,)), (expected, (wanted,)) in zip(held, copied, strict=True):
        assert inputs.metadata.time == expected.metadata.time
        assert target.metadata.time == wanted.metadata.time
        for name, values in expected.surf_vars.items():
            assert torch.equal(inputs.surf_vars[name], values)
        for name, values in wanted.atmos_vars.items():
            assert torch.equal(target.atmos_vars[name], values)


def test_new_variables_come_last_in_the_order_of_the_spec() -> None:
    new = (
        VariableSpec(name="tcwv", unit="kg m-2"),
        VariableSpec(name="sdor", group=Group.STATIC, unit="m"),
        VariableSpec(name="w", group=Group.ATMOSPHERIC, unit="Pa s-1"),
    )
    inputs, (target,) = _samples(RunSpec(variables=new, data=DataSpec(demo=DemoSpec(num_times=6))))[
        0
    ]
    assert list(inputs.surf_vars)[-1] == list(target.surf_vars)[-1] == "tcwv"
    assert list(inputs.static_vars)[-1] == "sdor"
    assert list(inputs.atmos_vars)[-1] == "w"


def test_v1p5_gets_insolation_and_its_outputs_only_as_targets() -> None:
    from aurora.insolation import insolation

    spec = RunSpec(model=ModelSpec(variant="v1.5"), data=DataSpec(demo=DemoSpec(num_times=6)))
    samples = _samples(spec)
    inputs, (target,) = samples[1]
    outputs = set(spec.model.catalogue_entry.output_only)
    assert outputs.isdisjoint(inputs.surf_vars)
    assert set(target.surf_vars) == set(inputs.surf_vars) | outputs
    latitude, longitude = inputs.metadata.lat.numpy(), inputs.metadata.lon.numpy()
    for batch, step, hours in ((inputs, 0, -6), (inputs, 1, 0), (target, 0, 0)):
        moment = (batch.metadata.time[0] + timedelta(hours=hours)).replace(tzinfo=None)
        expected = insolation([moment], latitude, longitude, enforce_2d=True)[0]
        np.testing.assert_allclose(
            batch.surf_vars["insolation"][0, step].numpy(), expected, rtol=1e-6
        )


def test_roles_decide_what_is_given_and_what_is_to_be_predicted() -> None:
    atmospheric = Group.ATMOSPHERIC
    spec = RunSpec(
        data=DataSpec(demo=DemoSpec(height=16, width=16, levels=(850, 500), num_times=6)),
        variables=(
            VariableSpec(name="tcwv", role="output"),
            VariableSpec(name="wet", source_name="tcwv", role="input"),
            VariableSpec(name="w", group=atmospheric, role="input"),
            VariableSpec(name="lift", source_name="w", group=atmospheric, role="output"),
        ),
    )
    samples = _samples(spec)
    inputs, (target,) = samples[0]
    assert list(inputs.surf_vars) == ["2t", "10u", "10v", "msl", "wet"]
    assert list(inputs.atmos_vars) == ["z", "u", "v", "t", "q", "w"]
    assert list(target.surf_vars) == ["2t", "10u", "10v", "msl", "tcwv"]
    assert list(target.atmos_vars) == ["z", "u", "v", "t", "q", "lift"]


def test_outputs_that_the_data_lacks_are_not_in_the_target() -> None:
    spec = RunSpec(model=ModelSpec(variant="v1.5"), data=DataSpec(demo=DemoSpec(num_times=6)))
    samples = _samples(spec)
    without = WindowSamples(samples._dataset.drop_vars("surf_blh"), samples.windows, samples.names)
    assert "blh" not in without[0][1][0].surf_vars


def test_data_that_lacks_a_variable_is_refused_by_name(norway: WindowSamples) -> None:
    with pytest.raises(DataError, match="surf_msl"):
        WindowSamples(norway._dataset.drop_vars("surf_msl"), norway.windows, norway.names)


def test_a_twelve_hour_model_gets_times_twelve_hours_apart(
    norway_files: tuple[Path, Path],
) -> None:
    spec = _norway_spec(norway_files).replace(model=ModelSpec(variant="0.25-12h-pretrained"))
    samples = _samples(spec)
    assert samples.windows[0] == Window((0, 2), (4,))
    assert samples[0][1][0].metadata.time == (datetime(2025, 6, 2, 0, tzinfo=UTC),)


def test_the_model_takes_a_batch_and_predicts_at_the_target_s_time(norway: WindowSamples) -> None:
    from aurora import Aurora

    model = Aurora(
        embed_dim=32,
        num_heads=2,
        encoder_depths=(1, 1),
        encoder_num_heads=(1, 2),
        decoder_depths=(1, 1),
        decoder_num_heads=(2, 1),
        window_size=(2, 4, 8),
        use_lora=False,
    )
    inputs, (target,) = collate([norway[0], norway[4]])
    with torch.inference_mode():
        prediction = model(inputs)
    assert prediction.metadata.time == target.metadata.time
    assert prediction.surf_vars["2t"].shape == target.surf_vars["2t"].shape
    assert prediction.atmos_vars["z"].shape == target.atmos_vars["z"].shape


ZONE_CODE = """
import json
from aurora_dash.data.batches import VariableNames, WindowSamples
from aurora_dash.data.source import open_data
from aurora_dash.data.windows import make_windows
from aurora_dash.spec import DataSpec, DemoSpec, ModelSpec, RunSpec
spec = RunSpec(model=ModelSpec(variant="v1.5"), data=DataSpec(demo=DemoSpec(num_times=6)))
dataset = open_data(spec.data, spec.model.catalogue_entry).dataset
windows = make_windows(dataset["time"].values, history_hours=6, lead_hours=6)
inputs, (target,) = WindowSamples(dataset, windows, VariableNames.of(spec))[0]
print(json.dumps({
    "input": inputs.metadata.time[0].timestamp(),
    "target": target.metadata.time[0].timestamp(),
    "insolation": float(inputs.surf_vars["insolation"].double().sum()),
    "start": str(open_data(DataSpec(start="2020-03-01T12:00", demo=DemoSpec(num_times=8)),
                           spec.model.catalogue_entry).dataset["time"].values[0]),
}))
"""


def test_the_machine_s_time_zone_changes_nothing() -> None:
    def run(zone: str) -> dict[str, object]:
        result = subprocess.run(
            [sys.executable, "-c", ZONE_CODE],
            env={**os.environ, "TZ": zone},
            capture_output=True,
            text=True,
            check=True,
        )
        return json.loads(result.stdout)

    new_york = run("America/New_York")
    assert new_york == run("UTC")
    # 2020-03-01T06 and T12 UTC, in seconds since 1970.
    assert new_york["input"] == 1583042400
    assert new_york["target"] == 1583064000
    assert new_york["start"] == "2020-03-01T12:00:00.000000000"


def test_filled_values_are_given_as_inputs_and_missing_as_targets(
    norway_files: tuple[Path, Path], tmp_path: Path
) -> None:
    surface = tmp_path / "surface.nc"
    with xr.open_dataset(norway_files[1], engine="h5netcdf") as dataset:
        holed = dataset.load().copy(deep=True)
    holed["t2m"][5, 3, 4] = np.nan
    for variable in holed.variables.values():
        variable.encoding = {}
    holed.to_netcdf(surface, engine="netcdf4")
    spec = _norway_spec((norway_files[0], surface)).with_overrides(
        ['data.remedies+={"kind":"infill_time","variable":"surf_2t"}']
    )
    samples = _samples(spec)
    # Time 5 is the target of window 3 and the newest input of window 4.
    _, (target,) = samples[3]
    inputs, _ = samples[4]
    assert torch.isnan(target.surf_vars["2t"]).nonzero().tolist() == [[0, 0, 3, 4]]
    assert torch.isfinite(inputs.surf_vars["2t"]).all()
    around = holed["t2m"].values[[4, 6], 3, 4].mean()
    assert inputs.surf_vars["2t"][0, 1, 3, 4].item() == pytest.approx(around)
    assert set(target.surf_vars) == {"2t", "10u", "10v", "msl"}
