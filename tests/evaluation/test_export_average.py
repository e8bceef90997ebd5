"""An export of the average of the weights."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from aurora_dash.errors import CheckpointError
from aurora_dash.evaluation.export import export_run
from aurora_dash.evaluation.request import EvaluationRequest
from aurora_dash.evaluation.sources import CheckpointRef
from aurora_dash.model.saved import find_checkpoint, read_part
from aurora_dash.runs.store import RunStore
from aurora_dash.spec import DataSpec, DemoSpec, RunSpec, TrainingSpec
from aurora_dash.training.engine import train

HEAD = "decoder.surf_heads.2t.weight"


@pytest.mark.slow
def test_the_average_is_exported_where_one_was_kept(tmp_path: Path) -> None:
    spec = RunSpec(
        data=DataSpec(demo=DemoSpec(height=16, width=16, levels=(850, 500), num_times=12)),
        training=TrainingSpec(steps=4, device="cpu", threads=1),
    )
    store = RunStore(tmp_path / "runs")
    averaged = store.create(spec.with_overrides(["optimiser.ema_decay=0.9"]))
    train(averaged)
    found = {}
    for weights in ("auto", "average", "raw"):
        path = tmp_path / f"{weights}.ckpt"
        export_run(averaged, path, "last", weights=weights)
        found[weights] = torch.load(path, weights_only=True)
    part = read_part(find_checkpoint(averaged.checkpoints_folder, "last"), "ema")["weights"]
    assert torch.equal(found["average"][HEAD], part[HEAD])
    assert not torch.equal(found["raw"][HEAD], part[HEAD])
    # What validation measured, by which the best checkpoint was chosen.
    assert torch.equal(found["auto"][HEAD], part[HEAD])
    save_spec = averaged.spec().with_overrides(["optimiser.validate_ema=false"])
    averaged.save_spec(save_spec)
    subject = CheckpointRef(run=averaged, checkpoint="last").resolve()
    assert not subject.averaged
    assert torch.equal(subject.load().state_dict()[HEAD], found["raw"][HEAD])
    request = EvaluationRequest(run=averaged.id, checkpoint="last", weights="average")
    subject = CheckpointRef.of(request, store).resolve()
    assert subject.name.endswith("average of the weights")
    assert torch.equal(subject.load().state_dict()[HEAD], part[HEAD])
    plain = store.create(spec)
    train(plain)
    with pytest.raises(CheckpointError, match="holds no average"):
        export_run(plain, tmp_path / "none.ckpt", "last", weights="average")
