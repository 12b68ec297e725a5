"""The guide for those who come from scikit-learn runs from top to bottom, and prints what it shows."""

import contextlib
import io
import re
from pathlib import Path

import pytest

GUIDE = Path(__file__).parents[2] / "docs" / "guides" / "from-scikit-learn.md"
BLOCK = re.compile(r"```python\n(.*?)```(?:\n\n```text\n(.*?)```)?", re.S)


def test_guide():
    pytest.importorskip("pandas")
    space = {}
    blocks = BLOCK.findall(GUIDE.read_text(encoding="utf-8"))
    assert len(blocks) > 10
    for code, shown in blocks:
        out = io.StringIO()
        with contextlib.redirect_stdout(out):
            exec(code, space)
        if shown:
            pattern = ".*".join(map(re.escape, shown.strip().split("...")))
            assert re.fullmatch(pattern, out.getvalue().strip()), (code, out.getvalue())
