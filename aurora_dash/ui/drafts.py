"""Drafts: runs being set up, each a file, so that a refresh or a restart loses nothing.

A draft holds a whole `RunSpec` and lives in ``<runs root>/.drafts/<id>.json``; files are replaced
atomically. Free of streamlit.
"""

from __future__ import annotations

import json
import re
import secrets
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from aurora_dash.errors import RunError, SpecError
from aurora_dash.runs.provenance import Origin
from aurora_dash.spec import RunSpec

_ID = re.compile(r"[0-9a-z][0-9a-z-]{0,63}")
_START_AGAIN = "Start a new one on the first page, or take the spec of an earlier run."


@dataclass(frozen=True, kw_only=True)
class Draft:
    """One spec being edited; `launched_as` is the run it became, if it has not changed since."""

    id: str
    spec: RunSpec
    launched_as: str | None = None
    origin: Origin | None = None
    """What it was made from; None: it was set up here from the defaults."""
    passed: frozenset[str] = frozenset()
    """Steps of the guided path that a person has gone through, by key."""
    updated: datetime | None = None

    @property
    def is_saved(self) -> bool:
        """Whether there is a file yet: defaults that nobody touched have none."""
        return self.updated is not None


class DraftStore:
    """All drafts beside the runs of `root`."""

    def __init__(self, root: Path) -> None:
        self.folder = root / ".drafts"

    def create(self, spec: RunSpec, origin: Origin | None = None) -> Draft:
        """Save `spec` as a new draft."""
        now = datetime.now(UTC)
        draft_id = f"{now:%Y%m%d-%H%M%S}-{secrets.token_hex(3)}"
        return self.save(Draft(id=draft_id, spec=spec, origin=origin))

    def save(self, draft: Draft) -> Draft:
        """Write the draft, replacing what was there, and return it with its new time."""
        saved = replace(draft, updated=datetime.now(UTC))
        content = {
            "spec": saved.spec.model_dump(mode="json"),
            "launched_as": saved.launched_as,
            "origin": saved.origin.model_dump() if saved.origin else None,
            "passed": sorted(saved.passed),
        }
        path = self._path(draft.id)
        self.folder.mkdir(parents=True, exist_ok=True)
        temporary = path.with_name(f".{path.name}.{secrets.token_hex(3)}")
        temporary.write_text(json.dumps(content, indent=2), encoding="utf-8")
        temporary.replace(path)
        return saved

    def get(self, draft_id: str) -> Draft:
        """Read a draft; `RunError` if there is none of that id or its file is damaged."""
        path = self._path(draft_id)
        try:
            content = json.loads(path.read_text(encoding="utf-8"))
            return Draft(
                id=draft_id,
                spec=RunSpec.build(content["spec"]),
                launched_as=content["launched_as"],
                origin=Origin.model_validate(origin) if (origin := content.get("origin")) else None,
                passed=frozenset(content["passed"]),
                updated=datetime.fromtimestamp(path.stat().st_mtime, UTC),
            )
        except FileNotFoundError:
            raise RunError(
                f"There is no draft {draft_id!r} any more.", remedy=_START_AGAIN
            ) from None
        except (ValueError, KeyError, TypeError, SpecError) as error:
            raise RunError(
                f"The draft {path} can't be read: {error}.", remedy=_START_AGAIN
            ) from error

    def list(self) -> list[Draft]:
        """The readable drafts, the latest first."""
        drafts = []
        for path in self.folder.glob("*.json"):
            try:
                drafts.append(self.get(path.stem))
            except RunError:
                continue
        return sorted(drafts, key=lambda draft: draft.id, reverse=True)

    def delete(self, draft_id: str) -> None:
        """Remove a draft; one that is gone already is no error."""
        self._path(draft_id).unlink(missing_ok=True)

    def _path(self, draft_id: str) -> Path:
        if not _ID.fullmatch(draft_id):
            raise RunError(f"{draft_id!r} is not the id of a draft.", remedy=_START_AGAIN)
        return self.folder / f"{draft_id}.json"
