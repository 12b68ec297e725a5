"""`NetClassifier` and `NetRegressor`: any gdcore model as a scikit-learn estimator."""

from __future__ import annotations

import copy
import inspect
from collections.abc import Callable
from typing import Any

import numpy as np

from gdcore import losses
from gdcore.engine.engine import engine_of
from gdcore.estimators.base import Estimator, random_of, seed_of, settings
from gdcore.estimators.checks import COMMON, check_settings
from gdcore.estimators.kinds import Classifies, Regresses
from gdcore.estimators.objective import MARGINS, Objective
from gdcore.estimators.training import Samples
from gdcore.graph.ir import INT
from gdcore.losses import BinaryCrossEntropy, Hinge, Loss, SquaredHinge
from gdcore.model import Model

ONE_OUTPUT = (BinaryCrossEntropy, Hinge, SquaredHinge)  # two classes need one output


class Net(Estimator):
    """What the two have in common."""

    _allow_nd = True

    def _checks(self) -> dict[str, Any]:
        checks = super()._checks()
        if self._whole_inputs():
            checks["dtype"] = (np.int64, np.int32)
        return checks

    def _whole_inputs(self) -> bool:
        """Whether the model takes whole numbers, as for an embedding."""
        model = self._model if hasattr(self, "_model") else self.model_fn
        leaves = engine_of(model).definition.inputs if isinstance(model, Model) else None
        if leaves is None:
            return False
        return leaves[0].dtype == INT

    def _compute(self) -> str:
        if self.compute is not None:
            return str(self.compute)
        model = self._model if hasattr(self, "_model") else self.model_fn
        return engine_of(model).settings.compute if isinstance(model, Model) else "float32"

    def _made(self, features: Any, outputs: int) -> Model:
        """A new model from `model_fn`."""
        source = self.model_fn
        if isinstance(source, Model):
            return copy.deepcopy(source)
        if not callable(source):
            raise TypeError(
                f"{type(self).__name__} model_fn={source!r}: expected a gdcore model, or a "
                "function of (features, outputs) that returns one"
            )
        args = self.model_args or {}
        try:
            inspect.signature(source).bind(features, outputs, **args)
        except TypeError as error:
            given = "".join(f", {name}" for name in args)
            raise TypeError(
                f"{type(self).__name__} model_fn cannot be called with (features, outputs{given}) "
                f"({error}): expected a function of these that returns a gdcore model"
            ) from None
        except ValueError:  # one that does not tell what it takes
            pass
        made = source(features, outputs, **args)
        if not isinstance(made, Model):
            raise TypeError(
                f"{type(self).__name__} model_fn returned {type(made).__name__}: expected a "
                "gdcore model"
            )
        return made

    def _default_loss(self) -> str:
        raise NotImplementedError

    def _wanted_outputs(self, y: np.ndarray, loss: Loss | None) -> int:
        raise NotImplementedError

    def _fit(self, X: Any, y: Any, sample_weight: Any, val: tuple[Any, ...], once: bool) -> Any:
        check_settings(self, COMMON)
        if once and self.early_stopping:
            raise ValueError("partial_fit does not support early_stopping=True")
        first = not hasattr(self, "_model") or (not self.warm_start and not once)
        if first:
            self.__dict__.pop("_model", None)
        X, y = self._read(X, y, once, reset=first)
        weights = self._checked_weights(sample_weight, X, y)
        random = random_of(self)
        if first:
            self._begin_curves()
            self._build(X, y, random)
        model = self._model
        loss = model.losses[0]
        samples = Samples(X, self._targets(y, loss, X.dtype), y, weights)
        self._train(model, samples, self._validation(val, loss, X.dtype), random, once)
        return self

    def _build(self, X: Any, y: np.ndarray, random: np.random.RandomState) -> None:
        """The model, compiled, and what its outputs are."""
        given = None if self.loss is None else losses.get(self.loss)
        shape = X.shape[1:]
        model = self._made(shape[0] if len(shape) == 1 else shape, self._wanted_outputs(y, given))
        changed = given is not None or self.optimizer is not None or self.compute is not None
        if not model.compiled or changed:
            loss = given or (
                model.losses[0] if model.compiled else losses.get(self._default_loss())
            )
            optimizer = self.optimizer or (model.optimizer if model.compiled else "adam")
            compute = self.compute or engine_of(model).settings.compute
            single = X.dtype.kind in "iu" or compute == "bfloat16"
            dtype = "float32" if single else X.dtype.name
            if not isinstance(loss, Objective):
                loss = Objective(loss)
            model.compile(copy.deepcopy(optimizer), loss, dtype=dtype, compute=compute)
        model.resume(seed_of(random), 0, 0)
        sample = X[:1].toarray() if hasattr(X, "toarray") else X[:1]
        outputs = engine_of(model).network([np.ascontiguousarray(sample)]).outputs
        if len(outputs) != 1:
            raise ValueError(
                f"{type(self).__name__} got a model with {len(outputs)} outputs: expected one"
            )
        self.n_outputs_ = int(np.prod([d for d in outputs[0].shape[1:] if isinstance(d, int)]))
        link = model.losses[0].link(outputs[0])
        margin = model.losses[0].config()["name"] in MARGINS
        self._probable = link != "regression" and not margin
        self._threshold = 0.0 if link.endswith("_margins") else 0.5
        self._model = model


