"""Findings about installed packages, memory, the place where runs are kept, the hub and the CDS."""

from __future__ import annotations

import http.client
import os
import re
import shutil
import tempfile
import urllib.error
import urllib.request
from importlib import metadata
from pathlib import Path

from aurora_dash.data.fetch.account import CDS_URL, find_account
from aurora_dash.data.findings import Finding
from aurora_dash.doctor.machine import MachineSummary
from aurora_dash.doctor.versions import release
from aurora_dash.errors import DataError, RunError
from aurora_dash.runs.lock import FolderLock
from aurora_dash.variants import HUB_REPOSITORY, VARIANTS

_HUB_TIMEOUT_SECONDS = 5.0
_GIB = 2**30
_LITTLE_MEMORY = 3 * _GIB  # the demo peaks at about 1.5 GiB, torch and aurora included
_LITTLE_DISK = 5 * _GIB


def package_findings() -> list[Finding]:
    """Packages that are missing or older than the project asks for."""
    try:
        requirements = metadata.requires("aurora-dash") or []
    except metadata.PackageNotFoundError:
        return [
            Finding(
                severity="warning",
                code="not_installed",
                message="aurora-dash is not installed as a package: versions are not checked.",
                remedy="Install it: pip install -e . in the repository, or make run.",
            )
        ]
    wanted = [text for text in requirements if "extra ==" not in text]
    return [finding for text in wanted if (finding := requirement_finding(text))]


def requirement_finding(requirement: str) -> Finding | None:
    """What is wrong with one requirement such as ``numpy>=2.0``; None if it is met."""
    match = re.match(r"([A-Za-z0-9_.-]+)\s*(?:>=\s*([\d.]+))?", requirement)
    if match is None:
        return None
    name, wanted = match[1], match[2]
    try:
        found = metadata.version(name)
    except metadata.PackageNotFoundError:
        return Finding(
            severity="error",
            code="package_missing",
            message=f"The package {name} is not installed.",
            remedy=f"pip install '{requirement}'",
        )
    if wanted and release(found) < release(wanted):
        return Finding(
            severity="error",
            code="package_old",
            message=f"{name} is {found}; at least {wanted} is needed.",
            remedy=f"pip install --upgrade '{requirement}'",
        )
    return None


def memory_findings(machine: MachineSummary) -> list[Finding]:
    """Whether even the smallest run has room."""
    if machine.memory_available_bytes >= _LITTLE_MEMORY:
        return []
    return [
        Finding(
            severity="warning",
            code="little_memory",
            message=f"Only {machine.memory_available_bytes / _GIB:.1f} GiB of "
            f"{machine.memory_bytes / _GIB:.1f} GiB memory are free.",
            remedy="Close other programs; the demo needs about 1.5 GiB.",
        )
    ]


def runs_findings(root: Path) -> list[Finding]:
    """Whether runs can be written and locked where they are to live, and have room."""
    place = next(path for path in (root, *root.parents) if path.exists())
    try:
        with tempfile.TemporaryDirectory(dir=place, prefix=".doctor-") as folder:
            if lock := FolderLock.take(Path(folder)):
                lock.release()
    except (OSError, RunError) as error:
        return [
            Finding(
                severity="error",
                code="runs_folder_broken",
                message=f"Runs can't be kept in {root}: {error}",
                remedy="Choose a folder you may write to, on a disk that knows file locks: set "
                "AURORA_DASH_RUNS or give --runs.",
            )
        ]
    free = shutil.disk_usage(place).free
    little = free < _LITTLE_DISK
    return [
        Finding(
            severity="warning" if little else "info",
            code="little_disk" if little else "runs_folder",
            message=f"Runs are kept in {root}, {free / _GIB:.1f} GiB free.",
            remedy="Delete old runs, or keep runs on another disk (AURORA_DASH_RUNS)."
            if little
            else "",
        )
    ]


def hub_findings(*, network: bool) -> list[Finding]:
    """Which checkpoints are on this disk already, and whether others can be fetched."""
    cached = cached_variants()
    findings = [
        Finding(
            severity="info",
            code="checkpoints",
            message=f"Checkpoints on this disk: {', '.join(cached) or 'none'}.",
        )
    ]
    if network:
        findings.append(_hub_finding())
    return findings


def cached_variants() -> list[str]:
    """Ids of the variants whose checkpoint was downloaded before."""
    from huggingface_hub import try_to_load_from_cache

    return [
        variant.id
        for variant in VARIANTS
        if isinstance(
            try_to_load_from_cache(variant.repository, variant.filename, revision=variant.revision),
            str,
        )
    ]


def _hub_finding() -> Finding:
    endpoint = os.environ.get("HF_ENDPOINT", "https://huggingface.co").rstrip("/")
    if os.environ.get("HF_HUB_OFFLINE", "").upper() in ("1", "ON", "YES", "TRUE"):
        problem = "HF_HUB_OFFLINE is set"
    else:
        problem = _unreachable(f"{endpoint}/api/models/{HUB_REPOSITORY}")
    if not problem:
        return Finding(severity="info", code="hub", message=f"The hub ({endpoint}) answers.")
    return Finding(
        severity="warning",
        code="hub_unreachable",
        message=f"Checkpoints can't be downloaded from {endpoint}: {problem}.",
        remedy="The demo, random weights and local files work without it. Else check the network "
        "or the proxy (HTTPS_PROXY), or copy a checkpoint here and choose it as a file.",
    )


def store_findings() -> list[Finding]:
    """Whether the Climate Data Store answers and a key for it is here; never an error."""
    url, lack = os.environ.get("CDSAPI_URL") or CDS_URL, None
    try:
        url = find_account("era5").url
    except DataError as error:
        lack = error
    problem = _unreachable(url, any_answer=True)
    findings = [
        Finding(
            severity="info",
            code="cds_unreachable" if problem else "cds",
            message=f"ERA5 can't be fetched from the Climate Data Store ({url}): {problem}."
            if problem
            else f"The Climate Data Store ({url}) answers.",
            remedy="Files that are here already and the demo work without it. Else check the "
            "network or the proxy (HTTPS_PROXY)."
            if problem
            else "",
        )
    ]
    if lack is not None:
        findings.append(
            Finding(
                severity="info", code="cds_without_key", message=lack.message, remedy=lack.remedy
            )
        )
    return findings


def _unreachable(url: str, *, any_answer: bool = False) -> str:
    """Why an address does not answer; empty if it does.

    With `any_answer` a refusal is one too, as of an address that is not made to be looked at.
    """
    try:
        request = urllib.request.Request(url, method="HEAD")
        with urllib.request.urlopen(request, timeout=_HUB_TIMEOUT_SECONDS):
            return ""
    except urllib.error.HTTPError as error:
        return "" if any_answer and error.code < 500 else f"it answers {error.code}"
    except (OSError, ValueError, http.client.HTTPException) as error:
        return str(getattr(error, "reason", error))
