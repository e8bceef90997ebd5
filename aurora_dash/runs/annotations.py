"""``annotations.json``: what people say of a run after it was launched, its tags and notes."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from aurora_dash.errors import RunError
from aurora_dash.runs.files import cannot_read, write_atomic

ANNOTATIONS_FILE = "annotations.json"

_TAG_LENGTH = 40
_NOTES_LENGTH = 20_000


class Annotations(BaseModel):
    """Tags and notes of a run; nothing that trains reads them."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    tags: tuple[str, ...] = ()
    """Short words to group and filter by, each once."""
    notes: str = Field("", max_length=_NOTES_LENGTH)
    """Free text; empty: the notes of the run's spec are all there is."""

    @field_validator("tags")
    @classmethod
    def _plain_tags(cls, tags: tuple[str, ...]) -> tuple[str, ...]:
        for tag in tags:
            if not tag or len(tag) > _TAG_LENGTH or not tag.isprintable() or tag != tag.strip():
                raise ValueError(
                    f"{tag!r} is not a tag: write 1 to {_TAG_LENGTH} characters on one line, "
                    "without spaces around them"
                )
        return tuple(dict.fromkeys(tags))


def read_annotations(folder: Path) -> Annotations:
    """What was said of the run in `folder`; `RunError` if the file is damaged."""
    path = folder / ANNOTATIONS_FILE
    try:
        return Annotations.model_validate_json(path.read_bytes())
    except FileNotFoundError:
        return Annotations()
    except OSError as error:
        raise cannot_read(path, error) from error
    except ValidationError as error:
        raise RunError(
            f"{path} is damaged: {error.errors(include_url=False)[0]['msg']}.",
            remedy="Delete the file: it holds nothing but tags and notes.",
        ) from error


def annotate(
    folder: Path, *, tags: Iterable[str] | None = None, notes: str | None = None
) -> Annotations:
    """Replace the tags or the notes of a run, or both; None leaves them. Returns what holds now.

    `RunError` for a tag that can't be one, and where the file can't be written.
    """
    present = read_annotations(folder)
    try:
        changed = Annotations(
            tags=present.tags if tags is None else tuple(tags),
            notes=present.notes if notes is None else notes,
        )
    except ValidationError as error:
        raise RunError(f"{error.errors(include_url=False)[0]['msg']}.") from error
    if changed != present:
        write_atomic(folder / ANNOTATIONS_FILE, changed.model_dump_json(indent=2) + "\n")
    return changed
