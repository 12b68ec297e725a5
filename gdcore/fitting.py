"""The training loop: epochs, each in one or a few calls into C."""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from gdcore import _core
from gdcore.callbacks import Callback, History, wants_batches
from gdcore.errors import NonFiniteError
from gdcore.metrics import Metric
from gdcore.progress import Progress
from gdcore.schedules import ReduceOnPlateau

if TYPE_CHECKING:
    from gdcore.model import Model
    from gdcore.steps import Step, Target

VALIDATION_BATCH = 256  # at least so many samples a step: nothing is updated between them
KEPT_BYTES = 32 << 20  # outputs kept for metrics between two calls into C


@dataclass
class Data:
    """Arrays of a data set, ready for a session.

    Attributes
    ----------
    inputs, targets : lists of arrays
    weights : array or None
    spec : what the targets look like
    """

    inputs: list[np.ndarray]
    targets: list[np.ndarray]
    weights: np.ndarray | None = None
    spec: tuple[Target, ...] = ()

    @property
    def rows(self) -> int:
        """Number of samples."""
        return len(self.inputs[0])

    def feeds(self) -> list[tuple[np.ndarray, float]]:
        """In the order in which a session takes them."""
        more = [] if self.weights is None else [self.weights]
        return [(a, 1.0) for a in (*self.inputs, *self.targets, *more)]

    def take(self, rows: slice) -> Data:
        """Some of the samples."""
        return Data(
            [a[rows] for a in self.inputs],
            [a[rows] for a in self.targets],
            None if self.weights is None else self.weights[rows],
            self.spec,
        )


