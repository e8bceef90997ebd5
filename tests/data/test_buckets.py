"""Buckets: S3 on moto's server, Google's and Azure's on small servers of their protocols."""

from __future__ import annotations

import hashlib
import subprocess
import sys
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import ClassVar
from urllib.parse import parse_qs, unquote, urlsplit

import numpy as np
import pytest
import xarray as xr

from aurora_dash.data.cache import local_copy
from aurora_dash.data.open import open_files
from aurora_dash.data.places import stamp_of
from aurora_dash.data.remote import _kind, filesystem, remote_place, unreachable
from aurora_dash.data.roots import expand_paths
from aurora_dash.errors import DataError
from tests.local_server import QuietHandler, serving

Small = Callable[..., xr.Dataset]


@pytest.fixture
def objects(tmp_path: Path, small: Small) -> dict[str, bytes]:
    """A NetCDF file and a store, by the names of their objects."""
    folder = tmp_path / "objects" / "era5"
    folder.mkdir(parents=True)
    small().to_netcdf(folder / "2024-01.nc", engine="netcdf4")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        small().to_zarr(folder / "all.zarr", zarr_format=2, consolidated=True)
    return {
        str(path.relative_to(folder.parent)): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }


@pytest.fixture(autouse=True)
def _own_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("AURORA_DASH_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("NO_PROXY", "127.0.0.1,localhost")
    monkeypatch.setenv("HOME", str(tmp_path))
    # Clients that are kept know the server of the test before.
    for scheme in ("s3", "gs", "abfs"):
        _kind(scheme, asynchronous=False).clear_instance_cache()
    _kind("abfs", asynchronous=True).clear_instance_cache()


def _assert_all_opens_in(bucket: str, small: Small, roots: list[Path]) -> None:
    (file,) = expand_paths([f"{bucket}/era5/*.nc"], roots=roots)
    (store,) = expand_paths([f"{bucket}/era5/all.zarr"], roots=roots)
    assert [place.name for place in expand_paths([f"{bucket}/era5"])] == ["2024-01.nc", "all.zarr"]
    for place in (file, store):
        dataset = open_files([place]).dataset
        np.testing.assert_array_equal(dataset["surf_2t"].values, small()["t2m"].values)
        assert stamp_of(place) == stamp_of(place)
    with pytest.raises(DataError, match="nothing at"):
        expand_paths([f"{bucket}/era5/missing.nc"])


@pytest.fixture
def s3(monkeypatch: pytest.MonkeyPatch, objects: dict[str, bytes]) -> Iterator[str]:
    import boto3
    from moto.server import ThreadedMotoServer

    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://{host}:{port}")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIA-of-a-test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "the-secret-of-a-test")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    client = boto3.client("s3")
    client.create_bucket(Bucket="weather")
    for name, content in objects.items():
        client.put_object(Bucket="weather", Key=name, Body=content)
    yield "s3://weather"
    server.stop()


@pytest.mark.slow
def test_a_bucket_of_s3(s3: str, small: Small, tmp_path: Path) -> None:
    _assert_all_opens_in(s3, small, [tmp_path])


@pytest.mark.slow
def test_no_key_of_s3_is_shown_when_it_fails(s3: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(DataError) as error:
        expand_paths(["s3://no-such-bucket-here/era5.nc"])
    assert "secret" not in str(error.value)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "another-secret")
    assert "another-secret" not in str(unreachable(s3, OSError("signed with another-secret")))


class _Objects(QuietHandler):
    """What is common to both: ranges of the content of an object."""

    objects: dict[str, bytes]
    ranges: ClassVar[list[str]] = []
    """Of what was asked for, of all servers of a test."""

    def do_HEAD(self) -> None:
        self.do_GET()

    def _content(self, content: bytes, headers: dict[str, str]) -> None:
        given = self.headers.get("Range") or self.headers.get("x-ms-range")
        first, last = 0, len(content) - 1
        if self.command == "GET":
            self.ranges.append(given or "all")
        if given:
            start, _, end = given.removeprefix("bytes=").partition("-")
            first, last = int(start), min(int(end or last), last)
            headers = {**headers, "Content-Range": f"bytes {first}-{last}/{len(content)}"}
        self._say(206 if given else 200, content[first : last + 1], headers)

    def _say(self, status: int, body: bytes, headers: dict[str, str]) -> None:
        self.send_response(status)
        for name, value in {**headers, "Content-Length": str(len(body))}.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)


