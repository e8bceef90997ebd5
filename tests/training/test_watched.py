"""The sample that is watched: what is kept of it, and that nothing else is changed by it."""

from __future__ import annotations

import json
from contextlib import nullcontext
from datetime import timedelta

import numpy as np
import pytest
import torch

from aurora_dash.data.batches import VariableNames, WindowSamples
from aurora_dash.data.source import open_data
from aurora_dash.errors import DataError
from aurora_dash.evaluation.forecast import forecast
from aurora_dash.model.build import build_model
from aurora_dash.model.randomness import OwnRandomness
from aurora_dash.model.saved import read_part, read_weights
from aurora_dash.runs.fix import branch
from aurora_dash.runs.status import RunState
from aurora_dash.runs.store import Run
from aurora_dash.runs.watched import WatchedFolder
from aurora_dash.spec import RunSpec
from aurora_dash.training.engine import train
from aurora_dash.training.material import ValidationPart
from aurora_dash.training.order import mix_seed
from aurora_dash.training.plan import split_of
from aurora_dash.training.step import TrainingStep
from aurora_dash.training.validation import Validator
from aurora_dash.training.watched_fields import watch_of, watched_fields
from aurora_dash.variants import VARIANTS, Variant
from tests.training.steps import with_changes
from tests.training.stops import after


def _validation_samples(spec: RunSpec) -> WindowSamples:
    opened = open_data(spec.data, spec.model.catalogue_entry, spec.variables)
    split = split_of(spec, opened.dataset)
    return WindowSamples(opened.dataset, split.validation, VariableNames.of(spec))


def _watch(spec: RunSpec, module, samples, levels=(850.0, 500.0)):
    return watch_of(spec, [ValidationPart("", 1.0, samples, levels)], module)


def _predicted(run: Run, step: int, sample: int, steps: int = 1, average: bool = False):
    """The last of the forecasts that a checkpoint's weights make, by the package's own way."""
    spec = run.spec()
    model = build_model(spec)
    checkpoint = run.checkpoints_folder / f"step-{step:08d}"
    weights = read_weights(checkpoint)
    if average:
        weights = {**weights, **read_part(checkpoint, "ema")["weights"]}
    model.module.load_state_dict(weights)
    inputs, targets = _validation_samples(spec)[sample]
    module = model.module.eval()
    with torch.no_grad():
        predictions = list(forecast(module, inputs, steps=steps, lead_hours=spec.lead_hours))
    return predictions[-1], targets[steps - 1]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("changes", "steps"),
    [
        ({"training__watched__sample": 1}, 1),
        ({"optimiser__ema_decay": 0.5}, 1),
        ({"rollout__kind": "backprop", "rollout__steps": 2}, 2),
    ],
    ids=["second sample", "moving average", "two steps"],
)
def test_what_is_kept_is_the_forecast_of_the_checkpoint(store, spec, changes, steps) -> None:
    spec = with_changes(spec, training__watched__variables=["2t", "t", "z/500"], **changes)
    run = store.create(spec)
    assert train(run).state is RunState.COMPLETED
    folder = WatchedFolder(run.folder)
    assert folder.steps() == (0, 3, 6)
    target, latest = folder.target(), folder.forecast(6)
    assert list(latest.values) == ["2t", "t/850", "t/500", "z/500"]
    sample = spec.training.watched.sample
    average = spec.optimiser.ema_decay is not None
    predicted, observed = _predicted(run, 6, sample, steps, average)
    for group in ("surf_vars", "atmos_vars"):
        for name in ("2t", "t", "z"):
            for index, level in enumerate((850, 500)):
                key = name if group == "surf_vars" else f"{name}/{level}"
                if key not in latest.values:
                    continue
                place = (0, -1) if group == "surf_vars" else (0, -1, index)
                expected = getattr(predicted, group)[name][place].numpy()
                np.testing.assert_allclose(latest.values[key], expected, rtol=1e-6)
                true = getattr(observed, group)[name][place].numpy()
                np.testing.assert_array_equal(target.values[key], true)
    assert latest.sample.valid == observed.metadata.time[0]
    assert latest.sample.valid - latest.sample.start == steps * timedelta(hours=6)

    # Rows count by the sine between the middles of their neighbours.
    edges = np.asarray(latest.sample.latitudes)
    half = (edges[0] - edges[1]) / 2
    bounds = np.clip([edges[0] + half, *(edges - half)], -90, 90)
    weights = np.abs(np.diff(np.sin(np.deg2rad(bounds))))
    error = latest.values["2t"].astype(float) - target.values["2t"]
    expected = np.sqrt(np.average((error**2).mean(axis=1), weights=weights))
    assert latest.errors["2t"] == pytest.approx(expected, rel=1e-6)
    told = run.metrics().column("watched_rmse/2t", "validation")
    assert told[-1] == latest.errors["2t"]
    assert run.metrics().column("step", "validation").tolist() == [0, 3, 6]


