"""The checkpoint catalogue: what each Aurora variant is, needs and gives. Free of torch.

Figures were read from microsoft-aurora 2.0.1 (class signatures and defaults); a test compares
every entry with the installed package, so a new release that changes one fails loudly.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Literal

from aurora_dash.errors import SpecError
from aurora_dash.variables import Group, Variable, describe

PRESSURE_LEVELS: tuple[int, ...] = (50, 100, 150, 200, 250, 300, 400, 500, 600, 700, 850, 925, 1000)
"""The 13 levels (hPa) for which Aurora has statistics."""

HUB_REPOSITORY = "microsoft/aurora"

_SURFACE = ("2t", "10u", "10v", "msl")
_STATIC = ("lsm", "z", "slt")
_ATMOSPHERIC = ("z", "u", "v", "t", "q")


@dataclass(frozen=True, kw_only=True)
class Variant:
    """One downloadable checkpoint and the model class that goes with it."""

    id: str
    title: str
    note: str
    class_name: str
    """Class in the `aurora` package."""
    filename: str
    revision: str
    """Commit of the hub repository, so that results stay comparable."""
    num_parameters: int
    resolution_degrees: float
    timestep_hours: int = 6
    patch_size: int = 4
    surface: tuple[str, ...] = _SURFACE
    static: tuple[str, ...] = _STATIC
    atmospheric: tuple[str, ...] = _ATMOSPHERIC
    levels: tuple[int, ...] = PRESSURE_LEVELS
    output_only: tuple[str, ...] = ()
    """Surface variables that are predicted but not given."""
    computed: tuple[str, ...] = ()
    """Inputs that the model or this project computes, not asked of the data."""
    static_file: str | None = "aurora-0.25-static.pickle"
    has_variable_lead: bool = False
    """Takes the lead time of each forecast as an input; others have the one of their time step."""
    predicts_changes: bool = False
    """Gives some variables as a change of an input a whole number of time steps before."""
    uses_lora: bool = False
    lora_mode: Literal["single", "from_second", "all"] = "single"
    """In which steps of a forecast its LoRA acts: in all alike, in all but the first, or in each
    another one."""
    licence: str = "MIT"
    repository: str = HUB_REPOSITORY

    @property
    def size_gib(self) -> float:
        """Download size: four bytes a parameter."""
        return self.num_parameters * 4 / 2**30

    def variables(self, group: Group) -> tuple[Variable, ...]:
        """The variant's variables of one group, in the model's order."""
        names = {
            Group.SURFACE: self.surface,
            Group.STATIC: self.static,
            Group.ATMOSPHERIC: self.atmospheric,
        }
        return tuple(describe(name, group) for name in names[group])

    @property
    def required_surface(self) -> tuple[str, ...]:
        """Surface variables that the data must bring."""
        return tuple(v for v in self.surface if v not in self.output_only + self.computed)


_POLLUTANTS = ("pm1", "pm2p5", "pm10", "tcco", "tc_no", "tcno2", "gtco3", "tcso2")
_EMISSIONS = tuple(
    f"static_{gas}{suffix}" for gas in ("ammonia", "co", "nox", "so2") for suffix in ("", "_log")
)
_WAVE = (
    *("swh", "mwd", "mwp", "pp1d", "shww", "mdww", "mpww", "shts", "mdts", "mpts"),
    *("swh1", "mwd1", "mwp1", "swh2", "mwd2", "mwp2", "wind", "10u_wave", "10v_wave"),
)
_V1P5_INPUT = (
    *("2d", "tcwv", "tcc", "100u", "100v", "sp", "lcc", "mcc", "hcc", "skt", "stl1", "swvl1"),
    *("ci", "scaled_sd"),
)
_V1P5_OUTPUT = ("i10fg", "blh", "uvb_1h", "ssrd_1h", "ttr_1h", "scaled_tp_1h", "scaled_sf_1h")
_V1P5_STATIC = (
    *("lsm", "z", "anor", "isor", "cvh", "cl", "dl", "cvl", "slor"),
    *(f"slt_{code}" for code in range(8)),
    *("sdfor", "sdor"),
    *(f"tvh_{code}" for code in (0, 18, 19, 3, 4, 5, 6)),
    *(f"tvl_{code}" for code in (0, 1, 10, 11, 13, 16, 17, 2, 7, 9)),
)

_BASE_REVISION = "0be7e57c685dac86b78c4a19a3ab149d13c6a3dd"

VARIANTS: tuple[Variant, ...] = (
    Variant(
        id="small",
        title="Small pretrained, 0.25°",
        note="The quick one: for trying things out and debugging, not for forecasts.",
        class_name="AuroraSmallPretrained",
        filename="aurora-0.25-small-pretrained.ckpt",
        revision=_BASE_REVISION,
        num_parameters=112_797_584,
        resolution_degrees=0.25,
    ),
    Variant(
        id="0.25-pretrained",
        title="Pretrained, 0.25°",
        note="The base for fine-tuning: trained on many data sets, no LoRA.",
        class_name="AuroraPretrained",
        filename="aurora-0.25-pretrained.ckpt",
        revision=_BASE_REVISION,
        num_parameters=1_256_300_176,
        resolution_degrees=0.25,
    ),
    Variant(
        id="0.25-finetuned",
        title="Fine-tuned on HRES T0, 0.25°",
        note="Best at medium-range forecasts from HRES analyses; carries LoRA weights.",
        class_name="Aurora",
        filename="aurora-0.25-finetuned.ckpt",
        revision=_BASE_REVISION,
        num_parameters=1_259_150_992,
        resolution_degrees=0.25,
        uses_lora=True,
    ),
    Variant(
        id="0.25-12h-pretrained",
        title="Pretrained, 12-hour step, 0.25°",
        note="A base with a 12-hour time step: fewer steps to long lead times.",
        class_name="Aurora12hPretrained",
        filename="aurora-0.25-12h-pretrained.ckpt",
        revision="15e76e47b65bf4b28fd2246b7b5b951d6e2443b9",
        num_parameters=1_256_300_176,
        resolution_degrees=0.25,
        timestep_hours=12,
    ),
    Variant(
        id="0.1-finetuned",
        title="Fine-tuned on HRES T0, 0.1°",
        note="High resolution; patches of 10 grid points, carries LoRA weights.",
        class_name="AuroraHighRes",
        filename="aurora-0.1-finetuned.ckpt",
        revision=_BASE_REVISION,
        num_parameters=1_201_987_972,
        resolution_degrees=0.1,
        patch_size=10,
        static_file="aurora-0.1-static.pickle",
        uses_lora=True,
    ),
    Variant(
        id="0.4-air-pollution",
        title="Air pollution, 0.4°",
        note="Gases and particulate matter from CAMS; 12-hour step, needs emission statics.",
        class_name="AuroraAirPollution",
        filename="aurora-0.4-air-pollution.ckpt",
        revision="1764d5630a53d3d7a7d169ca335236fc343e4bfc",
        num_parameters=1_272_694_198,
        resolution_degrees=0.4,
        timestep_hours=12,
        patch_size=3,
        surface=(*_SURFACE, *_POLLUTANTS),
        static=(*_STATIC, *_EMISSIONS),
        atmospheric=(*_ATMOSPHERIC, "co", "no", "no2", "go3", "so2"),
        static_file="aurora-0.4-air-pollution-static.pickle",
        predicts_changes=True,
        uses_lora=True,
    ),
    Variant(
        id="0.25-wave",
        title="Ocean waves, 0.25°",
        note="Waves from HRES-WAM beside the weather; absent waves are NaN.",
        class_name="AuroraWave",
        filename="aurora-0.25-wave.ckpt",
        revision="74598e8c65d53a96077c08bb91acdfa5525340c9",
        num_parameters=1_260_595_520,
        resolution_degrees=0.25,
        surface=(*_SURFACE, *_WAVE),
        static=(*_STATIC, "wmb", "lat_mask"),
        static_file="aurora-0.25-wave-static.pickle",
        uses_lora=True,
        lora_mode="from_second",
    ),
    Variant(
        id="v1.5",
        title="V1.5, 0.25°",
        note="26 surface variables, lead times from one hour, half precision inside.",
        class_name="AuroraV1p5",
        filename="aurora-0.25-v1.5.ckpt",
        revision="a96afd7ee6d65e3bd2d476f3be798a25a56f2296",
        num_parameters=1_257_562_096,
        resolution_degrees=0.25,
        surface=(*_SURFACE, *_V1P5_INPUT, *_V1P5_OUTPUT, "insolation"),
        static=_V1P5_STATIC,
        output_only=_V1P5_OUTPUT,
        computed=("insolation",),
        static_file="aurora-0.25-v1.5-static.pickle",
        has_variable_lead=True,
    ),
    Variant(
        id="v1.5-ensemble",
        title="V1.5 ensemble, 0.25°",
        note="V1.5 with noise inside: every forward pass is another member.",
        class_name="AuroraV1p5Ensemble",
        filename="aurora-0.25-v1.5-ensemble.ckpt",
        revision="a96afd7ee6d65e3bd2d476f3be798a25a56f2296",
        num_parameters=1_260_184_560,
        resolution_degrees=0.25,
        surface=(*_SURFACE, *_V1P5_INPUT, *_V1P5_OUTPUT, "insolation"),
        static=_V1P5_STATIC,
        output_only=_V1P5_OUTPUT,
        computed=("insolation",),
        static_file="aurora-0.25-v1.5-static.pickle",
        has_variable_lead=True,
    ),
)


@cache
def _by_id() -> dict[str, Variant]:
    return {variant.id: variant for variant in VARIANTS}


def get_variant(variant_id: str) -> Variant:
    """The catalogue entry `variant_id`; `SpecError` names the known ones if there is none."""
    try:
        return _by_id()[variant_id]
    except KeyError:
        known = ", ".join(_by_id())
        raise SpecError(
            f"There is no model variant {variant_id!r}.", remedy=f"Choose one of: {known}."
        ) from None
