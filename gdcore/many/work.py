"""Many models trained in parallel, one on each thread.

Each worker takes the next job, makes its model and calls `fit`, which runs in C with the GIL
released. Nothing is shared between models but the data and, where graphs are the same, plans.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from gdcore import runtime
from gdcore.callbacks import Callback, EarlyStopping
from gdcore.engine.engine import engine_of
from gdcore.graph.reuse import Plans
from gdcore.many.data import Folded, Plain
from gdcore.many.keeping import going_on
from gdcore.many.progress import Watch
from gdcore.many.results import Interrupted, Results, Run
from gdcore.many.settings import Job
from gdcore.model import Model

WAIT = 0.1  # seconds between polls of the workers


def made(model_fn: Callable[..., Model], job: Job) -> Model:
    """The model of a job.

    Raises
    ------
    TypeError
        If `model_fn` returns anything else.
    """
    model = model_fn(**job.model)
    if not isinstance(model, Model):
        raise TypeError(
            f"model_fn returned {type(model).__name__}: expected a compiled gd.Model, as in "
            "return model.compile(...)"
        )
    return model


class Work:
    """The jobs, the threads that do them, and what they share.

    Everything that is shared changes under one lock; models are made under it, too, so that
    `model_fn` is called in order and need not be thread-safe.
    """

    def __init__(
        self,
        model_fn: Callable[..., Model],
        callbacks: Callable[..., Sequence[Callback]] | None,
        source: Plain | Folded,
        results: Results,
        keep: str,
        jobs: Sequence[Job],
        first: Model,
        folders: Sequence[Path] | None,
        columns: Mapping[str, tuple[str, ...]],
    ) -> None:
        self.model_fn, self.callbacks = model_fn, callbacks
        self.source, self.results, self.keep = source, results, keep
        self.folders, self.columns = folders, columns
        # Fold by fold, so that few copies of the data are there at a time.
        self.waiting = sorted(jobs, key=lambda j: (j.fold or 0, j.number))[::-1]
        self.first: Model | None = first
        self.seen = {id(first): first}
        self.lock = threading.Lock()
        self.changed = threading.Condition(self.lock)
        self.stop = threading.Event()
        self.plans = Plans()
        self.finished: list[Run] = []
        self.fatal: BaseException | None = None
        self.total = len(jobs)

    def run(self, watch: Watch) -> None:
        """All jobs."""
        count = runtime.get_num_threads()
        workers = min(count, self.total)
        share = count // workers
        threads = [
            threading.Thread(target=self.work, args=(share,), name=f"gdcore-fit-{i}")
            for i in range(workers)
        ]
        try:
            for thread in threads:
                thread.start()
            shown = 0
            while any(t.is_alive() for t in threads):
                with self.changed:
                    self.changed.wait(WAIT)
                    new = self.finished[shown:]
                for run in new:
                    watch.finished(run, self.results.monitor)
                shown += len(new)
                watch.show()
            for run in self.finished[shown:]:
                watch.finished(run, self.results.monitor)
            watch.show()
        except KeyboardInterrupt:
            raise Interrupted(self.results) from None
        finally:
            self.stop.set()
            for thread in threads:
                if thread.ident is not None:
                    thread.join()
            watch.close()
        if self.fatal is not None:
            raise self.fatal

    def work(self, share: int) -> None:
        """What one worker does: job after job."""
        with runtime.worker(share, self.stop):
            while not self.stop.is_set():
                with self.lock:
                    if not self.waiting:
                        return
                    job = self.waiting.pop()
                    run = self.results.runs[job.number]
                    begin = time.perf_counter()
                    model, arguments, error = self.prepare(job)
                if error is None:
                    error = self.train(job, run, model, arguments)
                run.seconds = time.perf_counter() - begin
                with self.changed:
                    self.source.done(job)
                    self.record(job, run, error)
                    self.changed.notify()

    def prepare(self, job: Job) -> tuple[Any, dict[str, Any], BaseException | None]:
        """The model and what to call its `fit` with, or the error."""
        try:
            data = self.source.take(job)
            if self.first is not None:
                model, self.first = self.first, None
            else:
                model = made(self.model_fn, job)
                if id(model) in self.seen:
                    raise ValueError(
                        "model_fn returned the same model twice: expected a new one at each call"
                    )
                self.seen[id(model)] = model
            engine_of(model).columns = self.columns  # names that the shared arrays lack
            watchers = [] if self.callbacks is None else list(self.callbacks(**job.setting))
            arguments = {**data, **job.fit, "verbose": 0, "callbacks": watchers}
            if self.folders is not None:
                more = going_on(self.folders[job.number])
                arguments |= more | {"callbacks": [*watchers, *more["callbacks"]]}
            return model, arguments, None
        except Exception as error:
            return None, {}, error

    def train(
        self, job: Job, run: Run, model: Model, arguments: dict[str, Any]
    ) -> BaseException | None:
        """Train one model; returns the error that ended it."""
        error: BaseException | None = None
        engine_of(model).share_plans(self.plans)
        try:
            model.fit(**arguments)
        except BaseException as caught:  # whatever it was, the other models go on
            error = caught
        run.history, run.model = model.history, model
        run.epoch = run.epochs - 1
        for c in arguments["callbacks"]:
            if isinstance(c, EarlyStopping) and c.restore_best and error is None:
                run.epoch = c.best_epoch
        engine_of(model).share_plans(None)
        engine_of(model).release()
        return error

    def record(self, job: Job, run: Run, error: BaseException | None) -> None:
        """Write down how a job ended."""
        if isinstance(error, runtime.Stopped):
            run.error = "interrupted"
            return
        run.error = "" if error is None else f"{type(error).__name__}: {error}"
        run.exception = error
        self.finished.append(run)
        if error is not None and not isinstance(error, ArithmeticError) and job.number == 0:
            self.fatal = error  # the first model fails: most likely all would
            self.stop.set()
        elif self.keep == "best":
            best = self.results.ranked()[0]
            for other in self.finished:
                if other is not best:
                    other.model = None
