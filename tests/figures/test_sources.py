from __future__ import annotations

from aurora_dash.figures.sources import source_in_text, source_name, source_styles


def test_sources_look_different_whatever_they_are_called() -> None:
    sources = ["model", "persistence", "climatology", "initial", "target", *map(str, range(9))]
    styles = source_styles(sources)
    assert len(set(styles.values())) == len(sources)
    assert source_styles(["7"]) == {"7": styles["0"]}


def test_another_run_is_called_what_it_was_called() -> None:
    assert [source_name(name) for name in ("initial", "HRES")] == ["Before fine-tuning", "HRES"]
    assert [source_in_text(name) for name in ("initial", "HRES")] == ["before fine-tuning", "HRES"]
