"""What classifiers and regressors do differently: encoding y, and decoding outputs to predictions.

Both are mixins of an estimator that has `_outputs(X)`, what its network puts out, and `_fit`.
"""

from __future__ import annotations

import inspect
from typing import Any

import numpy as np
from sklearn.base import ClassifierMixin, RegressorMixin
from sklearn.metrics import accuracy_score, make_scorer, r2_score
from sklearn.preprocessing import LabelBinarizer
from sklearn.utils import column_or_1d
from sklearn.utils.class_weight import compute_sample_weight
from sklearn.utils.multiclass import type_of_target, unique_labels
from sklearn.utils.validation import check_is_fitted, validate_data

from gdcore.estimators.inherited import there_if
from gdcore.losses import Loss


def as_column(y: np.ndarray) -> np.ndarray:
    """A y of one column as a vector, with scikit-learn's warning."""
    return np.asarray(column_or_1d(y, warn=True)) if y.ndim == 2 and y.shape[1] == 1 else y


def _tells_probabilities(estimator: Any) -> None:
    if not estimator._probable:
        raise AttributeError(
            f"predict_proba is not available with loss={estimator.loss!r}, which gives no "
            "probabilities: use decision_function"
        )


def _tells_margins(estimator: Any) -> None:
    if estimator._probable:
        raise AttributeError(
            f"decision_function is not available with loss={estimator.loss!r}: use predict_proba"
        )


def _of_one_kind(classes: Any, what: str) -> None:
    """Raises ValueError if classes are partly text and partly not: they have no order then, or all
    become text where a list is made an array."""
    if not isinstance(classes, list | tuple) and str(getattr(classes, "dtype", "")) != "object":
        return
    found: dict[bool, Any] = {}
    for c in classes:
        found.setdefault(isinstance(c, str), c)
    if len(found) == 2 and not isinstance(found[False], list | tuple | np.ndarray):
        raise ValueError(
            f"{what} mixes text such as {found[True]!r} with other values such as {found[False]!r}: "
            f"expected classes of one kind; make all of them text with [str(c) for c in {what}], "
            "and drop rows without a class"
        )


