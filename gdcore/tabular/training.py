"""From a table to a trained model with an honest score: one call."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from gdcore.callbacks import Callback
from gdcore.tabular.model import KEY, TableModel
from gdcore.tabular.reading import read, read_like
from gdcore.tabular.report import make_report
from gdcore.tabular.rows import with_target
from gdcore.tabular.splits import hold_out
from gdcore.tabular.table import Table
from gdcore.tabular.target import Target

__all__ = ["fit", "score"]


def fit(
    data: Any,
    target: str | int,
    *,
    test: Any = None,
    held_out: float = 0.2,
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
    and which columns mattered.

    Parameters
    ----------
    data : path-like, frame, dict of columns, list of dicts, or 2-D array
    target : str or int
        The column to be predicted, by name or by place.
    test : like `data`, optional
        Rows to measure on instead of a share of `data`.
    held_out : float
        The share of the rows that is set apart, of every class alike; 0 for none, and no report.
    callbacks, verbose
        As for `TableModel.fit`.
    delimiter, header, encoding, decimal, thousands, na
        As for `gdcore.tabular.read`.
    **settings
        As for `TableModel`.

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
    table = read(
        data, delimiter=delimiter, header=header, encoding=encoding, decimal=decimal,
        thousands=thousands, na=na,
    )  # fmt: skip
    name = table.find(target, "the target")
    held: Table | None
    if test is not None:
        held = read_like(test, table.layout, table.names)
    else:
        table, held, notes = apart(table, name, held_out, model.settings.seed, model.settings.task)
        model.notes += notes
    model.fit(table, name, callbacks=callbacks, verbose=verbose)
    if held is not None:
        score(model, table, held)
    return model


def apart(
    table: Table, name: str, share: float, seed: int, task: str | None
) -> tuple[Table, Table | None, list[str]]:
    """Rows to learn from, rows held out, and notes; rows without a target are in neither.

    Raises
    ------
    ValueError
        If a part would be empty.
    """
    table, notes = with_target(table, name)
    if share == 0:
        return table, None, notes
    told = Target.learn(table, name, task)
    held = hold_out(told.values(table), share, seed, told.classes is not None)
    return table.take(~held), table.take(held), notes


def score(model: TableModel, table: Table, held: Table) -> None:
    """Measure a model on its training rows and on others, and keep the report with it."""
    held, notes = with_target(held, model.target.name)
    model.notes += [f"of the rows to measure on, {note}" for note in notes]
    parts = {}
    for part, rows in (("training", table), ("held out", held)):
        parts[part] = (model.encoder.encode(rows), model.target.values(rows))
    model.report = make_report(model, parts)
    model.info[KEY] = model.info[KEY] | {"report": model.report.config()}