@pytest.mark.slow
def test_losses_are_the_same_to_the_last_bit_with_and_without(store, spec) -> None:
    runs = [
        store.create(with_changes(spec, training__watched__enabled=on, optimiser__ema_decay=0.9))
        for on in (True, False)
    ]
    state = torch.get_rng_state()
    for run in runs:
        assert train(run).state is RunState.COMPLETED
    assert torch.equal(torch.get_rng_state(), state)
    for split in ("train", "validation"):
        losses = [run.metrics().column("loss", split).tolist() for run in runs]
        assert losses[0] == losses[1]
    assert not (runs[1].folder / "watched").exists()
    assert "watched_rmse/2t" not in runs[1].metrics().names("validation")
    weights = [read_weights(run.checkpoints_folder / "step-00000006") for run in runs]
    assert all(torch.equal(weights[0][name], weights[1][name]) for name in weights[0])


@pytest.mark.slow
def test_a_resume_makes_what_a_run_without_interruption_makes(store, spec) -> None:
    whole, broken = store.create(spec), store.create(spec)
    assert train(whole).state is RunState.COMPLETED
    stopped = train(broken, should_stop=after(broken, 4))
    assert stopped.state is RunState.STOPPED
    reached = broken.status().step
    assert 0 < reached < 6
    # As a trainer that was killed after its last checkpoint leaves it.
    later = WatchedFolder(whole.folder).files(6)[-1]
    (broken.folder / "watched" / "step-00000099.nc").write_bytes(later.read_bytes())
    assert train(broken).state is RunState.COMPLETED
    first, second = (WatchedFolder(run.folder).files(99) for run in (whole, broken))
    assert [path.name for path in first] == [path.name for path in second]
    assert [path.read_bytes() for path in first] == [path.read_bytes() for path in second]


@pytest.mark.slow
def test_a_branch_takes_over_what_was_kept_up_to_its_checkpoint(store, spec) -> None:
    run = store.create(spec)
    train(run)
    following, _ = branch(store, run, ["optimiser.lr=1e-4"], "step-00000003")
    assert WatchedFolder(following.folder).steps() == (0, 3)
    assert train(following).state is RunState.COMPLETED
    assert WatchedFolder(following.folder).steps() == (0, 3, 6)
    ours, theirs = (WatchedFolder(r.folder).forecast(6).values["2t"] for r in (run, following))
    assert not np.array_equal(ours, theirs)


@pytest.mark.slow
def test_training_goes_on_where_nothing_can_be_kept_and_says_so_once(store, spec) -> None:
    run = store.create(spec)
    (run.folder / "watched").write_text("in the way")
    assert train(run).state is RunState.COMPLETED
    told = [e for e in run.events() if "live maps can't be kept" in e["message"]]
    assert [event["level"] for event in told] == ["warning"]
    assert np.isfinite(run.metrics().column("watched_rmse/2t", "validation")).all()


@pytest.mark.slow
def test_of_a_mix_the_sample_of_the_chosen_part_is_kept(store, spec) -> None:
    parts = [
        {"name": name, "demo": {"height": 16, "width": width, "levels": [850, 500]}}
        for name, width in (("square", 16), ("wide", 32))
    ]
    mixed = with_changes(
        spec, data__mix=parts, training__watched__part="wide", training__watched__width=12
    )
    run = store.create(mixed)
    assert train(run).state is RunState.COMPLETED, run.status().reason
    target = WatchedFolder(run.folder).target()
    assert target is not None
    assert target.sample.part == "wide"
    # 32 points, every third of them.
    assert target.sample.stride == 3
    assert target.values["2t"].shape == (6, 11)
    samples = _validation_samples(mixed.replace(data=mixed.data.parts[1].data))
    _, (observed,) = samples[0]
    expected = observed.surf_vars["2t"][0, -1, ::3, ::3].numpy()
    np.testing.assert_array_equal(target.values["2t"], expected)
    rows = [json.loads(line) for line in run.metrics_path.read_text().splitlines()]
    assert all("watched_rmse/2t" in row for row in rows if row["split"] == "validation")


