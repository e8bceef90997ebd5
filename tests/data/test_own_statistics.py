"""Aurora's own statistics, read from its source."""

from __future__ import annotations

import subprocess
import sys

import pytest

from aurora_dash.data.own_statistics import all_own_statistics, own_statistics


def test_they_are_those_that_the_package_has() -> None:
    from aurora.normalisation import locations, scales

    found = all_own_statistics()
    assert {key: pair[0] for key, pair in found.items()} == locations
    assert {key: pair[1] for key, pair in found.items()} == scales


def test_they_are_found_by_name_and_level() -> None:
    assert own_statistics("2t") == pytest.approx((278.6, 21.2), abs=0.2)
    assert own_statistics("z", 500) == all_own_statistics()["z_500"]
    assert own_statistics("z", 500) != own_statistics("z")
    assert own_statistics("no_such_variable") is None


def test_torch_is_not_imported_for_them() -> None:
    code = (
        "import sys; from aurora_dash.data.own_statistics import own_statistics; "
        "assert own_statistics('msl'); "
        "assert not {'torch', 'aurora'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=120)
