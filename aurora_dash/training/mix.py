"""Training on several data sets together, a batch from one of them at a time."""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import accumulate

import torch

from aurora_dash.data.batches import Foresighted, Sample, Samples
from aurora_dash.training.order import BatchOrder, mix_seed
from aurora_dash.training.terms import Record

_SALT = 0x313C
_STEPS_DRAWN_TOGETHER = 1024

TOLD_BY_PART = ("loss", "persistence_loss")

Validate = Callable[[Callable[[], bool]], Record | None]


@dataclass(frozen=True)
class MixedOrder:
    """Batches of a training that draws each from one of several parts.

    The part of a step is drawn with its weight. Each part gives its samples in its own endless
    order, all of them once before any comes again. Both are functions of seed and step.
    """

    sizes: tuple[int, ...]
    """Number of samples of each part; those of the second are counted on from the first's."""
    weights: tuple[float, ...]
    """Expected shares of the samples, relative to each other."""
    batch_size: int
    seed: int
    block: int | None = None
    """As `BatchOrder` has it, in each part."""

    @property
    def steps_per_epoch(self) -> int:
        """Number of batches that take as many samples as there are."""
        return -(-sum(self.sizes) // self.batch_size)

    def epoch(self, step: int) -> float:
        """How often as many samples as there are were taken after `step` steps."""
        return step * self.batch_size / sum(self.sizes)

    def part(self, step: int) -> int:
        """Which part the batch of 0-based step `step` is from."""
        chunk, position = divmod(step, _STEPS_DRAWN_TOGETHER)
        return _drawn(self.weights, self.seed, chunk)[position]

    def batch(self, step: int) -> list[int]:
        """Sample indices of 0-based step `step`."""
        part = self.part(step)
        chunk, position = divmod(step, _STEPS_DRAWN_TOGETHER)
        before = _counts_before(self.weights, self.seed, chunk)[part]
        before += _drawn(self.weights, self.seed, chunk)[:position].count(part)
        # One at a time, so that no batch is cut short where a pass over the part ends.
        seed, lanes = mix_seed(self.seed, -1 - part), self.batch_size
        order = BatchOrder(self.sizes[part], 1, seed, block=self.block, lanes=lanes)
        places = range(before * self.batch_size, (before + 1) * self.batch_size)
        offset = sum(self.sizes[:part])
        return [offset + index for place in places for index in order.batch(place)]


@lru_cache(maxsize=8)
def _drawn(weights: tuple[float, ...], seed: int, chunk: int) -> tuple[int, ...]:
    """The parts of the steps of a chunk."""
    generator = torch.Generator().manual_seed(mix_seed(seed ^ _SALT, chunk))
    numbers = torch.rand(_STEPS_DRAWN_TOGETHER, generator=generator, dtype=torch.float64)
    *inner, total = accumulate(weights)
    return tuple(bisect_right(inner, number * total) for number in numbers.tolist())


@lru_cache(maxsize=8)
def _counts_before(weights: tuple[float, ...], seed: int, chunk: int) -> tuple[int, ...]:
    """How many steps before a chunk each part had."""
    counts = Counter[int]()
    for earlier in range(chunk):
        counts.update(_drawn(weights, seed, earlier))
    return tuple(counts[part] for part in range(len(weights)))


class JoinedSamples:
    """The samples of several parts, counted on from one to the next."""

    def __init__(self, parts: Sequence[Samples]) -> None:
        self._parts = tuple(parts)
        self._ends = tuple(accumulate(len(part) for part in parts))

    def __len__(self) -> int:
        return self._ends[-1]

    def __getitem__(self, index: int) -> Sample:
        part, own = self._find(index)
        return self._parts[part][own]

    def expect(self, indices: Sequence[int]) -> None:
        """Tell the parts."""
        by_part: dict[int, list[int]] = {}
        for part, own in map(self._find, indices):
            by_part.setdefault(part, []).append(own)
        for part, owns in by_part.items():
            samples = self._parts[part]
            if isinstance(samples, Foresighted):
                samples.expect(owns)

    def _find(self, index: int) -> tuple[int, int]:
        """The part of a sample, and its index there."""
        part = bisect_right(self._ends, index)
        return part, index - (self._ends[part - 1] if part else 0)


class MixedValidator:
    """Validates on each part for itself; the whole is their mean, weighted as they are mixed."""

    def __init__(self, parts: Mapping[str, tuple[float, Validate]]) -> None:
        self._parts = parts

    def __call__(self, interrupted: Callable[[], bool] = lambda: False) -> Record | None:
        """The means over the parts that have a value, and `part/<name>/loss` and
        `part/<name>/persistence_loss`; None if `interrupted` said yes."""
        found: dict[str, tuple[float, Record]] = {}
        for name, (weight, validate) in self._parts.items():
            record = validate(interrupted)
            if record is None:
                return None
            found[name] = weight, record
        keys = dict.fromkeys(key for _, record in found.values() for key in record)
        whole = {key: _mean([(w, r[key]) for w, r in found.values() if key in r]) for key in keys}
        return whole | {
            f"part/{name}/{key}": record[key]
            for name, (_, record) in found.items()
            for key in TOLD_BY_PART
            if key in record
        }


def _mean(weighted: Sequence[tuple[float, float]]) -> float:
    return sum(w * value for w, value in weighted) / sum(w for w, _ in weighted)
