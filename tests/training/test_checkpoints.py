from __future__ import annotations

import errno
from pathlib import Path

import pytest
import torch

from aurora_dash.errors import CheckpointError, RunError
from aurora_dash.model.saved import find_checkpoint, list_checkpoints, read_meta, read_part
from aurora_dash.model.statistics import ModelStatistics
from aurora_dash.training import checkpoints
from aurora_dash.training.checkpoints import CheckpointStore
from aurora_dash.training.host_copy import Unchanging
from aurora_dash.training.snapshot import Snapshot

STATISTICS = ModelStatistics({"2t": (280.0, 20.0)}, {"z_500": (54_000.0, 3_000.0)})


def _snapshot(step: int, **more: object) -> Snapshot:
    optimiser = {"state": {0: {"exp_avg": torch.full((3,), float(step))}}, "param_groups": []}
    return Snapshot(
        **{
            "step": step,
            "epoch": step / 4,
            "weights": {"a": torch.full((3,), float(step))},
            "optimiser": optimiser,
            "statistics": STATISTICS,
            "device": "cpu",
            "threads": 1,
        }
        | more
    )


def _names(store: CheckpointStore) -> list[str]:
    return [path.name for path in list_checkpoints(store.folder)]


def test_what_was_saved_is_restored(run) -> None:
    store = CheckpointStore(run)
    path = store.save(_snapshot(12, train_loss=0.5, best_loss=0.25))
    assert path == run.checkpoints_folder / "step-00000012"
    restored = store.load()
    assert torch.equal(restored.weights["a"], torch.full((3,), 12.0))
    assert torch.equal(restored.optimiser["state"][0]["exp_avg"], torch.full((3,), 12.0))
    meta = restored.meta
    assert (meta.step, meta.epoch, meta.train_loss, meta.best_loss) == (12, 3.0, 0.5, 0.25)
    assert meta.model_statistics == STATISTICS
    assert meta.versions["torch"] == torch.__version__.split("+")[0]


def test_the_newest_few_and_the_best_are_kept(run) -> None:
    store = CheckpointStore(run, keep=2)
    for step in range(1, 7):
        store.save(_snapshot(step), best=step == 2)
    assert _names(store) == ["step-00000002", "step-00000005", "step-00000006"]
    assert find_checkpoint(store.folder, "best").name == "step-00000002"
    assert find_checkpoint(store.folder, "last").name == "step-00000006"
    assert not [path for path in store.folder.iterdir() if path.name.startswith(".")]


def test_best_moves_when_a_better_one_comes(run) -> None:
    store = CheckpointStore(run, keep=1)
    first = store.save(_snapshot(1), best=True)
    store.save(_snapshot(2), best=True)
    assert find_checkpoint(store.folder).name == "step-00000002"
    assert not first.exists()


def test_the_same_step_can_be_saved_again(run) -> None:
    store = CheckpointStore(run)
    store.save(_snapshot(5, train_loss=1.0))
    store.save(_snapshot(5, train_loss=2.0))
    assert _names(store) == ["step-00000005"]
    assert read_meta(find_checkpoint(store.folder, "last")).train_loss == 2.0


@pytest.mark.parametrize("fails", ["model.pt", "optimiser.pt", "meta.json"])
def test_a_full_disk_leaves_the_earlier_checkpoint_and_nothing_half_done(
    run, monkeypatch, fails
) -> None:
    store = CheckpointStore(run)
    store.save(_snapshot(1))
    original = Path.open

    def full(self, *arguments, **more):
        if self.name.lstrip(".").startswith(fails) and ".step-00000002" in str(self):
            raise OSError(errno.ENOSPC, "No space left on device")
        return original(self, *arguments, **more)

    monkeypatch.setattr(Path, "open", full)
    with pytest.raises(RunError, match="No space left on device"):
        store.save(_snapshot(2))
    monkeypatch.undo()
    assert _names(store) == ["step-00000001"]
    assert find_checkpoint(store.folder, "last").name == "step-00000001"
    assert store.load().meta.step == 1
    assert [path.name for path in store.folder.iterdir() if path.name.startswith(".")] == []


def test_torchs_writer_does_not_hide_that_the_disk_is_full(run, monkeypatch) -> None:
    original = Path.open

    def full(self, *arguments, **more):
        return original(Path("/dev/full") if self.name == "model.pt" else self, *arguments, **more)

    monkeypatch.setattr(Path, "open", full)
    with pytest.raises(RunError, match="No space left on device"):
        CheckpointStore(run).save(_snapshot(1, weights={"a": torch.zeros(100_000)}))


