"""The tools of all benchmarks: a clock, worker processes, medians with quartiles, properties of the machine."""

from __future__ import annotations

import json
import os
import platform
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

ROOT = Path(__file__).parent.parent

# Environment variables that limit the other libraries to an instruction set, by gdcore's name of it.
ISA_LIMITS = {
    "avx2": {
        "MKL_ENABLE_INSTRUCTIONS": "AVX2",
        "ONEDNN_MAX_CPU_ISA": "AVX2",
        "OPENBLAS_CORETYPE": "Haswell",
        "ATEN_CPU_CAPABILITY": "avx2",
        "XLA_FLAGS": "--xla_cpu_max_isa=AVX2",
    },
}


class Spread(NamedTuple):
    """Median and quartiles."""

    low: float
    median: float
    high: float

    def __format__(self, spec: str) -> str:
        return f"{self.median:{spec}} [{self.low:{spec}}–{self.high:{spec}}]"


def spread(values: Iterable[float]) -> Spread:
    """Median and quartiles of some numbers; one number is all three."""
    values = sorted(values)
    if len(values) == 1:
        return Spread(values[0], values[0], values[0])
    low, median, high = statistics.quantiles(values, n=4, method="inclusive")
    return Spread(low, median, high)


def geometric_mean(values: Sequence[float]) -> float:
    """The n-th root of the product."""
    return statistics.geometric_mean(values)


def clock(take: Callable[[int], None], seconds: float, unit: int = 1, blocks: int = 10) -> float:
    """Median time of one step.

    Parameters
    ----------
    take : function of a count that takes so many steps
    seconds : approximate length of the measurement
    unit : counts are multiples of this
    blocks : approximate number of separate timings

    Returns
    -------
    float
        Seconds a step.
    """
    count, wanted = unit, seconds / blocks
    while True:  # grow a block until it is long enough; this warms up, too
        spent = timed(take, count)
        if spent >= wanted:
            break
        count = unit * max(
            2 * count // unit, min(round(wanted / spent * count / unit), 10 * count // unit)
        )
    times: list[float] = []
    until = time.perf_counter() + seconds
    while not times or time.perf_counter() < until:
        times.append(timed(take, count) / count)
    return statistics.median(times)


def timed(take: Callable[[int], None], count: int) -> float:
    """Seconds that `count` steps take together."""
    begin = time.perf_counter()
    take(count)
    return time.perf_counter() - begin


def keep_to(threads: int) -> None:
    """Pin this process to the last `threads` processors: the first one handles interrupts."""
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[-threads:])


class Failed(Exception):
    """A measurement that failed; the message is the last line of its output."""


def in_process(
    module: str, *arguments: str, threads: int, isa: str | None = None
) -> dict[str, Any]:
    """What `python -m module arguments` prints as its last line, in JSON.

    Raises
    ------
    Failed
        If it ends with an error.
    """
    run = subprocess.run(
        [sys.executable, "-m", module, *arguments],
        cwd=ROOT,
        env=limited(threads, isa),
        capture_output=True,
        text=True,
    )
    if run.returncode:
        raise Failed((run.stderr.strip().splitlines() or [f"exit status {run.returncode}"])[-1])
    result: dict[str, Any] = json.loads(run.stdout.strip().splitlines()[-1])
    return result


