"""Specs in files."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path

from aurora_dash.errors import SpecError
from aurora_dash.spec.run import RunSpec


def load_spec(path: Path) -> RunSpec:
    """Read a spec from a ``.json`` or ``.toml`` file."""
    try:
        text = path.read_text(encoding="utf-8")
        values = tomllib.loads(text) if path.suffix == ".toml" else json.loads(text)
    except OSError as error:
        raise SpecError(f"Can't read the spec {path}: {error.strerror}.") from error
    except UnicodeDecodeError as error:
        raise SpecError(
            f"{path} is not a text file.", remedy="Give a JSON or TOML file."
        ) from error
    except ValueError as error:
        raise SpecError(
            f"{path} is not valid {path.suffix.lstrip('.') or 'JSON'}: {error}."
        ) from error
    if not isinstance(values, dict):
        raise SpecError(f"{path} holds a {type(values).__name__}; a spec is a table of fields.")
    return RunSpec.build(values, source=str(path))
