"""Files from the Hugging Face hub: cached, resumable, pinned by commit.

``HF_ENDPOINT``, ``HF_HOME`` and ``HF_HUB_OFFLINE`` mean what they mean to `huggingface_hub`.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from urllib.request import getproxies

from aurora_dash.errors import CheckpointError
from aurora_dash.variants import Variant

_PUBLIC_ENDPOINT = "https://huggingface.co"
_PATIENCE_SECONDS = 10.0

Progress = Callable[[int, int], None]
"""Called with the bytes done and the bytes in all."""


def fetch_static(
    variant: Variant, progress: Progress | None = None, *, cache: Path | None = None
) -> Path:
    """The variant's static file on this disk, downloaded if needed; read it with `read_static`."""
    if variant.static_file is None:
        raise CheckpointError(f"Variant {variant.id!r} has no static file.")
    return fetch_file(variant, variant.static_file, progress, cache=cache)


def cached_file(variant: Variant, filename: str, cache: Path | None = None) -> Path | None:
    """A file of the variant's repository if it was downloaded before; no network is touched."""
    from huggingface_hub import try_to_load_from_cache

    found = try_to_load_from_cache(
        variant.repository, filename, cache_dir=cache, revision=variant.revision
    )
    # Any other answer says that the file is known to be missing, or not known at all.
    return Path(found) if isinstance(found, str) else None


def fetch_file(
    variant: Variant,
    filename: str,
    progress: Progress | None = None,
    *,
    cache: Path | None = None,
) -> Path:
    """A file of the variant's repository on this disk, downloaded if it is not there yet.

    `cache` replaces the hub's own cache folder. Raises `CheckpointError` when the hub can't be
    reached or does not have the file.
    """
    if found := cached_file(variant, filename, cache):
        return found
    from huggingface_hub import hf_hub_download
    from huggingface_hub.errors import (
        EntryNotFoundError,
        HfHubHTTPError,
        LocalEntryNotFoundError,
        OfflineModeIsEnabled,
        RepositoryNotFoundError,
        RevisionNotFoundError,
    )

    endpoint = os.environ.get("HF_ENDPOINT") or None
    where = f"{variant.repository}/{filename} @ {variant.revision[:8]}"
    if not is_reachable(endpoint):
        raise _unreachable(where)
    try:
        return Path(
            hf_hub_download(
                variant.repository,
                filename,
                revision=variant.revision,
                cache_dir=cache,
                endpoint=endpoint,
                tqdm_class=_reporting_to(progress or _ignore),
            )
        )
    # Being offline raises a kind of EntryNotFoundError, so it comes first.
    except (LocalEntryNotFoundError, OfflineModeIsEnabled) as error:
        raise _unreachable(where) from error
    except (EntryNotFoundError, RepositoryNotFoundError, RevisionNotFoundError) as error:
        raise CheckpointError(
            f"The hub{f' at {endpoint}' if endpoint else ''} does not have {where}.",
            remedy="Check HF_ENDPOINT; a mirror may not hold it.",
        ) from error
    except (HfHubHTTPError, OSError) as error:
        raise CheckpointError(
            f"Fetching {where} failed: {str(error).splitlines()[0] if str(error) else error!r}",
            remedy="Try again: what was downloaded is kept. Check the free space of the disk.",
        ) from error


def is_reachable(endpoint: str | None = None) -> bool:
    """Whether anybody listens at the hub; its client itself tries for 23 seconds before it says.

    `endpoint` None is the public hub. Behind a proxy only the client can tell.
    """
    parts = urlsplit(endpoint or _PUBLIC_ENDPOINT)
    if getproxies() or not parts.hostname:
        return True
    port = parts.port or (80 if parts.scheme == "http" else 443)
    try:
        socket.create_connection((parts.hostname, port), timeout=_PATIENCE_SECONDS).close()
    except OSError:
        return False
    return True


def _unreachable(where: str) -> CheckpointError:
    return CheckpointError(
        f"Can't fetch {where}: the hub can't be reached, and it is not cached here.",
        remedy="Connect to the internet or set HF_ENDPOINT to a mirror; or copy the file here "
        "and choose it as a local file; or start from random weights.",
    )


def _ignore(done: int, total: int) -> None:
    """Stands in where nobody wants to know."""


def _reporting_to(progress: Progress) -> type[Any]:
    """A progress bar class for the hub's client that draws nothing and calls `progress`."""
    from huggingface_hub.utils.tqdm import tqdm

    class Reporter(tqdm):
        def __init__(self, *args: Any, **kwargs: Any) -> None:
            super().__init__(*args, **{**kwargs, "disable": True})  # type: ignore[no-untyped-call]
            self._done = int(kwargs.get("initial") or 0)
            self._all = int(kwargs.get("total") or 0)

        def update(self, n: float | None = 1) -> bool | None:
            self._done += int(n or 0)
            progress(self._done, self._all)
            return None

    return Reporter
