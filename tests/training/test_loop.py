from __future__ import annotations

import pytest

from aurora_dash.errors import TrainingError
from aurora_dash.training.loop import Trainer
from aurora_dash.training.order import BatchOrder
from aurora_dash.training.stopping import Best, EarlyStopping


class World:
    """Fakes around a trainer, and a diary of what it did."""

    def __init__(self, validation_losses: list[float] | None = None) -> None:
        self.diary: list[str] = []
        self.requests: list[str] = []
        self.losses = validation_losses
        self.order = BatchOrder(num_samples=4, batch_size=2, seed=0)
        self.paces: list[float | None] = []
        self.best: list[float | None] = []
        self.at_step: dict[int, str] = {}
        self.stood_still: list[bool] = []
        self.failure: Exception | None = None

    def take(self, step: int):
        return step, step

    def take_step(self, step: int, batches) -> dict[str, float]:
        numbers = [inputs for inputs, _ in batches]
        each = len(numbers)
        assert numbers == list(range(step * each, (step + 1) * each))
        if self.at_step.get(step) == "fail":
            raise TrainingError("not finite")
        self.diary.append(f"step {step}")
        return {"loss": 1.0 - step / 10, "samples": 2 * each}

    def validate(self, interrupted) -> dict[str, float] | None:
        if interrupted():
            return None
        self.diary.append("validate")
        return {"loss": self.losses.pop(0)}

    def train(self, step, epoch, values, pace) -> None:
        times = {"step_seconds", "data_seconds", "samples_per_second"}
        assert values.keys() - {"save_seconds"} == {"loss", "samples"} | times
        pace_of_samples = values["samples"] / values["step_seconds"]
        assert values["samples_per_second"] == pytest.approx(pace_of_samples)
        self.stood_still.append("save_seconds" in values)
        assert epoch == step / 2
        self.diary.append(f"record {step}")
        self.paces.append(pace)
        if step in self.at_step:
            self.requests.append(self.at_step[step])

    def validation(self, step, epoch, values, best_loss) -> None:
        self.best.append(best_loss)

    def wants_stop(self) -> bool:
        return "stop" in self.requests

    def take_save(self) -> bool:
        wanted = "save" in self.requests
        self.requests = [r for r in self.requests if r != "save"]
        return wanted

    def wait_while_paused(self, save) -> bool:
        if "pause" not in self.requests:
            return False
        self.requests.remove("pause")
        self.diary.append("pause")
        save()
        return True

    def __call__(self, trainer: Trainer, best: bool) -> None:
        self.diary.append(f"save {trainer.step}{' best' if best else ''}")

    def check(self) -> bool:
        if self.failure is not None:
            raise self.failure
        return False

    def finish(self) -> bool:
        self.diary.append("finish")
        return self.check()

    def trainer(self, **more: object) -> Trainer:
        options = {"total_steps": 4, "validate_every": 2, "save_every": 3} | more
        return Trainer(
            take_step=self.take_step,
            batches=self,
            validate=None if self.losses is None else self.validate,
            records=self,
            requests=self,
            save=self,
            **options,
        )

    def did(self, what: str) -> list[str]:
        return [line for line in self.diary if line.startswith(what)]


def test_a_run_goes_as_it_reads() -> None:
    world = World([9.0, 5.0, 7.0])
    trainer = world.trainer()
    assert trainer.run()
    assert world.diary == [
        "validate",
        *("step 0", "record 1"),
        *("step 1", "record 2", "validate", "save 2 best"),
        *("step 2", "record 3", "save 3"),
        *("step 3", "record 4", "validate", "save 4"),
        "finish",
    ]
    assert (trainer.step, trainer.epoch) == (4, 2.0)
    assert trainer.last_loss == pytest.approx(0.7)
    assert trainer.best_loss == 5.0
    assert world.best == [None, 5.0, 5.0]


def test_the_weights_before_training_are_never_the_best() -> None:
    world = World([1.0, 5.0, 4.0])
    world.trainer().run()
    assert world.did("save") == ["save 2 best", "save 3", "save 4 best"]


def test_a_validation_that_is_not_finite_is_never_the_best() -> None:
    world = World([9.0, float("nan"), 8.0])
    trainer = world.trainer()
    trainer.run()
    assert trainer.best_loss == 8.0
    assert world.did("save") == ["save 3", "save 4 best"]


def test_without_validation_the_lowest_training_loss_counts() -> None:
    world = World()
    trainer = world.trainer()
    assert trainer.run()
    assert not world.did("validate")
    assert trainer.best_loss == trainer.last_loss == pytest.approx(0.7)
    assert world.did("save") == ["save 3", "save 4"]


def test_stop_finishes_the_step_saves_and_ends() -> None:
    world = World([9.0])
    world.at_step = {1: "stop"}
    trainer = world.trainer()
    assert not trainer.run()
    assert world.diary == ["validate", "step 0", "record 1", "save 1", "finish"]


