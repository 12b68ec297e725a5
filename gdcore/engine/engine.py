"""What stands behind a model: its network, its memory and the steps that were planned for it."""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from gdcore.data.arrays import Rows
from gdcore.engine.locks import making
from gdcore.engine.network import Network, check_input, trace
from gdcore.engine.parameters import Memory
from gdcore.engine.pickling import restore, state_of
from gdcore.engine.steps import Builder, Step, Target
from gdcore.graph.ir import INT, REAL, Batch, Value
from gdcore.graph.registry import input_value
from gdcore.graph.reuse import Plans
from gdcore.layers.base import Layer
from gdcore.losses.by_output import places_of
from gdcore.training.compile_settings import Settings

if TYPE_CHECKING:
    from gdcore.training.fit import Data


class Compiled(Settings):
    """A layer with a memory, and plans to compute it by. `gdcore.Model` is what people use."""

    # Class attributes, as in Settings.
    _graph_inputs: Sequence[Value] | None = None
    _graph_outputs: Any = None
    _network: Network | None = None
    _memory: Memory | None = None
    _steps: dict[Any, Step]
    _plans: Plans | None = None
    _target_spec: tuple[Target, ...] = ()
    _seen_freezes: int = -1

    def _forget(self) -> None:
        """Plans no longer hold: they are made anew when they are needed."""
        self._keep_data()
        self._memory = None
        self._steps = {}

    def lend_data(self) -> None:
        """Let the variables hold this model's numbers: they may be shared with another model.

        Examples
        --------
        >>> import gdcore as gd
        >>> inner = gd.Dense(1, kernel_initializer="ones")
        >>> model = gd.Sequential([gd.Input(2), inner])
        >>> _ = model.memory()
        >>> model.lend_data()
        >>> gd.Sequential([gd.Input(2), inner]).predict([[1.0, 2.0]]).tolist()
        [[3.0]]
        """
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
        with making():
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
            with making():
                self._trace(arrays)
        assert self._network is not None
        if self._loss_names is not None:
            self._sort_losses(self._network)
        if arrays is not None:
            for a, leaf in zip(arrays, self._network.inputs, strict=True):
                check_input(a, leaf, leaf.name in self._network.index_limits)
        return self._network

    def _sort_losses(self, network: Network) -> None:
        """Put losses that were given by name in the order of the outputs."""
        names = self._loss_names or ()
        at = places_of(names, network.output_names, len(network.outputs))
        self._losses = [self._losses[i] for i in at]
        self._loss_weights = [self._loss_weights[i] for i in at]
        self._loss_names = None

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
        with making():
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

    def _builder(self, arrays: Sequence[Rows] | None = None) -> Builder:
        memory = self.memory(arrays)
        return Builder(memory.network, memory, self._losses, self._loss_weights, self._plans)

    def _step(self, key: tuple[Any, ...], make: Any) -> Step:
        step: Step | None = self._steps.get(key)
        if step is None:
            with making():
                step = self._steps.get(key)
                if step is None:
                    step = self._steps[key] = make()
        return step

    def share_plans(self, plans: Plans | None) -> None:
        """Find plans, and keep them, where models of the same structure do; None to do so no more.

        Parameters
        ----------
        plans : Plans or None

        Examples
        --------
        >>> import gdcore as gd
        >>> from gdcore.graph.reuse import Plans
        >>> shared = Plans()
        >>> for seed in range(3):  # planned once
        ...     model = gd.Sequential([gd.Dense(4), gd.Dense(1)]).compile("sgd", "mse")
        ...     model.share_plans(shared)
        ...     _ = model.fit([[1.0]], [1.0], seed=seed)
        """
        self._plans = plans

    def release(self) -> None:
        """Give back the memory of all plans; they are made anew when they are needed.

        Examples
        --------
        >>> import gdcore as gd
        >>> model = gd.Sequential([gd.Input(2), gd.Dense(1, kernel_initializer="ones")])
        >>> before = model.predict([[1.0, 2.0]])
        >>> model.release()
        >>> bool((model.predict([[1.0, 2.0]]) == before).all())
        True
        """
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
