"""`RunSpec`: everything about one fine-tuning run, validated where it is built.

Every class is frozen and keyword-only and refuses unknown keys; a wrong value is quoted in the
message. A spec is saved with its run and is enough to run it again anywhere. Free of torch.
"""

from __future__ import annotations

import json
import tomllib
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
    field_validator,
    model_validator,
)

from aurora_dash.errors import SpecError
from aurora_dash.variables import Group, describe
from aurora_dash.variants import Variant, get_variant

SCHEMA_VERSION = 1

PositiveFloat = Annotated[float, Field(gt=0, allow_inf_nan=False)]
NonNegativeFloat = Annotated[float, Field(ge=0, allow_inf_nan=False)]
FiniteFloat = Annotated[float, Field(allow_inf_nan=False)]
PositiveInt = Annotated[int, Field(gt=0)]

# Names that Aurora's ParameterDict can't hold as keys (measured on microsoft-aurora 2.0.1).
_RESERVED_NAMES = frozenset({"type", "to", "keys", "values", "pop", "float", "items", "get"})

# Surface and static names share one table in Aurora; surface and atmospheric names share the
# names of predictions here. Only static and atmospheric names may coincide, as ``z`` does.
_CLASHING_GROUPS = {
    Group.SURFACE: (Group.SURFACE, Group.STATIC, Group.ATMOSPHERIC),
    Group.STATIC: (Group.SURFACE, Group.STATIC),
    Group.ATMOSPHERIC: (Group.SURFACE, Group.ATMOSPHERIC),
}


def _one_or_many(value: object) -> object:
    return (value,) if isinstance(value, str) else value


def _as_utc(moment: datetime) -> datetime:
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


StringTuple = Annotated[tuple[str, ...], BeforeValidator(_one_or_many)]
UtcDatetime = Annotated[datetime, AfterValidator(_as_utc)]


class SpecModel(BaseModel):
    """Base of all parts of a spec."""

    model_config = ConfigDict(frozen=True, extra="forbid", validate_default=True)

    @classmethod
    def build(cls, values: Mapping[str, Any], *, source: str = "") -> Self:
        """Construct from plain data; a wrong value becomes a `SpecError` that quotes it."""
        try:
            return cls.model_validate(values)
        except ValidationError as error:
            raise _spec_error(error, source=source) from error

    def replace(self, **changes: Any) -> Self:
        """A validated copy with some fields changed."""
        return type(self).build({**self.model_dump(), **changes})


class ModelSpec(SpecModel):
    """Which model to start from."""

    variant: str = "small"
    source: Literal["hub", "file", "run", "random"] = "random"
    """Where the weights come from: the hub, a local file, an earlier run, or random numbers."""
    path: str | None = None
    """Checkpoint file, for source ``file``."""
    run: str | None = None
    """Run id, for source ``run``."""
    checkpoint: str = "best"
    """Checkpoint of that run: ``best``, ``last`` or a name such as ``step-00000120``."""
    size: Literal["tiny", "small", "full"] = "tiny"
    """Width and depth of a random-weight model; real checkpoints are always ``full``."""
    use_lora: bool | None = None
    """None: as the variant has it."""
    stabilise_level_agg: bool = False
    autocast: bool = False
    """Run the backbone in bfloat16."""
    activation_checkpointing: bool = False
    """Recompute activations in the backward pass: slower, much less memory."""

    @field_validator("variant")
    @classmethod
    def _known_variant(cls, value: str) -> str:
        try:
            return get_variant(value).id
        except SpecError as error:
            raise ValueError(str(error)) from None

    @model_validator(mode="after")
    def _source_is_complete(self) -> Self:
        if self.source == "file" and not self.path:
            raise ValueError("source 'file' needs model.path, the checkpoint's path")
        if self.source == "run" and not self.run:
            raise ValueError("source 'run' needs model.run, the earlier run's id")
        return self

    @property
    def catalogue_entry(self) -> Variant:
        """The variant this model is of."""
        return get_variant(self.variant)

    @property
    def is_random(self) -> bool:
        """Whether the weights are random: such a model is labelled everywhere."""
        return self.source == "random"


