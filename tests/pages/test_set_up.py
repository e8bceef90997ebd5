"""Model, Data, Variables, Train: from choices on the pages to the spec on disk."""

from __future__ import annotations

from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from aurora_dash.presets import demo
from aurora_dash.runs.store import Run, RunStore
from aurora_dash.spec import RunSpec, VariableSpec
from aurora_dash.ui.drafts import DraftStore
from aurora_dash.ui.forms import launch
from aurora_dash.variables import Group
from aurora_dash.variants import VARIANTS
from tests.pages.helpers import TINY_DATA, OpenPage, button, labels, parameter, texts, title


@pytest.fixture
def drafts(store: RunStore) -> DraftStore:
    return DraftStore(store.root)


@pytest.fixture
def draft_id(drafts: DraftStore) -> str:
    """A draft on little data, so that checks are quick."""
    return drafts.create(demo().replace(data=TINY_DATA)).id


def spec_of(app: AppTest, drafts: DraftStore) -> RunSpec:
    return drafts.get(parameter(app, "draft")).spec


def errors(app: AppTest) -> str:
    boxes = [*app.error, *app.markdown]
    return "\n".join(box.value.replace("\\", "") for box in boxes)


# Model


def test_all_variants_can_be_chosen(open_page: OpenPage, drafts: DraftStore) -> None:
    app = open_page("model")
    table = app.dataframe[0].value
    assert list(table["Variant"]) == [variant.title for variant in VARIANTS]
    app = app.button(key="choose-0.1-finetuned").click().run()
    assert spec_of(app, drafts).model.variant == "0.1-finetuned"
    assert "aurora-0.1-static.pickle" in texts(app)


def test_touching_nothing_saves_nothing(open_page: OpenPage, drafts: DraftStore) -> None:
    app = open_page("model")
    assert not app.exception
    assert drafts.list() == []


def test_a_reload_shows_what_was_chosen(open_page: OpenPage, drafts: DraftStore) -> None:
    app = open_page("model").button(key="choose-v1.5").click().run()
    again = open_page("model", draft=parameter(app, "draft"))
    assert "V1.5, 0.25°" in [heading.value for heading in again.subheader]


def test_a_draft_that_is_gone_is_said_and_replaced(open_page: OpenPage) -> None:
    app = open_page("model", draft="20250101-000000-abcdef")
    assert not app.exception
    assert "There is no draft '20250101-000000-abcdef' any more" in app.warning[0].value


def test_a_local_checkpoint_outside_the_roots_is_refused(
    open_page: OpenPage, draft_id: str, drafts: DraftStore
) -> None:
    app = open_page("model", draft=draft_id)
    app = app.radio[0].set_value("file").run()
    app = app.text_input(key="field:model.path").set_value("/etc/passwd").run()
    assert "outside the folders" in errors(app)
    assert spec_of(app, drafts).model.source == "random"