@dataclass
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
    one_by_one: bool = False,
    hyper_from: int | None = None,
    after: Callable[[int, int, float], bool] | None = None,
) -> tuple[int, int]:
    """One pass over the data.

    Parameters
    ----------
    step : what to run
    data, batch, order, seed, counter
        As `Session.run` takes them.
    tally : gathers loss and metrics
    one_by_one : come back after every step
    hyper_from : the number of the model's steps so far, for the optimizer's numbers
    after : called as (steps done, rows done, last loss) after each call into C; True ends the pass

    Returns
    -------
    (steps completed, _core.DONE or _core.NOT_FINITE)

    Notes
    -----
    Metrics see the outputs in stretches whose length depends on the data alone, not on where a call
    into C was interrupted: their sums have the same bits then.
    """
    session, rows = step.session, data.rows
    steps = -(-rows // batch)
    feeds = data.feeds()
    row_bytes = sum(session.tap_rows) * session.real.itemsize
    room = max(1, KEPT_BYTES // (batch * row_bytes)) if row_bytes else steps
    first = 0
    while first < steps:
        begin, end = first, min(steps, first + room)
        span = slice(begin * batch, min(rows, end * batch))
        kept = [np.empty((span.stop - span.start, n), session.real) for n in session.tap_rows]
        losses = np.empty(end - begin)
        hyper = (
            step.numbers.rows(hyper_from + begin, end - begin)
            if step.numbers and hyper_from is not None
            else None
        )
        status, stop = _core.DONE, False
        while first < end and not stop and status != _core.NOT_FINITE:
            at = first - begin
            count = 1 if one_by_one else end - first
            done, status = session.run(
                feeds,
                rows,
                batch,
                first=first,
                steps=count,
                order=order,
                seed=seed,
                counter=counter + first,
                hyper=None if hyper is None else hyper[at : at + count],
                losses=losses[at:],
                outputs=[k[at * batch :] for k in kept],
            )
            first += done
            tally.add(losses[at : at + done], batch, rows)
            if done and after is not None:
                stop = after(first, min(rows, first * batch), float(losses[at + done - 1]))
        if kept and tally.metrics:
            here = min(rows, first * batch) - span.start
            which = (
                slice(span.start, span.start + here)
                if order is None
                else order[span.start : span.start + here]
            )
            for m in tally.metrics:
                m.update(
                    data.targets[0][which],
                    kept[0][:here].reshape(here, *step.output_shapes[0]),
                    None if data.weights is None else data.weights[which],
                )
        if stop or status == _core.NOT_FINITE:
            return first, status
    return first, _core.DONE


class Fit:
    """One call of `Model.fit`: everything that it needs, checked, and then its epochs."""

    def __init__(
        self,
        model: Model,
        data: Data,
        validation: Data | None,
        batch: int,
        epochs: int,
        shuffle: bool,
        callbacks: Sequence[Callback],
        verbose: int | str,
    ) -> None:
        self.model, self.data, self.validation = model, data, validation
        self.batch, self.epochs, self.shuffle = min(batch, data.rows), epochs, shuffle
        self.history = History()
        self.callbacks = [self.history, *callbacks]
        for c in self.callbacks:
            c.model = model
        self.progress = Progress(epochs, data.rows, verbose)
        metrics = model.bound_metrics()
        self.metrics = metrics
        self.val_metrics = copy.deepcopy(metrics)
        self.one_by_one = any(wants_batches(c) for c in callbacks)

    def run(self) -> History:
        """All epochs."""
        model = self.model
        model.stop_training = False
        model.history = self.history  # there too when Ctrl-C ends the loop
        self._tell("on_data", self.data)
        self._tell("on_train_begin", {})
        logs: dict[str, Any] = {}
        try:
            for epoch in range(self.epochs):
                self._tell("on_epoch_begin", epoch, {})
                self.progress.start_epoch()
                logs = self.epoch(epoch)
                self._tell("on_epoch_end", epoch, logs)
                self.progress.end_epoch(epoch, logs)
                schedule = model.optimizer.schedule
                if isinstance(schedule, ReduceOnPlateau):
                    schedule.update(logs)
                if model.stop_training:
                    break
        finally:
            self.progress.close()
        self._tell("on_train_end", logs)
        return self.history

    def _tell(self, event: str, *args: Any) -> None:
        for c in self.callbacks:
            getattr(c, event)(*args)

    def epoch(self, epoch: int) -> dict[str, Any]:
        """One pass over the training data, and one over the validation data."""
        model = self.model
        for m in (*self.metrics, *self.val_metrics):
            m.reset()
        tally = Tally(self.metrics)
        order = None
        if self.shuffle:
            order = np.empty(self.data.rows, np.int64)
            _core.permutation(order, model.seed, model.epochs_done)
        step = model.train_step(self.batch, self.data, bool(self.metrics))
        begin = model.steps_done

        def after(steps: int, rows: int, loss: float) -> bool:
            model.steps_done = begin + steps
            if self.one_by_one:
                self._tell("on_batch_end", steps - 1, {"loss": loss})
            self.progress.advance(epoch, rows, tally.logs)
            return self.one_by_one and model.stop_training

        lr = float(model.optimizer.schedule(begin))
        taken = step.session.runner.taken
        try:
            done, status = sweep(
                step,
                self.data,
                self.batch,
                tally,
                order=order,
                seed=model.seed,
                counter=begin,
                one_by_one=self.one_by_one,
                hyper_from=begin,
                after=after,
            )
        finally:  # C counts: Ctrl-C may come between its return and our own books
            model.steps_done = begin + step.session.runner.taken - taken
        if status == _core.NOT_FINITE:
            at = (
                order[done * self.batch : (done + 1) * self.batch]
                if order is not None
                else np.arange(done * self.batch, min(self.data.rows, (done + 1) * self.batch))
            )
            tensor = model.first_bad_tensor(self.data, at)
            raise NonFiniteError(epoch, done, tensor)
        model.epochs_done += 1
        logs = tally.logs()
        if self.validation is not None:
            logs |= model.measure(
                self.validation, max(self.batch, VALIDATION_BATCH), self.val_metrics
            ).logs("val_")
        logs["lr"] = lr
        return logs
