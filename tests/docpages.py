"""The code of the documentation's pages, as a reader who goes from top to bottom would run it.

What a page may say to this runner, in comments that a reader does not see:

``<!-- needs: torch, onnx -->`` before a block
    The block runs where these can be imported. Above the page's title it speaks of the whole page.
``<!-- not run: why -->`` before a block
    It is compiled, not run, and says why.
``<!-- run -->`` before a ``sh`` block
    A shell runs it, in the page's folder and with this gdcore as `gdcore`. Other shell blocks are for
    reading.
``<!-- slow -->`` above the title
    The page takes longer than a few seconds.

Every ``python`` block runs. The blocks of a page share one namespace and one temporary working
directory. A ``text`` block that follows code directly is what that code prints: ``...`` stands for any
words, or for the rest of one, and a number agrees if it is the same to the digits shown (the last of
them may be off by one).
"""

import re
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
DOCS = ROOT / "docs"
FENCE = re.compile(r"^```(\w*)[^\n]*\n(.*?)^```[ \t]*$", re.S | re.M)
REMARK = re.compile(r"<!--\s*(needs|not run|run|slow)\b(?::\s*(.*?))?\s*-->", re.S)


@dataclass
class Block:
    """Code of a page.

    Attributes
    ----------
    language : "python" or "sh"
    text, line : the code, and the number of its first line in the page
    needs : names of what has to be importable
    runs : whether it is run
    prints : what it prints, where the page shows it
    """

    language: str
    text: str
    line: int
    needs: list[str] = field(default_factory=list)
    runs: bool = True
    prints: str | None = None


@dataclass
class Page:
    """A page's code.

    Attributes
    ----------
    blocks : list of Block
    needs : names of what the whole page needs
    slow : bool
    """

    blocks: list[Block]
    needs: list[str]
    slow: bool


def pages():
    """Every page of the documentation."""
    return sorted(DOCS.rglob("*.md"))


def names(text):
    return [n.strip() for n in (text or "").split(",") if n.strip()]


def read(text):
    """The code of a page's text."""
    title = re.search(r"^# ", text, re.M)
    head = dict(REMARK.findall(text[: title.start()] if title else ""))
    page = Page([], names(head.get("needs")), "slow" in head)
    end = title.start() if title else 0
    for fence in FENCE.finditer(text):
        language, body = fence.groups()
        between, before = text[end : fence.start()], page.blocks[-1] if page.blocks else None
        remarks = dict(REMARK.findall(between))
        end = fence.end()
        if language in ("python", "sh"):
            runs = "not run" not in remarks and (language == "python" or "run" in remarks)
            line = text.count("\n", 0, fence.start()) + 2
            page.blocks.append(Block(language, body, line, names(remarks.get("needs")), runs))
        elif language == "text" and not between.strip() and before and before.runs:
            before.prints = body
    return page


NUMBER = re.compile(r"(?<![\w.])[-+]?\d+(?:,\d{3})*(?:\.\d+)?(?:[eE][-+]?\d+)?(?![\w])")


def step(number):
    """What one in the last digit of a written number is worth; 0 for a whole number."""
    mantissa, _, exponent = number.lower().partition("e")
    digits = len(mantissa.partition(".")[2])
    return 10.0 ** (int(exponent or 0) - digits) if digits or exponent else 0.0


def same_word(shown, printed):
    if "..." in shown:
        return re.fullmatch(".*".join(map(re.escape, shown.split("..."))), printed) is not None
    wanted, got = NUMBER.findall(shown), NUMBER.findall(printed)
    if NUMBER.sub("#", shown) != NUMBER.sub("#", printed) or len(wanted) != len(got):
        return False
    return all(
        abs(float(w.replace(",", "")) - float(g.replace(",", ""))) <= 1.5 * step(w)
        for w, g in zip(wanted, got, strict=True)
    )


def agrees(shown, printed):
    """Whether a page shows what was printed: word by word, ``...`` being any number of words."""
    wanted, got = shown.split(), printed.split()
    reached = {0}  # how many printed words can be used up by the shown ones so far
    for word in wanted:
        if word == "...":
            reached = set(range(min(reached, default=len(got) + 1), len(got) + 1))
        else:
            reached = {i + 1 for i in reached if i < len(got) and same_word(word, got[i])}
    return len(got) in reached
