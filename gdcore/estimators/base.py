"""What all estimators of gdcore share: from fit's arguments to a trained model."""

from __future__ import annotations

import copy
import inspect
import warnings
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.metrics import check_scoring
from sklearn.model_selection import train_test_split
from sklearn.utils import check_random_state
from sklearn.utils.validation import _check_sample_weight, check_is_fitted, validate_data

from gdcore.estimators.training import Samples, run
from gdcore.losses import Loss
from gdcore.model import Model

AUTO_BATCH = 200  # scikit-learn's "auto"


class Estimator(BaseEstimator):  # type: ignore[misc]
    """Base of the estimators. A subclass says what the network is, and how y is coded.

    Attributes
    ----------
    model_ : Model
        The trained gdcore model.
    """

    _model: Model

    _best_state: Any = None  # of a warm start: the weights of `best_validation_score_`
    _best_told = np.inf  # the lowest loss on the scale of `tol`
    _allow_nd = False  # whether a sample may be more than a row of numbers

    # What subclasses give: see `kinds`, `mlp` and `net`.
    _fit: Callable[..., Any]
    _read: Callable[..., tuple[Any, np.ndarray]]
    _targets: Callable[[np.ndarray, Loss, Any], np.ndarray]
    _answers: Callable[[np.ndarray], np.ndarray]
    _weights: Callable[..., np.ndarray | None]
    _stratum: Callable[[np.ndarray], np.ndarray | None]
    _score_function: Callable[..., float]

    @property
    def model_(self) -> Model:
        """The gdcore model: `summary()`, `save(path)`, `plan`, `gradients(x, y)`."""
        check_is_fitted(self)
        return self._current()

    def _current(self) -> Model:
        """The fitted model, ready to predict."""
        return self._model

    def _outputs(self, X: Any) -> np.ndarray:
        """What the network puts out, (n, outputs)."""
        return self._raw(self._rows(X))

    def _rows(self, X: Any) -> Any:
        """Validated rows to predict."""
        return validate_data(self, X, reset=False, **self._checks())

    def _checks(self) -> dict[str, Any]:
        """Options of scikit-learn's validation of X."""
        return {
            "accept_sparse": "csr",
            "dtype": np.float32 if self._compute() == "bfloat16" else (np.float64, np.float32),
            "order": "C",
            "allow_nd": self._allow_nd,
        }

    def _compute(self) -> str:
        """To what the factors of products are rounded."""
        return str(self.compute)

    def _raw(self, X: Any) -> np.ndarray:
        """Outputs of the network for validated rows."""
        out = np.asarray(self._ask()(X))
        return out.reshape(len(out), -1)

    def _ask(self) -> Callable[[Any], Any]:
        """The function that predicts rows."""
        return self._current().predict

    # --- training ------------------------------------------------------------------------------

    def fit(
        self,
        X: Any,
        y: Any,
        sample_weight: Any = None,
        *,
        X_val: Any = None,
        y_val: Any = None,
        sample_weight_val: Any = None,
    ) -> Any:
        """Train.

        Parameters
        ----------
        X : array, frame or CSR matrix of shape (n, features)
            float32 is computed in float32, twice as fast; everything else in float64, unless `compute` is "bfloat16".
        y : array of shape (n,) or (n, outputs)
        sample_weight : array of shape (n,), optional
        X_val, y_val, sample_weight_val : optional
            A validation set of your own, in place of `validation_fraction`. It is scored after
            every epoch; with `early_stopping` it decides when training ends.

        Returns
        -------
        self

        Raises
        ------
        ValueError
            If a setting or the data does not fit, or the weights stopped being finite.
        """
        return self._fit(X, y, sample_weight, (X_val, y_val, sample_weight_val), False)

    def _checked_weights(self, sample_weight: Any, X: Any, y: np.ndarray) -> np.ndarray | None:
        if sample_weight is not None:
            sample_weight = _check_sample_weight(sample_weight, X, ensure_non_negative=True)
        return _not_all_zero(sample_weight)

    def _weighed(self, samples: Samples) -> Samples:
        """Samples to train on, with class weights applied; validation ignores these."""
        return replace(samples, weights=_not_all_zero(self._weights(samples.y, samples.weights)))

    def _validation(self, given: tuple[Any, ...], loss: Loss, dtype: Any) -> Samples | None:
        """The validation set that `fit` was given, checked."""
        X, y, sample_weight = given
        if X is None and y is None and sample_weight is None:
            return None
        if X is None or y is None:
            raise ValueError("X_val and y_val go together: give both, or neither")
        X, y = self._read(X, y, True, reset=False)
        if X.shape[0] < 2:
            raise ValueError(f"X_val has {X.shape[0]} rows: expected at least 2")
        weights = self._checked_weights(sample_weight, X, y)
        return Samples(X, self._targets(y, loss, dtype), y, weights)

    def _begin_curves(self) -> None:
        """Curves and counts of a training that starts anew."""
        self.n_iter_ = self.t_ = 0
        self.loss_curve_: list[float] = []
        self._no_improvement_count = 0
        self._best_state = None
        self.best_loss_ = None if self.early_stopping else np.inf
        self._best_told = np.inf
        self.validation_scores_: list[float] | None = None
        self.validation_loss_curve_: list[float] | None = None
        self.best_validation_score_: float | None = None

    def _split(
        self, samples: Samples, given: Samples | None, random: np.random.RandomState
    ) -> tuple[Samples, Samples | None]:
        """Rows to train on, and those to validate with."""
        if given is not None or not self.early_stopping:
            return samples, given
        rows, held = train_test_split(
            np.arange(samples.rows),
            random_state=random,
            test_size=self.validation_fraction,
            stratify=self._stratum(samples.y),
        )
        if len(held) < 2:
            raise ValueError(
                "The validation set is too small. Increase 'validation_fraction' or the size of "
                "your dataset."
            )
        return samples.take(rows), samples.take(held)

    def _scorer(self, validation: Samples | None) -> Callable[[], float] | None:
        """A function that scores the model as it is on the validation rows."""
        if validation is None:
            return None
        if self.validation_scores_ is None:
            self.validation_scores_, self.best_validation_score_ = [], -np.inf
            self.validation_loss_curve_ = []
        weights = {} if validation.weights is None else {"sample_weight": validation.weights}
        if self.scoring is not None:
            scorer = self._scorer_of(check_scoring(self, scoring=self.scoring))
            if weights and not _takes_weights(scorer):
                raise ValueError(
                    f"scoring={getattr(self.scoring, '__name__', self.scoring)!r} takes no "
                    "sample_weight, and the validation samples have weights: give X_val and y_val "
                    "without sample_weight_val, or a scorer that takes sample_weight"
                )

            def scored() -> float:
                try:
                    found = scorer(nameless(self), validation.x, validation.y, **weights)
                except ValueError as error:
                    name = getattr(self.scoring, "__name__", self.scoring)
                    raise ValueError(
                        f"scoring={name!r} cannot be computed of the {validation.rows} validation "
                        f"samples ({error}): choose another scoring, or other samples with "
                        "validation_fraction or X_val and y_val"
                    ) from error
                return float(found)

            return scored
        function = type(self)._score_function

        def score() -> float:
            out = self._raw(validation.x)
            if not np.isfinite(out).all():
                return float("nan")
            with np.errstate(over="ignore", invalid="ignore"):  # overflows score low
                return float(function(validation.y, self._answers(out), **weights))

        return score

    def _scorer_of(self, scorer: Any) -> Any:
        """A scorer as it is called with validation samples."""
        return scorer

    def _told(self, loss: float, share: float) -> float:
        """An epoch's loss on the scale of `tol`; `share` is steps / Σ sample weights."""
        return loss

    def _batch(self, rows: int) -> int:
        return min(AUTO_BATCH if self.batch_size == "auto" else int(self.batch_size), rows)

    def _train(
        self,
        model: Model,
        samples: Samples,
        validation: Samples | None,
        random: np.random.RandomState,
        once: bool,
    ) -> None:
        """Epochs of stochastic descent."""
        samples, validation = self._split(samples, validation, random)
        if self.batch_size != "auto" and self.batch_size > samples.rows:
            warnings.warn(
                f"Got `batch_size` of {self.batch_size} for {samples.rows} samples. It is going to "
                "be clipped",
                stacklevel=4,
            )
        score = self._scorer(validation)
        order = np.arange(samples.rows)

        def shuffled(epoch: int) -> np.ndarray:
            nonlocal order  # each epoch shuffles the last one's order, as scikit-learn does
            places = np.arange(samples.rows)
            random.shuffle(places)
            order = order[places]
            return order

        self.n_iter_ = 0
        run(
            self,
            model,
            self._weighed(samples),
            validation,
            score,
            self._batch(samples.rows),
            shuffled if self.shuffle else False,
            once,
        )

    def __sklearn_is_fitted__(self) -> bool:
        return hasattr(self, "n_iter_") and hasattr(self, "n_features_in_")


