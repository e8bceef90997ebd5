"""Data on a web server and in buckets, each a real server on this machine."""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
import sys
import threading
import time
import warnings
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
import xarray as xr

from aurora_dash.data.cache import cache_folder, local_copy
from aurora_dash.data.open import open_files
from aurora_dash.data.places import Remote, stamp_of
from aurora_dash.data.reading import read_values
from aurora_dash.data.remote import remote_place
from aurora_dash.data.roots import expand_paths
from aurora_dash.data.source import open_data
from aurora_dash.errors import DataError, PathError, SpecError
from aurora_dash.spec import DataSpec
from aurora_dash.spec.urls import redact
from aurora_dash.variants import get_variant
from tests.data.web_server import Web, serve_folder

Small = Callable[..., xr.Dataset]


@pytest.fixture(autouse=True)
def _own_cache(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("AURORA_DASH_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("NO_PROXY", "127.0.0.1,localhost")
    monkeypatch.delenv("AURORA_DASH_HOSTS", raising=False)


@pytest.fixture
def web(tmp_path: Path, small: Small) -> Iterator[Web]:
    """Two months as NetCDF, one as stores of both versions."""
    folder = tmp_path / "served"
    folder.mkdir()
    months = small(num_times=8)
    months.isel(valid_time=slice(0, 4)).to_netcdf(folder / "2024-01.nc", engine="netcdf4")
    months.isel(valid_time=slice(4, 8)).to_netcdf(folder / "2024-02.nc", engine="netcdf4")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        small().chunk(valid_time=1).to_zarr(folder / "two.zarr", zarr_format=2, consolidated=True)
        small().to_zarr(folder / "three.zarr", zarr_format=3, consolidated=True)
        small().to_zarr(folder / "bare.zarr", zarr_format=2, consolidated=False)
    with serve_folder(folder) as server:
        yield server


def test_a_file_on_the_web_is_fetched_once_and_said(web: Web, small: Small) -> None:
    (place,) = expand_paths([f"{web.url}/2024-01.nc"])
    opened = open_files([place])
    np.testing.assert_array_equal(opened.dataset["surf_2t"].values, small()["t2m"].values)
    said = next(f for f in opened.findings if f.code == "local-copy")
    assert "was fetched" in said.message
    size = (web.folder / "2024-01.nc").stat().st_size
    assert f"{size / 1e6:.1f} MB" in said.message
    assert opened.files == (place,)
    assert opened.dataset["surf_2t"].attrs["source"] == f"{web.url}/2024-01.nc"
    web.requests.clear()
    again = open_files(expand_paths([f"{web.url}/2024-01.nc"]))
    assert "from the copy" in next(f for f in again.findings if f.code == "local-copy").message
    # The server is asked for what it knows of the file, never for the file itself.
    assert all(method == "HEAD" for method, *_ in web.requests)
    (note,) = cache_folder().rglob("*.json")
    record = json.loads(note.read_text())
    assert record["bytes"] == size
    assert len(record["sha256"]) == 64


def test_another_version_of_a_file_is_fetched_anew(web: Web, small: Small) -> None:
    (place,) = expand_paths([f"{web.url}/2024-01.nc"])
    open_files([place])
    before = stamp_of(place)
    small(num_times=3).to_netcdf(web.folder / "2024-01.nc", engine="netcdf4")
    assert stamp_of(place) != before
    assert open_files([place]).dataset.sizes["time"] == 3


def _ranges(web: Web) -> list[str]:
    return [asked for method, _, asked in web.requests if method == "GET"]


def test_a_file_whose_connection_breaks_is_gone_on_with_where_it_broke(
    web: Web, small: Small
) -> None:
    (place,) = expand_paths([f"{web.url}/2024-01.nc"])
    web.cut_after, web.cuts = 1000, 1
    web.requests.clear()
    dataset = open_files([place]).dataset
    size = (web.folder / "2024-01.nc").stat().st_size
    assert _ranges(web) == ["", f"bytes=1000-{size - 1}"]
    np.testing.assert_array_equal(dataset["surf_2t"].values, small()["t2m"].values)
    assert not list(cache_folder().rglob("*.part"))


def test_what_came_of_a_file_waits_for_the_rest_until_the_next_time(web: Web, small: Small) -> None:
    (place,) = expand_paths([f"{web.url}/2024-01.nc"])
    # The second answer, and with it this attempt, ends before anything has come.
    source = web.folder / "2024-01.nc"
    web.cut_after, web.cuts = 1000, 1
    web.silent_after = 1
    with pytest.raises(DataError, match=r"2024-01\.nc"):
        open_files([place])
    (rest,) = cache_folder().rglob("2024-01*")
    assert rest.read_bytes() == source.read_bytes()[:1000]
    web.silent_after = None
    web.requests.clear()
    dataset = open_files([place]).dataset
    assert _ranges(web) == [f"bytes=1000-{source.stat().st_size - 1}"]
    np.testing.assert_array_equal(dataset["surf_2t"].values, small()["t2m"].values)
    assert not list(cache_folder().rglob("*.part"))


_FETCH = """
import sys
from aurora_dash.data.cache import local_copy
from aurora_dash.data.roots import expand_paths
local_copy(expand_paths(sys.argv[1:])[0])
"""


@pytest.mark.slow
def test_a_killed_fetch_is_gone_on_with_and_leaves_nothing_behind(web: Web, small: Small) -> None:
    source, url = web.folder / "2024-01.nc", f"{web.url}/2024-01.nc"
    stalled, go_on = threading.Event(), threading.Event()
    # The server stops in the middle of the file, with the connection open.
    web.cut_after, web.cuts = 10_000, 1
    web.after_cut = lambda: (stalled.set(), go_on.wait(60))
    process = subprocess.Popen([sys.executable, "-c", _FETCH, url], stderr=subprocess.DEVNULL)
    try:
        assert stalled.wait(60)
        deadline = time.monotonic() + 20
        while time.monotonic() < deadline:
            if [path for path in cache_folder().rglob("*.part") if path.stat().st_size == 10_000]:
                break
            time.sleep(0.02)
        process.kill()
        assert process.wait() == -signal.SIGKILL
    finally:
        process.kill()
        go_on.set()
    (rest,) = cache_folder().rglob("*.part")
    assert rest.read_bytes() == source.read_bytes()[:10_000]
    web.requests.clear()
    dataset = open_files(expand_paths([url])).dataset
    assert _ranges(web) == [f"bytes=10000-{source.stat().st_size - 1}"]
    np.testing.assert_array_equal(dataset["surf_2t"].values, small()["t2m"].values)
    assert not list(cache_folder().rglob("*.part"))


def test_a_file_that_two_threads_want_is_fetched_once(web: Web) -> None:
    (place,) = expand_paths([f"{web.url}/2024-01.nc"])
    web.requests.clear()
    with ThreadPoolExecutor(4) as threads:
        copies = {path for path, _ in threads.map(local_copy, [place] * 4)}
    assert len(copies) == 1
    assert len(_ranges(web)) == 1


def test_a_server_that_sends_files_only_whole_is_asked_anew(web: Web, small: Small) -> None:
    (place,) = expand_paths([f"{web.url}/2024-01.nc"])
    web.sends_parts = False
    web.cut_after, web.cuts = 1000, 1
    dataset = open_files([place]).dataset
    np.testing.assert_array_equal(dataset["surf_2t"].values, small()["t2m"].values)


def test_pieces_of_two_versions_are_never_put_together(web: Web, small: Small) -> None:
    (place,) = expand_paths([f"{web.url}/2024-01.nc"])
    web.cut_after, web.cuts = 1000, 1
    web.after_cut = lambda: small(num_times=3).to_netcdf(
        web.folder / "2024-01.nc", engine="netcdf4"
    )
    with pytest.raises(DataError, match="2024-01"):
        open_files([place])
    assert not [path for path in cache_folder().rglob("*.nc") if path.is_file()]
    assert open_files([place]).dataset.sizes["time"] == 3


def test_folders_and_patterns_on_the_web_are_listed(web: Web) -> None:
    everything = expand_paths([f"{web.url}/"])
    assert [place.name for place in everything] == [
        *("2024-01.nc", "2024-02.nc", "bare.zarr", "three.zarr", "two.zarr")
    ]
    months = expand_paths([f"{web.url}/2024-*.nc"])
    assert open_files(months).dataset.sizes["time"] == 8


@pytest.mark.parametrize("name", ["two.zarr", "three.zarr"])
def test_a_store_on_the_web_is_read_chunk_by_chunk(web: Web, small: Small, name: str) -> None:
    data = DataSpec(source="files", paths=(f"{web.url}/{name}",))
    opened = open_data(data, get_variant("small"))
    web.requests.clear()
    values = read_values(opened.dataset["surf_2t"].isel(time=2))
    np.testing.assert_array_equal(values, small()["t2m"].values[2])
    asked = {path for _, path, _ in web.requests}
    assert asked
    assert all("/t2m/" in path for path in asked)
    assert not cache_folder().exists()


@pytest.mark.slow
def test_a_store_that_cannot_be_listed_needs_consolidated_metadata(web: Web) -> None:
    place = f"{web.url}/bare.zarr"
    assert "surf_2t" in open_files(expand_paths([place])).dataset
    web.lists_folders = False
    with pytest.raises(DataError, match="no array was found") as error:
        open_files(expand_paths([place]))
    assert "consolidate" in error.value.remedy


@pytest.mark.parametrize(
    ("path", "words"), [("/none.nc", "nothing at"), ("/none/*.nc", "matches no"), ("/none", "no")]
)
def test_what_is_not_there_is_named(web: Web, path: str, words: str) -> None:
    with pytest.raises(DataError, match=words) as error:
        expand_paths([web.url + path])
    assert web.url in error.value.message


def test_what_may_not_be_read_says_where_credentials_come_from(web: Web) -> None:
    web.forbidden.add("/2024-01.nc")
    with pytest.raises(DataError, match="may not be read") as error:
        expand_paths([f"{web.url}/2024-01.nc"])
    assert "environment" in error.value.message


def test_a_server_that_is_not_there_is_an_error_in_words() -> None:
    with pytest.raises(DataError, match="can't be read") as error:
        expand_paths(["http://127.0.0.1:9/era5.nc"])
    assert "network" in error.value.remedy


SECRET = "s3cr3t-of-mine"


@pytest.mark.parametrize(
    "url",
    [
        f"s3://key:{SECRET}@bucket/era5.zarr",
        f"https://user:{SECRET}@example.org/era5.nc",
        f"https://example.org/era5.nc?X-Amz-Signature={SECRET}",
        f"abfs://{SECRET}@account.dfs.core.windows.net/era5.zarr",
        f"ftp://{SECRET}@example.org/era5.nc",
    ],
)
def test_an_address_with_a_secret_is_refused_and_not_shown(url: str) -> None:
    with pytest.raises(SpecError) as error:
        DataSpec.build({"source": "files", "paths": [url]})
    assert SECRET not in str(error.value)
    with pytest.raises(PathError) as refused:
        expand_paths([url])
    assert SECRET not in str(refused.value)
    assert SECRET not in redact(f"before {url} after")


@pytest.mark.parametrize("text", ["file:///etc/passwd", "memory://x", "s3://", "gs://b::s3://c"])
def test_other_kinds_of_address_are_refused(text: str) -> None:
    with pytest.raises(SpecError, match="paths"):
        DataSpec.build({"source": "files", "paths": [text]})


def test_a_page_reads_no_plain_or_private_host_unless_it_is_listed(
    web: Web, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    with pytest.raises(PathError, match="not encrypted") as error:
        expand_paths([f"{web.url}/2024-01.nc"], roots=[tmp_path])
    assert "AURORA_DASH_HOSTS" in error.value.remedy
    assert web.requests == []
    monkeypatch.setenv("AURORA_DASH_HOSTS", "example.org, 127.0.0.1")
    assert expand_paths([f"{web.url}/2024-01.nc"], roots=[tmp_path])


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "[::1]", "169.254.169.254", "10.1.2.3"])
def test_a_page_connects_to_no_private_address(host: str, tmp_path: Path) -> None:
    with pytest.raises(DataError) as error:
        expand_paths([f"https://{host}/latest/meta-data.nc"], roots=[tmp_path])
    assert "private network" in error.value.message


def test_a_redirection_leads_to_no_private_address(
    web: Web, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The first host passes as public, as one of the internet would; where it sends to does not.
    from aurora_dash.data import remote

    web.redirects["/era5.nc"] = f"http://127.0.0.2:{web.url.rsplit(':', 1)[1]}/2024-01.nc"
    real = remote.ipaddress.ip_address

    class _Public:
        is_global = True

    monkeypatch.setattr(
        remote.ipaddress, "ip_address", lambda a: _Public() if a == "127.0.0.1" else real(a)
    )
    place = Remote(url=f"{web.url}/era5.nc", public_only=True)
    with pytest.raises(DataError, match="private network"):
        stamp_of(place)
    assert all(path == "/era5.nc" for _, path, _ in web.requests)


def test_buckets_are_open_to_a_page_and_the_rule_is_kept_by_the_place(tmp_path: Path) -> None:
    assert not remote_place("s3://bucket/era5.zarr", guarded=True).public_only
    assert remote_place("https://example.org/x.nc", guarded=True).public_only
    assert not remote_place("https://example.org/x.nc", guarded=False).public_only


def test_a_disk_that_is_too_small_is_said_before_anything_is_fetched(
    web: Web, monkeypatch: pytest.MonkeyPatch
) -> None:
    (place,) = expand_paths([f"{web.url}/2024-01.nc"])
    usage = shutil.disk_usage("/")
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage._replace(free=100))
    with pytest.raises(DataError, match=r"only 0\.0 MB are free") as error:
        open_files([place])
    assert "AURORA_DASH_CACHE" in error.value.remedy
    assert all(method == "HEAD" for method, *_ in web.requests)
