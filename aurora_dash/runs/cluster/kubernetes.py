"""A PyTorchJob of Kubeflow's training operator (``kubeflow.org/v1``), with the spec beside it."""

from __future__ import annotations

import json
from typing import Any

from aurora_dash.runs.cluster.job import FILL_IN, Job, Script

_SPEC_MOUNT = "/aurora-dash"


def kubernetes_script(job: Job) -> Script:
    """A ConfigMap with the spec and the job, as YAML for ``kubectl apply``."""
    site = job.site
    claim = site.claim or f"{FILL_IN}CLAIM"
    image = site.image or f"{FILL_IN}IMAGE"
    metadata = {"name": job.name} | ({"namespace": site.namespace} if site.namespace else {})
    config = {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": metadata,
        "data": {"spec.json": job.spec_text + "\n"},
    }
    replicas = {"Master": _replica(job, 1, image, claim)}
    if job.spec.distributed.nodes > 1:
        replicas["Worker"] = _replica(job, job.spec.distributed.nodes - 1, image, claim)
    pytorch_job = {
        "apiVersion": "kubeflow.org/v1",
        "kind": "PyTorchJob",
        "metadata": metadata,
        "spec": {
            "nprocPerNode": str(job.spec.distributed.processes),
            "runPolicy": {"cleanPodPolicy": "Running", "backoffLimit": 3},
            "pytorchReplicaSpecs": replicas,
        },
    }
    text = "---\n".join(_yaml(document) for document in (config, pytorch_job))
    file_name = f"{job.run_id}.yaml"
    return Script(
        text=text,
        file_name=file_name,
        submit=f"kubectl apply -f {file_name}",
        notes=job.notes(text),
    )


def _replica(job: Job, count: int, image: str, claim: str) -> dict[str, Any]:
    return {
        "replicas": count,
        "restartPolicy": "OnFailure",
        "template": {
            "spec": {
                # The operator looks for a container of this name.
                "containers": [_container(job, image)],
                "volumes": [
                    {"name": "data", "persistentVolumeClaim": {"claimName": claim}},
                    {"name": "spec", "configMap": {"name": job.name}},
                    {"name": "shm", "emptyDir": {"medium": "Memory"}},
                ],
            }
        },
    }


def _container(job: Job, image: str) -> dict[str, Any]:
    container: dict[str, Any] = {
        "name": "pytorch",
        "image": image,
        "command": _command(job),
        "env": [{"name": "OMP_WAIT_POLICY", "value": "PASSIVE"}],
        "volumeMounts": [
            {"name": "data", "mountPath": job.site.mount},
            {"name": "spec", "mountPath": _SPEC_MOUNT},
            {"name": "shm", "mountPath": "/dev/shm"},
        ],
    }
    if resources := _resources(job):
        container["resources"] = {"limits": resources, "requests": resources}
    return container


def _resources(job: Job) -> dict[str, str]:
    asked = {
        "nvidia.com/gpu": str(job.spec.distributed.processes) if job.needs_gpus else "",
        "cpu": str(job.site.cpus or ""),
        "memory": job.site.memory,
    }
    return {name: value for name, value in asked.items() if value}


def _command(job: Job) -> list[str]:
    distributed = job.spec.distributed
    folder = job.folder(job.site.runs or f"{job.site.mount}/runs")
    worker = ["-m", "aurora_dash.runs.worker", folder, "--spec", f"{_SPEC_MOUNT}/spec.json"]
    if distributed.world_size == 1:
        return ["python", *worker]
    # The operator tells each pod its number and the master's address; Kubernetes fills them in.
    return [
        *("python", "-m", "torch.distributed.run"),
        *("--nnodes", str(distributed.nodes), "--nproc-per-node", str(distributed.processes)),
        *("--node-rank", "$(RANK)", "--max-restarts", "0"),
        *("--master-addr", "$(MASTER_ADDR)", "--master-port", "$(MASTER_PORT)"),
        *worker,
    ]


def _yaml(value: Any, indent: int = 0) -> str:
    """Nested mappings and lists as block YAML; scalars as JSON, which YAML contains."""
    space = " " * indent
    if isinstance(value, dict):
        return "".join(_pair(f"{space}{key}:", item, indent) for key, item in value.items())
    return "".join(_item(space, item, indent) for item in value)


def _pair(head: str, value: Any, indent: int) -> str:
    if isinstance(value, str) and "\n" in value:
        lines = [f"{' ' * (indent + 2)}{line}" for line in value.removesuffix("\n").split("\n")]
        return "\n".join([f"{head} |", *lines]) + "\n"
    if isinstance(value, dict | list) and value:
        return f"{head}\n{_yaml(value, indent + 2)}"
    return f"{head} {json.dumps(value)}\n"


def _item(space: str, value: Any, indent: int) -> str:
    if isinstance(value, dict):
        # The first key stands beside the dash, the others under it.
        return f"{space}- {_yaml(value, indent + 2).lstrip()}"
    return f"{space}- {json.dumps(value)}\n"
