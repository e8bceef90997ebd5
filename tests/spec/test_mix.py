from __future__ import annotations

import json

import pytest

from aurora_dash.errors import SpecError
from aurora_dash.presets import get_preset
from aurora_dash.spec import DataSpec, DemoSpec, MixPart, Region, RunSpec

NORTH = Region(north=70, south=50, west=0, east=40)


def test_without_a_mix_all_data_is_one_part() -> None:
    data = DataSpec()
    (part,) = data.parts
    assert (part.name, part.weight, part.data) == ("", 1.0, data)


def test_a_part_takes_over_whatever_it_leaves_out() -> None:
    data = DataSpec(
        source="files",
        paths=("a.nc",),
        start="2025-06-01",
        levels=(500.0,),
        stride=2,
        mix=(
            MixPart(name="north", region=NORTH, weight=3),
            MixPart(name="other", paths="b.nc", start="2024-01-01"),
        ),
    )
    north, other = data.parts
    assert (north.name, north.weight) == ("north", 3.0)
    assert north.data == data.replace(mix=(), region=NORTH)
    assert other.data == data.replace(mix=(), paths=("b.nc",), start="2024-01-01")


def test_a_part_of_the_demo_stands_beside_files() -> None:
    mix = (MixPart(name="real", paths="a.nc"), MixPart(name="made", demo=DemoSpec(seed=4)))
    data = DataSpec(source="files", mix=mix)
    assert [part.data.source for part in data.parts] == ["files", "demo"]
    assert RunSpec(data=data).is_demo
    assert not RunSpec(data=data.replace(mix=mix[:1])).is_demo


def test_one_end_of_a_validation_period_replaces_both() -> None:
    period = {"validation_start": "2025-06-01", "validation_end": "2025-07-01"}
    part = MixPart(name="later", validation_start="2026-06-01")
    (later,) = DataSpec(**period, mix=(part,)).parts
    assert later.data.validation_start == part.validation_start
    assert later.data.validation_end is None


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"mix": [{"name": "a"}, {"name": "a"}]}, "2 parts called 'a'"),
        ({"mix": [{"name": "a/b"}]}, "name = 'a/b'"),
        ({"mix": [{"name": "a", "weight": 0}]}, "weight = 0"),
        ({"mix": [{"name": "a", "colour": 1}]}, "colour: unknown key"),
        ({"mix": [{"name": "a", "paths": "x", "demo": {}}]}, "both paths and demo"),
        ({"start": "2025-02-01", "mix": [{"name": "a", "end": "2025-01-01"}]}, "part 'a'.*start"),
        ({"source": "files", "mix": [{"name": "a", "paths": "x"}, {"name": "b"}]}, "data.paths"),
    ],
)
def test_a_mix_that_makes_no_sense_is_refused(fields: dict[str, object], message: str) -> None:
    with pytest.raises(SpecError, match=message):
        DataSpec.build(fields)


def test_a_mix_is_assigned_and_saved_as_json() -> None:
    mix = [{"name": "north", "region": NORTH.model_dump()}, {"name": "rest", "weight": 2}]
    spec = get_preset("demo").with_overrides([f"data.mix={json.dumps(mix)}", "data.crop=[16,32]"])
    assert [(part.name, part.weight) for part in spec.data.mix] == [("north", 1.0), ("rest", 2.0)]
    assert spec.data.crop == (16, 32)
    assert RunSpec.model_validate_json(spec.to_json()) == spec


def test_a_crop_has_to_fill_patches() -> None:
    with pytest.raises(SpecError, match="18 x 32 is no multiple of the 4 x 4 points"):
        get_preset("demo").with_overrides(["data.crop=[18,32]"])
    with pytest.raises(SpecError, match=r"0\.1-finetuned"):
        get_preset("demo").with_overrides(["data.crop=[16,32]", "model.variant=0.1-finetuned"])


@pytest.mark.parametrize("several", ['data.mix=[{"name": "a"}]', "data.crop=[16,32]"])
def test_forecasts_that_wait_in_a_buffer_need_one_grid(several: str) -> None:
    with pytest.raises(SpecError, match="need one grid throughout"):
        get_preset("demo").with_overrides(["rollout.kind=replay", several])
    assert get_preset("demo").with_overrides(["rollout.kind=backprop", several])
