"""`MLPClassifier` and `MLPRegressor`: scikit-learn's perceptrons with losses, layers and callbacks of gdcore."""

from __future__ import annotations

from typing import Any

import numpy as np

from gdcore.estimators.base import settings
from gdcore.estimators.inherited import there_if
from gdcore.estimators.kinds import Classifies, Regresses
from gdcore.estimators.multilayer import Multilayer, steps_through_samples
from gdcore.estimators.objective import (
    MARGINS,
    OF_DISTRIBUTIONS,
    classification_loss,
    regression_loss,
)
from gdcore.losses import Loss


class MLPClassifier(Classifies, Multilayer):
    """A multi-layer perceptron for classes: scikit-learn's, with losses, layers and callbacks of gdcore.

    With scikit-learn's own arguments it learns scikit-learn's weights, up to rounding.

    Parameters
    ----------
    hidden_layer_sizes : int or sequence of int
        Units of the hidden layers; an empty sequence for none.
    activation : str or function, or a list of them
        Of the hidden layers, for all or for each: "relu", "tanh", "logistic", "identity", any other
        name of `gdcore.activations`, or a function of a traced value.
    solver : {"adam", "sgd", "lbfgs"}
        scikit-learn's solvers, reproduced step for step. "lbfgs" takes all samples at once.
    alpha : float
        Factor of the penalty alpha/2 · Σ W² / n on the kernels.
    batch_size : int or "auto"
        Samples of a step; "auto" is 200, or all if they are fewer.
    learning_rate : str or Schedule
        "constant", "invscaling" or "adaptive", the last two for "sgd" only; or a
        schedule of gdcore, by name ("step", "exponential", "polynomial", "cosine", "one_cycle",
        "warmup_cosine") or as an object.
    learning_rate_init : float
        The first learning rate, or the highest of a schedule by name.
    power_t : float
        "invscaling" divides by (t + 1)^power_t, t being the samples seen.
    max_iter : int
        Epochs at most; iterations of "lbfgs".
    shuffle : bool
        Whether each epoch takes the samples in another order.
    random_state : int, RandomState or None
        Of all that is random; the same number gives the same bits.
    tol : float
        What counts as an improvement of the loss, or of the validation score.
    verbose : bool
        Print the loss of every epoch.
    warm_start : bool
        Whether `fit` goes on from the weights there are.
    momentum, nesterovs_momentum : float, bool
        Of "sgd".
    early_stopping : bool
        Let the validation score decide when training ends, and put the best weights back.
    validation_fraction : float
        Share of the samples that early stopping holds out, unless `fit` is given others.
    beta_1, beta_2, epsilon : float
        Of "adam".
    n_iter_no_change : int
        Epochs without improvement after which training ends.
    max_fun : int
        Computations of the loss at most, of "lbfgs".
    loss : str, Loss or function
        "log_loss" as scikit-learn has it, or any loss of gdcore; a function of (prediction, target),
        traced values of shape (B, outputs), gives one number for each sample.
    class_weight : dict of class to weight, "balanced" or None
        Weights that count in training, besides `sample_weight`; validation is without them.
    dropout : float, or a list of them
        Share of the activations that training leaves out, after all hidden layers or each.
    normalization : {"batch", "layer"}, None, or a list of them
        Before the activation, in all hidden layers or each.
    optimizer : str, Optimizer or None
        One of gdcore's in place of the solver's. An object brings its own learning rate.
    scoring : str, function of (estimator, X, y), or None
        The validation score, by any scorer of scikit-learn's; by default that of `score`. It gets
        the validation samples' weights as `sample_weight`, if they have any.
    callbacks : list of Callback, optional
        Called in training, as by `gdcore.Model.fit`.
    compute : {"float32", "bfloat16"}
        To what the factors of matrix products are rounded, as for `gdcore.Model.compile`; with "bfloat16" everything
        else is computed in float32, whatever X is.

    Attributes
    ----------
    classes_ : ndarray
        In the order of `predict_proba`.
    coefs_, intercepts_ : list of ndarray
        Kernels (inputs, units) and biases (units,) of the layers. They may be assigned to.
    loss_, best_loss_ : float
        The last loss, and the lowest; None instead of the latter with early stopping.
    loss_curve_, validation_scores_, validation_loss_curve_ : list of float
        By epoch; the last two are None where nothing is validated.
    best_validation_score_ : float or None
    n_iter_, t_ : int
        Epochs, and samples seen.
    n_features_in_, n_layers_, n_outputs_ : int
    feature_names_in_ : ndarray of str
        Where X had names.
    out_activation_ : str
    model_ : Model
        The gdcore model.

    Examples
    --------
    >>> from gdcore.estimators import MLPClassifier
    >>> from sklearn.datasets import load_iris
    >>> X, y = load_iris(return_X_y=True)
    >>> clf = MLPClassifier((32, 16), dropout=[0.1, 0.0], activation="gelu", learning_rate_init=0.01,
    ...                     tol=1e-3, random_state=0)
    >>> clf.fit(X, y).score(X, y) > 0.95
    True
    >>> clf.predict_proba(X[:5]).shape, clf.predict_log_proba(X[:5]).shape
    ((5, 3), (5, 3))

    Hinge losses give margins, not probabilities:

    >>> clf = MLPClassifier((8,), loss="hinge", class_weight="balanced", random_state=0, tol=1e-2)
    >>> margins = clf.fit(X, y == 1).decision_function(X)
    >>> bool(((margins > 0) == clf.predict(X)).all())
    True
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
        compute: str = "float32",
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

    @there_if(steps_through_samples)
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

        Examples
        --------
        >>> from gdcore.estimators import MLPClassifier
        >>> clf = MLPClassifier((8,), random_state=0)
        >>> for _ in range(3):
        ...     clf = clf.partial_fit([[0.0], [1.0]], ["no", "yes"], classes=["no", "yes"])
        >>> clf.t_
        6
        """
        self._first_partial_fit(y, classes)
        return self._fit(X, y, sample_weight, (None, None, None), True)


