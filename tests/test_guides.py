"""The guides' code runs and prints what the guides say; their pictures are there."""

import contextlib
import io
import re
from pathlib import Path

import pytest

DOCS = Path(__file__).parent.parent / "docs"
GUIDES = sorted((DOCS / "guides").glob("diagnostics.md"))


@pytest.mark.parametrize("path", GUIDES, ids=lambda p: p.stem)
def test_code_prints_what_the_guide_shows(path, tmp_path, monkeypatch):
    pytest.importorskip("matplotlib")
    monkeypatch.chdir(tmp_path)
    names = {}
    blocks = re.findall(r"```(python|text)\n(.*?)```", path.read_text(encoding="utf-8"), re.S)
    assert blocks
    printed = ""
    for kind, text in blocks:
        if kind == "text":
            assert printed.strip() == text.strip()
            continue
        out = io.StringIO()
        with contextlib.redirect_stdout(out):
            exec(compile(text, str(path), "exec"), names)
        printed = out.getvalue()


@pytest.mark.parametrize("path", GUIDES, ids=lambda p: p.stem)
def test_pictures_are_there(path):
    found = re.findall(r"!\[([^\]]*)\]\(([^)]+)\)", path.read_text(encoding="utf-8"))
    assert found
    for words, target in found:
        assert words, target
        assert (path.parent / target).is_file(), target
