"""What the README says is so: its tree, its commands, its links."""

from __future__ import annotations

import importlib.util
import re
import shlex
import tomllib
from pathlib import Path
from types import ModuleType

REPOSITORY = Path(__file__).resolve().parent.parent
README = (REPOSITORY / "README.md").read_text(encoding="utf-8")


def _generator() -> ModuleType:
    spec = importlib.util.spec_from_file_location(
        "readme_tree", REPOSITORY / "docs" / "readme_tree.py"
    )
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_tree_is_current() -> None:
    assert _generator().render(README) == README, "run: python docs/readme_tree.py"


def test_every_file_of_the_package_says_what_it_is() -> None:
    for line in _generator().tree().splitlines():
        assert len(line.split(maxsplit=1)) == 2 or line.rstrip().endswith("/"), line


def test_links_to_files_lead_somewhere() -> None:
    targets = re.findall(r"\]\(([^)#]+)\)", README)
    local = [target for target in targets if "://" not in target]
    assert local
    assert [target for target in local if not (REPOSITORY / target).exists()] == []


def _shell_lines() -> list[list[str]]:
    """The commands of the README's shell blocks, split as a shell would."""
    blocks = re.findall(r"```sh\n(.*?)```", README, re.DOTALL)
    return [shlex.split(line, comments=True) for block in blocks for line in block.splitlines()]


def test_the_make_targets_it_names_exist() -> None:
    makefile = (REPOSITORY / "Makefile").read_text(encoding="utf-8")
    targets = {line[1] for line in _shell_lines() if line[0] == "make"}
    assert {"run", "test"} <= targets
    for target in targets:
        assert re.search(rf"^{target}:", makefile, re.MULTILINE), target


def test_the_commands_it_shows_are_understood() -> None:
    from aurora_dash.cli.grammar import build_parser

    shown = [line[1:] for line in _shell_lines() if line[0].endswith("aurora-dash")]
    assert len(shown) >= 7
    parser = build_parser()
    for arguments in shown:
        parser.parse_args(arguments)


def test_constraints_hold_exact_versions_and_no_addresses() -> None:
    lines = (REPOSITORY / "constraints.txt").read_text(encoding="utf-8").splitlines()
    for line in lines:
        if line and not line.startswith("#"):
            assert re.fullmatch(r"[A-Za-z0-9_.\-]+==[A-Za-z0-9_.+!]+", line), line


def test_every_dependency_is_constrained() -> None:
    project = tomllib.loads((REPOSITORY / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    wanted = [*project["dependencies"], *project["optional-dependencies"]["dev"]]
    names = {re.split(r"[<>=\[]", line)[0].lower().replace("_", "-") for line in wanted}
    pinned = {
        line.split("==")[0].lower().replace("_", "-")
        for line in (REPOSITORY / "constraints.txt").read_text(encoding="utf-8").splitlines()
    }
    assert names - pinned == set()
