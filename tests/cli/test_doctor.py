"""``doctor`` from a shell, with a stand-in for the process that tries torch."""

from __future__ import annotations

from typing import Any

import pytest

from aurora_dash.doctor import examination

HEALTHY: dict[str, Any] = {
    "torch": {"version": "2.9", "cuda": None, "gpu_available": False, "architectures": []},
    "gpu": {},
    "aurora": {},
    "eccodes": {},
}


def test_a_healthy_machine_exits_0(cli, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(examination, "run_probe", lambda: HEALTHY)
    outcome = cli("doctor", "--offline", "--json")
    assert outcome.code == 0
    document = outcome.document
    assert document["healthy"] is True
    assert document["machine"]["num_cores"] >= 1
    assert {"severity", "code", "message", "remedy"} <= document["findings"][0].keys()
    assert cli("doctor", "--offline").out.splitlines()[-1] == "Ready."


def test_a_broken_torch_exits_1_with_a_remedy(cli, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(examination, "run_probe", lambda: {"crash": "ended with code -11: x"})
    outcome = cli("doctor", "--offline")
    assert outcome.code == 1
    assert "ended with code -11" in outcome.out
    assert "-> Reinstall torch" in outcome.out
    assert cli("doctor", "--offline", "--json").document["healthy"] is False