class Region(SpecModel):
    """A latitude-longitude box in degrees; `west` may be negative or above `east` (wraps)."""

    north: Annotated[float, Field(ge=-90, le=90)]
    south: Annotated[float, Field(ge=-90, le=90)]
    west: Annotated[float, Field(ge=-180, lt=360)]
    east: Annotated[float, Field(ge=-180, le=360)]

    @model_validator(mode="after")
    def _north_above_south(self) -> Self:
        if self.north <= self.south:
            raise ValueError(f"north ({self.north:g}) must be above south ({self.south:g})")
        return self


class DemoSpec(SpecModel):
    """The synthetic weather that the project generates itself."""

    height: Annotated[int, Field(ge=16, le=721)] = 32
    width: Annotated[int, Field(ge=16, le=1440)] = 64
    levels: tuple[int, ...] = (1000, 850, 500, 250)
    num_times: Annotated[int, Field(ge=6, le=10_000)] = 60
    seed: int = 0


class DataSpec(SpecModel):
    """Which data, and how it is cut into samples."""

    source: Literal["demo", "files"] = "demo"
    paths: StringTuple = ()
    """Files, folders or globs, for source ``files``; relative ones start at the current folder."""
    demo: DemoSpec = DemoSpec()
    levels: tuple[float, ...] | None = None
    """Pressure levels (hPa) to use; None: all that the data has and the model knows."""
    region: Region | None = None
    """Box to cut out; None: all of it."""
    validation_fraction: Annotated[float, Field(ge=0, lt=1)] = 0.2
    """Last part of the period that is kept for validation; nothing of it is trained on."""
    start: UtcDatetime | None = None
    end: UtcDatetime | None = None
    """First and last valid time to use (UTC, inclusive); None: all."""
    lead_hours: PositiveInt | None = None
    """Hours from input to target; None: the variant's time step."""

    @model_validator(mode="after")
    def _source_is_complete(self) -> Self:
        if self.source == "files" and not self.paths:
            raise ValueError("source 'files' needs data.paths: files, folders or globs")
        if self.start and self.end and self.start >= self.end:
            raise ValueError(f"start ({self.start}) must be before end ({self.end})")
        return self


class VariableSpec(SpecModel):
    """A new variable, with the statistics that normalise it."""

    name: Annotated[str, Field(min_length=1)]
    group: Group = Group.SURFACE
    unit: str = "1"
    long_name: str = ""
    source_name: str | None = None
    """Name in the files; None: the same as `name` or one of its known aliases."""
    mean: FiniteFloat | dict[str, FiniteFloat] | None = None
    """Location; by level (``{"850": 281.2}``) for an atmospheric variable; None: from the data."""
    std: PositiveFloat | dict[str, PositiveFloat] | None = None
    """Scale, like `mean`. None: computed from the training period at launch."""

    @field_validator("name")
    @classmethod
    def _usable_as_parameter_name(cls, value: str) -> str:
        if not value.replace("_", "").isalnum() or value in _RESERVED_NAMES:
            raise ValueError(
                "a variable name has letters, digits and underscores only and is none of "
                + ", ".join(sorted(_RESERVED_NAMES))
            )
        return value

    @model_validator(mode="after")
    def _statistics_fit_group(self) -> Self:
        if (self.mean is None) != (self.std is None):
            raise ValueError(f"variable {self.name!r} needs both mean and std, or neither")
        by_level = isinstance(self.mean, dict)
        if by_level != isinstance(self.std, dict):
            raise ValueError(f"variable {self.name!r}: mean and std must both be by level or not")
        if by_level and self.group is not Group.ATMOSPHERIC:
            raise ValueError(f"variable {self.name!r} is {self.group}: it has no levels")
        return self

    @property
    def has_statistics(self) -> bool:
        """Whether mean and standard deviation are given, not to be computed."""
        return self.mean is not None


class LossSpec(SpecModel):
    """What is minimised: the paper's weighted mean absolute error on normalised values."""

    kind: Literal["mae"] = "mae"
    targets: StringTuple = ()
    """Names of the predicted variables that count; empty: all."""
    weights: dict[str, NonNegativeFloat] = {}
    """Weight by variable name; 1 where not given."""
    surface_weight: NonNegativeFloat = 0.25
    atmospheric_weight: NonNegativeFloat = 1.0
    gamma: PositiveFloat = 1.0
    """Factor of the data set in the paper: 2 for ERA5, 1.5 for GFS, else 1."""


