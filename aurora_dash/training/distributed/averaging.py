"""How gradients that are held in bfloat16 become their mean over the processes."""

# Without postponed annotations: torch compares those of a hook with its own types.

from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor


def averaged_in_float32(
    state: object,
    bucket: dist.GradBucket,  # type: ignore[name-defined]
) -> torch.futures.Future[torch.Tensor]:
    """A hook for DDP: the mean is rounded once.

    Summed in bfloat16, of 8 binary digits, it would lose more of them with every process.
    """
    gradients: Tensor = bucket.buffer()
    total = gradients.float().div_(dist.get_world_size())
    exchange: Any = dist.all_reduce(total, async_op=True)

    def rounded(found: torch.futures.Future[list[Tensor]]) -> Tensor:
        return gradients.copy_(found.value()[0])

    return exchange.get_future().then(rounded)  # type: ignore[no-any-return]
