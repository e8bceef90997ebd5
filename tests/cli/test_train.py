"""``train``: which spec is meant, what is refused, what is told at the end."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
import types
from collections.abc import Callable
from pathlib import Path

import pytest

from aurora_dash.presets import demo
from aurora_dash.runs.ownership import own
from aurora_dash.runs.store import Run, RunStore

NAMES = {
    "run_id",
    "folder",
    "state",
    "reason",
    "steps",
    "final_loss",
    "best_loss",
    "best_training_loss",
    "final_validation_loss",
    "best_validation_loss",
}


def test_a_preset_is_trained_and_its_losses_are_told(
    cli, fake_engine: list[Run], store: RunStore
) -> None:
    outcome = cli("train", "demo", "--json")
    assert outcome.code == 0
    (run,) = store.list()
    assert fake_engine == [run]
    document = outcome.document
    assert document.keys() >= NAMES
    assert (document["run_id"], document["folder"]) == (run.id, str(run.folder))
    assert (document["state"], document["steps"]) == ("completed", 3)
    assert (document["final_loss"], document["best_training_loss"]) == (0.375, 0.25)
    assert (document["final_validation_loss"], document["best_validation_loss"]) == (0.75, 0.75)
    assert document["best_loss"] == 0.75
    assert document["labels"] == ["synthetic data", "random weights"]
    assert run.id in outcome.err and "completed, step 3/3" in outcome.err


def test_text_for_people_names_state_losses_and_folder(
    cli, fake_engine: list[Run], store: RunStore
) -> None:
    outcome = cli("train", "demo")
    (run,) = store.list()
    first, second, third = outcome.out.splitlines()
    assert first.startswith(f"{run.id} completed after 3 steps.")
    assert "train loss 0.375, best 0.25" in second
    assert second.endswith("validation 0.75, best 0.75, persistence 0.5")
    assert third == str(run.folder)


def test_a_failed_run_exits_1_with_reason_and_remedy(cli, fake_engine: list[Run]) -> None:
    outcome = cli("train", "demo", "--set", "name=bad", "--json")
    assert outcome.code == 1
    assert outcome.document["state"] == "failed"
    assert outcome.document["reason"] == "Loss of 2t is NaN."
    assert outcome.document["remedy"] == "Lower the rate."


def test_spec_files_presets_and_runs_are_told_apart(
    cli, fake_engine: list[Run], store: RunStore, tmp_path: Path
) -> None:
    toml, plain = tmp_path / "a.toml", tmp_path / "b.json"
    toml.write_text('name = "from toml"\n[training]\nsteps = 7\n')
    plain.write_text(demo().replace(name="from json").to_json())
    for spec in (toml, plain, "demo"):
        assert cli("train", spec).code == 0
    assert [run.spec().name for run in fake_engine] == ["from toml", "from json", "demo"]
    earlier = fake_engine[0]
    assert cli("train", earlier.id, "--set", "training.steps=9", "data.demo.seed=3").code == 0
    again = fake_engine[-1]
    assert again.id != earlier.id  # a run of its own, with the earlier one's spec
    assert again.spec() == earlier.spec().with_overrides(["training.steps=9", "data.demo.seed=3"])
    assert len(store.list()) == 4


def test_assignments_may_be_repeated_and_given_together(cli, fake_engine: list[Run]) -> None:
    cli("train", "demo", "--set", "name=x", "training.steps=5", "--set", "optimiser.lr=0.5")
    spec = fake_engine[0].spec()
    assert (spec.name, spec.training.steps, spec.optimiser.lr) == ("x", 5, 0.5)


def test_data_is_a_shorthand_for_the_paths(
    cli, fake_engine: list[Run], norway_files: tuple[Path, Path]
) -> None:
    assert cli("train", "demo", "--data", *norway_files, "--set", "name=norway").code == 0
    data = fake_engine[0].spec().data
    assert data.source == "files"
    assert data.paths == tuple(str(path) for path in norway_files)


def test_a_run_remembers_its_files_wherever_it_goes_on(
    cli,
    fake_engine: list[Run],
    norway_files: tuple[Path, Path],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    folder = norway_files[0].parent
    monkeypatch.chdir(folder.parent)
    assert cli("train", "demo", "--data", folder.name, f"{folder.name}/*single*.nc").code == 0
    assert fake_engine[0].spec().data.paths == (str(folder), f"{folder}/*single*.nc")


def test_data_that_can_not_be_trained_on_makes_no_run(
    cli, fake_engine: list[Run], store: RunStore, western_usa_file: Path, tmp_path: Path
) -> None:
    for data, problem in [
        (western_usa_file, "surface-only"),
        (tmp_path / "missing.nc", "missing.nc"),
    ]:
        outcome = cli("train", "demo", "--data", data)
        assert outcome.code == 2
        assert problem in outcome.err
        assert outcome.err.count("\n") == 1
    assert store.list() == []
    assert fake_engine == []


def test_runs_chooses_where_the_run_is_made(
    cli, fake_engine: list[Run], store: RunStore, tmp_path: Path
) -> None:
    assert cli("train", "demo", "--runs", tmp_path / "elsewhere").code == 0
    assert store.list() == []
    assert RunStore(tmp_path / "elsewhere").list() == fake_engine


def test_resume_goes_on_with_the_same_run(cli, fake_engine: list[Run], store: RunStore) -> None:
    run = store.create(demo())
    with own(run):
        pass
    assert run.status().state == "interrupted"
    outcome = cli("runs", "resume", run.id, "--json")
    assert outcome.code == 0
    assert outcome.document["run_id"] == run.id
    assert outcome.document["state"] == "completed"
    assert fake_engine == [run]
    refused = cli("runs", "resume", run.id)
    assert refused.code == 2
    assert "completed" in refused.err


@pytest.mark.parametrize(
    ("assignments", "message"),
    [
        (["training.device=cuda:63"], "this machine has cpu"),
        (["model.source=file", "model.path=no-such.ckpt"], "no-such.ckpt"),
        (["model.source=run", "model.run=no-such-run"], "no-such-run"),
    ],
)
def test_what_is_plainly_missing_makes_no_run(
    assignments: list[str], message: str, tmp_path: Path
) -> None:
    result = subprocess.run(
        [
            *(sys.executable, "-m", "aurora_dash", "train", "demo"),
            *("--runs", str(tmp_path / "runs"), "--set", *assignments),
        ],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert result.returncode == 2
    assert message in result.stderr
    assert "Traceback" not in result.stderr
    assert not list((tmp_path / "runs").glob("2*"))


@pytest.mark.parametrize(
    ("state", "number", "code"),
    [
        ("stopped", signal.SIGINT, 130),
        ("stopped", signal.SIGTERM, 143),
        ("stopped", None, 0),
        ("completed", signal.SIGINT, 0),
        ("failed", signal.SIGINT, 1),
    ],
)
def test_the_exit_code_says_whether_a_signal_stopped_the_run(
    cli, monkeypatch: pytest.MonkeyPatch, state: str, number: int | None, code: int
) -> None:
    def train(run: Run, *, should_stop: Callable[[], bool]) -> None:
        with own(run) as owner:
            owner.update(state="running")
            if number is not None:
                os.kill(os.getpid(), number)
                while not should_stop():
                    time.sleep(0.001)
            owner.update(state=state)

    engine = types.SimpleNamespace(train=train)
    monkeypatch.setitem(sys.modules, "aurora_dash.training.engine", engine)
    outcome = cli("train", "demo", "--json")
    assert outcome.code == code
    assert outcome.document["state"] == state
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
