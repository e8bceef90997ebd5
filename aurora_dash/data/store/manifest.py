"""``prepare.json``: what a training store is, whether it is whole, and where it came from."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from aurora_dash.data.store.layout import OWN_FOLDER
from aurora_dash.errors import DataError

MANIFEST_FILE = "prepare.json"
KIND: Literal["aurora-dash training store"] = "aurora-dash training store"


class SourceFile(BaseModel):
    """A file that was read."""

    model_config = ConfigDict(frozen=True)

    place: str
    identity: str
    """Changes with the file's content: its size and the time of its last change."""
    num_times: int
    """How many of the store's times it has fields for; 0 if it gave static fields alone."""


class Recipe(BaseModel):
    """What was asked for, as far as it decides about the values of all times."""

    model_config = ConfigDict(frozen=True)

    transforms: dict[str, tuple[str, float | None]] = {}
    """By key, for new variables: the transform whose values the moments are of."""
    source_names: dict[str, str] = {}
    """By key, for new variables: the name they were looked for under."""
    remedies: tuple[Any, ...] = ()
    """What was put right in the values, as in the spec's ``data.remedies``."""


class Provenance(BaseModel):
    """How the store came to be; nothing in it decides about what is read."""

    model_config = ConfigDict(frozen=True)

    created: str
    updated: str
    spec: dict[str, Any]
    """``model``, ``data`` and ``variables`` of the spec it was last prepared for."""
    sources: tuple[SourceFile, ...]
    done: tuple[str, ...]
    """What was done to the data on the way in, in words."""
    attribution: str
    versions: dict[str, str]


class Manifest(BaseModel):
    """All that is known of a store but its times, which the ledger has."""

    model_config = ConfigDict(frozen=True)

    kind: Literal["aurora-dash training store"] = KIND
    version: Literal[1] = 1
    complete: bool
    """False from the first change of a preparation to its end."""
    num_times: int
    layout: dict[str, Any]
    recipe: Recipe
    statics: str
    """Digest of the values of the static variables."""
    provenance: Provenance


def is_training_store(folder: Path) -> bool:
    """Whether a folder is a training store, whole or not: by its content, never by its name."""
    try:
        return (folder / OWN_FOLDER / MANIFEST_FILE).is_file()
    except OSError:
        return False


def read_manifest(folder: Path) -> Manifest:
    """The manifest of a store; `DataError` if it can't be read or is of a later version."""
    path = folder / OWN_FOLDER / MANIFEST_FILE
    try:
        return Manifest.model_validate_json(path.read_bytes())
    except OSError as error:
        raise DataError(f"{path} can't be read: {error.strerror}.") from error
    except ValidationError as error:
        found = error.errors(include_url=False)[0]
        where = ".".join(str(part) for part in found["loc"])
        raise DataError(
            f"{path} is no manifest of a training store: {where or 'all'} = "
            f"{str(found['input'])[:60]!r}: {found['msg']}.",
            remedy="Prepare it again into another folder.",
        ) from error


def manifest_bytes(manifest: Manifest) -> bytes:
    """The file's content."""
    return (json.dumps(manifest.model_dump(mode="json"), indent=1) + "\n").encode()
