"""Write docs/spec.md, every field of a run's specification, from the code that checks it.

`python docs/spec_reference.py` rewrites it; a test fails when it is out of date.
"""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path
from types import UnionType
from typing import Any, Union, get_args, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

REPOSITORY = Path(__file__).resolve().parent.parent
TARGET = REPOSITORY / "docs" / "spec.md"

HEAD = """\
# The specification of a run

Written by `python docs/spec_reference.py` from the code that checks it.

A specification is a JSON or TOML file, or a preset with changes: `aurora-dash train demo --set
training.steps=60 data.levels=[850,500]`. A value is read as JSON where it parses, else as text.
Every field has the default that stands here; an unknown key or a value out of range is refused
before anything runs. Each run keeps its own as `spec.json`.
"""


def reference() -> str:
    """The whole document."""
    sys.path.insert(0, str(REPOSITORY))
    from aurora_dash.spec import RunSpec

    parts = [HEAD, *_section(RunSpec, "", "The run"), *_sections(RunSpec, "", set())]
    return "\n".join(parts).rstrip() + "\n"


def _sections(model: type[BaseModel], prefix: str, seen: set[type[BaseModel]]) -> list[str]:
    lines: list[str] = []
    for name, field in model.model_fields.items():
        for inner in _models_in(field.annotation):
            many = "[]" if get_origin(_bare(field.annotation)) is tuple else ""
            path = f"{prefix}{name}{many}"
            if inner in seen:
                continue
            seen.add(inner)
            lines += _section(inner, f"{path}.", f"`{path}`{_kind_of(inner)}")
            lines += _sections(inner, f"{path}.", seen)
    return lines


def _section(model: type[BaseModel], prefix: str, title: str) -> list[str]:
    rows = [f"## {title}", "", _text(model.__doc__ or ""), ""]
    rows += ["| field | takes | default | meaning |", "|---|---|---|---|"]
    for name, field in model.model_fields.items():
        cells = (f"`{prefix}{name}`", _type(field), _default(field), _text(field.description or ""))
        rows.append("| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |")
    return [*rows, ""]


def _kind_of(model: type[BaseModel]) -> str:
    """What tells the members of a union apart."""
    kind = model.model_fields.get("kind")
    choices = get_args(kind.annotation) if kind else ()
    return f" of kind `{choices[0]}`" if len(choices) == 1 else ""


def _models_in(annotation: Any) -> list[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    return [model for part in get_args(annotation) for model in _models_in(part)]


def _bare(annotation: Any) -> Any:
    """Without `Annotated` and without ``| None``."""
    if hasattr(annotation, "__metadata__"):
        return _bare(get_args(annotation)[0])
    if get_origin(annotation) in (Union, UnionType):
        rest = [part for part in get_args(annotation) if part is not type(None)]
        return _bare(rest[0]) if len(rest) == 1 else annotation
    return annotation


def _type(field: FieldInfo) -> str:
    limits = [_limit(part) for part in field.metadata]
    return ", ".join([_words(field.annotation), *(limit for limit in limits if limit)])


def _words(annotation: Any) -> str:
    if hasattr(annotation, "__metadata__"):
        limits = [_limit(part) for part in annotation.__metadata__]
        inner = _words(get_args(annotation)[0])
        return ", ".join([inner, *(limit for limit in limits if limit)])
    origin, parts = get_origin(annotation), get_args(annotation)
    if origin in (Union, UnionType):
        return " or ".join(_words(part) for part in parts)
    if str(origin) == "typing.Literal":
        return " or ".join(f"`{json.dumps(part)}`" for part in parts)
    if origin is tuple:
        inner = [part for part in parts if part is not Ellipsis]
        if len(inner) == len(parts):
            return f"list of {len(parts)}: {', '.join(_words(part) for part in inner)}"
        return f"list of {_words(inner[0])}"
    if origin is dict:
        return f"table of {_words(parts[1])} by name"
    if annotation is type(None):
        return "null"
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return "table, see below"
    names = {"str": "text", "int": "whole number", "float": "number", "bool": "true or false"}
    name = getattr(annotation, "__name__", str(annotation))
    if hasattr(annotation, "__members__"):
        return " or ".join(f"`{json.dumps(str(member))}`" for member in annotation)
    return names.get(name, {"datetime": "time (UTC)"}.get(name, name))


def _limit(part: Any) -> str:
    if isinstance(part, FieldInfo):
        return ", ".join(limit for limit in map(_limit, part.metadata) if limit)
    signs = {"gt": "above", "ge": "at least", "lt": "below", "le": "at most"}
    return ", ".join(
        f"{word} {getattr(part, sign):g}" for sign, word in signs.items() if hasattr(part, sign)
    )


def _default(field: FieldInfo) -> str:
    value = field.get_default(call_default_factory=True)
    if value is PydanticUndefined:
        return "required"
    if isinstance(value, BaseModel):
        return ""
    return f"`{json.dumps(value, default=str)}`"


def _text(docstring: str) -> str:
    text = " ".join(docstring.split())
    return re.sub(r"``(.+?)``", r"`\1`", text)


def main() -> None:
    """Rewrite the document in place."""
    TARGET.write_text(reference(), encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main())