class OptimiserSpec(SpecModel):
    """How weights are changed: AdamW with two learning rates and a schedule."""

    lr: PositiveFloat = 1e-4
    """Peak learning rate of the weights that came with the checkpoint."""
    lr_new: PositiveFloat = 1e-3
    """Peak learning rate of new patch embeddings and heads."""
    weight_decay: NonNegativeFloat = 0.0
    schedule: Literal["constant", "cosine", "linear"] = "cosine"
    warmup_steps: Annotated[int, Field(ge=0)] = 10
    final_lr_fraction: Annotated[float, Field(ge=0, le=1)] = 0.1
    """Where a falling schedule ends, as a fraction of the peak."""
    clip_norm: PositiveFloat | None = 1.0
    """Largest gradient norm; larger ones are scaled down. None: no clipping."""


class TrainingSpec(SpecModel):
    """How long, on what and how often to look."""

    steps: PositiveInt | None = None
    epochs: PositiveInt | None = None
    """Exactly one of `steps` and `epochs`; with neither, 200 steps."""
    batch_size: PositiveInt = 1
    seed: int = 0
    device: Annotated[str, Field(pattern=r"^(auto|cpu|cuda(:\d+)?)$")] = "auto"
    threads: PositiveInt | None = None
    """CPU threads; None: one fewer than the cores, at least one."""
    validate_every: PositiveInt = 25
    checkpoint_every: PositiveInt = 50
    keep_checkpoints: PositiveInt = 3
    """How many of the newest checkpoints to keep beside the best."""

    @model_validator(mode="before")
    @classmethod
    def _default_length(cls, values: Any) -> Any:
        if (
            isinstance(values, dict)
            and values.get("steps") is None
            and values.get("epochs") is None
        ):
            return {**values, "steps": 200}
        return values

    @model_validator(mode="after")
    def _one_length(self) -> Self:
        if self.steps is not None and self.epochs is not None:
            raise ValueError(
                f"give either steps ({self.steps}) or epochs ({self.epochs}), not both"
            )
        return self


class RunSpec(SpecModel):
    """One fine-tuning run, whole."""

    schema_version: Literal[1] = 1
    name: Annotated[str, Field(min_length=1, max_length=80)] = "untitled"
    notes: str = ""
    model: ModelSpec = ModelSpec()
    data: DataSpec = DataSpec()
    variables: tuple[VariableSpec, ...] = ()
    loss: LossSpec = LossSpec()
    optimiser: OptimiserSpec = OptimiserSpec()
    training: TrainingSpec = TrainingSpec()

    @model_validator(mode="after")
    def _variables_are_new_and_unique(self) -> Self:
        variant = self.model.catalogue_entry
        names: dict[Group, list[str]] = {
            Group.SURFACE: list(variant.surface),
            Group.STATIC: list(variant.static),
            Group.ATMOSPHERIC: list(variant.atmospheric),
        }
        for variable in self.variables:
            for group in _CLASHING_GROUPS[variable.group]:
                if variable.name in names[group]:
                    raise ValueError(
                        f"{variable.group} variable {variable.name!r} has the name of one of the "
                        f"model's {group} variables; choose another name"
                    )
            names[variable.group].append(variable.name)
        return self

    @model_validator(mode="after")
    def _loss_names_exist(self) -> Self:
        predicted = set(self.predicted_names)
        for field, names in (("targets", self.loss.targets), ("weights", self.loss.weights)):
            for name in names:
                if name not in predicted:
                    raise ValueError(
                        f"loss.{field} names {name!r}, which this model does not predict; "
                        f"it predicts {', '.join(self.predicted_names)}"
                    )
        return self

    def names(self, group: Group) -> tuple[str, ...]:
        """All variable names of a group: the variant's, then the new ones, in a fixed order."""
        own = {
            Group.SURFACE: self.model.catalogue_entry.surface,
            Group.STATIC: self.model.catalogue_entry.static,
            Group.ATMOSPHERIC: self.model.catalogue_entry.atmospheric,
        }[group]
        return (*own, *(v.name for v in self.variables if v.group is group))

    @property
    def predicted_names(self) -> tuple[str, ...]:
        """Names of all predicted variables; surface and atmospheric names never coincide."""
        return (*self.names(Group.SURFACE), *self.names(Group.ATMOSPHERIC))

    @property
    def targets(self) -> tuple[str, ...]:
        """Names that count in the loss."""
        return self.loss.targets or self.predicted_names

    @property
    def lead_hours(self) -> int:
        """Hours from the last input to the target."""
        return self.data.lead_hours or self.model.catalogue_entry.timestep_hours

    @property
    def is_demo(self) -> bool:
        """Whether the data is synthetic: labelled as such everywhere."""
        return self.data.source == "demo"

    def unit(self, name: str, group: Group) -> str:
        """Unit of a variable of this run, registered ones included."""
        for variable in self.variables:
            if (variable.name, variable.group) == (name, group):
                return variable.unit
        return describe(name, group).unit

    def to_json(self) -> str:
        """The spec as an indented JSON document, the content of ``spec.json``."""
        return json.dumps(self.model_dump(mode="json"), indent=2) + "\n"

    def with_overrides(self, assignments: Sequence[str]) -> Self:
        """Apply ``key=value`` assignments such as ``training.steps=60``.

        A value is read as JSON where it parses, else taken as a string.
        """
        values = self.model_dump(mode="json")
        for assignment in assignments:
            key, separator, text = assignment.partition("=")
            if not separator or not key:
                raise SpecError(
                    f"{assignment!r} is not an assignment.",
                    remedy="Write key=value, for example training.steps=60.",
                )
            _assign(values, key.strip(), _parse_value(text))
        return type(self).build(values, source="--set")