def test_a_stop_during_validation_ends_without_its_record() -> None:
    world = World([9.0, 5.0])
    world.at_step = {2: "stop"}
    trainer = world.trainer()
    assert not trainer.run()
    assert world.best == [None]
    assert world.diary[-2:] == ["save 2", "finish"]
    assert not trainer.validated


def test_a_validation_that_a_stop_came_in_the_way_of_is_done_after_the_resume() -> None:
    world = World([5.0, 9.0])
    trainer = world.trainer()
    trainer.resume(step=2, last_loss=0.8, best_loss=None, validated=False)
    trainer.run()
    assert world.diary[:3] == ["validate", "save 2 best", "step 2"]


def test_what_writing_a_checkpoint_met_ends_the_training_before_its_next_step() -> None:
    world = World()
    trainer = world.trainer(total_steps=9)
    world.failure = OSError("no")
    with pytest.raises(OSError, match="no"):
        trainer.run()
    assert not world.did("step")


def test_the_record_after_a_save_says_how_long_it_stood_still() -> None:
    world = World()
    world.trainer(total_steps=5, save_every=2).run()
    assert world.stood_still == [False, False, True, False, True]


def test_the_best_is_lowest_in_the_chosen_value() -> None:
    world = World([])
    world.validate = lambda interrupted: {"loss": losses.pop(0), "loss/2t": errors.pop(0)}
    losses, errors = [9.0, 5.0, 4.0], [9.0, 2.0, 3.0]
    trainer = world.trainer(total_steps=2, validate_every=1, best=Best("loss/2t"))
    assert trainer.run()
    assert world.did("save") == ["save 1 best", "save 2"]
    assert (trainer.best.value, trainer.best.step) == (2.0, 1)
    # The lowest loss is told all the same.
    assert trainer.best_loss == 4.0


def test_a_value_that_validation_does_not_measure_is_refused_before_the_first_step() -> None:
    world = World([9.0])
    trainer = world.trainer(best=Best("loss/tp"))
    with pytest.raises(TrainingError, match=r"best_metric is 'loss/tp'.* it measures loss\."):
        trainer.run()
    assert not world.did("step")


def test_save_now_saves_once_after_the_step() -> None:
    world = World([9.0, 9.5, 9.5])
    world.at_step = {1: "save"}
    world.trainer().run()
    assert world.did("save") == ["save 1", "save 2 best", "save 3", "save 4"]


def test_a_step_is_not_saved_twice() -> None:
    world = World()
    world.at_step = {3: "save"}
    world.trainer().run()
    assert world.did("save") == ["save 3", "save 4"]


def test_a_pause_waits_and_can_save() -> None:
    world = World()
    world.at_step = {2: "pause"}
    world.trainer().run()
    assert world.diary.index("pause") < world.diary.index("step 2")
    assert "save 2" in world.diary
    # How long a step takes is unknown after it, as at the start.
    assert [pace is None for pace in world.paces] == [True, False, True, False]


def test_resuming_goes_on_after_the_checkpoints_step() -> None:
    world = World([3.0])
    trainer = world.trainer()
    trainer.resume(step=3, last_loss=0.8, best_loss=2.0)
    trainer.best.add(2, 2.0)
    assert trainer.run()
    assert world.diary == ["step 3", "record 4", "validate", "save 4", "finish"]
    assert trainer.best_loss == 2.0


def test_a_finished_run_has_nothing_left_to_do() -> None:
    world = World([])
    trainer = world.trainer()
    trainer.resume(step=4, last_loss=0.8, best_loss=2.0)
    assert trainer.run()
    assert world.diary == ["finish"]


def test_after_a_failed_step_the_trainer_stands_where_it_was() -> None:
    world = World()
    world.at_step = {2: "fail"}
    trainer = world.trainer()
    with pytest.raises(TrainingError):
        trainer.run()
    assert trainer.step == 2
    trainer.save()
    assert world.did("save") == ["save 2"]


def test_a_step_takes_the_batches_that_follow_each_other() -> None:
    world = World()
    trainer = world.trainer(accumulate=2, total_steps=2)
    read: list[int] = []
    world.take = lambda number: (read.append(number), number)
    world.take_step = lambda step, batches: {
        "loss": float(len(list(batches))),
        "samples": 1,
    }
    world.train = lambda step, epoch, values, pace: world.diary.append(f"{epoch}")
    trainer = world.trainer(accumulate=2, total_steps=2)
    assert trainer.run()
    assert read == [0, 1, 2, 3]
    assert trainer.last_loss == 2.0
    # Two samples a batch, four in all.
    assert trainer.epoch == 2.0


def test_training_ends_when_validation_no_longer_improves() -> None:
    world = World([9.0, 5.0, 4.9, 5.5, 1.0])
    stopping = EarlyStopping(patience=2, min_delta=0.2)
    trainer = world.trainer(total_steps=20, validate_every=1, stopping=stopping)
    assert trainer.run()
    assert trainer.step == 3
    assert trainer.stopped_early == (
        "Stopped early: the validation loss has not fallen by more than 0.2 for 2 validations; it "
        "was lowest at step 1, 5."
    )
    # What fell by less is the best all the same.
    assert trainer.best_loss == 4.9
