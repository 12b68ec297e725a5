"""The loop: choose an input, change it, read it; keep it if it reached something new."""

import os
import random
import re
import time
from dataclasses import dataclass, field

from .guard import Finding

MEASURE = 64  # memory is measured for one input in so many, and for every one that is kept
MOST_KEPT = 4000


@dataclass
class Report:
    """What came of a run."""

    target: str
    inputs: int = 0
    accepted: int = 0
    kept: int = 0
    lines: int = 0
    findings: dict[str, tuple[str, bytes]] = field(default_factory=dict)

    def __str__(self):
        return (
            f"{self.target:<12} {self.inputs:>10,} inputs, {self.accepted:>9,} accepted, "
            f"{self.kept:>5,} kept, {self.lines:>5,} lines, {len(self.findings)} findings"
        )


def _pattern(text):
    """A refusal without its particulars: its first words."""
    return " ".join(re.findall(r"\b[a-z]{2,}\b", re.sub(r"'[^']*'|\"[^\"]*\"", "", text))[:12])


def fuzz(target, guard, coverage, path, seconds, seed=0, inputs=None, progress=None):
    """Feed a target for so many seconds, or so many inputs.

    Parameters
    ----------
    target : Target
    guard, coverage : Guard, Coverage
    path : str
        The file that every input is written to: the last one is there after a crash.
    seconds : float
    seed : int
    inputs : int, optional
    progress : callable of a Report, optional
        Called now and then.

    Returns
    -------
    Report
    """
    rng = random.Random(seed)
    report = Report(target.name)
    corpus, seen = [], set()
    first = target.seeds()
    for data in first:  # imports happen now, and the sound files are read
        _write(path, data)
        target.use(target.read(path))
    guard.limit_memory()

    def one(data):
        _write(path, data)
        measured = report.inputs % MEASURE == 0
        before = coverage.found
        with coverage:
            kind, result = guard.read(target.read, path, target.bound(data) if measured else None)
        new = coverage.found > before
        if kind == "accepted":
            report.accepted += 1
            if len(sound) < MOST_KEPT:
                sound.append(data)
            guard.read(lambda _: target.use(result), path)
            pattern = "accepted"
        else:
            pattern = _pattern(str(result))
        if pattern not in seen:
            seen.add(pattern)
            new = True
        if new and len(corpus) < MOST_KEPT:
            corpus.append(data)
            if not measured:
                guard.read(target.read, path, target.bound(data))
        report.lines, report.kept = coverage.found, len(corpus)

    corpus.extend(first)
    sound = list(first)  # and what else was accepted
    begin = last = time.monotonic()
    while time.monotonic() - begin < seconds and (inputs is None or report.inputs < inputs):
        # One that was accepted, one of the latest, which lead where nobody was, or any.
        chosen = rng.choice(rng.choice((sound, sound, corpus[-64:], corpus)))
        data = target.mutate(rng, chosen, rng.choice(corpus))[: target.longest]
        try:
            one(data)
        except Finding as finding:
            text = str(finding)
            report.findings.setdefault(_pattern(text), (text, data))
        report.inputs += 1
        if progress is not None and time.monotonic() - last > 10:
            last = time.monotonic()
            progress(report)
    return report


def _write(path, data):
    with open(path, "wb") as file:
        file.write(data)


def replay(target, guard, path, data):
    """Read one input as the loop does.

    Raises
    ------
    Finding
    """
    _write(path, data)
    kind, result = guard.read(target.read, path, target.bound(data))
    if kind == "accepted":
        guard.read(lambda _: target.use(result), path)
    return kind, os.path.getsize(path)
