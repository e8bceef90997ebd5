"""Bytes for the browser: a head in JSON, and numbers as they lie in memory.

A message is the head's length (four bytes, little-endian), the head, and the blocks one after
another, each at a multiple of eight. The head's ``blocks`` lists of each its name, its type and how
many numbers it has. Names are made of the contents, so that what a browser holds already need not
travel again: the head refers to blocks by name, ``keep`` lists all that may still be referred to.
"""

from __future__ import annotations

import hashlib
import json
from collections import OrderedDict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

_ALIGNMENT = 8
_TYPES = {"uint8": "u1", "uint16": "u2", "int32": "i4", "float32": "f4", "float64": "f8"}


@dataclass(frozen=True)
class Block:
    """Numbers of one array."""

    name: str
    kind: str
    content: bytes

    @classmethod
    def of(cls, array: NDArray[Any]) -> Self:
        """An array of a type that browsers know."""
        kind = _TYPES[array.dtype.name]
        content = np.ascontiguousarray(array).tobytes()
        digest = hashlib.blake2b(content, digest_size=8, person=kind.encode()).hexdigest()
        return cls(digest, kind, content)


@dataclass
class Held:
    """Which blocks a browser holds, the longest unused of them first."""

    most_bytes: int = 64_000_000
    sizes: OrderedDict[str, int] = field(default_factory=OrderedDict)

    def bring(self, head: Mapping[str, Any], blocks: Iterable[Block]) -> bytes:
        """The message that shows `head` to a browser that holds these: only new blocks travel."""
        needed = {block.name: block for block in blocks}
        new = [block for name, block in needed.items() if name not in self.sizes]
        for name, block in needed.items():
            self.sizes[name] = len(block.content)
            self.sizes.move_to_end(name)
        while sum(self.sizes.values()) > self.most_bytes and len(self.sizes) > len(needed):
            self.sizes.popitem(last=False)
        return pack({**head, "keep": list(self.sizes)}, new)

    def forget(self) -> None:
        """The browser is a new one, or lost what it held."""
        self.sizes.clear()


def pack(head: Mapping[str, Any], blocks: Iterable[Block]) -> bytes:
    """A message."""
    blocks = list(blocks)
    listed = [[block.name, block.kind, len(block.content)] for block in blocks]
    text = json.dumps({**head, "blocks": listed}, separators=(",", ":")).encode()
    parts = [len(text).to_bytes(4, "little"), text]
    length = 4 + len(text)
    for block in blocks:
        padding = -length % _ALIGNMENT
        parts += [bytes(padding), block.content]
        length += padding + len(block.content)
    return b"".join(parts)


def unpack(message: bytes) -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
    """Head and arrays of a message, by name."""
    end = 4 + int.from_bytes(message[:4], "little")
    head = json.loads(message[4:end])
    arrays = {}
    for name, kind, length in head["blocks"]:
        end += -end % _ALIGNMENT
        arrays[name] = np.frombuffer(message[end : end + length], dtype=f"<{kind}")
        end += length
    return head, arrays
