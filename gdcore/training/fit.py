"""The training loop: epochs, each in one or a few calls into C."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from gdcore._core import NOT_FINITE
from gdcore.callbacks import Callback, History, Saver, wants_batches, wants_gradients
from gdcore.data.dataset import Buckets, Data
from gdcore.data.shuffle import epoch_order, given_order
from gdcore.engine.carried import check_fit as check_carried
from gdcore.engine.carried import set_aside
from gdcore.engine.engine import Engine
from gdcore.engine.steps import Step
from gdcore.errors import NonFiniteError
from gdcore.show.progress import Progress
from gdcore.training import resume
from gdcore.training.evaluate import bad_tensor, measure, training_step
from gdcore.training.non_finite import bad_weight
from gdcore.training.prepare import bound_metrics
from gdcore.training.sequences import Rounds, sweep_batches
from gdcore.training.sweep import Tally, sweep

VALIDATION_BATCH = 256  # at least: without updates a larger batch only makes it faster


class Fit(resume.FitState):
    """One call of `Model.fit`, its arguments validated."""

    def __init__(
        self,
        engine: Engine,
        data: Data,
        validation: Data | None,
        batch: int,
        epochs: int,
        shuffle: bool | str | Callable[[int], Any],
        callbacks: Sequence[Callback],
        verbose: int | str,
    ) -> None:
        if isinstance(data, Buckets) and not isinstance(shuffle, bool):
            raise ValueError(
                f"fit shuffle={shuffle!r} of gd.data.sequences: expected True, which mixes the sequences of each "
                "bucket and the batches, or False"
            )
        batch = min(batch, data.rows)
        check_carried(engine, batch, data.rows, shuffle is False and not isinstance(data, Buckets))
        self.engine, self.data, self.validation = engine, data, validation
        self.batch, self.epochs, self.shuffle = batch, epochs, shuffle
        self.history = History()
        self.callbacks = [self.history, *callbacks]
        self.progress = Progress(epochs, data.rows, verbose)
        self.metrics = bound_metrics(engine)
        self.val_metrics = copy.deepcopy(self.metrics)
        self.one_by_one = any(wants_batches(c) for c in callbacks)
        self.exchanging = [c for c in callbacks if wants_gradients(c)]
        self.savers = [c for c in callbacks if isinstance(c, Saver)]
        cuts = {c.every_steps for c in self.savers} - {None}
        self.cut = math.gcd(*cuts) if cuts else None  # type: ignore[arg-type]
        # The position: epochs completed, steps of the current one, and the sums of those steps.
        self.at_epoch = self.at_step = 0
        self.tally = Tally(self.metrics)
        self.held: list[np.ndarray] = []
        self.lr = 0.0
        self.step: Step  # the last one that was run, or is
        self.given_order: int | None = None  # checksum of the order of a user's function
        self.resumed: Mapping[str, Any] | None = None

    def go_on(self, state: Mapping[str, Any]) -> None:
        """Resume from a state of `resume.state_of`; the model's memory has been restored already.

        Raises
        ------
        ValueError
            If it is of another training run.
        """
        resume.check(self, state)
        self.resumed = state

    def run(self) -> History:
        """Train for the epochs that are left."""
        with self.engine.training():
            return self._run()

    def _run(self) -> History:
        engine = self.engine
        engine.stop_training = False
        self._tell("on_data", self.data)
        self._tell("on_train_begin", {})
        if self.resumed is not None:
            resume.restore(self, self.resumed)
        for saver in self.savers:
            saver.begin(self.resumed is not None)
        logs = self.history.last()
        over = self.resumed is not None and engine.stop_training
        try:
            while self.at_epoch < self.epochs and not over:
                epoch = self.at_epoch
                if not self.at_step:
                    self._tell("on_epoch_begin", epoch, {})
                self.progress.start_epoch()
                logs = self.epoch(epoch)
                self._tell("on_epoch_end", epoch, logs)
                self.progress.end_epoch(epoch, logs)
                engine.optimizer.schedule.update(logs)
                over = engine.stop_training
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
        """The sample numbers of an epoch, (rows,) int64; None for the order of the data."""
        if callable(self.shuffle):
            order = given_order(self.shuffle, epoch, self.data.rows)
            resume.same_order(self, order)
            return order
        engine = self.engine
        return epoch_order(
            self.shuffle, self.data.rows, self.data.width, engine.seed, engine.epochs_done
        )

    def _save_point(self, logs: dict[str, Any] | None, last: bool = False) -> None:
        for saver in self.savers:
            saver.save_point(lambda: resume.state_of(self), logs, last)

    def epoch(self, epoch: int) -> dict[str, Any]:
        """One epoch, or what is left of it after resuming, then validation; returns the logs."""
        engine, taken_before = self.engine, self.at_step
        if not taken_before:
            for m in (*self.metrics, *self.val_metrics):
                m.reset()
            self.tally = Tally(self.metrics)
            self.lr = float(engine.optimizer.schedule(engine.steps_done))
            engine.definition.layer.reset_states()

        def step_of(part: Data) -> Step:
            self.step = training_step(
                engine,
                part,
                min(self.batch, part.rows),
                keep_outputs=bool(self.metrics),
                keep_gradients=bool(self.exchanging),
            )
            return self.step

        def exchange() -> None:
            for c in self.exchanging:
                c.on_gradients(self.step.memory.grads)

        def after(steps: int, rows: int, loss: float, held: list[np.ndarray]) -> bool:
            if self.one_by_one:
                self._tell("on_batch_end", steps - 1, {"loss": loss})
            self.progress.advance(epoch, rows, self.tally.logs)
            stop = self.one_by_one and engine.stop_training
            if self.savers and not stop and rows < self.data.rows:
                self.at_step, self.held = steps, held
                self._save_point(None)
            return stop

        moved = exchange if self.exchanging else None
        if isinstance(self.data, Buckets):
            rounds = Rounds(
                self.data, self.batch, bool(self.shuffle), engine.seed, engine.epochs_done
            )
            done, finite = sweep_batches(
                step_of,
                self.data,
                self.batch,
                self.tally,
                rounds,
                seed=engine.seed,
                clock=lambda: engine.steps_done,
                after=after,
                first=taken_before,
                exchange=moved,
            )
        else:
            order = self.order(epoch)
            done, status = sweep(
                step_of(self.data),
                self.data,
                self.batch,
                self.tally,
                order=order,
                seed=engine.seed,
                epoch=engine.epochs_done,
                clock=lambda: engine.steps_done,
                one_by_one=self.one_by_one,
                after=after,
                cut=self.cut,
                first=taken_before,
                held=self.held,
                exchange=moved,
            )
            finite = status != NOT_FINITE
        if not finite:
            if isinstance(self.data, Buckets):
                part, at = rounds.samples(self.data, self.batch, done)
            else:
                part, at = self.data, np.arange(self.data.rows) if order is None else order
                at = at[done * self.batch : (done + 1) * self.batch]
            raise NonFiniteError(epoch, done, bad_tensor(engine, part, at))
        # Each step checks its gradients before the update; the result of the last update is checked here.
        weight = bad_weight(self.step.memory)
        if weight is not None:
            raise NonFiniteError(epoch, done - 1, weight)
        engine.epochs_done += 1
        logs = self.tally.logs()
        if self.validation is not None:
            batch = max(self.batch, VALIDATION_BATCH)
            with set_aside(engine):
                logs |= measure(engine, self.validation, batch, self.val_metrics).logs("val_")
        logs["lr"] = self.lr
        return logs
