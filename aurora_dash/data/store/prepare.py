"""From opened data to a training store that a spec can be trained on."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Any

import xarray as xr

from aurora_dash import __version__
from aurora_dash.data.open import OpenedData
from aurora_dash.data.provenance import attribution
from aurora_dash.data.store.codec import DEFAULT_CODEC, Codec
from aurora_dash.data.store.layout import OWN_FOLDER, Layout
from aurora_dash.data.store.ledger import ledger_path, read_records
from aurora_dash.data.store.manifest import (
    MANIFEST_FILE,
    Manifest,
    Provenance,
    Recipe,
    is_training_store,
    read_manifest,
)
from aurora_dash.data.store.moments import all_statistics
from aurora_dash.data.store.sources import source_files, step_sources
from aurora_dash.data.store.store import open_store
from aurora_dash.data.store.writing import (
    Progress,
    Work,
    Written,
    is_up_to_date,
    statics_digest,
    write_file,
    write_store,
)
from aurora_dash.data.transforms import transformed
from aurora_dash.errors import DataError
from aurora_dash.spec import RunSpec
from aurora_dash.spec.remedies import InfillSpace, InfillTime
from aurora_dash.variables import Group, describe

STATISTICS_FILE = "statistics.json"


@dataclass(frozen=True, kw_only=True)
class Prepared:
    """What a preparation did."""

    folder: Path
    num_times: int
    """Of the store, once it is whole."""
    num_written: int
    num_kept: int
    num_removed: int
    whole: bool
    """False if it was stopped before its end."""

    def to_dict(self) -> dict[str, Any]:
        """Plain data for JSON."""
        return {**asdict(self), "folder": str(self.folder)}


def prepare(
    opened: OpenedData,
    spec: RunSpec,
    folder: Path,
    *,
    codec: Codec | None = None,
    replace: bool = False,
    progress: Callable[[Progress], None] = lambda _: None,
    should_stop: Callable[[], bool] = lambda: False,
) -> Prepared:
    """Write what `spec` needs of `opened` (as `open_data` gave it for it) into a store.

    `spec` is one of `unfilled`: what is missing stays so in the store and is filled on reading.
    A store that is there already is brought up to date: added times are appended, those whose
    files changed are written again, those no longer there are removed. One of other variables,
    levels, grid or codec is refused, or with `replace` begun anew. Without a `codec` it keeps
    the one it has. The caller sees to it that nobody else writes the same store. `DataError` for
    what can't be read, written or stored.
    """
    refuse_foreign(folder)
    before = read_manifest(folder) if is_training_store(folder) else None
    keys = _keys(spec, opened.dataset)
    layout = Layout.of(opened.dataset, keys, codec or codec_of(folder))
    if "time" not in opened.dataset.dims or not layout.moving:
        raise DataError("There is no field in time to be prepared.", remedy="Add weather data.")
    recipe = _recipe(spec)
    if before is not None:
        layout = _as_before(before, layout, recipe, folder, replace=replace)
    work = _work(opened, spec, folder, layout, recipe)
    written = _nothing_to_do(work) or write_store(work, progress=progress, should_stop=should_stop)
    if written.whole and written.num_written + written.num_removed:
        _write_statistics(folder)
    return Prepared(folder=folder, num_times=work.times.size, **asdict(written))


def codec_of(folder: Path) -> Codec:
    """That of the store in a folder; where there is none yet, what it gets unless told."""
    if not is_training_store(folder):
        return DEFAULT_CODEC
    return Layout.from_dict(read_manifest(folder).layout).codec


def _as_before(
    before: Manifest, layout: Layout, recipe: Recipe, folder: Path, *, replace: bool
) -> Layout:
    """The layout of a store that is brought up to date, or the new one of one begun anew."""
    difference = _difference(before, layout, recipe)
    if not difference:
        return Layout.from_dict(before.layout)
    if not replace:
        raise DataError(
            f"The training store {folder} was prepared otherwise: {difference}.",
            remedy="Prepare into another folder, or say that it is to be replaced (--replace).",
        )
    _clear(folder, Layout.from_dict(before.layout))
    return layout


def unfilled(spec: RunSpec) -> RunSpec:
    """The spec without remedies that fill values in.

    A store keeps them missing, so that whoever reads it still knows what was never measured.
    """
    kept = tuple(r for r in spec.data.remedies if not isinstance(r, InfillTime | InfillSpace))
    return spec.replace(data=spec.data.replace(remedies=kept))


def _keys(spec: RunSpec, dataset: xr.Dataset) -> list[str]:
    """The variables of the model that the data has, in the model's order."""
    wanted = [describe(name, group).key for group in Group for name in spec.names(group)]
    return [key for key in wanted if key in dataset]


