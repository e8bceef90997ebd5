"""``provenance.json``: where a run's spec came from, and who launched it when, how and with what.

Written when the run is made and at every launch, so that the file tells the whole history. It holds
names of people and machines, of no use to anybody else; no addresses, no secrets.
"""

from __future__ import annotations

import functools
import getpass
import os
import socket
import subprocess
from collections.abc import Mapping
from datetime import datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from aurora_dash import __version__
from aurora_dash.errors import RunError
from aurora_dash.runs.files import cannot_read, utc_now, write_atomic

PROVENANCE_FILE = "provenance.json"

_PACKAGES = ("torch", "microsoft-aurora", "numpy", "xarray")
_REPOSITORY = Path(__file__).resolve().parents[2]
_GIT_SECONDS = 5.0


class Origin(BaseModel):
    """What a run's spec was made from."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    kind: Literal["preset", "file", "form", "like", "continues", "fixes"]
    """A preset or a file by its name, a form of the dashboard, or a run: its spec once more, its
    weights trained on, or its course mended."""
    name: str = ""
    """Of the preset, the file or the run; empty for the form."""

    @property
    def parent(self) -> str | None:
        """The id of the run that it was made from, if it was one."""
        return self.name if self.kind in ("like", "continues", "fixes") else None

    def __str__(self) -> str:
        words = {
            "preset": "from the preset",
            "file": "from the file",
            "form": "set up in the dashboard",
            "like": "set up like run",
            "continues": "goes on from run",
            "fixes": "mends run",
        }
        return f"{words[self.kind]} {self.name}".strip()


class Launch(BaseModel):
    """One launch of a run."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    time: datetime
    user: str
    host: str
    launcher: str
    """``thread`` of a server, ``process``, ``foreground`` of a shell, or a cluster's job."""
    step: int = 0
    """Optimiser steps that the run had done before."""
    versions: dict[str, str] = {}
    """Installed packages that results depend on."""
    commit: str | None = None
    """Of this project, where it runs from its git repository."""

    @property
    def by(self) -> str:
        """Who, and where: ``ann@node7``."""
        return f"{self.user}@{self.host}"


class Provenance(BaseModel):
    """The content of ``provenance.json``."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    origin: Origin | None = None
    """None where nobody said it."""
    launches: tuple[Launch, ...] = ()
    """Oldest first."""


def read_provenance(folder: Path) -> Provenance:
    """What is known of a run; empty without the file, `RunError` if that is damaged."""
    path = folder / PROVENANCE_FILE
    try:
        return Provenance.model_validate_json(path.read_bytes())
    except FileNotFoundError:
        return Provenance()
    except OSError as error:
        raise cannot_read(path, error) from error
    except ValidationError as error:
        raise RunError(
            f"{path} is damaged: {error.errors(include_url=False)[0]['msg']}.",
            remedy="Delete the file: nothing that trains reads it.",
        ) from error


def write_origin(folder: Path, origin: Origin) -> None:
    """Begin the file of a new run."""
    _write(folder, Provenance(origin=origin))


def note_launch(folder: Path, launcher: str, step: int) -> None:
    """Add a launch by this process; only for who holds the run's lock."""
    try:
        before = read_provenance(folder)
    except RunError:
        # What can't be read can't be kept either, and must not keep anybody from training.
        before = Provenance()
    launch = Launch(
        time=utc_now(),
        user=user(),
        host=socket.gethostname(),
        launcher=_job() or launcher,
        step=step,
        versions=dict(versions()),
        commit=commit(),
    )
    _write(folder, before.model_copy(update={"launches": (*before.launches, launch)}))


def _write(folder: Path, provenance: Provenance) -> None:
    write_atomic(folder / PROVENANCE_FILE, provenance.model_dump_json(indent=2) + "\n")


def user() -> str:
    """Name of the account; of a name that is an address only what comes before the ``@``."""
    try:
        return getpass.getuser().partition("@")[0]
    except (KeyError, OSError):
        # A container may run under a number that has no name.
        return f"uid {os.getuid()}"


def _job() -> str:
    """The cluster's job that this process belongs to; empty outside of one."""
    if job := os.environ.get("SLURM_JOB_ID"):
        return f"slurm job {job}"
    return "kubernetes" if "KUBERNETES_SERVICE_HOST" in os.environ else ""


@functools.cache
def versions() -> Mapping[str, str]:
    """Installed versions, by package; those that are not installed are left out."""
    found = {"aurora-dash": __version__}
    for package in _PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found


@functools.cache
def commit() -> str | None:
    """The commit that this project runs from, with ``+`` after it where files were changed."""
    if not (_REPOSITORY / ".git").exists():
        return None
    number = _git("rev-parse", "HEAD")
    changed = _git("status", "--porcelain", "--untracked-files=no")
    return f"{number}+" if number and changed else number or None


def _git(*arguments: str) -> str:
    try:
        done = subprocess.run(
            ["git", "-C", str(_REPOSITORY), *arguments],
            capture_output=True,
            text=True,
            timeout=_GIT_SECONDS,
            check=True,
        )
    except (OSError, subprocess.SubprocessError):
        return ""
    return done.stdout.strip()
