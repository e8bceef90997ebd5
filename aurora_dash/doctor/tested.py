"""Installed versions against those that were tested together, shipped as ``tested.txt``."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from aurora_dash.data.findings import Finding
from aurora_dash.doctor.versions import release

_FILE = Path(__file__).with_name("tested.txt")


def known_versions() -> dict[str, str]:
    """Versions by package name; the lines of ``constraints.txt`` that concern the project."""
    lines = _FILE.read_text(encoding="utf-8").splitlines()
    pairs = (line.partition("==") for line in lines if "==" in line)
    return {name: version for name, _, version in pairs}


def version_findings(installed: Mapping[str, str]) -> list[Finding]:
    """Packages whose version is another than the tested one, in a single finding."""
    tested = known_versions()
    differing = {
        name: (installed[name], version)
        for name, version in tested.items()
        if name in installed and release(installed[name]) != release(version)
    }
    if not differing:
        number = len(tested.keys() & installed.keys())
        message = f"{number} packages have the versions that were tested together."
        return [Finding(severity="info", code="versions", message=message)]
    told = ", ".join(f"{name} {found} ({version})" for name, (found, version) in differing.items())
    pins = " ".join(f"{name}=={version}" for name, (_, version) in differing.items())
    major = any(release(a)[:1] != release(b)[:1] for a, b in differing.values())
    return [
        Finding(
            severity="warning" if major else "info",
            code="versions_differ",
            message=f"Other versions than those tested together (in brackets): {told}.",
            remedy=f"If something misbehaves: pip install {pins}",
        )
    ]
