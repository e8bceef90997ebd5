"""Icons: streamlit refuses a page that has one which it does not know."""

from __future__ import annotations

import re
from pathlib import Path

from streamlit.string_util import validate_material_icon

_ICON = re.compile(r":material/\w+:")


def test_every_icon_is_one_that_streamlit_knows(repository: Path) -> None:
    sources = [*repository.glob("pages/*.py"), *repository.glob("aurora_dash/ui/**/*.py")]
    icons = {
        icon
        for path in (repository / "app.py", *sources)
        for icon in _ICON.findall(path.read_text(encoding="utf-8"))
    }
    assert len(icons) > 30
    for icon in icons:
        validate_material_icon(icon)
