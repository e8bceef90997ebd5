"""Evaluate & maps: the views of an evaluation that was really made, each from its address."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from streamlit.testing.v1 import AppTest

from aurora_dash.evaluation.job import evaluate_here
from aurora_dash.evaluation.outcome import open_table
from aurora_dash.evaluation.request import EvaluationRequest
from aurora_dash.evaluation.results import EvaluationResult, write_result
from aurora_dash.presets import demo
from aurora_dash.runs.store import Run, RunStore
from aurora_dash.ui.judging.table import all_frame
from tests.pages.helpers import TINY_DATA, button, parameter, texts

pytestmark = pytest.mark.slow

Open = Callable[..., AppTest]


@pytest.fixture(scope="session")
def judged(tmp_path_factory: pytest.TempPathFactory) -> tuple[Run, EvaluationResult]:
    """A tiny random model, judged on two leads against all there is."""
    from aurora_dash.model.build import build_model
    from aurora_dash.training.checkpoints import CheckpointStore
    from aurora_dash.training.snapshot import Snapshot

    store = RunStore(tmp_path_factory.mktemp("judged") / "runs")
    spec = demo().replace(name="judged", data=TINY_DATA)
    run = store.create(spec)
    model = build_model(spec, store=store)
    weights = {name: value * 1.01 for name, value in model.state_dict().items()}
    snapshot = Snapshot(
        step=0, epoch=0.0, weights=weights, optimiser={}, statistics=model.statistics,
        device="cpu", threads=1,
    )  # fmt: skip
    CheckpointStore(run).save(snapshot, best=True)
    request = EvaluationRequest.build(
        {
            "run": run.id,
            "leads": 2,
            "device": "cpu",
            "baselines": ["persistence", "climatology"],
            "measures": ["rmse", "acc", "activity", "spectral_ratio", "csi", "vector_rmse"],
            "thresholds": {"2t": [273.15, 290.0]},
            "regions": ["global", "tropics"],
            "by": ["hour"],
            "confidence": 0.9,
            "max_map_samples": 1,
        }
    )
    return run, evaluate_here(run, request, progress=lambda done, total: None)


@pytest.fixture
def open_view(
    judged: tuple[Run, EvaluationResult], repository: Path, monkeypatch: pytest.MonkeyPatch
) -> Open:
    """A view of the evaluation as a colleague sees it who was sent its address."""
    run, result = judged
    monkeypatch.setenv("AURORA_DASH_RUNS", str(run.folder.parent))

    def open_view(**parameters: str) -> AppTest:
        app = AppTest.from_file(str(repository / "app.py"), default_timeout=60)
        for key, value in {"run": run.id, "evaluation": result.folder.name, **parameters}.items():
            app.query_params[key] = value
        app = app.switch_page("pages/evaluate.py").run()
        assert not app.exception
        assert not app.error, [error.value for error in app.error]
        return app

    return open_view


def chosen(app: AppTest) -> dict[str, Any]:
    """What the choices of a view stand at, those of the forms for new ones apart."""
    return {
        box.key: box.value
        for box in app.selectbox
        if box.key and not box.key.startswith(("ask-", "roll-", "judged-", "evaluation-of-"))
    }


def test_the_address_alone_says_what_is_shown(open_view: Open) -> None:
    wanted = {
        "view": "Against lead", "measure": "ACC", "field": "z 500", "against": "Climatology",
        "region": "tropics", "hour": "12 UTC",
    }  # fmt: skip
    app = open_view(**wanted)
    assert chosen(app) == {
        "measure": "acc", "field": "z 500", "against": "climatology", "region": "tropics",
        "hour": "12",
    }  # fmt: skip
    assert "A perfect forecast has 1" in texts(app)


def test_a_choice_is_kept_in_the_next_view(open_view: Open) -> None:
    app = open_view()
    app.selectbox(key="against").select("Before fine-tuning").run()
    app.selectbox(key="region").select("tropics").run()
    assert "Fine-tuned against before fine-tuning" in texts(app)
    app.segmented_control(key="view").set_value("Against lead").run()
    assert {"against": "initial", "region": "tropics"}.items() <= chosen(app).items()


def test_the_card_tells_how_many_cells_are_better(
    open_view: Open, judged: tuple[Run, EvaluationResult]
) -> None:
    app = open_view(against="Persistence")
    # By hand from scores.json: 14 fields at 2 leads.
    values = {
        (s.source, s.variable, s.level, s.lead_hours): s.value
        for s in judged[1].scores
        if s.is_plain and s.metric == "rmse" and s.region == "global"
    }
    of_model = {key[1:]: value for key, value in values.items() if key[0] == "model"}
    assert len(of_model) == 28
    better = sum(value < values["persistence", *key] for key, value in of_model.items())
    unsure = sum(
        s.significant is False
        for s in judged[1].scores
        if s.metric == "rmse_skill" and s.region == "global" and s.reference == "persistence"
    )
    text = texts(app)
    assert f"{better} of 28 cells better, {28 - better} worse. {unsure} may be chance" in text


def test_measures_of_events_and_winds_have_cards_of_their_own(open_view: Open) -> None:
    csi = open_view(measure="CSI", field="2t ≥ 290 K")
    assert chosen(csi)["field"] == "2t ≥ 290 K"
    wind = open_view(measure="Root mean square vector wind error")
    assert chosen(wind)["field"] == "10u+10v"


def test_what_no_reference_has_is_explained(open_view: Open) -> None:
    # A climatology has no anomalies, and so no correlation of them.
    app = open_view(measure="ACC", against="Climatology")
    assert "No ACC beside climatology" in texts(app)


@pytest.mark.parametrize("view", ["Levels", "Spectra", "Distribution", "Maps"])
def test_every_view_is_drawn(open_view: Open, view: str) -> None:
    app = open_view(view=view)
    assert parameter(app, "view") == view
    assert "score-metric" not in chosen(app)


def test_levels_show_the_score_or_its_change(open_view: Open) -> None:
    change = open_view(view="Levels", variable="t")
    assert chosen(change)["show"] == "the change"
    score = open_view(view="Levels", variable="t", show="the score", source="Persistence")
    assert chosen(score)["source"] == "persistence"
    assert "against" not in chosen(score)


def test_an_ensemble_view_is_there_only_for_ensembles(open_view: Open) -> None:
    app = open_view(view="Ensemble")
    assert app.segmented_control(key="view").value == "Scorecard"
    assert "Ensemble" not in app.segmented_control(key="view").options


def test_the_table_shows_one_score_or_every_number(
    open_view: Open, judged: tuple[Run, EvaluationResult]
) -> None:
    app = open_view(view="Table", lead="+12 h", region="tropics")
    frame = app.dataframe[0].value
    [expected] = [
        s.value
        for s in judged[1].scores
        if (s.variable, s.metric, s.source, s.lead_hours, s.region, s.hour)
        == ("2t", "rmse", "persistence", 12, "tropics", None)
    ]
    assert frame.loc[frame["Variable"] == "2t", "Persistence"].item() == expected
    app.toggle(key="every").set_value(True).run()
    everything = app.dataframe[0].value
    assert len(everything) == len(judged[1].scores)
    assert {"region", "hour", "threshold", "low", "significant"} <= set(everything.columns)


def test_all_scores_come_as_files(judged: tuple[Run, EvaluationResult], tmp_path: Path) -> None:
    from aurora_dash.ui.judging.table import files

    made = {name: content() for name, (content, _) in files(judged[1]).items()}
    assert set(made) == {"csv", "parquet", "json", "nc"}
    (tmp_path / "scores.parquet").write_bytes(made["parquet"])
    frame = pd.read_parquet(tmp_path / "scores.parquet")
    pd.testing.assert_frame_equal(frame, all_frame(judged[1]))
    (tmp_path / "scores.nc").write_bytes(made["nc"])
    assert open_table(tmp_path).equals(open_table(judged[1].folder))


def test_without_histograms_spectra_or_references_a_sentence_says_why(
    judged: tuple[Run, EvaluationResult], open_view: Open
) -> None:
    run, full = judged
    request = EvaluationRequest.build(
        {"run": run.id, "device": "cpu", "baselines": [], "initial": False, "histograms": False,
         "variables": ["2t"], "max_map_samples": 0, "max_samples": 1}
    )  # fmt: skip
    bare = evaluate_here(run, request, progress=lambda done, total: None)
    for view, words in {
        "Scorecard": "Nothing to compare with",
        "Levels": "No levels",
        "Spectra": "No spectra were taken",
        "Distribution": "No distributions were kept",
    }.items():
        assert words in texts(open_view(evaluation=bare.folder.name, view=view))
    app = open_view(evaluation=bare.folder.name, view="Against lead")
    assert set(chosen(app)) == {"measure"}
    assert full.folder != bare.folder


def test_variables_it_had_before_are_found_on_the_card(
    judged: tuple[Run, EvaluationResult], open_view: Open
) -> None:
    from aurora_dash.evaluation.old_variables import old_variables

    _, result = judged
    # As if 2t had been added.
    old = old_variables(result.scores, ["2t"])
    summary = result.summary.model_copy(update={"old_variables": old})
    write_result(EvaluationResult(folder=result.folder, scores=result.scores, summary=summary))
    try:
        app = open_view(against="Persistence", measure="ACC")
        assert old is not None
        shown = {metric.label: metric for metric in app.metric}
        assert shown["Fields worse"].value == str(old.worse)
        assert shown["Fields worse"].delta == f"{old.surely_worse} by more than chance"
        app = button(app, "Show them on the scorecard").click().run()
        assert {"measure": "rmse", "against": "initial", "rows": "had before"}.items() <= chosen(
            app
        ).items()
        assert "2t" not in app.selectbox(key="field").options
        app.selectbox(key="rows").select("added").run()
        assert "of 2 cells better" in texts(app)
    finally:
        write_result(result)


ENSEMBLE = """
import numpy as np

