"""The catalogue from a shell."""

from __future__ import annotations

from aurora_dash.variants import VARIANTS


def test_every_variant_is_listed_with_what_it_needs(cli) -> None:
    outcome = cli("variants", "--json")
    assert outcome.code == 0
    assert [entry["id"] for entry in outcome.document] == [variant.id for variant in VARIANTS]
    small = next(entry for entry in outcome.document if entry["id"] == "small")
    assert small["surface"] == ["2t", "10u", "10v", "msl"]
    assert small["size_gib"] == round(small["num_parameters"] * 4 / 2**30, 2)
    assert {"levels", "licence", "note", "timestep_hours", "static_file"} <= small.keys()


def test_the_table_has_a_line_a_variant(cli) -> None:
    lines = cli("variants").out.splitlines()
    assert [line.split()[0] for line in lines[1:]] == [variant.id for variant in VARIANTS]