def _not_all_zero(weights: np.ndarray | None) -> np.ndarray | None:
    if weights is not None and not weights.sum() > 0:
        raise ValueError("sample_weight sums to zero: expected a weight above 0 for some sample")
    return weights


def _takes_weights(scorer: Any) -> bool:
    """Whether a scorer, or the metric that it calls, has a parameter for weights of samples."""
    try:
        parameters = inspect.signature(getattr(scorer, "_score_func", scorer)).parameters
    except (TypeError, ValueError):  # no signature to inspect
        return True
    return "sample_weight" in parameters or any(
        p.kind is inspect.Parameter.VAR_KEYWORD for p in parameters.values()
    )


def nameless(estimator: Estimator) -> Estimator:
    """The same estimator without the names of its features: a scorer gives it checked arrays."""
    twin = object.__new__(type(estimator))
    twin.__dict__.update({k: v for k, v in vars(estimator).items() if k != "feature_names_in_"})
    return twin


def settings(values: dict[str, Any]) -> dict[str, Any]:
    """The arguments of an `__init__`, from its `locals()`."""
    return {k: v for k, v in values.items() if k not in ("self", "__class__")}


def seed_of(random: np.random.RandomState) -> int:
    """A seed for the model's own randomness, drawn without advancing the generator."""
    return int(copy.deepcopy(random).randint(2**32, dtype=np.uint64))


def random_of(estimator: Any) -> np.random.RandomState:
    """The random generator of a fit."""
    random: np.random.RandomState = check_random_state(estimator.random_state)
    return random
