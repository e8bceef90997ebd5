"""Time zone and threads."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from dataclasses import replace

import pytest

from aurora_dash.doctor import MachineSummary, machine_summary
from aurora_dash.doctor.settings import thread_findings, zone_findings


@pytest.fixture
def zone(monkeypatch: pytest.MonkeyPatch) -> Iterator[pytest.MonkeyPatch]:
    yield monkeypatch
    monkeypatch.undo()
    time.tzset()


@pytest.mark.parametrize(
    ("name", "told"), [("UTC", "UTC"), ("Asia/Kathmandu", "UTC+5.75 h"), ("Etc/GMT+3", "UTC-3 h")]
)
def test_the_time_zone_is_told_and_what_it_means_for_scripts(zone, name: str, told: str) -> None:
    zone.setenv("TZ", name)
    time.tzset()
    (finding,) = zone_findings()
    assert finding.severity == "info"
    assert told in finding.message
    assert ("TZ=UTC" in finding.remedy) is (name != "UTC")


def _machine(cores: int) -> MachineSummary:
    return replace(machine_summary(), num_cores=cores)


def test_more_threads_than_cores_are_a_warning(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "cpu_count", lambda: 64)
    monkeypatch.setenv("OMP_NUM_THREADS", "16")
    monkeypatch.delenv("MKL_NUM_THREADS", raising=False)
    many, fewer = thread_findings(_machine(4))
    assert (many.code, many.severity, many.where) == ("many_threads", "warning", "OMP_NUM_THREADS")
    assert "may use 4 of 64 cores" in many.message
    assert (fewer.code, fewer.remedy) == ("fewer_cores", "Set training.threads=3.")
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    (well,) = thread_findings(_machine(64))
    assert (well.code, well.severity) == ("threads", "info")
    assert "takes 63 of them" in well.message
