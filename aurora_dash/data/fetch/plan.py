"""What a request comes to: pieces that each stay under the stores' limits, and how large they are.

A data store (CDS, ADS) takes a request of so many items (variables x times x levels) and bytes; a
month of one kind of variable is what its archive reads fastest. A Zarr archive has no limits, but
a piece is what a kill costs, so it is kept small.
"""

from __future__ import annotations

import calendar
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from itertools import pairwise
from math import ceil
from typing import Any, Literal

from aurora_dash.data.fetch.inputs import store_inputs
from aurora_dash.data.fetch.names import ACCUMULATED
from aurora_dash.data.fetch.request import FetchRequest, spans_the_globe
from aurora_dash.data.fetch.sources import Wanted
from aurora_dash.variables import Group

Kind = Literal["surface", "pressure", "static", "all"]
Span = tuple[date, date]

MAX_ITEMS = 10_000
"""Items of one request; the stores' own limits lie above, and change."""
MAX_BYTES = 4 * 2**30
_PIECE_VALUES = 2**28
"""Values of one piece of a Zarr archive: a GiB as float32."""
_BYTES_PER_VALUE = 1.9
"""Measured on ERA5 as the CDS delivers it (NetCDF, deflated): 5.95 MB of float32 took 2.81 MB."""


@dataclass(frozen=True, kw_only=True)
class Piece:
    """One request to a store, or one stretch of a Zarr archive: one file."""

    id: str
    """Stem of the file's name."""
    first: date
    last: date
    variables: tuple[Wanted, ...]
    num_items: int
    num_bytes: int
    """Estimated size of its file."""
    transfer_bytes: int
    """Estimated bytes over the network: Zarr archives are read in whole chunks."""
    is_static: bool = False
    collection: str = ""
    inputs: Mapping[str, Any] = field(default_factory=dict)
    """The store's own form of the request; empty for a Zarr archive."""


@dataclass(frozen=True, kw_only=True)
class FetchPlan:
    """A request cut into pieces."""

    request: FetchRequest
    pieces: tuple[Piece, ...]

    @property
    def num_bytes(self) -> int:
        """Estimated size on disk."""
        return sum(piece.num_bytes for piece in self.pieces)

    @property
    def transfer_bytes(self) -> int:
        """Estimated bytes over the network."""
        return sum(piece.transfer_bytes for piece in self.pieces)

    @property
    def num_times(self) -> int:
        """Times in the period."""
        days = (self.request.end - self.request.start).days + 1
        return days * len(self.request.hours_of_day)

    def to_dict(self) -> dict[str, Any]:
        """The estimate as plain data: sizes in bytes, and each piece."""
        return {
            "request": self.request.model_dump(mode="json"),
            "num_requests": len(self.pieces),
            "num_times": self.num_times,
            "estimated_bytes": self.num_bytes,
            "estimated_transfer_bytes": self.transfer_bytes,
            "statics_elsewhere": list(self.request.statics_elsewhere),
            "pieces": [
                {
                    "id": piece.id,
                    "first": piece.first.isoformat(),
                    "last": piece.last.isoformat(),
                    "variables": [variable.store_name for variable in piece.variables],
                    "items": piece.num_items,
                    "estimated_bytes": piece.num_bytes,
                }
                for piece in self.pieces
            ],
        }


def plan(request: FetchRequest) -> FetchPlan:
    """Cut a request into pieces; asks nobody anything."""
    pieces = _zarr_pieces(request) if request.origin.is_zarr else _store_pieces(request)
    return FetchPlan(request=request, pieces=tuple(pieces))


def grid_points(request: FetchRequest) -> int:
    """How many points of the source's grid lie in the request's box."""
    step, region = request.origin.resolution_degrees, request.region
    columns = round(360 / step)
    if region is None:
        return (round(180 / step) + 1) * columns
    rows = int((region.north - region.south) / step + 1e-6) + 1
    if not spans_the_globe(region):
        columns = min(columns, int(((region.east - region.west) % 360 or 360) / step + 1e-6) + 1)
    return rows * columns


def months(start: date, end: date) -> Iterator[Span]:
    """The calendar months of a period, the first and the last cut to it."""
    first = start
    while first <= end:
        last = first.replace(day=calendar.monthrange(first.year, first.month)[1])
        yield first, min(last, end)
        first = last + timedelta(days=1)


def _store_pieces(request: FetchRequest) -> Iterator[Piece]:
    surface = request.wanted(Group.SURFACE)
    instant = tuple(v for v in surface if v.store_name not in ACCUMULATED)
    accumulated = tuple(v for v in surface if v.store_name in ACCUMULATED)
    kinds: list[tuple[Kind, str, tuple[Wanted, ...]]] = [
        ("surface", "surface", instant),
        ("surface", "accumulated", accumulated),
        ("pressure", "pressure", request.wanted(Group.ATMOSPHERIC)),
    ]
    statics = request.wanted(Group.STATIC)
    if statics:
        yield _store_piece(request, "static", "static", statics, (request.start, request.start))
    for month in months(request.start, request.end):
        for kind, name, variables in kinds:
            for part, span in _parts(request, kind, variables, month):
                suffix = "" if part == variables else "_" + "-".join(v.name for v in part)
                yield _store_piece(request, kind, f"{name}{suffix}", part, span)


