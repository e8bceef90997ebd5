"""Reports of real evaluations, read back as a browser, the hub and a person would."""

from __future__ import annotations

import json
import zipfile
from html.parser import HTMLParser
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from huggingface_hub import ModelCard

from aurora_dash.errors import EvaluationError
from aurora_dash.evaluation.evaluate import evaluate
from aurora_dash.evaluation.report.write import (
    markdown_archive,
    require_report_path,
    write_report,
)
from aurora_dash.evaluation.request import EvaluationRequest
from aurora_dash.evaluation.results import EvaluationResult, select_scores
from aurora_dash.runs.store import Run, RunStore
from aurora_dash.spec import RunSpec

MARKUP = '<script>alert("x")</script> & `code` | **bold**'


def _evaluated(run: Run, folder: Path, **fields: Any) -> EvaluationResult:
    request = EvaluationRequest.build({"run": run.id, "device": "cpu", **fields})
    return evaluate(request, folder, store=RunStore(run.folder.parent))


class Page(HTMLParser):
    """A page's words, its tables, and whatever it would have to fetch."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.text = ""
        self.tags: list[str] = []
        self.addresses: list[str] = []
        self.rows: list[list[str]] = []
        self.styles: list[str] = []
        self._in_cell = False
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.addresses += [v or "" for k, v in attrs if k in ("src", "href", "srcset", "data")]
        if tag == "tr":
            self.rows.append([])
        if tag in ("td", "th"):
            self.rows[-1].append("")
            self._in_cell = True
            self.styles.append(dict(attrs).get("style") or "")

    def handle_endtag(self, tag: str) -> None:
        self._in_cell = self._in_cell and tag not in ("td", "th")

    def handle_data(self, data: str) -> None:
        self.text += data
        if self._in_cell:
            self.rows[-1][-1] += data


@pytest.fixture
def run(make_run: Any, small_spec: RunSpec) -> Run:
    return make_run(small_spec.replace(notes=MARKUP), step=120)


def test_the_page_says_everything_and_asks_for_nothing(run: Run, tmp_path: Path) -> None:
    result = _evaluated(run, tmp_path / "out", leads=2, max_map_samples=0, regions=["tropics"])
    [path] = write_report(result, tmp_path / "r.html", store=RunStore(run.folder.parent))
    page = Page(path.read_text())
    for words in (
        f"run {run.id}, step-00000120",
        *("synthetic data", "random weights", "Scorecard", "Score against lead time"),
        *("RMSE against persistence", "RMSE against the model before fine-tuning"),
        *("no licence of published weights applies", "Synthetic weather made by Aurora Dash"),
        *("The evaluation kept no fields for maps.", "microsoft-aurora", '"regions": ['),
    ):
        assert words in page.text, words
    assert page.addresses == []
    assert "script" not in page.tags
    assert json.dumps(MARKUP) in page.text
    rmse = select_scores(result.scores, source="persistence", metric="rmse", region="tropics")
    shown = [row for row in page.rows if row[:2] == ["t 850 hPa", "12 h"]]
    assert f"{rmse['t', 850, 12]:.4g}" in shown[0]


def test_cells_are_coloured_by_who_is_better(
    make_run: Any, small_spec: RunSpec, tmp_path: Path
) -> None:
    def worse(weights: dict) -> None:
        weights["decoder.surf_heads.2t.bias"] += 5.0

    run = make_run(small_spec, worse)
    result = _evaluated(run, tmp_path / "out", max_map_samples=0, variables=["2t", "msl"])
    rmse = {s: select_scores(result.scores, source=s, metric="rmse") for s in ("model", "initial")}
    of, against = (rmse[s]["2t", None, 6] for s in ("model", "initial"))
    [path] = write_report(result, tmp_path / "r.html", store=RunStore(run.folder.parent))
    page = Page(path.read_text())
    percent = f"{100 * (of / against - 1):+.1f}"
    assert ["2t", percent] in page.rows
    # Nothing was done to the pressure.
    assert ["msl", "+0.0"] in page.rows
    assert "Better than the model before fine-tuning for 0 of 2 fields" in page.text
    assert any("rgba(213,94,0,0.75)" in style for style in page.styles)


@pytest.mark.slow
def test_the_hub_reads_the_markdown_as_a_model_card(run: Run, tmp_path: Path) -> None:
    result = _evaluated(run, tmp_path / "out", leads=2, max_map_samples=1, variables=["2t", "z"])
    files = write_report(result, tmp_path / "card.md", store=RunStore(run.folder.parent))
    text = files[0].read_text()
    card = ModelCard(text)
    assert card.data.library_name == "aurora"
    # Random weights are nobody's: neither a licence nor a base model is known.
    assert card.data.license is None
    assert card.data.base_model is None
    scores = select_scores(result.scores, source="model", metric="rmse")
    told = {r.metric_name: r.metric_value for r in card.data.eval_results}
    assert told["RMSE of 2t, 12 h [K]"] == pytest.approx(scores["2t", None, 12], rel=1e-5)
    assert len(told) == len(scores) == 3 * 2
    pictures = [path for path in files[1:] if f"(<card_files/{path.name}>)" in text]
    assert len(pictures) == len(files) - 1
    assert {path.suffix for path in pictures} == {".svg", ".png"}
    assert "<script>" not in text.split("```json")[0]
    archive = markdown_archive(result, store=RunStore(run.folder.parent))
    with zipfile.ZipFile(BytesIO(archive)) as packed:
        assert {*packed.namelist()} == {
            "README.md",
            *(f"README_files/{path.name}" for path in files[1:]),
        }


@pytest.mark.slow
def test_published_weights_keep_their_licence_and_folders_stay_at_home(
    make_run: Any, small_spec: RunSpec, tmp_path: Path
) -> None:
    run = make_run(small_spec)
    result = _evaluated(run, tmp_path / "out", max_map_samples=0, initial=False)
    summary = result.summary.model_copy(update={"random_weights": False})
    spec = small_spec.replace(model=small_spec.model.replace(source="file", path="/home/me/w.ckpt"))
    run.save_spec(spec)
    known = EvaluationResult(folder=result.folder, scores=result.scores, summary=summary)
    [path, *_] = write_report(known, tmp_path / "card.md", store=RunStore(run.folder.parent))
    text = path.read_text()
    assert ModelCard(text).data.license == "mit"
    assert ModelCard(text).data.base_model == "microsoft/aurora"
    assert '"path": "w.ckpt"' in text
    assert "/home/me" not in text


@pytest.mark.slow
def test_a_run_that_has_gone_leaves_its_scores_to_tell(run: Run, tmp_path: Path) -> None:
    result = _evaluated(run, tmp_path / "out", max_map_samples=0)
    [path] = write_report(result, tmp_path / "r.html", store=RunStore(tmp_path / "elsewhere"))
    page = Page(path.read_text())
    assert "Scorecard" in page.text
    assert "The spec of the run" not in page.text


@pytest.mark.parametrize("name", ["report", "report.pdf"])
def test_an_ending_that_says_nothing_is_refused_before_anything_is_done(
    tmp_path: Path, name: str
) -> None:
    with pytest.raises(EvaluationError, match="does not say how to write"):
        require_report_path(tmp_path / name)


@pytest.mark.slow
@pytest.mark.browser
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_file_opens_whole_in_a_browser_and_no_request_leaves(
    run: Run, tmp_path: Path, browser: Any, scheme: Any
) -> None:
    result = _evaluated(run, tmp_path / "out", leads=2, max_map_samples=1)
    [path] = write_report(result, tmp_path / "r.html", store=RunStore(run.folder.parent))
    assert path.stat().st_size < 3 * 2**20
    page = browser.new_page(viewport={"width": 420, "height": 800}, color_scheme=scheme)
    requests: list[str] = []
    complaints: list[str] = []
    page.on("request", lambda request: requests.append(request.url))
    page.on("console", lambda message: complaints.append(message.text))
    page.goto(path.as_uri())
    assert page.locator("h2").all_inner_texts() == [
        *("Scorecard", "Score against lead time", "Maps of the first forecast", "Scores"),
        *("How it was made", "Where it comes from"),
    ]
    widths = page.evaluate("[...document.images].map(image => image.naturalWidth)")
    assert widths
    assert min(widths) > 300
    # Wide tables scroll in themselves: the page of a phone does not.
    assert page.evaluate("document.documentElement.scrollWidth") <= 420
    background = page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert background == {"light": "rgb(255, 255, 255)", "dark": "rgb(15, 22, 29)"}[scheme]
    assert [url for url in requests if not url.startswith("data:")] == [path.as_uri()]
    assert complaints == []
    page.close()
