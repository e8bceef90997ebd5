from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from aurora_dash.errors import (
    AuroraDashError,
    CheckpointError,
    EvaluationError,
    RunError,
    SpecError,
)
from aurora_dash.evaluation.evaluate import evaluate
from aurora_dash.evaluation.request import EvaluationRequest
from aurora_dash.evaluation.results import select_scores
from aurora_dash.evaluation.sources import CheckpointRef
from aurora_dash.model.build import build_model
from aurora_dash.runs.store import RunStore
from aurora_dash.spec import RunSpec


def test_a_run_is_named_by_id_id_and_checkpoint_or_path(
    make_run: Any, small_spec: RunSpec, store: RunStore
) -> None:
    run = make_run(small_spec, step=7)
    elsewhere = RunStore(store.root / "no-such-root")
    folder = run.checkpoints_folder / "step-00000007"
    for text, where, checkpoint in (
        (run.id, store, "best"),
        (f"{run.id}@last", store, "last"),
        (f"{run.id}@step-00000007", store, "step-00000007"),
        (str(run.folder), elsewhere, "best"),
        (str(folder), elsewhere, "step-00000007"),
        (str(folder / "model.pt"), elsewhere, "step-00000007"),
    ):
        ref = CheckpointRef.parse(text, where)
        assert ref.run is not None and ref.run.folder == run.folder
        assert ref.checkpoint == checkpoint
        assert ref.store == store
        subject = ref.resolve()
        assert subject.name == f"run {run.id}, step-00000007"
        assert subject.spec == run.spec()
        request = EvaluationRequest.build(ref.request_fields())
        assert CheckpointRef.of(request, store) == ref


def test_the_loaded_model_has_the_checkpoint_s_weights_and_statistics(
    make_run: Any, small_spec: RunSpec, store: RunStore
) -> None:
    def change(weights: dict) -> None:
        weights["decoder.surf_heads.2t.bias"] += 1.0

    run = make_run(small_spec, change)
    subject = CheckpointRef.parse(run.id, store).resolve()
    loaded, initial = subject.load(), subject.load_initial()
    fresh = build_model(small_spec)
    changed = {
        name for name, value in loaded.state_dict().items()
        if not torch.equal(value, fresh.state_dict()[name])
    }  # fmt: skip
    assert changed == {"decoder.surf_heads.2t.bias"}
    assert all(torch.equal(v, fresh.state_dict()[n]) for n, v in initial.state_dict().items())
    assert loaded.statistics == initial.statistics == fresh.statistics


def test_the_initial_of_a_run_that_goes_on_from_another_is_where_that_one_was(
    make_run: Any, small_spec: RunSpec, store: RunStore
) -> None:
    def change(weights: dict) -> None:
        weights["decoder.surf_heads.2t.bias"] += 1.0

    first = make_run(small_spec, change)
    model = {"variant": "small", "source": "run", "run": first.id}
    second = make_run(small_spec.replace(model=model))
    subject = CheckpointRef.parse(second.id, store).resolve()
    expected = CheckpointRef.parse(first.id, store).resolve().load().state_dict()
    initial = subject.load_initial().state_dict()
    assert all(torch.equal(initial[name], value) for name, value in expected.items())
    assert subject.random_weights
    store.delete(first.id)
    with pytest.raises(CheckpointError, match="before fine-tuning can't be loaded") as caught:
        subject.load_initial()
    assert "initial = false" in caught.value.remedy
    assert not subject.random_weights


@pytest.fixture
def checkpoint_file(small_spec: RunSpec, tmp_path: Path) -> Path:
    path = tmp_path / "aurora-0.25-small-pretrained.ckpt"
    torch.save(build_model(small_spec).state_dict(), path)
    return path


