"""What the sources of forecasts are called and how they are drawn, alike on every figure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from aurora_dash.figures.theme import BLUE, GREEN, GREY, ORANGE, PURPLE, SKY, VERMILION

TARGET = "target"

_KNOWN: Mapping[str, tuple[str, str, str]] = {
    "model": ("Fine-tuned", BLUE, "solid"),
    "initial": ("Before fine-tuning", ORANGE, "solid"),
    "persistence": ("Persistence", GREY, "dash"),
    "climatology": ("Climatology", SKY, "dot"),
    TARGET: ("Target", GREEN, "solid"),
}
_OTHERS = (PURPLE, VERMILION)
_DASHES = ("solid", "dash", "dot", "dashdot", "longdash")


def source_name(source: str) -> str:
    """A source in words; another run or a file by the name it was given."""
    return _KNOWN[source][0] if source in _KNOWN else source


def source_in_text(source: str) -> str:
    """A source within a sentence; what somebody named is left as it is."""
    return _KNOWN[source][0].lower() if source in _KNOWN else source


def source_styles(sources: Sequence[str]) -> dict[str, tuple[str, str]]:
    """Colour and dash of each source, those of other runs and files by their order."""
    others = [source for source in sources if source not in _KNOWN]
    styles = {source: (colour, dash) for source, (_, colour, dash) in _KNOWN.items()}
    for index, source in enumerate(others):
        dash = _DASHES[index // len(_OTHERS) % len(_DASHES)]
        styles[source] = (_OTHERS[index % len(_OTHERS)], dash)
    return {source: styles[source] for source in sources}
