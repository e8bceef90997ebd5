"""Data: fetching from a store, seen from the page."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from aurora_dash.data.fetch.state import read_status
from aurora_dash.runs.store import RunStore
from aurora_dash.ui.drafts import DraftStore
from tests.data.fetch.cds_server import KEY, CdsServer, delivering, serve_cds
from tests.pages.helpers import OpenPage, button, labels, texts, wait_until


@pytest.fixture
def cds(
    norway_files: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> Iterator[CdsServer]:
    """A store that delivers real ERA5 of Norway; its key is in a file."""
    _without_account(monkeypatch, tmp_path)
    with serve_cds(delivering(*norway_files)) as server:
        server.polls_needed = 1
        (tmp_path / "cdsapirc").write_text(f"url: {server.url}\nkey: {KEY}\n")
        yield server


def _without_account(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("ECMWF_DATASTORES_URL", "ECMWF_DATASTORES_KEY", "CDSAPI_URL", "CDSAPI_KEY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("CDSAPI_RC", str(tmp_path / "cdsapirc"))
    monkeypatch.setenv("ECMWF_DATASTORES_RC_FILE", str(tmp_path / "none"))


def fill(app: AppTest, folder: Path) -> AppTest:
    """Ask for the five days of the sample."""
    app.date_input(key="fetch.first-day").set_value(date(2025, 6, 1))
    app.date_input(key="fetch.last-day").set_value(date(2025, 6, 5))
    app.multiselect(key="fetch.levels.era5").set_value([1000, 925, 850, 700])
    app.text_input(key="fetch.out").set_value(str(folder))
    app.toggle(key="fetch.region").set_value(True).run()
    for side, value in {"north": 70.0, "south": 55.0, "west": 5.0, "east": 20.0}.items():
        app.number_input(key=f"fetch.{side}").set_value(value)
    return app.run()


def metric(app: AppTest, label: str) -> Any:
    return next(m.value for m in app.metric if m.label == label)


def state_of(folder: Path) -> str:
    status = read_status(folder)
    return "none" if status is None else status.state


def test_without_a_key_the_page_says_where_to_get_one(
    open_page: OpenPage, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    _without_account(monkeypatch, tmp_path)
    app = open_page("data")
    assert not app.exception
    told = "".join(warning.value for warning in app.warning).replace("\\", "")
    assert "There is no key" in told and "~/.cdsapirc" in told and "profile" in told
    assert "Fetch" not in labels(app)
    assert metric(app, "Times to fetch") == "124"
    app = app.selectbox(key="fetch.source").select("arco").run()
    assert not app.warning and "Fetch" in labels(app)
    app = app.selectbox(key="fetch.source").select("cams").run()
    told = "".join(warning.value for warning in app.warning)
    assert "which the variant 'small' needs" not in told and not app.exception


def test_a_folder_outside_the_configured_ones_is_refused(
    open_page: OpenPage, cds: CdsServer
) -> None:
    app = fill(open_page("data"), Path("/etc/era5"))
    assert "outside the folders" in "".join(box.value for box in app.warning).replace("\\", "")
    assert "Fetch" not in labels(app)


@pytest.mark.slow
def test_fetch_stop_resume_and_use(
    open_page: OpenPage, store: RunStore, cds: CdsServer, tmp_path: Path
) -> None:
    folder = tmp_path / "era5"
    cds.frozen = True
    app = fill(open_page("data"), folder)
    assert metric(app, "Requests") == "3"
    button(app, "Fetch").click().run()
    assert not app.exception and not app.error
    wait_until(lambda: cds.submissions == 3, 30)

    # A refresh, or another browser, shows the same.
    app = open_page("data")
    assert "Stop" in labels(app)
    button(app, "Stop").click().run()
    wait_until(lambda: state_of(folder) == "stopped", 30)
    app = open_page("data")
    assert "go on where it stopped" in "".join(box.value for box in app.info)

    cds.frozen = False
    button(app, "Resume").click().run()
    wait_until(lambda: state_of(folder) == "completed", 60)
    assert cds.submissions == 3
    app = open_page("data")
    button(app, "Use this data").click().run()
    assert not app.exception
    draft = DraftStore(store.root).list()[0]
    assert draft.spec.data.paths == (str(folder),)
    assert "A run can be launched on this data." in [box.value for box in app.success]
    assert KEY not in texts(app)
    assert all(
        KEY not in path.read_text(errors="replace")
        for path in (*store.root.rglob("*.json"), *folder.iterdir())
        if path.is_file()
    )


@pytest.mark.slow
def test_a_licence_not_accepted_is_explained_on_the_page(
    open_page: OpenPage, cds: CdsServer, tmp_path: Path
) -> None:
    from tests.data.fetch.cds_server import LICENCE_REFUSAL

    cds.refuse = LICENCE_REFUSAL
    app = fill(open_page("data"), tmp_path / "era5")
    button(app, "Fetch").click().run()
    wait_until(lambda: state_of(tmp_path / "era5") == "failed", 30)
    app = open_page("data")
    told = "".join(error.value for error in app.error).replace("\\", "")
    assert "manage-licences" in told and "accept the terms" in told
