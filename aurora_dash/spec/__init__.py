"""The specification of a run, validated where it is built.

Every class is frozen and keyword-only and refuses unknown keys; a wrong value is quoted in the
message. A spec is saved with its run and is enough to run it again anywhere. Free of torch.
"""

from aurora_dash.spec.base import SpecModel
from aurora_dash.spec.data import HUB, DataPart, DataSpec, DemoSpec, MixPart, Region
from aurora_dash.spec.distributed import DistributedSpec
from aurora_dash.spec.files import load_spec
from aurora_dash.spec.health import HealthSpec
from aurora_dash.spec.loader import LoaderSpec
from aurora_dash.spec.loss import LossSpec
from aurora_dash.spec.model import ModelSpec
from aurora_dash.spec.optimiser import OptimiserSpec
from aurora_dash.spec.remedies import Remedy
from aurora_dash.spec.rollout import RolloutSpec
from aurora_dash.spec.run import SCHEMA_VERSION, RunSpec
from aurora_dash.spec.trainable import LoraSpec, TrainableSpec
from aurora_dash.spec.training import TrainingSpec
from aurora_dash.spec.variable import VariableSpec
from aurora_dash.spec.watched import WatchedSpec

__all__ = [
    "HUB",
    "SCHEMA_VERSION",
    "DataPart",
    "DataSpec",
    "DemoSpec",
    "DistributedSpec",
    "HealthSpec",
    "LoaderSpec",
    "LoraSpec",
    "LossSpec",
    "MixPart",
    "ModelSpec",
    "OptimiserSpec",
    "Region",
    "Remedy",
    "RolloutSpec",
    "RunSpec",
    "SpecModel",
    "TrainableSpec",
    "TrainingSpec",
    "VariableSpec",
    "WatchedSpec",
    "load_spec",
]
