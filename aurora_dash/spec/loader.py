"""How samples get from disk to the model: in which order, how far ahead, by how many threads."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from aurora_dash.spec.base import PositiveInt, SpecModel


class LoaderSpec(SpecModel):
    """How samples are read. Only `shuffle` and `block` change what is learnt."""

    shuffle: Literal["full", "blocks"] = "full"
    """``full``: every sample by itself. ``blocks``: runs of `block` neighbouring samples, whose
    times overlap, so that each time is read once; with a batch size above one every sample of a
    batch comes from another run. The times of one sample of each are kept in memory for it."""
    block: PositiveInt = 32
    """Neighbouring samples in a run, for ``blocks``: more read less twice, fewer mix better."""
    prefetch: Annotated[int, Field(gt=0, le=64)] = 1
    """Batches that are read ahead of the one trained on; each takes memory."""
    workers: Annotated[int, Field(gt=0, le=64)] = 1
    """Threads that read the fields of a training store; other formats are read by one."""
    cache_megabytes: Annotated[int, Field(ge=0)] = 512
    """Memory (MiB) in which times that were read are kept for other samples."""
    pin_memory: bool = False
    """Read into page-locked memory, from which copies to a CUDA device are faster; without such
    a device it changes nothing."""
    normalise_on_cpu: bool = False
    """Normalise inputs and targets before they go to the GPU, which then never holds them twice:
    slower, and half a GiB less for a sample of 721 x 1440 x 13, 3.4 GiB at 0.1 degrees."""
