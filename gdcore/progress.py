"""One line that tells how training goes; it vanishes where output is not a terminal."""

from __future__ import annotations

import sys
import time
from typing import Any, TextIO

import numpy as np

WIDTH = 24


def number(value: Any) -> str:
    """A number in few characters."""
    if np.ndim(value):
        return "…"
    if value and not 1e-4 <= abs(value) < 1e5:
        return f"{value:.2e}"
    return f"{value:.4f}"


def duration(seconds: float) -> str:
    """Seconds as people read them."""
    if seconds < 10:
        return f"{seconds:.1f}s"
    if seconds < 60:
        return f"{seconds:.0f}s"
    minutes, rest = divmod(int(seconds), 60)
    return f"{minutes}m{rest:02d}s" if minutes < 60 else f"{minutes // 60}h{minutes % 60:02d}m"


def rate(per_second: float) -> str:
    """Samples a second as people read them."""
    for unit, size in (("M", 1e6), ("k", 1e3)):
        if per_second >= size:
            return f"{per_second / size:.1f}{unit}/s"
    return f"{per_second:.0f}/s"


def as_line(logs: dict[str, Any]) -> str:
    """The numbers of an epoch in one line."""
    return "  ".join(f"{k} {number(v)}" for k, v in logs.items() if np.ndim(v) == 0 and k != "lr")


class Progress:
    """Shows epochs as they pass.

    Parameters
    ----------
    epochs : int
    samples : int
        Of one epoch.
    verbose : {0, 1, 2, "auto"}
        Nothing; a bar that is drawn over; one plain line for each epoch. "auto" is 1 on a terminal and
        0 elsewhere, and 1 becomes 2 where output is not a terminal.
    stream : file
        Standard error if None.
    """

    def __init__(self, epochs: int, samples: int, verbose: int | str = "auto", stream: TextIO | None = None) -> None:
        self.stream = stream or sys.stderr
        tty = bool(getattr(self.stream, "isatty", lambda: False)())
        if verbose == "auto":
            verbose = 1 if tty else 0
        if verbose not in (0, 1, 2):
            raise ValueError(f"verbose={verbose!r}: expected 0, 1, 2 or 'auto'")
        self.mode = 2 if verbose == 1 and not tty else verbose
        self.epochs, self.samples = epochs, samples
        self.begin = self.epoch_begin = self.drawn = time.monotonic()
        self.seen = 0

    def start_epoch(self) -> None:
        """An epoch begins."""
        self.epoch_begin = time.monotonic()

    def advance(self, epoch: int, samples: int, logs: dict[str, Any]) -> None:
        """So many samples of this epoch are done."""
        now = time.monotonic()
        if self.mode != 1 or now - self.drawn < 0.1:
            return
        self.drawn = now
        share = samples / max(1, self.samples)
        speed = samples / max(1e-9, now - self.epoch_begin)
        left = (self.epochs * self.samples - epoch * self.samples - samples) / max(1e-9, speed)
        bar = "━" * int(share * WIDTH) + "╌" * (WIDTH - int(share * WIDTH))
        self._draw(f"epoch {epoch + 1}/{self.epochs} {bar} {as_line(logs)}  {rate(speed)}  {duration(left)} left")

    def end_epoch(self, epoch: int, logs: dict[str, Any]) -> None:
        """An epoch is over."""
        if self.mode == 0:
            return
        took = time.monotonic() - self.epoch_begin
        line = f"epoch {epoch + 1}/{self.epochs}  {as_line(logs)}  {duration(took)}  {rate(self.samples / max(1e-9, took))}"
        if self.mode == 1:
            self._draw(line)
        else:
            print(line, file=self.stream, flush=True)

    def close(self) -> None:
        """The last line stays."""
        if self.mode == 1:
            print(file=self.stream, flush=True)

    def _draw(self, line: str) -> None:
        print("\r\x1b[2K" + line, end="", file=self.stream, flush=True)