def _parts(
    request: FetchRequest, kind: Kind, variables: tuple[Wanted, ...], span: Span
) -> Iterator[tuple[tuple[Wanted, ...], Span]]:
    """Even shares of the variables that fit into a request; a shorter period if not one does."""
    if not variables:
        return
    items = _num_items(request, kind, 1, span)
    size = items * grid_points(request) * _BYTES_PER_VALUE
    fitting = int(min(MAX_ITEMS / items, MAX_BYTES / size))
    first, last = span
    if fitting < 1 and first < last:
        middle = first + (last - first) // 2
        yield from _parts(request, kind, variables, (first, middle))
        yield from _parts(request, kind, variables, (middle + timedelta(days=1), last))
        return
    shares = ceil(len(variables) / max(fitting, 1))
    yield from ((part, span) for part in _shares(variables, shares))


def _shares(variables: tuple[Wanted, ...], count: int) -> Iterator[tuple[Wanted, ...]]:
    bounds = [round(i * len(variables) / count) for i in range(count + 1)]
    yield from (variables[a:b] for a, b in pairwise(bounds))


def _num_items(request: FetchRequest, kind: Kind, num_variables: int, span: Span) -> int:
    if kind == "static":
        return num_variables
    times = ((span[1] - span[0]).days + 1) * len(request.hours_of_day)
    levels = len(request.pressure_levels) if kind == "pressure" else 1
    return num_variables * times * levels


def _store_piece(
    request: FetchRequest, kind: Kind, name: str, variables: tuple[Wanted, ...], span: Span
) -> Piece:
    collections = request.origin.collections
    items = _num_items(request, kind, len(variables), span)
    size = int(items * grid_points(request) * _BYTES_PER_VALUE)
    return Piece(
        id=f"{request.source}_{name}" + ("" if kind == "static" else f"_{_span_name(span)}"),
        first=span[0],
        last=span[1],
        variables=variables,
        num_items=items,
        num_bytes=size,
        transfer_bytes=size,
        is_static=kind == "static",
        collection=collections["pressure" if kind == "pressure" else "surface"],
        inputs=store_inputs(
            request,
            [variable.store_name for variable in variables],
            span,
            with_levels=kind == "pressure",
            once=kind == "static",
        ),
    )


def _span_name(span: Span) -> str:
    first, last = span
    whole = first.day == 1 and (last + timedelta(days=1)).day == 1
    if whole and (first.year, first.month) == (last.year, last.month):
        return f"{first:%Y-%m}"
    return f"{first}" if first == last else f"{first}_{last}"


def _zarr_pieces(request: FetchRequest) -> Iterator[Piece]:
    surface, upper = request.wanted(Group.SURFACE), request.wanted(Group.ATMOSPHERIC)
    statics = request.wanted(Group.STATIC)
    if statics:
        span = (request.start, request.start)
        yield _zarr_piece(request, f"{_label(request)}_static", statics, span, is_static=True)
    fields = len(surface) + len(upper) * len(request.pressure_levels)
    a_day = fields * len(request.hours_of_day) * grid_points(request)
    days = max(1, _PIECE_VALUES // a_day)
    for first, last in months(request.start, request.end):
        for span in _stretches(first, last, days):
            name = f"{_label(request)}_{_span_name(span)}"
            yield _zarr_piece(request, name, (*surface, *upper), span)


def _label(request: FetchRequest) -> str:
    return "arco" if request.source == "arco" else f"weatherbench2_{request.dataset}"


def _stretches(first: date, last: date, days: int) -> Iterator[Span]:
    while first <= last:
        until = min(last, first + timedelta(days=days - 1))
        yield first, until
        first = until + timedelta(days=1)


def _zarr_piece(
    request: FetchRequest,
    name: str,
    variables: Sequence[Wanted],
    span: Span,
    *,
    is_static: bool = False,
) -> Piece:
    times = 1 if is_static else ((span[1] - span[0]).days + 1) * len(request.hours_of_day)
    levels, all_levels = len(request.pressure_levels), len(request.origin.levels)
    upper = sum(v.group is Group.ATMOSPHERIC for v in variables)
    flat = len(variables) - upper
    globe = grid_points(request.replace(region=None))
    return Piece(
        id=name,
        first=span[0],
        last=span[1],
        variables=tuple(variables),
        num_items=times * (flat + upper * levels),
        num_bytes=int(times * (flat + upper * levels) * grid_points(request) * _BYTES_PER_VALUE),
        transfer_bytes=int(times * (flat + upper * all_levels) * globe * _BYTES_PER_VALUE),
        is_static=is_static,
    )