class Classifies(ClassifierMixin):  # type: ignore[misc]
    """y is classes: of one column, or 0 and 1 for each of several labels.

    `_probable` says whether the network puts out probabilities, `_threshold` from where on a single
    output means the second class.
    """

    _score_function = staticmethod(accuracy_score)

    def _read(self, X: Any, y: Any, incremental: bool, reset: bool) -> tuple[Any, np.ndarray]:
        _of_one_kind(y, "y")
        X, y = validate_data(
            self,
            X,
            y,
            multi_output=True,
            reset=reset,
            **self._checks(),
        )
        y = as_column(y.toarray() if hasattr(y, "toarray") else y)
        if not hasattr(self, "classes_") or (not self.warm_start and not incremental):
            self._learn_classes(y)
        else:
            found = unique_labels(y)
            if self.warm_start and set(found) != set(self.classes_):
                raise ValueError(
                    "warm_start can only be used where `y` has the same classes as in the "
                    f"previous call to fit. Previously got {self.classes_}, `y` has {found}"
                )
            self._known(found, "y")
        return X, y

    def _known(self, found: np.ndarray, what: str) -> None:
        """Raises ValueError if there is a class that `fit` has not seen."""
        if len(np.setdiff1d(found, self.classes_)):
            raise ValueError(
                f"`{what}` has classes not in `self.classes_`. `self.classes_` has "
                f"{self.classes_}. '{what}' has {found}."
            )

    def _learn_classes(self, y: Any) -> None:
        self._label_binarizer = LabelBinarizer().fit(y)
        self.classes_ = self._label_binarizer.classes_

    def _first_partial_fit(self, y: Any, classes: Any) -> None:
        """Set the classes at the first `partial_fit`, later check that they are the same."""
        _of_one_kind(classes, "classes")
        if isinstance(self.class_weight, str):
            raise ValueError(
                f"class_weight={self.class_weight!r} and partial_fit, which sees a part of the "
                "samples: give the weights as a dict, from sklearn.utils.compute_class_weight"
            )
        if not hasattr(self, "classes_"):
            if classes is None:
                raise ValueError("classes must be passed on the first call to partial_fit.")
            self._learn_classes(y if type_of_target(y).startswith("multilabel") else classes)
            if not np.array_equal(self.classes_, unique_labels(classes)):
                raise ValueError(
                    f"`classes={classes!r}` is not the same as the labels of y, {self.classes_}"
                )
        elif classes is not None and not np.array_equal(self.classes_, unique_labels(classes)):
            raise ValueError(
                f"`classes={classes!r}` is not the same as on last call to partial_fit, was: "
                f"{self.classes_!r}"
            )

    @property
    def _kind(self) -> str:
        """ "binary", "multiclass" or "multilabel-indicator"."""
        return str(self._label_binarizer.y_type_)

    def _weights(self, y: np.ndarray, weights: np.ndarray | None) -> np.ndarray | None:
        if self.class_weight is None:
            return weights
        by_class = np.asarray(compute_sample_weight(self.class_weight, y))
        return by_class if weights is None else weights * by_class

    def _targets(self, y: np.ndarray, loss: Loss, dtype: Any) -> np.ndarray:
        """y as the loss takes it: class numbers, or a column of 0 and 1 for each output."""
        if loss.classes and self._kind != "multilabel-indicator":
            return np.searchsorted(self.classes_, y).astype(np.int32)
        told = self._label_binarizer.transform(y)
        if told.shape[1] < self.n_outputs_:  # two classes, and an output for each
            told = np.hstack([1 - told, told])
        return np.ascontiguousarray(told, dtype=dtype)

    def _scorer_of(self, scorer: Any) -> Any:
        """Pass all classes to a loss of probabilities: validation samples may lack some."""
        function = getattr(scorer, "_score_func", None)
        if (
            function is None
            or scorer._response_method != "predict_proba"
            or scorer._sign > 0  # a score, not a loss: absent classes do not count
            or "labels" not in inspect.signature(function).parameters
            or "labels" in scorer._kwargs
            or self._kind == "multilabel-indicator"
        ):
            return scorer
        told = {**scorer._kwargs, "labels": self.classes_}
        return make_scorer(
            function, response_method="predict_proba", greater_is_better=False, **told
        )

    def _stratum(self, y: np.ndarray) -> np.ndarray | None:
        """The classes by which to stratify the validation rows: as in scikit-learn, only if there are two."""
        two = self._kind == "binary"
        return self._label_binarizer.transform(y).astype(bool) if two else None

    def _answers(self, outputs: np.ndarray) -> np.ndarray:
        """Classes from the network's outputs."""
        flat = outputs.ravel() if self.n_outputs_ == 1 else outputs
        if self._kind != "multilabel-indicator" and self.n_outputs_ > 1:
            of_classes = flat[:, : len(self.classes_)]  # a network may put out more than were seen
            return np.asarray(self.classes_[of_classes.argmax(axis=1)])
        return np.asarray(self._label_binarizer.inverse_transform(flat, threshold=self._threshold))

    def predict(self, X: Any) -> np.ndarray:
        """Classes of samples.

        Parameters
        ----------
        X : array, frame or CSR matrix of shape (n, features)

        Returns
        -------
        ndarray of shape (n,), or (n, labels) of 0 and 1 for several labels
        """
        check_is_fitted(self)
        return self._answers(self._outputs(X))

    @there_if(_tells_probabilities)
    def predict_proba(self, X: Any) -> np.ndarray:
        """Probabilities of the classes, in the order of `classes_`.

        Parameters
        ----------
        X : array, frame or CSR matrix of shape (n, features)

        Returns
        -------
        ndarray of shape (n, classes), or (n, labels) for several labels

        Examples
        --------
        >>> from gdcore.estimators import MLPClassifier
        >>> clf = MLPClassifier((), solver="lbfgs", random_state=0)
        >>> clf.fit([[0.0], [1.0]], ["no", "yes"]).predict_proba([[0.5]]).round(1)
        array([[0.5, 0.5]])
        """
        check_is_fitted(self)
        out = self._outputs(X)
        return np.hstack([1 - out, out]) if self.n_outputs_ == 1 else out

    @there_if(_tells_margins)
    def decision_function(self, X: Any) -> np.ndarray:
        """Outputs that are not probabilities: the largest wins, of two classes the second one above 0.

        Parameters
        ----------
        X : array, frame or CSR matrix of shape (n, features)

        Returns
        -------
        ndarray of shape (n,) for two classes, else (n, classes) or (n, labels)

        Examples
        --------
        >>> from gdcore.estimators import MLPClassifier
        >>> clf = MLPClassifier((), loss="squared_hinge", solver="lbfgs", random_state=0)
        >>> clf.fit([[0.0], [1.0]], ["no", "yes"]).decision_function([[0.0], [1.0]]).round(1)
        array([-1.,  1.])
        """
        check_is_fitted(self)
        out = self._outputs(X)
        if self._kind == "multilabel-indicator" or self.n_outputs_ == 1:
            out = out - self._threshold
        return np.asarray(out.ravel() if self.n_outputs_ == 1 else out)

    @there_if(_tells_probabilities)
    def predict_log_proba(self, X: Any) -> np.ndarray:
        """Logarithms of the probabilities of the classes.

        Parameters
        ----------
        X : array, frame or CSR matrix of shape (n, features)

        Returns
        -------
        ndarray
            Of the shape that `predict_proba` gives.

        Examples
        --------
        >>> from gdcore.estimators import MLPClassifier
        >>> clf = MLPClassifier((), solver="lbfgs", random_state=0)
        >>> clf.fit([[0.0], [1.0]], ["no", "yes"]).predict_log_proba([[0.5]]).round(1)
        array([[-0.7, -0.7]])
        """
        with np.errstate(divide="ignore"):  # the logarithm of a probability of 0 is -inf
            return np.asarray(np.log(self.predict_proba(X)))

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        tags.classifier_tags.multi_label = True
        return tags


class Regresses(RegressorMixin):  # type: ignore[misc]
    """y is numbers, in one column or several."""

    _score_function = staticmethod(r2_score)

    def _read(self, X: Any, y: Any, incremental: bool, reset: bool) -> tuple[Any, np.ndarray]:
        X, y = validate_data(
            self,
            X,
            y,
            multi_output=True,
            y_numeric=True,
            reset=reset,
            **self._checks(),
        )
        return X, as_column(y.toarray() if hasattr(y, "toarray") else y)

    def _weights(self, y: np.ndarray, weights: np.ndarray | None) -> np.ndarray | None:
        return weights

    def _targets(self, y: np.ndarray, loss: Loss, dtype: Any) -> np.ndarray:
        return np.ascontiguousarray(y.reshape(len(y), -1), dtype=dtype)

    def _stratum(self, y: np.ndarray) -> None:
        return None

    def _answers(self, outputs: np.ndarray) -> np.ndarray:
        return outputs.ravel() if outputs.shape[1] == 1 else outputs

    def predict(self, X: Any) -> np.ndarray:
        """Numbers for samples.

        Parameters
        ----------
        X : array, frame or CSR matrix of shape (n, features)

        Returns
        -------
        ndarray of shape (n,), or (n, outputs) if y had several columns
        """
        check_is_fitted(self)
        return self._answers(self._outputs(X))

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        return tags
