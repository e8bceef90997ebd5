"""``export``: from a trained run to files, through the real engine."""

from __future__ import annotations

import json
from pathlib import Path

import huggingface_hub.constants
import pytest
import torch

from aurora_dash.model.saved import read_weights
from aurora_dash.runs.store import RunStore
from tests.hub_uploads import TOKEN, serve_upload_hub

QUICK = (
    *("data.demo.height=16", "data.demo.width=16", "data.demo.num_times=12"),
    *("data.demo.levels=[850,500]", "training.steps=2", "training.device=cpu"),
    "training.threads=1",
)


@pytest.mark.slow
def test_a_lora_run_is_trained_counted_exported_and_pushed(
    cli, store: RunStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    choice = ("trainable.parts=lora", "trainable.lora.rank=2")
    trained = cli("train", "demo", "--set", *QUICK, *choice, "--json")
    assert trained.code == 0
    assert "LoRA learns nothing on random weights" in trained.err
    # Two matrices beside qkv and two beside proj, in eight blocks of 64 or 128 channels.
    widths = (64, 64, 128, 128, 128, 128, 64, 64)
    added = sum(2 * (width + 3 * width) + 2 * (width + width) for width in widths)
    document = trained.document
    assert document["num_trainable"] == added
    assert document["num_parameters"] == 1_563_984 + added
    shown = cli("runs", "show", document["run_id"], "--json").document
    assert shown["num_trainable"] == added

    out = tmp_path / "mine.ckpt"
    told = cli("export", document["run_id"], "--out", out, "--checkpoint", "last", "--json")
    assert told.code == 0
    assert told.document["checkpoint"] == str(out)
    weights = torch.load(out, weights_only=True)
    assert sum(value.numel() for value in weights.values()) == 1_563_984
    description = json.loads(Path(told.document["description"]).read_text(encoding="utf-8"))
    assert description["sha256"] == told.document["sha256"]
    assert "load_checkpoint_local('mine.ckpt')" in told.document["snippet"]

    again = cli("export", document["run_id"], "--out", out, "--json")
    assert (again.code, again.document["error"]) == (2, f"{out} is there already.")
    with serve_upload_hub() as hub:
        monkeypatch.setenv("HF_ENDPOINT", hub.url)
        monkeypatch.setenv("HF_TOKEN", TOKEN)
        monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_DISABLE_XET", True)
        ask = (
            "export",
            document["run_id"],
            "--out",
            out,
            "--replace",
            "--push",
            "someone/mine",
            "--json",
        )
        assert cli(*ask).document["pushed"]["repository"] == "someone/mine"
        sent = hub.repositories["someone/mine"]
        assert sent["mine.ckpt"] == out.read_bytes()
        assert b"load_checkpoint_local('mine.ckpt')" in sent["README.md"]
        assert str(tmp_path).encode() not in sent["mine.json"]

    by_default = cli("export", f"{document['run_id']}@last")
    paths = [Path(line) for line in by_default.out.splitlines()]
    assert paths[0] == store.get(document["run_id"]).folder / "export" / "step-00000002.ckpt"
    assert all(path.is_file() for path in paths)


@pytest.mark.slow
def test_a_damaged_best_is_neither_judged_nor_exported_and_that_is_told(
    cli, store: RunStore, tmp_path: Path
) -> None:
    saves = ("training.checkpoint_every=1", "training.validate_every=1", "training.steps=3")
    trained = cli("train", "demo", "--set", *QUICK, *saves, "--json")
    run = store.get(trained.document["run_id"])
    (run.checkpoints_folder / "best").write_text("step-00000003\n")
    (run.checkpoints_folder / "step-00000003" / "model.pt").write_bytes(b"half")
    told = "step-00000002 (best is step-00000003, which is damaged)"

    judged = cli("evaluate", run.id)
    assert judged.code == 0
    assert told in judged.out
    out = tmp_path / "mine.ckpt"
    exported = cli("export", run.id, "--out", out, "--json")
    assert exported.code == 0
    assert told in out.with_suffix(".md").read_text(encoding="utf-8")
    before = read_weights(run.checkpoints_folder / "step-00000002")
    saved = torch.load(out, weights_only=True)
    assert all(torch.equal(saved[name], value) for name, value in before.items())
    refused = cli("export", f"{run.id}@step-00000003")
    assert refused.code == 2
    assert "model.pt is damaged" in refused.err


def test_a_file_or_a_run_without_checkpoints_is_refused(
    cli, store: RunStore, tmp_path: Path
) -> None:
    file = tmp_path / "plain.ckpt"
    file.write_bytes(b"")
    assert cli("export", file).code == 2
    from aurora_dash.presets import demo

    outcome = cli("export", store.create(demo()).id)
    assert outcome.code == 2
    assert "it holds none" in outcome.err
