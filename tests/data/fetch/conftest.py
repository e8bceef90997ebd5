"""A store to fetch from, a key for it, and the requests that tests make."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from aurora_dash.data.fetch.pace import Pace
from aurora_dash.data.fetch.request import FetchRequest
from tests.data.fetch.cds_server import KEY, CdsServer, delivering, serve_cds

VARIABLES = ("ECMWF_DATASTORES_URL", "ECMWF_DATASTORES_KEY", "CDSAPI_URL", "CDSAPI_KEY")


@pytest.fixture(autouse=True)
def _nobodys_account(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("ECMWF_DATASTORES_RC_FILE", str(tmp_path / "no-such-file"))
    monkeypatch.setenv("CDSAPI_RC", str(tmp_path / "cdsapirc"))


@pytest.fixture
def quick() -> Pace:
    """Intervals of hundredths of a second."""
    return Pace(poll=0.01, poll_most=0.05, retry=0.01, retry_most=0.05, tries=8, timeout=10)


@pytest.fixture
def cds(tmp_path: Path) -> Iterator[CdsServer]:
    """A store whose files hold nothing, and whose key stands in the usual file."""
    with serve_cds() as server:
        _write_key(tmp_path, server)
        yield server


@pytest.fixture
def norway_cds(norway_files: tuple[Path, Path], tmp_path: Path) -> Iterator[CdsServer]:
    """A store that delivers real ERA5 of Norway."""
    with serve_cds(delivering(*norway_files)) as server:
        _write_key(tmp_path, server)
        yield server


def _write_key(folder: Path, server: CdsServer) -> None:
    (folder / "cdsapirc").write_text(f"url: {server.url}\nkey: {KEY}\n")


@pytest.fixture
def norway(tmp_path: Path) -> Callable[..., FetchRequest]:
    """The five days of the sample files, into ``tmp_path / "era5"``."""

    def make(**changes: object) -> FetchRequest:
        values = {
            "source": "era5",
            "start": "2025-06-01",
            "end": "2025-06-05",
            "levels": [1000, 925, 850, 700],
            "region": {"north": 70, "south": 55, "west": 5, "east": 20},
            "out": str(tmp_path / "era5"),
        }
        return FetchRequest.build({**values, **changes})

    return make
