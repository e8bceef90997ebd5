"""``runs script``: what is written where, and what is told to be missing."""

from __future__ import annotations

import subprocess
from pathlib import Path

from aurora_dash.presets import demo
from aurora_dash.runs.store import RunStore


def test_a_script_of_a_preset_is_printed_and_its_gaps_are_told(cli, store: RunStore) -> None:
    outcome = cli("runs", "script", "demo", "--kind", "slurm", "--nodes", "2", "--set",
                  "training.accumulate=2")  # fmt: skip
    assert outcome.code == 0
    assert "#SBATCH --nodes=2" in outcome.out
    assert "Fill in FILL-IN-FOLDER-OF-RUNS." in outcome.err
    assert store.list() == []


def test_a_script_of_a_run_goes_on_with_that_run(cli, store: RunStore, tmp_path: Path) -> None:
    run = store.create(demo())
    path = tmp_path / "job.sbatch"
    outcome = cli(
        *("runs", "script", run.id, "--kind", "slurm", "--json", "--out", path),
        *("--cluster-runs", "/scratch/runs", "--account", "proj1"),
    )
    assert f"folder=$runs/{run.id}" in path.read_text()
    assert "--account=proj1" in path.read_text()
    assert outcome.document["notes"] == []
    assert outcome.document["submit"] == f"sbatch {run.id}.sbatch"
    subprocess.run(["bash", "-n", str(path)], check=True)


def test_kubernetes_gets_yaml(cli) -> None:
    outcome = cli("runs", "script", "demo", "--kind", "kubernetes", "--image", "a/b:1")
    assert 'kind: "PyTorchJob"' in outcome.out
    assert outcome.err == "Fill in FILL-IN-CLAIM.\n"


def test_a_file_that_cannot_be_written_and_a_wrong_value_are_refused(cli, tmp_path: Path) -> None:
    target = tmp_path / "none" / "job"
    assert cli("runs", "script", "demo", "--kind", "slurm", "--out", target).code == 2
    outcome = cli("runs", "script", "demo", "--kind", "slurm", "--account", "a b")
    assert outcome.code == 2
    assert "account is 'a b'" in outcome.err
