"""Exported checkpoints, used by plain aurora in a process that does not have this project."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import sysconfig
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from aurora import Batch

from aurora_dash.data.batches import VariableNames, WindowSamples
from aurora_dash.data.source import open_data
from aurora_dash.data.windows import make_windows
from aurora_dash.errors import CheckpointError, EvaluationError
from aurora_dash.evaluation.evaluate import evaluate
from aurora_dash.evaluation.export import default_path, export_run
from aurora_dash.evaluation.job import start_evaluation
from aurora_dash.evaluation.request import EvaluationRequest
from aurora_dash.evaluation.sources import CheckpointRef
from aurora_dash.runs.store import Run, RunStore
from aurora_dash.spec import RunSpec
from aurora_dash.variants import VARIANTS

torch.set_num_threads(1)

NEW = [
    {"name": "sst2", "source_name": "tcwv", "mean": 20.5, "std": 15.25},
    {"name": "sdor", "group": "static", "mean": 50, "std": 80},
    {
        "name": "w",
        "group": "atmospheric",
        "mean": {"500": 0.01, "850": 0.02},
        "std": {"500": 0.2, "850": 0.3},
    },
]
CASES = {
    **{v.id: {"model": {"variant": v.id}} for v in VARIANTS},
    "new": {"model": {"variant": "small"}, "variables": NEW},
    "lead": {"model": {"variant": "0.25-pretrained"}, "data": {"lead_hours": 12}},
    # Another LoRA in each step of a forecast: other weights than the class has by itself.
    "lora_mode": {"model": {"variant": "0.25-finetuned", "lora_mode": "all"}},
    "lora": {
        "model": {"variant": "0.25-finetuned", "stabilise_level_agg": True},
        "trainable": {"parts": "lora", "lora": {"rank": 3, "targets": ["qkv", "proj", "mlp"]}},
    },
}

# What plain aurora does with an export: the card's own code, then one forecast.
PLAIN = """
import sys
sys.path.append({site!r})
try:
    import aurora_dash
except ModuleNotFoundError:
    pass
else:
    sys.exit("this project is importable here")
import os
from datetime import datetime
import torch
from aurora import AuroraV1p5, Batch, Metadata
torch.set_num_threads(1)
for folder in {folders!r}:
    os.chdir(folder)
    names = dict()
    exec(open("snippet.py").read(), names)
    given = torch.load("batch.pt", weights_only=True)
    batch = Batch(given["surface"], given["static"], given["atmospheric"], Metadata(
        given["lat"], given["lon"], tuple(datetime.fromisoformat(t) for t in given["time"]),
        tuple(given["levels"])))
    more = dict()
    if isinstance(names["model"], AuroraV1p5):
        more["lead_times"] = torch.tensor([6.0])
    torch.manual_seed(7)
    with torch.inference_mode():
        out = names["model"](batch, **more)
    torch.save(dict(surface=out.surf_vars, atmospheric=out.atmos_vars), "plain.pt")
