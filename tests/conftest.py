"""Fixtures that every room shares: the real data, an isolated environment, a browser."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

# OpenMP threads that spin starve whatever else runs on the same cores; this must be said before
# torch is imported anywhere.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
os.environ.setdefault("MPLBACKEND", "Agg")

import pytest

from tests.hub_server import Hub, serve_hub

if TYPE_CHECKING:
    from playwright.sync_api import Browser

REPOSITORY = Path(__file__).resolve().parent.parent
# Resolved, because readable folders are: it may be a link.
SHARED_DATA = (REPOSITORY.parent / "shared" / "data").resolve()


def pytest_configure() -> None:
    """Hear Ctrl-C. What a shell starts in the background is told to ignore it, and so would be all
    processes that tests start."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(autouse=True)
def _isolated_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No test writes into the repository's runs or reads a person's settings."""
    monkeypatch.setenv("AURORA_DASH_RUNS", str(tmp_path / "default-runs"))
    monkeypatch.delenv("AURORA_DASH_ROOTS", raising=False)
    # Another test, or somebody's training on this machine, is nothing to wait for.
    monkeypatch.setenv("AURORA_DASH_QUEUE", str(tmp_path / "device-queue"))


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Callable[[int], Path]]:
    """`small_disk(num_bytes)`: a folder on a file system of its own, really of that size."""
    mounted: list[Path] = []

    def mount(num_bytes: int) -> Path:
        folder = tmp_path / f"small-disk-{len(mounted)}"
        folder.mkdir()
        options = ["-t", "tmpfs", "-o", f"size={num_bytes}", "tmpfs"]
        done = subprocess.run(["mount", *options, folder], capture_output=True, check=False)
        if done.returncode:
            pytest.skip(f"no file system may be mounted here: {done.stderr.decode().strip()}")
        mounted.append(folder)
        return folder

    yield mount
    for folder in mounted:
        subprocess.run(["umount", "--lazy", folder], check=True)


@pytest.fixture(scope="session")
def repository() -> Path:
    """Root of the repository."""
    return REPOSITORY


@pytest.fixture(scope="session")
def era5_dir() -> Path:
    """The folder of real ERA5 and CAMS files; its README tells what is in them."""
    if not (SHARED_DATA / "norway_era5").is_dir():
        pytest.skip("real ERA5 files are not here (looked for ../shared/data/norway_era5)")
    return SHARED_DATA


@pytest.fixture(scope="session")
def norway_files(era5_dir: Path) -> tuple[Path, Path]:
    """Pressure-level and single-level files of the Norway sample: 20 times, 61 x 61."""
    folder = era5_dir / "norway_era5"
    return (
        folder / "era5_pressure_level_norway_20250601-05.nc",
        folder / "era5_single_level_norway_20250601-05.nc",
    )


@pytest.fixture(scope="session")
def western_usa_file(era5_dir: Path) -> Path:
    """GRIB1 with surface and static fields only, longitudes -125 to -110."""
    return era5_dir / "western_usa_era5" / "era5_single_level_western_usa_jan_1_to_7.grib"


@pytest.fixture(scope="session")
def iberia_tp_file(era5_dir: Path) -> Path:
    """ERA5 precipitation on a grid that crosses Greenwich."""
    return era5_dir / "extras" / "era5_surface_tp_iberia_20230106.nc"


@pytest.fixture(scope="session")
def cams_pm10_file(era5_dir: Path) -> Path:
    """CAMS pm10 on a 0.4 degree grid: other times and another grid than the ERA5 files."""
    return era5_dir / "extras" / "cams_pm10_iberia_fc20230106.nc"


CHROMIUM_ARGUMENTS = (
    "--no-sandbox",
    "--disable-quic",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """Headless Chromium, one for all tests: Playwright's API can't be entered twice.

    Debian's where there is one, else Playwright's own.
    """
    from playwright.sync_api import sync_playwright

    executable = shutil.which("chromium") or shutil.which("chromium-browser")
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(
            executable_path=executable, args=list(CHROMIUM_ARGUMENTS)
        )
        yield chromium
        chromium.close()


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Hub]:
    """A hub of our own, to which ``HF_ENDPOINT`` points, and an empty cache for its client."""
    import huggingface_hub.constants

    with serve_hub() as server:
        monkeypatch.setenv("HF_ENDPOINT", server.url)
        monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(tmp_path / "hf-cache"))
        yield server
