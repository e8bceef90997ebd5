"""The options of ``evaluate`` that say which scores, where, and against what."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from aurora_dash.cli.options import Parser
from aurora_dash.errors import EvaluationError

if TYPE_CHECKING:
    from aurora_dash.runs.store import RunStore


def add_score_options(parser: Parser) -> None:
    """Measures, regions, groups and thresholds."""
    parser.add_argument(
        "--measures",
        nargs="+",
        metavar="NAME",
        help="rmse mae bias (these) correlation acc activity activity_ratio vector_rmse "
        "gradient_ratio spectral_ratio crps spread spread_skill csi ets frequency_bias fss",
    )
    parser.add_argument(
        "--region",
        "--regions",
        nargs="+",
        default=["global"],
        metavar="NAME",
        help="global (this) tropics extratropics-north extratropics-south europe",
    )
    parser.add_argument(
        "--box",
        nargs=4,
        type=float,
        action="append",
        default=[],
        metavar=("NORTH", "WEST", "SOUTH", "EAST"),
        help="a further region in degrees; may be repeated",
    )
    parser.add_argument(
        "--by",
        nargs="+",
        default=[],
        choices=["hour", "season", "surface"],
        help="also apart by hour or season of the valid time, or by land and sea",
    )
    parser.add_argument(
        "--thresholds",
        nargs="+",
        default=[],
        metavar="NAME=VALUE[,VALUE]",
        help="for csi, ets and fss, which are added where none is named: 2t=273.15,298.15",
    )
    parser.add_argument(
        "--neighbourhoods",
        nargs="+",
        type=int,
        metavar="POINTS",
        help="odd widths for fss (5)",
    )
    parser.add_argument(
        "--no-histograms",
        action="store_true",
        help="keep no distributions of targets and forecasts (histograms.nc)",
    )


def add_comparison_options(parser: Parser) -> None:
    """What a checkpoint is compared with, and how sure that is."""
    parser.add_argument(
        "--baseline",
        action="append",
        choices=["persistence", "climatology"],
        help="what to compare with (persistence); may be repeated",
    )
    parser.add_argument(
        "--no-initial", action="store_true", help="leave out the checkpoint before fine-tuning"
    )
    parser.add_argument(
        "--against",
        action="append",
        default=[],
        metavar="[NAME=]WHAT",
        help="also judge another checkpoint, or forecasts in a file (NetCDF, GRIB, Zarr); may be "
        "repeated",
    )
    parser.add_argument(
        "--climatology",
        metavar="FILE",
        help="in WeatherBench 2's layout, for acc and the like (a fit of the data)",
    )
    parser.add_argument(
        "--members", type=int, default=1, metavar="N", help="forecasts of a stochastic model (1)"
    )
    parser.add_argument(
        "--confidence",
        type=float,
        metavar="P",
        help="give skill with intervals of this probability, such as 0.95",
    )
    parser.add_argument(
        "--bootstrap-block", type=int, metavar="N", help="initial times drawn together (cube root)"
    )


def score_fields(options: argparse.Namespace, store: RunStore) -> dict[str, Any]:
    """The fields of an `EvaluationRequest` that these options set."""
    north_west_south_east = ("north", "west", "south", "east")
    fields = {
        "measures": tuple(options.measures or ()),
        "neighbourhoods": tuple(options.neighbourhoods or ()),
        "thresholds": _thresholds(options.thresholds),
        "regions": tuple(options.region),
        "boxes": [dict(zip(north_west_south_east, box, strict=True)) for box in options.box],
        "by": tuple(options.by),
        "baselines": tuple(options.baseline or ()),
        "climatology": options.climatology,
        "members": options.members,
        "confidence": options.confidence,
        "bootstrap_block": options.bootstrap_block,
        "against": [_reference(text, store) for text in options.against],
    }
    if fields["thresholds"]:
        fields["measures"] = _with_categorical(fields["measures"])
    may_be_left_out = ("measures", "neighbourhoods", "baselines")
    given = {k: v for k, v in fields.items() if v or k not in may_be_left_out}
    return {
        **given,
        "initial": not options.no_initial,
        "histograms": not options.no_histograms,
    }


def _with_categorical(measures: tuple[str, ...]) -> tuple[str, ...]:
    from aurora_dash.evaluation.measures import CATEGORICAL

    if {*measures} & {*CATEGORICAL}:
        return measures
    return (*(measures or ("rmse", "mae", "bias")), *CATEGORICAL)


def _thresholds(texts: list[str]) -> dict[str, list[float]]:
    found: dict[str, list[float]] = {}
    for text in texts:
        name, _, values = text.partition("=")
        try:
            found.setdefault(name, []).extend(float(value) for value in values.split(","))
        except ValueError:
            raise EvaluationError(
                f"{text!r} is no threshold.",
                remedy="Write a variable and values in its unit: 2t=273.15,298.15.",
            ) from None
    return found


def _reference(text: str, store: RunStore) -> dict[str, Any]:
    """A checkpoint or a file of forecasts, with its own name or one that is given."""
    from aurora_dash.data.formats import looks_like_data
    from aurora_dash.data.places import is_zarr_store
    from aurora_dash.evaluation.sources import CheckpointRef
    from aurora_dash.spec.urls import is_url

    name, separator, what = text.partition("=")
    if not separator or Path(text).exists() or is_url(text):
        name, what = "", text
    path = Path(what)
    is_file = path.is_file() and looks_like_data(path)
    if is_url(what) or is_file or is_zarr_store(path):
        return {"name": name or path.stem, "forecast": what}
    ref = CheckpointRef.parse(what, store)
    if ref.run is not None and ref.run.folder.parent.resolve() != store.root.resolve():
        raise EvaluationError(
            f"{ref.run.folder} lies in another folder of runs than what it is judged against.",
            remedy=f"Copy the run into {store.root}, or write its forecasts to a file.",
        )
    fields = {key: value for key, value in ref.request_fields().items() if value is not None}
    if ref.run is None:
        return {"name": name or path.stem, **fields}
    label = ref.run.id if ref.checkpoint == "best" else f"{ref.run.id}@{ref.checkpoint}"
    return {"name": name or label, **fields}
