"""What `compile` settles: optimizer, losses, metrics, precision, seed; and how far training has come."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Self

import numpy as np

from gdcore import losses as loss_functions
from gdcore import metrics as metric_functions
from gdcore import optimizers
from gdcore.layers.base import Layer
from gdcore.losses import Loss
from gdcore.metrics import Metric
from gdcore.optimizers import Optimizer
from gdcore.random import fresh_seed


class Settings(Layer):
    """A layer that was told how to train. `gdcore.Model` is what people use."""

    # What a model knows before and after it is compiled. Class attributes, so that a subclass needs no
    # super().__init__().
    _optimizer: Optimizer | None = None
    _losses: Sequence[Loss] = ()
    _loss_weights: Sequence[float] = ()
    _metrics: Sequence[Metric] = ()
    _dtype: np.dtype = np.dtype(np.float32)
    _seed: int | None = None
    stop_training: bool = False
    steps_done: int = 0
    epochs_done: int = 0

    @property
    def info(self) -> dict[str, Any]:
        """What you want to keep with the model: numbers, text, lists, dicts; saved in its file."""
        found: dict[str, Any] = self.__dict__.setdefault("_info", {})
        return found

    @info.setter
    def info(self, value: dict[str, Any]) -> None:
        self.__dict__["_info"] = dict(value)

    @property
    def compiled(self) -> bool:
        """Whether `compile` was called."""
        return self._optimizer is not None

    @property
    def losses(self) -> Sequence[Loss]:
        """The loss of each output."""
        return self._losses

    @property
    def loss_weights(self) -> Sequence[float]:
        """The factor of each loss."""
        return self._loss_weights

    @property
    def metrics(self) -> Sequence[Metric]:
        """The metrics, as they were given to `compile`."""
        return self._metrics

    def set_dtype(self, dtype: str) -> None:
        """Compute in another precision from now on, without compiling for training.

        Parameters
        ----------
        dtype : {"float32", "float64"}

        Examples
        --------
        >>> import gdcore as gd
        >>> model = gd.Sequential([gd.Input(2), gd.Dense(1)])
        >>> model.set_dtype("float64")
        >>> model.predict([[1.0, 2.0]]).dtype
        dtype('float64')
        """
        self._dtype = np.dtype(dtype)
        self._forget()

    def resume(self, seed: int, steps_done: int, epochs_done: int) -> None:
        """Go on as a model that has already taken so many steps.

        Parameters
        ----------
        seed : int
        steps_done, epochs_done : int

        Examples
        --------
        >>> import gdcore as gd
        >>> model = gd.Sequential([gd.Input(2), gd.Dense(1, kernel_initializer="ones")])
        >>> _ = model.compile("sgd", "mse")
        >>> model.resume(seed=7, steps_done=100, epochs_done=10)
        >>> _ = model.train_on_batch([[1.0, 2.0]], [1.0])
        >>> model.steps_done
        101
        """
        self._seed, self.steps_done, self.epochs_done = seed, steps_done, epochs_done

    def compile(
        self,
        optimizer: Any = "adam",
        loss: Any = None,
        metrics: Sequence[Any] = (),
        dtype: str = "float32",
        loss_weights: Sequence[float] | None = None,
    ) -> Self:
        """Say how to train.

        Parameters
        ----------
        optimizer : str or Optimizer
        loss : str, Loss or function of (prediction, target); a list of them for several outputs
        metrics : sequence of str, Metric or function of (y_true, y_pred)
            Of the first output.
        dtype : {"float32", "float64"}
        loss_weights : sequence of float, optional
            Factors of the losses of several outputs.

        Returns
        -------
        Model
            Itself.

        Raises
        ------
        ValueError
            For unknown names, or another dtype.

        Examples
        --------
        >>> import gdcore as gd
        >>> model = gd.Sequential([gd.Dense(8, activation="relu"), gd.Dense(1)])
        >>> model.compile(gd.Adam(1e-3), loss="huber", metrics=["mae"]).compiled
        True
        """
        if dtype not in ("float32", "float64", np.float32, np.float64):
            raise ValueError(f"compile dtype={dtype!r}: expected 'float32' or 'float64'")
        if loss is None:
            raise ValueError(
                "compile needs a loss: a name such as 'mse' or 'cross_entropy', or a function of "
                "(prediction, target)"
            )
        self._optimizer = optimizers.get(optimizer)
        several = (
            list(loss)
            if isinstance(loss, list | tuple)
            else list(loss.values())
            if isinstance(loss, dict)
            else [loss]
        )
        self._losses = [loss_functions.get(f) for f in several]
        self._loss_weights = (
            [1.0] * len(several) if loss_weights is None else [float(w) for w in loss_weights]
        )
        if len(self._loss_weights) != len(several):
            raise ValueError(
                f"compile got {len(several)} losses and {len(self._loss_weights)} loss_weights: "
                "expected as many"
            )
        for w in self._loss_weights:
            if not 0 <= w < float("inf"):
                raise ValueError(f"compile loss_weights hold {w}: expected numbers of at least 0")
        if isinstance(metrics, str):
            metrics = [metrics]
        self._metrics = [metric_functions.get(m) for m in metrics]
        self._dtype = np.dtype(dtype)
        self.steps_done = self.epochs_done = 0
        self._forget()
        return self

    @property
    def seed(self) -> int:
        """The seed of everything random: drawn afresh unless `fit` was given one."""
        if self._seed is None:
            self._seed = fresh_seed()
        return self._seed

    @property
    def optimizer(self) -> Optimizer:
        """The optimizer that the model was compiled with.

        Raises
        ------
        ValueError
            If it was not compiled.
        """
        if self._optimizer is None:
            raise ValueError(
                "the model is not compiled: call model.compile(optimizer=..., loss=...) first"
            )
        return self._optimizer

    def _forget(self) -> None:
        """What was made for other settings no longer holds; what makes something overrides this."""
