"""``aurora-dash estimate``: the memory that a step of a run will take, and what saves it."""

from __future__ import annotations

import argparse
import re
from typing import Any

from aurora_dash.cli.options import (
    Commands,
    UsageError,
    add_runs_option,
    add_spec_options,
    changed,
    find_spec,
    store_of,
)
from aurora_dash.cli.output import Answer, table
from aurora_dash.cli.progress import ProgressLine
from aurora_dash.doctor.machine import machine_summary
from aurora_dash.doctor.readiness import memory_of
from aurora_dash.spec import RunSpec
from aurora_dash.training.memory.ask import estimate as ask_for
from aurora_dash.training.memory.estimate import PARTS, Estimate
from aurora_dash.training.memory.question import DeviceKind, Question, Shape
from aurora_dash.training.memory.savings import Fit, Saving, fit, savings

_GIB = 2**30
_MORE = """\
Takes one step of the run with tensors that have a shape and no memory, in a process of its own,
which needs neither a GPU nor the memory it tells of: half a minute for a full model. What was found
is kept in the user's cache folder. Grid and levels are those of the spec's data, unless --grid and
--levels say otherwise; --native takes the variant's own. --remedies tells what each remedy would
save in memory and cost in speed; --fit looks for the cheapest that make the run fit in so many GiB
(several minutes the first time). Exits 1 if the run does not fit. docs/memory.md says how exact
this is.
"""


def register(commands: Commands) -> None:
    """Add the command."""
    parser = commands.add("estimate", estimate, help="tell a run's memory beforehand", more=_MORE)
    parser.add_argument("spec", metavar="SPEC", help="spec file, preset or run id")
    parser.add_argument("--grid", type=_grid, metavar="HxW", help="grid points, such as 721x1440")
    parser.add_argument("--levels", type=int, metavar="N", help="how many pressure levels")
    parser.add_argument(
        "--native", action="store_true", help="grid and levels of the variant, not of the data"
    )
    parser.add_argument(
        "--device-memory", type=_gib, metavar="GIB", help="of a GPU (default: this machine's)"
    )
    parser.add_argument("--fit", type=_gib, metavar="GIB", help="find what makes it fit a GPU")
    parser.add_argument("--remedies", action="store_true", help="tell what each remedy saves")
    add_spec_options(parser)
    add_runs_option(parser)


def _grid(text: str) -> tuple[int, int]:
    found = re.fullmatch(r"(\d+)x(\d+)", text)
    if found is None:
        raise UsageError(f"--grid {text!r} is no grid.", remedy="Write 721x1440.")
    return int(found[1]), int(found[2])


def _gib(text: str) -> int:
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not 0 < value < float("inf"):
        raise UsageError(f"{text!r} is no size in GiB.", remedy="Write a number such as 24.")
    return int(value * _GIB)


def estimate(options: argparse.Namespace) -> Answer:
    """Estimate, and find remedies if asked for them."""
    store = store_of(options)
    spec = changed(find_spec(options.spec, store), options)
    there: int | None = options.fit or options.device_memory
    device: DeviceKind = "cuda"
    if there is None:
        here = machine_summary()
        there = memory_of(spec.training.device, here)
        device = "cuda" if here.gpus and spec.training.device != "cpu" else "cpu"
    shape = shape_of(spec, options)
    line = ProgressLine()

    def ask(asked: RunSpec) -> Estimate:
        question = Question.of(asked, shape, device, there or 0)
        return ask_for(question, runs=store.root, say=line.show)

    found = ask(spec)
    ranked = savings(spec, ask) if options.remedies else ()
    fitted = fit(spec, options.fit, ask) if options.fit else None
    line.end()
    fits = there is None or found.needed_bytes <= there
    document: dict[str, Any] = {
        "estimate": found.to_dict(),
        "device_memory_bytes": there,
        "fits": fits,
        "remedies": [saving.to_dict() for saving in ranked],
        "fit": fitted.to_dict() if fitted else None,
    }
    texts = (_text(found, there), _ranked(ranked), _fitted(fitted))
    able = fitted.fits if fitted else fits
    return Answer(
        document=document, text="\n\n".join(filter(None, texts)), exit_code=0 if able else 1
    )


def shape_of(spec: RunSpec, options: argparse.Namespace) -> Shape:
    """Grid and levels that the options name, or those of the spec's data."""
    variant = spec.model.catalogue_entry
    asked = {"grid": options.grid, "num_levels": options.levels}
    if options.native or all(asked.values()):
        return Shape.native(variant).changed(variant, **asked)
    from aurora_dash.data.mix import close_parts, open_parts

    parts = open_parts(spec)
    try:
        return Shape.of_data(part.dataset for part in parts).changed(variant, **asked)
    finally:
        close_parts(parts)


def _text(found: Estimate, there: int | None) -> str:
    rows = [[part, _size(found.parts[part])] for part in PARTS if found.parts[part]]
    rows += [
        ["peak of tensors", _size(found.peak_bytes)],
        ["context, fragments" if found.device == "cuda" else "process", _size(found.margin_bytes)],
        ["needed", _size(found.needed_bytes)],
    ]
    if there is not None:
        rows.append(["there are", _size(there)])
    head = (
        f"{found.height} x {found.width} points, {found.num_levels} levels, batch "
        f"{found.batch_size}; {found.num_trainable:,} of {found.num_parameters:,} parameters "
        f"trained; {found.flops / 1e12:.3g} TFLOP a step"
    )
    return f"{head}\n{table(['part', 'GiB'], rows)}"


def _ranked(ranked: tuple[Saving, ...]) -> str:
    rows = [
        [s.remedy.key, _size(s.saved_bytes), _share(s.slowdown), " ".join(s.remedy.assignments)]
        for s in ranked
    ]
    return table(["remedy", "saves GiB", "time", "--set"], rows) if rows else ""


def _fitted(fitted: Fit | None) -> str:
    if fitted is None:
        return ""
    limit, needed = _size(fitted.limit_bytes), _size(fitted.after.needed_bytes)
    if not fitted.remedies and fitted.fits:
        return f"It fits in {limit} GiB as it is."
    said = f"--set {' '.join(fitted.assignments)}" if fitted.remedies else "nothing to change"
    if not fitted.fits:
        return (
            f"It does not fit in {limit} GiB with all that leaves the training as it is: it needs "
            f"{needed} ({said}). Train LoRA alone, take a smaller grid or fewer levels."
        )
    return f"It fits in {limit} GiB, needs {needed}, time {_share(fitted.slowdown)}, with\n{said}"


def _size(count: int) -> str:
    return f"{count / _GIB:.2f}"


def _share(slowdown: float) -> str:
    return f"{100 * slowdown:+.0f} %"
