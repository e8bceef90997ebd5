"""New variables that are only predicted: needed to train, not to forecast; gaps are left out."""

from __future__ import annotations

import numpy as np

from aurora_dash.data.check import check_for_training
from aurora_dash.data.findings import Finding
from aurora_dash.data.source import open_data
from aurora_dash.spec import DataSpec, DemoSpec, RunSpec, VariableSpec

DATA = DataSpec(demo=DemoSpec(height=16, width=16, levels=(850, 500), num_times=12))


def checked(variable: VariableSpec, *, gap: bool = False) -> dict[str, Finding]:
    spec = RunSpec(data=DATA, variables=(variable,))
    opened = open_data(spec.data, spec.model.catalogue_entry, spec.variables)
    if gap:
        opened.dataset["surf_tcwv"][3, 0, 0] = np.nan
    return {finding.code: finding for finding in check_for_training(opened, spec)}


def test_a_new_output_that_is_not_there_leaves_nothing_to_aim_at() -> None:
    finding = checked(VariableSpec(name="rain", role="output"))["missing-target"]
    assert finding.severity == "error"
    assert "'rain'" in finding.message
    assert "new-variable-missing" in checked(VariableSpec(name="rain", role="input"))


def test_a_new_output_may_have_gaps() -> None:
    output = checked(VariableSpec(name="tcwv", role="output"), gap=True)
    assert output["missing-values"].severity == "warning"
    assert "left out of the loss" in output["missing-values"].remedy
    given = checked(VariableSpec(name="tcwv"), gap=True)
    assert given["missing-values"].severity == "error"
