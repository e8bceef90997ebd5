"""Steps of training, their memory and their parts."""

from __future__ import annotations

from docs.benchmark_sections.words import Result, milli, surroundings, table


def loop_overhead(result: Result) -> str:
    """The engine beside a bare loop."""

    def share(name: str) -> tuple[str, str]:
        low, high = result[f"{name}_quartiles"]
        return f"{100 * result[name]:+.1f} %", f"{100 * low:+.1f} to {100 * high:+.1f} %"

    height, width, levels = result["grid"]
    rows = [
        ("wall time", *share("overhead_wall")),
        ("time of the process", *share("overhead_cpu")),
    ]
    return (
        "## The engine beside a bare loop\n\n"
        f"`python benchmarks/loop_overhead.py`: {surroundings(result)} Threads: "
        f"{result['threads']}.\n\nA {result['model']['size']} model, {height} x {width} "
        f"points, {levels} levels, batch {result['batch_size']}: "
        f"{milli(result['bare_step_seconds'])} ms a step of the bare loop, a small step, "
        "against which costs weigh most. Medians over "
        f"{result['pairs']} pairs of {result['steps_a_block']} steps with all default monitoring; "
        f"the goal is at most {100 * result['goal']:.0f} %. The machine's load was "
        f"{result['load_average']:.1f}.\n\n"
        + table(("engine against bare loop", "median", "middle half of the pairs"), rows)
    )


def attention(result: Result) -> str:
    """Attention and blocks by way to compute them."""
    window = " x ".join(str(size) for size in result["window"])
    ways = list(dict.fromkeys(way for case in result["attention"] for way in case["milliseconds"]))
    head = ("stage", "numbers", "mask", *ways)
    rows = [
        (
            str(case["stage"]),
            case["dtype"],
            "shifted" if case["mask"] else "none",
            *(_milliseconds(case["milliseconds"].get(way)) for way in ways),
        )
        for case in result["attention"]
    ]
    blocks = [
        (
            str(block["stage"]),
            _milliseconds(block["milliseconds"]["eager"]),
            _milliseconds(block["milliseconds"]["compiled"]),
            f"{block['warm_up_seconds']:.0f}" + (" (cached)" if block["kernels_cached"] else ""),
            f"{block['largest_relative_difference']:.1e}",
        )
        for block in result["blocks"]
    ]
    block_head = ("stage", "as it is, ms", "compiled, ms", "warm-up, s", "largest difference")
    return (
        "## Attention in windows\n\n"
        f"`python benchmarks/attention.py`: {surroundings(result)} Threads: {result['threads']}."
        f"\n\nForward and backward of {result['windows']} windows of {window} tokens, with the "
        "full model's widths and heads: milliseconds by way to compute it; – where torch has no "
        "such way for this device.\n\n"
        + table(head, rows)
        + "\nA shifted Swin block of so many windows, forward and backward:\n\n"
        + table(block_head, blocks)
    )


def _milliseconds(value: float | str | None) -> str:
    return f"{value:.3g}" if isinstance(value, float) else "–"


def memory(result: Result) -> str:
    """Estimates of memory."""
    rows = [
        (
            mode["variant"],
            mode["mode"],
            *(
                f"{sum(mode['parts'][part] for part in parts) / 2**30:.1f}"
                for parts in _MEMORY_COLUMNS.values()
            ),
            f"{mode['peak_bytes'] / 2**30:.1f}",
            f"{mode['flops'] / 1e12:.0f}",
        )
        for mode in result["modes"]
        if "reason" not in mode
    ]
    return (
        f"## Memory of a training step\n\n`python benchmarks/memory.py`: {surroundings(result)}"
        "\n\nEstimates for a GPU, by tensors that have no memory; nothing was trained. GiB at the "
        "peak, at the variant's own resolution, 13 levels and batch 1; CUDA's context, workspaces "
        "and fragmentation come to 2 to 4 GiB more. See [memory.md](memory.md). "
        f"{result.get('note', '')}\n\n"
        + table(("variant", "mode", *_MEMORY_COLUMNS, "peak", "TFLOP a step"), rows)
    )


_MEMORY_COLUMNS = {
    "weights": ("parameters",),
    "gradients": ("gradients",),
    "optimiser": ("optimiser", "average"),
    "activations and batch": ("encoder", "backbone", "decoder", "batch"),
}


def gpu_training(result: Result) -> str:
    """Steps on a GPU."""
    rows = [
        (
            case["case"],
            _figure(case, "seconds_per_step", ".2f"),
            _figure(case, "samples_per_second", ".3g"),
            _figure(case, "time_beside_package", ".2f"),
            _figure(case, "time_beside_unchunked", ".2f"),
            _figure(case, "model_flop_utilisation", ".1%"),
            _figure(case, "hardware_flop_utilisation", ".1%"),
            _figure(case, "peak_memory_bytes", ".1f", 2**30),
            _figure(case["estimate"], "peak_bytes", ".1f", 2**30),
        )
        for case in result["cases"]
    ]
    head = ("case", "s a step", "samples a s", "time beside the package's loop", "beside unchunked")
    return (
        f"## Training steps on a GPU\n\n`python benchmarks/gpu_training.py`: "
        f"{surroundings(result)}\n\nSteps of the full model at 0.25 degrees on noise, batch 1, "
        "against the loop of the package's own documentation in the same run; goal: chunks take at "
        "most 1.15 of its time. Operations of the model alone, and of the GPU with what is "
        "recomputed, as shares of its peak in bfloat16; GiB at the peak, measured, estimated.\n\n"
        + table((*head, "model FLOPs", "all FLOPs", "GiB", "GiB estimated"), rows)
    )


def _figure(case: Result, key: str, form: str, unit: float = 1) -> str:
    value = case.get(key)
    return "–" if value is None else format(value / unit, form)
