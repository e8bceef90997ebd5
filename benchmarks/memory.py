"""Peak memory of a training step by variant and mode, without a GPU: a table of estimates.

    python benchmarks/memory.py                    # all; about a quarter of an hour on two cores
    python benchmarks/memory.py --variant small    # one variant; prints instead of writing
    python benchmarks/memory.py --tiny             # smoke test: tiny models on small grids

Every number is what `aurora-dash estimate` says, of fake tensors at the variant's own resolution
and levels with the rules of CUDA; what was found before on this machine is taken from its cache.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent))

from surroundings import put, surroundings

from aurora_dash.errors import AuroraDashError
from aurora_dash.spec import RunSpec
from aurora_dash.training.memory.ask import estimate
from aurora_dash.training.memory.question import Question, Shape
from aurora_dash.variants import VARIANTS, Variant, get_variant

RESULT = Path(__file__).parent / "results" / "memory.json"
LIMIT_SECONDS = 180.0
_TINY_PATCHES = 6

_DOCUMENTED = ("model.autocast=true", "model.activation_checkpointing=true")
_CHUNKED = (*_DOCUMENTED, "model.checkpointed_layers=stages+blocks", "model.chunks=8")
_HALF = ("model.autocast_encoder=true", "model.autocast_decoder=true")
_ROUNDED = (*_CHUNKED, *_HALF, "model.weights_dtype=bfloat16")
_LORA = ("trainable.parts=lora",)

FEW: Mapping[str, tuple[str, ...]] = {"documented": _DOCUMENTED, "chunked": _CHUNKED}
"""Modes of every variant, by name: what they set."""
ALL: Mapping[str, tuple[str, ...]] = {
    "no checkpointing": ("model.autocast=true",),
    **FEW,
    "chunked, bfloat16 weights": _ROUNDED,
    "chunked, optimiser in backward": (
        *_CHUNKED,
        "optimiser.clip_norm=null",
        "optimiser.in_backward=true",
    ),
    "chunked, bfloat16 weights, offload": (*_ROUNDED, "optimiser.offload=true"),
    "chunked, Adafactor": (*_CHUNKED, "optimiser.kind=adafactor"),
    "LoRA, documented": (*_DOCUMENTED, *_LORA),
    "LoRA, chunked": (*_CHUNKED, *_LORA),
    "LoRA, chunked, bfloat16 weights": (*_ROUNDED, *_LORA),
    "backbone frozen, chunked": (
        *_CHUNKED,
        "trainable.parts=groups",
        'trainable.groups=["encoder", "decoder"]',
    ),
    "two-step rollout, chunked": (*_CHUNKED, "rollout.kind=backprop"),
}
IN_ALL_MODES = "0.25-pretrained"


def main() -> int:
    """Estimate all, and write or print the results."""
    options = _options()
    begun = time.monotonic()
    chosen = [get_variant(name) for name in options.variant] or list(VARIANTS)
    results = []
    for variant in chosen:
        modes = ALL if variant.id == IN_ALL_MODES else FEW
        for mode, assignments in modes.items():
            if options.mode and mode not in options.mode:
                continue
            results.append(found(variant, mode, assignments, tiny=options.tiny))
            print(_line(results[-1]), file=sys.stderr, flush=True)
    seconds = round(time.monotonic() - begun)
    document = {**surroundings(), "tiny": options.tiny, "seconds": seconds, "modes": results}
    put(document, options.output or (None if options.tiny or options.variant else RESULT))
    return 0 if all("reason" not in result for result in results) else 1


def found(
    variant: Variant, mode: str, assignments: tuple[str, ...], *, tiny: bool
) -> dict[str, Any]:
    """The estimate of one mode, or the reason why there is none."""
    size = "tiny" if tiny else "full"
    spec = RunSpec().with_overrides([f"model.variant={variant.id}", f"model.size={size}"])
    spec = spec.with_overrides(assignments)
    shape = Shape.native(variant)
    if tiny:
        patches = _TINY_PATCHES * variant.patch_size
        shape = shape.changed(variant, grid=(patches, 2 * patches))
    question = Question.of(spec, shape, "cuda", 0)
    known = {"variant": variant.id, "mode": mode, "settings": list(assignments)}
    try:
        answer = estimate(question, runs=Path("runs"), limit=LIMIT_SECONDS)
    except AuroraDashError as error:
        return {**known, "reason": str(error)}
    return {**known, **answer.to_dict()}


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--tiny", action="store_true", help="tiny models on small grids")
    parser.add_argument("--variant", action="append", default=[], help="only this one (repeatable)")
    parser.add_argument("--mode", action="append", choices=ALL, help="only this (repeatable)")
    parser.add_argument("--output", type=Path, help="where to write the results")
    return parser.parse_args()


def _line(result: dict[str, Any]) -> str:
    what = f"{result['variant']}, {result['mode']}"
    if "reason" in result:
        return f"{what}: failed: {result['reason']}"
    return f"{what}: {result['peak_bytes'] / 2**30:.1f} GiB ({result['seconds']:.0f} s)"


if __name__ == "__main__":
    sys.exit(main())
