"""Write the tree of the README from the first line of every file's docstring.

`python docs/readme_tree.py` rewrites it; a test fails when it is out of date.
"""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parent.parent
START, END = "<!-- tree -->", "<!-- /tree -->"

# What is not Python, or is said better about a whole folder than about each file.
NOTES = {
    "Makefile": "everything a person types: run, test, check, format",
    "pyproject.toml": "dependencies and the settings of the tools",
    "constraints.txt": "exact versions that were tested together",
    ".ci/run": "what continuous integration runs: make test",
    ".ci/chromium": "gets a Chromium for the browser tests",
    ".streamlit/config.toml": "address, theme and the settings that keep training fast",
    "assets/": "logo, coastlines (Natural Earth, public domain)",
    "benchmarks/": "speed measured by ratio; results as JSON",
    "docs/": "spec fields, run folder, training store, losses, benchmarks; what generates them",
    "examples/": "specs to start from",
    "tests/": "mirror the package; browser/ drives a real Chromium",
    "CHANGELOG.md": "what changed",
}


def tree() -> str:
    """The tree as an indented code block."""
    lines: list[str] = []
    _add_folder(lines, REPOSITORY / "aurora_dash", depth=0)
    top = [f"app.py{_gap('app.py', 0)}{_summary(REPOSITORY / 'app.py')}", "pages/"]
    for page in sorted((REPOSITORY / "pages").glob("*.py")):
        top.append(f"  {page.name}{_gap(page.name, 1)}{_summary(page)}")
    notes = [
        f"{name}{_gap(name, 0)}{note}"
        for name, note in NOTES.items()
        if (REPOSITORY / name).exists()
    ]
    return "\n".join(f"    {line}" for line in [*top, *lines, *notes])


def _tracked(folder: Path) -> set[Path]:
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", str(folder)],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        check=True,
    )
    return {REPOSITORY / line for line in listed.stdout.splitlines()}


def _add_folder(lines: list[str], folder: Path, depth: int) -> None:
    tracked = _tracked(folder)
    init = folder / "__init__.py"
    note = _summary(init) if init.exists() else ""
    lines.append(f"{'  ' * depth}{folder.name}/{_gap(folder.name + '/', depth)}{note}")
    for path in sorted(folder.iterdir(), key=lambda p: (p.is_dir(), p.name)):
        if path.is_dir() and any(path in file.parents for file in tracked):
            _add_folder(lines, path, depth + 1)
        elif path in tracked and path.name not in {"__init__.py", "py.typed"}:
            name = "  " * (depth + 1) + path.name
            lines.append(f"{name}{_gap(path.name, depth + 1)}{_summary(path)}")


def _gap(name: str, depth: int) -> str:
    return " " * max(1, 28 - len(name) - 2 * depth)


def _summary(path: Path) -> str:
    if path.suffix == ".py":
        docstring = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or ""
        return " ".join(docstring.split("\n\n")[0].split()).rstrip(".")
    first = path.read_text(encoding="utf-8").lstrip().splitlines()[0]
    return first.strip("/* ").rstrip(".")


def render(readme: str) -> str:
    """The README's text with the tree put between its markers."""
    before, rest = readme.split(START, 1)
    _, after = rest.split(END, 1)
    return f"{before}{START}\n\n{tree()}\n\n{END}{after}"


def main() -> None:
    """Rewrite the README in place."""
    path = REPOSITORY / "README.md"
    path.write_text(render(path.read_text(encoding="utf-8")), encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main())
