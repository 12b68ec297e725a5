"""`MLPClassifier` and `MLPRegressor`: scikit-learn's perceptrons, and what it has refused for years."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.utils.metaestimators import available_if

from gdcore.estimators.base import settings
from gdcore.estimators.kinds import Classifies, Regresses
from gdcore.estimators.multilayer import Multilayer
from gdcore.estimators.objective import (
    MARGINS,
    OF_DISTRIBUTIONS,
    classification_loss,
    regression_loss,
)
from gdcore.losses import Loss


def _steps_with_fit(estimator: Any) -> bool:
    if estimator.solver == "lbfgs":
        raise AttributeError(
            "partial_fit is only available for stochastic optimizers. lbfgs is not stochastic."
        )
    return True


class MLPClassifier(Classifies, Multilayer):
    """A multi-layer perceptron for classes.

    Parameters
    ----------
    hidden_layer_sizes : int or sequence of int
        Units of each hidden layer.
    activation : str, function of a traced value, or a list of them
        One of gdcore's activations, scikit-learn's names "identity" and "logistic" too; a list has one
        for each hidden layer.
    solver : {"adam", "sgd", "lbfgs"}
    alpha : float
        Factor of the penalty ½ ‖kernels‖², divided by the samples of a batch.
    batch_size : int or "auto"
        "auto" is 200, or all samples if there are fewer.
    learning_rate : str or Schedule
        "constant", "invscaling" or "adaptive"; "step", "exponential", "polynomial", "cosine",
        "one_cycle" or "warmup_cosine", over all of `max_iter`; or a schedule of steps.
    learning_rate_init, power_t : float
        The first rate; the exponent of "invscaling".
    max_iter : int
        Epochs at most; iterations of lbfgs.
    shuffle : bool
    random_state : int or numpy.random.RandomState, optional
        The same numbers as scikit-learn draws from it.
    tol, n_iter_no_change : float, and int or numpy.inf
        Training ends when the loss, or the score of `early_stopping`, has gained no more than `tol` in
        so many epochs.
    verbose : bool or int
    warm_start : bool
        Whether `fit` goes on from the weights that are there.
    momentum, nesterovs_momentum : float and bool
        Of "sgd".
    early_stopping : bool
        Whether a score on held-out samples decides when training ends; the best weights are kept.
    validation_fraction : float
        The share of samples held out, where `fit` is given no X_val.
    beta_1, beta_2, epsilon : float
        Of "adam".
    max_fun : int
        Evaluations of the loss by lbfgs at most.
    loss : str, Loss or function of (prediction, target)
        "log_loss" is cross-entropy; any other of gdcore's.
    class_weight : dict of class to weight, or "balanced", optional
    dropout : float or list of float
        The share of each hidden layer's outputs that is set to zero in training.
    normalization : {None, "batch", "layer"} or list of them
        Between a hidden layer's product and its activation.
    optimizer : str, Optimizer or class of it, optional
        In place of `solver` and its settings.
    scoring : str or function of (estimator, X, y), optional
        The scorer of `early_stopping`; the estimator's own score by default.
    callbacks : list of gd.Callback, optional

    Attributes
    ----------
    classes_ : ndarray, or list of them
    coefs_, intercepts_ : list of ndarray
    loss_, best_loss_ : float
    loss_curve_, validation_loss_curve_, validation_scores_ : list of float
    n_iter_, n_layers_, n_outputs_, n_features_in_, t_ : int
    out_activation_ : str
    model_ : Model
        The gdcore model.

    Examples
    --------
    >>> from gdcore.estimators import MLPClassifier
    >>> clf = MLPClassifier((8,), activation="gelu", solver="lbfgs", random_state=0)
    >>> X, y = [[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]], ["off", "on", "on", "off"]
    >>> clf.fit(X, y).predict([[1.0, 0.0]]).tolist()
    ['on']
    >>> clf.predict_proba(X).round().tolist()
    [[1.0, 0.0], [0.0, 1.0], [0.0, 1.0], [1.0, 0.0]]
    >>> bool((clf.predict_log_proba(X) <= 0).all())
    True
    >>> [h.shape for h in clf.hidden_activations(X)]
    [(4, 8)]

    Samples that come a few at a time, and margins instead of probabilities:

    >>> clf = MLPClassifier((8,), loss="hinge", dropout=0.1, random_state=0)
    >>> for _ in range(3):
    ...     _ = clf.partial_fit(X, y, classes=["off", "on"])
    >>> clf.decision_function(X).shape, clf.n_iter_
    ((4,), 1)
    """

    def __init__(
        self,
        hidden_layer_sizes: Any = (100,),
        activation: Any = "relu",
        *,
        solver: str = "adam",
        alpha: float = 0.0001,
        batch_size: Any = "auto",
        learning_rate: Any = "constant",
        learning_rate_init: float = 0.001,
        power_t: float = 0.5,
        max_iter: int = 200,
        shuffle: bool = True,
        random_state: Any = None,
        tol: float = 1e-4,
        verbose: Any = False,
        warm_start: bool = False,
        momentum: float = 0.9,
        nesterovs_momentum: bool = True,
        early_stopping: bool = False,
        validation_fraction: float = 0.1,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-8,
        n_iter_no_change: Any = 10,
        max_fun: int = 15000,
        loss: Any = "log_loss",
        class_weight: Any = None,
        dropout: Any = 0.0,
        normalization: Any = None,
        optimizer: Any = None,
        scoring: Any = None,
        callbacks: Any = None,
    ) -> None:
        self.__dict__.update(settings(locals()))

    def _settle(self, y: np.ndarray) -> None:
        kind, classes = self._kind, len(self.classes_)
        each = kind != "binary" or isinstance(self._loss(), OF_DISTRIBUTIONS)
        self.n_outputs_ = classes if each else 1
        if not self._probable:
            self.out_activation_ = "identity"
        else:
            one = kind != "multilabel-indicator" and each
            self.out_activation_ = "softmax" if one else "logistic"

    @property
    def _probable(self) -> bool:
        name = self.loss if isinstance(self.loss, str) else getattr(self.loss, "name", "")
        return name not in MARGINS

    @property
    def _threshold(self) -> float:
        return 0.5 if self._probable else 0.0

    def _loss(self) -> Loss:
        return classification_loss(self.loss, self._kind)

    @available_if(_steps_with_fit)
    def partial_fit(self, X: Any, y: Any, sample_weight: Any = None, classes: Any = None) -> Any:
        """One epoch over these samples, from where training stands.

        Parameters
        ----------
        X : array, frame or CSR matrix of shape (n, features)
        y : array of shape (n,) or (n, labels)
        sample_weight : array of shape (n,), optional
        classes : array of all classes
            Needed at the first call.

        Returns
        -------
        self
        """
        self._first_partial_fit(y, classes)
        return self._fit(X, y, sample_weight, (None, None, None), True)


class MLPRegressor(Regresses, Multilayer):
    """A multi-layer perceptron for numbers.

    Parameters
    ----------
    loss : str, Loss or function of (prediction, target)
        "squared_error", "poisson" (whose output is an exponential), or any other of gdcore's.
    hidden_layer_sizes, activation, solver, alpha, batch_size, learning_rate, learning_rate_init
        As for `MLPClassifier`, and so are all that follow.
    power_t, max_iter, shuffle, random_state, tol, verbose, warm_start, momentum
    nesterovs_momentum, early_stopping, validation_fraction, beta_1, beta_2, epsilon
    n_iter_no_change, max_fun, dropout, normalization, optimizer, scoring, callbacks

    Attributes
    ----------
    coefs_, intercepts_ : list of ndarray
    loss_, best_loss_ : float
    loss_curve_, validation_loss_curve_, validation_scores_ : list of float
    n_iter_, n_layers_, n_outputs_, n_features_in_, t_ : int
    out_activation_ : str
    model_ : Model
        The gdcore model.

    Examples
    --------
    >>> from gdcore.estimators import MLPRegressor
    >>> reg = MLPRegressor("huber", (8,), solver="lbfgs", random_state=0)
    >>> reg.fit([[0.0], [1.0], [2.0]], [1.0, 3.0, 5.0]).predict([[1.5]]).round(1).tolist()
    [4.0]
    >>> reg.hidden_activations([[0.0]])[0].shape
    (1, 8)
    >>> reg = MLPRegressor(hidden_layer_sizes=(8,), random_state=0)
    >>> reg.partial_fit([[0.0], [1.0]], [0.0, 1.0]).n_iter_
    1
    """

    def __init__(
        self,
        loss: Any = "squared_error",
        hidden_layer_sizes: Any = (100,),
        activation: Any = "relu",
        *,
        solver: str = "adam",
        alpha: float = 0.0001,
        batch_size: Any = "auto",
        learning_rate: Any = "constant",
        learning_rate_init: float = 0.001,
        power_t: float = 0.5,
        max_iter: int = 200,
        shuffle: bool = True,
        random_state: Any = None,
        tol: float = 1e-4,
        verbose: Any = False,
        warm_start: bool = False,
        momentum: float = 0.9,
        nesterovs_momentum: bool = True,
        early_stopping: bool = False,
        validation_fraction: float = 0.1,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-8,
        n_iter_no_change: Any = 10,
        max_fun: int = 15000,
        dropout: Any = 0.0,
        normalization: Any = None,
        optimizer: Any = None,
        scoring: Any = None,
        callbacks: Any = None,
    ) -> None:
        self.__dict__.update(settings(locals()))

    def _settle(self, y: np.ndarray) -> None:
        self.n_outputs_ = 1 if y.ndim == 1 else y.shape[1]
        self.out_activation_ = "exp" if self._loss().name == "poisson" else "identity"

    def _loss(self) -> Loss:
        return regression_loss(self.loss)

    @available_if(_steps_with_fit)
    def partial_fit(self, X: Any, y: Any, sample_weight: Any = None) -> Any:
        """One epoch over these samples, from where training stands.

        Parameters
        ----------
        X : array, frame or CSR matrix of shape (n, features)
        y : array of shape (n,) or (n, outputs)
        sample_weight : array of shape (n,), optional

        Returns
        -------
        self
        """
        return self._fit(X, y, sample_weight, (None, None, None), True)
