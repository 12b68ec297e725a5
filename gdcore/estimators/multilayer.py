"""What the two perceptrons share: layers by their settings, and training by one of the solvers."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import numpy as np
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils.validation import check_is_fitted

from gdcore.errors import NonFiniteError
from gdcore.estimators.base import Estimator, random_of, seed_of
from gdcore.estimators.checks import PERCEPTRON, check_settings, per_layer
from gdcore.estimators.inherited import check_overrides
from gdcore.estimators.objective import Objective, outputs_summed
from gdcore.estimators.perceptron import Hidden, HiddenLayers, Perceptron, draw, first_numbers
from gdcore.estimators.solvers import EpochRate, optimizer_of
from gdcore.estimators.training import NOT_FINITE, Samples
from gdcore.layers.base import Parameter
from gdcore.losses import Loss
from gdcore.training.lbfgs import lbfgs


def steps_through_samples(estimator: Any) -> None:
    """Raises AttributeError if there is no `partial_fit`."""
    if estimator.solver == "lbfgs":
        raise AttributeError(
            "partial_fit is not available with solver='lbfgs', which takes all samples at once: use "
            "solver='adam' or 'sgd'"
        )


class Multilayer(Estimator):
    """What the two perceptrons share."""

    _model: Perceptron
    _loss: Callable[[], Loss]
    _settle: Callable[[np.ndarray], None]  # outputs and their activation
    _random_state: np.random.RandomState  # of the last fit
    _logistic: bool  # whether the layer that `_init_coef` draws is

    def _layers(self) -> list[Hidden]:
        sizes = self.hidden_layer_sizes
        sizes = list(sizes) if hasattr(sizes, "__iter__") else [sizes]
        settings = [
            per_layer(name, getattr(self, name), len(sizes))
            for name in ("activation", "normalization", "dropout")
        ]
        return [Hidden(int(n), *more) for n, *more in zip(sizes, *settings, strict=True)]

    def _check(self, hidden: list[Hidden], validation: Any) -> None:
        if self.solver != "lbfgs":
            return
        wrong = (
            "dropout"
            if any(h.dropout for h in hidden)
            else "normalization='batch'"
            if any(h.normalization == "batch" for h in hidden)
            else f"optimizer={self.optimizer!r}"
            if self.optimizer is not None
            else "X_val"
            if validation[0] is not None
            else None
        )
        if wrong:
            raise ValueError(
                f"{wrong} with solver='lbfgs', which takes all samples at once: use 'adam' or 'sgd'"
            )

    def _fit(self, X: Any, y: Any, sample_weight: Any, val: tuple[Any, ...], once: bool) -> Any:
        check_settings(self, PERCEPTRON)
        check_overrides(type(self))
        hidden = self._layers()
        self._check(hidden, val)
        if once and self.early_stopping:
            raise ValueError("partial_fit does not support early_stopping=True")
        first = not hasattr(self, "coefs_") or (not self.warm_start and not once)
        X, y = self._read(X, y, once, reset=first)
        weights = self._checked_weights(sample_weight, X, y)
        loss = self._loss()
        self._settle(y)
        samples = Samples(X, self._targets(y, loss, X.dtype), y, weights)
        validation = self._validation(val, loss, X.dtype)
        random = random_of(self)
        units = [X.shape[1], *(h.units for h in hidden), self.n_outputs_]
        if first:
            self._begin(hidden, units, X.dtype, random)
        elif [c.shape for c in map(np.asarray, self.coefs_)] != list(pairwise(units)):
            raise ValueError(
                f"the layers have the sizes {units} now and the weights are of "
                f"{[c.shape for c in self.coefs_]}: expected the same, or warm_start=False"
            )
        if not (once and hasattr(self, "_model") and self._model.compiled):
            self._compile(hidden, units, loss, samples, random, first)
        model = self._current()
        if self.solver == "lbfgs":
            self._fit_lbfgs(model, samples)
        else:
            self._train(model, samples, validation, random, once)
        if not all(np.isfinite(w).all() for w in (*self.coefs_, *self.intercepts_)):
            raise ValueError(NOT_FINITE)
        return self

    def _begin(
        self, hidden: list[Hidden], units: list[int], dtype: Any, random: np.random.RandomState
    ) -> None:
        """A new network, not trained yet."""
        self._begin_curves()
        self.n_layers_ = len(units)
        self._random_state = random
        logistic = [h.activation == "logistic" for h in hidden]
        drawn = []
        for shape, like in zip(
            pairwise(units), [*logistic, *(logistic[-1:] or [False])], strict=True
        ):
            self._logistic = like
            drawn.append(first_numbers(self._init_coef(*shape, dtype), shape, dtype))
        self.coefs_ = [kernel for kernel, _ in drawn]
        self.intercepts_ = [bias for _, bias in drawn]

    def _init_coef(self, fan_in: int, fan_out: int, dtype: Any) -> tuple[np.ndarray, np.ndarray]:
        """Initial kernel and bias of a layer; a subclass may override it, as in scikit-learn."""
        return draw(self._random_state, (fan_in, fan_out), self._logistic)

    def _told(self, loss: float, share: float) -> float:
        # scikit-learn minimizes the sum over outputs, and reports their mean and the penalty
        outputs = outputs_summed(self._loss(), int(self.n_outputs_))
        if outputs == 1:
            return loss
        squares = sum(float(np.vdot(kernel, kernel)) for kernel in self.coefs_)
        penalty = 0.5 * float(self.alpha) * squares * share
        return (loss - penalty) / outputs + penalty

    def _compile(
        self,
        hidden: list[Hidden],
        units: list[int],
        loss: Loss,
        samples: Samples,
        random: np.random.RandomState,
        first: bool,
    ) -> None:
        """The model, with a new optimizer."""
        kept = None if first or not hasattr(self, "_model") else self._current().state_dict()
        model = Perceptron(units[0], hidden, units[-1], self.out_activation_)
        dtype = np.asarray(self.coefs_[0]).dtype.name
        batch = self._batch(samples.rows)
        steps = self.max_iter * -(-samples.rows // batch)
        optimizer = optimizer_of(self, steps)
        if isinstance(optimizer.schedule, EpochRate) and self.t_:
            optimizer.schedule.current = optimizer.schedule.lr
        alpha = 0.0 if self.solver == "lbfgs" else float(self.alpha)
        model.compile(optimizer, Objective(loss, alpha), dtype=dtype, compute=self.compute)
        model.resume(seed_of(random), 0, 0)
        if kept is not None:
            model.load_state_dict(kept)
        self._model, self._optimizer = model, optimizer
        self._current()

    def _current(self) -> Perceptron:
        """The model, holding what `coefs_` and `intercepts_` hold: they may have been replaced."""
        model = self._model
        for mine, views in zip((self.coefs_, self.intercepts_), model.numbers(), strict=True):
            for i, view in enumerate(views):
                if np.asarray(mine[i]).ctypes.data != view.ctypes.data:
                    view[...] = mine[i]
                    mine[i] = view
        return model

    def _fit_lbfgs(self, model: Perceptron, samples: Samples) -> None:
        weights, total = self._weighed(samples).weights, float(samples.rows)
        if weights is not None:
            total = float(weights.sum())
            weights = weights * (samples.rows / total)
        for layer in model.dense:
            kernel = layer.variables["kernel"]
            assert isinstance(kernel, Parameter)
            kernel.l2 = 0.5 * self.alpha / total
        say = (lambda i, f: print(f"Iteration {i}, loss = {f:.8f}")) if self.verbose else None
        try:
            found = lbfgs(
                model,
                samples.x,
                samples.targets,
                max_iter=self.max_iter,
                max_fun=self.max_fun,
                tol=self.tol,
                relative=False,
                sample_weight=weights,
                callback=say,
            )
        except KeyboardInterrupt:
            warnings.warn("Training interrupted by user.", stacklevel=4)
            return
        except NonFiniteError as error:
            raise ValueError(f"{NOT_FINITE} ({error})") from error
        self.n_iter_, self.loss_ = min(found.iterations, self.max_iter), found.loss
        self.loss_curve_ += found.losses
        self.best_loss_ = found.loss
        self.t_ += samples.rows * self.n_iter_
        if not found.converged:
            warnings.warn(
                f"lbfgs failed to converge after {self.n_iter_} iteration(s): {found.message}. "
                "Increase max_iter or max_fun, or scale the data (sklearn.preprocessing)",
                ConvergenceWarning,
                stacklevel=4,
            )

    def hidden_activations(self, X: Any) -> list[np.ndarray]:
        """What each hidden layer puts out.

        Parameters
        ----------
        X : array, frame or CSR matrix of shape (n, features)

        Returns
        -------
        list of ndarray of shape (n, units)
            One for each hidden layer, after its activation, without dropout.

        Examples
        --------
        >>> from gdcore.estimators import MLPRegressor
        >>> net = MLPRegressor(hidden_layer_sizes=(8, 4), solver="lbfgs", random_state=0)
        >>> _ = net.fit([[0.0], [1.0], [2.0]], [1.0, 3.0, 5.0])
        >>> [a.shape for a in net.hidden_activations([[0.5], [1.5]])]
        [(2, 8), (2, 4)]
        """
        check_is_fitted(self)
        X = self._rows(X)
        model = self._current()
        hidden = HiddenLayers(model)
        if len(model.dense) == 1:
            return []
        found = hidden.predict(X)
        return found if isinstance(found, list) else [found]
