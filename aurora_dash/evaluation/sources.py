"""Which checkpoint is meant, and the model in it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from aurora_dash.errors import CheckpointError, EvaluationError, RunError, SpecError
from aurora_dash.evaluation.request import ForecastRequest, Weights
from aurora_dash.model.average import has_average, put_average
from aurora_dash.model.build import BuiltModel, build_model
from aurora_dash.model.saved import META_FILE, POINTERS, find_intact, read_meta
from aurora_dash.runs.store import Run, RunStore
from aurora_dash.spec import ModelSpec, RunSpec
from aurora_dash.variants import VARIANTS

SPEC_FILE = "spec.json"


@dataclass(frozen=True, kw_only=True)
class CheckpointRef:
    """One checkpoint of a run, or a checkpoint file."""

    run: Run | None
    checkpoint: str
    """``best``, ``last`` or a checkpoint's name; without a run the file's path."""
    variant: str | None = None
    weights: Weights = "auto"

    @classmethod
    def parse(
        cls,
        text: str,
        store: RunStore,
        *,
        variant: str | None = None,
        weights: Weights = "auto",
    ) -> CheckpointRef:
        """What a person calls a checkpoint.

        A run's id, alone (its best checkpoint) or as ``run@last`` or ``run@step-00000120``; the
        path of a run's folder or of a checkpoint folder in one; or the path of a checkpoint file
        in Aurora's format. `CheckpointError` or `RunError` if it is none of these.
        """
        name, _, checkpoint = text.rpartition("@")
        if name and (checkpoint in POINTERS or checkpoint.startswith("step-")):
            run = _run_called(name, store)
            return cls(run=run, checkpoint=checkpoint, weights=weights)
        path = Path(text).expanduser()
        if not path.exists():
            return cls(run=_run_called(text, store), checkpoint="best", weights=weights)
        if (path / SPEC_FILE).is_file():
            return cls(run=Run(path.absolute()), checkpoint="best", weights=weights)
        folder = (path if path.is_dir() else path.parent).absolute()
        if (folder / META_FILE).is_file() and (folder.parent.parent / SPEC_FILE).is_file():
            run = Run(folder.parent.parent)
            return cls(run=run, checkpoint=folder.name, weights=weights)
        if path.is_dir():
            raise CheckpointError(
                f"{path} is a folder, but neither a run's nor a checkpoint's.",
                remedy=f"Give a run's id, a folder that holds {SPEC_FILE}, or a checkpoint file.",
            )
        return cls(run=None, checkpoint=str(path), variant=variant, weights=weights)

    @classmethod
    def of(cls, request: ForecastRequest, store: RunStore) -> CheckpointRef:
        """The checkpoint that a request names."""
        if request.run is not None:
            run = store.get(request.run)
            return cls(run=run, checkpoint=request.checkpoint, weights=request.weights)
        return cls(run=None, checkpoint=request.checkpoint, variant=request.variant)

    @property
    def store(self) -> RunStore | None:
        """The store in which the run lies; None for a file."""
        return None if self.run is None else RunStore(self.run.folder.parent)

    def request_fields(self) -> dict[str, Any]:
        """The fields of a request that name this checkpoint."""
        run = None if self.run is None else self.run.id
        return {
            "run": run,
            "checkpoint": self.checkpoint,
            "variant": self.variant,
            "weights": self.weights,
        }

    def resolve(self) -> Subject:
        """Find the checkpoint and its spec, without loading weights."""
        if self.run is None:
            path = Path(self.checkpoint).expanduser()
            if not path.is_file():
                raise CheckpointError(f"There is no checkpoint file {path}.")
            model = ModelSpec(
                variant=self.variant or _variant_named(path), source="file", path=str(path)
            )
            return Subject(spec=RunSpec(name=path.stem, model=model), name=str(path))
        checkpoint, problem = find_intact(self.run.checkpoints_folder, self.checkpoint)
        spec = self.run.spec()
        averaged = self.weights == "average" or (
            self.weights == "auto"
            and spec.optimiser.validate_ema
            and has_average(read_meta(checkpoint))
        )
        return Subject(
            spec=spec,
            name=f"run {self.run.id}, {checkpoint.name}"
            + averaged * ", average of the weights"
            + (problem and f" ({problem})"),
            run=self.run,
            checkpoint=checkpoint,
            averaged=averaged,
        )


@dataclass(frozen=True, kw_only=True)
class Subject:
    """What is judged: a checkpoint that exists, and the spec it came from."""

    spec: RunSpec
    name: str
    """In words."""
    run: Run | None = None
    checkpoint: Path | None = None
    """The checkpoint's folder, if it is one of a run."""
    averaged: bool = False
    """Whether the moving average of the weights is meant, not the weights themselves."""

    @property
    def random_weights(self) -> bool:
        """Whether training began with random numbers, in this run or one that it continues."""
        spec, seen = self.spec, set[str]()
        while self.run is not None and spec.model.source == "run" and spec.model.run not in seen:
            seen.add(spec.model.run or "")
            try:
                spec = RunStore(self.run.folder.parent).get(spec.model.run or "").spec()
            except (RunError, SpecError):
                return False
        return spec.model.is_random

    @property
    def has_initial(self) -> bool:
        """Whether it is known what the checkpoint was before fine-tuning."""
        return self.run is not None

    def load(self) -> BuiltModel:
        """The model with the checkpoint's weights and the statistics they were trained with."""
        if self.run is None or self.checkpoint is None:
            return build_model(_for_inference(self.spec))
        model = _for_inference(self.spec).model.replace(
            source="run", run=self.run.id, checkpoint=self.checkpoint.name
        )
        built = self._build(self.spec.replace(model=model))
        if self.averaged:
            put_average(built, self.checkpoint)
        return built

    def load_initial(self) -> BuiltModel:
        """The model as it was before the run's first step: same source, same seed."""
        if not self.has_initial:
            raise EvaluationError(
                f"{self.name} is no checkpoint of a run: it is not known what it was before.",
                remedy="Evaluate without the checkpoint before fine-tuning (initial = false).",
            )
        try:
            return self._build(_for_inference(self.spec))
        except (CheckpointError, RunError) as error:
            raise CheckpointError(
                f"The checkpoint before fine-tuning can't be loaded: {error.message}",
                remedy=f"{error.remedy} Or evaluate without it (initial = false).".strip(),
            ) from error

    def _build(self, spec: RunSpec) -> BuiltModel:
        assert self.run is not None
        assert self.checkpoint is not None
        statistics = read_meta(self.checkpoint).model_statistics
        return build_model(spec, statistics, store=RunStore(self.run.folder.parent))


def _for_inference(spec: RunSpec) -> RunSpec:
    # Recomputing activations only costs time where no gradient is wanted; chunks cost nothing.
    chunks = "auto" if spec.model.chunks == "off" else spec.model.chunks
    model = spec.model.replace(
        activation_checkpointing=False, checkpointed_layers="default", chunks=chunks
    )
    return spec.replace(model=model)


def _run_called(name: str, store: RunStore) -> Run:
    try:
        return store.get(name)
    except RunError as error:
        raise RunError(
            f"{name!r} is neither a run in {store.root} nor a file.",
            remedy="Give a run's id (`aurora-dash runs list`), run@step-00000120, or a path.",
        ) from error


def _variant_named(path: Path) -> str:
    for variant in VARIANTS:
        if variant.filename == path.name:
            return variant.id
    raise CheckpointError(
        f"The file {path.name} does not say which model variant it is of.",
        remedy=f"Name the variant: {', '.join(variant.id for variant in VARIANTS)}.",
    )
