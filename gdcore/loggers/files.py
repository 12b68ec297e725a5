"""A line for every epoch, in a text file."""

from __future__ import annotations

import csv
import io
import json
import math
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from gdcore.callbacks import Callback, Logs, wrong_state


def scalars(logs: Logs) -> dict[str, float]:
    """The scalars of an epoch: without arrays such as a confusion matrix."""
    return {k: float(v) for k, v in logs.items() if np.ndim(v) == 0}


class LineLogger(Callback):
    """Base class of line loggers: the file is truncated to its length at the checkpoint that is resumed."""

    def __init__(self, path: str | os.PathLike[str], append: bool = False) -> None:
        self.path = Path(path)
        self.append = append
        self._kept: int | None = None

    def on_train_begin(self, logs: Logs) -> None:
        self._kept = self.path.stat().st_size if self.append and self.path.exists() else None

    def state_dict(self) -> dict[str, Any]:
        return {"bytes": self._kept}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        kept = state.get("bytes")
        if not isinstance(kept, int | None):
            raise wrong_state(self, state, "the length of its file")
        there = self.path.stat().st_size if self.path.exists() else 0
        if kept is not None and there < kept:
            raise ValueError(
                f"{os.fspath(self.path)!r} has {there} bytes and had {kept} when the checkpoint "
                f"was written: put it back, or leave the {type(self).__name__} out"
            )
        self._kept = kept

    def _write(self, text: str) -> None:
        """Add text after what is kept; whoever reads the file sees whole lines."""
        if self._kept is None:
            self.path.parent.mkdir(parents=True, exist_ok=True)
        with open(self.path, "wb" if self._kept is None else "r+b") as file:
            if self._kept is not None:
                file.seek(self._kept)
                file.truncate()
            file.write(text.encode("utf-8"))
            self._kept = file.tell()


class CSVLogger(LineLogger):
    """Writes the numbers of every epoch as a table: ``epoch,loss,accuracy,...,lr``.

    Parameters
    ----------
    path : path
        Written anew, unless training is resumed.
    append : bool
        Keep what is there and add lines to it.

    Raises
    ------
    ValueError
        If an epoch has a number that the first one did not have: the first epoch fixes the columns.
    OSError
        If it cannot be written.

    Examples
    --------
    >>> import gdcore as gd, os, tempfile
    >>> path = os.path.join(tempfile.mkdtemp(), "run.csv")
    >>> model = gd.Sequential([gd.Dense(1)]).compile("sgd", "mse")
    >>> _ = model.fit([[0.0]], [0.0], epochs=2, callbacks=[gd.CSVLogger(path)])
    >>> with open(path) as file:
    ...     print(file.read(), end="")
    epoch,loss,lr
    0,0.0,0.01
    1,0.0,0.01
    """

    def on_train_begin(self, logs: Logs) -> None:
        super().on_train_begin(logs)
        self._columns: list[str] | None = None

    def on_epoch_end(self, epoch: int, logs: Logs) -> None:
        row = {"epoch": epoch, **scalars(logs)}
        text = io.StringIO(newline="")
        if self._columns is None and self._kept:
            with open(self.path, encoding="utf-8", newline="") as file:
                self._columns = next(csv.reader(file), [])
        if self._columns is None:
            self._columns = list(row)
            csv.writer(text, lineterminator="\n").writerow(row)
        more = [k for k in row if k not in self._columns]
        if more:
            raise ValueError(
                f"{os.fspath(self.path)!r} has the columns {', '.join(self._columns)}, and epoch "
                f"{epoch} has {', '.join(more)} besides: write it to another file"
            )
        csv.writer(text, lineterminator="\n").writerow(row.get(k, "") for k in self._columns)
        self._write(text.getvalue())


class JSONLinesLogger(LineLogger):
    """Writes a JSON object for every epoch, one a line; arrays as lists.

    Parameters
    ----------
    path : path
        Written anew, unless training is resumed.
    append : bool
        Keep what is there and add lines to it.
    extra : mapping, optional
        More entries for every line, such as the name of the run.

    Raises
    ------
    TypeError
        If `extra` holds what JSON cannot.
    OSError
        If it cannot be written.

    Notes
    -----
    JSON has no NaN and no infinity: they become ``null``.

    Examples
    --------
    >>> import gdcore as gd, os, tempfile
    >>> path = os.path.join(tempfile.mkdtemp(), "run.jsonl")
    >>> model = gd.Sequential([gd.Dense(1)]).compile("sgd", "mse")
    >>> keep = gd.JSONLinesLogger(path, extra={"run": "a"})
    >>> _ = model.fit([[0.0]], [0.0], callbacks=[keep])
    >>> with open(path) as file:
    ...     print(file.read(), end="")
    {"run": "a", "epoch": 0, "loss": 0.0, "lr": 0.01}
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        append: bool = False,
        extra: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(path, append)
        self.extra = dict(extra or {})
        json.dumps(self.extra)

    def on_epoch_end(self, epoch: int, logs: Logs) -> None:
        values = {k: _plain(np.asarray(v).tolist()) for k, v in logs.items()}
        row = {**self.extra, "epoch": epoch, **values}
        self._write(json.dumps(row, ensure_ascii=False, allow_nan=False) + "\n")


def _plain(value: Any) -> Any:
    if isinstance(value, list):
        return [_plain(v) for v in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
