"""Whose account at which data store: address and key from where the stores' own clients look.

The environment comes first (``ECMWF_DATASTORES_URL``/``_KEY``, then ``CDSAPI_URL``/``_KEY``), then
``~/.ecmwfdatastoresrc`` and ``~/.cdsapirc`` (other places: ``ECMWF_DATASTORES_RC_FILE``,
``CDSAPI_RC``). One key serves all stores of ECMWF.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from aurora_dash.data.fetch.sources import SourceId
from aurora_dash.errors import DataError

CDS_URL = "https://cds.climate.copernicus.eu/api"
ADS_URL = "https://ads.atmosphere.copernicus.eu/api"

_PREFIXES = ("ECMWF_DATASTORES", "CDSAPI")
_FILES = (("ECMWF_DATASTORES_RC_FILE", "~/.ecmwfdatastoresrc"), ("CDSAPI_RC", "~/.cdsapirc"))


@dataclass(frozen=True, kw_only=True)
class Account:
    """Address and key of a data store."""

    url: str
    key: str = field(repr=False)

    @property
    def host(self) -> str:
        """The store's name in messages."""
        return urlsplit(self.url).hostname or "the data store"

    @property
    def site(self) -> str:
        """The store's website."""
        return self.url.removesuffix("/api")

    def without_key(self, text: str) -> str:
        """A text of the store, in which the key can't stand."""
        return text.replace(self.key, "***")


def find_account(source: SourceId) -> Account:
    """The account for a source; `DataError` says where to get a key and which file to write."""
    public = ADS_URL if source == "cams" else CDS_URL
    for place, settings in _places():
        key = settings.get("key", "")
        if not key:
            continue
        if ":" in key:
            raise DataError(
                f"The key in {place} is of the old form 'user:key', which the data stores no "
                "longer take.",
                remedy=f"Copy the personal access token from {_profile(public)} instead.",
            )
        url = settings.get("url", "").rstrip("/") or public
        # The usual file names the CDS; the same key opens the ADS.
        return Account(url=public if url in (CDS_URL, ADS_URL) else url, key=key)
    raise DataError(
        "There is no key for the Copernicus data stores: neither in the environment "
        "(CDSAPI_KEY, ECMWF_DATASTORES_KEY) nor in ~/.cdsapirc or ~/.ecmwfdatastoresrc.",
        remedy=f"Register at {public.removesuffix('/api')}, copy the personal access token from "
        f"{_profile(public)}, and write two lines into ~/.cdsapirc: 'url: {public}' and "
        "'key: <your token>'.",
    )


def _profile(url: str) -> str:
    return f"{url.removesuffix('/api')}/profile"


def _places() -> Iterator[tuple[str, Mapping[str, str]]]:
    for prefix in _PREFIXES:
        key, url = os.environ.get(f"{prefix}_KEY", ""), os.environ.get(f"{prefix}_URL", "")
        yield f"the environment variable {prefix}_KEY", {"key": key.strip(), "url": url.strip()}
    for variable, usual in _FILES:
        path = Path(os.environ.get(variable) or usual).expanduser()
        settings = _read(path)
        for prefix in _PREFIXES:
            if url := os.environ.get(f"{prefix}_URL", "").strip():
                settings = {**settings, "url": url}
                break
        yield str(path), settings


def _read(path: Path) -> dict[str, str]:
    """The settings in a file of lines ``name: value``; none if there is no such file."""
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return {}
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(
            f"{path} can't be read: {type(error).__name__}.",
            remedy="It should hold the lines 'url: ...' and 'key: ...', and be readable by you.",
        ) from None
    pairs = (line.split(":", 1) for line in text.splitlines() if ":" in line)
    return {name.strip(): value.strip() for name, value in pairs}
