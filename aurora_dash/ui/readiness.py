"""What stands in the way of a launch, looked at no more often than it may change."""

from __future__ import annotations

import streamlit as st

from aurora_dash.data.findings import Finding, sort_findings
from aurora_dash.doctor import readiness
from aurora_dash.model.advice import trainable_findings
from aurora_dash.spec import ModelSpec, RunSpec
from aurora_dash.ui import estimates, machine, opened
from aurora_dash.ui.cache import run_store


def findings(spec: RunSpec) -> tuple[Finding, ...]:
    """Everything that was found about the spec, errors first."""
    here = machine.summary()
    return sort_findings(
        [
            *readiness.weights_findings(spec.model, run_store()),
            *(_download(spec.model.variant) if spec.model.source == "hub" else ()),
            *readiness.device_findings(spec.training.device, here),
            *readiness.memory_findings(spec, here),
            *estimates.findings(spec),
            *trainable_findings(spec),
            *opened.findings(spec),
        ]
    )


@st.cache_data(ttl=120, show_spinner="Asking whether the hub can be reached")
def _download(variant: str) -> list[Finding]:
    return list(readiness.download_findings(ModelSpec(variant=variant, source="hub")))
