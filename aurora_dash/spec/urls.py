"""Addresses of data elsewhere: which kinds there are, and that none carries a secret."""

from __future__ import annotations

import re
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import AfterValidator

SCHEMES = ("s3", "gs", "gcs", "az", "abfs", "abfss", "https", "http")
"""What data may be read through; credentials always come from the environment."""

_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.\-]*)://")
_IPV6 = re.compile(r"\[[^\]]*\]")
_USER = re.compile(r"(://)[^/\s'\"]*@")
_QUERY = re.compile(r"(://[^\s'\"?#]*)[?#][^\s'\"]*")


def is_url(text: str) -> bool:
    """Whether a path is an address such as ``s3://bucket/era5.zarr``."""
    return _SCHEME.match(text.strip()) is not None


def redact(text: str) -> str:
    """`text` without what may be secret in the addresses it holds: user, password, query."""
    return _QUERY.sub(r"\1?...", _USER.sub(r"\1...@", text))


def check_place(text: str) -> str:
    """`text`, if it is a path or an address that can be kept in a spec; else `ValueError`.

    Specs are saved, shown and exported, so an address with a user, a password or a signature in
    it is refused. The message quotes nothing of it.
    """
    if not is_url(text):
        return text
    scheme = text.strip().split("://")[0].lower()
    if scheme not in SCHEMES:
        raise ValueError(
            f"{scheme}:// is not supported; give a path or one of "
            + ", ".join(f"{name}://" for name in SCHEMES)
        )
    parts = urlsplit(text.strip())
    if "@" in parts.netloc:
        raise ValueError(
            f"a {scheme}:// address must not hold a user, a password or an account before '@': "
            "credentials come from the environment"
        )
    if "?" in text and scheme in ("http", "https"):
        raise ValueError(
            f"a {scheme}:// address must not have a query (?...), which may hold a signature: "
            "credentials come from the environment"
        )
    if "::" in _IPV6.sub("", text) or "#" in text or not parts.netloc:
        raise ValueError(f"it is no complete {scheme}:// address")
    return text


PlaceText = Annotated[str, AfterValidator(check_place)]
"""A path, a pattern or an address, without secrets."""