class MLPRegressor(Regresses, Multilayer):
    """A multi-layer perceptron for numbers: scikit-learn's, with losses, layers and callbacks of gdcore.

    With scikit-learn's own arguments it learns scikit-learn's weights, up to rounding.

    Parameters
    ----------
    loss : str, Loss or function
        "squared_error" or "poisson" as scikit-learn has them, or any loss of gdcore ("mae", "huber",
        "log_cosh", ...); a function of (prediction, target), traced values of shape (B, outputs),
        gives one number for each sample.
    hidden_layer_sizes : int or sequence of int
        Units of the hidden layers; an empty sequence for none.
    activation : str or function, or a list of them
        Of the hidden layers, for all or for each: "relu", "tanh", "logistic", "identity", any other
        name of `gdcore.activations`, or a function of a traced value.
    solver : {"adam", "sgd", "lbfgs"}
        scikit-learn's solvers, reproduced step for step. "lbfgs" takes all samples at once.
    alpha : float
        Factor of the penalty alpha/2 · Σ W² / n on the kernels.
    batch_size : int or "auto"
        Samples of a step; "auto" is 200, or all if they are fewer.
    learning_rate : str or Schedule
        "constant", "invscaling" or "adaptive", the last two for "sgd" only; or a
        schedule of gdcore, by name ("step", "exponential", "polynomial", "cosine", "one_cycle",
        "warmup_cosine") or as an object.
    learning_rate_init : float
        The first learning rate, or the highest of a schedule by name.
    power_t : float
        "invscaling" divides by (t + 1)^power_t, t being the samples seen.
    max_iter : int
        Epochs at most; iterations of "lbfgs".
    shuffle : bool
        Whether each epoch takes the samples in another order.
    random_state : int, RandomState or None
        Of all that is random; the same number gives the same bits.
    tol : float
        What counts as an improvement of the loss, or of the validation score.
    verbose : bool
        Print the loss of every epoch.
    warm_start : bool
        Whether `fit` goes on from the weights there are.
    momentum, nesterovs_momentum : float, bool
        Of "sgd".
    early_stopping : bool
        Let the validation score decide when training ends, and put the best weights back.
    validation_fraction : float
        Share of the samples that early stopping holds out, unless `fit` is given others.
    beta_1, beta_2, epsilon : float
        Of "adam".
    n_iter_no_change : int
        Epochs without improvement after which training ends.
    max_fun : int
        Computations of the loss at most, of "lbfgs".
    dropout : float, or a list of them
        Share of the activations that training leaves out, after all hidden layers or each.
    normalization : {"batch", "layer"}, None, or a list of them
        Before the activation, in all hidden layers or each.
    optimizer : str, Optimizer or None
        One of gdcore's in place of the solver's. An object brings its own learning rate.
    scoring : str, function of (estimator, X, y), or None
        The validation score, by any scorer of scikit-learn's; by default that of `score`. It gets
        the validation samples' weights as `sample_weight`, if they have any.
    callbacks : list of Callback, optional
        Called in training, as by `gdcore.Model.fit`.
    compute : {"float32", "bfloat16"}
        To what the factors of matrix products are rounded, as for `gdcore.Model.compile`; with "bfloat16" everything
        else is computed in float32, whatever X is.

    Attributes
    ----------
    coefs_, intercepts_ : list of ndarray
        Kernels (inputs, units) and biases (units,) of the layers. They may be assigned to.
    loss_, best_loss_ : float
        The last loss, and the lowest; None instead of the latter with early stopping.
    loss_curve_, validation_scores_, validation_loss_curve_ : list of float
        By epoch; the last two are None where nothing is validated.
    best_validation_score_ : float or None
    n_iter_, t_ : int
        Epochs, and samples seen.
    n_features_in_, n_layers_, n_outputs_ : int
    feature_names_in_ : ndarray of str
        Where X had names.
    out_activation_ : str
    model_ : Model
        The gdcore model.

    Notes
    -----
    With several outputs their losses are summed; scikit-learn minimizes the sum and reports the
    mean. `tol` is of the mean, so that training ends where scikit-learn's does.

    Examples
    --------
    >>> from gdcore.estimators import MLPRegressor
    >>> X = [[0.0], [1.0], [2.0], [3.0]]
    >>> net = MLPRegressor("huber", (), solver="lbfgs", alpha=0.0, random_state=0)
    >>> net.fit(X, [1.0, 3.0, 5.0, 7.0]).predict([[4.0]]).round(2)
    array([9.])
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
        compute: str = "float32",
    ) -> None:
        self.__dict__.update(settings(locals()))

    def _settle(self, y: np.ndarray) -> None:
        self.n_outputs_ = 1 if y.ndim == 1 else y.shape[1]
        self.out_activation_ = "exp" if self._loss().name == "poisson" else "identity"

    def _loss(self) -> Loss:
        return regression_loss(self.loss)

    @there_if(steps_through_samples)
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

        Examples
        --------
        >>> from gdcore.estimators import MLPRegressor
        >>> MLPRegressor(random_state=0).partial_fit([[0.0], [1.0]], [1.0, 3.0]).t_
        2
        """
        return self._fit(X, y, sample_weight, (None, None, None), True)
