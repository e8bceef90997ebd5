"""Which fetches this dashboard has begun: one small file each beside the runs. Free of streamlit.

How far a fetch is stands in its own folder; here is only which folders there are.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

from pydantic import ValidationError

from aurora_dash.data.fetch.request import FetchRequest
from aurora_dash.data.fetch.state import FetchStatus, read_status
from aurora_dash.runs.files import write_atomic


@dataclass(frozen=True, kw_only=True)
class Fetch:
    """A fetch and how far it is."""

    id: str
    request: FetchRequest
    status: FetchStatus | None
    """None before its process has begun to work."""

    @property
    def folder(self) -> Path:
        """Where its files are."""
        return Path(self.request.out)

    @property
    def is_live(self) -> bool:
        """Whether somebody is at work on it."""
        return self.status is not None and self.status.state == "running"


class FetchList:
    """All fetches beside the runs of `root`."""

    def __init__(self, root: Path) -> None:
        self.folder = root / ".fetches"

    def remember(self, request: FetchRequest) -> str:
        """Put a fetch on the list and give its id; one into the same folder is replaced."""
        identity = hashlib.sha256(request.out.encode()).hexdigest()[:12]
        self.folder.mkdir(parents=True, exist_ok=True)
        write_atomic(self.folder / f"{identity}.json", request.model_dump_json(indent=2) + "\n")
        return identity

    def forget(self, identity: str) -> None:
        """Take a fetch off the list; its files stay."""
        known = {path.stem: path for path in self._files()}
        if identity in known:
            known[identity].unlink(missing_ok=True)

    def get(self, identity: str) -> Fetch | None:
        """The fetch of that id, if it is on the list."""
        return next((fetch for fetch in self.all() if fetch.id == identity), None)

    def all(self) -> list[Fetch]:
        """Every readable fetch, the latest first."""
        fetches = []
        for path in sorted(self._files(), key=lambda path: path.stat().st_mtime, reverse=True):
            try:
                request = FetchRequest.model_validate_json(path.read_bytes())
            except (OSError, ValidationError):
                # A fetch of a later version, or a file that is none: not this list's.
                continue
            status = read_status(Path(request.out))
            fetches.append(Fetch(id=path.stem, request=request, status=status))
        return fetches

    def _files(self) -> list[Path]:
        return list(self.folder.glob("*.json"))
