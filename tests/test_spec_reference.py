"""The reference of a run's specification says what the code checks."""

from __future__ import annotations

import runpy
from pathlib import Path

from pydantic import BaseModel

from aurora_dash.spec import RunSpec

REPOSITORY = Path(__file__).resolve().parent.parent
DOCUMENT = REPOSITORY / "docs" / "spec.md"


def test_it_is_up_to_date() -> None:
    generator = runpy.run_path(str(REPOSITORY / "docs" / "spec_reference.py"))
    written = DOCUMENT.read_text(encoding="utf-8")
    assert written == generator["reference"](), "run `python docs/spec_reference.py`"


def test_it_names_every_field_of_every_section() -> None:
    written = DOCUMENT.read_text(encoding="utf-8")

    def check(model: BaseModel, prefix: str) -> None:
        for name in type(model).model_fields:
            assert f"`{prefix}{name}`" in written
            value = getattr(model, name)
            if isinstance(value, BaseModel):
                check(value, f"{prefix}{name}.")

    check(RunSpec(), "")
    for name in ("name", "transform_offset", "copy_from"):
        assert f"`variables[].{name}`" in written
