"""`TableClassifier` and `TableRegressor`: a `TableModel` as a scikit-learn estimator."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from sklearn.base import ClassifierMixin, RegressorMixin
from sklearn.utils.multiclass import check_classification_targets, type_of_target
from sklearn.utils.validation import check_is_fitted

from gdcore.estimators.base import settings
from gdcore.estimators.inherited import there_if
from gdcore.estimators.kinds import _of_one_kind
from gdcore.estimators.table_base import TableEstimator
from gdcore.tabular.columns import spelling
from gdcore.tabular.decision import probabilities
from gdcore.tabular.notation import are_codes
from gdcore.tabular.table import Raw, Table


def _names_of(labels: np.ndarray) -> Raw:
    """Classes as a column of a table."""
    if labels.dtype.kind == "b":
        return Raw("boolean", labels.astype(np.float64))
    if labels.dtype.kind in "iuf":
        return Raw("number", labels.astype(np.float64))
    return Raw("category", [str(label) for label in labels])


def _tells_probabilities(estimator: Any) -> None:
    likely = "cross_entropy"  # and those that end in it
    if estimator.loss is not None and not str(estimator.loss).endswith(likely):
        raise AttributeError(
            f"predict_proba is not available with loss={estimator.loss!r}, which gives no "
            f"probabilities: use decision_function, or loss={likely!r}"
        )


class TableClassifier(ClassifierMixin, TableEstimator):  # type: ignore[misc]
    """Classes from a table of numbers, names, booleans, dates and gaps, as a scikit-learn estimator.

    Parameters
    ----------
    hidden, model, activation, dropout, kinds, numbers, missing
        As for `TableModel`; columns of an array are called "0", "1", … in `kinds`.
    loss, optimizer, lr, weight_decay, schedule, epochs, batch_size, patience, members, folds, budget
        As for `TableModel`.
    label_smoothing : float, optional, as for `TableModel`
    class_weight : "balanced" or dict of class to weight, optional
    threshold, positive, dtype, compute
        As for `TableModel`; `positive` is one of the classes of y.
    order : sequence of classes, optional
        From the lowest: y is ordinal, such as ratings, and a miss by two classes costs more than by one.
    random_state : int, RandomState or None
    verbose : {0, 1, 2, "auto"}

    Attributes
    ----------
    classes_ : ndarray
        Of y; the numbers of its columns where that is 0 and 1 for several labels.
    model_ : TableModel
        `examine(table)`, `importance(table)`, `save(path)`.
    n_features_in_ : int
    feature_names_in_ : ndarray of str
        Where X had names.

    Examples
    --------
    >>> import gdcore as gd
    >>> X = {"size": [1.0, 2.0, None, 9.0] * 5, "sea": ["near", "near", "far", "far"] * 5}
    >>> y = ["no", "no", "yes", "yes"] * 5
    >>> clf = gd.tabular.TableClassifier([8], epochs=60, lr=0.01, random_state=0).fit(X, y)
    >>> clf.predict({"size": [1.5, None], "sea": ["near", "far"]}).tolist(), clf.score(X, y)
    (['no', 'yes'], 1.0)
    """

    _task = "classification"

    def __init__(
        self,
        hidden: Any = None,
        *,
        model: Any = None,
        activation: Any = None,
        dropout: Any = None,
        kinds: Any = None,
        numbers: Any = None,
        missing: str = "impute",
        loss: Any = None,
        optimizer: Any = None,
        lr: Any = None,
        weight_decay: Any = None,
        schedule: Any = None,
        epochs: Any = None,
        batch_size: Any = None,
        patience: Any = "auto",
        members: int = 32,
        folds: Any = None,
        budget: Any = None,
        label_smoothing: Any = None,
        class_weight: Any = None,
        threshold: Any = None,
        positive: Any = None,
        order: Any = None,
        dtype: str = "float32",
        compute: str = "float32",
        random_state: Any = None,
        verbose: Any = 0,
    ) -> None:
        self.__dict__.update(settings(locals()))

    def _read(self, X: Any, y: Any) -> tuple[Table, np.ndarray]:
        if y is not None:
            _of_one_kind(y, "y")
        table, y = super()._read(X, y)
        check_classification_targets(y)
        if y.ndim > 1:
            if type_of_target(y) != "multilabel-indicator":
                raise ValueError(
                    f"y has the shape {y.shape} and holds {type_of_target(y)} targets: expected 0 and 1 "
                    "for each of several labels, or one column of classes"
                )
            self.classes_ = np.arange(y.shape[1])
            return table, y
        self.classes_ = np.unique(y)
        names = _names_of(self.classes_)
        one = {spelling(str(t)) for t in names.texts()}
        if len(one) < len(self.classes_) and not are_codes(names.counts):
            raise ValueError(
                f"y holds classes that are one number, such as '1' and '1.0', among {self.classes_}: "
                "expected different ones; spell them alike"
            )
        return table, y

    def _column(self, y: np.ndarray) -> Raw:
        return _names_of(y)

    def _settings(self) -> dict[str, Any]:
        told = super()._settings()
        if isinstance(self.class_weight, Mapping):
            told["class_weight"] = {_name(c): w for c, w in self.class_weight.items()}
        if self.order is not None:
            told |= {"task": "ordinal", "order": [_name(c) for c in self.order]}
        if self.positive is not None:
            told["positive"] = _name(self.positive)
        return told

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> Any:
        super().fit(X, y, sample_weight)
        if self.model_.views:
            return self
        target = self.model_.target
        told = Table("y", {target.name: _names_of(self.classes_)})
        self._places = target.values(told)  # of each class among the model's
        return self

    fit.__doc__ = TableEstimator.fit.__doc__

    def predict(self, X: Any) -> np.ndarray:
        """Classes of rows.

        Parameters
        ----------
        X : as `fit` takes it

        Returns
        -------
        ndarray of shape (n,), or of y's own shape for several columns
        """
        told = self._told(X)
        if self.model_.views:
            return np.stack([m.scorer.answers(scores) for m, scores in told], axis=1)
        scores = told[0][1]
        order = np.argsort(self._places)
        return np.asarray(self.classes_[order[self.model_.scorer.answers(scores)]])

    @there_if(_tells_probabilities)
    def predict_proba(self, X: Any) -> np.ndarray:
        """Probabilities of the classes, in the order of `classes_`.

        Parameters
        ----------
        X : as `fit` takes it

        Returns
        -------
        ndarray of shape (n, classes), or (n, labels) for several labels

        Examples
        --------
        >>> import gdcore as gd
        >>> clf = gd.tabular.TableClassifier([8], epochs=5, random_state=0)
        >>> clf.fit({"x": [0.0, 1.0] * 10}, ["no", "yes"] * 10).predict_proba({"x": [1.0]}).shape
        (1, 2)
        """
        told = [probabilities(scores) for _, scores in self._told(X)]
        if self.model_.views:
            return np.stack([p[:, 1] for p in told], axis=1)
        return np.asarray(told[0][:, self._places])

    @there_if(_tells_probabilities)
    def predict_log_proba(self, X: Any) -> np.ndarray:
        """Logarithms of the probabilities of the classes.

        Parameters
        ----------
        X : as `fit` takes it

        Returns
        -------
        ndarray of shape (n, classes), or (n, labels) for several labels

        Examples
        --------
        >>> import gdcore as gd
        >>> clf = gd.tabular.TableClassifier([8], epochs=5, random_state=0)
        >>> clf.fit({"x": [0.0, 1.0] * 10}, [0, 1] * 10).predict_log_proba({"x": [1.0]}).shape
        (1, 2)
        """
        with np.errstate(divide="ignore"):  # the logarithm of a probability of 0 is -inf
            return np.asarray(np.log(self.predict_proba(X)))

    def decision_function(self, X: Any) -> np.ndarray:
        """Scores of the classes: the largest wins, of two classes the second one above 0.

        Parameters
        ----------
        X : as `fit` takes it

        Returns
        -------
        ndarray of shape (n,) for two classes, else (n, classes) or (n, labels)

        Examples
        --------
        >>> import gdcore as gd
        >>> clf = gd.tabular.TableClassifier([8], epochs=5, loss="hinge", random_state=0)
        >>> clf.fit({"x": [0.0, 1.0] * 10}, [0, 1] * 10).decision_function({"x": [1.0]}).shape
        (1,)
        """
        told = self._told(X)
        if self.model_.views:
            return np.concatenate([scores for _, scores in told], axis=1)
        scores = told[0][1]
        if scores.shape[1] > 1:
            return np.asarray(scores[:, self._places])
        return np.asarray(scores[:, 0] if self._places[1] else -scores[:, 0])

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_label = True
        return tags


def _name(label: Any) -> str:
    """What a table calls a class."""
    return str(_names_of(np.asarray([label])).texts()[0])


class TableRegressor(RegressorMixin, TableEstimator):  # type: ignore[misc]
    """Quantities from a table of numbers, names, booleans, dates and gaps, as a scikit-learn estimator.

    Parameters
    ----------
    hidden, model, activation, dropout, kinds, numbers, missing
        As for `TableModel`; columns of an array are called "0", "1", … in `kinds`.
    loss, optimizer, lr, weight_decay, schedule, epochs, batch_size, patience, members, folds, budget
        As for `TableModel`.
    target_scale, interval, quantiles, dtype, compute
        As for `TableModel`; `interval` is for `predict_interval`, `quantiles` for `predict_quantiles`.
    random_state : int, RandomState or None
    verbose : {0, 1, 2, "auto"}

    Attributes
    ----------
    model_ : TableModel
        `examine(table)`, `importance(table)`, `save(path)`.
    n_features_in_ : int
    feature_names_in_ : ndarray of str
        Where X had names.

    Examples
    --------
    >>> import gdcore as gd
    >>> X = {"size": [30.0, 45.0, 80.0, 95.0] * 6, "sea": ["near", "far", "near", "far"] * 6}
    >>> y = [200.0, 180.0, 460.0, 400.0] * 6
    >>> reg = gd.tabular.TableRegressor([16], lr=0.01, random_state=0).fit(X, y)
    >>> float(round(reg.predict({"size": [80.0], "sea": ["near"]})[0] / 460, 1))
    1.0
    """

    _task = "regression"

    def __init__(
        self,
        hidden: Any = None,
        *,
        model: Any = None,
        activation: Any = None,
        dropout: Any = None,
        kinds: Any = None,
        numbers: Any = None,
        missing: str = "impute",
        loss: Any = None,
        optimizer: Any = None,
        lr: Any = None,
        weight_decay: Any = None,
        schedule: Any = None,
        epochs: Any = None,
        batch_size: Any = None,
        patience: Any = "auto",
        members: int = 32,
        folds: Any = None,
        budget: Any = None,
        target_scale: Any = None,
        interval: Any = None,
        quantiles: Any = None,
        dtype: str = "float32",
        compute: str = "float32",
        random_state: Any = None,
        verbose: Any = 0,
    ) -> None:
        self.__dict__.update(settings(locals()))

    def _column(self, y: np.ndarray) -> Raw:
        return Raw("number", np.asarray(y, np.float64))

    def predict(self, X: Any) -> np.ndarray:
        """Quantities of rows.

        Parameters
        ----------
        X : as `fit` takes it

        Returns
        -------
        ndarray of shape (n,), or of y's own shape for several columns
        """
        told = [scores for _, scores in self._told(X)]
        return np.stack(told, axis=1) if len(told) > 1 else told[0]

    def predict_interval(self, X: Any) -> np.ndarray:
        """Between what the answers lie, with the probability `interval`.

        Parameters
        ----------
        X : as `fit` takes it

        Returns
        -------
        ndarray of shape (n, 2), or (n, targets, 2)

        Raises
        ------
        ValueError
            If `interval` is None.

        Examples
        --------
        >>> import gdcore as gd
        >>> reg = gd.tabular.TableRegressor([8], epochs=5, interval=0.8, random_state=0)
        >>> X = {"x": [0.1 * i for i in range(60)]}
        >>> low, high = reg.fit(X, X["x"]).predict_interval({"x": [3.0]})[0]
        >>> bool(low < reg.predict({"x": [3.0]})[0] < high)
        True
        """
        check_is_fitted(self)
        got = self.model_.predict_interval(self._table(X, reset=False))
        return np.stack(list(got.values()), axis=1) if self.model_.views else np.asarray(got)

    def predict_quantiles(self, X: Any) -> np.ndarray:
        """The quantiles that were asked for by `quantiles`, in their order.

        Parameters
        ----------
        X : as `fit` takes it

        Returns
        -------
        ndarray of shape (n, quantiles)

        Examples
        --------
        >>> import gdcore as gd
        >>> X = {"x": [0.1 * i for i in range(60)]}
        >>> reg = gd.tabular.TableRegressor([8], epochs=5, quantiles=[0.1, 0.9])
        >>> reg.fit(X, X["x"]).predict_quantiles({"x": [3.0]}).shape
        (1, 2)
        """
        check_is_fitted(self)
        return self.model_.predict_quantiles(self._table(X, reset=False))

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.target_tags.multi_output = True
        return tags
