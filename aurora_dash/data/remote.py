"""Data at ``s3://``, ``gs://``, ``az://`` and ``https://``: who may be asked, and how.

Credentials come from the environment alone, where the services' own clients look for them:
``AWS_*`` and ``~/.aws``, ``GOOGLE_APPLICATION_CREDENTIALS`` and gcloud's login,
``AZURE_STORAGE_*``, ``~/.netrc``; so do endpoints (``AWS_ENDPOINT_URL``,
``STORAGE_EMULATOR_HOST``, ``AZURE_STORAGE_CONNECTION_STRING``). Without any, buckets are read as
anybody may read them. No secret is kept by or shown in anything here.
"""

from __future__ import annotations

import errno
import hashlib
import ipaddress
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from urllib.request import getproxies

from aurora_dash.data.places import Remote
from aurora_dash.errors import DataError, PathError
from aurora_dash.spec.urls import check_place, redact

HOSTS_VARIABLE = "AURORA_DASH_HOSTS"
_WEB = ("http", "https")
_CONNECT_SECONDS, _READ_SECONDS = 20, 120
_SECRETS = ("KEY", "SECRET", "TOKEN", "PASSWORD", "CONNECTION_STRING", "CREDENTIAL")
_SHORTEST_SECRET = 8


@dataclass(frozen=True, kw_only=True)
class Told:
    """What a server tells about a file without sending it."""

    num_bytes: int | None
    version: str
    """Changes with the content: a digest of the entity tag, or of time and size."""
    md5: str | None = None
    """Of the content, in hexadecimal, where the entity tag is just that."""


def remote_place(text: str, *, guarded: bool) -> Remote:
    """The address that `text` means; with `guarded` under the rule for addresses typed in a page.

    The rule: object stores and ``https://`` of the public internet; other hosts, and ``http://``,
    only where the environment variable ``AURORA_DASH_HOSTS`` (hosts, or host:port, separated by
    commas) names them. `PathError` otherwise.
    """
    url = text.strip()
    try:
        check_place(url)
    except ValueError as error:
        raise PathError(f"{redact(url)} can't be used: {error}.") from error
    place = Remote(url=url.rstrip("/"))
    if place.scheme not in _WEB or not guarded or _is_listed(url):
        return place
    if place.scheme == "http":
        raise PathError(
            f"{url} is not encrypted, and its host is not among those that this dashboard may "
            "read over http.",
            remedy=f"Use https://, or start the dashboard with {HOSTS_VARIABLE} naming the host.",
        )
    return Remote(url=place.url, public_only=True)


def filesystem(place: Remote, *, asynchronous: bool = False) -> Any:
    """The fsspec file system for an address, with credentials from the environment.

    One that is `asynchronous` is for a store of Zarr, which reads on its own event loop.
    """
    scheme = {"gcs": "gs", "abfss": "abfs"}.get(place.scheme, place.scheme)
    options: dict[str, Any] = {"use_listings_cache": False, "asynchronous": asynchronous}
    if scheme == "s3":
        times = {"connect_timeout": _CONNECT_SECONDS, "read_timeout": _READ_SECONDS}
        options |= {"config_kwargs": times, "anon": not _has_aws_credentials()}
    elif scheme == "gs" and not _has_google_credentials():
        options["token"] = "anon"
    elif scheme in _WEB:
        options |= _web_options(public_only=place.public_only)
    return _kind(scheme, asynchronous=asynchronous)(**options)


def _kind(scheme: str, *, asynchronous: bool) -> Any:
    if scheme == "gs":
        # The class by default asks over gRPC for the kind of bucket first, for minutes if refused.
        from gcsfs.core import GCSFileSystem

        return GCSFileSystem
    if scheme in ("az", "abfs") and asynchronous:
        from aurora_dash.data.azure import AzureOnZarr

        return AzureOnZarr
    from fsspec import get_filesystem_class

    return get_filesystem_class(scheme)  # type: ignore[no-untyped-call]


@contextmanager
def reaching(place: Remote) -> Iterator[None]:
    """What goes wrong on the way to an address, as `PathError` or `DataError` in words."""
    try:
        yield
    except errors_of(place.url) as error:
        raise unreachable(place.url, error) from error


def errors_of(source: str) -> tuple[type[Exception], ...]:
    """The exceptions by which reading from an address (or a path) may fail."""
    scheme = source.split("://")[0].lower() if "://" in source else ""
    kinds: list[type[Exception]] = [OSError, EOFError]
    if scheme:
        import aiohttp

        kinds += [aiohttp.ClientError, ValueError, RuntimeError]
    if scheme == "s3":
        from botocore.exceptions import BotoCoreError, ClientError

        kinds += [BotoCoreError, ClientError]
    elif scheme in ("gs", "gcs"):
        from gcsfs.retry import HttpError
        from google.auth.exceptions import GoogleAuthError

        kinds += [HttpError, GoogleAuthError]
    elif scheme in ("az", "abfs", "abfss"):
        from azure.core.exceptions import AzureError

        kinds.append(AzureError)
    return tuple(kinds)


