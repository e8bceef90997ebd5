"""From a process that was started together with others to a process group, and back."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from itertools import count

import torch.distributed as dist
from torch.distributed.distributed_c10d import PrefixStore, ProcessGroup, Store
from torch.distributed.rendezvous import rendezvous

from aurora_dash.errors import TrainingError
from aurora_dash.runs.status import RunState
from aurora_dash.training.distributed.lookout import Lookout
from aurora_dash.training.distributed.place import Place
from aurora_dash.training.distributed.world import World
from aurora_dash.training.keeper import Keeper

# For operations that all processes come to at about the same time.
_TIMEOUT = timedelta(minutes=30)
# For waiting while the first process saves, or a person pauses the run. Nobody waits so long for a
# lost process: the lookout sees to that.
_PATIENCE = timedelta(days=365)
_BACKEND = "cpu:gloo,cuda:nccl"

_NUMBERS = count()


@contextmanager
def joined(place: Place, keeper: Keeper, *, on_gpu: bool) -> Iterator[World]:
    """The world of a run's processes, for the length of a block; alone for one process.

    An exception that all processes raise together goes on in the first alone. One that they do
    not all raise is announced to the others; one that is due to a lost process becomes a
    `TrainingError` that names it.
    """
    if place.size == 1:
        yield World()
        return
    store = _meet(place, on_gpu=on_gpu)

    def on_end(lost: TrainingError) -> None:
        keeper.update(state=RunState.FAILED, reason=lost.message, remedy=lost.remedy)

    lookout = Lookout(store.clone(), place.rank, place.size, on_end=on_end)
    try:
        talk = dist.new_group(backend="gloo", timeout=_PATIENCE)
        assert isinstance(talk, ProcessGroup)
        world = World(place.rank, place.size, local_rank=place.local_rank, talk=talk)
        try:
            yield world
            world.gather(None)
            # The others may be gone from here on.
            lookout.close()
        except BaseException as error:
            if error is world.agreed:
                world.gather(None)
                if world.is_first:
                    raise
                # The first process says what all know.
                keeper.update(state=RunState.FAILED, reason=str(error))
                return
            lost = lookout.lost() if isinstance(error, RuntimeError) else None
            if lost is None:
                lookout.announce(error)
                raise
            raise lost from error
    finally:
        # Where connections are broken this may wait for ever, unless the lookout ends it.
        dist.destroy_process_group()
        lookout.close()


def _meet(place: Place, *, on_gpu: bool) -> Store:
    """Start the default process group; the store through which the processes found each other."""
    store, rank, size = next(iter(rendezvous("env://", timeout=_TIMEOUT)))
    # What an earlier training of these processes left in the store is not for this one.
    store = PrefixStore(f"training/{next(_NUMBERS)}", store)
    dist.init_process_group(
        _BACKEND if on_gpu else "gloo", store=store, rank=rank, world_size=size, timeout=_TIMEOUT
    )
    return PrefixStore("lookout", store)
