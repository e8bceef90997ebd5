"""The Climate Data Store: a server of our own that answers, refuses, fails, or is not there."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from aurora_dash.doctor.surroundings import store_findings
from tests.local_server import QuietHandler, serving

KEY = "5ecret-key"


@pytest.fixture
def answer(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Callable[[int], None]]:
    """`answer(code)`: how a store on this machine answers, which the environment names."""
    codes = [200]

    class Handler(QuietHandler):
        def do_HEAD(self) -> None:
            self.send_response(codes[-1])
            self.end_headers()

    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    for name in ("ECMWF_DATASTORES_URL", "ECMWF_DATASTORES_KEY", "CDSAPI_RC", "CDSAPI_KEY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.delenv("ECMWF_DATASTORES_RC_FILE", raising=False)
    with serving(Handler) as url:
        monkeypatch.setenv("CDSAPI_URL", f"{url}/api")
        yield codes.append


def test_a_store_that_answers_is_well_with_a_key(answer, monkeypatch) -> None:
    monkeypatch.setenv("CDSAPI_KEY", KEY)
    for code in (200, 401, 404):
        answer(code)
        (finding,) = store_findings()
        assert (finding.code, finding.severity) == ("cds", "info")
        assert KEY not in finding.message + finding.remedy


def test_a_missing_key_is_told_with_where_it_goes(answer) -> None:
    answers, without = store_findings()
    assert answers.code == "cds"
    assert (without.code, without.severity) == ("cds_without_key", "info")
    assert ".cdsapirc" in without.remedy


def test_a_store_out_of_reach_is_no_error(answer, monkeypatch) -> None:
    monkeypatch.setenv("CDSAPI_KEY", KEY)
    answer(503)
    assert "it answers 503" in store_findings()[0].message
    monkeypatch.setenv("CDSAPI_URL", "http://127.0.0.1:9/api")
    (finding,) = store_findings()
    assert (finding.code, finding.severity) == ("cds_unreachable", "info")
    assert "refused" in finding.message
    assert "HTTPS_PROXY" in finding.remedy
