"""``aurora-dash estimate``: what it prints, refuses and finds."""

from __future__ import annotations

from pathlib import Path

import pytest

GIB = 2**30


@pytest.fixture(autouse=True)
def _own_cache(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("AURORA_DASH_CACHE", str(tmp_path / "cache"))


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--grid", "721"), "Write 721x1440"),
        (("--fit", "much"), "'much' is no size in GiB"),
        (("--native", "--levels", "14"), "14 levels"),
        (("--grid", "30x64", "--levels", "4"), "30 x 64 points"),
    ],
)
def test_what_can_not_be_meant_is_refused(cli, arguments: tuple[str, ...], said: str) -> None:
    found = cli("estimate", "demo", *arguments)
    assert found.code == 2
    assert said in found.err


@pytest.mark.slow
def test_it_tells_parts_and_what_would_make_a_run_fit(cli) -> None:
    options = ("--grid", "32x64", "--levels", "2", "--device-memory", "1")
    found = cli("estimate", "demo", "--json", *options)
    # CUDA alone is counted as 2 GiB.
    assert (found.code, found.document["fits"]) == (1, False)
    answer = found.document["estimate"]
    assert answer["peak_bytes"] == sum(answer["parts"].values())
    assert answer["needed_bytes"] == answer["peak_bytes"] + 2 * GIB
    assert found.document["device_memory_bytes"] == GIB
    # The same question is answered from the cache.
    text = cli("estimate", "demo", *options[:-1], "24")
    assert text.code == 0
    assert "32 x 64 points, 2 levels, batch" in text.out
    assert "there are 24.00" in " ".join(text.out.split())
    fitted = cli("estimate", "demo", "--fit", "24", *options[:4])
    assert "It fits in 24.00 GiB as it is." in fitted.out
