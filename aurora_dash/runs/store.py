"""Runs on disk: a root folder, and one folder a run that says everything about it."""

from __future__ import annotations

import json
import os
import re
import secrets
import shutil
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from aurora_dash.errors import RunError
from aurora_dash.runs.control import Action, parse_action, put_request, take_requests
from aurora_dash.runs.files import cannot_read, cannot_write, utc_now, write_atomic
from aurora_dash.runs.lines import LineReader, Record, append_line
from aurora_dash.runs.loading import LoadAccount, read_account
from aurora_dash.runs.lock import FolderLock
from aurora_dash.runs.metrics import MetricsTable, metrics_table
from aurora_dash.runs.provenance import Origin, write_origin
from aurora_dash.runs.status import (
    RunState,
    RunStatus,
    recorded_status,
    write_status,
)
from aurora_dash.runs.truth import true_status
from aurora_dash.spec import RunSpec, load_spec

ROOT_VARIABLE = "AURORA_DASH_RUNS"
TRASH = ".trash"

_SLUG_LENGTH = 40


def default_root() -> Path:
    """Where runs are kept: the environment's ``AURORA_DASH_RUNS``, else ``./runs``."""
    return Path(os.environ.get(ROOT_VARIABLE) or "runs").expanduser().absolute()


@dataclass(frozen=True)
class Run:
    """One run's folder. Holds no state: every answer is read from disk."""

    folder: Path

    @property
    def id(self) -> str:
        """The folder's name."""
        return self.folder.name

    @property
    def spec_path(self) -> Path:
        """What was asked, whole."""
        return self.folder / "spec.json"

    @property
    def metrics_path(self) -> Path:
        """One record a step or validation."""
        return self.folder / "metrics.jsonl"

    @property
    def events_path(self) -> Path:
        """Warnings, alerts and log lines worth keeping."""
        return self.folder / "events.jsonl"

    @property
    def load_report_path(self) -> Path:
        """What became of every tensor when the model got its weights."""
        return self.folder / "load_report.json"

    @property
    def control_folder(self) -> Path:
        """Requests from outside."""
        return self.folder / "control"

    @property
    def checkpoints_folder(self) -> Path:
        """Saved weights and optimiser states."""
        return self.folder / "checkpoints"

    @property
    def evaluation_folder(self) -> Path:
        """Scores, fields and figures."""
        return self.folder / "evaluation"

    @property
    def forecast_folder(self) -> Path:
        """Forecasts that were rolled out, each with its status in a folder of its own."""
        return self.folder / "forecasts"

    @property
    def export_folder(self) -> Path:
        """Checkpoints for use without this project."""
        return self.folder / "export"

    def spec(self) -> RunSpec:
        """The run's spec; `SpecError` if its file is missing or damaged."""
        return load_spec(self.spec_path)

    def save_spec(self, spec: RunSpec) -> None:
        """Replace the spec, for instance by one with its statistics filled in."""
        write_atomic(self.spec_path, spec.to_json(), durable=True)

    def status(self) -> RunStatus:
        """The true state: a run whose owner is dead reads as interrupted."""
        return true_status(self.folder)

    def load_report(self) -> LoadAccount | None:
        """How the model got its weights; None before it did, `RunError` if damaged."""
        return read_account(self.load_report_path)

    def save_load_report(self, report: Mapping[str, Any]) -> None:
        """Replace the account of how the model got its weights (fields of `LoadAccount`)."""
        write_atomic(self.load_report_path, json.dumps(report, indent=2) + "\n")

    def metrics(self) -> MetricsTable:
        """The metrics up to this moment, as columns."""
        return metrics_table(self.metrics_path)

    def request(self, action: Action | str) -> None:
        """Ask the owner for something; `RunError` if nobody is there to hear it."""
        action = parse_action(action)
        status = self.status()
        if not status.is_live or status.owner is None:
            raise RunError(
                f"Can't {action.value} run {self.id}: it is {status.state.value}, not under way.",
                remedy="Only a queued or running run takes requests.",
            )
        put_request(self.control_folder, action)
        self.log_event("info", f"asked to {action.value}", action=action.value)

    def take_requests(self) -> list[Action]:
        """Requests that wait, oldest first; each is handed out once. For the owner alone."""
        return take_requests(self.control_folder)

    def log_event(self, level: str, message: str, **fields: Any) -> None:
        """Add a line to ``events.jsonl``; `level` is ``info``, ``warning`` or ``error``."""
        append_line(
            self.events_path, {"time": time.time(), "level": level, "message": message, **fields}
        )

    def events(self) -> list[Record]:
        """All events, oldest first: `time` (s since 1970 UTC), `level`, `message` and more."""
        return LineReader(self.events_path).read()


