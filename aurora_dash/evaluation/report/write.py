"""Reports as files: HTML is one file, Markdown has its pictures in a folder beside it."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path

from aurora_dash.errors import EvaluationError
from aurora_dash.evaluation.report.build import make_report, spec_behind
from aurora_dash.evaluation.report.content import Report
from aurora_dash.evaluation.report.html import render_html
from aurora_dash.evaluation.report.markdown import render_markdown
from aurora_dash.evaluation.results import EvaluationResult, require_writable
from aurora_dash.runs.files import cannot_write, write_atomic
from aurora_dash.runs.store import RunStore


def require_report_path(path: Path) -> None:
    """`EvaluationError` or `RunError` where no report can go, before hours are spent on it."""
    if path.suffix.lower() not in (".html", ".md"):
        raise EvaluationError(
            f"{path.name} does not say how to write the report.",
            remedy="End it with .html for one file, or with .md for Markdown and its pictures.",
        )
    require_writable(path.parent)


def write_report(result: EvaluationResult, path: Path, *, store: RunStore) -> tuple[Path, ...]:
    """Write the report of an evaluation, HTML or Markdown by the suffix; the files, it first.

    `store` is where the run lies that was judged. `EvaluationError` or `RunError` says why not.
    """
    require_report_path(path)
    report = make_report(result, spec_behind(result, store))
    if path.suffix.lower() == ".html":
        write_atomic(path, render_html(report))
        return (path,)
    folder = path.with_name(f"{path.stem}_files")
    try:
        written = [_write(folder / name, content) for name, content in _pictures(report).items()]
    except OSError as error:
        raise cannot_write(folder, error) from error
    write_atomic(path, render_markdown(report, folder.name if written else ""))
    return (path, *written)


def html_report(result: EvaluationResult, *, store: RunStore) -> bytes:
    """The HTML file."""
    return render_html(make_report(result, spec_behind(result, store))).encode()


def markdown_archive(result: EvaluationResult, *, store: RunStore) -> bytes:
    """The Markdown and its pictures as a ZIP file, named as a model repository has them."""
    report = make_report(result, spec_behind(result, store))
    folder, pictures = "README_files", _pictures(report)
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("README.md", render_markdown(report, folder if pictures else ""))
        for name, content in pictures.items():
            archive.writestr(f"{folder}/{name}", content)
    return buffer.getvalue()


def _pictures(report: Report) -> dict[str, bytes]:
    """By the name of their file."""
    return {
        f"{picture.name}.{picture.format}": picture.content
        for picture in (*report.curves, *report.maps)
    }


def _write(path: Path, content: bytes) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path
