"""Options that several commands share, and a parser that raises instead of exiting."""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, NoReturn

from aurora_dash.cli.output import Answer
from aurora_dash.errors import AuroraDashError, SpecError
from aurora_dash.presets import PRESETS, get_preset
from aurora_dash.runs.provenance import Origin
from aurora_dash.runs.store import RunStore, default_root
from aurora_dash.spec import RunSpec, load_spec

Handler = Callable[[argparse.Namespace], Answer]


class UsageError(AuroraDashError):
    """The command line itself is wrong."""


class Parser(argparse.ArgumentParser):
    """Raises `UsageError` where argparse prints its usage and exits."""

    def __init__(self, **options: Any) -> None:
        super().__init__(
            allow_abbrev=False,
            formatter_class=argparse.RawDescriptionHelpFormatter,
            **options,
        )

    def error(self, message: str) -> NoReturn:
        """Refuse the command line."""
        raise UsageError(f"{message}.", remedy=f"See {self.prog} --help.")


class Commands:
    """Adds commands to a parser; every one takes ``--json``."""

    def __init__(self, parser: Parser) -> None:
        self._subparsers = parser.add_subparsers(metavar="COMMAND", required=True)

    def add(self, name: str, handler: Handler, *, help: str, more: str = "") -> Parser:
        """A command; its docstring-like description is `help` and `more`."""
        parser = self.group(name, help=help, more=more)
        parser.set_defaults(handler=handler)
        parser.add_argument(
            "--json", action="store_true", help="print one JSON document to stdout, nothing else"
        )
        return parser

    def group(self, name: str, *, help: str, more: str = "") -> Parser:
        """A command that only holds other commands."""
        description = f"{help[0].upper()}{help[1:]}.\n\n{more}".strip()
        return self._subparsers.add_parser(name, help=help, description=description)


def add_runs_option(parser: Parser) -> None:
    """``--runs DIR``, read by `store_of`."""
    parser.add_argument(
        "--runs",
        type=Path,
        metavar="DIR",
        help="folder of runs (default: AURORA_DASH_RUNS, else ./runs)",
    )


def store_of(options: argparse.Namespace) -> RunStore:
    """The store that ``--runs`` names."""
    return RunStore((options.runs or default_root()).expanduser().absolute())


def add_spec_options(parser: Parser) -> None:
    """``--set`` and ``--data``, read by `changed`."""
    add_set_option(parser)
    add_data_option(parser, help="shorthand for data.paths: files, folders or globs")


def add_set_option(parser: Parser) -> None:
    """``--set KEY=VALUE [KEY=VALUE ...]``, as `assignments`."""
    parser.add_argument(
        "--set",
        nargs="+",
        action="extend",
        default=[],
        metavar="KEY=VALUE",
        dest="assignments",
        help="change fields of the spec, such as training.steps=60; values are read as JSON "
        "where they parse; may be repeated",
    )


def add_user_code_option(parser: Parser) -> None:
    """``--user-code``, which lets ``loss.code`` run in this process."""
    parser.add_argument(
        "--user-code",
        action=_AllowUserCode,
        help="run the Python file that loss.code names, with all your rights",
    )


class _AllowUserCode(argparse.Action):
    def __init__(self, **options: Any) -> None:
        super().__init__(nargs=0, **options)

    def __call__(self, *arguments: Any) -> None:
        # Where code is run it is looked for here, whoever allowed it.
        os.environ["AURORA_DASH_USER_CODE"] = "1"


def add_data_option(parser: Parser, *, help: str) -> None:
    """``--data PATH [PATH ...]``."""
    parser.add_argument("--data", nargs="+", action="extend", default=[], metavar="PATH", help=help)


def changed(spec: RunSpec, options: argparse.Namespace) -> RunSpec:
    """A spec with what ``--data`` and ``--set`` say."""
    if options.data:
        data = spec.data.replace(source="files", paths=tuple(options.data))
        spec = spec.replace(data=data)
    return spec.with_overrides(options.assignments)


def _names_file(text: str) -> bool:
    path = Path(text).expanduser()
    return path.suffix in (".json", ".toml") or (path.is_file() and text not in PRESETS)


def origin_of(text: str) -> Origin:
    """What `find_spec` finds a spec in, for the run that is made of it."""
    if _names_file(text):
        return Origin(kind="file", name=text)
    return Origin(kind="preset" if text in PRESETS else "like", name=text)


def find_spec(text: str, store: RunStore) -> RunSpec:
    """The spec that a text names: a ``.json`` or ``.toml`` file, a preset, or a run's id."""
    if _names_file(text):
        return load_spec(Path(text).expanduser())
    if text in PRESETS:
        return get_preset(text)
    try:
        return store.get(text).spec()
    except AuroraDashError as error:
        if (store.root / text).is_dir():
            raise
        raise SpecError(
            f"{text!r} is neither a spec file, nor a preset ({', '.join(PRESETS)}), nor a run "
            f"in {store.root}.",
            remedy="Give a .json or .toml file, a preset's name or a run's id.",
        ) from error
