from __future__ import annotations

from functools import partial

import numpy as np
import pytest
import xarray as xr

from aurora_dash.data.check import check_for_training
from aurora_dash.data.checks_statistics import statistics_findings
from aurora_dash.data.findings import Finding, launchable
from aurora_dash.data.source import open_data
from aurora_dash.data.statistics import variable_statistics
from aurora_dash.data.transforms import transformed
from aurora_dash.spec import DataSpec, DemoSpec, ModelSpec, RunSpec, VariableSpec
from aurora_dash.variables import Group


def dataset(mean: float = 10.0, std: float = 2.0) -> xr.Dataset:
    """`surf_x` and, on two levels, `atmos_y` (the second 100 higher), half a std to each side."""
    signs = np.where(np.indices((4, 4, 4)).sum(axis=0) % 2, 1.0, -1.0)
    x = mean + std * signs
    y = np.stack([x, x + 100], axis=1)
    return xr.Dataset(
        {
            "surf_x": (("time", "latitude", "longitude"), x.astype(np.float32)),
            "atmos_y": (("time", "level", "latitude", "longitude"), y.astype(np.float32)),
        },
        coords={"time": np.arange(4), "level": [850.0, 500.0]},
    )


def found(variable: VariableSpec, data: xr.Dataset | None = None) -> list[Finding]:
    chosen = data or dataset()
    key = f"{variable.group.prefix}{variable.name}"
    change = partial(transformed, variable=variable)
    moments = {key: variable_statistics(chosen, key, transform=change)} if key in chosen else {}
    samples = {k: dict.fromkeys(named, chosen[k].values.ravel()) for k, named in moments.items()}
    return list(statistics_findings(moments, RunSpec(variables=(variable,)), samples=samples))


@pytest.mark.parametrize(
    ("mean", "std", "warned"),
    [
        (10, 2, False),
        (10.9, 2, False),  # 0.45 standard deviations away
        (11.1, 2, True),  # 0.55
        (8.9, 2, True),
        (10, 1.1, False),  # 0.55 times as large
        (10, 0.9, True),  # 0.45 times
        (10, 3.9, False),
        (10, 4.1, True),
    ],
)
def test_statistics_far_from_the_measured_are_warned_about(
    mean: float, std: float, warned: bool
) -> None:
    findings = found(VariableSpec(name="x", mean=mean, std=std))
    assert [finding.code for finding in findings] == ["statistics-disagree"] * warned
    if warned:
        assert findings[0].severity == "warning"
        assert findings[0].picture is not None
        assert sum(count or 0 for count in findings[0].picture.values) == 64
        assert f"given {mean:g} ± {std:g}, measured 10 ± 2" in findings[0].message


def test_only_the_levels_that_disagree_are_named() -> None:
    variable = VariableSpec(
        name="y",
        group=Group.ATMOSPHERIC,
        mean={"850": 10.0, "500": 10.0},
        std={"850": 2.0, "500": 2.0},
    )
    [finding] = found(variable)
    assert "y_500: given 10 ± 2, measured 110 ± 2" in finding.message
    assert "y_850" not in finding.message


def test_what_is_computed_at_launch_can_not_disagree() -> None:
    assert found(VariableSpec(name="x")) == []


def test_statistics_of_untransformed_values_disagree_with_a_transform() -> None:
    [finding] = found(VariableSpec(name="x", mean=10, std=2, transform="sqrt"))
    assert "sqrt-transformed" in finding.message
    # Roots of 8 and 12 lie half their difference around their mean.
    low, high = 8**0.5, 12**0.5
    mean, std = (low + high) / 2, (high - low) / 2
    assert found(VariableSpec(name="x", mean=mean, std=std, transform="sqrt")) == []


def checked(spec: RunSpec, change: float = 0.0) -> dict[str, Finding]:
    opened = open_data(spec.data, spec.model.catalogue_entry, spec.variables)
    if change:
        opened.dataset["surf_tcwv"][0, 0, 0] = change
    return {finding.code: finding for finding in check_for_training(opened, spec)}


DATA = DataSpec(demo=DemoSpec(height=16, width=16, levels=(850, 500), num_times=12))
LOG = VariableSpec(name="tcwv", unit="kg m-2", transform="log", transform_offset=1.0)


def test_values_clearly_below_zero_refuse_a_logarithm() -> None:
    finding = checked(RunSpec(data=DATA, variables=(LOG,)), -1.0)["negative-values"]
    assert finding.severity == "error"
    assert "down to -1" in finding.message
    plain = RunSpec(data=DATA, variables=(VariableSpec(name="tcwv"),))
    assert "negative-values" not in checked(plain, -1.0)


def test_zeros_that_packing_moved_count_as_zero_with_a_warning() -> None:
    findings = checked(RunSpec(data=DATA, variables=(LOG,)), -1e-4)
    assert findings["negative-values"].severity == "warning"
    assert findings["negative-values"].location is not None
    assert findings["negative-values"].picture is not None
    assert "count as zero" in findings["negative-values"].message
    assert launchable(tuple(findings.values()))
    assert "negative-values" not in checked(RunSpec(data=DATA, variables=(LOG,)))


def test_changed_statistics_of_the_models_own_variables_are_always_warned_about() -> None:
    spec = RunSpec(data=DATA, model=ModelSpec(statistics={"2t": (280, 10), "z_500": (5e4, 3e3)}))
    finding = checked(spec)["statistics-changed"]
    assert finding.severity == "warning"
    assert "2t (mean 280, std 10), z_500 (mean 50000, std 3000)" in finding.message
    assert "statistics-changed" not in checked(RunSpec(data=DATA))
