from __future__ import annotations

import threading
import time
from types import SimpleNamespace

import psutil
import pynvml
import pytest
import torch

from aurora_dash.runs.schema import METRICS_FIELDS
from aurora_dash.training.distributed.together import RecordsForAll
from aurora_dash.training.distributed.world import World
from aurora_dash.training.usage import Gpu, MeasuredRecords, UsageSampler

CPU = torch.device("cpu")


def _keep_a_core_busy(seconds: float) -> None:
    end = time.perf_counter() + seconds
    while time.perf_counter() < end:
        pass


def test_what_the_process_takes_is_told_once_and_told_apart_from_the_machine() -> None:
    with UsageSampler(CPU, seconds_between=0.05) as sampler:
        used = time.process_time()
        _keep_a_core_busy(0.4)
        busy = time.process_time() - used
        seen = sampler.take()
        assert sampler.take() == {}
    assert set(seen) == {"cpu_percent", "machine_cpu_percent", "rss_bytes", "host_free_bytes"}
    # Within what clock ticks and a busy machine leave of it.
    assert 0.5 * busy / 0.4 < seen["cpu_percent"] / 100 < 1.5 * psutil.cpu_count()
    assert 0 < seen["machine_cpu_percent"] <= 100
    assert seen["rss_bytes"] == pytest.approx(psutil.Process().memory_info().rss, rel=0.1)
    assert 0 < seen["host_free_bytes"] <= psutil.virtual_memory().total


def test_the_thread_ends_with_the_training() -> None:
    with UsageSampler(CPU):
        assert "usage" in [thread.name for thread in threading.enumerate()]
    assert "usage" not in [thread.name for thread in threading.enumerate()]


def test_a_record_has_the_mean_of_what_was_seen_since_the_one_before() -> None:
    taken: list[dict[str, float]] = []
    looks = iter([{"cpu_percent": 50.0}, {}])
    told = SimpleNamespace(
        train=lambda step, epoch, values, pace: taken.append(values),
        validation=lambda step, epoch, values, best: taken.append(values),
    )
    records = MeasuredRecords(told, SimpleNamespace(take=lambda: next(looks)))
    records.train(1, 0.1, {"loss": 1.0}, None)
    records.train(2, 0.2, {"loss": 0.5}, None)
    records.validation(2, 0.2, {"loss": 0.7}, None)
    assert taken == [{"loss": 1.0, "cpu_percent": 50.0}, {"loss": 0.5}, {"loss": 0.7}]


def test_other_processes_tell_what_they_take_whenever_the_first_does() -> None:
    taken: list[dict[str, float]] = []
    records = SimpleNamespace(train=lambda step, epoch, values, pace: taken.append(values))
    looks = iter([{}, {"rss_bytes": 5.0}, {}, {}])
    first = _First([{"rss_bytes": 7.0, "gpu_percent": 90.0}])
    shared = RecordsForAll(first, records, SimpleNamespace(take=lambda: next(looks)))
    for step in range(1, 4):
        shared.train(step, 0.1, {"loss": 1.0}, None)
    others = {"process/1/rss_bytes": 7.0, "process/1/gpu_percent": 90.0}
    assert taken == [{"loss": 1.0}, {"loss": 1.0, "rss_bytes": 5.0}, {"loss": 1.0, **others}]


class _First(World):
    """The first of two processes; what the second gives is known beforehand."""

    def __init__(self, of_second: list[dict[str, float]]) -> None:
        super().__init__(rank=0, size=2)
        self._of_second = of_second

    def told(self, value: object = None) -> object:
        return value

    def gather(self, value: object) -> list[object]:
        return [value, self._of_second.pop(0)]


@pytest.fixture
def driver(monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    """NVML as a driver answers it, at the border of this project: there may be no GPU here."""

    def power(handle: str) -> int:
        raise pynvml.NVMLError(pynvml.NVML_ERROR_NOT_SUPPORTED)

    answers = {
        "nvmlInit": lambda: None,
        "nvmlDeviceGetHandleByUUID": lambda uuid: uuid,
        "nvmlDeviceGetUtilizationRates": lambda handle: SimpleNamespace(gpu=93, memory=40),
        "nvmlDeviceGetMemoryInfo": lambda handle: SimpleNamespace(used=3 * 2**30, total=80 * 2**30),
        "nvmlDeviceGetTemperature": lambda handle, sensor: 61,
        "nvmlDeviceGetPowerUsage": power,
    }
    for name, answer in answers.items():
        monkeypatch.setattr(pynvml, name, answer)
    return SimpleNamespace(**answers)


@pytest.mark.usefixtures("driver")
def test_a_gpu_is_asked_through_nvml_and_what_it_does_not_tell_is_left_out() -> None:
    gpu = Gpu("GPU-1")
    expected = {
        "gpu_percent": 93,
        "gpu_memory_bytes": 3 * 2**30,
        "gpu_memory_total_bytes": 80 * 2**30,
        "gpu_celsius": 61,
    }
    assert gpu.look() == expected
    assert gpu.look() == expected


@pytest.mark.usefixtures("driver")
def test_every_name_is_documented(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pynvml, "nvmlDeviceGetPowerUsage", lambda handle: 350_000)
    seen = Gpu("GPU-1").look()
    assert seen["gpu_watts"] == 350
    with UsageSampler(CPU, seconds_between=0.05) as sampler:
        time.sleep(0.2)
        seen |= sampler.take()
    assert set(seen) <= {field.name for field in METRICS_FIELDS}
    assert len(seen) == 9


def test_without_nvml_the_training_goes_on_without_it(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    properties = SimpleNamespace(uuid="00000000-0000-0000-0000-000000000000")
    monkeypatch.setattr(torch.cuda, "get_device_properties", lambda device: properties)
    assert Gpu.of(torch.device("cuda", 0)) is None
    assert "the use of cuda:0 can't be told" in caplog.text
    assert Gpu.of(CPU) is None
