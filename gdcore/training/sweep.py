"""One pass over data in one or a few calls into C, and what it adds up to."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from gdcore._core import DONE, NOT_FINITE
from gdcore.data.dataset import Data
from gdcore.data.read_ahead import ReadAhead
from gdcore.engine.steps import Step
from gdcore.metrics import Metric
from gdcore.runtime import check_stop

KEPT_BYTES = 32 << 20  # outputs kept for metrics between two calls into C


@dataclass(eq=False, repr=False)
class Tally:
    """Loss and metrics over an epoch.

    Attributes
    ----------
    metrics : sequence of Metric
    loss : float
        Sum of the losses of all rows so far.
    rows : int
    """

    metrics: Sequence[Metric]
    loss: float = 0.0
    rows: int = 0

    @property
    def mean(self) -> float:
        """The loss of a row."""
        return self.loss / self.rows if self.rows else float("nan")

    def add(self, losses: np.ndarray, batch: int, rows: int) -> None:
        """Add steps of `batch` rows each, the last of which takes what is left of `rows`.

        One after another, so that the sum is the same however the steps were cut into calls.
        """
        for loss in losses.tolist():
            size = min(batch, rows - self.rows)
            self.loss += loss * size
            self.rows += size

    def logs(self, prefix: str = "") -> dict[str, Any]:
        """The numbers so far."""
        out: dict[str, Any] = {prefix + "loss": self.mean}
        for m in self.metrics:
            value = m.result()
            out[prefix + m.name] = float(value) if np.ndim(value) == 0 else value
        return out


def sweep(
    step: Step,
    data: Data,
    batch: int,
    tally: Tally,
    *,
    order: np.ndarray | None = None,
    seed: int = 0,
    counter: int = 0,
    clock: Callable[[], int] | None = None,
    one_by_one: bool = False,
    after: Callable[[int, int, float, list[np.ndarray]], bool] | None = None,
    cut: int | None = None,
    first: int = 0,
    held: Sequence[np.ndarray] = (),
    exchange: Callable[[], None] | None = None,
) -> tuple[int, int]:
    """One pass over the data.

    Parameters
    ----------
    step : what to run
    data, batch, order, seed, counter
        As `Session.run` takes them.
    tally : gathers loss and metrics
    clock : gives the number of the model's steps so far, instead of `counter`, where the optimizer
        takes its steps: asked before each call into C, for a callback may take steps too
    one_by_one : come back after every step
    after : called as (steps done, rows done, last loss, outputs that no metric has seen yet) after
        each call into C; True ends the pass
    cut : come back after every step whose number, by `clock`, is a multiple of this
    first, held : steps that were done before, and their outputs that no metric has seen yet
    exchange : as `Session.run` takes it

    Returns
    -------
    (steps completed, DONE or NOT_FINITE)

    Notes
    -----
    Metrics see the outputs in stretches whose length depends on the data alone, not on where a call
    into C was interrupted: their sums have the same bits then.
    """
    session, rows = step.session, data.rows
    steps = -(-rows // batch)
    feeds = data.feeds()
    ahead = None if order is None else ReadAhead([a for a, _ in feeds], order)
    row_bytes = sum(session.tap_rows) * session.real.itemsize
    room = max(1, KEPT_BYTES // (batch * row_bytes)) if row_bytes else steps

    def show(outputs: list[np.ndarray], start: int) -> None:
        """Let the metrics see the first output of the rows from `start`."""
        for values in outputs:
            here = slice(start, start + len(values))
            which = here if order is None else order[here]
            for m in tally.metrics:
                m.update(
                    data.targets[0][which],
                    values.reshape(len(values), *step.output_shapes[0]),
                    None if data.weights is None else data.weights[which],
                )

    while first < steps:
        begin = first - first % room
        end = min(steps, begin + room)
        span = slice(begin * batch, min(rows, end * batch))
        kept = [np.empty((span.stop - span.start, n), session.real) for n in session.tap_rows]
        for k, before in zip(kept, held, strict=False):
            if before.shape != (first * batch - span.start, k.shape[1]):
                raise ValueError(
                    f"outputs of shape {before.shape} were kept for the metrics: expected "
                    f"{(first * batch - span.start, k.shape[1])}"
                )
            k[: len(before)] = before
        held = ()
        losses = np.empty(end - begin)
        hyper, known = None, None
        status, stop, unseen = DONE, False, kept[:0]
        while first < end and not stop and status != NOT_FINITE:
            at = first - begin
            count = 1 if one_by_one else end - first
            if ahead is not None:
                ahead.before(first * batch)
            now = counter + first if clock is None else clock()
            if cut is not None:
                count = min(count, cut - now % cut)
            if step.numbers and clock is not None:
                settings = now - first, step.numbers.optimizer.changes
                if settings != known:  # at first, and where a callback set a rate or took a step
                    known, hyper = settings, step.numbers.rows(now - at, end - begin)
            done, status = session.run(
                feeds,
                rows,
                batch,
                first=first,
                steps=count,
                order=order,
                seed=seed,
                counter=now,
                hyper=None if hyper is None else hyper[at : at + count],
                losses=losses[at:],
                outputs=[k[at * batch :] for k in kept],
                exchange=exchange,
            )
            first += done
            check_stop()
            tally.add(losses[at : at + done], batch, rows)
            unseen = [k[: min(rows, first * batch) - span.start] for k in kept[:1]]
            if first == end:
                show(unseen, span.start)
                unseen = []
            if done and after is not None:
                stop = after(first, min(rows, first * batch), float(losses[at + done - 1]), unseen)
        if first < end:
            show(unseen, span.start)
        if stop or status == NOT_FINITE:
            return first, status
    return first, DONE
