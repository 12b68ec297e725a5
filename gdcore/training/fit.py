"""The training loop: epochs, each in one or a few calls into C."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from gdcore import _core
from gdcore.callbacks import Callback, History, Saver, wants_batches
from gdcore.data.arrays import Rows
from gdcore.data.read_ahead import ReadAhead
from gdcore.data.shuffle import epoch_order, given_order
from gdcore.engine.locks import training
from gdcore.errors import NonFiniteError
from gdcore.metrics import Metric
from gdcore.runtime import check_stop
from gdcore.show.progress import Progress
from gdcore.training import resume as resuming

if TYPE_CHECKING:
    from gdcore.engine.steps import Step, Target
    from gdcore.model import Model

VALIDATION_BATCH = 256  # at least so many samples a step: nothing is updated between them
KEPT_BYTES = 32 << 20  # outputs kept for metrics between two calls into C


@dataclass(eq=False, repr=False)
class Data:
    """Arrays of a data set, ready for a session.

    Attributes
    ----------
    inputs : list of arrays or sparse rows
    targets : list of arrays
    weights : array or None
    spec : what the targets look like
    columns : names of the columns of frames, by what they were given for
    """

    inputs: list[Rows]
    targets: list[np.ndarray]
    weights: np.ndarray | None = None
    spec: tuple[Target, ...] = ()
    columns: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    @property
    def rows(self) -> int:
        """Number of samples."""
        return len(self.inputs[0])

    @property
    def width(self) -> int:
        """Elements of all inputs of one sample."""
        return sum(math.prod(a.shape[1:]) for a in self.inputs)

    def feeds(self) -> list[tuple[Rows, float]]:
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
            self.columns,
        )


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
    one_by_one: bool = False,
    hyper_from: int | None = None,
    after: Callable[[int, int, float, list[np.ndarray]], bool] | None = None,
    cut: int | None = None,
    first: int = 0,
    held: Sequence[np.ndarray] = (),
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
    after : called as (steps done, rows done, last loss, outputs that no metric has seen yet) after
        each call into C; True ends the pass
    cut : come back after every step whose number, from `counter`, is a multiple of this
    first, held : steps that were done before, and their outputs that no metric has seen yet

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
        hyper = (
            step.numbers.rows(hyper_from + begin, end - begin)
            if step.numbers and hyper_from is not None
            else None
        )
        status, stop, unseen = _core.DONE, False, kept[:0]
        while first < end and not stop and status != _core.NOT_FINITE:
            at = first - begin
            count = 1 if one_by_one else end - first
            if ahead is not None:
                ahead.before(first * batch)
            if cut is not None:
                count = min(count, cut - (counter + first) % cut)
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
        shuffle: bool | str | Callable[[int], Any],
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
        self.savers = [c for c in callbacks if isinstance(c, Saver)]
        cuts = {c.every_steps for c in self.savers} - {None}
        self.cut = math.gcd(*cuts) if cuts else None  # type: ignore[arg-type]
        # Where it stands: whole epochs, steps of the next one, and what those steps have summed up.
        self.at_epoch = self.at_step = 0
        self.tally = Tally(self.metrics)
        self.held: list[np.ndarray] = []
        self.lr = 0.0
        self.given_order: int | None = None  # of the epoch, a checksum
        self.resumed: Mapping[str, Any] | None = None

    def resume(self, state: Mapping[str, Any]) -> None:
        """Go on from what `resuming.state_of` gave; the model's memory has been set already.

        Raises
        ------
        ValueError
            If it is of another training run.
        """
        resuming.check(self, state)
        self.resumed = state

    def run(self) -> History:
        """All epochs that are left."""
        with training(self.model):
            return self._run()

    def _run(self) -> History:
        model = self.model
        model.stop_training = False
        model.history = self.history  # there too when Ctrl-C ends the loop
        self._tell("on_data", self.data)
        self._tell("on_train_begin", {})
        if self.resumed is not None:
            resuming.restore(self, self.resumed)
        for saver in self.savers:
            saver.begin(self.resumed is not None)
        logs = self.history.last()
        over = self.resumed is not None and model.stop_training
        try:
            while self.at_epoch < self.epochs and not over:
                epoch = self.at_epoch
                if not self.at_step:
                    self._tell("on_epoch_begin", epoch, {})
                self.progress.start_epoch()
                logs = self.epoch(epoch)
                self._tell("on_epoch_end", epoch, logs)
                self.progress.end_epoch(epoch, logs)
                model.optimizer.schedule.update(logs)
                over = model.stop_training
                self.at_epoch, self.at_step, self.held = epoch + 1, 0, []
                self._save_point(logs, over or epoch + 1 == self.epochs)
        finally:
            self.progress.close()
        self._tell("on_train_end", logs)
        return self.history

    def _tell(self, event: str, *args: Any) -> None:
        for c in self.callbacks:
            getattr(c, event)(*args)

    def order(self, epoch: int) -> np.ndarray | None:
        """The order of an epoch's samples; None is that in which they lie."""
        if callable(self.shuffle):
            order = given_order(self.shuffle, epoch, self.data.rows)
            resuming.same_order(self, order)
            return order
        model = self.model
        return epoch_order(
            self.shuffle, self.data.rows, self.data.width, model.seed, model.epochs_done
        )

    def _save_point(self, logs: dict[str, Any] | None, last: bool = False) -> None:
        for saver in self.savers:
            saver.save_point(lambda: resuming.state_of(self), logs, last)

    def epoch(self, epoch: int) -> dict[str, Any]:
        """One pass over the training data, or what is left of it, and one over the validation data."""
        model, taken_before = self.model, self.at_step
        begin = model.steps_done - taken_before  # the number of the epoch's first step
        if not taken_before:
            for m in (*self.metrics, *self.val_metrics):
                m.reset()
            self.tally = Tally(self.metrics)
            self.lr = float(model.optimizer.schedule(begin))
        order = self.order(epoch)
        step = model.train_step(self.batch, self.data, bool(self.metrics))

        def after(steps: int, rows: int, loss: float, held: list[np.ndarray]) -> bool:
            model.steps_done = begin + steps
            if self.one_by_one:
                self._tell("on_batch_end", steps - 1, {"loss": loss})
            self.progress.advance(epoch, rows, self.tally.logs)
            stop = self.one_by_one and model.stop_training
            if self.savers and not stop and rows < self.data.rows:
                self.at_step, self.held = steps, held
                self._save_point(None)
            return stop

        taken = step.session.runner.taken
        try:
            done, status = sweep(
                step,
                self.data,
                self.batch,
                self.tally,
                order=order,
                seed=model.seed,
                counter=begin,
                one_by_one=self.one_by_one,
                hyper_from=begin,
                after=after,
                cut=self.cut,
                first=taken_before,
                held=self.held,
            )
        finally:  # C counts: Ctrl-C may come between its return and our own books
            model.steps_done = begin + taken_before + step.session.runner.taken - taken
        if status == _core.NOT_FINITE:
            at = (
                order[done * self.batch : (done + 1) * self.batch]
                if order is not None
                else np.arange(done * self.batch, min(self.data.rows, (done + 1) * self.batch))
            )
            tensor = model.first_bad_tensor(self.data, at)
            raise NonFiniteError(epoch, done, tensor)
        model.epochs_done += 1
        logs = self.tally.logs()
        if self.validation is not None:
            logs |= model.measure(
                self.validation, max(self.batch, VALIDATION_BATCH), self.val_metrics
            ).logs("val_")
        logs["lr"] = self.lr
        return logs
