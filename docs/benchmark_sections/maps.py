"""How soon maps are seen, beside other ways to draw them."""

from __future__ import annotations

from docs.benchmark_sections.words import Result, milli, surroundings, table

_ACTIONS = {"click": "a click shows them", "change": "lead or variable", "zoom": "zoom in full"}
_WAYS = {
    "canvas": "the dashboard's canvases",
    "plotly": "Plotly heat maps of all cells",
    "cartopy": "Cartopy `pcolormesh`, `st.pyplot`",
}


def maps(result: Result) -> str:
    """Milliseconds from the event to the picture, by grid and way."""
    goals = ", ".join(
        f"{label} {milli(result['goals'][action])}" for action, label in _ACTIONS.items()
    )
    sections = [
        f"## Three linked maps\n\n`python benchmarks/maps.py`: {surroundings(result)} "
        f"{result['cores']} cores, a load of {result['load_average']:.1f} at the end, headless "
        "Chromium with software rendering.\n\nMilliseconds from the event in the "
        "browser until prediction, target and error are all on the screen, median / 95th "
        f"percentile; the zoom includes the pause of 150 ms that ends it. Goals: {goals}.\n"
    ]
    for name, grid in result["grids"].items():
        rows = [
            (label, *(_cell(grid["ways"][way], action, result["limit"]) for action in _ACTIONS))
            for way, label in _WAYS.items()
        ]
        sections.append(
            f"### {name}, {grid['rows']} x {grid['columns']} cells\n\n"
            + table(("drawn by", *_ACTIONS.values()), rows)
        )
    return "\n".join(sections)


def _cell(way: Result, action: str, limit: float) -> str:
    if action in way:
        return f"{milli(way[action]['p50'])} / {milli(way[action]['p95'])}"
    tries = way["tries"][action]
    if tries:
        return f"{milli(min(tries))}, then not seen within {limit:g} s"
    return f"not seen within {limit:g} s"


def printed(result: Result) -> str:
    """Seconds for a figure of three maps, by projection."""
    head = (
        f"## Printed maps\n\n`python benchmarks/printed_maps.py`: {surroundings(result)} "
        f"{result['cores']} cores, a load of {result['load_average']:.1f} at the end.\n\n"
        f"Seconds for a PNG of three maps of {result['rows']} x {result['columns']} cells with "
        "coastlines and arrows, and for one such map without them by Cartopy's own `imshow`.\n\n"
    )
    rows = [
        (name.replace("_", " "), *(f"{ways[way]:.1f}" for way in ("three_maps", "one_by_cartopy")))
        for name, ways in result["seconds"].items()
    ]
    return head + table(("projection", "three maps here", "one by Cartopy"), rows)
