"""Every exception the project raises on purpose, on one screen.

A message names what was being done, the value found and what was expected; ``remedy`` says what
to do next. Pages and the command line catch `AuroraDashError` and show both, never a traceback.
"""

from __future__ import annotations


class AuroraDashError(Exception):
    """Something a person can act on."""

    def __init__(self, message: str, *, remedy: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.remedy = remedy

    def __str__(self) -> str:
        return f"{self.message} {self.remedy}".strip()


class StopAsked(BaseException):
    """Somebody wants no more of what is under way. No error: what handles errors lets it pass."""


class SpecError(AuroraDashError):
    """A specification is wrong: an unknown key, a value out of range, a broken combination."""


class DataError(AuroraDashError):
    """A data source can't be opened, understood or used for the model at hand."""

    def __init__(
        self, message: str, *, remedy: str = "", choices: tuple[tuple[str, str], ...] = ()
    ) -> None:
        super().__init__(message, remedy=remedy)
        self.choices = choices
        """Ways out: what each does in a few words, and the setting of the spec that does it."""


class PathError(DataError):
    """A path is missing, unreadable or outside the folders this dashboard may touch."""


class ModelError(AuroraDashError):
    """A model can't be built as asked, or options don't go together."""


class CheckpointError(ModelError):
    """A checkpoint can't be found, read, verified or matched to the model."""


class RunError(AuroraDashError):
    """A run folder is missing, damaged, owned by somebody else or in the wrong state."""


class DiskFullError(RunError):
    """There is no room for a file of a run: something to wait for."""


class TrainingError(AuroraDashError):
    """Training can't go on: non-finite loss, out of memory, a device that is not there."""


class NotFiniteError(TrainingError):
    """A loss or gradient is NaN or infinite; the weights are still those of the step before."""

    def __init__(self, message: str, *, remedy: str = "", in_data: bool = False) -> None:
        super().__init__(message, remedy=remedy)
        self.in_data = in_data
        """Whether the input has such values already."""


class EvaluationError(AuroraDashError):
    """Nothing to evaluate, or data and checkpoint don't fit each other."""


def without_frames(error: BaseException) -> None:
    """Have an error that is kept hold nothing of where it was raised, causes included.

    Its frames hold all their local variables: a model, its optimiser, a GPU's memory.
    """
    links, seen = [error], set[int]()
    while links:
        link = links.pop()
        if id(link) not in seen:
            seen.add(id(link))
            link.__traceback__ = None
            links += [other for other in (link.__cause__, link.__context__) if other]
