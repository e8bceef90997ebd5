"""Sections on the Monitor page: how soon a step is seen, and what looking costs."""

from __future__ import annotations

from collections.abc import Callable

from docs.benchmark_sections.words import Result, milli, surroundings, table

_TURNS = {
    "tabs_without_browser": "five tabs, connections alone",
    "tabs_in_browser": "five tabs in a browser on the same cores",
}
_WAYS = {
    "idle": "nothing else",
    "thread": "training in the server",
    "process": "training beside it",
}


def live(result: Result) -> str:
    """The section, with those parts that were measured."""
    parts = {
        "latency": _latency,
        "crowd": _crowd,
        "refresh": _refresh,
        "steps": _steps,
        "memory": _memory,
        "rivals": _rivals,
    }
    found = [say(result[name]) for name, say in parts.items() if name in result]
    newest = max((result[name] for name in parts if name in result), key=lambda part: part["date"])
    head = f"## Watching a training live\n\n`python benchmarks/live.py`: {surroundings(newest)}\n"
    return "\n".join([head, *found])


def _latency(part: Result) -> str:
    rows = [
        (name, *_times(part[way]["screen_seconds"]), *_times(part[way]["wire_seconds"]))
        for way, name in _WAYS.items()
    ]
    return (
        "From a metric's write to the screen of a headless Chromium, ms; the goal is a p95 of "
        f"{milli(part['goal_p95_seconds'])}. To the wire: until it reached a tab without a "
        f"browser. {_load(part)}\n\n"
        + table(("meanwhile", "screen, median", "p95", "wire, median", "p95"), rows)
    )


def _crowd(part: Result) -> str:
    with_browsers, alone = part["with_browsers"], part["without_browsers"]
    rows = [
        ("connections alone", *_times(alone["wire_seconds"]), f"{alone['server_cores']:.2f}"),
        (
            "browsers on the same cores",
            *_times(with_browsers["screen_seconds"]),
            f"{with_browsers['server_cores']:.2f}",
        ),
    ]
    return f"The same for {part['browsers']} at once. {_load(part)}\n\n" + table(
        ("tabs", "median, ms", "p95, ms", "cores that the server uses"), rows
    )


def _refresh(part: Result) -> str:
    opens, every = part["as_it_opens"], part["all_sections_open"]
    first = part["first_chart_seconds"]

    def row(name: str, say: Callable[[Result], str]) -> tuple[str, str, str]:
        return name, say(opens), say(every)

    goal = f"goal {milli(part['goal_seconds'])}"
    rows = [
        row("thread that draws, processor time, median, ms",
            lambda of: milli(of["thread_cpu_seconds"]["p50"])),
        row(f"the same, p95 ({goal})", lambda of: milli(of["thread_cpu_seconds"]["p95"])),
        row(f"the same, wall time, median ({goal})",
            lambda of: milli(of["thread_wall_seconds"]["p50"])),
        row("whole server, processor time, ms", lambda of: milli(of["process_cpu_seconds"])),
        row(f"bytes, mean (goal {part['goal_bytes']:,})", lambda of: f"{of['bytes']['mean']:,.0f}"),
        row("bytes, largest", lambda of: f"{of['bytes']['largest']:,}"),
        row("bytes of the first drawing", lambda of: f"{of['first_bytes']:,}"),
    ]  # fmt: skip
    return (
        f"A refresh at {part['steps']:,} steps of {part['series']} series, "
        f"{part['file_bytes'] / 1e6:,.0f} MB of JSON lines. The first chart comes after "
        f"{first['new_server']:.1f} s from a server that never read the run, and after "
        f"{first['known_to_server']:.1f} s from one that has. {_load(part)}\n\n"
        + table(
            (
                "a refresh",
                f"as it opens: {opens['charts']} charts",
                f"everything open: {every['charts']} charts",
            ),
            rows,
        )
    )


def _steps(part: Result) -> str:
    rows = [
        (
            _WAYS[launcher],
            name,
            f"{found['median']:.1%}",
            f"{found['lowest']:.1%} to {found['highest']:.1%}",
        )
        for launcher in ("thread", "process")
        for kind, name in _TURNS.items()
        for found in [part[launcher]["kept"][kind]]
    ]
    rounds = len(part["thread"]["steps_a_second"]["no_tabs"])
    looks = {
        way: part[way]["refreshes_a_second"]["tabs_without_browser"]
        for way in ("thread", "process")
    }
    return (
        f"Steps a second that a small training keeps, against turns without tabs: {rounds} rounds "
        f"of turns of {part['seconds_a_turn']:.0f} s; the goal is {part['goal']:.0%}. A browser on "
        f"the same cores takes time that no server could leave. Several pages look less often at a "
        f"training that shares the server's interpreter: together {looks['thread']:.1f} refreshes "
        f"a second in the server, {looks['process']:.1f} beside it. {_load(part)}\n\n"
        + table(("training", "who looks", "kept, median", "all rounds"), rows)
    )


def _memory(part: Result) -> str:
    rss = part["rss_bytes"]
    start, middle, end = (f"{rss[when] / 1e6:.0f}" for when in ("start", "middle", "end"))
    return (
        f"{part['refreshes']:,} refreshes, as many as an hour has, in {part['seconds']:.0f} s, of "
        f"a run that grew by {part['steps_written']:,} steps: the server held {start} MB at the "
        f"start, {middle} in the middle, {end} at the end; the trend is "
        f"{part['trend_bytes_an_hour'] / 1e6:+.1f} MB an hour.\n"
    )


def _rivals(part: Result) -> str:
    rows, notes = [], []
    for name, board in part["boards"].items():
        title = f"{name} {board['version']}" if "version" in board else name
        if "refresh_seconds" not in board:
            rows.append((title, board["reason"], "–", "–", "–", "–"))
            continue
        rows.append(
            (
                title,
                f"{board['first_chart_seconds']:.1f}",
                f"{board['first_bytes'] / 1000:,.0f}",
                f"{board['refresh_seconds']:.2f}",
                f"{board['refresh_bytes'] / 1000:,.0f}",
                "yes" if board["spike_seen"] else "no",
            )
        )
        notes.append(f"{name}: {board['note']}")
    head = ("", "first chart, s", "kB", "new points seen after, s", "kB", "spike of one step seen")
    return (
        f"Beside others, {part['points']:,} points of one series, each with a server of its own on "
        f"the same machine. {' '.join(notes)} {_load(part)}\n\n" + table(head, rows)
    )


def _times(found: Result) -> tuple[str, str]:
    return f"{1000 * found['p50']:.0f}", f"{1000 * found['p95']:.0f}"


def _load(part: Result) -> str:
    return f"The machine's load before was {part['load_average']:.1f}."