def _recipe(spec: RunSpec) -> Recipe:
    changed = [v for v in spec.variables if v.transform != "none"]
    named = [v for v in spec.variables if v.source_name is not None]
    return Recipe(
        transforms={
            describe(v.name, v.group).key: (v.transform, v.transform_offset) for v in changed
        },
        source_names={describe(v.name, v.group).key: str(v.source_name) for v in named},
        remedies=tuple(r.model_dump(mode="json") for r in spec.data.remedies),
    )


def _work(opened: OpenedData, spec: RunSpec, folder: Path, layout: Layout, recipe: Recipe) -> Work:
    dataset = opened.dataset
    times = dataset["time"].values
    by_key = {describe(v.name, v.group).key: v for v in spec.variables}
    return Work(
        dataset=dataset,
        folder=folder,
        layout=layout,
        manifest=Manifest(
            complete=False,
            num_times=times.size,
            layout=layout.to_dict(),
            recipe=recipe,
            statics=statics_digest(dataset, layout.static),
            provenance=_provenance(opened, spec, folder),
        ),
        sources=step_sources(opened, spec.data, times),
        transforms={key: partial(transformed, variable=by_key[key]) for key in recipe.transforms},
    )


def _provenance(opened: OpenedData, spec: RunSpec, folder: Path) -> Provenance:
    now = datetime.now(UTC).isoformat(timespec="seconds")
    earlier = read_manifest(folder).provenance if is_training_store(folder) else None
    asked = spec.model_dump(mode="json")
    synthetic = bool(opened.dataset.attrs.get("synthetic"))
    return Provenance(
        created=earlier.created if earlier else now,
        updated=now,
        spec={part: asked[part] for part in ("model", "data", "variables")},
        sources=source_files(opened, opened.dataset["time"].values),
        done=tuple(finding.message for finding in opened.findings),
        attribution=opened.attribution or attribution(opened, synthetic=synthetic),
        versions={
            "aurora-dash": __version__,
            **{name: version(name) for name in ("numcodecs", "numpy", "xarray")},
        },
    )


def _difference(before: Manifest, layout: Layout, recipe: Recipe) -> str:
    """In what a store differs from what is asked for, in words; empty if in nothing."""
    old = Layout.from_dict(before.layout)
    for name, has, wants in (
        ("variables", sorted(old.attributes), sorted(layout.attributes)),
        ("levels", list(old.level), list(layout.level)),
        ("codec", old.codec, layout.codec),
        ("transforms", before.recipe.transforms, recipe.transforms),
        ("source names", before.recipe.source_names, recipe.source_names),
        ("remedies", before.recipe.remedies, recipe.remedies),
    ):
        if has != wants:
            return f"it has {name} {has or 'none'}, wanted: {wants or 'none'}"
    if (old.latitude, old.longitude) != (layout.latitude, layout.longitude):
        sizes = [f"{len(one.latitude)} x {len(one.longitude)} points" for one in (old, layout)]
        return f"it has {sizes[0]}, wanted are {sizes[1]}, or the same number elsewhere"
    return ""


def _nothing_to_do(work: Work) -> Written | None:
    if not is_training_store(work.folder):
        return None
    before = read_manifest(work.folder)
    if not before.complete or before.statics != work.manifest.statics or not is_up_to_date(work):
        return None
    kept = read_records(work.folder, work.layout).size
    return Written(num_written=0, num_kept=kept, num_removed=0, whole=True)


def refuse_foreign(folder: Path) -> None:
    """Nothing is written into a folder that holds something else."""
    if folder.exists() and not folder.is_dir():
        raise DataError(f"{folder} is a file, not a folder.", remedy="Choose another name.")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        found = [entry.name for entry in folder.iterdir() if entry.name != OWN_FOLDER]
    except OSError as error:
        raise DataError(
            f"The folder {folder} can't be made or read: {error.strerror}.",
            remedy="Choose a folder that you may write to.",
        ) from error
    if found and not is_training_store(folder):
        raise DataError(
            f"{folder} holds other things already ({', '.join(sorted(found)[:3])}).",
            remedy="Choose a folder that is empty or does not exist yet.",
        )


def _write_statistics(folder: Path) -> None:
    """For people and other programs; training merges the ledger's moments of its own times."""
    found = {name: asdict(moments) for name, moments in all_statistics(open_store(folder)).items()}
    text = json.dumps({"over": "all times of the store", "statistics": found}, indent=1)
    write_file(folder / OWN_FOLDER / STATISTICS_FILE, (text.replace("NaN", "null") + "\n").encode())


def _clear(folder: Path, layout: Layout) -> None:
    """Remove all that a store of this layout consists of; other files in its folder stay."""
    (folder / OWN_FOLDER / MANIFEST_FILE).unlink(missing_ok=True)
    ledger_path(folder).unlink(missing_ok=True)
    (folder / "zarr.json").unlink(missing_ok=True)
    for name in (*layout.attributes, "time", "level", "latitude", "longitude"):
        shutil.rmtree(folder / name, ignore_errors=True)
