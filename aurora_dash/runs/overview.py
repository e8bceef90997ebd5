"""Many runs at once: what each is, where it stands, and in what its spec differs from others.

A spec is parsed once for each change of its file, so that hundreds of runs are quick to look at
again and again.
"""

from __future__ import annotations

import functools
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

from aurora_dash.errors import AuroraDashError
from aurora_dash.runs.annotations import ANNOTATIONS_FILE, Annotations, read_annotations
from aurora_dash.runs.files import stamp
from aurora_dash.runs.provenance import PROVENANCE_FILE, Launch, Provenance, read_provenance
from aurora_dash.runs.status import RunStatus
from aurora_dash.runs.store import Run
from aurora_dash.spec.differences import flat

_CACHED_RUNS = 4096

_NONE = "null"
_NOT_COMPARED = frozenset({"schema_version", "name", "notes"})


@dataclass(frozen=True, kw_only=True)
class Overview:
    """One run among others."""

    run: Run
    name: str
    """What a person called it; its id where the spec can't be read."""
    status: RunStatus
    annotations: Annotations
    provenance: Provenance
    fields: Mapping[str, Any]
    """Its spec by dotted names; empty where it can't be read."""
    texts: Mapping[str, str]
    """The same values as JSON, which can be compared whatever they are."""
    problem: str = ""
    """What of the run can't be read."""

    @property
    def id(self) -> str:
        """The run's id."""
        return self.run.id

    @property
    def parent(self) -> str | None:
        """The id of the run that it was made from, if it was one."""
        origin = self.provenance.origin
        return origin.parent if origin else None

    @property
    def launched(self) -> Launch | None:
        """Its newest launch; None where none was noted."""
        launches = self.provenance.launches
        return launches[-1] if launches else None

    def value(self, key: str) -> Any:
        """What the run has under `key`: a field of its spec, or of what `RUN_KEYS` names."""
        of_run = RUN_KEYS.get(key)
        return of_run(self) if of_run else self.fields.get(key)


RUN_KEYS: Mapping[str, Callable[[Overview], Any]] = MappingProxyType(
    {
        "id": lambda overview: overview.id,
        "name": lambda overview: overview.name,
        "state": lambda overview: overview.status.state.value,
        "tag": lambda overview: overview.annotations.tags,
        "step": lambda overview: overview.status.step,
        "loss": lambda overview: overview.status.last_loss,
        "best_loss": lambda overview: overview.status.best_loss,
        "device": lambda overview: overview.status.device,
        "user": lambda overview: _of_last_launch(overview, "user"),
        "host": lambda overview: _of_last_launch(overview, "host"),
        "launcher": lambda overview: _of_last_launch(overview, "launcher"),
        "parent": lambda overview: overview.parent,
    }
)
"""What can be asked of a run besides the fields of its spec."""


def _of_last_launch(overview: Overview, what: str) -> str | None:
    return getattr(overview.launched, what, None)


def overview_of(run: Run) -> Overview:
    """A run among others; what can't be read of it is told in `problem`."""
    spec, annotations = stamp(run.spec_path), stamp(run.folder / ANNOTATIONS_FILE)
    fields, texts, name, problem = _spec_of(run.folder, spec)
    said, odd = _annotations_of(run.folder, annotations)
    came, strange = _provenance_of(run.folder, stamp(run.folder / PROVENANCE_FILE))
    return Overview(
        run=run,
        name=name,
        status=run.status(),
        annotations=said,
        provenance=came,
        fields=fields,
        texts=texts,
        problem=" ".join(text for text in (problem, odd, strange) if text),
    )


def differences_of(overviews: Sequence[Overview]) -> dict[str, dict[str, Any]]:
    """Dotted names of the spec's fields that are not the same in all runs, with values by run.

    Names and notes always differ and are left out. Runs without a readable spec are passed over.
    """
    readable = [overview for overview in overviews if overview.fields]
    found = {}
    for name in dict.fromkeys(name for overview in readable for name in overview.fields):
        different = {overview.texts.get(name, _NONE) for overview in readable}
        if name not in _NOT_COMPARED and len(different) > 1:
            found[name] = {overview.id: overview.fields.get(name) for overview in readable}
    return found


def groups_of(overviews: Iterable[Overview], key: str) -> dict[str, list[Overview]]:
    """Runs by what they have under `key`, in the order of their first appearance."""
    groups: dict[str, list[Overview]] = {}
    for overview in overviews:
        groups.setdefault(value_text(overview.value(key)), []).append(overview)
    return groups


def value_text(value: Any) -> str:
    """A value of a spec as people write it."""
    if isinstance(value, (tuple, list)) and all(isinstance(item, str) for item in value):
        return ", ".join(value) or "none"
    if value is None:
        return "none"
    return value if isinstance(value, str) else _text(value)


def _text(value: Any) -> str:
    return json.dumps(value, sort_keys=True, default=str)


@functools.lru_cache(maxsize=_CACHED_RUNS)
def _spec_of(
    folder: Path, _stamp: tuple[int, int]
) -> tuple[Mapping[str, Any], Mapping[str, str], str, str]:
    """Fields, their texts, name, and what can't be read."""
    try:
        spec = Run(folder).spec()
    except AuroraDashError as error:
        return MappingProxyType({}), MappingProxyType({}), folder.name, str(error)
    fields = flat(spec.model_dump(mode="json"))
    texts = {name: _text(value) for name, value in fields.items()}
    return MappingProxyType(fields), MappingProxyType(texts), spec.name, ""


@functools.lru_cache(maxsize=_CACHED_RUNS)
def _annotations_of(folder: Path, _stamp: tuple[int, int]) -> tuple[Annotations, str]:
    try:
        return read_annotations(folder), ""
    except AuroraDashError as error:
        return Annotations(), str(error)


@functools.lru_cache(maxsize=_CACHED_RUNS)
def _provenance_of(folder: Path, _stamp: tuple[int, int]) -> tuple[Provenance, str]:
    try:
        return read_provenance(folder), ""
    except AuroraDashError as error:
        return Provenance(), str(error)
