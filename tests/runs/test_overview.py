"""Many runs at once: overview, differences and groups; conditions on them."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aurora_dash.errors import RunError
from aurora_dash.runs import overview
from aurora_dash.runs.annotations import annotate
from aurora_dash.runs.conditions import matching, parse_condition, parse_conditions
from aurora_dash.runs.overview import Overview, differences_of, groups_of, overview_of
from aurora_dash.runs.store import Run, RunStore
from aurora_dash.spec import RunSpec

Make = Callable[..., Overview]


@pytest.fixture
def make(store: RunStore) -> Make:
    """A run of a spec with some assignments."""

    def make(name: str, *assignments: str, tags: tuple[str, ...] = ()) -> Overview:
        run = store.create(RunSpec(name=name).with_overrides(assignments))
        annotate(run.folder, tags=tags)
        return overview_of(run)

    return make


def test_what_differs_is_named_once_with_the_value_of_every_run(make: Make) -> None:
    first = make("one", "optimiser.lr=0.001")
    second = make("two", "optimiser.lr=0.01", "notes=text")
    third = make("three", "optimiser.lr=0.001", 'loss.weights={"2t": 3}')
    assert differences_of([first, second, third]) == {
        "optimiser.lr": {first.id: 0.001, second.id: 0.01, third.id: 0.001},
        "loss.weights.2t": {first.id: None, second.id: None, third.id: 3.0},
    }


def test_a_changed_spec_is_seen_and_an_unreadable_one_told(make: Make) -> None:
    run = make("one").run
    run.save_spec(run.spec().with_overrides(["training.steps=7"]))
    assert overview_of(run).value("training.steps") == 7
    run.spec_path.write_text("{}}")
    broken = overview_of(run)
    assert broken.name == run.id
    assert "spec.json" in broken.problem
    assert differences_of([broken, make("two")]) == {}


def test_looking_again_at_hundreds_of_runs_parses_nothing_again(
    make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    spec = make("one").run.spec()
    names = [f"20250101-000000-run-{number:04}" for number in range(200)]
    store = RunStore(make("two").run.folder.parent)
    for name in names:
        (store.root / name).mkdir()
        (store.root / name / "spec.json").write_text(spec.to_json())
    first = [overview_of(run) for run in store.list()]
    assert len(first) == 202
    parsed: list[object] = []
    monkeypatch.setattr(Run, "spec", parsed.append)
    for reader in ("read_annotations", "read_provenance"):
        monkeypatch.setattr(overview, reader, parsed.append)
    again = [overview_of(run) for run in store.list()]
    assert [o.fields for o in again] == [o.fields for o in first]
    assert parsed == []


def test_runs_are_grouped_by_a_field_and_by_tags(make: Make) -> None:
    runs = [make("a", "training.seed=1"), make("b", "training.seed=2", tags=("x", "y"))]
    runs.append(make("c", "training.seed=1"))
    by_seed = groups_of(runs, "training.seed")
    assert {value: [o.name for o in group] for value, group in by_seed.items()} == {
        "1": ["a", "c"],
        "2": ["b"],
    }
    assert list(groups_of(runs, "tag")) == ["none", "x, y"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("optimiser.lr<0.005", ["slow"]),
        ("optimiser.lr >= 1e-3", ["slow", "fast"]),
        ("optimiser.lr=0.01", ["fast"]),
        ("name~AS", ["fast"]),
        ("name!=fast", ["slow"]),
        ("tag=best", ["slow"]),
        ("tag!=best", ["fast"]),
        ("state=queued", ["slow", "fast"]),
        ("optimiser.ema_decay=none", ["slow", "fast"]),
        ("training.deterministic=false", ["slow", "fast"]),
        ("training.deterministic=0", []),
        ("loss.weights.2t=3", ["fast"]),
        ("best_loss<1", []),
        ("tag=best optimiser.lr<1 and state=queued", ["slow"]),
        ("", ["slow", "fast"]),
    ],
)
def test_conditions_choose_runs(make: Make, text: str, expected: list[str]) -> None:
    runs = [
        make("slow", "optimiser.lr=0.001", tags=("best", "old")),
        make("fast", "optimiser.lr=0.01", 'loss.weights={"2t": 3}'),
    ]
    assert [o.name for o in matching(runs, parse_conditions(text))] == expected


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("fast", "not a condition"),
        ("optimiser.speed=1", "no field"),
        ("model=small", "no field"),
        ("optimiser.lr<small", "not a number"),
    ],
)
def test_what_is_no_condition_is_refused_with_an_example(text: str, problem: str) -> None:
    with pytest.raises(RunError, match=problem) as error:
        parse_condition(text)
    assert "optimiser.lr<1e-4" in error.value.remedy


@given(
    st.sampled_from(["training.steps", "name", "loss.weights.2t"]),
    st.sampled_from(["=", "!=", "~"]),
    st.text(st.characters(codec="utf-8", exclude_characters=",;=<>!~ \n\r\t"), min_size=1),
)
def test_a_condition_is_read_as_it_is_written(key: str, comparison: str, wanted: str) -> None:
    condition = parse_condition(f"{key} {comparison} {wanted}")
    assert (condition.key, condition.comparison) == (key, comparison)
    assert condition.wanted == wanted.strip()
    assert parse_condition(str(condition)) == condition
