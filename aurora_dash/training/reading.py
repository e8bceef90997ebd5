"""What `spec.loader` means: samples, their order, and how far ahead they are read."""

from __future__ import annotations

from collections.abc import Sequence

import torch
import xarray as xr

from aurora_dash.data.batches import VariableNames, WindowSamples
from aurora_dash.data.windows import Window
from aurora_dash.data.workers import Workers
from aurora_dash.spec import RunSpec
from aurora_dash.training.order import BatchOrder


def samples_of(
    spec: RunSpec, dataset: xr.Dataset, windows: Sequence[Window], *, share: int = 1
) -> WindowSamples:
    """Samples of a canonical data set, read as the spec says.

    They take one `share`-th of the memory that the spec gives for times that are kept.
    """
    return WindowSamples(
        dataset,
        windows,
        VariableNames.of(spec),
        cache_bytes=spec.loader.cache_megabytes * 2**20 // share,
        keep_steps=_neighbourhood(windows) * spec.training.batch_size
        if spec.loader.shuffle == "blocks"
        else 0,
        workers=Workers(spec.loader.workers, name="reader"),
        pinned=spec.loader.pin_memory and torch.cuda.is_available(),
    )


def order_of(spec: RunSpec, num_samples: int) -> BatchOrder:
    """The order of the batches of a run on that many samples."""
    block = spec.loader.block if spec.loader.shuffle == "blocks" else None
    return BatchOrder(num_samples, spec.training.batch_size, spec.training.seed, block=block)


def _neighbourhood(windows: Sequence[Window]) -> int:
    """How many times to keep so that walking through neighbours reads each once."""
    spans = (max(window.indices) - min(window.indices) + 1 for window in windows)
    return max(spans, default=0)
