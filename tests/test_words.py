"""Comments and docstrings are in the plain technical English of the field: riddles of the past are refused.

The rule stands in CONTRIBUTING.md; what a table here refuses, it says in plain words.
"""

import re
import tokenize
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
FOLDERS = ("gdcore", "csrc", "bench")
pytestmark = pytest.mark.skipif(
    not (ROOT / "gdcore").exists(), reason="the sources are not beside the tests"
)

RIDDLES = {  # a regular expression: what to say instead
    r"between two questions": "poll every N operations",
    r"computed the other way round": "computes Cᵀ = BᵀAᵀ",
    r"turn(s|ed|ing)? over at a time": "transposes in blocks of N",
    r"(nothing|never|not|none) (is |are )?asked twice": "skips validation",
    r"with (little|less) asked": "the fast path, which skips validation",
    r"Ctrl-C is (heard|looked at)": "signals are polled, or handled",
    r"hears Ctrl-C": "polls for signals",
    r"meetings? (of|between) (all |the )?threads|between (two )?meetings": "barrier",
    r"(the )?same weather": "the same disturbances",
    r"has need of": "needs",
    r"lies? about": "say where it is",
    r"whose turn it (is|was)|it is its turn|writer's turn": "holds the lock",
    r"is told (which|that|so)": "gets, receives",
}
NAMES = {"again", "later", "pace", "turns", "order", "examination", "copies", "gate"}
GENERATED = {"csrc/ops/map_chains.h"}
FILES = sorted(
    path
    for folder in FOLDERS
    for path in (ROOT / folder).rglob("*")
    if path.suffix in (".py", ".pyi", ".pyx", ".pxi", ".c", ".h")
    and path.relative_to(ROOT).as_posix() not in GENERATED
)


def prose(path):
    """Comments and docstrings of a file, as one line each: (line number, text)."""
    text = path.read_text(encoding="utf-8")
    if path.suffix == ".py":
        with tokenize.open(path) as file:
            found = [
                (t.start[0], t.string)
                for t in tokenize.generate_tokens(file.readline)
                if t.type == tokenize.COMMENT or t.string.startswith(('"""', 'r"""'))
            ]
    else:
        mark = r"/\*.*?\*/|//[^\n]*" if path.suffix in (".c", ".h") else r'""".*?"""|#[^\n]*'
        found = [
            (text.count("\n", 0, m.start()) + 1, m[0]) for m in re.finditer(mark, text, re.DOTALL)
        ]
    lines = []
    for at, said in found:  # comments on successive lines are one text
        if lines and said.startswith("#") and lines[-1][2] == at - 1:
            lines[-1] = (lines[-1][0], lines[-1][1] + said, at)
        else:
            lines.append((at, said, at))
    return [(at, re.sub(r"[\s#*]+", " ", said)) for at, said, _ in lines]


def riddles(path):
    return [
        f"{path.relative_to(ROOT).as_posix()}:{at}: {found[0]!r}: {plain}"
        for at, said in prose(path)
        for riddle, plain in RIDDLES.items()
        if (found := re.search(rf"\b(?:{riddle})\b", said, re.IGNORECASE))
    ]


@pytest.mark.parametrize("folder", FOLDERS)
def test_no_comment_is_a_riddle(folder):
    within = [path for path in FILES if (ROOT / folder) in path.parents]
    assert [line for path in within for line in riddles(path)] == []


def test_files_are_named_by_the_words_of_the_field():
    assert [p.relative_to(ROOT).as_posix() for p in FILES if p.stem in NAMES] == []


@pytest.mark.parametrize("suffix", [".py", ".pxi", ".c"])
def test_a_riddle_is_found(tmp_path, monkeypatch, suffix):
    monkeypatch.setattr("test_words.ROOT", tmp_path)
    said = ["so much work goes by between", "two questions"]
    said = f"/* {said[0]}\n * {said[1]} */\n" if suffix == ".c" else f"# {said[0]}\n# {said[1]}\n"
    path = tmp_path / f"file{suffix}"
    path.write_text(f"\n{said}", encoding="utf-8")
    assert riddles(path) == [f"file{suffix}:2: 'between two questions': poll every N operations"]
