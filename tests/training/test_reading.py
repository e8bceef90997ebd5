"""A run reads its samples as its spec says, and learns the same however they are read."""

from __future__ import annotations

import pytest

from aurora_dash.data import steps as steps_module
from aurora_dash.data.source import open_data
from aurora_dash.data.store.prepare import prepare
from aurora_dash.runs.metrics import MetricsReader
from aurora_dash.runs.store import Run, RunStore
from aurora_dash.spec import LoaderSpec, RunSpec
from aurora_dash.training.engine import train
from aurora_dash.training.plan import split_of
from aurora_dash.training.reading import order_of, samples_of
from tests.training.stops import after

pytestmark = pytest.mark.slow


@pytest.fixture(autouse=True)
def _as_if_fields_were_large(monkeypatch: pytest.MonkeyPatch) -> None:
    # One thread reads those that are as small as these.
    monkeypatch.setattr(steps_module, "_SMALL_BYTES", 0)


def _losses(run: Run) -> list[tuple[int, float]]:
    records = MetricsReader(run.metrics_path).read()
    return [(r["step"], r["loss"]) for r in records if r["split"] == "train"]


def test_files_and_store_one_thread_and_many_train_alike(
    spec: RunSpec, store: RunStore, tmp_path
) -> None:
    opened = open_data(spec.data, spec.model.catalogue_entry)
    folder = prepare(opened, spec, tmp_path / "prepared").folder
    on_store = spec.replace(data=spec.data.replace(source="files", paths=(str(folder),)))
    many = on_store.replace(loader=LoaderSpec(workers=2, prefetch=3, cache_megabytes=0))
    runs = [store.create(chosen) for chosen in (spec, on_store, many)]
    for run in runs:
        assert train(run).state == "completed", run.status().reason
    first, *others = [_losses(run) for run in runs]
    assert len(first) == spec.training.steps
    assert all(other == first for other in others)


def test_block_order_goes_on_after_a_stop_as_if_there_had_been_none(
    spec: RunSpec, store: RunStore
) -> None:
    in_blocks = spec.replace(loader=LoaderSpec(shuffle="blocks", block=3))
    whole, stopped = store.create(in_blocks), store.create(in_blocks)
    train(whole)
    train(stopped, should_stop=after(stopped, 3))
    assert 3 == len(_losses(stopped)) < len(_losses(whole))
    train(stopped)
    assert _losses(stopped) == _losses(whole)


def test_blocks_keep_the_times_of_a_neighbourhood_whatever_the_cache(spec: RunSpec) -> None:
    in_blocks = spec.replace(loader=LoaderSpec(shuffle="blocks", block=4, cache_megabytes=0))
    opened = open_data(spec.data, spec.model.catalogue_entry)
    windows = split_of(in_blocks, opened.dataset).train
    samples = samples_of(in_blocks, opened.dataset, windows)
    assert samples._steps._num_kept == 3 * spec.training.batch_size
    assert samples_of(spec, opened.dataset, windows)._steps._num_kept > 100
    assert order_of(in_blocks, len(windows)).block == 4
