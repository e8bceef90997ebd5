"""The PyTorchJob: YAML that says what the operator's schema wants, with the spec beside it."""

from __future__ import annotations

import json
import re
from typing import Any

import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from aurora_dash.presets import demo
from aurora_dash.runs.cluster.job import Job, Site
from aurora_dash.runs.cluster.kubernetes import _yaml, kubernetes_script
from aurora_dash.spec import RunSpec

RUN_ID = "20260101-000000-wind-abcd"
TWO_NODES = ["distributed.nodes=3", "distributed.processes=4", "training.accumulate=12"]
SITE = Site(image="registry.example/aurora:1", claim="weather", namespace="team", memory="64Gi")
DNS_LABEL = r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?"


def _documents(changes: list[str], site: Site = SITE) -> tuple[dict[str, Any], dict[str, Any]]:
    script = kubernetes_script(Job(demo().with_overrides(changes), RUN_ID, site))
    config, job = yaml.safe_load_all(script.text)
    return config, job


def _check_pytorch_job(job: dict[str, Any]) -> None:
    """What the schema of ``pytorchjobs.kubeflow.org``, version v1, asks for."""
    assert (job["apiVersion"], job["kind"]) == ("kubeflow.org/v1", "PyTorchJob")
    assert re.fullmatch(DNS_LABEL, job["metadata"]["name"])
    spec = job["spec"]
    assert spec.keys() <= {"elasticPolicy", "nprocPerNode", "pytorchReplicaSpecs", "runPolicy"}
    assert isinstance(spec["nprocPerNode"], str)
    policy = spec["runPolicy"]
    assert policy["cleanPodPolicy"] in ("None", "Running", "All")
    assert isinstance(policy["backoffLimit"], int)
    assert {"Master"} <= spec["pytorchReplicaSpecs"].keys() <= {"Master", "Worker"}
    for replica in spec["pytorchReplicaSpecs"].values():
        assert isinstance(replica["replicas"], int) and replica["replicas"] >= 1
        assert replica["restartPolicy"] in ("Always", "OnFailure", "Never", "ExitCode")
        _check_pod(replica["template"]["spec"])


def _check_pod(pod: dict[str, Any]) -> None:
    volumes = {volume["name"] for volume in pod["volumes"]}
    (container,) = pod["containers"]
    assert container["name"] == "pytorch"
    assert all(isinstance(word, str) for word in container["command"])
    assert {mount["name"] for mount in container["volumeMounts"]} <= volumes
    assert all(mount["mountPath"].startswith("/") for mount in container["volumeMounts"])
    for values in container.get("resources", {}).values():
        assert all(isinstance(value, str) for value in values.values())


def test_one_process_is_a_master_alone() -> None:
    config, job = _documents(["training.device=cpu"])
    _check_pytorch_job(job)
    replicas = job["spec"]["pytorchReplicaSpecs"]
    assert replicas.keys() == {"Master"}
    (container,) = replicas["Master"]["template"]["spec"]["containers"]
    assert container["command"][:3] == ["python", "-m", "aurora_dash.runs.worker"]
    assert "nvidia.com/gpu" not in container["resources"]["limits"]
    assert config["metadata"] == job["metadata"]


def test_several_nodes_are_a_master_and_workers_under_torchrun() -> None:
    _, job = _documents(TWO_NODES)
    _check_pytorch_job(job)
    replicas = job["spec"]["pytorchReplicaSpecs"]
    assert [replicas[name]["replicas"] for name in ("Master", "Worker")] == [1, 2]
    (container,) = replicas["Worker"]["template"]["spec"]["containers"]
    command = " ".join(container["command"])
    assert "torch.distributed.run --nnodes 3 --nproc-per-node 4 --node-rank $(RANK)" in command
    assert container["resources"]["limits"] == {"nvidia.com/gpu": "4", "memory": "64Gi"}
    assert container["image"] == SITE.image


def test_the_spec_comes_with_it_whole() -> None:
    notes = "Wind, naïvely: 'quoted'\u2028 # no comment"
    spec = demo().replace(notes=notes)
    config, _ = yaml.safe_load_all(kubernetes_script(Job(spec, RUN_ID, SITE)).text)
    assert RunSpec.model_validate(json.loads(config["data"]["spec.json"])) == spec


def test_what_is_missing_is_told() -> None:
    script = kubernetes_script(Job(demo(), RUN_ID))
    assert script.notes == ("Fill in FILL-IN-CLAIM, FILL-IN-IMAGE.",)
    _check_pytorch_job(list(yaml.safe_load_all(script.text))[1])


PLAIN = st.recursive(
    st.one_of(
        st.text(st.characters(codec="ascii"), max_size=8).filter(lambda text: "\n" not in text),
        st.integers(),
    ),
    lambda inner: st.dictionaries(st.from_regex(r"[a-z]{1,5}x", fullmatch=True), inner, min_size=1),
    max_leaves=6,
)


@settings(max_examples=20, deadline=None)
@given(st.dictionaries(st.from_regex(r"[a-z]{1,5}x", fullmatch=True), PLAIN, min_size=1))
def test_what_is_written_is_read_back(document: dict[str, Any]) -> None:
    items = [document, {"last": 1}]
    text = _yaml({"first": document, "several": items, "words": ["a", "b"], "none": []})
    expected = {"first": document, "several": items, "words": ["a", "b"], "none": []}
    assert yaml.safe_load(text) == expected