class _Google(_Objects):
    """The part of the JSON API that is needed to list and read."""

    def do_GET(self) -> None:
        parts = urlsplit(self.path)
        query = {name: values[0] for name, values in parse_qs(parts.query).items()}
        _, _, name = parts.path.partition("/o/")
        key = unquote(name)
        if parts.path.endswith("/o"):
            self._json(self._listing(query))
        elif key not in self.objects:
            self._json({"error": {"code": 404, "message": "Not Found"}}, 404)
        elif query.get("alt") == "media" or parts.path.startswith("/download/"):
            self._content(self.objects[key], {})
        else:
            self._json(self._about(key))

    def _about(self, key: str) -> dict[str, object]:
        content = self.objects[key]
        digest = hashlib.md5(content, usedforsecurity=False).hexdigest()
        return {"kind": "storage#object", "name": key, "bucket": "weather",
                "size": str(len(content)), "etag": digest, "updated": "2024-01-01T00:00:00.000Z",
                "timeCreated": "2024-01-01T00:00:00.000Z", "generation": "1"}  # fmt: skip

    def _listing(self, query: dict[str, str]) -> dict[str, object]:
        prefix, delimiter = query.get("prefix", ""), query.get("delimiter", "")
        found = [key for key in self.objects if key.startswith(prefix)]
        rest = {key: key[len(prefix) :] for key in found}
        deeper = {prefix + r.split("/")[0] + "/" for r in rest.values() if delimiter and "/" in r}
        here = [key for key in found if not (delimiter and "/" in rest[key])]
        return {"kind": "storage#objects", "items": [self._about(key) for key in here],
                "prefixes": sorted(deeper)}  # fmt: skip

    def _json(self, document: object, status: int = 200) -> None:
        import json

        self._say(status, json.dumps(document).encode(), {"Content-Type": "application/json"})


class _Azure(_Objects):
    """The part of the blob service that is needed to list and read."""

    def do_GET(self) -> None:
        parts = urlsplit(self.path)
        query = {name: values[0] for name, values in parse_qs(parts.query).items()}
        key = unquote(parts.path).removeprefix("/account/weather").strip("/")
        if query.get("comp") == "list":
            self._say(200, self._listing(query).encode(), {"Content-Type": "application/xml"})
        elif not key and query.get("restype") == "container":
            self._say(200, b"", {"Last-Modified": self._when, "ETag": '"0x1"'})
        elif key not in self.objects:
            self._say(404, b"", {"x-ms-error-code": "BlobNotFound"})
        else:
            headers = {"Last-Modified": self._when, "x-ms-blob-type": "BlockBlob"}
            self._content(self.objects[key], {**headers, "ETag": f'"{len(self.objects[key])}"'})

    _when = "Mon, 01 Jan 2024 00:00:00 GMT"

    def _listing(self, query: dict[str, str]) -> str:
        prefix, delimiter = query.get("prefix", ""), query.get("delimiter", "")
        entries, deeper = [], set()
        for key, content in sorted(self.objects.items()):
            if not key.startswith(prefix):
                continue
            rest = key[len(prefix) :]
            if delimiter and delimiter in rest:
                deeper.add(prefix + rest.split(delimiter)[0] + delimiter)
                continue
            entries.append(
                f"<Blob><Name>{key}</Name><Properties><Last-Modified>{self._when}</Last-Modified>"
                f"<Etag>{len(content)}</Etag><Content-Length>{len(content)}</Content-Length>"
                "<Content-Type>application/octet-stream</Content-Type>"
                "<BlobType>BlockBlob</BlobType></Properties></Blob>"
            )
        entries += [f"<BlobPrefix><Name>{name}</Name></BlobPrefix>" for name in sorted(deeper)]
        return (
            '<?xml version="1.0" encoding="utf-8"?><EnumerationResults ContainerName="weather">'
            f"<Blobs>{''.join(entries)}</Blobs><NextMarker/></EnumerationResults>"
        )