class Worker:
    """A process that answers questions, one at a time, until it is closed.

    Asking several of them alternately exposes all to the same disturbances (clock frequency, other
    processes) without starting a process for each measurement.

    Parameters
    ----------
    module, arguments : what `python -m` runs; it ends by calling `serve`
    threads, isa : what the process is limited to

    Examples
    --------
    >>> with Worker("bench.products", "--serve", "numpy", threads=1) as numpy:  # doctest: +SKIP
    ...     numpy.ask({"product": "x W", "shape": [32, 64, 64], "seconds": 0.02})
    """

    def __init__(self, module: str, *arguments: str, threads: int, isa: str | None = None) -> None:
        self.name = " ".join([module, *arguments])
        self.process = subprocess.Popen(
            [sys.executable, "-m", module, *arguments],
            cwd=ROOT,
            env=limited(threads, isa),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def ask(self, question: Any) -> Any:
        """The answer to a question.

        Raises
        ------
        Failed
            If the process has ended; its error is on stderr.
        """
        assert self.process.stdin and self.process.stdout
        try:
            self.process.stdin.write(json.dumps(question) + "\n")
            self.process.stdin.flush()
            answer = self.process.stdout.readline()
        except BrokenPipeError:
            answer = ""
        if not answer:
            raise Failed(f"{self.name} ended with status {self.process.wait()}")
        return json.loads(answer)

    def __enter__(self) -> Worker:
        return self

    def __exit__(self, *_: object) -> None:
        assert self.process.stdin and self.process.stdout
        self.process.stdin.close()
        self.process.stdout.close()
        self.process.wait()


def serve(answer: Callable[[Any], Any]) -> None:
    """Answer the questions of a `Worker`'s owner until its pipe is closed."""
    for line in sys.stdin:
        print(json.dumps(answer(json.loads(line))), flush=True)


def limited(threads: int, isa: str | None) -> dict[str, str]:
    """The environment of a process that is limited to a number of threads and an instruction set."""
    environment = os.environ | {"OMP_NUM_THREADS": str(threads), "PYTHONWARNINGS": "ignore"}
    # Import from cached bytecode: compiling it takes three times as long.
    environment.pop("PYTHONDONTWRITEBYTECODE", None)
    if isa is not None:
        environment |= {"GDCORE_ISA": isa} | ISA_LIMITS.get(isa, {})
    return environment


def drawn(rng: np.random.Generator, shape: tuple[int, ...], low: float, high: float) -> np.ndarray:
    """Uniform float32 numbers."""
    return rng.random(shape, np.float32) * np.float32(high - low) + np.float32(low)


def processor() -> str:
    """The processor's model."""
    try:
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    except OSError:
        pass
    return platform.processor() or platform.machine()


def processors() -> int:
    """How many this process may run on."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


class Bystanders:
    """The share of processor time that other processes took during a measurement (Linux).

    Examples
    --------
    >>> with Bystanders() as others:
    ...     pass
    >>> 0 <= others.share <= 1
    True
    """

    def __enter__(self) -> Bystanders:
        self.begin, self.share = self._now(), 0.0
        return self

    def __exit__(self, *_: object) -> None:
        wall, busy, own = (b - a for a, b in zip(self.begin, self._now(), strict=True))
        room = wall * (os.cpu_count() or 1)
        self.share = min(1.0, max(0.0, busy - own) / room) if room > 0 else 0.0

    @staticmethod
    def _now() -> tuple[float, float, float]:
        """Seconds of wall time, of all processes (with time stolen by other virtual machines), and of this one."""
        try:
            fields = Path("/proc/stat").read_text().split("\n", 1)[0].split()[1:9]
            user, nice, system, _, _, interrupts, soft, stolen = map(int, fields)
        except (OSError, ValueError):
            return time.perf_counter(), 0.0, 0.0
        ticks = user + nice + system + interrupts + soft + stolen
        return time.perf_counter(), ticks / os.sysconf("SC_CLK_TCK"), sum(os.times()[:4])


def progress(text: str) -> None:
    """Show the current measurement on one line that is erased later; nothing if stderr is no terminal."""
    if sys.stderr.isatty():
        print("\r" + text.ljust(60) + ("" if text else "\r"), end="", file=sys.stderr, flush=True)


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A table that reads well in a terminal and is Markdown, too."""
    cells = [list(head), *map(list, rows)]
    widths = [max(len(r[c]) for r in cells) for c in range(len(head))]

    def line(row: Sequence[str]) -> str:
        rest = (c.rjust(w) for c, w in zip(row[1:], widths[1:], strict=True))
        return "| " + " | ".join([row[0].ljust(widths[0]), *rest]) + " |"

    rule = "|" + "|".join(["-" * (widths[0] + 2), *("-" * (w + 1) + ":" for w in widths[1:])]) + "|"
    return "\n".join([line(head), rule, *map(line, rows)])
