"""Trains many models, each thread its own: `fit_many`.

Each worker takes the next job, makes its model and calls `fit`, which runs in C with the GIL
released. Nothing is shared between models but the data and, where graphs are the same, plans.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from gdcore import runtime
from gdcore.arrays import Rows, as_inputs
from gdcore.callbacks import Callback, EarlyStopping
from gdcore.many.progress import Watch
from gdcore.many.results import Interrupted, Results, Run
from gdcore.many.settings import Fold, Job, make_folds, make_jobs
from gdcore.model import Model

WAIT = 0.1  # seconds between two looks at what the workers have done


def fit_many(
    model_fn: Callable[..., Model],
    settings: Any,
    x: Any,
    y: Any,
    *,
    epochs: int = 1,
    batch_size: int | None = 32,
    seed: int = 0,
    validation_data: Any = None,
    validation_split: float = 0.0,
    cv: Any = None,
    sample_weight: Any = None,
    class_weight: Any = None,
    shuffle: bool = True,
    callbacks: Callable[..., Sequence[Callback]] | None = None,
    monitor: str | None = None,
    keep: str = "all",
    verbose: int | str = "auto",
) -> Results:
    """Train a model for every setting, as many at a time as there are threads.

    Each model is trained as ``model_fn(**setting).fit(x, y, ...)`` would, and gets the same bits.

    Parameters
    ----------
    model_fn : callable
        Makes and compiles a new model from a setting, all of it anew: layers and optimizer, too.
        It is called in the order of the settings, by one thread at a time.
    settings : dict of name to list of values, or list of dicts
        Of a dict every combination. "seed", "epochs" and "batch_size" are those of `fit`; the
        rest are the arguments of `model_fn`.
    x, y : as `Model.fit` takes them; shared by all models, never copied for one
    epochs, batch_size, seed : where a setting does not name them
    validation_data, validation_split, sample_weight, class_weight, shuffle
        As in `Model.fit`.
    cv : int, iterable of (rows to train on, rows to validate on), or a scikit-learn splitter
        Trains every setting on every fold. A number deals shuffled rows out to that many folds,
        classes evenly. Each fold's rows are copied once while it is used.
    callbacks : callable, optional
        Called as ``callbacks(**setting)``, it returns new callbacks for one model. They are called
        in the thread that trains the model.
    monitor : str, optional
        By what models are compared: "val_loss", or "loss" without validation, if None.
    keep : {"all", "best"}
        Which models stay in memory; histories and numbers always do.
    verbose : {"auto", 0, 1, 2}
        Nothing, one line that counts, or a line for each model.

    Returns
    -------
    Results
        One `Run` for each model, in the order of the settings (and within one, of the folds).
        A model that diverged, or could not be made, is there with its `error`.

    Raises
    ------
    ValueError, TypeError
        If the data or an argument does not fit, or the first setting gives no model.
    Interrupted
        On Ctrl-C, a KeyboardInterrupt; its `results` hold what was done.

    Examples
    --------
    >>> import gdcore as gd
    >>> (x, y), test = gd.datasets.digits()
    >>> def make(width, lr):
    ...     net = gd.Sequential([gd.Dense(width, activation="relu"), gd.Dense(10)])
    ...     return net.compile(gd.Adam(lr), "cross_entropy", metrics=["accuracy"])
    >>> grid = {"width": [8, 32], "lr": [1e-3, 1e-2], "seed": range(2)}
    >>> results = gd.fit_many(make, grid, x, y, epochs=3, validation_data=test)
    >>> len(results), results.best("val_accuracy").setting["width"]
    (8, 32)
    """
    if keep not in ("all", "best"):
        raise ValueError(f"fit_many keep={keep!r}: expected 'all' or 'best'")
    if callbacks is not None and not callable(callbacks):
        raise TypeError(
            "fit_many callbacks: expected a function that makes new callbacks for each model, as "
            "in callbacks=lambda **setting: [gd.EarlyStopping()]; one callback cannot watch several"
        )
    if cv is not None and (validation_data is not None or validation_split):
        raise ValueError("fit_many got cv and validation data: expected one of them")
    given = make_jobs(settings, {"seed": 0, "batch_size": None, "epochs": 0}, None)[0]
    first = _made(model_fn, given)
    inputs = as_inputs(x, first.input_names)
    shared: Any = (
        inputs[0] if len(inputs) == 1 else dict(zip(first.input_names, inputs, strict=True))
    )
    data = first._prepare(shared, y, sample_weight, class_weight)
    several = len(data.targets) > 1
    folds = None
    if cv is not None:
        labels = data.targets[0] if first.losses[0].classes and data.targets[0].ndim == 1 else None
        folds = make_folds(cv, shared, data.rows, y, labels)
    jobs = make_jobs(
        settings,
        {"seed": seed, "batch_size": batch_size, "epochs": epochs},
        None if folds is None else len(folds),
    )
    options = {
        "class_weight": class_weight,
        "shuffle": shuffle,
        "verbose": 0,
    }
    plain = {
        "x": shared,
        "y": y,
        "sample_weight": sample_weight,
        "validation_data": validation_data,
        "validation_split": validation_split,
    }
    validated = cv is not None or validation_data is not None or validation_split > 0
    results = Results(
        [Run(j.setting, j.fit["seed"], j.fold, error="not trained") for j in jobs],
        monitor or ("val_loss" if validated else "loss"),
    )
    source = (
        Plain(plain) if folds is None else Folded(shared, y, sample_weight, several, folds, jobs)
    )
    work = Work(model_fn, callbacks, options, source, results, keep, jobs, first)
    work.run(Watch(len(jobs), verbose))
    return results


def _made(model_fn: Callable[..., Model], job: Job) -> Model:
    model = model_fn(**job.model)
    if not isinstance(model, Model):
        raise TypeError(
            f"model_fn returned {type(model).__name__}: expected a compiled gd.Model, as in "
            "return model.compile(...)"
        )
    return model


class Plain:
    """The same data for every job."""

    def __init__(self, data: dict[str, Any]) -> None:
        self.data = data

    def take(self, job: Job) -> dict[str, Any]:
        """What `fit` is called with."""
        return self.data

    def done(self, job: Job) -> None:
        """The job has no more need of it."""


@dataclass
class Folded:
    """Each fold's rows, copied when its first job begins and given back after its last."""

    x: Any
    y: Any
    weights: Any
    several: bool
    folds: Sequence[Fold]
    jobs: Sequence[Job]

    def __post_init__(self) -> None:
        self.made: dict[int, dict[str, Any]] = {}
        self.left = [sum(j.fold == k for j in self.jobs) for k in range(len(self.folds))]

    def take(self, job: Job) -> dict[str, Any]:
        """What `fit` is called with."""
        k = job.fold
        assert k is not None
        if k not in self.made:
            parts = [
                (
                    _rows(self.x, rows, True),
                    _rows(self.y, rows, self.several),
                    None if self.weights is None else np.asarray(self.weights)[rows],
                )
                for rows in self.folds[k]
            ]
            (x, y, w), validation = parts
            self.made[k] = {"x": x, "y": y, "sample_weight": w, "validation_data": validation}
        return self.made[k]

    def done(self, job: Job) -> None:
        """The job has no more need of it."""
        assert job.fold is not None
        self.left[job.fold] -= 1
        if not self.left[job.fold]:
            del self.made[job.fold]


