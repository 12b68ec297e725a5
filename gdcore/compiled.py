"""What stands behind a model: its network, its memory and the steps that were planned for it."""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from gdcore import losses as loss_functions
from gdcore import metrics as metric_functions
from gdcore import optimizers
from gdcore.arrays import Rows
from gdcore.copies import restore, state_of
from gdcore.graph.ir import INT, REAL, Batch, Value
from gdcore.graph.registry import input_value
from gdcore.graph.reuse import Plans
from gdcore.layers.base import Layer
from gdcore.losses import Loss
from gdcore.memory import Memory
from gdcore.metrics import Metric
from gdcore.network import Network, trace
from gdcore.optimizers import Optimizer
from gdcore.random import fresh_seed
from gdcore.steps import Builder, Step, Target
from gdcore.turns import MAKING

if TYPE_CHECKING:
    from gdcore.fitting import Data


class Compiled(Layer):
    """A layer with a memory, and a way to train it. `gdcore.Model` is what people use."""

    # What a model knows before and after it is built. Class attributes, so that a subclass needs no
    # super().__init__().
    _graph_inputs: Sequence[Value] | None = None
    _graph_outputs: Any = None
    _network: Network | None = None
    _memory: Memory | None = None
    _optimizer: Optimizer | None = None
    _losses: Sequence[Loss] = ()
    _loss_weights: Sequence[float] = ()
    _metrics: Sequence[Metric] = ()
    _dtype: np.dtype = np.dtype(np.float32)
    _seed: int | None = None
    _steps: dict[Any, Step]
    _plans: Plans | None = None
    _target_spec: tuple[Target, ...] = ()
    _seen_freezes: int = -1
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
        Compiled
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
        if isinstance(metrics, str):
            metrics = [metrics]
        self._metrics = [metric_functions.get(m) for m in metrics]
        self._dtype = np.dtype(dtype)
        self.steps_done = self.epochs_done = 0
        self._forget()
        return self

    def _forget(self) -> None:
        """Plans no longer hold: they are made anew when they are needed."""
        self._keep_data()
        self._memory = None
        self._steps = {}

    def lend_data(self) -> None:
        """Let the variables hold this model's numbers: they may be shared with another model."""
        if self._memory is not None:
            for v in (*self._memory.network.parameters, *self._memory.network.states):
                v.data = self._memory.view(v)

    def forget_trace(self) -> None:
        """The next data settles the sizes of inputs; variables that have numbers stay.

        Examples
        --------
        >>> import gdcore as gd
        >>> model = gd.Sequential([gd.Dense(1)])
        >>> _ = model.network([np.zeros((1, 3), np.float32)])
        >>> model.forget_trace()
        >>> model.predict([[1.0, 2.0]]).shape
        (1, 1)
        """
        with MAKING:
            if self._memory is not None:  # another thread's data has settled them
                return
            self._network = None
            for _, layer in self.walk():
                for name in [n for n, v in layer.variables.items() if v.data is None]:
                    del layer.variables[name]

    def _keep_data(self) -> None:
        if self._memory is not None:
            for v in (*self._memory.network.parameters, *self._memory.network.states):
                v.data = self._memory.view(v).copy()

    def input_leaves(self, arrays: Sequence[Rows] | None) -> list[Value] | None:
        """Leaves for the inputs, from what the model declares or from the data.

        Parameters
        ----------
        arrays : sequence of arrays or sparse rows or None
            Data, one array for each input.

        Returns
        -------
        list of Value, or None
            None where neither tells.

        Examples
        --------
        >>> import gdcore as gd
        >>> gd.Sequential([gd.Dense(1)]).input_leaves([np.zeros((5, 3), np.float32)])
        [<x (B, 3)>]
        """
        if self._graph_inputs is not None:
            return list(self._graph_inputs)
        if arrays is None:
            return None
        return [
            input_value(
                (Batch(1), *a.shape[1:]),
                n,
                INT if a.dtype.kind in "iu" and a.dtype != np.uint8 else REAL,
            )
            for n, a in zip(self.input_names, arrays, strict=True)
        ]

    @property
    def input_names(self) -> list[str]:
        """Names by which `fit` and `predict` take several inputs."""
        if self._network is not None:
            return self._network.input_names
        if self._graph_inputs is not None:
            return [v.name for v in self._graph_inputs]
        return [
            p.name
            for p in inspect.signature(self.forward).parameters.values()
            if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)
        ]

    def network(self, arrays: Sequence[Rows] | None = None) -> Network:
        """The traced network; traced at the first call.

        Parameters
        ----------
        arrays : sequence of arrays or sparse rows, optional
            Data, which settles the sizes of inputs and is checked against them.

        Returns
        -------
        Network

        Raises
        ------
        ValueError
            If the inputs are not known yet, or the data does not fit them.

        Examples
        --------
        >>> import gdcore as gd
        >>> network = gd.Sequential([gd.Input(3), gd.Dense(2)]).network()
        >>> [network.names[p] for p in network.parameters], network.outputs[0].shape
        (['0.kernel', '0.bias'], (B, 2))
        """
        if self._network is None or self._seen_freezes != Layer.freezes:
            with MAKING:
                self._trace(arrays)
        assert self._network is not None
        if arrays is not None:
            for a, leaf in zip(arrays, self._network.inputs, strict=True):
                check_input(a, leaf, leaf.name in self._network.index_limits)
        return self._network

    def _trace(self, arrays: Sequence[Rows] | None) -> None:
        """Trace the model, unless that was done for layers frozen as they are now."""
        frozen = tuple(layer.trainable for _, layer in self.walk())
        if self._network is None or self.__dict__.get("_frozen") != frozen:
            leaves = self.input_leaves(arrays) if self._network is None else self._network.inputs
            if leaves is None:
                raise ValueError(
                    "the model's input is not known yet: call fit or predict with data, or begin "
                    "the model with gd.Input(shape)"
                )
            self._network = trace(self, leaves, self.forward(*leaves))
            self.__dict__["_frozen"] = frozen
            self._steps = {}
        self._seen_freezes = Layer.freezes

    def memory(self, arrays: Sequence[Rows] | None = None) -> Memory:
        """All parameters and what belongs to them, made if they are not there yet.

        Parameters
        ----------
        arrays : sequence of arrays or sparse rows, optional
            Data, as for `network`.

        Returns
        -------
        Memory

        Examples
        --------
        >>> import gdcore as gd
        >>> model = gd.Sequential([gd.Input(3), gd.Dense(2, kernel_initializer="ones")])
        >>> model.memory().view(model.network().parameters[0]).tolist()
        [[1.0, 1.0], [1.0, 1.0], [1.0, 1.0]]
        """
        network = self.network(arrays)
        trained = tuple(p.trainable for p in network.parameters)
        old = self._memory
        if old is not None and old.network is network and self.__dict__.get("_trained") == trained:
            return old
        with MAKING:
            if self._memory is not old:  # another thread was here first
                return self.memory(arrays)
            self._keep_data()
            self._steps = {}
            memory = Memory(network, self._optimizer, self._dtype)
            memory.fill(self.seed, old)  # what is trained as before keeps its slots
            self._memory = memory  # only now: Ctrl-C leaves the old memory, or the whole new one
            self.__dict__["_trained"] = trained
            return memory

    def __getstate__(self) -> dict[str, Any]:
        self.lend_data()
        return state_of(self)

    def __setstate__(self, state: dict[str, Any]) -> None:
        restore(self, state)

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

    def _builder(self, arrays: Sequence[Rows] | None = None) -> Builder:
        memory = self.memory(arrays)
        return Builder(memory.network, memory, self._losses, self._loss_weights, self._plans)

    def _step(self, key: tuple[Any, ...], make: Any) -> Step:
        step: Step | None = self._steps.get(key)
        if step is None:
            with MAKING:
                step = self._steps.get(key)
                if step is None:
                    step = self._steps[key] = make()
        return step

    def share_plans(self, plans: Plans | None) -> None:
        """Find plans, and keep them, where models of the same structure do; None to do so no more."""
        self._plans = plans

    def release(self) -> None:
        """Give back the memory of all plans; they are made anew when they are needed."""
        self._steps = {}

    def train_step(self, batch: int, data: Data, keep_outputs: bool, update: bool = True) -> Step:
        """The session that trains on such data.

        Parameters
        ----------
        batch : int
            The largest batch.
        data : Data
        keep_outputs : bool
            Whether predictions are handed back, for metrics.
        update : bool
            Whether the optimizer takes its step; without it gradients are computed and left.

        Returns
        -------
        Step

        Examples
        --------
        >>> import gdcore as gd
        >>> model = gd.Sequential([gd.Input(2), gd.Dense(1, kernel_initializer="ones")])
        >>> _ = model.compile("sgd", "mse")
        >>> _ = model.train_on_batch([[1.0, 2.0]], [1.0])
        >>> [key[0] for key in model._steps]
        ['train']
        """
        builder = self._builder(data.inputs)
        key = ("train", batch, data.spec, data.weights is not None, keep_outputs, update)
        return self._step(
            key,
            lambda: builder.train(
                batch,
                data.spec,
                data.weights is not None,
                self.optimizer if update else None,
                keep_outputs,
            ),
        )