"""


def _spec(case: dict[str, Any]) -> RunSpec:
    size = 40 if case["model"]["variant"] == "0.1-finetuned" else 24
    demo = {"height": size, "width": size, "levels": [850, 500], "num_times": 8}
    data = {**case.get("data", {}), "demo": demo}
    return RunSpec.build({**case, "name": "exported", "data": data})


def _disturb(weights: dict[str, torch.Tensor]) -> None:
    """Weights as training leaves them: nothing is zero, nothing equals anything else."""
    generator = torch.Generator().manual_seed(5)
    for name, value in weights.items():
        if not name.endswith(".scaling"):
            value += 0.01 * torch.randn(value.shape, generator=generator)


def _batch(spec: RunSpec) -> Batch:
    opened = open_data(spec.data, spec.model.catalogue_entry, spec.variables)
    windows = make_windows(
        opened.dataset["time"].values,
        history_hours=spec.model.catalogue_entry.timestep_hours,
        lead_hours=spec.lead_hours,
    )
    return WindowSamples(opened.dataset, windows[:1], VariableNames.of(spec))[0][0]


def _save_batch(batch: Batch, path: Path) -> None:
    meta = batch.metadata
    torch.save(
        {
            "surface": dict(batch.surf_vars),
            "static": dict(batch.static_vars),
            "atmospheric": dict(batch.atmos_vars),
            "lat": meta.lat,
            "lon": meta.lon,
            "time": [time.replace(tzinfo=None).isoformat() for time in meta.time],
            "levels": list(meta.atmos_levels),
        },
        path,
    )


def _ours(run: Run, batch: Batch) -> Batch:
    module = CheckpointRef(run=run, checkpoint="last").resolve().load().module
    # Torch's matrix products round otherwise for weights that want gradients.
    module.requires_grad_(True)
    torch.manual_seed(7)
    with torch.inference_mode():
        return module.predict(batch, 6.0)


def _code_of(card: Path) -> str:
    [code] = re.findall(r"```python\n(.*?)```", card.read_text(encoding="utf-8"), re.DOTALL)
    return code


@pytest.fixture(scope="module")
def plain_process() -> Callable[[list[Path]], None]:
    """Run the snippets of folders with plain aurora, this project out of reach."""

    def run(folders: list[Path]) -> None:
        site = sysconfig.get_path("purelib")
        script = PLAIN.format(site=site, folders=[str(folder) for folder in folders])
        environment = {k: v for k, v in os.environ.items() if k != "PYTHONPATH"}
        result = subprocess.run(
            [sys.executable, "-S", "-P", "-c", script],
            cwd=folders[0],
            env=environment | {"TZ": "UTC", "OMP_NUM_THREADS": "1"},
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )
        assert result.returncode == 0, result.stderr[-3000:]

    return run


@pytest.mark.slow
def test_plain_aurora_forecasts_the_same_with_every_variant(
    make_run: Any, tmp_path: Path, plain_process: Callable[[list[Path]], None]
) -> None:
    expected: dict[str, Batch] = {}
    folders = {name: tmp_path / name for name in CASES}
    for name, case in CASES.items():
        spec = _spec(case)
        run, batch = make_run(spec, _disturb), _batch(spec)
        exported = export_run(run, folders[name] / f"{name}.ckpt", "last")
        (folders[name] / "snippet.py").write_text(_code_of(exported.card), encoding="utf-8")
        _save_batch(batch, folders[name] / "batch.pt")
        expected[name] = _ours(run, batch)
    plain_process(list(folders.values()))
    for name, ours in expected.items():
        plain = torch.load(folders[name] / "plain.pt", weights_only=True)
        assert plain["surface"].keys() == ours.surf_vars.keys()
        assert plain["atmospheric"].keys() == ours.atmos_vars.keys()
        for key, value in (*ours.surf_vars.items(), *ours.atmos_vars.items()):
            other = plain["surface" if key in ours.surf_vars else "atmospheric"][key]
            assert torch.isfinite(value).any(), (name, key)
            # Merging rounds, and so does summing embeddings in another order.
            if name in ("lora", "new"):
                scale = value.abs().max()
                assert torch.allclose(value / scale, other / scale, atol=1e-5), (name, key)
            else:
                assert torch.equal(value.nan_to_num(), other.nan_to_num()), (name, key)
                assert torch.equal(value.isnan(), other.isnan()), (name, key)


def test_the_description_holds_all_that_the_file_lacks(
    make_run: Any, small_spec: RunSpec, tmp_path: Path
) -> None:
    spec = small_spec.replace(variables=NEW)
    exported = export_run(make_run(spec, step=3), tmp_path / "new.ckpt")
    document = json.loads(exported.description.read_text(encoding="utf-8"))
    assert RunSpec.build(document["spec"]) == spec
    assert document["constructor"]["class"] == "AuroraSmallPretrained"
    assert document["constructor"]["options"]["surf_vars"][-1] == "sst2"
    assert document["own_statistics"] == {
        "surface": {"sst2": [20.5, 15.25], "sdor": [50.0, 80.0]},
        "atmospheric": {"w_500": [0.01, 0.2], "w_850": [0.02, 0.3]},
    }
    assert document["statistics"]["atmospheric"]["w_850"] == [0.02, 0.3]
    assert document["variables"]["static"] == ["lsm", "z", "slt", "sdor"]
    assert [variable["name"] for variable in document["new_variables"]] == ["sst2", "sdor", "w"]
    assert (document["step"], document["scores"], document["evaluation"]) == (3, None, None)
    assert (document["synthetic_data"], document["random_weights"]) == (True, True)
    card = exported.card.read_text(encoding="utf-8")
    assert "no forecast model" in card and "synthetic data, not on weather" in card
    assert "| w | atmospheric |" in card and "It was not evaluated." in card
    weights = torch.load(exported.checkpoint, weights_only=True)
    assert sum(value.numel() for value in weights.values()) == exported.num_parameters


def test_scores_of_the_exported_checkpoint_are_on_the_card(
    make_run: Any, small_spec: RunSpec, store: RunStore, tmp_path: Path
) -> None:
    run = make_run(small_spec, step=3)
    request = EvaluationRequest.build({"run": run.id, "device": "cpu", "initial": False})
    evaluation = start_evaluation(run, request)
    _wait(run, evaluation)
    exported = export_run(run, tmp_path / "scored.ckpt")
    scores = exported.document["scores"]
    assert {"model", "persistence"} == {record["source"] for record in scores}
    value = next(
        record["value"]
        for record in scores
        if (record["variable"], record["metric"], record["source"]) == ("2t", "rmse", "model")
    )
    assert f"| 2t |  | 6 h | K | {value:.4g} |" in exported.card.read_text(encoding="utf-8")


def _wait(run: Run, evaluation: str) -> None:
    import time

    from aurora_dash.evaluation.job import get_evaluation

    deadline = time.monotonic() + 60
    while (status := get_evaluation(run, evaluation)).state.is_live:
        assert time.monotonic() < deadline
        time.sleep(0.05)
    assert status.state == "completed", status.reason


def test_scores_of_another_checkpoint_are_not(
    make_run: Any, small_spec: RunSpec, store: RunStore, tmp_path: Path
) -> None:
    run = make_run(small_spec, step=3)
    request = EvaluationRequest.build({"run": run.id, "device": "cpu", "initial": False})
    evaluate(request, tmp_path / "elsewhere", store=store)
    assert export_run(run, tmp_path / "scored.ckpt").document["scores"] is None


def test_an_export_goes_to_the_run_s_folder_under_the_checkpoint_s_name(
    make_run: Any, small_spec: RunSpec
) -> None:
    run = make_run(small_spec, step=3)
    assert default_path(run) == run.folder / "export" / "step-00000003.ckpt"
    export_run(run, default_path(run))
    names = sorted(path.name for path in (run.folder / "export").iterdir())
    assert names == ["step-00000003.ckpt", "step-00000003.json", "step-00000003.md"]


def test_what_cannot_be_exported_is_refused(
    make_run: Any, small_spec: RunSpec, store: RunStore, tmp_path: Path
) -> None:
    run = make_run(small_spec)
    with pytest.raises(EvaluationError, match="can't be the exported checkpoint"):
        export_run(run, tmp_path / "weights.json")
    with pytest.raises(CheckpointError, match="no checkpoint 'step-00000099'"):
        export_run(run, tmp_path / "a.ckpt", "step-00000099")
    with pytest.raises(CheckpointError, match="it holds none"):
        default_path(store.create(small_spec))
