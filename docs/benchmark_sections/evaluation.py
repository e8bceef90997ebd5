"""Scoring beside the model's own time."""

from __future__ import annotations

from docs.benchmark_sections.words import Result, milli, surroundings, table


def evaluation(result: Result) -> str:
    """Scoring beside the model."""
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
        f"`python benchmarks/evaluation.py`: {surroundings(result)} Threads: "
        f"{result['threads']}; the machine's load was {result['load_average']:.1f}.\n\n"
        "A tiny model at 32 x 64 points, the "
        f"hardest case: {milli(tiny['default']['bare_seconds'] / tiny['samples'])} ms a forecast "
        f"with the reading of its input; medians over {tiny['default']['pairs']} pairs of passes "
        f"over {tiny['samples']} samples; the goal is at most {100 * result['goal']:.0f} %. At "
        "0.25 degrees scoring 69 fields of two sources is set beside a stand-in for the forward "
        f"pass of the full model, {large['stand_in_seconds']:.0f} s for its 97 TFLOP at the "
        "rate at which this machine multiplies matrices.\n\n" + table(head, rows)
    )
