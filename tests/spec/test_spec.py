"""A spec is validated where it is built, quotes what is wrong, and survives being saved."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from aurora_dash.errors import SpecError
from aurora_dash.presets import PRESETS, get_preset
from aurora_dash.spec import (
    DataSpec,
    LossSpec,
    ModelSpec,
    OptimiserSpec,
    Region,
    RunSpec,
    TrainingSpec,
    VariableSpec,
    load_spec,
)
from aurora_dash.variables import Group

REPOSITORY = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize("name", PRESETS)
def test_a_preset_survives_being_saved_and_read(name: str, tmp_path: Path) -> None:
    spec = get_preset(name)
    path = tmp_path / "spec.json"
    path.write_text(spec.to_json())
    assert load_spec(path) == spec


def test_an_unknown_preset_names_the_known_ones() -> None:
    with pytest.raises(SpecError, match=r"no preset 'dmeo'.*demo"):
        get_preset("dmeo")


@pytest.mark.parametrize(
    ("assignment", "message"),
    [
        ("training.stepz=3", r"training\.stepz: unknown key \(value 3\)"),
        ("optimiser.lr=-1", r"optimiser\.lr = -1: .*greater than 0"),
        ("optimiser.lr=NaN", "optimiser.lr"),
        ("training.device=tpu", "training.device = 'tpu'"),
        ("model.variant=0.5", "no model variant|text is needed"),
        ("model.variant=huge", "no model variant 'huge'.*0.25-pretrained"),
        ('loss.targets=["tp"]', "'tp', which this model does not predict; it predicts 2t"),
        ('loss.weights={"lsm": 2}', "loss.weights names 'lsm'"),
        ("data.validation_fraction=1", r"validation_fraction = 1"),
        ("data.validation_end=2025-06-01", "must be after start"),
        ("data.validation_start=2025-06-20", "must be before end"),
        ("data.gap_hours=-1", r"data\.gap_hours = -1"),
        ("data.stride=0", r"data\.stride = 0"),
        ("data.lead_hours=505", r"data\.lead_hours = 505: .*504"),
        ("model.source=file", "needs model.path"),
        ("data.source=files", "needs data.paths"),
        ("nothing.at_all=1", "no section 'nothing'"),
        ("training.steps", "not an assignment"),
        ("training.stepz=3", "Did you mean steps"),
        ("trainin.steps=3", "Did you mean training"),
        (
            "data.levels=abc",
            r"data\.levels = 'abc': a list in brackets is needed, such as \[850, 500\]",
        ),
        ("optimiser.lr=fast", r"optimiser\.lr = 'fast': a number is needed"),
        ("training.steps=2.5", r"training\.steps = 2\.5: a whole number is needed"),
        ("data.start=yesterday", "a time is needed, such as 2025"),
        ("loss.weights=3", "a table of names and values is needed"),
        ('data.region={"north":80,"south":3,"west":2}', r"data\.region\.east: it is missing"),
        (
            'variables=[{"nme":"x"}]',
            r"variables\[0\]\.nme: unknown key.*mean name\? variables\[0\] has: name, group",
        ),
    ],
)
def test_a_wrong_assignment_is_refused_and_quoted(assignment: str, message: str) -> None:
    with pytest.raises(SpecError, match=message):
        period = ["data.start=2025-06-02T00:00Z", "data.end=2025-06-19T00:00Z"]
        get_preset("demo").with_overrides([*period, assignment])


def test_both_lengths_of_a_training_are_refused_together() -> None:
    with pytest.raises(SpecError, match="both given"):
        get_preset("demo").with_overrides(["training.steps=60", "training.epochs=2"])
    assert get_preset("demo").with_overrides(["training.epochs=2"]).training.steps is None


@pytest.mark.parametrize("path", sorted((REPOSITORY / "examples").glob("*.toml")), ids=str)
def test_every_example_is_a_spec(path: Path) -> None:
    assert load_spec(path).name != "untitled"


def test_assignments_read_json_where_it_parses_and_text_elsewhere() -> None:
    spec = get_preset("demo").with_overrides(
        ["training.steps=60", "optimiser.clip_norm=null", "name=night run", 'loss.targets=["2t"]']
    )
    assert spec.training.steps == 60
    assert spec.optimiser.clip_norm is None
    assert spec.name == "night run"
    assert spec.targets == ("2t",)


def test_naming_epochs_replaces_the_default_steps() -> None:
    spec = get_preset("demo").with_overrides(["training.epochs=3"])
    assert (spec.training.steps, spec.training.epochs) == (None, 3)


def test_naming_paths_makes_the_source_files() -> None:
    spec = get_preset("demo").with_overrides(["data.paths=era5/*.nc"])
    assert (spec.data.source, spec.data.paths) == ("files", ("era5/*.nc",))


def test_steps_and_epochs_together_are_refused() -> None:
    with pytest.raises(ValidationError, match=r"either steps \(5\) or epochs \(2\)"):
        TrainingSpec(steps=5, epochs=2)


def test_a_spec_is_frozen() -> None:
    with pytest.raises(ValidationError):
        get_preset("demo").name = "other"  # type: ignore[misc]


def test_times_are_understood_as_utc() -> None:
    east = timezone(timedelta(hours=2))
    spec = DataSpec(start=datetime(2025, 6, 1), end=datetime(2025, 6, 2, 2, tzinfo=east))
    assert spec.start == datetime(2025, 6, 1, tzinfo=UTC)
    assert spec.end == datetime(2025, 6, 2, tzinfo=UTC)


def test_a_period_that_ends_before_it_starts_is_refused() -> None:
    with pytest.raises(ValidationError, match="must be before end"):
        DataSpec(start=datetime(2025, 6, 2), end=datetime(2025, 6, 1))


def test_a_region_upside_down_is_refused() -> None:
    with pytest.raises(ValidationError, match=r"north \(10\) must be above south \(20\)"):
        Region(north=10, south=20, west=0, east=10)


@pytest.mark.parametrize("name", ["", "a.b", "type", "keys", "uv index", "../x"])
def test_names_that_aurora_cannot_hold_are_refused(name: str) -> None:
    with pytest.raises(ValidationError):
        VariableSpec(name=name)


def test_statistics_come_in_pairs() -> None:
    with pytest.raises(ValidationError, match="both mean and std"):
        VariableSpec(name="tp", mean=0.0)
    with pytest.raises(ValidationError, match="both be by level or not"):
        VariableSpec(name="w", group=Group.ATMOSPHERIC, mean={"850": 0.0}, std=1.0)


def test_statistics_by_level_need_an_atmospheric_variable() -> None:
    with pytest.raises(ValidationError, match="no levels"):
        VariableSpec(name="tp", mean={"850": 0.0}, std={"850": 1.0})


@pytest.mark.parametrize(
    ("name", "group"),
    [
        ("2t", Group.SURFACE),
        ("z", Group.SURFACE),
        ("t", Group.SURFACE),
        ("msl", Group.STATIC),
        ("2t", Group.ATMOSPHERIC),
    ],
)
def test_a_new_variable_may_not_take_a_name_of_the_model(name: str, group: Group) -> None:
    with pytest.raises(ValidationError, match="choose another name"):
        RunSpec(variables=(VariableSpec(name=name, group=group),))


def test_new_variables_come_after_the_models_own_in_the_order_given() -> None:
    spec = RunSpec(variables=(VariableSpec(name="tp"), VariableSpec(name="blh")))
    assert spec.names(Group.SURFACE) == ("2t", "10u", "10v", "msl", "tp", "blh")
    assert spec.predicted_names[-5:] == ("z", "u", "v", "t", "q")


def test_a_new_variable_can_be_a_target() -> None:
    spec = RunSpec(variables=(VariableSpec(name="tp"),), loss=LossSpec(targets=("tp",)))
    assert spec.targets == ("tp",)


def test_units_of_registered_variables_are_known() -> None:
    spec = RunSpec(variables=(VariableSpec(name="tp", unit="mm"),))
    assert spec.unit("tp", Group.SURFACE) == "mm"
    assert spec.unit("2t", Group.SURFACE) == "K"


def test_lead_time_is_the_variants_unless_given() -> None:
    assert RunSpec(model=ModelSpec(variant="0.25-12h-pretrained")).lead_hours == 12
    assert RunSpec(data=DataSpec(lead_hours=24)).lead_hours == 24


def test_a_toml_file_with_a_mistake_is_named(tmp_path: Path) -> None:
    path = tmp_path / "run.toml"
    path.write_text("[optimiser]\nlearning_rate = 0.1\n")
    with pytest.raises(SpecError, match=r"run\.toml: optimiser\.learning_rate: unknown key"):
        load_spec(path)


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.toml", b"x = ", "not valid toml"),
        ("a.json", b"{", "not valid json"),
        ("a.json", b"[1]", "holds a list"),
        ("a.json", b"\xff\xfe\x00", "not a text file"),
    ],
)
def test_a_broken_spec_file_is_refused_in_words(
    name: str, content: bytes, message: str, tmp_path: Path
) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(SpecError, match=message):
        load_spec(path)


def test_a_missing_spec_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(SpecError, match=r"Can't read the spec .*none\.json"):
        load_spec(tmp_path / "none.json")


def test_a_spec_of_a_later_schema_is_refused() -> None:
    with pytest.raises(SpecError, match="schema_version = 99"):
        RunSpec.build({"schema_version": 99})


@given(
    lr=st.floats(min_value=1e-8, max_value=1.0),
    steps=st.integers(min_value=1, max_value=10**6),
    clip=st.none() | st.floats(min_value=1e-6, max_value=1e6),
    name=st.text(min_size=1, max_size=80),
)
def test_any_valid_spec_round_trips_through_json(
    lr: float, steps: int, clip: float | None, name: str
) -> None:
    spec = RunSpec(
        name=name,
        optimiser=OptimiserSpec(lr=lr, clip_norm=clip),
        training=TrainingSpec(steps=steps),
    )
    assert RunSpec.build(json.loads(spec.to_json())) == spec


def test_the_reserved_names_are_those_of_the_installed_torch() -> None:
    torch = pytest.importorskip("torch")
    from aurora_dash.spec.variable import RESERVED_NAMES

    attributes = {name for name in dir(torch.nn.ParameterDict()) if not name.startswith("_")}
    assert attributes <= RESERVED_NAMES
