"""A SLURM batch script."""

from __future__ import annotations

import shlex

from aurora_dash.runs.cluster.job import FILL_IN, Job, Script

_END_OF_SPEC = "END-OF-SPEC"
_SIGNAL_SECONDS = 180


def slurm_script(job: Job) -> Script:
    """The batch script of a job; ``sbatch`` takes it once its placeholders are filled in."""
    text = "\n".join([*_directives(job), "", *_body(job)]) + "\n"
    file_name = f"{job.run_id}.sbatch"
    return Script(
        text=text,
        file_name=file_name,
        submit=f"sbatch {file_name}",
        notes=job.notes(text),
    )


def _directives(job: Job) -> list[str]:
    site, distributed = job.site, job.spec.distributed
    asked = {
        "job-name": job.name,
        "nodes": str(distributed.nodes),
        "ntasks-per-node": "1",
        "gpus-per-node": str(distributed.processes) if job.needs_gpus else "",
        "cpus-per-task": str(site.cpus or ""),
        "mem": site.memory,
        "time": site.time,
        "account": site.account,
        "partition": site.partition,
        # Before the time is up the run saves and ends; submitted again, it goes on.
        "signal": f"TERM@{_SIGNAL_SECONDS}",
        "output": f"{job.run_id}.%j.log",
    }
    lines = [f"#SBATCH --{name}={value}" for name, value in asked.items() if value]
    return ["#!/bin/bash", *lines, "#SBATCH --requeue"]


def _body(job: Job) -> list[str]:
    root = job.site.runs or f"{FILL_IN}FOLDER-OF-RUNS"
    return [
        "# Submitted again, the run goes on from its last checkpoint.",
        "set -euo pipefail",
        *(job.site.setup.splitlines() or ["# Here: what makes python the one with Aurora Dash."]),
        f"runs={shlex.quote(root)}",
        f'case "$runs" in {FILL_IN}*) echo "fill in the folder of runs" >&2; exit 2;; esac',
        f"folder=$runs/{job.run_id}",
        f"spec=$runs/{job.run_id}.spec.json",
        'mkdir -p "$runs"',
        f"cat > \"$spec\" <<'{_END_OF_SPEC}'",
        job.spec_text,
        _END_OF_SPEC,
        "export OMP_WAIT_POLICY=PASSIVE",
        *_command(job),
    ]


def _command(job: Job) -> list[str]:
    distributed = job.spec.distributed
    worker = '-m aurora_dash.runs.worker "$folder" --spec "$spec"'
    if distributed.world_size == 1:
        return [f"srun python {worker}"]
    return [
        'head=$(scontrol show hostnames "$SLURM_JOB_NODELIST" | head -n 1)',
        "port=$((20000 + SLURM_JOB_ID % 20000))",
        "srun python -m torch.distributed.run \\",
        f"  --nnodes {distributed.nodes} --nproc-per-node {distributed.processes} "
        "--max-restarts 0 \\",
        '  --rdzv-backend c10d --rdzv-id "$SLURM_JOB_ID" --rdzv-endpoint "$head:$port" \\',
        f"  {worker}",
    ]
