"""Aurora's own means and standard deviations, read without importing torch.

The package keeps them as two literal dictionaries in a module that imports torch, which takes
seconds that pages and checks do not have. The module's source is parsed instead; a test compares
the outcome with what the imported module holds.
"""

from __future__ import annotations

import ast
from collections.abc import Mapping
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from types import MappingProxyType

from aurora_dash.data.statistics import level_key
from aurora_dash.errors import ModelError

Pair = tuple[float, float]
"""Mean and standard deviation."""


def own_statistics(name: str, level: float | None = None) -> Pair | None:
    """Aurora's mean and standard deviation of a variable, in its unit; None if it has none.

    An atmospheric variable needs its `level` in hPa. V1.5 and the wave and pollution variants
    normalise some variables after transforming them: those are statistics of transformed values.
    """
    return all_own_statistics().get(name if level is None else level_key(name, level))


@cache
def all_own_statistics() -> Mapping[str, Pair]:
    """All of Aurora's pairs by its keys: ``2t`` for surface and static, ``z_500`` on a level."""
    tables = _literals(_source())
    locations, scales = tables["locations"], tables["scales"]
    return MappingProxyType(
        {key: (float(mean), float(scales[key])) for key, mean in locations.items()}
    )


def _source() -> Path:
    # Asking for the submodule itself would import the package, and torch with it.
    package = find_spec("aurora")
    if package is None or not package.submodule_search_locations:
        raise ModelError(
            "The package microsoft-aurora is not installed.", remedy="Run `make install`."
        )
    return Path(package.submodule_search_locations[0]) / "normalisation.py"


def _literals(path: Path) -> dict[str, dict[str, float]]:
    found = {}
    for node in ast.parse(path.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name) and node.value:
            found[node.target.id] = node.value
    if not {"locations", "scales"} <= found.keys():
        raise ModelError(
            f"{path} holds no statistics where this project looks for them.",
            remedy="Install the version of microsoft-aurora in constraints.txt.",
        )
    return {name: ast.literal_eval(found[name]) for name in ("locations", "scales")}
