from __future__ import annotations

import ast
import json
from collections.abc import Iterator
from pathlib import Path

import pytest

import aurora_dash
from aurora_dash.data.findings import Finding, Fix, Location, launchable, sort_findings
from aurora_dash.spec import RunSpec
from aurora_dash.spec.remedies import InfillTime, MaskValues


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
        "location": None,
        "remedy_spec": None,
        "fixes": [],
        "picture": None,
    }


def test_a_fix_is_what_follows_set_and_the_first_is_the_remedy() -> None:
    fix = Fix.by("Infill", MaskValues(variable="surf_2t", high=330), InfillTime(variable="surf_2t"))
    finding = Finding(
        severity="error",
        code="c",
        message="m",
        location=Location(time="2025-06-01T06:00Z", level=850.0, latitude=60.5, longitude=10.0),
        fixes=(fix,),
    )
    document = json.loads(json.dumps(finding.to_dict()))
    assert document["location"]["level"] == 850
    assert str(finding.location) == "2025-06-01T06:00Z, 850 hPa, latitude 60.5, longitude 10"
    spec = RunSpec().with_overrides(document["remedy_spec"].splitlines())
    assert [remedy.kind for remedy in spec.data.remedies] == ["mask_values", "infill_time"]
    assert document["fixes"] == [{"label": "Infill", "set": list(fix.assignments)}]


def _warnings_and_errors() -> Iterator[tuple[str, set[str]]]:
    """Place and arguments of every finding that the package makes of these severities."""
    for path in sorted(Path(aurora_dash.__file__).parent.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "Finding":
                given = {keyword.arg: keyword.value for keyword in node.keywords if keyword.arg}
                if getattr(given.get("severity"), "value", None) in ("warning", "error"):
                    yield f"{path.name}:{node.lineno}", set(given)


@pytest.mark.slow
def test_every_warning_and_error_says_what_to_do() -> None:
    made = dict(_warnings_and_errors())
    assert len(made) > 40
    assert [place for place, given in made.items() if "remedy" not in given] == []
