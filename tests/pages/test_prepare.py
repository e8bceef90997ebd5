"""The Prepare view and the form of the loader, as a person uses them."""

from __future__ import annotations

from pathlib import Path

import pytest

from aurora_dash.data.roots import ROOTS_VARIABLE
from aurora_dash.data.store.job import PrepareState, read_status, stop_all
from aurora_dash.data.store.layout import OWN_FOLDER
from aurora_dash.data.store.status import STATUS_FILE, PrepareStatus
from aurora_dash.data.store.store import open_store
from aurora_dash.presets import get_preset
from aurora_dash.runs.files import utc_now
from aurora_dash.runs.identity import this_process
from aurora_dash.runs.store import RunStore
from aurora_dash.spec import LoaderSpec
from aurora_dash.ui.drafts import DraftStore
from tests.pages.helpers import TINY_DATA, OpenPage, button, labels, texts, wait_until


@pytest.fixture
def draft(store: RunStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A draft on tiny demo data; only the temporary folder may be touched."""
    monkeypatch.setenv(ROOTS_VARIABLE, str(tmp_path))
    return DraftStore(store.root).create(get_preset("demo").replace(data=TINY_DATA)).id


def test_data_is_prepared_in_the_background_and_then_trained_on(
    open_page: OpenPage, store: RunStore, draft: str, tmp_path: Path
) -> None:
    folder = tmp_path / "prepared"
    app = open_page("data", draft=draft, view="Prepare", store=str(folder))
    assert not app.exception
    app.radio(key=f"store-codec:{folder}").set_value("none").run()
    button(app, "Prepare").click().run()
    wait_until(lambda: (s := read_status(folder)) is not None and not s.is_live, 20)
    # A refresh has the URL alone.
    app = open_page("data", draft=draft, view="Prepare", store=str(folder))
    assert any("12 times (12 times written)" in box.value for box in app.success)
    assert app.radio(key=f"store-codec:{folder}").value == "none"
    assert open_store(folder).layout.codec == "none"
    app = button(app, "Train on this store").click().run()
    assert DraftStore(store.root).get(draft).spec.data.paths == (str(folder),)
    assert any("The chosen data is a training store: prepared" in s.value for s in app.success)
    assert app.radio(key="field:data.source").value == "files"
    assert not app.exception


def test_a_preparation_whose_process_is_gone_can_go_on(
    open_page: OpenPage, draft: str, tmp_path: Path
) -> None:
    folder = tmp_path / "prepared"
    (folder / OWN_FOLDER).mkdir(parents=True)
    gone = this_process("thread").model_copy(update={"process_start": "long ago"})
    status = PrepareStatus(
        state=PrepareState.RUNNING, done=3, total=12, owner=gone, started=utc_now()
    )
    (folder / OWN_FOLDER / STATUS_FILE).write_text(status.model_dump_json())
    app = open_page("data", draft=draft, view="Prepare", store=str(folder))
    assert any("gone after 3 of 12 times" in box.value for box in app.warning)
    button(app, "Go on").click().run()
    wait_until(lambda: (s := read_status(folder)) is not None and not s.is_live, 20)
    assert read_status(folder).state is PrepareState.COMPLETED  # type: ignore[union-attr]
    assert stop_all(timeout=5)


def test_a_folder_outside_the_roots_is_refused(
    open_page: OpenPage, draft: str, tmp_path: Path
) -> None:
    app = open_page("data", draft=draft, view="Prepare", store="/etc/store")
    assert any("outside the folders" in box.value for box in app.error)
    assert "Prepare" not in labels(app)


def test_the_reading_of_data_is_chosen_on_the_train_page(
    open_page: OpenPage, store: RunStore, draft: str
) -> None:
    app = open_page("train", draft=draft)
    assert "Runs of neighbours" not in texts(app)
    app.selectbox(key="field:loader.shuffle").set_value("blocks").run()
    app.number_input(key="field:loader.block").set_value(16).run()
    app.number_input(key="field:loader.workers").set_value(2)
    app.number_input(key="field:loader.prefetch").set_value(3)
    app.number_input(key="field:loader.cache_megabytes").set_value(0)
    app.toggle(key="field:loader.pin_memory").set_value(True)
    app = app.toggle(key="field:loader.normalise_on_cpu").set_value(True).run()
    assert not app.exception
    assert DraftStore(store.root).get(draft).spec.loader == LoaderSpec(
        shuffle="blocks",
        block=16,
        workers=2,
        prefetch=3,
        cache_megabytes=0,
        pin_memory=True,
        normalise_on_cpu=True,
    )
