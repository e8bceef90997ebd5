from __future__ import annotations

import pytest

from aurora_dash.errors import EvaluationError
from aurora_dash.evaluation.request import EvaluationRequest
from aurora_dash.evaluation.targets import choose_targets, predicted_targets
from aurora_dash.spec import RunSpec
from aurora_dash.variables import Group


def _spec(variant: str = "small", **fields: object) -> RunSpec:
    return RunSpec.build({"model": {"variant": variant}, **fields})


def _request(*variables: str) -> EvaluationRequest:
    return EvaluationRequest(run="r", variables=variables)


ALL = ["surf_2t", "surf_10u", "surf_10v", "surf_msl", *(f"atmos_{name}" for name in "zuvtq")]


def test_all_that_is_predicted_and_observed_is_scored_in_the_model_s_order() -> None:
    targets, warnings = choose_targets(_spec(), _request(), ALL)
    assert [target.key for target in targets] == ALL
    assert [target.unit for target in targets][:4] == ["K", "m s-1", "m s-1", "Pa"]
    assert warnings == ()


def test_directions_are_known_as_such_and_the_computed_is_not_scored() -> None:
    wave = {target.name: target.circular for target in predicted_targets(_spec("0.25-wave"))}
    assert wave["mwd"] and wave["mdts"] and not wave["swh"]
    names = [target.name for target in predicted_targets(_spec("v1.5"))]
    assert "i10fg" in names and "insolation" not in names


def test_an_output_that_the_data_lacks_is_not_scored_and_that_is_said() -> None:
    spec = _spec("v1.5")
    observed = [f"surf_{n}" for n in spec.names(Group.SURFACE) if n != "blh"]
    targets, warnings = choose_targets(spec, _request(), observed + ALL[4:])
    assert "blh" not in [target.name for target in targets]
    assert warnings == ("blh is predicted, but the data does not have it: it is not scored.",)


def test_what_was_asked_or_trained_for_and_is_absent_is_an_error() -> None:
    with pytest.raises(EvaluationError, match="'msl' is to be scored"):
        choose_targets(_spec(), _request("msl"), ["surf_2t"])
    with pytest.raises(EvaluationError, match="'msl' is to be scored"):
        choose_targets(_spec(loss={"targets": ["msl"]}), _request(), ["surf_2t"])
    chosen, _ = choose_targets(_spec(loss={"targets": ["msl"]}), _request("2t"), ["surf_2t"])
    assert [target.name for target in chosen] == ["2t"]


def test_nothing_in_common_is_an_error() -> None:
    with pytest.raises(EvaluationError, match="none of the variables"):
        choose_targets(_spec(), _request(), ["static_lsm"])
    with pytest.raises(EvaluationError, match=r"does not predict 'lsm'\. It predicts 2t, 10u"):
        choose_targets(_spec(), _request("lsm"), ALL)


def test_what_is_only_given_is_not_scored() -> None:
    spec = _spec(variables=({"name": "tcwv", "role": "input"}, {"name": "tp", "role": "output"}))
    names = [target.name for target in predicted_targets(spec)]
    assert "tp" in names
    assert "tcwv" not in names
