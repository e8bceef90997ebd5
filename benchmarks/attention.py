"""Which attention serves Aurora's shifted windows best, and whether compiled blocks are quicker.

    python benchmarks/attention.py [--device cuda] [--windows 1800] --out FILE.json

Stage 0 of the full model has 1800 windows at 0.25 degrees, which want a GPU; a CPU shows its way
with a few.

Forward and backward of one window attention, by stage of the full model (the real widths, heads and
window of 2 x 6 x 12 tokens, with the mask of shifted windows), by backend of
`scaled_dot_product_attention`, by number type; and of one Swin block, compiled or not. A backend
that can't serve a case is recorded with torch's reason. Ways are measured in turns.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from benchmarks.surroundings import put, surroundings  # noqa: E402

WINDOW = (2, 6, 12)
TOKENS = 2 * 6 * 12
SHIFT = (1, 3, 6)
STAGES = {0: (512, 8), 1: (1024, 16), 2: (2048, 32)}
"""Width and heads by stage of the 1.3B model."""
BACKENDS = ("math", "efficient", "flash", "cudnn")


def main() -> int:
    """Measure, print or write JSON."""
    import torch

    options = _options()
    torch.set_num_threads(options.threads)
    device = torch.device(options.device)
    result = {
        "threads": options.threads,
        "windows": options.windows,
        "window": list(WINDOW),
        "attention": _attention(device, options),
        "blocks": [] if options.eager else _blocks(device, options),
        **surroundings(),
    }
    put(result, options.out)
    return 0


def _attention(device: Any, options: argparse.Namespace) -> list[dict[str, Any]]:
    import torch

    found = []
    for stage in options.stages:
        for dtype in (torch.float32, torch.bfloat16):
            for masked in (True, False):
                ways = _ways(stage, dtype, masked, device, options)
                case = {"stage": stage, "dtype": str(dtype).removeprefix("torch."), "mask": masked}
                found.append(case | {"milliseconds": _in_turns(ways, device, options.rounds)})
                print(found[-1], file=sys.stderr, flush=True)
    return found


def _ways(
    stage: int, dtype: Any, masked: bool, device: Any, options: argparse.Namespace
) -> dict[str, Callable[[], object]]:
    """One forward and backward pass of each way to compute the same attention."""
    import torch
    from aurora.model.util import fp16_safe_scaled_dot_product_attention
    from torch.nn.attention import SDPBackend, sdpa_kernel
    from torch.nn.functional import scaled_dot_product_attention

    width, heads = STAGES[stage]
    shape = (options.windows, heads, TOKENS, width // heads)
    q, k, v = (torch.randn(shape, device=device, dtype=dtype, requires_grad=True) for _ in range(3))
    mask = _mask(options.windows, dtype, device) if masked else None

    def run(attend: Callable[..., Any]) -> None:
        torch.autograd.grad(attend(q, k, v, attn_mask=mask).sum(), (q, k, v))

    def limited(backend: str) -> None:
        kinds = {
            "math": SDPBackend.MATH,
            "efficient": SDPBackend.EFFICIENT_ATTENTION,
            "flash": SDPBackend.FLASH_ATTENTION,
            "cudnn": SDPBackend.CUDNN_ATTENTION,
        }
        with sdpa_kernel(kinds[backend]):
            run(scaled_dot_product_attention)

    ways: dict[str, Callable[[], object]] = {
        "torch's choice": lambda: run(scaled_dot_product_attention),
        "aurora's fp16-safe": lambda: run(fp16_safe_scaled_dot_product_attention),
    }
    for backend in BACKENDS:
        ways[backend] = lambda backend=backend: limited(backend)  # type: ignore[misc]
    if device.type == "cpu":
        ways["torch's choice, denormals flushed"] = lambda: _flushed(
            lambda: run(scaled_dot_product_attention)
        )
    if options.flex:
        ways["flex, compiled"] = _flex(q, k, v, options.windows, masked)
    return ways


def _flushed(way: Callable[[], object]) -> None:
    """With numbers below 1e-38 taken for zero: exp(-100), of what is masked, is one of them."""
    import torch

    torch.set_flush_denormal(True)
    try:
        way()
    finally:
        torch.set_flush_denormal(False)


def _mask(windows: int, dtype: Any, device: Any) -> Any:
    """The mask of a grid of so many shifted windows, as a block makes it."""
    from aurora.model.swin3d import compute_3d_shifted_window_mask

    mask, _ = compute_3d_shifted_window_mask(*_grid(windows), WINDOW, SHIFT, device, dtype)
    return mask.unsqueeze(1)


def _grid(windows: int) -> tuple[int, int, int]:
    """Levels, rows and columns of tokens that make so many windows; two by two of them deep."""
    return 2 * WINDOW[0], 2 * WINDOW[1], WINDOW[2] * windows // 4


def _flex(q: Any, k: Any, v: Any, windows: int, masked: bool) -> Callable[[], object]:
    import torch
    from torch.nn.attention.flex_attention import flex_attention

    mask = _mask(windows, q.dtype, q.device)[:, 0] if masked else None

    def add_mask(score: Any, b: Any, h: Any, i: Any, j: Any) -> Any:
        return score if mask is None else score + mask[b, i, j]

    attend = torch.compile(flex_attention, dynamic=False)

    def run() -> None:
        torch.autograd.grad(attend(q, k, v, score_mod=add_mask).sum(), (q, k, v))

    return run


def _blocks(device: Any, options: argparse.Namespace) -> list[dict[str, Any]]:
    """One shifted block of each stage, as it is and compiled, with the seconds of its warm-up."""
    found = []
    for stage in options.stages:
        found.append(_block(stage, device, options))
        print(found[-1], file=sys.stderr, flush=True)
    return found


def _block(stage: int, device: Any, options: argparse.Namespace) -> dict[str, Any]:
    import torch
    from aurora.model.swin3d import Swin3DTransformerBlock
    from torch._inductor.runtime.runtime_utils import cache_dir

    width, heads = STAGES[stage]
    grid = _grid(options.windows)
    torch.manual_seed(0)
    # A bias, for new blocks add nothing to their input.
    block = Swin3DTransformerBlock(width, heads, 512, WINDOW, SHIFT, scale_bias=1.0).to(device)
    tokens = torch.randn(1, grid[0] * grid[1] * grid[2], width, device=device, requires_grad=True)
    context = torch.randn(1, 512, device=device)

    def run(module: Any) -> list[Any]:
        with torch.autocast(device.type, torch.bfloat16, enabled=options.autocast):
            total = module(tokens, context, grid, 0).square().mean()
        return list(torch.autograd.grad(total, (tokens, *block.parameters())))

    compiled = torch.compile(block, dynamic=False)
    kernels_cached = any(Path(cache_dir()).glob("*"))
    begin = time.perf_counter()
    first = run(compiled)
    warm_up = time.perf_counter() - begin
    pairs = list(zip(first, run(block), strict=True))
    ways = {"eager": lambda: run(block), "compiled": lambda: run(compiled)}
    return {
        "stage": stage,
        "tokens": tokens.shape[1],
        "autocast": options.autocast,
        "warm_up_seconds": warm_up,
        "kernels_cached": kernels_cached,
        "largest_relative_difference": max(
            ((a - b).abs().max() / b.abs().max().clamp(min=1e-12)).item() for a, b in pairs
        ),
        "milliseconds": _in_turns(ways, device, options.rounds),
    }


def _in_turns(
    ways: dict[str, Callable[[], object]], device: Any, rounds: int
) -> dict[str, float | str]:
    """Median milliseconds of each way, or why it can't be taken."""
    found: dict[str, float | str] = {}
    times: dict[str, list[float]] = {}
    for name, way in ways.items():
        try:
            way()
            times[name] = []
        except (RuntimeError, NotImplementedError) as error:
            found[name] = str(error).splitlines()[0]
    for _ in range(rounds):
        for name, taken in times.items():
            taken.append(_timed(ways[name], device))
    return found | {name: 1000 * statistics.median(taken) for name, taken in times.items()}


def _timed(way: Callable[[], object], device: Any) -> float:
    import torch

    if device.type == "cuda":
        torch.cuda.synchronize(device)
    begin = time.perf_counter()
    way()
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    return time.perf_counter() - begin


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--device", default="cpu", help="cpu or cuda (cpu)")
    parser.add_argument("--threads", type=int, default=1, help="CPU threads (1)")
    parser.add_argument("--windows", type=int, default=1800, help="a multiple of 4 (1800)")
    parser.add_argument("--stages", type=int, nargs="+", default=[0, 1, 2], choices=list(STAGES))
    parser.add_argument("--rounds", type=int, default=9, help="of all ways in turn (9)")
    parser.add_argument("--autocast", action="store_true", help="the block under bfloat16 autocast")
    parser.add_argument("--eager", action="store_true", help="leave the compiled block out")
    parser.add_argument("--flex", action="store_true", help="compiled flex attention too")
    parser.add_argument("--out", type=Path, help="write JSON there instead of printing it")
    return parser.parse_args()


if __name__ == "__main__":
    raise SystemExit(main())
