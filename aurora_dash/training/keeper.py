"""Whom a training tells how it is: the run's owner, in all processes but one a stand-in."""

from __future__ import annotations

from typing import Any, Protocol

from aurora_dash.runs.status import RunStatus


class Keeper(Protocol):
    """Keeps the status of a run: its owner, or somebody who only remembers it."""

    @property
    def status(self) -> RunStatus:
        """The status at present."""

    def update(self, **fields: Any) -> RunStatus:
        """Change fields of the status."""
