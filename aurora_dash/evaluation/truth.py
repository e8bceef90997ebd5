"""What a forecast starts from and what came true, as the model would have it.

Both go through the model's own `batch_transform_hook`, so that they have the names and the
missing values that its predictions have, and are cropped as the model crops.
"""

from __future__ import annotations

from collections.abc import Sequence

import xarray as xr
from aurora import Batch

from aurora_dash.data.batches import VariableNames, WindowSamples, collate
from aurora_dash.data.windows import Window
from aurora_dash.evaluation.samples import Sample
from aurora_dash.evaluation.slabs import Fields
from aurora_dash.model.normalised import OwnStatistics
from aurora_dash.variables import Group


class Truth:
    """Reads a canonical dataset for one model; times used twice are kept while memory allows."""

    def __init__(
        self,
        dataset: xr.Dataset,
        samples: Sequence[Sample],
        names: VariableNames,
        module: OwnStatistics,
    ) -> None:
        self._module = module
        starts = [Window(inputs=s.inputs, targets=()) for s in samples]
        self._windows = WindowSamples(dataset, starts, names)
        self._newest: tuple[int, Fields] | None = None

    def inputs(self, positions: Sequence[int]) -> Batch:
        """What the forecasts at these positions among the samples start from, in one batch."""
        return collate([self._windows[position] for position in positions])[0]

    def fields(self, time_index: int) -> Fields:
        """Observed fields of all predicted variables that the data has, at one time."""
        # The target of one sample is mostly what persistence says of the next.
        if self._newest is None or self._newest[0] != time_index:
            observed = self._windows.observed(time_index)
            observed = self._module.batch_transform_hook(observed)
            fields = fields_of(observed.crop(self._module.patch_size), 0)
            self._newest = (time_index, fields)
        return self._newest[1]


def fields_of(batch: Batch, position: int) -> Fields:
    """The newest fields of one sample of a batch, (H, W) or (L, H, W), where they are."""
    groups = ((Group.SURFACE, batch.surf_vars), (Group.ATMOSPHERIC, batch.atmos_vars))
    return {
        f"{group.prefix}{name}": values[position, -1]
        for group, variables in groups
        for name, values in variables.items()
    }
