"""Write docs/benchmarks.md, what was measured, from the results in benchmarks/results.

`python docs/benchmark_tables.py` rewrites it; a test fails when it is out of date.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

REPOSITORY = Path(__file__).resolve().parent.parent
RESULTS = REPOSITORY / "benchmarks" / "results"
TARGET = REPOSITORY / "docs" / "benchmarks.md"

Result = Mapping[str, Any]

_HEAD = """\
# What was measured

Written by `docs/benchmark_tables.py` from `benchmarks/results/`; each section names the script that
measured it. A machine with other work on it changes from minute to minute: ways are measured in
turns within one run, and what counts are the ratios.
"""

_WAYS = {
    "netcdf_dataloader": "(a) xarray on NetCDF (zlib) in a `DataLoader`, shuffled, warm",
    "store_shuffled_warm": "training store, every sample by itself, nothing kept, warm",
    "store_blocks_warm": "training store, runs of neighbours, warm",
    "store_blocks_cold": "training store, runs of neighbours, cold",
    "raw_store_files_cold": "(c) the store's files as plain bytes, cold",
    "uncompressed_blocks_warm": "uncompressed store, runs of neighbours, warm",
    "uncompressed_blocks_cold": "uncompressed store, runs of neighbours, cold",
    "raw_uncompressed_files_cold": "(c) the uncompressed store's files as plain bytes, cold",
    "raw_fields_cold": "(c) the fields as plain uncompressed bytes, cold",
    "raw_fields_warm": "the fields as plain uncompressed bytes, warm",
    "in_memory": "(b) batches held in memory",
}
_RATIOS = {
    "times_netcdf_blocks": "times (a), runs of neighbours, warm (goal 30)",
    "times_netcdf_blocks_cold": "times (a), runs of neighbours, cold",
    "times_netcdf_shuffled": "times (a), every sample by itself, warm",
    "of_raw_store_file_bandwidth_cold": "of (c), the store's own bytes, cold (goal 0.8)",
    "of_raw_uncompressed_file_bandwidth_cold": (
        "of (c), the uncompressed store's own bytes, cold (goal 0.8)"
    ),
    "of_raw_field_bandwidth_cold": "of (c), the fields in one plain file a time, cold (goal 0.8)",
    "of_raw_field_bandwidth_warm": "of the same fields as a plain file a time, warm",
    "uncompressed_times_compressed_cold": "uncompressed store, times the compressed one, cold",
    "uncompressed_times_compressed_warm": "uncompressed store, times the compressed one, warm",
}


def render(results: Mapping[str, Result]) -> str:
    """The page, a section for each result (by the name of its file) that has one here."""
    sections = [_SECTIONS[name](results[name]) for name in _SECTIONS if name in results]
    return "\n".join([_HEAD, *sections])


def read_results(folder: Path = RESULTS) -> dict[str, Result]:
    """The results by name of their file."""
    return {
        path.stem: json.loads(path.read_text(encoding="utf-8"))
        for path in sorted(folder.glob("*.json"))
    }


def _loader(result: Result) -> str:
    begin, end = result["load"]
    lines = [
        f"## Loader\n\n`python benchmarks/loader.py`: {_surroundings(result)}\n\nThe load of the "
        f"machine, which has {result['threads']} cores, was {begin} at the beginning and {end} at "
        "the end.\n"
    ]
    for name, size in result["sizes"].items():
        lines.append(
            f"### {name}\n\nA sample is {_megabytes(size['sample_bytes'])} MB in memory; the store "
            f"takes {100 * size['stored_fraction']:.0f} % of the fields' size. Medians over "
            f"{len(size['seconds_a_sample']['in_memory']['rounds'])} rounds, "
            f"{result['workers']} reading threads.\n"
        )
        rows = [
            (label, _seconds(seconds), f"{1 / seconds:.3g}", _speed(size, way))
            for way, label in _WAYS.items()
            # A result from before a way was measured lacks it.
            if way in size["seconds_a_sample"]
            for seconds in [size["seconds_a_sample"][way]["median"]]
        ]
        lines.append(_table(("way", "s a sample", "samples a s", "MB/s"), rows))
        ratios = [
            (label, f"{size['ratios'][key]:.3g}")
            for key, label in _RATIOS.items()
            if key in size["ratios"]
        ]
        lines.append(_table(("training store against", "ratio"), ratios))
        waiting = size["waiting"]
        lines.append(
            f"With a training step assumed to take {waiting['assumed_step_seconds']:g} s "
            f"elsewhere (a GPU), begun cold, a step waits "
            f"{_milli(waiting['median_wait_seconds'])} ms for its data (median of "
            f"{waiting['steps']}; longest {_milli(waiting['longest_wait_seconds'])} ms).\n"
        )
    lines.append(_LOADER_NOTE)
    return "\n".join(lines)


_LOADER_NOTE = """\
An uncompressed store (`data prepare --codec none`) is read as fast as plain bytes of its files. A
compressed one, the default, holds half as many bytes, which are read quicker than two cores can
check and unpack them: it takes a smaller part of its own, smaller raw time, and still gives as many
fields a second as reading them plain where the disk is the limit. At the demo size a field is a few
kilobytes, and opening a file takes longer than reading it. In-memory batches cost nothing to hand
over, and a large data set does not fit.
"""


def _prepare(result: Result) -> str:
    rows = [
        ("fields", f"{result['field_bytes'] / 1e9:.1f} GB, {result['times']} times of "
         f"{result['grid'][0]} x {result['grid'][1]} x {result['levels']} levels"),
        ("store", f"{result['stored_bytes'] / 1e9:.1f} GB"),
        ("peak memory", f"{result['peak_memory_bytes'] / 1e9:.2f} GB (goal: below 2)"),
        ("time", f"{result['seconds']:.0f} s, {result['field_megabytes_per_second']:.0f} MB/s, "
         f"{result['seconds_of_them_generating']:.0f} s of them to generate the fields"),
        ("called again", f"{result['nothing_to_do_seconds']:.2f} s to see that nothing is to do"),
        ("all checksums verified", f"{result['verify_seconds']:.1f} s"),
        ("statistics against float64", f"{result['largest_error_of_statistics']:.1e} relative "
         "(goal 1e-6)"),
    ]  # fmt: skip
    head = f"## Preparing 20 GB\n\n`python benchmarks/prepare.py`: {_surroundings(result)}\n"
    return "\n".join([head, _table(("", ""), rows)])


def _loop_overhead(result: Result) -> str:
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
        f"`python benchmarks/loop_overhead.py`: {_surroundings(result)} Threads: "
        f"{result['threads']}.\n\nA {result['model']['size']} model, {height} x {width} "
        f"points, {levels} levels, batch {result['batch_size']}: "
        f"{_milli(result['bare_step_seconds'])} ms a step of the bare loop, a small step, "
        "against which costs weigh most. Medians over "
        f"{result['pairs']} pairs of {result['steps_a_block']} steps with all default monitoring; "
        f"the goal is at most {100 * result['goal']:.0f} %. The machine's load was "
        f"{result['load_average']:.1f}.\n\n"
        + _table(("engine against bare loop", "median", "middle half of the pairs"), rows)
    )


def _attention(result: Result) -> str:
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
        f"`python benchmarks/attention.py`: {_surroundings(result)} Threads: {result['threads']}."
        f"\n\nForward and backward of {result['windows']} windows of {window} tokens, with the "
        "full model's widths and heads: milliseconds by way to compute it; – where torch has no "
        "such way for this device.\n\n"
        + _table(head, rows)
        + "\nA shifted Swin block of so many windows, forward and backward:\n\n"
        + _table(block_head, blocks)
    )


def _milliseconds(value: float | str | None) -> str:
    return f"{value:.3g}" if isinstance(value, float) else "–"


def _memory(result: Result) -> str:
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
        f"## Memory of a training step\n\n`python benchmarks/memory.py`: {_surroundings(result)}"
        "\n\nEstimates for a GPU, by tensors that have no memory; nothing was trained. GiB at the "
        "peak, at the variant's own resolution, 13 levels and batch 1; CUDA's context, workspaces "
        "and fragmentation come to 2 to 4 GiB more. See [memory.md](memory.md). "
        f"{result.get('note', '')}\n\n"
        + _table(("variant", "mode", *_MEMORY_COLUMNS, "peak", "TFLOP a step"), rows)
    )


_MEMORY_COLUMNS = {
    "weights": ("parameters",),
    "gradients": ("gradients",),
    "optimiser": ("optimiser", "average"),
    "activations and batch": ("encoder", "backbone", "decoder", "batch"),
}


def _gpu_training(result: Result) -> str:
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
        f"{_surroundings(result)}\n\nSteps of the full model at 0.25 degrees on noise, batch 1, "
        "against the loop of the package's own documentation in the same run; goal: chunks take at "
        "most 1.15 of its time. Operations of the model alone, and of the GPU with what is "
        "recomputed, as shares of its peak in bfloat16; GiB at the peak, measured, estimated.\n\n"
        + _table((*head, "model FLOPs", "all FLOPs", "GiB", "GiB estimated"), rows)
    )


def _figure(case: Result, key: str, form: str, unit: float = 1) -> str:
    value = case.get(key)
    return "–" if value is None else format(value / unit, form)


def _evaluation(result: Result) -> str:
    tiny, large = result["tiny"], result["quarter_degree"]
    rows = []
    for name in ("default", "more"):
        low, high = tiny[name]["overhead_cpu_quartiles"]
        rows.append(
            (
                f"{len(tiny['measures'][name])} measures, {tiny['areas'][name]} areas",
                f"{100 * tiny[name]['overhead']:+.1f} %",
                f"{100 * tiny[name]['overhead_cpu']:+.1f} %",
                f"{100 * low:+.1f} to {100 * high:+.1f} %",
                f"{large[name]['seconds']:.1f} s",
                f"{100 * large[name]['of_stand_in']:.1f} %",
            )
        )
    head = ("scores", "wall time", "time of the process", "middle half", "0.25°: a step", "of it")
    return (
        "## Evaluation beside the bare model\n\n"
        f"`python benchmarks/evaluation.py`: {_surroundings(result)} Threads: "
        f"{result['threads']}; the machine's load was {result['load_average']:.1f}.\n\n"
        "A tiny model at 32 x 64 points, the "
        f"hardest case: {_milli(tiny['default']['bare_seconds'] / tiny['samples'])} ms a forecast "
        f"with the reading of its input; medians over {tiny['default']['pairs']} pairs of passes "
        f"over {tiny['samples']} samples; the goal is at most {100 * result['goal']:.0f} %. At "
        "0.25 degrees scoring 69 fields of two sources is set beside a stand-in for the forward "
        f"pass of the full model, {large['stand_in_seconds']:.0f} s for its 97 TFLOP at the "
        "rate at which this machine multiplies matrices.\n\n" + _table(head, rows)
    )


_SECTIONS: Mapping[str, Callable[[Result], str]] = {
    "loader": _loader,
    "prepare": _prepare,
    "loop_overhead": _loop_overhead,
    "attention": _attention,
    "memory": _memory,
    "gpu_training": _gpu_training,
    "evaluation": _evaluation,
}


def _surroundings(result: Result) -> str:
    versions = result["versions"]
    named = ", ".join(f"{name} {versions[name]}" for name in ("python", "torch", "aurora-dash"))
    changed = ", with later changes" if result.get("changed_since_commit") else ""
    return (
        f"{result['date'][:10]}, {result['device']}, {named}, commit "
        f"{result['commit'][:8]}{changed}."
    )


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines) + "\n"


def _speed(size: Result, way: str) -> str:
    return "–" if way == "in_memory" else f"{size['megabytes_a_second'][way]:,.0f}"


def _seconds(value: float) -> str:
    return f"{value:.3g}"


def _milli(seconds: float) -> str:
    return f"{1000 * seconds:.3g}"


def _megabytes(count: int) -> str:
    return f"{count / 1e6:.3g}"


def main() -> None:
    """Rewrite the page in place."""
    TARGET.write_text(render(read_results()), encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main())
