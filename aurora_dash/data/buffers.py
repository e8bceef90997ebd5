"""Memory for batches that is used again as soon as nobody looks at it any more.

Fresh memory has to be given and zeroed by the system page by page, which takes longer than reading
a field from a fast disk.
"""

from __future__ import annotations

import sys
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

_MOST = 64
"""Of a shape; whoever holds more batches at once gets fresh memory."""

# The pool's own list, the loop's name and the argument of getrefcount itself.
_OWN_REFERENCES = 3


class Buffers:
    """Gives tensors; the memory of one is given again once it and all its views are gone.

    Python counts who holds the array under a tensor, and a tensor, its views and what autograd
    keeps of it hold that array: so it can't be given twice, whoever keeps a batch and however
    long. To be used by one thread at a time; others may drop what they hold at any moment.
    """

    def __init__(self, *, pinned: bool = False) -> None:
        """`pinned` memory is copied to a GPU without a detour."""
        self._pinned = pinned
        self._arrays: dict[tuple[int, ...], list[NDArray[np.float32]]] = {}

    def take(self, shape: tuple[int, ...]) -> torch.Tensor:
        """A float32 tensor of any content."""
        known = self._arrays.setdefault(shape, [])
        for array in known:
            if sys.getrefcount(array) == _OWN_REFERENCES:
                return torch.from_numpy(array)
        fresh = self._fresh(shape)
        if len(known) < _MOST:
            known.append(fresh)
        return torch.from_numpy(fresh)

    def _fresh(self, shape: tuple[int, ...]) -> NDArray[Any]:
        if self._pinned:
            # The array holds the tensor whose memory it shares.
            pinned: NDArray[Any] = torch.empty(shape, pin_memory=True).numpy()
            return pinned
        return np.empty(shape, np.float32)
