"""Versions against those tested together."""

from __future__ import annotations

from pathlib import Path

from aurora_dash.doctor.tested import known_versions, version_findings


def test_the_shipped_list_is_what_the_constraints_say(repository: Path) -> None:
    lines = (repository / "constraints.txt").read_text().splitlines()
    pairs = (line.split("==") for line in lines if "==" in line and not line.startswith("#"))
    constraints = {name.lower().replace("_", "-"): version for name, version in pairs}
    tested = known_versions()
    assert {"torch", "microsoft-aurora", "streamlit", "xarray", "numpy"} <= tested.keys()
    assert tested == {name: constraints[name] for name in tested}


def test_the_same_versions_are_well_whatever_their_build() -> None:
    installed = {**known_versions(), "torch": known_versions()["torch"] + "+cu128"}
    (finding,) = version_findings(installed)
    assert (finding.code, finding.severity) == ("versions", "info")


def test_other_versions_are_named_with_the_way_back() -> None:
    tested = known_versions()
    (finding,) = version_findings({**tested, "torch": "1.13.1", "numpy": tested["numpy"]})
    assert (finding.code, finding.severity) == ("versions_differ", "warning")
    assert f"torch 1.13.1 ({tested['torch']})" in finding.message
    assert finding.remedy.endswith(f"pip install torch=={tested['torch']}")
    major = tested["xarray"].split(".")[0]
    (near,) = version_findings({**tested, "xarray": f"{major}.999.0"})
    assert near.severity == "info"
