"""All that a training step must know of the processes beside its own."""

from __future__ import annotations

from dataclasses import dataclass, field

from aurora_dash.training.distributed.forward import Forward
from aurora_dash.training.distributed.share import Share
from aurora_dash.training.distributed.world import World


@dataclass(frozen=True)
class Team:
    """The processes of a run, as one of them sees them; alone by default."""

    world: World = field(default_factory=World)
    share: Share = field(default_factory=Share)
    forward: Forward = field(default_factory=Forward)
