"""What is trained on the Train page, and the export on the Monitor."""

from __future__ import annotations

from collections.abc import Callable

import huggingface_hub.constants
import pytest

from aurora_dash.presets import demo
from aurora_dash.runs.ownership import own
from aurora_dash.runs.status import RunState
from aurora_dash.runs.store import Run, RunStore
from aurora_dash.spec import RunSpec, TrainableSpec, VariableSpec
from aurora_dash.ui import exports, parameters
from aurora_dash.ui.drafts import DraftStore
from aurora_dash.ui.tasks import tasks
from tests.hub_uploads import TOKEN, serve_upload_hub
from tests.pages.helpers import TINY_DATA, OpenPage, button, labels, parameter, texts, wait_until

MakeRun = Callable[..., Run]


@pytest.fixture
def drafts(store: RunStore) -> DraftStore:
    return DraftStore(store.root)


def _spec_of(app: object, drafts: DraftStore) -> RunSpec:
    return drafts.get(parameter(app, "draft")).spec  # type: ignore[arg-type]


def test_lora_is_chosen_with_rank_strength_and_layers(
    open_page: OpenPage, drafts: DraftStore
) -> None:
    draft = drafts.create(demo().replace(data=TINY_DATA))
    app = open_page("train", draft=draft.id)
    app = app.radio(key="field:trainable.parts").set_value("lora").run()
    app.number_input(key="field:trainable.lora.rank").set_value(4)
    app.number_input(key="field:trainable.lora.alpha").set_value(16.0)
    app.multiselect(key="field:trainable.lora.targets").set_value(["mlp"])
    app = app.run()
    assert not app.exception
    lora = {"rank": 4, "alpha": 16.0, "targets": ("mlp",)}
    assert _spec_of(app, drafts).trainable == TrainableSpec.build({"parts": "lora", "lora": lora})
    assert "LoRA learns nothing on random weights" in "\n".join(w.value for w in app.warning)
    assert "Launch" in labels(app)


@pytest.mark.slow
def test_chosen_parts_begin_with_a_usual_choice_and_can_be_changed(
    open_page: OpenPage, drafts: DraftStore
) -> None:
    new = (VariableSpec(name="tcwv", mean=20, std=15),)
    draft = drafts.create(demo().replace(data=TINY_DATA, variables=new))
    app = open_page("train", draft=draft.id)
    app = app.radio(key="field:trainable.parts").set_value("groups").run()
    assert _spec_of(app, drafts).trainable.groups == ("new_embeddings", "decoder")
    app = app.multiselect(key="field:trainable.groups").set_value(["new_embeddings", "lora"]).run()
    assert set(_spec_of(app, drafts).trainable.groups) == {"new_embeddings", "lora"}
    app = app.multiselect(key="field:trainable.groups").set_value([]).run()
    assert "needs trainable.groups" in texts(app).replace("\\", "")
    assert "Launch" not in labels(app)
    app = app.radio(key="field:trainable.parts").set_value("all").run()
    assert _spec_of(app, drafts).trainable == TrainableSpec()
    assert "Launch" in labels(app)


def test_a_choice_that_does_not_fit_is_refused_with_the_reason(
    open_page: OpenPage, drafts: DraftStore
) -> None:
    draft = drafts.create(demo().replace(data=TINY_DATA))
    app = open_page("train", draft=draft.id)
    app = app.radio(key="field:trainable.parts").set_value("new").run()
    assert "none is registered" in texts(app)
    assert "Launch" not in labels(app)
    assert _spec_of(app, drafts).trainable == TrainableSpec()


@pytest.mark.slow
def test_the_trained_parameters_are_counted(
    open_page: OpenPage, drafts: DraftStore, store: RunStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(parameters, "_is_possible", lambda: True)
    spec = demo().replace(data=TINY_DATA, trainable={"parts": "lora", "lora": {"rank": 3}})
    draft = drafts.create(spec)
    app = open_page("train", draft=draft.id)
    parameters.counter().count(spec, store).result(timeout=120)
    app = app.run()
    # 3 x (64 + 192 + 64 + 64) for a block of 64 channels, twice that for one of 128.
    added = 3 * 384 * (4 + 2 * 4)
    total = 1_563_984 + added
    assert f"{added:,} of {total:,} parameters trained" in texts(app)


def test_the_monitor_says_how_much_is_trained(open_page: OpenPage, make_run: MakeRun) -> None:
    run = make_run(RunState.STOPPED)
    with own(run) as owner:
        owner.update(num_parameters=2_000, num_trainable=500)
        owner.update(state=RunState.STOPPED)
    app = open_page("monitor", run=run.id)
    assert "500 of 2,000 parameters trained (25 %)" in texts(app)


@pytest.mark.slow
def test_a_checkpoint_is_exported_and_its_path_shown(open_page: OpenPage, store: RunStore) -> None:
    from aurora_dash.training.engine import train

    steps = {"steps": 1, "device": "cpu", "threads": 1}
    run = store.create(demo().replace(data=TINY_DATA, training=steps))
    train(run)
    app = button(open_page("monitor", run=run.id), "Export this checkpoint").click().run()
    assert not app.exception
    wait_until(lambda: not tasks(exports.EXPORT).is_working(run.folder), 60)
    path = run.export_folder / "step-00000001.ckpt"
    assert exports.exported(run) == [path]
    app = open_page("monitor", run=run.id)
    assert str(path) in [block.value for block in app.code]


def test_an_export_that_fails_says_why(open_page: OpenPage, make_run: MakeRun) -> None:
    run = make_run(RunState.COMPLETED)
    (run.checkpoints_folder / "step-00000010").mkdir(parents=True)
    (run.checkpoints_folder / "step-00000010" / "meta.json").write_text("{}")
    button(open_page("monitor", run=run.id), "Export this checkpoint").click().run()
    wait_until(lambda: tasks(exports.EXPORT).problem(run.folder) is not None, 60)
    app = open_page("monitor", run=run.id)
    assert "is no checkpoint 'best'" in "\n".join(e.value for e in app.error).replace("\\", "")


def test_an_export_is_sent_to_the_hub_only_when_the_button_is_pressed(
    open_page: OpenPage, make_run: MakeRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_DISABLE_XET", True)
    run = make_run(RunState.COMPLETED)
    (run.checkpoints_folder / "step-00000010").mkdir(parents=True)
    (run.checkpoints_folder / "step-00000010" / "meta.json").write_text("{}")
    run.export_folder.mkdir()
    for suffix, content in ((".ckpt", "weights"), (".md", "# Mine"), (".json", "{}")):
        (run.export_folder / f"mine{suffix}").write_text(content)
    with serve_upload_hub() as hub:
        monkeypatch.setenv("HF_ENDPOINT", hub.url)
        monkeypatch.setenv("HF_TOKEN", TOKEN)
        app = open_page("monitor", run=run.id)
        app.text_input(key="push-repository").set_value("someone/mine").run()
        assert hub.requests == []
        button(app, "Push to the hub").click().run()
        wait_until(lambda: not tasks(exports.PUSH).is_working(run.folder), 60)
        assert hub.repositories["someone/mine"]["mine.ckpt"] == b"weights"
    app = app.run()
    assert f"Sent to {hub.url}/someone/mine" in [box.value for box in app.success]
