"""Every variant's checkpoint goes out and comes back: in the package's format and in our own."""

from __future__ import annotations

import io
from pathlib import Path

import aurora
import pytest
import torch

from aurora_dash.model.build import SIZES, BuiltModel, build_model
from aurora_dash.runs.store import RunStore
from aurora_dash.spec import ModelSpec, RunSpec, TrainingSpec
from aurora_dash.training.checkpoints import CheckpointStore
from aurora_dash.training.snapshot import Snapshot
from aurora_dash.variants import VARIANTS, Variant
from tests.hub_server import Hub
from tests.model.published import StateDict, publishable, published

each_variant = pytest.mark.parametrize("variant", VARIANTS, ids=lambda v: v.id)


def _build(variant: Variant, seed: int = 0, **model: object) -> BuiltModel:
    """A tiny model of another seed than the weights that it is to take."""
    spec = RunSpec(
        model=ModelSpec(variant=variant.id, **model), training=TrainingSpec(seed=seed)
    )  # fmt: skip
    return build_model(spec)


def _same(one: StateDict, other: StateDict) -> bool:
    return one.keys() == other.keys() and all(torch.equal(one[k], other[k]) for k in one)


@pytest.fixture
def made(variant: Variant) -> tuple[StateDict, bytes]:
    """Random weights, and a checkpoint with them as the variant was published."""
    weights = publishable(variant, _build(variant, seed=7).state_dict())
    file = io.BytesIO()
    torch.save(published(variant, weights), file)
    return weights, file.getvalue()


@each_variant
def test_a_local_file_in_the_published_format_fills_the_model(
    variant: Variant, made: tuple[StateDict, bytes], tmp_path: Path
) -> None:
    weights, content = made
    path = tmp_path / variant.filename
    path.write_bytes(content)
    built = _build(variant, source="file", path=str(path))
    assert built.report.complete
    assert built.size == "tiny"
    assert _same(built.state_dict(), weights)
    # And just so the package itself reads it.
    plain = getattr(aurora, variant.class_name)(**SIZES["tiny"])
    plain.load_checkpoint_local(str(path), strict=True)
    assert _same(plain.state_dict(), weights)


@each_variant
def test_the_hub_serves_the_published_format(
    variant: Variant, made: tuple[StateDict, bytes], hub: Hub
) -> None:
    weights, content = made
    hub.add(variant, variant.filename, content)
    built = _build(variant, source="hub")
    assert built.report.complete
    assert built.report.source == f"hub checkpoint {variant.filename}"
    assert _same(built.state_dict(), weights)
    assert [command for command, _ in hub.requests].count("GET") == 1
    assert _same(_build(variant, seed=3, source="hub").state_dict(), weights)
    assert [command for command, _ in hub.requests].count("GET") == 1, "it is cached"


@each_variant
def test_a_run_saves_it_and_gives_it_back(variant: Variant, tmp_path: Path) -> None:
    saved = _build(variant, seed=7)
    run = RunStore(tmp_path).create(RunSpec(model=ModelSpec(variant=variant.id)))
    snapshot = Snapshot(
        step=3,
        epoch=0.5,
        weights=saved.state_dict(),
        optimiser={},
        statistics=saved.statistics,
        device="cpu",
        threads=1,
    )
    CheckpointStore(run).save(snapshot, best=True)
    spec = RunSpec(model=ModelSpec(variant=variant.id, source="run", run=run.id))
    from_run = build_model(spec, store=RunStore(tmp_path))
    assert from_run.report.complete
    assert _same(from_run.state_dict(), saved.state_dict())
    folder = run.checkpoints_folder / "step-00000003"
    from_folder = _build(variant, source="file", path=str(folder))
    assert _same(from_folder.state_dict(), saved.state_dict())