def load_spec(path: Path) -> RunSpec:
    """Read a spec from a ``.json`` or ``.toml`` file."""
    try:
        text = path.read_text(encoding="utf-8")
        values = tomllib.loads(text) if path.suffix == ".toml" else json.loads(text)
    except OSError as error:
        raise SpecError(f"Can't read the spec {path}: {error.strerror}.") from error
    except UnicodeDecodeError as error:
        raise SpecError(
            f"{path} is not a text file.", remedy="Give a JSON or TOML file."
        ) from error
    except ValueError as error:
        raise SpecError(
            f"{path} is not valid {path.suffix.lstrip('.') or 'JSON'}: {error}."
        ) from error
    if not isinstance(values, dict):
        raise SpecError(f"{path} holds a {type(values).__name__}; a spec is a table of fields.")
    return RunSpec.build(values, source=str(path))


def _parse_value(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return text


def _assign(values: dict[str, Any], dotted_key: str, value: Any) -> None:
    *parents, leaf = dotted_key.split(".")
    table = values
    for depth, parent in enumerate(parents):
        if not isinstance(table.get(parent), dict):
            known = ", ".join(table)
            where = ".".join(parents[: depth + 1])
            raise SpecError(f"There is no section {where!r} in a spec.", remedy=f"Known: {known}.")
        table = table[parent]
    table[leaf] = value
    # `steps` and `epochs` exclude each other: naming one replaces the other's default.
    if dotted_key in ("training.steps", "training.epochs") and value is not None:
        table["epochs" if leaf == "steps" else "steps"] = None
    if dotted_key == "data.paths":
        table["source"] = "files"


def _spec_error(error: ValidationError, *, source: str) -> SpecError:
    lines = []
    for detail in error.errors(include_url=False):
        field = ".".join(str(part) for part in detail["loc"]) or "spec"
        message = detail["msg"].removeprefix("Value error, ").rstrip(".")
        if detail["type"] == "extra_forbidden":
            lines.append(f"{field}: unknown key (value {detail['input']!r}).")
        elif isinstance(detail["input"], (dict, BaseModel)):
            lines.append(f"{field}: {message}.")
        else:
            lines.append(f"{field} = {detail['input']!r}: {message}.")
    where = f"{source}: " if source else ""
    return SpecError(where + " ".join(lines))
