"""A run as a job of a cluster's scheduler: scripts that are written out, never submitted."""

from collections.abc import Callable, Mapping

from aurora_dash.runs.cluster.job import Job, Script
from aurora_dash.runs.cluster.kubernetes import kubernetes_script
from aurora_dash.runs.cluster.slurm import slurm_script

WRITERS: Mapping[str, Callable[[Job], Script]] = {
    "slurm": slurm_script,
    "kubernetes": kubernetes_script,
}
"""What writes the script for a scheduler of that name."""
