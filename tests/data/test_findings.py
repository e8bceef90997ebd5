from __future__ import annotations

import json

from aurora_dash.data.findings import Finding, launchable, sort_findings


def _finding(severity: str, code: str = "x") -> Finding:
    return Finding(severity=severity, code=code, message="m")  # type: ignore[arg-type]


def test_only_errors_stand_in_the_way_of_a_launch() -> None:
    assert launchable([])
    assert launchable([_finding("info"), _finding("warning")])
    assert not launchable([_finding("info"), _finding("error")])


def test_errors_come_first_and_nothing_is_said_twice() -> None:
    a, b, c = _finding("info", "a"), _finding("error", "b"), _finding("warning", "c")
    d = _finding("error", "d")
    assert sort_findings([a, b, a, c, d, b]) == (b, d, c, a)


def test_a_finding_is_plain_data_for_json() -> None:
    finding = Finding(severity="warning", code="c", message="m", variable="surf_2t")
    assert json.loads(json.dumps(finding.to_dict())) == {
        "severity": "warning",
        "code": "c",
        "message": "m",
        "remedy": "",
        "variable": "surf_2t",
        "where": None,
    }