INT32 = np.iinfo(np.int32)


def check_indices(arrays: Sequence[Rows], network: Network) -> None:
    """Raises ValueError if an input that picks rows of a table names one that is not there."""
    limits = network.index_limits
    for array, name in zip(arrays, network.input_names, strict=True):
        if name in limits and array.size and not 0 <= array.min() <= array.max() < limits[name]:
            bad = array.min() if array.min() < 0 else array.max()
            raise ValueError(
                f"input {name!r} holds the index {bad}, and the embedding has {limits[name]} rows: "
                f"expected 0 to {limits[name] - 1}"
            )


def check_input(array: Rows, leaf: Value, picks: bool) -> None:
    """Raises ValueError if an array does not fit an input; of one that `picks` rows of a table,
    `check_indices` tells better which numbers it may hold."""
    want = leaf.shape[1:]
    if array.shape[1:] != want:
        raise ValueError(
            f"input {leaf.name!r} has the shape {array.shape}: expected (n, "
            f"{', '.join(map(str, want))})"
            + (
                "; give it a column with X.reshape(-1, 1)"
                if array.ndim == 1 and want == (1,)
                else ""
            )
        )
    if leaf.dtype == INT and array.dtype.kind not in "iu":
        raise TypeError(
            f"input {leaf.name!r} takes whole numbers and got {array.dtype}: convert it with "
            ".astype(int)"
        )
    small = array.dtype.itemsize < 4 or array.dtype == np.int32
    if leaf.dtype == INT and not small and not picks and array.size:
        low, high = array.min(), array.max()
        if low < INT32.min or high > INT32.max:
            raise ValueError(
                f"input {leaf.name!r} holds {high if high > INT32.max else low}, and whole numbers "
                f"are computed with as int32, up to {INT32.max}: convert it with .astype(float)"
            )
