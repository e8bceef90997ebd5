"""A machine that runs short: memory of the device or the host, room on the disk."""

from __future__ import annotations

from aurora_dash.spec import RunSpec
from aurora_dash.training.health import remedies
from aurora_dash.training.health.memory import memory_remedies
from aurora_dash.training.health.rules import Record, Sign, Signs, number

_GIB = 2**30
_CHECKPOINTS_AHEAD = 2


class Memory:
    """What is used is near to what there is, on the device or in the machine."""

    explanation = (
        "The next larger batch, a validation or another program may end the run with an "
        "out-of-memory error; a machine that begins to swap becomes many times slower."
    )
    advice = "Apply one of the remedies, the first saves most, or end other programs."

    def __init__(self, spec: RunSpec) -> None:
        self._share = spec.health.memory.share
        self._remedies = memory_remedies(spec)

    def look(self, record: Record) -> Signs | None:
        """Compare use and limit, of the device and of the host."""
        places = (
            ("device", "The training uses", "memory_bytes", "memory_limit_bytes"),
            ("host", "The machine's memory is in use to", "host_used_bytes", "host_limit_bytes"),
        )
        known, signs = False, []
        for subject, what, used_name, limit_name in places:
            used, limit = number(record, used_name), number(record, limit_name)
            if used is None or not limit:
                continue
            known = True
            if used > self._share * limit:
                message = (
                    f"{what} {used / _GIB:.1f} of {limit / _GIB:.1f} GiB ({used / limit:.0%})."
                )
                signs.append(Sign(message=message, remedies=self._remedies, subject=subject))
        return tuple(signs) if known else None


class Disk:
    """The disk of the run's folder is nearly full."""

    explanation = (
        "A checkpoint that does not fit pauses the run until there is room; the metrics need "
        "little, but need it too."
    )
    advice = (
        "Delete old runs or move them to another disk; --runs or AURORA_DASH_RUNS chooses another "
        "place for new ones."
    )

    def __init__(self, spec: RunSpec) -> None:
        self._least = spec.health.disk.free_gib * _GIB
        self._remedies = remedies.usable(spec, (remedies.keep_fewer(spec),))

    def look(self, record: Record) -> Signs | None:
        """Compare what is free with what the next checkpoints need."""
        free = number(record, "disk_free_bytes")
        if free is None:
            return None
        checkpoint = number(record, "checkpoint_bytes") or 0.0
        wanted = max(self._least, _CHECKPOINTS_AHEAD * checkpoint)
        if free >= wanted:
            return ()
        takes = f", a checkpoint takes {checkpoint / _GIB:.2g}" if checkpoint else ""
        message = (
            f"{free / _GIB:.2g} GiB are free on the disk of the run; {wanted / _GIB:.2g} GiB are "
            f"wanted{takes}."
        )
        return (Sign(message=message, remedies=self._remedies),)
