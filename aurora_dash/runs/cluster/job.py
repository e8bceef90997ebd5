"""What a script for any scheduler says: the run, where it lies there, and what is still unknown."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field

from aurora_dash.errors import RunError
from aurora_dash.spec import RunSpec

FILL_IN = "FILL-IN-"
_NAME_LENGTH = 50


@dataclass(frozen=True, kw_only=True)
class Site:
    """What only the people of a cluster know. Nothing of it is guessed.

    Empty: a directive that a site may not need is left out; a value without which nothing runs is
    written as a placeholder that begins with `FILL_IN`.
    """

    runs: str = ""
    """Folder of runs, on a disk that all nodes share."""
    memory: str = ""
    """Memory of a node, as the scheduler writes it: ``64G``, ``64Gi``."""
    cpus: int | None = None
    """Cores of a node."""
    account: str = ""
    """SLURM: who pays."""
    partition: str = ""
    """SLURM: which queue."""
    time: str = ""
    """SLURM: time limit, ``24:00:00``."""
    setup: str = ""
    """SLURM: shell commands that make ``python`` the one with Aurora Dash."""
    image: str = ""
    """Kubernetes: container image with Aurora Dash."""
    claim: str = ""
    """Kubernetes: persistent volume claim that holds runs and data, mounted at `mount`."""
    mount: str = "/data"
    """Kubernetes: where the claim is mounted."""
    namespace: str = ""
    """Kubernetes: namespace of the job."""


@dataclass(frozen=True, kw_only=True)
class Script:
    """A file for a scheduler."""

    text: str
    file_name: str
    submit: str
    """The command that hands it in."""
    notes: tuple[str, ...]
    """What a person must fill in or see to before."""


@dataclass(frozen=True)
class Job:
    """A run for a cluster: started again, it goes on with the same folder."""

    spec: RunSpec
    run_id: str
    site: Site = field(default_factory=Site)

    def __post_init__(self) -> None:
        for name, value in vars(self.site).items():
            if isinstance(value, str) and name != "setup" and not _is_plain(value):
                raise RunError(
                    f"The cluster's {name} is {value!r}.",
                    remedy="Letters, digits and -_./:=@ are understood by all schedulers.",
                )

    @property
    def name(self) -> str:
        """A name that every scheduler takes."""
        slug = re.sub(r"[^a-z0-9]+", "-", self.run_id.lower()).strip("-")
        return f"aurora-{slug[:_NAME_LENGTH].strip('-')}"

    @property
    def spec_text(self) -> str:
        """The spec as JSON of plain ASCII, which no script's quoting or line breaks change."""
        return json.dumps(json.loads(self.spec.to_json()), indent=2)

    @property
    def needs_gpus(self) -> bool:
        """Whether a node gives a GPU to each process."""
        return self.spec.training.device != "cpu"

    def folder(self, root: str) -> str:
        """The run's folder on the cluster."""
        return f"{root.rstrip('/')}/{self.run_id}"

    def notes(self, text: str) -> tuple[str, ...]:
        """What is to be filled in in a script's text, and what must be there."""
        missing = sorted(set(re.findall(rf"{FILL_IN}[A-Z-]+", text)))
        told = [f"Fill in {', '.join(missing)}."] if missing else []
        return tuple(told + [f"{what} must be there: {path}" for what, path in self._files()])

    def _files(self) -> list[tuple[str, str]]:
        spec = self.spec
        found = [("Data", path) for path in spec.data.paths]
        found += [("Data", path) for part in spec.data.mix for path in part.paths]
        if spec.model.path:
            found.append(("Weights", spec.model.path))
        if spec.model.run:
            found.append(("Beside the new run the earlier run", spec.model.run))
        others = (spec.loss.mask_file, spec.loss.code)
        return found + [("File", path) for path in others if path]


def _is_plain(value: str) -> bool:
    return re.fullmatch(r"[\w\-./:=@]*", value, re.ASCII) is not None