def test_the_sample_is_found_wherever_batches_put_it(step, samples, spec) -> None:
    found = []
    for size, index in ((1, 2), (2, 2), (3, 2), (8, 2)):
        changed = with_changes(spec, training__batch_size=size, training__watched__sample=index)
        watch = _watch(changed, step.comparer.module, samples)
        Validator(step.comparer, samples, size, watch=watch)()
        caught = watch.take()
        assert caught.target.sample.valid == samples[index][1][0].metadata.time[0]
        assert watch.take() is None
        found.append(caught)
    for other in found[1:]:
        for key, values in found[0].target.values.items():
            np.testing.assert_array_equal(other.target.values[key], values)
            ours, theirs = (caught.forecast.values[key] for caught in (found[0], other))
            np.testing.assert_allclose(theirs, ours, rtol=1e-5, atol=1e-5)


def test_among_several_lead_times_it_is_found_by_its_place(step, samples, spec, batch_of) -> None:
    watch = _watch(with_changes(spec, training__watched__sample=4), step.comparer.module, samples)

    def batch(*hours: float):
        made = batch_of({"2t": torch.zeros(len(hours), 1, 4, 4)})
        times = tuple(
            start + timedelta(hours=lead)
            for start, lead in zip(made.metadata.time, hours, strict=True)
        )
        made.metadata.time = times
        return made

    # Batches of two: the sample is the first of the third.
    assert watch.find(1, batch(0, 0), batch(12, 6)) is None
    assert watch.find(None, batch(0, 0), batch(12, 6)) is None
    part, see = watch.find(2, batch(0, 0), batch(12, 6))
    assert (part, see.args) == (1, (0,))
    part, see = watch.find(2, batch(0, 0), batch(6, 6))
    assert (part, see.args) == (0, (0,))


def test_new_variables_come_first_and_then_those_of_the_loss(spec) -> None:
    new = {"name": "tcwv", "mean": 20, "std": 10}
    keys = [f.key for f in watched_fields(with_changes(spec, variables=[new]), (1000, 850, 500))]
    assert keys == ["tcwv", "2t", "10u", "10v", "msl", "z/850", "u/850", "v/850"]
    few = with_changes(spec, loss__targets=["q", "2t"])
    assert [f.key for f in watched_fields(few, (700, 500))] == ["q/700", "2t"]
    own = with_changes(spec, training__watched__variables=["t/500", "t", "msl"])
    assert [f.key for f in watched_fields(own, (850, 500))] == ["t/500", "t/850", "msl"]
    assert watched_fields(own, (850, 500))[0].unit == "K"


def test_what_is_not_there_is_refused_before_training(spec, samples, built) -> None:
    many = with_changes(spec, training__watched__sample=len(samples))
    with pytest.raises(DataError, match=rf"sample is {len(samples)}, but {len(samples)} samples"):
        _watch(many, built.module, samples)
    level = with_changes(spec, training__watched__variables=["t/700"])
    with pytest.raises(DataError, match=r"'t/700', but the data's levels are 850, 500"):
        _watch(level, built.module, samples)
    part = with_changes(spec, training__watched__part="north")
    with pytest.raises(DataError, match="part is 'north', but validated are no parts"):
        _watch(part, built.module, samples)
    assert watch_of(spec, [], built.module) is None


@pytest.mark.slow
@pytest.mark.parametrize("variant", VARIANTS, ids=lambda v: v.id)
def test_every_variant_is_watched_in_physical_units(spec, variant: Variant) -> None:
    side = 6 * variant.patch_size
    names = (*variant.surface, *variant.atmospheric)
    own = with_changes(
        spec,
        model__variant=variant.id,
        data__demo__height=side,
        data__demo__width=side,
        training__watched__variables=[name for name in names if name not in variant.computed],
    )
    samples = _validation_samples(own)
    step = TrainingStep(build_model(own), own, torch.device("cpu"), 1)
    module = step.comparer.module
    watch = _watch(own, module, samples)
    Validator(step.comparer, samples, 1, watch=watch)()
    caught = watch.take()
    noise = (
        OwnRandomness(mix_seed(own.training.seed, -1)) if module.is_stochastic else nullcontext()
    )
    with torch.no_grad(), noise:
        expected = module.eval().predict(samples[0][0], own.lead_hours)
    for field in caught.forecast.sample.fields:
        if field.level is None:
            values = expected.surf_vars[field.name][0, -1]
        else:
            index = expected.metadata.atmos_levels.index(field.level)
            values = expected.atmos_vars[field.name][0, -1, index]
        scale = np.nanmax(np.abs(values.numpy()))
        found = caught.forecast.values[field.key]
        np.testing.assert_allclose(found, values.numpy(), rtol=1e-5, atol=1e-6 * scale)
        assert caught.target.values[field.key].shape == found.shape