def test_a_checkpoint_file_is_judged_without_an_initial(
    checkpoint_file: Path, small_spec: RunSpec, make_run: Any, store: RunStore, tmp_path: Path
) -> None:
    ref = CheckpointRef.parse(str(checkpoint_file), store)
    assert ref.run is None and ref.store is None
    request = EvaluationRequest.build(
        {**ref.request_fields(), "data": small_spec.data.model_dump(), "device": "cpu"}
    )
    result = evaluate(request, tmp_path / "file", store=store)
    assert result.summary.sources == ("model", "persistence")
    assert "no checkpoint of a run" in " ".join(result.summary.warnings)
    assert not result.summary.random_weights
    of_run = EvaluationRequest(run=make_run(small_spec).id, device="cpu", initial=False)
    expected = evaluate(of_run, tmp_path / "run", store=store)
    assert select_scores(result.scores, source="model", metric="rmse") == pytest.approx(
        select_scores(expected.scores, source="model", metric="rmse"), rel=1e-6
    )
    with pytest.raises(EvaluationError, match="not known what it was before"):
        ref.resolve().load_initial()


def test_a_file_that_does_not_name_its_variant_needs_one(
    checkpoint_file: Path, store: RunStore
) -> None:
    other = checkpoint_file.rename(checkpoint_file.with_name("mine.ckpt"))
    with pytest.raises(CheckpointError, match=r"mine\.ckpt does not say.*0\.25-wave"):
        CheckpointRef.parse(str(other), store).resolve()
    subject = CheckpointRef.parse(str(other), store, variant="small").resolve()
    assert subject.spec.model.variant == "small"


def test_what_is_no_checkpoint_is_refused_in_words(
    make_run: Any, small_spec: RunSpec, store: RunStore, tmp_path: Path
) -> None:
    with pytest.raises(RunError, match=r"'absent' is neither a run .* nor a file"):
        CheckpointRef.parse("absent", store)
    with pytest.raises(RunError, match="neither a run"):
        CheckpointRef.parse("../absent@last", store)
    with pytest.raises(CheckpointError, match="neither a run's nor a checkpoint's"):
        CheckpointRef.parse(str(tmp_path), store)
    empty = store.create(small_spec)
    with pytest.raises(CheckpointError, match="no checkpoint 'best'"):
        CheckpointRef.parse(empty.id, store).resolve()
    run = make_run(small_spec)
    model = run.checkpoints_folder / "step-00000000" / "model.pt"
    model.write_bytes(model.read_bytes()[:-100])
    with pytest.raises(CheckpointError, match="checksum"):
        CheckpointRef.parse(run.id, store).resolve().load()
    text = tmp_path / "aurora-0.25-pretrained.ckpt"
    text.write_text("not weights")
    with pytest.raises(AuroraDashError, match=r"aurora-0\.25-pretrained\.ckpt"):
        CheckpointRef.parse(str(text), store).resolve().load()


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({}, "run's id"),
        ({"checkpoint": "a.ckpt"}, "brings no data"),
        ({"run": "r", "leads": 0}, "leads"),
        ({"run": "r", "regions": []}, "regions"),
        ({"run": "r", "baselines": ["yesterday"]}, "baselines"),
        ({"run": "r", "split": "test"}, "split"),
        ({"run": "r", "nonsense": 1}, "nonsense: unknown key"),
    ],
)
def test_a_request_is_refused_where_it_is_built(fields: dict[str, Any], reason: str) -> None:
    with pytest.raises(SpecError, match=reason):
        EvaluationRequest.build(fields)


@pytest.mark.parametrize(
    ("saving", "number"),
    [
        ({}, "auto"),
        ({"activation_checkpointing": True, "checkpointed_layers": "stages"}, "auto"),
        ({"chunks": 3}, 3),
    ],
)
def test_what_saves_memory_in_training_changes_no_forecast(
    make_run: Any, small_spec: RunSpec, store: RunStore, saving: dict[str, Any], number: Any
) -> None:
    run = make_run(small_spec.replace(model=small_spec.model.replace(**saving)))
    module = CheckpointRef.parse(run.id, store).resolve().load().module
    assert module.chunking is not None
    assert module.chunking.wanted == number
    assert not any(hasattr(part, "_checkpoint_wrapped_module") for part in module.modules())
