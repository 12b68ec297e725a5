"""What the estimators of tables share: from X, y and weights to a `TableModel`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.utils import check_consistent_length
from sklearn.utils.validation import (
    _check_sample_weight,
    _check_y,
    check_is_fitted,
    validate_data,
)

from gdcore.estimators.base import random_of
from gdcore.estimators.kinds import as_column
from gdcore.tabular.model import TableModel
from gdcore.tabular.reading import read
from gdcore.tabular.table import Raw, Table

TARGET, WEIGHT = "target", "weight"
_OWN = ("random_state", "verbose")  # settings that a TableModel takes by other names


def _is_frame(X: Any) -> bool:
    """Whether scikit-learn finds the names of columns, and their number, itself."""
    return hasattr(X, "columns") or hasattr(X, "column_names")


def _has_names(X: Any) -> bool:
    """Whether X is a dict of columns, a list of dicts or a structured array."""
    if hasattr(X, "tocsr"):  # a sparse one may be a dict; scikit-learn refuses it
        return False
    if isinstance(X, list | tuple):
        return bool(X) and all(isinstance(row, Mapping) for row in X)
    return isinstance(X, Mapping | Table) or bool(getattr(getattr(X, "dtype", None), "names", None))


class TableEstimator(BaseEstimator):  # type: ignore[misc]
    """What both have in common: from X, y and weights to a table, and from there to a model."""

    _task: str

    def _column(self, y: np.ndarray) -> Raw:
        """The target as a column of a table."""
        raise NotImplementedError

    def _settings(self) -> dict[str, Any]:
        """What `TableModel` is made with, but for the seed and the names of columns."""
        return {k: v for k, v in self.get_params(deep=False).items() if k not in _OWN}

    def _table(self, X: Any, reset: bool) -> Table:
        """The columns of X, checked as scikit-learn checks them."""
        if not _has_names(X):
            if _is_frame(X):
                validate_data(self, X, reset=reset, skip_check_array=True)
            else:
                checks = {"dtype": None, "ensure_all_finite": False}
                X = validate_data(self, X, reset=reset, **checks)
        table: Table = read(X)
        if _has_names(X) and reset:
            self.feature_names_in_ = np.array(table.names, dtype=object)
            self.n_features_in_ = len(table.names)
        if isinstance(X, np.ndarray) and not _has_names(X) and hasattr(self, "feature_names_in_"):
            columns = dict(zip(self.feature_names_in_, table.columns.values(), strict=True))
            table = Table(table.source, columns, layout=table.layout)
        return table

    def _read(self, X: Any, y: Any) -> tuple[Table, np.ndarray]:
        if y is None:  # scikit-learn's own words
            validate_data(self, X, y, skip_check_array=True)
        table = self._table(X, reset=True)
        numeric = self._task == "regression"
        y = _check_y(y, multi_output=True, y_numeric=numeric, estimator=self)
        y = as_column(y.toarray() if hasattr(y, "toarray") else y)
        check_consistent_length(np.empty(len(table)), y)
        if len(table) < 2:
            raise ValueError(f"Found array with {len(table)} sample(s): expected 2 or more")
        return table, y

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> Any:
        """Train.

        Parameters
        ----------
        X : frame, dict of columns, list of dicts, or array of shape (n, features)
            Columns may hold numbers, names, booleans, dates, and gaps.
        y : array of shape (n,), or (n, targets)
        sample_weight : array of shape (n,), optional
            What each row counts; rows of weight 0 are left out.

        Returns
        -------
        self

        Raises
        ------
        TypeError, ValueError
            If a setting or the data does not fit.
        """
        given = y
        table, y = self._read(X, y)
        columns, told = dict(table.columns), self._settings()
        targets = []
        for name, own in zip(_names(given, y), y.reshape(len(y), -1).T, strict=True):
            targets.append(_free(name, columns))
            columns[targets[-1]] = self._column(own)
        if sample_weight is not None:
            weights = _check_sample_weight(
                sample_weight, np.empty((len(table), 1)), ensure_non_negative=True
            )
            told["weights"] = _free(WEIGHT, columns)
            columns[told["weights"]] = Raw("number", np.asarray(weights, np.float64))
        seed = int(random_of(self).randint(2**31))
        made: dict[str, Any] = {"task": self._task, "seed": seed}
        model = TableModel(**made | told)
        model.fit(Table(table.source, columns, layout=table.layout), targets, verbose=self.verbose)
        self.model_ = model
        return self

    def _told(self, X: Any) -> list[tuple[Any, np.ndarray]]:
        """The model of each target, and what it says of rows."""
        check_is_fitted(self)
        features = self.model_.encoder.encode(self._table(X, reset=False))
        own: list[Any] = self.model_.views or [self.model_]
        return [(m, m.scores(features)) for m in own]

    def _scores(self, X: Any) -> np.ndarray:
        """What the model of one target says of rows."""
        return self._told(X)[0][1]

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        tags.input_tags.categorical = True
        tags.input_tags.string = True
        return tags


def _names(given: Any, y: np.ndarray) -> list[str]:
    """What the columns of y are called."""
    if y.ndim == 1:
        return [str(getattr(given, "name", None) or TARGET)]
    own = getattr(given, "columns", None)
    return [f"{TARGET}_{i}" for i in range(y.shape[1])] if own is None else [str(n) for n in own]


def _free(name: str, taken: Mapping[str, Any]) -> str:
    """A name for a column that none of X has."""
    while name in taken:
        name += "_"
    return name
