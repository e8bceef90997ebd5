"""The SLURM script: bash takes it, its directives are SLURM's, and it really trains and goes on."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from aurora_dash.errors import RunError
from aurora_dash.presets import demo
from aurora_dash.runs.cluster.job import Job, Site
from aurora_dash.runs.cluster.slurm import slurm_script
from aurora_dash.runs.store import RunStore
from tests.runs import standin

RUN_ID = "20260101-000000-wind-abcd"
TWO_NODES = ["distributed.nodes=2", "distributed.processes=4", "training.accumulate=8"]
SITE = Site(
    runs="/scratch/runs", account="proj1", partition="gpu", time="24:00:00", memory="64G", cpus=8
)
# `man sbatch`, those with an argument that a training may need.
KNOWN = {
    *("job-name", "nodes", "ntasks-per-node", "gpus-per-node", "cpus-per-task", "mem", "time"),
    *("account", "partition", "signal", "output"),
}


def _directives(text: str) -> dict[str, str]:
    lines = [line for line in text.splitlines() if line.startswith("#SBATCH")]
    found = {}
    for line in lines:
        match = re.fullmatch(r"#SBATCH --([a-z-]+)(?:=(\S+))?", line)
        assert match, line
        found[match[1]] = match[2]
    # sbatch reads no directive after the first command.
    body = text[text.index("set -euo") :]
    assert "#SBATCH" not in body
    return found


def _check_syntax(text: str) -> None:
    subprocess.run(["bash", "-n"], input=text, text=True, check=True)


@pytest.mark.parametrize("changes", [[], TWO_NODES, ["training.device=cpu"]])
@pytest.mark.parametrize("site", [Site(), SITE])
def test_bash_takes_it_and_its_directives_are_known(changes: list[str], site: Site) -> None:
    text = slurm_script(Job(demo().with_overrides(changes), RUN_ID, site)).text
    _check_syntax(text)
    directives = _directives(text)
    assert directives.pop("requeue") is None
    assert directives.keys() <= KNOWN
    assert ("gpus-per-node" in directives) is ("training.device=cpu" not in changes)


def test_nodes_gpus_and_what_the_site_says_are_asked_for() -> None:
    script = slurm_script(Job(demo().with_overrides(TWO_NODES), RUN_ID, SITE))
    directives = _directives(script.text)
    assert (directives["nodes"], directives["ntasks-per-node"]) == ("2", "1")
    assert (directives["gpus-per-node"], directives["cpus-per-task"]) == ("4", "8")
    assert (directives["account"], directives["partition"]) == ("proj1", "gpu")
    assert (directives["time"], directives["mem"]) == ("24:00:00", "64G")
    assert "--nnodes 2 --nproc-per-node 4" in script.text
    assert script.notes == ()
    assert script.submit == f"sbatch {RUN_ID}.sbatch"


def test_what_is_missing_is_told_and_keeps_the_script_from_running(tmp_path: Path) -> None:
    script = slurm_script(Job(demo().with_overrides(["data.paths=/my/era5"]), RUN_ID))
    assert script.notes[0] == "Fill in FILL-IN-FOLDER-OF-RUNS."
    assert "Data must be there: /my/era5" in script.notes
    result = subprocess.run(
        ["bash"], input=script.text, text=True, cwd=tmp_path, capture_output=True, check=False
    )
    assert result.returncode == 2
    assert "fill in the folder of runs" in result.stderr
    assert list(tmp_path.iterdir()) == []


def test_values_that_would_break_a_script_are_refused() -> None:
    with pytest.raises(RunError, match="account is 'me; rm -rf'"):
        Job(demo(), RUN_ID, Site(account="me; rm -rf"))


@pytest.mark.slow
def test_it_trains_and_submitted_again_goes_on_with_the_same_run(
    store: RunStore, tmp_path: Path, repository: Path
) -> None:
    commands = tmp_path / "bin"
    commands.mkdir()
    (commands / "srun").write_text('#!/bin/bash\nexec "$@"\n')
    (commands / "python").write_text(f'#!/bin/bash\nexec {sys.executable} "$@"\n')
    for path in commands.iterdir():
        path.chmod(0o755)
    folder = standin.folder(tmp_path / "standin", repository)
    environment = {
        **os.environ,
        "PATH": f"{commands}:{os.environ['PATH']}",
        "PYTHONPATH": f"{folder}:{repository}",
    }
    spec = demo().replace(name="short", notes="Wind, naïvely: 'quoted' $HOME `x`")
    script = slurm_script(Job(spec, RUN_ID, Site(runs=str(store.root))))
    assert shutil.which("bash")
    for _ in range(2):
        subprocess.run(["bash"], input=script.text, text=True, env=environment, check=True)
    (run,) = store.list()
    assert run.id == RUN_ID
    assert run.spec() == spec
    assert run.status().state == "completed"
