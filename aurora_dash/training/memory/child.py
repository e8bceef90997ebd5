"""Answers one question in a process of its own: ``python -m aurora_dash.training.memory.child``.

Reads ``{"question": ..., "runs": folder}`` as JSON from stdin; writes JSON lines to stdout:
``{"phase": ...}`` as it goes on, then ``{"estimate": ...}`` or ``{"error": ..., "remedy": ...}``.
"""

from __future__ import annotations

import json
import logging
import sys
from pathlib import Path
from typing import Any

from aurora_dash.errors import AuroraDashError


def main() -> int:
    """Answer what stdin asks."""
    asked = json.load(sys.stdin)
    _say({"phase": "loading PyTorch and Aurora"})
    from aurora_dash.runs.store import RunStore
    from aurora_dash.training.memory.dry_run import dry_run
    from aurora_dash.training.memory.question import Question

    try:
        question = Question.from_dict(asked["question"])
        found = dry_run(
            question, store=RunStore(Path(asked["runs"])), say=lambda phase: _say({"phase": phase})
        )
    except AuroraDashError as error:
        _say({"error": error.message, "remedy": error.remedy})
        return 1
    except Exception as error:
        # Torch raises this and that at an operation that has no fake form.
        logging.exception("estimating the memory of a step")
        lines = str(error).splitlines() or [""]
        _say({"error": f"{type(error).__name__}: {lines[0]}", "remedy": ""})
        return 1
    _say({"estimate": found.to_dict()})
    return 0


def _say(message: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps(message) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