def test_a_local_checkpoint_is_taken_over(
    open_page: OpenPage,
    draft_id: str,
    drafts: DraftStore,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("AURORA_DASH_ROOTS", str(tmp_path))
    checkpoint = tmp_path / "weights.ckpt"
    checkpoint.write_bytes(b"weights")
    app = open_page("model", draft=draft_id).radio[0].set_value("file").run()
    app = app.text_input(key="field:model.path").set_value(str(checkpoint)).run()
    model = spec_of(app, drafts).model
    assert (model.source, model.path) == ("file", str(checkpoint.resolve()))


def test_an_earlier_run_needs_one_with_a_checkpoint(open_page: OpenPage, draft_id: str) -> None:
    app = open_page("model", draft=draft_id).radio[0].set_value("run").run()
    assert "No run here has saved a checkpoint yet" in app.info[0].value


# Data


def test_the_demo_is_launchable_and_labelled(open_page: OpenPage, draft_id: str) -> None:
    app = open_page("data", draft=draft_id)
    assert "A run can be launched on this data." in [s.value for s in app.success]
    assert "synthetic data" in texts(app)
    assert {m.label: m.value for m in app.metric}["Grid"] == "16 × 16"


def test_files_are_asked_for_before_anything_is_shown(open_page: OpenPage, draft_id: str) -> None:
    app = open_page("data", draft=draft_id).radio[0].set_value("files").run()
    assert "No files are named yet" in texts(app)
    assert not app.success


def _with_files(open_page: OpenPage, draft_id: str, *paths: Path | str) -> AppTest:
    app = open_page("data", draft=draft_id).radio[0].set_value("files").run()
    return app.text_area(key="field:data.paths").set_value("\n".join(map(str, paths))).run()


def test_the_norway_files_open_as_they_are(
    open_page: OpenPage, draft_id: str, drafts: DraftStore, norway_files: tuple[Path, Path]
) -> None:
    app = _with_files(open_page, draft_id, *norway_files)
    assert not app.error
    assert "A run can be launched on this data." in [s.value for s in app.success]
    assert {m.label: m.value for m in app.metric}["Times"] == "20"
    assert "61 x 61 points was cropped to 60 x 60" in texts(app)
    assert spec_of(app, drafts).data.paths == tuple(map(str, norway_files))


def test_the_western_usa_file_is_explained_as_surface_only(
    open_page: OpenPage, draft_id: str, western_usa_file: Path
) -> None:
    app = _with_files(open_page, draft_id, western_usa_file)
    assert "This data is surface-only" in errors(app)
    assert "**What to do:** Add files with these variables on pressure levels" in errors(app)
    assert {m.label: m.value for m in app.metric}["Times"] == "28"


@pytest.mark.parametrize(
    ("path", "said"),
    [
        ("/etc/passwd", "outside the folders"),
        ("no-such-file.nc", "There is no file"),
        ("*.nothing", "matches no file"),
    ],
)
def test_a_path_that_does_not_work_is_explained(
    open_page: OpenPage, draft_id: str, path: str, said: str
) -> None:
    app = _with_files(open_page, draft_id, path)
    assert not app.exception
    assert said in errors(app)
    assert "What to do" in errors(app)


def test_a_file_that_is_not_what_its_name_says_is_explained(
    open_page: OpenPage, draft_id: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AURORA_DASH_ROOTS", str(tmp_path))
    (tmp_path / "era5.nc").write_text("<html>Please log in</html>")
    app = _with_files(open_page, draft_id, tmp_path / "era5.nc")
    assert "era5.nc" in errors(app)
    assert not app.exception


def test_a_region_that_leaves_nothing_is_explained(
    open_page: OpenPage, draft_id: str, drafts: DraftStore
) -> None:
    app = open_page("data", draft=draft_id).toggle(key="field:data.region.wanted").set_value(True)
    app = app.run().number_input(key="field:data.region.south").set_value(80.0).run()
    assert "north (75) must be above south (80)" in texts(app)
    box = spec_of(app, drafts).data.region
    assert box is not None
    assert box.south == 35


# Variables


def test_a_variable_of_the_data_is_registered_with_computed_statistics(
    open_page: OpenPage, draft_id: str, drafts: DraftStore
) -> None:
    app = open_page("variables", draft=draft_id)
    choice = app.selectbox(key="field:new:choice")
    app = choice.set_value(next(o for o in choice.options if o.startswith("tcwv "))).run()
    app = app.button(key="compute").click().run()
    assert float(app.text_input(key="field:new:std").value) > 0
    app = app.button(key="register").click().run()
    [variable] = spec_of(app, drafts).variables
    assert (variable.name, variable.group, variable.unit) == ("tcwv", Group.SURFACE, "kg m-2")
    assert variable.has_statistics
    assert '"name": "tcwv"' in app.code[0].value


def test_an_atmospheric_variable_gets_statistics_by_level(
    open_page: OpenPage, draft_id: str, drafts: DraftStore
) -> None:
    app = open_page("variables", draft=draft_id)
    choice = app.selectbox(key="field:new:choice")
    app = choice.set_value(next(o for o in choice.options if o.startswith("w "))).run()
    app = app.button(key="compute").click().run().button(key="register").click().run()
    [variable] = spec_of(app, drafts).variables
    assert isinstance(variable.std, dict)
    assert set(variable.std) == {"850", "500"}


def test_typed_statistics_are_taken_as_typed(
    open_page: OpenPage, draft_id: str, drafts: DraftStore
) -> None:
    app = open_page("variables", draft=draft_id)
    app = app.selectbox(key="field:new:choice").set_value("another name").run()
    app.text_input(key="field:new:name").set_value("ozone_hole")
    app.text_input(key="field:new:unit").set_value("DU")
    app.text_input(key="field:new:mean").set_value("300")
    app.text_input(key="field:new:std").set_value("45,5")
    app = app.run().button(key="register").click().run()
    [variable] = spec_of(app, drafts).variables
    assert (variable.mean, variable.std, variable.unit) == (300.0, 45.5, "DU")


@pytest.mark.parametrize(
    ("name", "mean", "std", "said"),
    [
        ("2t", "", "", "has the name of one of the model's surface variables"),
        ("a-b", "", "", "letters, digits and underscores"),
        ("tcc", "abc", "1", "'abc' is not a number"),
        ("tcc", "1", "", "needs both mean and std"),
        ("tcc", "1", "-2", "std"),
    ],
)
def test_what_cannot_be_registered_is_explained(
    open_page: OpenPage,
    draft_id: str,
    drafts: DraftStore,
    name: str,
    mean: str,
    std: str,
    said: str,
) -> None:
    app = open_page("variables", draft=draft_id)
    app = app.selectbox(key="field:new:choice").set_value("another name").run()
    app.text_input(key="field:new:name").set_value(name)
    app.text_input(key="field:new:mean").set_value(mean)
    app.text_input(key="field:new:std").set_value(std)
    app = app.run().button(key="register").click().run()
    assert not app.exception
    assert said in texts(app).replace("\\", "")
    assert drafts.get(draft_id).spec.variables == ()


def test_a_registered_variable_can_be_removed(open_page: OpenPage, drafts: DraftStore) -> None:
    spec = demo().replace(data=TINY_DATA, variables=(VariableSpec(name="tcwv"),))
    app = open_page("variables", draft=drafts.create(spec).id)
    app = app.button(key="remove-surface-tcwv").click().run()
    assert spec_of(app, drafts).variables == ()


# Train


def test_every_field_changes_the_draft(
    open_page: OpenPage, draft_id: str, drafts: DraftStore
) -> None:
    app = open_page("train", draft=draft_id)
    app.text_input(key="field:optimiser.lr").set_value("3e-4")
    app.text_input(key="field:optimiser.clip_norm").set_value("")
    app.number_input(key="field:training.steps").set_value(60)
    app.number_input(key="field:training.seed").set_value(7)
    app.selectbox(key="field:optimiser.schedule").set_value("linear")
    app.multiselect(key="field:loss.targets").set_value(["2t", "z"])
    app = app.run()
    spec = spec_of(app, drafts)
    assert spec.optimiser.lr == 3e-4
    assert spec.optimiser.clip_norm is None
    assert (spec.training.steps, spec.training.seed) == (60, 7)
    assert spec.optimiser.schedule == "linear"
    assert spec.loss.targets == ("2t", "z")


def test_steps_give_way_to_epochs(open_page: OpenPage, draft_id: str, drafts: DraftStore) -> None:
    app = open_page("train", draft=draft_id)
    app = app.segmented_control(key="field:length").set_value("epochs").run()
    training = spec_of(app, drafts).training
    assert (training.steps, training.epochs) == (None, 10)


def test_weights_of_the_paper_are_one_click(
    open_page: OpenPage, draft_id: str, drafts: DraftStore
) -> None:
    app = button(open_page("train", draft=draft_id), "Weights of the paper").click().run()
    assert spec_of(app, drafts).loss.weights["2t"] == 3.5
    assert app.number_input(key="field:weight:2t").value == 3.5


def test_a_wrong_value_stays_in_the_form_and_blocks_the_launch(
    open_page: OpenPage, draft_id: str, drafts: DraftStore
) -> None:
    app = open_page("train", draft=draft_id)
    app = app.text_input(key="field:optimiser.lr").set_value("-1").run()
    assert not app.exception
    assert "greater than 0" in texts(app)
    assert "Launch" not in labels(app)
    assert drafts.get(draft_id).spec.optimiser.lr == 1e-3
    app = app.text_input(key="field:optimiser.lr").set_value("1e-3").run()
    assert "Launch" in labels(app)


def test_the_whole_spec_is_shown(open_page: OpenPage, draft_id: str, drafts: DraftStore) -> None:
    app = open_page("train", draft=draft_id)
    assert app.code[0].value.strip() == drafts.get(draft_id).spec.to_json().strip()


def test_launch_creates_the_run_as_drafted_and_goes_to_watch_it(
    open_page: OpenPage,
    draft_id: str,
    drafts: DraftStore,
    store: RunStore,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    launched: list[tuple[Run, str]] = []
    monkeypatch.setattr(launch, "launch", lambda run, launcher: launched.append((run, launcher)))
    app = button(open_page("train", draft=draft_id), "Launch").click().run()
    assert title(app) == "Monitor"
    [run] = store.list()
    assert launched == [(run, "thread")]
    assert run.spec() == drafts.get(draft_id).spec
    assert drafts.get(draft_id).launched_as == run.id


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"source": "file", "path": "/nowhere/at-all.ckpt"}, "there is no checkpoint /nowhere"),
        ({"source": "run", "run": "20250101-000000-gone-abcd"}, "There is no run"),
        ({"variant": "0.25-pretrained", "size": "full"}, "parameters takes at least 18.7 GiB"),
    ],
)
def test_a_run_that_cannot_work_is_not_launched(
    open_page: OpenPage,
    drafts: DraftStore,
    monkeypatch: pytest.MonkeyPatch,
    change: dict[str, str],
    said: str,
) -> None:
    from aurora_dash.doctor import readiness

    monkeypatch.setattr(readiness, "memory_of", lambda _device, _machine: 8 * 2**30)
    spec = demo().replace(data=TINY_DATA)
    draft = drafts.create(spec.replace(model=spec.model.replace(**change)))
    app = open_page("train", draft=draft.id)
    assert said in errors(app)
    assert "Launch" not in labels(app)


@pytest.mark.slow
def test_the_path_is_walked_from_model_to_train(
    open_page: OpenPage, draft_id: str, drafts: DraftStore
) -> None:
    for here, following in (("model", "Data"), ("data", "Variables"), ("variables", "Train")):
        app = button(open_page(here, draft=draft_id), f"Next: {following}").click().run()
        assert title(app) == following
    assert drafts.get(draft_id).passed == {"model", "data", "variables"}
    assert parameter(app, "draft") == draft_id
