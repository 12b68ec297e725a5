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
    from gdcore.steps import Step

KEPT_BYTES = 32 << 20  # outputs kept for metrics between two calls into C


@dataclass
class Data:
    """Arrays of a data set, ready for a session.

    Attributes
    ----------
    inputs, targets : lists of arrays
    weights : array or None
    scale : factor for each input
    """

    inputs: list[np.ndarray]
    targets: list[np.ndarray]
    weights: np.ndarray | None = None

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
        )


@dataclass
class Tally:
    """Loss and metrics over an epoch."""

    metrics: Sequence[Metric]
    loss: float = 0.0
    rows: int = 0

    def logs(self, prefix: str = "") -> dict[str, Any]:
        """The numbers so far."""
        out: dict[str, Any] = {
            prefix + "loss": self.loss / self.rows if self.rows else float("nan")
        }
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
    """
    session, rows = step.session, data.rows
    steps = -(-rows // batch)
    feeds = data.feeds()
    room = steps
    if session.tap_rows:
        room = max(1, KEPT_BYTES // max(1, batch * sum(session.tap_rows) * session.real.itemsize))
    if one_by_one:
        room = 1
    first = 0
    while first < steps:
        count = min(room, steps - first)
        losses = np.empty(count)
        span = slice(first * batch, min(rows, (first + count) * batch))
        kept = [np.empty((span.stop - span.start) * n, session.real) for n in session.tap_rows]
        hyper = (
            None
            if step.numbers is None or hyper_from is None
            else step.numbers.rows(hyper_from + first, count)
        )
        done, status = session.run(
            feeds,
            rows,
            batch,
            first=first,
            steps=count,
            order=order,
            seed=seed,
            counter=counter + first,
            hyper=hyper,
            losses=losses,
            outputs=kept,
        )
        end = min(rows, (first + done) * batch)
        sizes = np.full(done, float(batch))
        if done and end == rows:
            sizes[-1] = rows - (first + done - 1) * batch
        tally.loss += float(losses[:done] @ sizes)
        tally.rows += int(sizes.sum())
        if kept and done and tally.metrics:
            which = slice(span.start, end) if order is None else order[span.start : end]
            shape = (end - span.start, *step.output_shapes[0])
            for m in tally.metrics:
                m.update(
                    data.targets[0][which],
                    kept[0][: int(np.prod(shape))].reshape(shape),
                    None if data.weights is None else data.weights[which],
                )
        first += done
        stop = (
            after(first, end, float(losses[done - 1]) if done else float("nan"))
            if after is not None
            else False
        )
        if status == _core.NOT_FINITE:
            return first, status
        if stop:
            break
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
            logs |= model.measure(self.validation, self.batch, self.val_metrics).logs("val_")
        logs["lr"] = lr
        return logs