def _serve(kind: type[_Objects], objects: dict[str, bytes]) -> Iterator[str]:
    handler = type("Handler", (kind,), {"objects": objects, "protocol_version": "HTTP/1.1"})
    with serving(handler) as address:
        yield address


@pytest.fixture
def google(monkeypatch: pytest.MonkeyPatch, objects: dict[str, bytes]) -> Iterator[str]:
    for address in _serve(_Google, objects):
        monkeypatch.setenv("STORAGE_EMULATOR_HOST", address)
        yield "gs://weather"


@pytest.fixture
def azure(monkeypatch: pytest.MonkeyPatch, objects: dict[str, bytes]) -> Iterator[str]:
    for address in _serve(_Azure, objects):
        monkeypatch.setenv(
            "AZURE_STORAGE_CONNECTION_STRING",
            "DefaultEndpointsProtocol=http;AccountName=account;"
            f"AccountKey=c2VjcmV0LW9mLWEtdGVzdA==;BlobEndpoint={address}/account;",
        )
        yield "az://weather"


@pytest.mark.slow
def test_a_bucket_of_google(google: str, small: Small, tmp_path: Path) -> None:
    _assert_all_opens_in(google, small, [tmp_path])


@pytest.mark.slow
@pytest.mark.parametrize("scheme", ["az", "abfs"])
def test_a_container_of_azure(azure: str, small: Small, tmp_path: Path, scheme: str) -> None:
    _assert_all_opens_in(azure.replace("az://", f"{scheme}://"), small, [tmp_path])


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["s3", "google", "azure"])
def test_a_process_that_read_a_store_ends_without_a_word(
    kind: str, request: pytest.FixtureRequest, small: Small
) -> None:
    place = f"{request.getfixturevalue(kind)}/era5/all.zarr"
    code = (
        # Whatever is finalised at the exit is then called last, when Zarr's loop has ended.
        "import weakref; weakref.finalize(type('Early', (), {}), int)\n"
        "from aurora_dash.data.open import open_files\n"
        "from aurora_dash.data.roots import expand_paths\n"
        f"dataset = open_files(expand_paths([{place!r}])).dataset\n"
        "print(float(dataset['surf_2t'].sum()))"
    )
    ended = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False, timeout=120
    )
    assert (ended.returncode, ended.stderr) == (0, "")
    assert float(ended.stdout) == pytest.approx(float(small()["t2m"].sum()), rel=1e-6)


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["s3", "google", "azure"])
def test_what_a_killed_process_fetched_of_a_bucket_is_gone_on_with(
    kind: str, request: pytest.FixtureRequest, objects: dict[str, bytes]
) -> None:
    (place,) = expand_paths([f"{request.getfixturevalue(kind)}/era5/2024-01.nc"])
    content = objects["era5/2024-01.nc"]
    copy, _ = local_copy(place)
    assert copy.read_bytes() == content
    # As it is when a process was killed with the connection open.
    copy.with_name(f"{copy.name}.json").unlink()
    copy.replace(copy.with_name(f"{copy.name}.part"))
    with copy.with_name(f"{copy.name}.part").open("r+b") as part:
        part.truncate(1000)
    _Objects.ranges.clear()
    assert local_copy(place)[0].read_bytes() == content
    assert not list(copy.parent.glob("*.part"))
    asked = [text for text in _Objects.ranges if text != "all"]
    assert all(text.startswith("bytes=1000-") for text in asked)
    assert len(asked) == len(_Objects.ranges) == (0 if kind == "s3" else 1)


@pytest.mark.slow
def test_without_credentials_buckets_are_read_as_anybody_may(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_PROFILE", "GOOGLE_APPLICATION_CREDENTIALS"):
        monkeypatch.delenv(name, raising=False)
    assert filesystem(remote_place("s3://weather/x.nc", guarded=True)).anon
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIA")
    assert not filesystem(remote_place("s3://weather/x.nc", guarded=True)).anon
    google = filesystem(remote_place("gs://weather/x.nc", guarded=True))
    assert google.credentials.token == "anon"
