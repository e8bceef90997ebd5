"""Scoring beside the model's own time."""

from __future__ import annotations

from docs.benchmark_sections.words import Result, milli, surroundings, table

_SIZES = ("small", "tiny")
_KINDS = {
    "scores_alone": "without histograms",
    "default": "with histograms",
    "more": "with histograms",
}


def evaluation(result: Result) -> str:
    """Scoring beside the model."""
    tiny, large = result["tiny"], result["quarter_degree"]
    rows = [
        (
            f"{len(tiny['measures'][name])} measures, {tiny['areas'][name]} areas, {histograms}",
            *(cell for size in _SIZES for cell in _overhead(result[size][name])),
            f"{large[name]['seconds']:.1f} s",
            f"{100 * large[name]['of_stand_in']:.1f} %",
        )
        for name, histograms in _KINDS.items()
    ]
    columns = (f"{size}: {kind} time" for size in _SIZES for kind in ("wall", "processor"))
    head = ("scores", *columns, "0.25°: a step", "of it")
    alone = " and ".join(
        f"{milli(result[size]['default']['bare_seconds'] / result[size]['samples'])} ms ({size})"
        for size in _SIZES
    )
    return (
        "## Evaluation beside the bare model\n\n"
        f"`python benchmarks/evaluation.py`: {surroundings(result)} Threads: "
        f"{result['threads']}; the machine's load was {result['load_average']:.1f}.\n\n"
        "At 32 x 64 points, for a model of the size of the smallest checkpoint that there is "
        "(small, which the goal is about) and for the demo's (tiny, where scoring weighs most): "
        f"{alone} a forecast with the reading of its input; medians over "
        f"{tiny['default']['pairs']} pairs of passes over {tiny['samples']} samples, with the "
        f"middle half in brackets; the goal is at most {100 * result['goal']:.0f} %. At "
        "0.25 degrees scoring 69 fields of two sources is set beside a stand-in for the forward "
        f"pass of the full model, {large['stand_in_seconds']:.0f} s for its 97 TFLOP at the "
        "rate at which this machine multiplies matrices.\n\n" + table(head, rows)
    )


def _overhead(pairs: Result) -> tuple[str, ...]:
    """By the clock, and by the processor's time, which other work on the machine disturbs less."""
    return tuple(
        f"{100 * pairs[name]:+.1f} % ({100 * low:+.1f} to {100 * high:+.1f})"
        for name in ("overhead", "overhead_cpu")
        for low, high in [pairs[f"{name}_quartiles"]]
    )