def _rows(data: Any, rows: np.ndarray, several: bool) -> Any:
    """Some rows of an array, or of each of several."""
    if isinstance(data, Mapping):
        return {k: _rows(v, rows, False) for k, v in data.items()}
    if several and isinstance(data, list | tuple):
        return tuple(_rows(v, rows, False) for v in data)
    return data[rows] if isinstance(data, Rows) else np.asarray(data)[rows]


class Work:
    """The jobs, the threads that do them, and what they share.

    Everything that is shared changes under one lock; models are made under it, too, so that
    `model_fn` is called in order and need not be made for threads.
    """

    def __init__(
        self,
        model_fn: Callable[..., Model],
        callbacks: Callable[..., Sequence[Callback]] | None,
        options: dict[str, Any],
        source: Plain | Folded,
        results: Results,
        keep: str,
        jobs: Sequence[Job],
        first: Model,
    ) -> None:
        self.model_fn, self.callbacks, self.options = model_fn, callbacks, options
        self.source, self.results, self.keep = source, results, keep
        # Fold by fold, so that few copies of the data are there at a time.
        self.waiting = sorted(jobs, key=lambda j: (j.fold or 0, j.number))[::-1]
        self.first: Model | None = first
        self.seen = {id(first): first}
        self.lock = threading.Lock()
        self.changed = threading.Condition(self.lock)
        self.stop = threading.Event()
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
                model = _made(self.model_fn, job)
                if id(model) in self.seen:
                    raise ValueError(
                        "model_fn returned the same model twice: expected a new one at each call"
                    )
                self.seen[id(model)] = model
            made = [] if self.callbacks is None else list(self.callbacks(**job.setting))
            return model, {**self.options, **data, **job.fit, "callbacks": made}, None
        except Exception as error:
            return None, {}, error

    def train(
        self, job: Job, run: Run, model: Model, arguments: dict[str, Any]
    ) -> BaseException | None:
        """Train one model; returns the error that ended it."""
        error: BaseException | None = None
        try:
            model.fit(**arguments)
        except (Exception, KeyboardInterrupt) as caught:
            error = caught
        run.history, run.model = model.history, model
        run.epoch = run.epochs - 1
        for c in arguments["callbacks"]:
            if isinstance(c, EarlyStopping) and c.restore_best and error is None:
                run.epoch = c.best_epoch
        model.release()
        return error

    def record(self, job: Job, run: Run, error: BaseException | None) -> None:
        """Write down how a job ended."""
        if isinstance(error, runtime.Stopped):
            run.error = "interrupted"
            return
        run.error = "" if error is None else f"{type(error).__name__}: {error}"
        self.finished.append(run)
        diverged = isinstance(error, ArithmeticError)
        if error is not None and not diverged and len(self.finished) == 1:
            self.fatal = (
                error  # nothing is lost yet, and what is wrong is wrong for all, most likely
            )
            self.stop.set()
        elif self.keep == "best":
            best = self.results.ranked()[0]
            for other in self.finished:
                if other is not best:
                    other.model = None
