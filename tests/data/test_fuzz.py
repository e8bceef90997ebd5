"""Hundreds of damaged files: each is read or refused in words, soon and in little memory."""

from __future__ import annotations

import json
import os
import select
import subprocess
import sys
import time
import warnings
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
import xarray as xr

from tests.data.fuzzing.mutations import damage

REPOSITORY = Path(__file__).resolve().parents[2]
KINDS = ("hdf5.nc", "classic.nc", "one.grib", "two.grib2", "v2.zarr", "v3.zarr")
SECONDS_A_FILE = 30
MOST_MEMORY = 2 * 2**30
QUICK, MANY = 4, 90


@pytest.fixture(scope="module")
def sources(tmp_path_factory: pytest.TempPathFactory, era5_dir: Path) -> Path:
    """Small parts of the real files in every format."""
    import aurora_dash.data.grib  # noqa: F401  (settles which PROJ eccodes is bound to)

    # isort: split
    import eccodes

    folder = tmp_path_factory.mktemp("sources")
    grib = era5_dir / "western_usa_era5" / "era5_single_level_western_usa_jan_1_to_7.grib"
    with (
        grib.open("rb") as given,
        (folder / KINDS[2]).open("wb") as one,
        (folder / KINDS[3]).open("wb") as two,
    ):
        for _ in range(9):
            message = eccodes.codes_grib_new_from_file(given)
            eccodes.codes_write(message, one)
            eccodes.codes_set(message, "edition", 2)
            eccodes.codes_write(message, two)
            eccodes.codes_release(message)
    with xr.open_dataset(
        era5_dir / "norway_era5" / "era5_pressure_level_norway_20250601-05.nc"
    ) as real:
        part = real[["t", "z"]].isel(
            valid_time=slice(0, 3), latitude=slice(0, 12), longitude=slice(0, 12)
        )
        part = part.drop_vars(["number", "expver"], errors="ignore").load()
    for variable in part.variables.values():
        variable.encoding = {}
    compressed = {"zlib": True, "shuffle": True, "chunksizes": (1, 4, 12, 12)}
    part.to_netcdf(folder / KINDS[0], engine="netcdf4", encoding=dict.fromkeys("tz", compressed))
    part.to_netcdf(folder / KINDS[1], engine="netcdf4", format="NETCDF3_64BIT")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        part.to_zarr(folder / KINDS[4], zarr_format=2, consolidated=True)
        part.to_zarr(folder / KINDS[5], zarr_format=3, consolidated=True)
    return folder


class Opener:
    """The process that opens the files, started anew where one ends it."""

    def __init__(self, log: Path) -> None:
        self.log = log.open("ab")
        self.process = self._start()

    def _start(self) -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            [sys.executable, "-m", "tests.data.fuzzing.opener"],
            cwd=REPOSITORY,
            env={**os.environ, "PYTHONPATH": str(REPOSITORY)},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self.log,
        )

    def open(self, path: Path) -> dict[str, object]:
        assert self.process.stdin
        assert self.process.stdout
        self.process.stdin.write(f"{path}\n".encode())
        self.process.stdin.flush()
        ready, _, _ = select.select([self.process.stdout], [], [], SECONDS_A_FILE)
        line = self.process.stdout.readline() if ready else b""
        if line:
            answer: dict[str, object] = json.loads(line)
            return answer
        self.close()
        outcome = {"outcome": "crashed" if ready else "hung", "detail": "", "peak": 0}
        self.process = self._start()
        return outcome

    def close(self) -> None:
        self.process.kill()
        self.process.communicate()


@pytest.fixture
def opener(tmp_path: Path) -> Iterator[Opener]:
    opener = Opener(tmp_path / "log.txt")
    yield opener
    opener.close()
    opener.log.close()


def _run(sources: Path, opener: Opener, folder: Path, seeds: range) -> Counter[str]:
    outcomes: Counter[str] = Counter()
    wrong = []
    for number, kind in enumerate(KINDS):
        assert opener.open(sources / kind)["outcome"] == "opened"
        for seed in seeds:
            target = folder / f"{seed}-{kind}"
            way = damage(sources / kind, target, 1000 * number + seed)
            begun = time.monotonic()
            answer = opener.open(target)
            outcome = str(answer["outcome"])
            outcomes[outcome] += 1
            seconds, peak = time.monotonic() - begun, int(str(answer["peak"]))
            if outcome not in ("opened", "refused") or peak > MOST_MEMORY:
                wrong.append((kind, seed, way, outcome, peak, str(answer["detail"])[-1500:]))
            assert seconds < SECONDS_A_FILE + 5
    assert wrong == [], "\n".join(map(str, wrong))
    return outcomes


@pytest.mark.slow
def test_damaged_files_are_read_or_refused(sources: Path, opener: Opener, tmp_path: Path) -> None:
    outcomes = _run(sources, opener, tmp_path, range(QUICK))
    assert outcomes["refused"] > 0


@pytest.mark.slow
def test_hundreds_of_damaged_files_are_read_or_refused(
    sources: Path, opener: Opener, tmp_path: Path
) -> None:
    outcomes = _run(sources, opener, tmp_path, range(QUICK, QUICK + MANY))
    assert outcomes.total() == MANY * len(KINDS) >= 500
    # Neither is everything refused, nor does all damage pass.
    assert outcomes["refused"] >= 200
    assert outcomes["opened"] >= 50
