"""Checkpoints from the Hugging Face hub."""

from __future__ import annotations

from pathlib import Path

from aurora_dash.data.hub import Progress, cached_file, fetch_file
from aurora_dash.variants import Variant


def fetch_checkpoint(
    variant: Variant, progress: Progress | None = None, *, cache: Path | None = None
) -> Path:
    """The variant's checkpoint on this disk, downloaded if it is not there yet.

    `cache` replaces the hub's own cache folder. Raises `CheckpointError` when the hub can't be
    reached or does not have the file.
    """
    return fetch_file(variant, variant.filename, progress, cache=cache)


def cached_checkpoint(variant: Variant, *, cache: Path | None = None) -> Path | None:
    """The variant's checkpoint if it was downloaded before; never touches the network."""
    return cached_file(variant, variant.filename, cache)
