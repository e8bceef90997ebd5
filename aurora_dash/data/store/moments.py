"""Statistics from what a training store recorded of every time; no field is read for them."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path

import numpy as np
import xarray as xr

from aurora_dash.data.statistics import Moments, variable_statistics
from aurora_dash.data.store.ledger import merge_moments, statistics_names
from aurora_dash.data.store.store import MARK, TrainingStore, open_store
from aurora_dash.data.transforms import transformed
from aurora_dash.spec import VariableSpec
from aurora_dash.variables import describe

NO_TRANSFORM: tuple[str, float | None] = ("none", None)

Transform = tuple[str, float | None]
"""Kind and offset, as in `VariableSpec`."""


def stored_statistics(
    dataset: xr.Dataset,
    key: str,
    *,
    time_indices: Sequence[int] | None = None,
    transform: Transform = NO_TRANSFORM,
) -> dict[str, Moments] | None:
    """Moments as `variable_statistics` gives them, if a store has them; None if it has not.

    It has them for any times and levels of its variables, but not for a part of its grid, and
    only for the transform that it was prepared with.
    """
    folder = dataset[key].attrs.get(MARK) if key in dataset else None
    if folder is None or "time" not in dataset[key].dims:
        return None
    store = open_store(Path(folder))
    made = store.manifest.recipe.transforms.get(key, NO_TRANSFORM)
    if made != transform or not _has_whole_grid(dataset, store):
        return None
    times = dataset["time"].values
    chosen = times if time_indices is None else times[np.unique(time_indices)]
    slots = store.slots[np.searchsorted(store.times, chosen)]
    names = statistics_names(store.layout)
    columns = [i for i, (owner, _) in enumerate(names) if owner == key]
    if "level" in dataset[key].dims:
        positions = {level: i for i, level in enumerate(store.layout.level)}
        columns = [columns[positions[level]] for level in dataset["level"].values.tolist()]
    merged = merge_moments(store.records["moments"][slots][:, columns])
    return {names[c][1]: moments for c, moments in zip(columns, merged, strict=True)}


def moments_of(
    dataset: xr.Dataset, variable: VariableSpec, time_indices: Sequence[int] | None
) -> dict[str, Moments]:
    """Moments of a new variable, of what its transform makes of the values, under Aurora's keys.

    From a training store's ledger where it has them; otherwise the fields are read. `DataError`
    as `variable_statistics`.
    """
    key = describe(variable.name, variable.group).key
    made = (variable.transform, variable.transform_offset)
    stored = stored_statistics(dataset, key, time_indices=time_indices, transform=made)
    if stored is not None and all(moments.count for moments in stored.values()):
        return stored
    return variable_statistics(
        dataset, key, time_indices=time_indices, transform=partial(transformed, variable=variable)
    )


def all_statistics(store: TrainingStore) -> dict[str, Moments]:
    """Of every variable and level over all times."""
    merged = merge_moments(store.records["moments"][store.slots])
    names = [name for _, name in statistics_names(store.layout)]
    return dict(zip(names, merged, strict=True))


def _has_whole_grid(dataset: xr.Dataset, store: TrainingStore) -> bool:
    return np.array_equal(dataset["latitude"].values, store.layout.latitude) and np.array_equal(
        dataset["longitude"].values, store.layout.longitude
    )
