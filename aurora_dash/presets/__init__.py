"""Presets: functions that return a complete spec one can start from, listed by name."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from aurora_dash.errors import SpecError
from aurora_dash.presets import own, paper
from aurora_dash.presets.own import demo
from aurora_dash.spec import RunSpec

__all__ = ["PRESETS", "Preset", "demo", "get_preset"]


@dataclass(frozen=True, kw_only=True)
class Preset:
    """A complete spec by name."""

    name: str
    title: str
    build: Callable[[], RunSpec]
    needs_files: bool = True
    """Whether it makes sense with real data alone."""

    @property
    def summary(self) -> str:
        """What it is, in a sentence."""
        return " ".join((self.build.__doc__ or "").split())


_ALL = (
    Preset(name="demo", title="Demo", build=demo, needs_files=False),
    Preset(name="new-variable", title="New variable", build=own.new_variable),
    Preset(name="regional", title="Regional", build=own.regional),
    Preset(name="lora-rollout", title="LoRA rollout", build=own.lora_rollout),
    Preset(name="hres-0.25", title="Paper: HRES 0.25°", build=paper.hres),
    Preset(name="hres-0.25-rollout", title="Paper: HRES 0.25°, rollout", build=paper.hres_rollout),
    Preset(name="hres-0.1", title="Paper: HRES 0.1°", build=paper.high_resolution),
    Preset(
        name="hres-0.1-rollout",
        title="Paper: HRES 0.1°, rollout",
        build=paper.high_resolution_rollout,
    ),
    Preset(name="cams-reanalysis", title="Paper: CAMS, reanalysis", build=paper.cams_reanalysis),
    Preset(name="cams-analysis", title="Paper: CAMS, analysis", build=paper.cams_analysis),
    Preset(name="cams-rollout", title="Paper: CAMS, rollout", build=paper.cams_rollout),
    Preset(name="wam", title="Paper: WAM, first stage", build=paper.wam),
    Preset(name="wam-second", title="Paper: WAM, second stage", build=paper.wam_second),
    Preset(name="wam-rollout", title="Paper: WAM, rollout", build=paper.wam_rollout),
)

PRESETS: dict[str, Preset] = {preset.name: preset for preset in _ALL}


def get_preset(name: str) -> RunSpec:
    """The complete spec of a preset; `SpecError` names the known ones if there is none."""
    try:
        return PRESETS[name].build()
    except KeyError:
        known = ", ".join(PRESETS)
        raise SpecError(
            f"There is no preset {name!r}.", remedy=f"Known presets: {known}."
        ) from None