class NetClassifier(Classifies, Net):
    """Any gdcore model as a classifier.

    Parameters
    ----------
    model_fn : function of (features, outputs), or Model
        Makes the model. `features` is the number of columns of X, or the shape of a sample where X
        has more dimensions; `outputs` how many outputs the classes need. A model is copied, and
        training begins at its weights.
    model_args : dict, optional
        More arguments for `model_fn`.
    loss : str, Loss or function, optional
        By default that of the model, if it was compiled, or else cross-entropy.
    optimizer : str or Optimizer, optional
        By default that of the model, if it was compiled, or else Adam.
    class_weight : dict of class to weight, or "balanced", optional
    batch_size, max_iter, shuffle, random_state, tol, verbose, warm_start, early_stopping
        As for `MLPClassifier`.
    validation_fraction, n_iter_no_change, scoring, callbacks
        As for `MLPClassifier`.
    compute : {"float32", "bfloat16"}, optional
        As for `MLPClassifier`; by default that of the model, if it was compiled, or else float32.

    Attributes
    ----------
    classes_ : ndarray
    model_ : Model
    loss_curve_, validation_loss_curve_, validation_scores_ : list of float
    n_iter_, n_features_in_, n_outputs_ : int

    Examples
    --------
    >>> import gdcore as gd
    >>> from gdcore.estimators import NetClassifier
    >>> def make(features, outputs, width=16):
    ...     return gd.Sequential([gd.Dense(width, activation="gelu"), gd.Dense(outputs)])
    >>> net = NetClassifier(make, model_args={"width": 8}, optimizer=gd.Adam(0.1), random_state=0)
    >>> net.fit([[0.0], [0.2], [0.8], [1.0]], ["no", "no", "yes", "yes"]).predict([[0.1]]).tolist()
    ['no']
    """

    _probable = True  # as far as is known before fit

    def __init__(
        self,
        model_fn: Any = None,
        *,
        model_args: Any = None,
        loss: Any = None,
        optimizer: Any = None,
        class_weight: Any = None,
        batch_size: Any = "auto",
        max_iter: int = 200,
        shuffle: bool = True,
        random_state: Any = None,
        tol: float = 1e-4,
        verbose: Any = False,
        warm_start: bool = False,
        early_stopping: bool = False,
        validation_fraction: float = 0.1,
        n_iter_no_change: Any = 10,
        scoring: Any = None,
        callbacks: Any = None,
        compute: Any = None,
    ) -> None:
        self.__dict__.update(settings(locals()))

    def _default_loss(self) -> str:
        several = self._kind == "multilabel-indicator"
        return "binary_cross_entropy" if several else "cross_entropy"

    def _wanted_outputs(self, y: np.ndarray, loss: Loss | None) -> int:
        if self._kind == "multilabel-indicator":
            return len(self.classes_)
        one = self._kind == "binary" and isinstance(loss, ONE_OUTPUT)
        return 1 if one else max(2, len(self.classes_))

    def _ask(self) -> Callable[[Any], Any]:
        return self._model.predict_proba if self._probable else self._model.predict

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
        >>> import gdcore as gd
        >>> from gdcore.estimators import NetClassifier
        >>> net = NetClassifier(gd.Sequential([gd.Dense(2)]), random_state=0)
        >>> net.partial_fit([[0.0], [1.0]], ["no", "yes"], classes=["no", "yes"]).t_
        2
        """
        self._first_partial_fit(y, classes)
        return self._fit(X, y, sample_weight, (None, None, None), True)


class NetRegressor(Regresses, Net):
    """Any gdcore model as a regressor.

    Parameters
    ----------
    model_fn : function of (features, outputs), or Model
        As for `NetClassifier`; `outputs` is the number of columns of y.
    model_args, optimizer, batch_size, max_iter, shuffle, random_state, tol, verbose, warm_start
        As for `NetClassifier`.
    loss : str, Loss or function, optional
        By default that of the model, if it was compiled, or else the mean squared error.
    early_stopping, validation_fraction, n_iter_no_change, scoring, callbacks
        As for `MLPRegressor`.
    compute : {"float32", "bfloat16"}, optional
        By default that of the model, if it was compiled, or else float32.

    Attributes
    ----------
    model_ : Model
    loss_curve_, validation_loss_curve_, validation_scores_ : list of float
    n_iter_, n_features_in_, n_outputs_ : int

    Examples
    --------
    >>> import gdcore as gd
    >>> from gdcore.estimators import NetRegressor
    >>> line = gd.Sequential([gd.Input(1), gd.Dense(1)]).compile(gd.SGD(0.1), "huber")
    >>> net = NetRegressor(line, max_iter=2000, tol=1e-9, random_state=0)
    >>> net.fit([[0.0], [1.0], [2.0]], [1.0, 3.0, 5.0]).predict([[3.0]]).round(1).tolist()
    [7.0]
    """

    def __init__(
        self,
        model_fn: Any = None,
        *,
        model_args: Any = None,
        loss: Any = None,
        optimizer: Any = None,
        batch_size: Any = "auto",
        max_iter: int = 200,
        shuffle: bool = True,
        random_state: Any = None,
        tol: float = 1e-4,
        verbose: Any = False,
        warm_start: bool = False,
        early_stopping: bool = False,
        validation_fraction: float = 0.1,
        n_iter_no_change: Any = 10,
        scoring: Any = None,
        callbacks: Any = None,
        compute: Any = None,
    ) -> None:
        self.__dict__.update(settings(locals()))

    def _default_loss(self) -> str:
        return "mse"

    def _wanted_outputs(self, y: np.ndarray, loss: Loss | None) -> int:
        return 1 if y.ndim == 1 else int(y.shape[1])

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
        >>> import gdcore as gd
        >>> from gdcore.estimators import NetRegressor
        >>> net = NetRegressor(gd.Sequential([gd.Dense(1)]), random_state=0)
        >>> net.partial_fit([[0.0], [1.0]], [1.0, 3.0]).t_
        2
        """
        return self._fit(X, y, sample_weight, (None, None, None), True)
