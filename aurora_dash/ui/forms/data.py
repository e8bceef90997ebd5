"""The Data page's form: demo or files, and how they are cut."""

from __future__ import annotations

import streamlit as st

from aurora_dash.data.roots import configured_roots
from aurora_dash.spec import HUB, Region, RunSpec
from aurora_dash.ui import boundary, editor, edits, fields, state
from aurora_dash.variants import PRESSURE_LEVELS

_SOURCE = f"{state.FIELD_PREFIX}data.source"
_PATHS = f"{state.FIELD_PREFIX}data.paths"
_REGION = f"{state.FIELD_PREFIX}data.region"
_STATIC = f"{state.FIELD_PREFIX}data.static_file"
_SIDES = ("north", "south", "west", "east")
_COPY = "copy"
_NO_FILES = "Files were chosen, but none is named yet."
SOURCES = {
    "demo": ("Demo", "Synthetic weather that this project generates: no files needed."),
    "files": (
        "Files",
        "NetCDF, GRIB or Zarr, several at once as the CDS delivers them, here or in a bucket.",
    ),
}


def source(spec: RunSpec) -> bool:
    """Demo or files, with what that needs; True once the data is chosen."""
    chosen = fields.described(
        "Source of the data", SOURCES, spec.data.source, key=_SOURCE, on_change=_choose_source
    )
    if chosen == "demo":
        _demo(spec)
    else:
        _files(spec)
    return chosen == spec.data.source


def _demo(spec: RunSpec) -> None:
    with st.expander("Size of the demo", icon=":material/straighten:"):
        first, second, third, fourth = st.columns(4)
        with first:
            fields.integer(
                spec,
                "data.demo.height",
                "Latitudes",
                "Rows of the grid; a multiple of the model's patch size is used.",
                minimum=16,
                maximum=721,
                step=4,
            )
        with second:
            fields.integer(
                spec,
                "data.demo.width",
                "Longitudes",
                "Columns of the grid, around the globe.",
                minimum=16,
                maximum=1440,
                step=4,
            )
        with third:
            fields.integer(
                spec,
                "data.demo.num_times",
                "Times",
                "How many analyses, one a time step of the model.",
                minimum=6,
                maximum=10_000,
                step=10,
            )
        with fourth:
            fields.integer(
                spec,
                "data.demo.seed",
                "Seed",
                "The same seed gives the same weather.",
            )
        fields.several(
            spec,
            "data.demo.levels",
            "Pressure levels (hPa)",
            "Levels of the atmospheric variables.",
            sorted(PRESSURE_LEVELS, reverse=True),
            placeholder="Choose at least one",
        )


def _files(spec: RunSpec) -> None:
    roots = ", ".join(f"`{root}`" for root in configured_roots())
    st.text_area(
        "Files, folders or patterns, one a line",
        value="\n".join(spec.data.paths),
        placeholder="/data/era5/pressure_levels.nc\n/data/era5/single_levels.nc\n/data/era5/2025/*.grib",
        help="Paths on the machine that runs this dashboard, or addresses: s3://, gs://, az://, "
        "https://, with credentials from the environment. A folder stands for all data files and "
        "Zarr stores in it; * and ** match names.",
        height=110,
        key=_PATHS,
        on_change=_choose_paths,
    )
    st.caption(
        f"Press Ctrl+Enter, or click beside the box, to open them. Readable are {roots}; the "
        "environment variable AURORA_DASH_ROOTS sets other folders."
    )
    _static(spec)


def _static(spec: RunSpec) -> None:
    """Where static variables come from that the files lack."""
    published = spec.model.catalogue_entry.static_file
    options = {
        None: "The data files alone",
        HUB: f"The variant's published file, {published}",
        _COPY: "A copy of such a file on this machine",
    }
    now = spec.data.static_file
    left, right = st.columns(2)
    with left:
        chosen = st.selectbox(
            "Static variables",
            list(options),
            index=list(options).index(now if now in (None, HUB) else _COPY),
            format_func=lambda place: options[place],
            help="Land-sea mask, soil type, bathymetry, emissions and the like, where the files "
            "lack them. The published file is fetched from the hub once and kept; it covers the "
            f"globe at {spec.model.catalogue_entry.resolution_degrees:g}°, and the points of your "
            "data must be among its own. It is read without running anything in it.",
            key=f"{_STATIC}.place",
            on_change=_choose_static_place,
        )
    if chosen == _COPY:
        right.text_input(
            "Static file",
            value=now if now not in (None, HUB) else "",
            placeholder=f"/data/{published}",
            help="Path on the machine that runs this dashboard, within its configured folders.",
            key=_STATIC,
            on_change=_choose_static_copy,
        )
    fields.show_error("data.static_file")


