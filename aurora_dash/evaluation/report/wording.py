"""What fields, scores and places are called in a report."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import PurePath

from aurora_dash.evaluation.measures import MEASURES
from aurora_dash.evaluation.scorecard import ScoredField
from aurora_dash.figures.labels import pretty_unit
from aurora_dash.figures.sources import source_in_text, source_styles

_SHORT = {"rmse": "RMSE", "mae": "MAE", "acc": "ACC", "crps": "CRPS", "csi": "CSI", "ets": "ETS",
          "fss": "FSS"}  # fmt: skip


def source_looks(sources: Sequence[str]) -> dict[str, tuple[str, str]]:
    """What each source is called and how it is coloured; others than the known by their names."""
    styles = source_styles(sources)
    return {source: (source_in_text(source), colour) for source, (colour, _) in styles.items()}


def as_reference(source: str, name: str) -> str:
    """What a source is called where another is measured against it."""
    return "the model before fine-tuning" if source == "initial" else name


def number(value: float | None) -> str:
    """Four significant digits; a dash where there is no number."""
    return "–" if value is None or not math.isfinite(value) else f"{value:.4g}"


def percent(value: float) -> str:
    """A change with its sign."""
    return f"{value:+.1f}".replace("-", "−")


def measure_name(name: str) -> str:
    """As short as is common, else in words."""
    return _SHORT.get(name, MEASURES[name].long_name)


def field_name(field: ScoredField) -> str:
    """Such as ``2t``, ``z 850 hPa`` or ``2t ≥ 273.15 K``."""
    level = "" if field.level is None else f" {field.level:g} hPa"
    reached = ""
    if field.threshold is not None:
        reached = f" ≥ {field.threshold:g} {pretty_unit(field.unit)}"
    return f"{field.variable}{level}{reached}"


def place_name(region: str) -> str:
    """The scores' name of no region is ``global``; the data may be a box."""
    return "whole area" if region == "global" else region


def without_folder(text: str) -> str:
    """A path's last part, since folders of this machine mean nothing elsewhere; else the text."""
    return PurePath(text).name if PurePath(text).is_absolute() else text
