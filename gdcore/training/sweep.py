"""One pass over data in one or a few calls into C, with the sums of loss and metrics."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from gdcore._core import DONE, NOT_FINITE
from gdcore.data.dataset import Data
from gdcore.data.image_rows import AugmentedImages
from gdcore.data.read_ahead import ReadAhead
from gdcore.data.stream import Stream, streams
from gdcore.engine.gathering import gathered
from gdcore.engine.steps import Step
from gdcore.metrics import Metric
from gdcore.runtime import check_stop

KEPT_BYTES = 32 << 20  # of outputs that are kept until metrics are updated


@dataclass(eq=False, repr=False)
class Tally:
    """Accumulates loss and metrics over an epoch.

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
        """Add the losses of steps of `batch` rows each; the last step of the epoch takes the rest of `rows`.

        They are added one by one, so that the sum does not depend on how many steps a call into C took.
        """
        total, done = self.loss, self.rows
        for loss in losses.tolist():
            size = batch if done + batch <= rows else rows - done
            total += loss * size
            done += size
        self.loss, self.rows = total, done

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
    epoch: int | None = None,
) -> tuple[int, int]:
    """One pass over the data.

    Parameters
    ----------
    step : Step
    data : Data
    batch, order, seed, counter, exchange
        As for `Session.run`.
    epoch : int, optional
        Of training: images are augmented as this epoch has them; None leaves them as they are.
    tally : Tally
        What loss and metrics are added to.
    clock : callable, optional
        Returns the number of the model's training steps so far; needed by a step with an update, in
        place of `counter`. It is called before each call into C, because a callback may train too.
    one_by_one : bool
        Return from C after every step.
    after : callable, optional
        Called after each call into C as (steps done, rows done, last loss, outputs that metrics have
        not been updated with yet); True ends the pass.
    cut : int, optional
        Return from C after every step whose number, by `clock`, is a multiple of this.
    first, held
        When resuming: steps that are done already, and their outputs that metrics have not been
        updated with yet.

    Returns
    -------
    (steps completed, DONE or NOT_FINITE)

    Notes
    -----
    Metrics are updated with blocks of outputs whose length depends on the data alone, not on when a call
    into C returned, so that their sums are the same to the bit.
    """
    session, rows = step.session, data.rows
    steps = -(-rows // batch)
    feeds = data.feeds()
    ahead = None if order is None else ReadAhead([a for a, _ in feeds], order)
    if epoch is not None:
        feeds = [
            (a.drawn(seed, epoch) if isinstance(a, AugmentedImages) else a, s) for a, s in feeds
        ]
    stream = Stream(feeds, order, rows, batch) if any(streams(a) for a, _ in feeds) else None
    row_bytes = sum(session.tap_rows) * session.real.itemsize
    room = max(1, KEPT_BYTES // (batch * row_bytes)) if row_bytes else steps

    def seen(kept: list[np.ndarray]) -> list[np.ndarray]:
        """What metrics look at: the first output, and its mask."""
        return kept[: 1 + step.masked]

    def show(outputs: list[np.ndarray], start: int) -> None:
        """Update the metrics with the first output, for the rows from `start` on."""
        if not outputs:
            return
        values, *masks = outputs
        here = slice(start, start + len(values))
        which = here if order is None else order[here]
        weights = None if data.weights is None else data.weights[which]
        for mask in masks:  # a weight for each step
            weights = (mask if weights is None else mask * weights[:, None]).reshape(-1)
        truth = feeds[len(data.inputs)][0][which]
        if isinstance(truth, AugmentedImages):
            truth = gathered(truth, len(truth)) if truth.moved else np.asarray(truth)
        for m in tally.metrics:
            m.update(
                truth,
                values.reshape(len(values), *step.output_shapes[0]),
                weights,
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
                settings = now - first, step.numbers.changes
                # At first, and after a callback has set a learning rate or trained a step.
                if settings != known:
                    known, hyper = settings, step.numbers.rows(now - at, end - begin)
            fed, samples, begun, drawn = feeds, rows, first, order
            if stream is not None:  # arrays of these steps alone
                fed, count, samples = stream.steps(first, count)
                begun, drawn = 0, None
            done, status = session.run(
                fed,
                samples,
                batch,
                first=begun,
                steps=count,
                order=drawn,
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
            unseen = [k[: min(rows, first * batch) - span.start] for k in seen(kept)]
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