@dataclass(frozen=True)
class RunStore:
    """The runs under one root folder, which is made when the first run is."""

    root: Path

    def create(
        self, spec: RunSpec, *, run_id: str | None = None, origin: Origin | None = None
    ) -> Run:
        """Make the folder of a new run, complete or not at all; it is not launched yet.

        Its id is a new one, or `run_id` if no run has that; `origin` is what the spec came from.
        """
        folder = self.root / (run_id or new_id(spec.name))
        beside = self.root / f".new-{folder.name}"
        try:
            beside.mkdir(parents=True)
            run = Run(beside)
            run.save_spec(spec)
            if origin is not None:
                write_origin(beside, origin)
            write_status(
                beside,
                RunStatus(
                    state=RunState.QUEUED,
                    reason="Created, not launched yet.",
                    remedy="Launch it.",
                    created=utc_now(),
                ),
            )
            beside.rename(folder)
        except OSError as error:
            shutil.rmtree(beside, ignore_errors=True)
            raise cannot_write(folder, error) from error
        except RunError:
            shutil.rmtree(beside, ignore_errors=True)
            raise
        return Run(folder)

    def get(self, run_id: str) -> Run:
        """The run of that id; `RunError` for one that does not exist or is no plain name."""
        if not _is_id(run_id):
            raise RunError(
                f"{run_id!r} is not a run id.",
                remedy="An id is the name of a run's folder, without any path.",
            )
        folder = self.root / run_id
        if not folder.is_dir():
            raise RunError(
                f"There is no run {run_id!r} in {self.root}.",
                remedy="`aurora-dash runs list` names the runs; --runs chooses another folder.",
            )
        return Run(folder)

    def list(self) -> list[Run]:
        """All runs, newest first; damaged and foreign folders are among them, as failed."""
        try:
            folders = [path for path in self.root.iterdir() if _is_id(path.name)]
            return [Run(path) for path in sorted(folders, key=_age_key) if path.is_dir()]
        except FileNotFoundError:
            return []
        except OSError as error:
            raise cannot_read(self.root, error) from error

    def ids(self) -> frozenset[str]:
        """Names of the folders that `list` takes for runs, told without looking into any."""
        try:
            return frozenset(path.name for path in self.root.iterdir() if _is_id(path.name))
        except FileNotFoundError:
            return frozenset()
        except OSError as error:
            raise cannot_read(self.root, error) from error

    def delete(self, run_id: str) -> Path:
        """Move a run to the trash folder and return where it is now; a live run is refused."""
        run = self.get(run_id)
        status = run.status()
        lock = None if status.is_live and status.owner else FolderLock.take(run.folder)
        if lock is None:
            raise RunError(
                f"Run {run_id} is {status.state.value} and can't be deleted.",
                remedy="Stop it first.",
            )
        target = self.root / TRASH / f"{utc_now():%Y%m%d-%H%M%S}-{secrets.token_hex(2)}" / run_id
        try:
            target.parent.mkdir(parents=True)
            run.folder.rename(target)
        except OSError as error:
            raise cannot_write(target, error) from error
        finally:
            lock.release()
        return target

    def trashed(self) -> tuple[Path, ...]:
        """Where deleted runs are now, those deleted last first."""
        folders = sorted((self.root / TRASH).glob("*/*"), reverse=True)
        return tuple(folder for folder in folders if folder.is_dir())

    def restore(self, trashed: Path) -> Run:
        """Bring back what `delete` moved away."""
        folder = self.root / trashed.name
        if folder.exists() or self.root / TRASH not in trashed.parents:
            raise RunError(f"Can't restore {trashed}: {folder} exists or it is no deleted run.")
        try:
            trashed.rename(folder)
            trashed.parent.rmdir()
        except OSError as error:
            raise cannot_write(folder, error) from error
        return Run(folder)


def _is_id(name: str) -> bool:
    """Whether a text is a plain folder name that can't lead out of the root, nor is hidden."""
    return (
        name != ""
        and name.isprintable()
        and name == Path(name).name
        and "\\" not in name
        and ".." not in name
        and not name.startswith(".")
    )


def new_id(name: str) -> str:
    """An id for a run of that name: the present moment, the name and four random digits."""
    slug = re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")[:_SLUG_LENGTH].strip("-")
    return f"{utc_now():%Y%m%d-%H%M%S}-{slug or 'run'}-{secrets.token_hex(2)}"


def _age_key(folder: Path) -> tuple[float, str]:
    """Sorts newest first by creation; a folder without a status by its own age."""
    created = recorded_status(folder).created
    try:
        moment = created or datetime.fromtimestamp(folder.stat().st_mtime, UTC)
    except OSError:
        moment = datetime.fromtimestamp(0, UTC)
    return -moment.timestamp(), folder.name
