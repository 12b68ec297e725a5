"""The README's examples run, and print what the README says."""

import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")


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


def test_every_extra_is_in_the_table():
    project = ROOT / "pyproject.toml"
    if not project.exists():
        pytest.skip("pyproject.toml is not beside the tests")
    extras = tomllib.loads(project.read_text(encoding="utf-8"))["project"]["optional-dependencies"]
    for_people = {e for e in extras if e not in ("docs", "lint", "test", "test-all")}
    table = README.split("| extra | brings |")[1].split("\n\n")[0]
    rows = [line.split("|")[1] for line in table.splitlines()[2:]]
    assert {e for row in rows for e in re.findall(r"`([\w-]+)`", row)} == for_people


def test_links_lead_somewhere():
    if not (ROOT / "docs").exists():
        pytest.skip("docs/ is not beside the tests")
    links = [link for link in re.findall(r"\]\(([^)#]+)\)", README) if "://" not in link]
    assert len(links) > 10
    assert [link for link in links if not (ROOT / link).exists()] == []