def unreachable(url: str, error: BaseException) -> DataError:
    """What a failure on the way to `url` means, without anything secret in it."""
    # The client for the web calls every failure a missing file; what it was is the cause.
    cause = error.__cause__ if isinstance(error, FileNotFoundError) else None
    found = cause if cause is not None and not isinstance(cause, FileNotFoundError) else error
    status = getattr(found, "status", None)
    if isinstance(found, FileNotFoundError) or status == 404:
        return PathError(f"There is nothing at {url}.", remedy="Check the address.")
    if isinstance(found, PermissionError) or status in (401, 403):
        return PathError(
            f"{url} may not be read with the credentials in the environment.",
            remedy="Set those of an account that may, as the service's own client expects them.",
        )
    said = _without_secrets(str(found)).strip() or type(found).__name__
    return DataError(
        f"{url} can't be read: {said[:300]}.",
        remedy="Check the address, the network and the credentials in the environment, then retry.",
    )


def told_about(place: Remote) -> Told:
    """Size and version of a file, or the version of a Zarr store; the server is asked once."""
    with reaching(place):
        files = filesystem(place)
        told = files.info(_store_root(place, files) if place.is_store else place.url)
    tag = str(told.get("ETag") or told.get("etag") or "").strip('"')
    when = told.get("LastModified") or told.get("last_modified") or told.get("mtime") or ""
    version = hashlib.sha256(f"{tag}|{when if not tag else ''}|{told.get('size')}".encode())
    # An entity tag of S3 is the MD5 of the content unless it was sent in parts, or encrypted.
    plain = place.scheme == "s3" and len(tag) == 32 and not told.get("ServerSideEncryption")
    return Told(
        num_bytes=told.get("size"), version=version.hexdigest()[:32], md5=tag if plain else None
    )


def _store_root(place: Remote, files: Any) -> str:
    roots = [f"{place.url}/{name}" for name in ("zarr.json", ".zmetadata", ".zgroup")]
    return next((root for root in roots if files.exists(root)), roots[0])


def _is_listed(url: str) -> bool:
    parts = urlsplit(url)
    listed = {host.strip().lower() for host in os.environ.get(HOSTS_VARIABLE, "").split(",")}
    return bool(listed & {parts.netloc.lower(), (parts.hostname or "").lower()} - {""})


def _has_aws_credentials() -> bool:
    container = "AWS_CONTAINER_CREDENTIALS"
    named: tuple[str, ...] = (
        "AWS_ACCESS_KEY_ID",
        "AWS_PROFILE",
        "AWS_ROLE_ARN",
        "AWS_WEB_IDENTITY_TOKEN_FILE",
    )
    named = (*named, f"{container}_RELATIVE_URI", f"{container}_FULL_URI")
    place = os.environ.get("AWS_SHARED_CREDENTIALS_FILE", "~/.aws/credentials")
    return any(os.environ.get(name) for name in named) or Path(place).expanduser().is_file()


def _has_google_credentials() -> bool:
    named = ("GOOGLE_APPLICATION_CREDENTIALS", "FSSPEC_GS_TOKEN", "FSSPEC_GCS_TOKEN")
    folder = Path(os.environ.get("CLOUDSDK_CONFIG", "~/.config/gcloud")).expanduser()
    login = folder / "application_default_credentials.json"
    return any(os.environ.get(name) for name in named) or login.is_file()


def _web_options(*, public_only: bool) -> dict[str, Any]:
    import aiohttp

    times = aiohttp.ClientTimeout(
        total=None, sock_connect=_CONNECT_SECONDS, sock_read=_READ_SECONDS
    )
    options: dict[str, Any] = {"client_kwargs": {"trust_env": True, "timeout": times}}
    # A proxy is connected to instead of the host, and decides for itself.
    if public_only and not {"http", "https", "all"} & getproxies().keys():
        options["get_client"] = _public_client
    return options


async def _public_client(**options: Any) -> Any:
    import aiohttp

    options.pop("loop", None)
    connector = aiohttp.TCPConnector(socket_factory=_public_socket)
    return aiohttp.ClientSession(connector=connector, **options)


def _public_socket(address: Any) -> socket.socket:
    """Asked for every connection, redirections included, with the address it really goes to."""
    family, kind, protocol, _, target = address
    if not ipaddress.ip_address(target[0].split("%")[0]).is_global:
        raise OSError(
            errno.EHOSTUNREACH,
            f"the host lies in a private network, which this dashboard reads from only where "
            f"{HOSTS_VARIABLE} names it",
        )
    return socket.socket(family, kind, protocol)


def _without_secrets(text: str) -> str:
    for name, value in os.environ.items():
        if len(value) >= _SHORTEST_SECRET and any(part in name.upper() for part in _SECRETS):
            text = text.replace(value, "...")
    return redact(" ".join(text.split()))
