"""Entry point: parse, run one command, print its answer; errors become one line and a code."""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Sequence

from aurora_dash.cli.grammar import build_parser
from aurora_dash.cli.output import Answer, Printer, reserved_stdout
from aurora_dash.errors import AuroraDashError

USER_ERROR = 2
INTERRUPTED = 130


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command.

    Returns 0 on success, 1 for a run that failed or a check that found errors, 2 for what the
    user can put right (usage, missing files, a wrong spec), 130 after Ctrl-C.
    """
    given = list(sys.argv[1:] if arguments is None else arguments)
    as_json = "--json" in given
    # OpenMP threads that spin starve whoever shares the cores; said before torch is imported.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    logging.basicConfig(stream=sys.stderr, format="%(levelname)s: %(message)s")
    try:
        options = build_parser().parse_args(given)
        with reserved_stdout() as stdout:
            answer: Answer = options.handler(options)
            Printer(stdout, as_json=as_json).answer(answer)
            return answer.exit_code
    except AuroraDashError as error:
        Printer(sys.stdout, as_json=as_json).refuse(error)
        return USER_ERROR
    except KeyboardInterrupt:
        sys.stderr.write("error: interrupted\n")
        return INTERRUPTED