from aurora_dash.ui.judging import ensembles
from tests.evaluation.scoring import make_layout, score_fields

rng = np.random.default_rng(0)
target = rng.normal(280, 5, (8, 3, 4))
# Members that all lie above what comes true.
members = target + 10 + rng.normal(0, 1, (5, *target.shape))
table, _ = score_fields(
    make_layout(),
    ["rmse", "spread", "spread_skill", "crps"],
    {"model": {"surf_2t": members}},
    {"surf_2t": target},
    members=5,
)
ensembles.draw(None, table)
"""


def test_an_ensemble_has_ranks_and_its_spread_by_lead() -> None:
    app = AppTest.from_string(ENSEMBLE, default_timeout=60).run()
    assert not app.exception
    ranks, curve = (chart.proto.bytes.decode() for chart in app.get("bidi_component"))
    assert "Rank of the target among the members, 2t at +6 h" in ranks
    # All of the area has rank zero: no member lies below the target.
    shares = decoded(json.loads(ranks)["arrays"][0]["y"])
    np.testing.assert_allclose(shares, [100, 0, 0, 0, 0, 0])
    assert "Spread against the error of the ensemble mean of 2t" in curve
    app.selectbox(key="measure").select("CRPS").run()
    assert "CRPS of 2t" in app.get("bidi_component")[1].proto.bytes.decode()


def decoded(packed: dict[str, str]) -> np.ndarray:
    """A typed array as it travels to the browser."""
    return np.frombuffer(base64.b64decode(packed["bdata"]), np.dtype(packed["dtype"]))
