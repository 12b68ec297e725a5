"""The README's examples run, and print what the README says."""

import re
import subprocess
import sys
from pathlib import Path

README = (Path(__file__).parent.parent / "README.md").read_text()


def blocks(language):
    return re.findall(rf"```{language}\n(.*?)```", README, re.S)


def test_example_prints_what_the_readme_shows(tmp_path):
    example, printed = blocks("python")[0], blocks("text")[0]
    result = subprocess.run(
        [sys.executable, "-c", example], cwd=tmp_path, capture_output=True, text=True
    )
    assert result.returncode == 0, result.stderr
    # losses differ in their last places between instruction sets; what is printed is rounded
    assert result.stdout.strip() == printed.strip()


def test_second_example_is_valid():
    import gdcore as gd

    names = {"gd": gd}
    exec(blocks("python")[1], names)
    assert names["Residual"](3).predict([[1.0, 2.0, 3.0]]).shape == (1, 3)


def test_set_up_is_two_commands():
    commands = [line for block in blocks("sh") for line in block.splitlines() if "venv" in line]
    assert len(commands) == 2
    assert all(c.startswith("python3 -m venv .venv && ") for c in commands)
