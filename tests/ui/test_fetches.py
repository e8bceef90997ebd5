"""The dashboard's list of fetches."""

from __future__ import annotations

from pathlib import Path

from aurora_dash.data.fetch.request import FetchRequest
from aurora_dash.data.fetch.state import STATUS_FILE, FetchStatus
from aurora_dash.ui.fetches import FetchList


def request(folder: Path, end: str = "2020-01-31") -> FetchRequest:
    return FetchRequest.build(
        {"source": "arco", "start": "2020-01-01", "end": end, "out": str(folder)}
    )


def test_a_folder_is_on_the_list_once_with_its_latest_request(tmp_path: Path) -> None:
    fetches = FetchList(tmp_path / "runs")
    first = fetches.remember(request(tmp_path / "a"))
    assert fetches.remember(request(tmp_path / "a", end="2020-02-01")) == first
    fetches.remember(request(tmp_path / "b"))
    assert {f.request.out for f in fetches.all()} == {str(tmp_path / "a"), str(tmp_path / "b")}
    found = fetches.get(first)
    assert found is not None and str(found.request.end) == "2020-02-01"
    assert found.status is None and not found.is_live


def test_what_is_no_fetch_is_left_alone(tmp_path: Path) -> None:
    fetches = FetchList(tmp_path / "runs")
    identity = fetches.remember(request(tmp_path / "a"))
    (fetches.folder / "other.json").write_text('{"source": "cmip"}')
    assert [f.id for f in fetches.all()] == [identity]
    fetches.forget("../a-secret")
    fetches.forget(identity)
    assert fetches.all() == [] and (fetches.folder / "other.json").exists()


def test_a_fetch_whose_process_is_gone_is_interrupted(tmp_path: Path) -> None:
    fetches = FetchList(tmp_path / "runs")
    identity = fetches.remember(request(tmp_path / "a"))
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / STATUS_FILE).write_text(FetchStatus(state="running").model_dump_json())
    found = fetches.get(identity)
    assert found is not None and found.status is not None
    assert found.status.state == "interrupted" and not found.is_live
