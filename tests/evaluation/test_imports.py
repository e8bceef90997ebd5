from __future__ import annotations

import subprocess
import sys

LIGHT = (
    *("request", "results", "job", "fields", "metrics", "regions", "samples"),
    *("maps.opening", "maps.drawing", "maps.series"),
)


def test_what_pages_read_results_with_does_not_import_torch() -> None:
    names = ", ".join(f"aurora_dash.evaluation.{name}" for name in LIGHT)
    names += ", aurora_dash.data.area"
    code = f"import sys, {names}; sys.exit('torch' in sys.modules or 'aurora' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False, timeout=60).returncode == 0
