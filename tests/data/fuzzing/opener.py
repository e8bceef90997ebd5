"""Opens files as the dashboard does, under limits: one path a line in, one outcome a line out."""

from __future__ import annotations

import json
import os
import resource
import sys
import traceback
from pathlib import Path

MEMORY_BYTES = 6 * 2**30


def _peak() -> int:
    """Most memory of this program in bytes; `getrusage` counts that of its parent too."""
    lines = Path("/proc/self/status").read_text().splitlines()
    [kilobytes] = [line.split()[1] for line in lines if line.startswith("VmHWM:")]
    return int(kilobytes) * 1024


def main() -> None:
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    from aurora_dash.data.open import open_files
    from aurora_dash.data.reading import read_values
    from aurora_dash.data.roots import expand_paths
    from aurora_dash.errors import DataError

    for line in sys.stdin:
        path = Path(line.rstrip("\n"))
        outcome, detail = "opened", ""
        try:
            opened = open_files(expand_paths([path]))
            for array in opened.dataset.data_vars.values():
                values = read_values(array)
                assert values.dtype.name == "float32"
            for check in opened.later_checks:
                check()
            opened.close()
        except DataError as error:
            outcome, detail = "refused", str(error)
        except Exception:  # noqa: BLE001  (whatever it is, it should not have come this far)
            outcome, detail = "escaped", traceback.format_exc()
        peak = _peak()
        answers.write(json.dumps({"outcome": outcome, "detail": detail, "peak": peak}) + "\n")
        answers.flush()


if __name__ == "__main__":
    main()
