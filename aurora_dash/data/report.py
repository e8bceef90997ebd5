"""All that an examination of data found, as plain data: the same for JSON, text and report."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from aurora_dash.data.findings import Finding, launchable
from aurora_dash.data.mix import OpenedPart
from aurora_dash.data.plan import describe_split
from aurora_dash.data.summary import describe


def check_document(parts: Sequence[OpenedPart], findings: Sequence[Finding]) -> dict[str, Any]:
    """What ``data check --json`` prints.

    ``launchable``; ``summary`` and ``split`` of the (first) data; ``parts`` of a mix, each with
    its own; ``remedies`` that the spec applies; and ``findings``, each with ``location`` (time,
    level, latitude, longitude), ``fixes`` (``label``, and in ``set`` what follows ``--set``),
    ``remedy_spec`` (the best fix, a line an assignment) and the numbers of a ``picture``.
    """
    told = [
        {
            "summary": describe(part.opened).to_dict(),
            "split": describe_split(part.spec, part.times).to_dict(),
        }
        for part in parts
    ]
    return {
        "launchable": launchable(findings),
        **told[0],
        "parts": [
            {"name": part.name, "weight": part.weight, **own}
            for part, own in zip(parts, told, strict=True)
            if part.name
        ],
        "remedies": [r.model_dump(mode="json") for r in parts[0].spec.data.remedies],
        "findings": [finding.to_dict() for finding in findings],
    }
