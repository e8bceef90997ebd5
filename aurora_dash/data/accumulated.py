"""Fields that are sums over a span of time, and no values of a moment."""

from __future__ import annotations

from collections.abc import Sequence

import xarray as xr

from aurora_dash.data.findings import Finding
from aurora_dash.data.times import LEAD_NAMES

# ECMWF's short names of what its models sum up, whatever a file says about it.
_SUMS = frozenset({"tp", "cp", "lsp", "sf", "ssrd", "ssr", "strd", "str", "tsr", "ttr", "uvb"})


def is_accumulated(array: xr.DataArray, name: str) -> bool:
    """Whether a file's variable, used as `name`, is a sum over time."""
    methods = str(array.attrs.get("cell_methods", "")).replace(" ", "")
    step_type = array.attrs.get("GRIB_stepType")
    return name in _SUMS or step_type in ("accum", "diff") or "time:sum" in methods


def accumulation_findings(
    dataset: xr.Dataset, names: Sequence[str], label: str, where: str
) -> list[Finding]:
    """What to know about the summed variables `names` of one file; `dataset` as in the file."""
    if not names:
        return []
    lead = next((name for name in LEAD_NAMES if dataset.sizes.get(name, 1) > 1), None)
    listed = ", ".join(names)
    if lead is None:
        message = (
            f"{label}: {listed} is summed up over a time before each valid time (in ERA5 over one "
            "hour); nothing was made of that."
        )
        return [Finding(severity="info", code="accumulated", message=message, where=where)]
    message = (
        f"{label}: {listed} is summed up, over forecasts of {dataset.sizes[lead]} leads: most "
        "models sum from the start of a forecast (ERA5 over one hour), so values of different "
        "leads may span different times; nothing was made of that."
    )
    remedy = "Take differences of successive leads first, or use one lead, unless it is ERA5."
    return [
        Finding(severity="warning", code="accumulated", message=message, remedy=remedy, where=where)
    ]
