"""From a table to a trained model with an honest score: one call."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from gdcore.callbacks import Callback
from gdcore.errors import unknown
from gdcore.tabular.assessment import assess
from gdcore.tabular.encoding import check_columns
from gdcore.tabular.kinds import choose
from gdcore.tabular.model import KEY, TableModel
from gdcore.tabular.reading import read, read_like
from gdcore.tabular.report import finite
from gdcore.tabular.rows import with_target
from gdcore.tabular.settings import Settings
from gdcore.tabular.several import find_targets, learned
from gdcore.tabular.splits import SPLITS, hold_out, hold_out_last
from gdcore.tabular.table import SettingError, Table

__all__ = ["apart", "check_held", "fit", "score"]


def fit(
    data: Any,
    target: str | int | Sequence[str | int],
    *,
    test: Any = None,
    held_out: float = 0.2,
    split: str = "random",
    refit: bool = True,
    callbacks: Sequence[Callback] = (),
    verbose: int | str = "auto",
    delimiter: str | None = None,
    header: bool | None = None,
    encoding: str = "utf-8",
    decimal: str | None = None,
    thousands: str | None = None,
    na: Any = None,
    **settings: Any,
) -> TableModel:
    """Train a model of a table, and measure it on rows that had no part in the training.

    A share of the rows is set apart before anything is learned: neither the transformation nor
    early stopping nor training sees them. ``print(model.report)`` shows the scores, where it errs
    and which columns mattered. When that is written, the model is trained anew on all rows.

    Parameters
    ----------
    data : path-like, frame, dict of columns, list of dicts, or 2-D array
    target : str or int, or a list of them
        The column to be predicted, by name or by place; several are predicted by one network.
    test : like `data`, optional
        Rows to measure on instead of a share of `data`.
    held_out : float
        The share of the rows that is set apart, of every class alike; 0 for none, and no report.
    split : {"random", "last"}
        Which: rows at random, or the last, as is right where rows lie in order of time.
    refit : bool
        Whether the model that is returned is trained anew on all rows, those held out too, with as
        many epochs as were best. The report is of the one before.
    callbacks, verbose
        As for `TableModel.fit`.
    delimiter, header, encoding, decimal, thousands, na
        As for `gdcore.tabular.read`.
    **settings
        As for `TableModel`; half of a `budget` is for the model that is measured.

    Returns
    -------
    TableModel

    Raises
    ------
    OSError, TypeError, ValueError
        In one line, if the table cannot be read or does not fit the settings.

    Examples
    --------
    >>> import gdcore as gd
    >>> rows = {"x": [0.1 * i for i in range(50)], "y": [0.3 * i + 2 for i in range(50)]}
    >>> model = gd.tabular.fit(rows, target="y", verbose=0, hidden=[16], lr=0.01)
    >>> model.report.rows, model.report.scores["held out"]["r2"] > 0.9
    ({'training': 40, 'held out': 10}, True)
    """
    model = TableModel(**settings)
    seconds = model.settings.budget
    if refit and seconds is not None and (test is not None or held_out):
        model.settings = replace(model.settings, budget=seconds / 2)
    table = read(
        data, delimiter=delimiter, header=header, encoding=encoding, decimal=decimal,
        thousands=thousands, na=na,
    )  # fmt: skip
    names = find_targets(table, target)
    held: Table | None
    whole = table
    if test is not None:
        held = read_like(test, table.layout, table.names)
        check_held(model, table, held, names)
    else:
        told = model.settings
        table, held, notes = apart(table, names, held_out, told, split)
        model.notes += notes
    model.fit(table, names, refit=refit and held is None, callbacks=callbacks, verbose=verbose)
    if held is not None:
        score(model, table, held)
        if refit:
            model.refit(whole, verbose=verbose)
    return model


def apart(
    table: Table, names: Sequence[str], share: float, settings: Settings, split: str = "random"
) -> tuple[Table, Table | None, list[str]]:
    """Rows to learn from, rows held out, and notes; rows without a target or weight are in neither.

    Raises
    ------
    ValueError
        If a part would be empty.
    """
    if split not in SPLITS:
        raise unknown("split", split, SPLITS)
    table, notes = with_target(table, names, settings.weights)
    if share == 0:
        return table, None, notes
    told = learned(table, names, settings.asked, order=settings.order)
    y = told.values(table)
    if split == "last":
        held = hold_out_last(len(table), share)
        for own, column in zip(told.each, y.reshape(len(y), -1).T, strict=True):
            if own.classes is not None and len(np.unique(column[~held])) < len(own.classes):
                raise SettingError(
                    f"a class of {own.name!r} occurs among the last {int(held.sum()):,} rows alone: "
                    "hold out a smaller share, or rows at random"
                )
    else:
        answers, alike = told.strata(table)
        held = hold_out(answers, share, settings.seed, alike)
    return table.take(~held), table.take(held), notes


def check_held(model: TableModel, table: Table, held: Table, names: Sequence[str]) -> None:
    """Raises ValueError if rows to measure on do not fit those to learn from: before the training does."""
    settings = model.settings
    rows, _ = with_target(table, names, settings.weights)
    target = learned(rows, names, settings.asked, order=settings.order)
    answers = held if any(n not in held.columns for n in names) else with_target(held, names)[0]
    target.values(answers)
    weights = {} if settings.weights is None else {settings.weights: "ignore"}
    found, _ = choose(rows, names, model.kinds | weights, tell=False)
    check_columns(held, list(found), table.names, table.layout)


def score(model: TableModel, table: Table, held: Table) -> None:
    """Measure a model on its training rows and on others, and keep the report with it."""
    held, notes = with_target(held, model.target.names, model.settings.weights, True)
    model.notes += [f"of the rows to measure on, {note}" for note in notes]
    model.report = assess(model, {"training": table, "held out": held})
    model.info[KEY] = model.info[KEY] | {"report": finite(model.report.config())}
