"""A loss from a person's own Python file: code that runs with all rights of this process.

A specification may come from anywhere, so that its word alone never runs code. The person at the
machine must have said so, in the environment or on the command line, and the file must lie within
the folders that may be read.
"""

from __future__ import annotations

import hashlib
import inspect
import os
import types

from aurora_dash.data.roots import configured_roots, resolve_inside_roots
from aurora_dash.errors import TrainingError
from aurora_dash.training.loss import WeightedLoss

USER_CODE_VARIABLE = "AURORA_DASH_USER_CODE"


def is_allowed() -> bool:
    """Whether code from a person's own files may run in this process."""
    return os.environ.get(USER_CODE_VARIABLE) == "1"


def read_loss(path: str) -> type[WeightedLoss]:
    """The one subclass of `WeightedLoss` that the file at `path` defines.

    Raises `TrainingError` if code was not allowed, the file fails or does not define exactly one;
    `PathError` if it lies outside the configured roots.
    """
    if not is_allowed():
        raise TrainingError(
            f"The loss is the Python file {path}, and running code from files is not allowed here.",
            remedy="If you know what it does: set AURORA_DASH_USER_CODE=1 where the dashboard is "
            "started, or give --user-code on the command line.",
        )
    file = resolve_inside_roots(path, configured_roots())
    try:
        source = file.read_bytes()
    except OSError as error:
        raise TrainingError(f"Can't read the loss {file}: {error.strerror or error}.") from error
    # Named after its content: two runs with two versions of a file don't mix them.
    module = types.ModuleType(f"aurora_dash_user_{hashlib.sha256(source).hexdigest()[:16]}")
    module.__file__ = str(file)
    try:
        exec(compile(source, str(file), "exec"), module.__dict__)
    # Whatever it is, it is the file's.
    except Exception as error:
        where = f"{type(error).__name__}: {error}".strip().splitlines()[0]
        raise TrainingError(
            f"The loss {file} can't be run: {where}.", remedy="See docs/losses.md."
        ) from error
    found = [
        value
        for value in vars(module).values()
        if inspect.isclass(value)
        and issubclass(value, WeightedLoss)
        and value.__module__ == module.__name__
    ]
    if len(found) != 1 or inspect.isabstract(found[0]):
        names = ", ".join(value.__name__ for value in found) or "none"
        raise TrainingError(
            f"The loss {file} must define exactly one subclass of "
            f"aurora_dash.training.loss.WeightedLoss that has a penalty; it defines {names}.",
            remedy="See docs/losses.md.",
        )
    return found[0]
