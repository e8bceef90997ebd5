"""The documented layout is the one that is written."""

from __future__ import annotations

from pathlib import Path

from aurora_dash.runs.control import Action
from aurora_dash.runs.schema import METRICS_FIELDS, METRICS_VERSION, STATUS_FIELDS, STATUS_VERSION
from aurora_dash.runs.status import RunState, RunStatus


def test_the_documentation_has_a_row_for_every_field_and_state(repository: Path) -> None:
    text = (repository / "docs" / "run-folder.md").read_text(encoding="utf-8")
    for field in (*STATUS_FIELDS, *METRICS_FIELDS):
        assert f"| `{field.name}` | {field.unit} | {field.meaning} |" in text
    for state in RunState:
        assert f"| `{state.value}` |" in text
    for action in Action:
        assert action.value in text


def test_every_field_of_a_status_is_documented() -> None:
    assert {field.name for field in STATUS_FIELDS} == set(RunStatus.model_fields)


def test_versions_are_written() -> None:
    assert RunStatus(state=RunState.QUEUED).schema_version == STATUS_VERSION
    assert f"{METRICS_VERSION}" in METRICS_FIELDS[0].meaning