def cutting(spec: RunSpec, levels: tuple[float, ...]) -> None:
    """Levels, period and region. `levels` are those of the data."""
    with st.expander("Period, region and levels", icon=":material/crop:"):
        first, second = st.columns(2)
        with first:
            fields.moment(spec, "data.start", "From (UTC)", "First valid time to use.")
        with second:
            fields.moment(spec, "data.end", "Until (UTC)", "Last valid time to use.")
        fields.several(
            spec,
            "data.levels",
            "Levels (hPa)",
            "Levels to use; the model takes any subset of those it knows.",
            sorted(levels or PRESSURE_LEVELS, reverse=True),
            placeholder="All levels of the data",
            show=lambda level: f"{level:g}",
            convert=lambda chosen: tuple(chosen) or None,
        )
        _member(spec)
        _region(spec)


def _member(spec: RunSpec) -> None:
    fields.integer(
        spec,
        "data.member",
        "Ensemble member",
        "Which member of an ensemble to use, by its number in the data. Empty: the first.",
        minimum=0,
        placeholder="The first",
    )


def _region(spec: RunSpec) -> None:
    region = spec.data.region
    wanted = st.toggle(
        "Cut out a region",
        value=region is not None,
        help="Use only a box. It must not lie across Greenwich, which Aurora can't take.",
        key=f"{_REGION}.wanted",
        on_change=_toggle_region,
    )
    if not wanted:
        return
    box = region or Region(north=75, south=35, west=0, east=40)
    for column, side in zip(st.columns(4), _SIDES, strict=True):
        column.number_input(
            f"{side.capitalize()} (°)",
            value=float(getattr(box, side)),
            step=1.0,
            help="Latitude, -90 to 90." if side in ("north", "south") else "Longitude, east.",
            key=f"{_REGION}.{side}",
            on_change=_change_region,
        )
    fields.show_error("data.region")


@boundary.guarded
def _choose_source() -> None:
    chosen = st.session_state[_SOURCE]
    spec = editor.current().spec
    if chosen == "files" and not spec.data.paths:
        state.field_errors()["data.paths"] = _NO_FILES
        return
    state.field_errors().pop("data.paths", None)
    editor.store(edits.assign(spec, "data.source", chosen))


@boundary.guarded
def _choose_paths() -> None:
    lines = st.session_state[_PATHS].splitlines()
    paths = tuple(line.strip().strip("\"'") for line in lines if line.strip())
    spec = editor.current().spec
    if not paths:
        state.field_errors()["data.paths"] = _NO_FILES
        return
    state.field_errors().pop("data.paths", None)
    editor.store(spec.replace(data=spec.data.replace(source="files", paths=paths)))


@boundary.guarded
def _choose_static_place() -> None:
    place = st.session_state[f"{_STATIC}.place"]
    state.field_errors().pop("data.static_file", None)
    # A copy is taken over once its path is given.
    if place != _COPY:
        editor.assign("data.static_file", place)


@boundary.guarded
def _choose_static_copy() -> None:
    typed = st.session_state[_STATIC].strip().strip("\"'")
    if typed:
        editor.assign("data.static_file", typed)
    else:
        state.field_errors()["data.static_file"] = "Type the path of a static file."


@boundary.guarded
def _toggle_region() -> None:
    wanted = st.session_state[f"{_REGION}.wanted"]
    box = Region(north=75, south=35, west=0, east=40) if wanted else None
    editor.assign("data.region", box)


@boundary.guarded
def _change_region() -> None:
    sides = {side: st.session_state[f"{_REGION}.{side}"] for side in _SIDES}
    editor.assign("data.region", sides)
