"""Requests to a running trainer: files in ``control/``, left by any process, each taken once."""

from __future__ import annotations

import secrets
import time
from enum import StrEnum
from pathlib import Path

from aurora_dash.errors import RunError
from aurora_dash.runs.files import cannot_write, write_atomic

_SUFFIX = ".request"


class Action(StrEnum):
    """What can be asked of a running trainer."""

    STOP = "stop"
    PAUSE = "pause"
    RESUME = "resume"
    SAVE = "save"
    EVALUATE = "evaluate"


def parse_action(text: str) -> Action:
    """The action of that name; `RunError` names the known ones."""
    try:
        return Action(text)
    except ValueError:
        raise RunError(
            f"There is no action {text!r}.", remedy=f"Known: {', '.join(Action)}."
        ) from None


def put_request(folder: Path, action: Action) -> None:
    """Leave a request in a control folder; it is seen whole or not at all."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise cannot_write(folder, error) from error
    name = f"{time.time_ns():020d}-{secrets.token_hex(3)}-{action.value}{_SUFFIX}"
    write_atomic(folder / name, action.value + "\n")


def take_requests(folder: Path) -> list[Action]:
    """All waiting requests, oldest first; no other taker gets the same one.

    The action stands in the file's name, so that a request counts even if the disk was too full
    for its content. A file of an unknown action is set aside as ``*.unknown``.
    """
    taken = []
    for path in sorted(folder.glob(f"*{_SUFFIX}")):
        action = _action_of(path)
        aside = path.with_suffix(".taken" if action else ".unknown")
        try:
            path.rename(aside)
            if action:
                aside.unlink()
        except FileNotFoundError:
            continue
        except OSError as error:
            raise cannot_write(path, error) from error
        if action:
            taken.append(action)
    return taken


def waiting_requests(folder: Path) -> frozenset[Action]:
    """What was asked and is not taken yet."""
    return frozenset(a for path in folder.glob(f"*{_SUFFIX}") if (a := _action_of(path)))


def _action_of(path: Path) -> Action | None:
    name = path.name.removesuffix(_SUFFIX).rpartition("-")[2]
    return Action(name) if name in set(Action) else None