def test_a_crash_before_the_rename_leaves_no_checkpoint(run, monkeypatch) -> None:
    store = CheckpointStore(run)
    store.save(_snapshot(1))

    def crash(*arguments: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(checkpoints, "_replace_folder", crash)
    with pytest.raises(KeyboardInterrupt):
        store.save(_snapshot(2))
    monkeypatch.undo()
    assert _names(store) == ["step-00000001"]
    assert store.load_newest(pytest.fail).meta.step == 1


def test_a_damaged_checkpoint_is_passed_over_with_a_warning(run) -> None:
    store = CheckpointStore(run)
    for step in (1, 2):
        store.save(_snapshot(step))
    path = run.checkpoints_folder / "step-00000002" / "model.pt"
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(CheckpointError, match="is damaged"):
        store.load("last")
    warnings: list[str] = []
    restored = store.load_newest(warnings.append)
    assert restored.meta.step == 1
    assert len(warnings) == 1
    assert "step-00000002" in warnings[0]


def test_if_all_are_damaged_it_does_not_start_anew_in_silence(run) -> None:
    store = CheckpointStore(run)
    store.save(_snapshot(1))
    (run.checkpoints_folder / "step-00000001" / "model.pt").write_bytes(b"")
    with pytest.raises(CheckpointError, match="is damaged"):
        store.load_newest(lambda message: None)


def test_a_run_that_never_saved_has_none(run) -> None:
    store = CheckpointStore(run)
    assert store.load_newest(pytest.fail) is None
    with pytest.raises(CheckpointError, match="it holds none"):
        store.load()


def test_parts_are_files_of_their_own_and_are_restored(run) -> None:
    store = CheckpointStore(run)
    parts = {"ema": {"a": torch.ones(2)}, "replay": {"fields": [torch.arange(3)], "step": 7}}
    path = store.save(_snapshot(1, parts=parts))
    names = {"model.pt", "optimiser.pt", "ema.pt", "replay.pt", "meta.json"}
    assert {file.name for file in path.iterdir()} == names
    assert read_meta(path).parts == ("ema", "replay")
    restored = store.load().parts
    assert torch.equal(restored["ema"]["a"], torch.ones(2))
    assert restored["replay"]["step"] == 7
    assert torch.equal(restored["replay"]["fields"][0], torch.arange(3))
    with pytest.raises(CheckpointError, match="no part 'other'; it holds ema, replay"):
        read_part(path, "other")


def test_a_checkpoint_with_a_damaged_part_is_damaged(run) -> None:
    store = CheckpointStore(run)
    store.save(_snapshot(1, parts={"ema": {"a": torch.ones(2)}}))
    path = store.save(_snapshot(2, parts={"ema": {"a": torch.ones(2)}})) / "ema.pt"
    path.write_bytes(path.read_bytes()[:-1] + b"?")
    with pytest.raises(CheckpointError, match=r"ema\.pt is damaged"):
        store.load()
    assert store.load_newest(lambda message: None).meta.step == 1


def test_a_checkpoint_without_parts_still_loads(run) -> None:
    store = CheckpointStore(run)
    store.save(_snapshot(1))
    assert store.load().parts == {}


@pytest.mark.parametrize("name", ["model", "optimiser", "../up", "Ema", "a/b", ""])
def test_a_part_has_a_name_of_its_own(run, name) -> None:
    with pytest.raises(CheckpointError, match="can't name a part"):
        CheckpointStore(run).save(_snapshot(1, parts={name: {}}))
    assert _names(CheckpointStore(run)) == []


def test_checkpoints_of_every_so_many_steps_are_kept_for_good(run) -> None:
    store = CheckpointStore(run, keep=1, keep_every=4)
    for step in range(2, 12, 2):
        store.save(_snapshot(step))
    assert _names(store) == ["step-00000004", "step-00000008", "step-00000010"]


def test_what_a_dead_owner_left_is_cleared_and_what_it_moved_away_comes_back(run) -> None:
    store = CheckpointStore(run)
    for step in (1, 2):
        store.save(_snapshot(step))
    folder = store.folder
    (folder / "step-00000002").rename(folder / ".step-00000002.old")
    for left in (".step-00000002.4711.tmp", ".step-00000000.removed", ".step-00000001.old"):
        (folder / left).mkdir()
        (folder / left / "model.pt").write_bytes(b"half")
    store.tidy()
    assert _names(store) == ["step-00000001", "step-00000002"]
    assert store.load().meta.step == 2
    assert not [path for path in folder.iterdir() if path.name.startswith(".")]


def test_the_pointer_to_the_best_goes_back_with_the_run(run) -> None:
    store = CheckpointStore(run)
    store.save(_snapshot(1), best=True)
    store.save(_snapshot(2), best=True)
    store.mark_best(1)
    assert find_checkpoint(store.folder).name == "step-00000001"
    store.mark_best(7)
    assert find_checkpoint(store.folder).name == "step-00000001"


def test_a_copy_on_the_host_shares_nothing_that_training_changes() -> None:
    weight, waiting = torch.zeros(2), torch.ones(2)
    snapshot = _snapshot(
        1,
        weights={"a": weight},
        optimiser={"state": {0: {"exp_avg": weight}}, "param_groups": [{"lr": 0.1}]},
        parts={"replay": {"entries": Unchanging({3: {"surface": waiting}}), "times": (1, 2)}},
    )
    copied = snapshot.on_host()
    weight.add_(1)
    assert copied.weights["a"].tolist() == [0.0, 0.0]
    assert copied.optimiser["state"][0]["exp_avg"].tolist() == [0.0, 0.0]
    assert copied.optimiser["param_groups"] == [{"lr": 0.1}]
    entries = copied.parts["replay"]["entries"]
    assert type(entries) is dict
    assert entries[3]["surface"].data_ptr() == waiting.data_ptr()
    assert copied.parts["replay"]["times"] == (1, 2)
