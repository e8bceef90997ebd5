"""What holds for every command: one JSON document, one line of error, the exit code."""

from __future__ import annotations

import argparse
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from aurora_dash import __version__
from aurora_dash.cli import main
from aurora_dash.cli.grammar import build_parser
from aurora_dash.cli.output import number, table, to_json

COMMANDS = [
    "variants",
    "doctor",
    "data check",
    "train",
    "evaluate",
    "visualize",
    "runs list",
    "runs show",
    "runs stop",
    "runs resume",
    "runs delete",
    "runs compare",
]


def _parsers(
    parser: argparse.ArgumentParser, name: str = ""
) -> Iterator[tuple[str, argparse.ArgumentParser]]:
    groups = [a for a in parser._actions if isinstance(a, argparse._SubParsersAction)]
    if not groups:
        yield name, parser
    for group in groups:
        for word, inner in group.choices.items():
            yield from _parsers(inner, f"{name} {word}".strip())


def test_the_commands_are_those_of_the_design_and_all_speak_json() -> None:
    parsers = dict(_parsers(build_parser()))
    assert set(COMMANDS) <= set(parsers)
    for name, parser in parsers.items():
        assert "--json" in parser.format_help(), name
        assert parser.description and len(parser.description) > 10


@pytest.mark.parametrize("name", ["", *COMMANDS])
def test_help_goes_to_stdout(name: str, capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stopped:
        main([*name.split(), "--help"])
    out, err = capfd.readouterr()
    assert stopped.value.code == 0
    assert out.startswith(f"usage: aurora-dash {name}".rstrip())
    assert err == ""


def test_the_version_is_told(capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["--version"])
    assert capfd.readouterr().out == f"aurora-dash {__version__}\n"


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        ([], "COMMAND"),
        (["dance"], "dance"),
        (["train"], "SPEC"),
        (["train", "demo", "--sett", "a=b"], "--sett"),
        (["runs"], "COMMAND"),
        (["evaluate", "x", "--leads", "two"], "two"),
        (["train", "demo", "--set", "training.steps"], "not an assignment"),
        (["train", "demo", "--set", "training.stops=3"], "unknown key"),
        (["train", "demo", "--set", "training.steps=-3"], "-3"),
        (["train", "no-such-thing"], "neither a spec file"),
        (["train", "missing.toml"], "missing.toml"),
        (["runs", "show", "../etc"], "not a run id"),
        (["data", "check", "/no/such/file.nc"], "/no/such/file.nc"),
    ],
)
def test_user_errors_are_one_line_exit_2_and_a_document(
    cli, arguments: list[str], problem: str
) -> None:
    plain = cli(*arguments)
    assert (plain.code, plain.out) == (2, "")
    assert plain.err.startswith("error: ") and plain.err.count("\n") == 1
    assert problem in plain.err
    told = cli(*arguments, "--json")
    assert told.code == 2
    assert set(told.document) == {"error", "remedy"}
    assert problem in told.document["error"]


def test_python_m_runs_the_same_program(tmp_path: Path) -> None:
    result = subprocess.run(
        [sys.executable, "-m", "aurora_dash", "variants", "--json"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 0
    assert result.stdout.startswith("[") and result.stderr == ""


def test_commands_that_only_look_do_not_wait_for_torch() -> None:
    code = (
        "import sys; from aurora_dash.cli import main; main(['runs', 'list']); main(['variants'])\n"
        "sys.exit('torch' in sys.modules or 'xarray' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_what_libraries_print_goes_to_stderr() -> None:
    code = (
        "import os, subprocess, sys\n"
        "from aurora_dash.cli.output import Answer, Printer, reserved_stdout\n"
        "with reserved_stdout() as stdout:\n"
        "    sys.stdout.write('chatty library\\n')\n"
        "    os.write(1, b'chatty C library\\n')\n"
        "    subprocess.run(['echo', 'chatty child'], check=True)\n"
        "    Printer(stdout, as_json=True).answer(Answer(document={'a': 1}, text='a'))\n"
        "sys.stdout.write('after\\n')\n"
    )
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False
    )
    assert result.stdout == '{\n  "a": 1\n}\nafter\n'
    assert set(result.stderr.splitlines()) == {
        "chatty library",
        "chatty C library",
        "chatty child",
    }


def test_a_reader_that_goes_away_is_no_error() -> None:
    result = subprocess.run(
        f"{sys.executable} -m aurora_dash variants --json | head -c 10; echo ${{PIPESTATUS[0]}}",
        shell=True,
        executable="/bin/bash",
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.stdout.splitlines()[-1].endswith("0")
    assert result.stderr == ""


def test_json_holds_no_numbers_that_json_does_not_know() -> None:
    document = {"a": float("nan"), "b": [float("inf"), 1.5, Path("x")], 3: ("°",)}
    assert to_json(document).split() == (
        '{ "a": null, "b": [ null, 1.5, "x" ], "3": [ "°" ] }'.split()
    )


def test_tables_are_aligned() -> None:
    assert table(("a", "long"), [("xyz", "1"), ("b", "22")]) == "a    long\nxyz  1\nb    22"


def test_numbers_for_people() -> None:
    assert [number(v) for v in (None, float("nan"), 0.123456, 12345.678)] == [
        "-",
        "-",
        "0.1235",
        "1.235e+04",
    ]


def test_ctrl_c_is_told_in_a_line(cli, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(*_arguments: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("aurora_dash.cli.collection.store_of", interrupt)
    outcome = cli("runs", "list")
    assert (outcome.code, outcome.err) == (130, "error: interrupted\n")
