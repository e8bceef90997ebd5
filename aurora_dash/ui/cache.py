"""What pages look up again and again, kept once a process. Never changed by those who read it."""

from __future__ import annotations

from aurora_dash.runs.store import RunStore, default_root
from aurora_dash.ui.drafts import DraftStore


def run_store() -> RunStore:
    """The runs of this dashboard. Cheap: the truth is on disk."""
    return RunStore(default_root())


def draft_store() -> DraftStore:
    """The drafts beside them."""
    return DraftStore(default_root())
