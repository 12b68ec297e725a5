"""`fit_many`: what it is given, checked, and turned into jobs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from os import PathLike
from typing import Any

import numpy as np

from gdcore.callbacks import Callback
from gdcore.data.frames import ColumnNames
from gdcore.engine.engine import engine_of
from gdcore.many.data import Folded, Plain
from gdcore.many.keeping import folders
from gdcore.many.progress import Watch
from gdcore.many.results import Results, Run
from gdcore.many.settings import make_folds, make_jobs
from gdcore.many.work import Work, made
from gdcore.model import Model
from gdcore.training.prepare import prepare


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
    shuffle: bool | str = True,
    callbacks: Callable[..., Sequence[Callback]] | None = None,
    monitor: str | None = None,
    keep: str = "all",
    verbose: int | str = "auto",
    checkpoints: str | PathLike[str] | None = None,
) -> Results:
    """Train a model for every setting, as many at a time as there are threads.

    Each model is trained as ``model_fn(**setting).fit(x, y, ...)`` would, and gets the same bits.

    Parameters
    ----------
    model_fn : callable
        Makes and compiles a new model from a setting, all of it anew: layers and optimizer, too.
        It is called in the order of the settings, by one thread at a time.
    settings : dict of name to list of values, or list of dicts
        Of a dict every combination. "seed", "epochs", "batch_size", "class_weight" and "shuffle" are
        those of `fit`; the rest are the arguments of `model_fn`.
    x, y : as `Model.fit` takes them; shared by all models, never copied for one
    epochs, batch_size, seed, class_weight, shuffle : where a setting does not name them
    validation_data, validation_split, sample_weight
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
        Nothing, one line that counts, or a line for each model. "auto" counts on a terminal, and
        elsewhere prints the count at intervals that double from 1 s to 10 min, and at the end.
    checkpoints : path, optional
        A folder in which each model keeps its checkpoints, in one of its own that is named by its
        setting. The same call once more, after the process was killed or with more settings or
        epochs, finds them there: models that were done are not trained again, and the others go on
        from where they were, bit for bit.

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
    given = make_jobs(settings, {}, None)[0]
    first = made(model_fn, given)
    columns = ColumnNames()
    inputs = engine_of(first).arrays(x, columns)
    shared: Any = (
        inputs[0] if len(inputs) == 1 else dict(zip(first.input_names, inputs, strict=True))
    )
    data = prepare(
        engine_of(first),
        shared,
        y,
        sample_weight,
        class_weight,
        columns=columns.known,
        held_out=0.0 if validation_data is not None else validation_split,
    )
    several = len(data.targets) > 1
    folds = None
    if cv is not None:
        truth = np.asarray(data.targets[0])
        labels = truth if first.losses[0].classes and truth.ndim == 1 else None
        folds = make_folds(cv, shared, data.rows, y, labels)
    jobs = make_jobs(
        settings,
        {
            "seed": seed,
            "batch_size": batch_size,
            "epochs": epochs,
            "class_weight": class_weight,
            "shuffle": shuffle,
        },
        None if folds is None else len(folds),
    )
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
    places = None if checkpoints is None else folders(checkpoints, jobs)
    work = Work(model_fn, callbacks, source, results, keep, jobs, first, places, data.columns)
    work.run(Watch(len(jobs), verbose))
    return results
