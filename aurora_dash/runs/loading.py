"""``load_report.json``: what became of every tensor when a run's model got its weights."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

from pydantic import BaseModel, ConfigDict, ValidationError

from aurora_dash.errors import RunError
from aurora_dash.runs.files import cannot_read

OUTCOMES: Mapping[str, str] = MappingProxyType(
    {
        "matched": "matched",
        "missing": "missing",
        "unexpected": "unexpected",
        "mismatched": "other shape",
        "new": "new",
        "random": "random",
    }
)
"""What can become of a tensor, and how that is called for people."""


class LoadAccount(BaseModel):
    """The content of ``load_report.json``; names of tensors are those in the model."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    source: str
    refused: str = ""
    """Why the weights were not loaded; empty if they were."""
    groups: dict[str, dict[str, int]]
    """Number of tensors by parameter group and outcome."""
    matched: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()
    unexpected: tuple[str, ...] = ()
    mismatched: tuple[str, ...] = ()
    new: tuple[str, ...] = ()
    random: tuple[str, ...] = ()

    def names(self, outcome: str) -> tuple[str, ...]:
        """The tensors of one of `OUTCOMES`."""
        found: tuple[str, ...] = getattr(self, outcome)
        return found

    def summary(self) -> str:
        """One line for people: ``181 matched, 6 new``."""
        counts = {told: len(self.names(outcome)) for outcome, told in OUTCOMES.items()}
        return ", ".join(f"{count} {told}" for told, count in counts.items() if count) or "empty"

    def rows(self) -> list[tuple[str, tuple[int, ...]]]:
        """Counts in the order of `OUTCOMES`, for each parameter group and at the end for all."""
        rows = [
            (group, tuple(counts.get(outcome, 0) for outcome in OUTCOMES))
            for group, counts in self.groups.items()
        ]
        return [*rows, ("all", tuple(len(self.names(outcome)) for outcome in OUTCOMES))]


def read_account(path: Path) -> LoadAccount | None:
    """The report of a load; None if there is none yet, `RunError` if it is damaged."""
    try:
        return LoadAccount.model_validate_json(path.read_bytes())
    except FileNotFoundError:
        return None
    except OSError as error:
        raise cannot_read(path, error) from error
    except ValidationError as error:
        raise RunError(
            f"{path} is damaged: {error.errors()[0]['msg']}.",
            remedy="It is only a report; delete it, and the next start of the run writes it anew.",
        ) from error
