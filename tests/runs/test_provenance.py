"""Who launched a run, when, how, with what, and from which spec; nothing that tells too much."""

from __future__ import annotations

import json
import re
import subprocess
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path

import pytest

from aurora_dash.errors import RunError
from aurora_dash.presets import demo
from aurora_dash.runs import provenance
from aurora_dash.runs.launch import run_in_foreground
from aurora_dash.runs.overview import overview_of
from aurora_dash.runs.ownership import Owner, own
from aurora_dash.runs.provenance import Launch, Origin, Provenance, read_provenance
from aurora_dash.runs.status import RunState
from aurora_dash.runs.store import Run, RunStore


def _train(run: Run, *, should_stop) -> None:
    with own(run) as owner:
        owner.update(state="running", step=owner.status.step + 5)
        owner.update(state="stopped")


def test_every_launch_is_kept_with_person_machine_time_and_versions(run: Run, monkeypatch) -> None:
    monkeypatch.setenv("LOGNAME", "ann@example.org")
    before = datetime.now(UTC)
    for _ in range(2):
        run_in_foreground(run, _train)
    first, second = read_provenance(run.folder).launches
    assert (first.user, first.launcher, first.step, second.step) == ("ann", "foreground", 0, 5)
    assert before <= first.time <= second.time <= datetime.now(UTC)
    assert first.versions["torch"] == metadata.version("torch")
    assert "aurora-dash" in first.versions
    assert "example.org" not in (run.folder / "provenance.json").read_text()


def test_who_merely_owns_a_run_has_not_launched_it(run: Run) -> None:
    with own(run) as owner:
        owner.update(state="completed")
    assert read_provenance(run.folder) == Provenance()


@pytest.mark.parametrize(
    ("variables", "launcher"),
    [
        ({"SLURM_JOB_ID": "4711"}, "slurm job 4711"),
        ({"KUBERNETES_SERVICE_HOST": "10.0.0.1"}, "kubernetes"),
        ({}, "worker"),
    ],
)
def test_a_clusters_job_is_named(run: Run, monkeypatch, variables, launcher: str) -> None:
    for name in ("SLURM_JOB_ID", "KUBERNETES_SERVICE_HOST"):
        monkeypatch.delenv(name, raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    Owner.take(run, "process", launcher="worker").release()
    assert read_provenance(run.folder).launches[0].launcher == launcher


def test_the_commit_is_that_of_the_repository_it_runs_from(repository: Path, monkeypatch) -> None:
    provenance.commit.cache_clear()
    head = subprocess.run(
        ["git", "-C", repository, "rev-parse", "HEAD"], capture_output=True, text=True, check=False
    )
    found = provenance.commit()
    if head.returncode:
        assert found is None
    else:
        assert re.fullmatch(head.stdout.strip() + r"\+?", found or "")
    # Installed, it lies in no repository of its own, though perhaps in somebody else's.
    provenance.commit.cache_clear()
    monkeypatch.setattr(provenance, "_REPOSITORY", repository / "aurora_dash")
    assert provenance.commit() is None
    provenance.commit.cache_clear()


@pytest.mark.parametrize(
    ("origin", "words", "parent"),
    [
        (Origin(kind="preset", name="demo"), "from the preset demo", None),
        (Origin(kind="file", name="norway.toml"), "from the file norway.toml", None),
        (Origin(kind="form"), "set up in the dashboard", None),
        (Origin(kind="like", name="a"), "set up like run a", "a"),
        (Origin(kind="continues", name="a"), "goes on from run a", "a"),
        (Origin(kind="fixes", name="a"), "mends run a", "a"),
    ],
)
def test_what_a_run_was_made_from_is_told(
    store: RunStore, origin: Origin, words: str, parent: str | None
) -> None:
    run = store.create(demo(), origin=origin)
    assert str(overview_of(run).provenance.origin) == words
    assert overview_of(run).parent == parent


def test_a_damaged_account_is_told_and_keeps_nobody_from_training(run: Run) -> None:
    path = run.folder / "provenance.json"
    path.write_text('{"launches": [{"time": 1')
    with pytest.raises(RunError, match=r"provenance\.json is damaged"):
        read_provenance(run.folder)
    assert "provenance.json is damaged" in overview_of(run).problem
    run_in_foreground(run, _train)
    assert run.status().state is RunState.STOPPED
    assert len(read_provenance(run.folder).launches) == 1


def test_fields_of_a_newer_version_are_ignored(run: Run) -> None:
    launch = Launch(time=datetime.now(UTC), user="a", host="b", launcher="thread")
    content = json.loads(Provenance(launches=(launch,)).model_dump_json())
    content["mood"] = content["launches"][0]["mood"] = "good"
    (run.folder / "provenance.json").write_text(json.dumps(content))
    assert read_provenance(run.folder).launches == (launch,)
