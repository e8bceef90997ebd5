"""Small files and specs to prepare stores from."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest
import xarray as xr

from aurora_dash.data.source import open_data
from aurora_dash.data.store.prepare import Prepared, prepare
from aurora_dash.spec import DataSpec, DemoSpec, RunSpec

DEMO = DemoSpec(height=16, width=16, levels=(850, 500), num_times=12)


@pytest.fixture
def month_files(tmp_path: Path) -> Callable[..., list[Path]]:
    """Demo weather cut into files of three times each, as a monthly archive is."""

    def write(num_files: int = 4) -> list[Path]:
        spec = RunSpec(data=DataSpec(demo=DEMO))
        dataset = open_data(spec.data, spec.model.catalogue_entry).dataset
        folder = tmp_path / "archive"
        folder.mkdir(exist_ok=True)
        paths = []
        for number in range(num_files):
            path = folder / f"month-{number}.nc"
            part = dataset.isel(time=slice(3 * number, 3 * number + 3))
            renamed = {key: str(key).partition("_")[2] for key in part if "static" not in str(key)}
            names = {"2t": "t2m", "10u": "u10", "10v": "v10"}
            part = part.rename({key: names.get(name, name) for key, name in renamed.items()})
            part = part.drop_vars("static_sdor").rename(
                static_lsm="lsm", static_slt="slt", static_z="geopotential_at_surface"
            )
            part["level"].attrs["units"] = "hPa"
            part.attrs = {}
            part.to_netcdf(path)
            paths.append(path)
        return paths

    return write


@pytest.fixture
def spec_of() -> Callable[..., RunSpec]:
    """A spec that takes its data from paths, or the demo without any."""

    def make(paths: Sequence[Path] = (), **changes: object) -> RunSpec:
        data = DataSpec(demo=DEMO)
        if paths:
            data = DataSpec(source="files", paths=tuple(map(str, paths)), static_file=None)
        return RunSpec(data=data.replace(**changes) if changes else data)

    return make


@pytest.fixture
def prepared(tmp_path: Path) -> Callable[..., Prepared]:
    """Prepare a spec's data into ``store`` in the temporary folder."""

    def run(spec: RunSpec, name: str = "store", **options: object) -> Prepared:
        opened = open_data(spec.data, spec.model.catalogue_entry, spec.variables)
        try:
            return prepare(opened, spec, tmp_path / name, **options)  # type: ignore[arg-type]
        finally:
            opened.close()

    return run


def dataset_of(spec: RunSpec) -> xr.Dataset:
    """What `open_data` gives for a spec."""
    return open_data(spec.data, spec.model.catalogue_entry, spec.variables).dataset


@pytest.fixture
def opened_dataset() -> Callable[[RunSpec], xr.Dataset]:
    """The function `dataset_of`."""
    return dataset_of


@pytest.fixture
def tree() -> Callable[[Path], dict[str, bytes]]:
    """All files of a folder but those that say when and by whom it was prepared."""

    def read(folder: Path) -> dict[str, bytes]:
        told = {"prepare.json", "status.json", "owner.lock"}
        return {
            str(path.relative_to(folder)): path.read_bytes()
            for path in sorted(folder.rglob("*"))
            if path.is_file() and path.name not in told
        }

    return read


@pytest.fixture
def rng() -> np.random.Generator:
    """Random numbers, always the same."""
    return np.random.default_rng(5)
