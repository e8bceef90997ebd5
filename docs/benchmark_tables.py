"""Write docs/benchmarks.md, what was measured, from the results in benchmarks/results.

`python docs/benchmark_tables.py` rewrites it; a test fails when it is out of date.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(REPOSITORY))

from docs.benchmark_sections import data, evaluation, live, maps, training  # noqa: E402
from docs.benchmark_sections.words import Result  # noqa: E402

RESULTS = REPOSITORY / "benchmarks" / "results"
TARGET = REPOSITORY / "docs" / "benchmarks.md"

_HEAD = """\
# What was measured

Written by `docs/benchmark_tables.py` from `benchmarks/results/`; each section names the script that
measured it. A machine with other work on it changes from minute to minute: ways are measured in
turns within one run, and what counts are the ratios.
"""

_SECTIONS: Mapping[str, Callable[[Result], str]] = {
    "loader": data.loader,
    "prepare": data.prepare,
    "loop_overhead": training.loop_overhead,
    "attention": training.attention,
    "memory": training.memory,
    "gpu_training": training.gpu_training,
    "evaluation": evaluation.evaluation,
    "printed_maps": maps.printed,
    "maps": maps.maps,
    "live": live.live,
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


def main() -> None:
    """Rewrite the page in place."""
    TARGET.write_text(render(read_results()), encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main())
