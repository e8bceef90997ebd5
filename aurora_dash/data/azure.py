"""Azure's client for stores that are read on Zarr's event loop, closed before that loop ends.

adlfs closes a client at the interpreter's exit on the loop that it was made with. One that is
made to be used on another's loop has none, so that closing it failed with a traceback; and on
fsspec's loop a connection can't be closed that belongs to Zarr's.
"""

from __future__ import annotations

import atexit
from asyncio import AbstractEventLoop
from typing import Any

from adlfs import AzureBlobFileSystem
from adlfs.utils import close_credential, close_service_client
from fsspec.asyn import get_loop

_CLOSE_SECONDS = 10.0


class AzureOnZarr(AzureBlobFileSystem):
    """Asynchronous, for a store of Zarr alone."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        # Of what is registered the last is called first: Zarr's loop, imported before, runs still.
        atexit.register(_close, self)

    @property
    def loop(self) -> AbstractEventLoop:
        """What adlfs closes the client on, which is closed already then."""
        loop: AbstractEventLoop = super().loop or get_loop()  # type: ignore[no-untyped-call]
        return loop


def _close(files: AzureOnZarr) -> None:
    from zarr.core import sync

    # Without it nothing was read, and no connection is open.
    if sync.loop[0] is not None:
        sync.sync(_end(files), timeout=_CLOSE_SECONDS)


async def _end(files: AzureOnZarr) -> None:
    await close_service_client(files)  # type: ignore[no-untyped-call]
    await close_credential(files)  # type: ignore[no-untyped-call]
