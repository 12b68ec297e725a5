"""The engine of a model: traces its network, binds its parameters to a store, plans steps and caches them."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np

from gdcore._core import StepCount, TrainingLock
from gdcore.compute import check_compute
from gdcore.data.arrays import Rows, as_inputs
from gdcore.data.dataset import TargetSpec
from gdcore.data.sparse import SparseRows
from gdcore.engine.definition import Definition
from gdcore.engine.fast_path import FastPath
from gdcore.engine.freezing import Freezing, every_layer, layers_of
from gdcore.engine.lengths import Lengths
from gdcore.engine.locks import planning_lock
from gdcore.engine.network import Network, check_input, trace
from gdcore.engine.parameters import Layout, Parameters, detached
from gdcore.engine.settings import CompileSettings
from gdcore.engine.step_cache import crowded, newest
from gdcore.engine.steps import Builder, Step
from gdcore.engine.store import Store, move
from gdcore.graph.reuse import Plans
from gdcore.layers.base import Layer, Parameter, State
from gdcore.optimizers import Optimizer
from gdcore.random import fresh_seed


class Engine:
    """Runs a model: traces it, binds its variables to a store, plans steps and caches them.

    Parameters
    ----------
    layer : Layer
        The model.

    Attributes
    ----------
    definition : Definition
        The model's layer, and its graph if it was built from one.
    settings : CompileSettings
    steps : dict
        The cache of planned steps; the keys are those of `step`.
    target_spec : tuple of TargetSpec
        Shape and dtype of the targets of the last call that took any.
    columns : mapping of str to tuple of str
        Names of the columns of the frames that it was trained on, by argument ("X", "y").
    count : StepCount
        Training steps since `compile`.
    epochs_done : int
        Epochs since `compile`.
    stop_training : bool
        Set by a callback to end `fit`.
    training_lock : TrainingLock
        Held by the thread that is inside `fit`.
    bound : Parameters or None
        The parameters as they were last bound, or None before the first time; the store may be stale.
    trained : FastPath or None
        The fast path of `train_on_batch`, set by its last validated call.
    predicted : dict of int to FastPath
        Fast paths of `predict` and `predict_on_batch`, by `batch_key` of the number of samples.
    """

    def __init__(self, layer: Layer) -> None:
        self.definition = Definition(layer)
        self.settings = CompileSettings()
        self.freezing = Freezing()
        self.steps: dict[Any, Step] = {}
        self.target_spec: tuple[TargetSpec, ...] = ()
        self.info: dict[str, Any] = {}
        self.columns: Mapping[str, tuple[str, ...]] = {}
        self.known_seed: int | None = None
        self.epochs_done = 0
        self.count = StepCount()
        self.stop_training = False
        self.training_lock = TrainingLock()
        self.trained: FastPath | None = None
        self.predicted: dict[int, FastPath] = {}
        self._asked_dtype: np.dtype | None = None
        self._network: Network | None = None
        self._traced: Freezing | None = None  # what was frozen when the network was traced
        self.bound: Parameters | None = None
        self._plans: Plans | None = None
        self._lengths: Lengths | None = None
        self._told = False  # whether `warn_of_freezing` has warned since `compile`

    # --- settings --------------------------------------------------------------------------------

    @property
    def optimizer(self) -> Optimizer:
        """The optimizer that the model was compiled with.

        Raises
        ------
        ValueError
            If it was not compiled.
        """
        if self.settings.optimizer is None:
            raise ValueError(
                "the model is not compiled: call model.compile(optimizer=..., loss=...) first"
            )
        return self.settings.optimizer

    @property
    def seed(self) -> int:
        """The seed of everything random: drawn afresh unless `fit` was given one."""
        if self.known_seed is None:
            self.known_seed = fresh_seed()
        return self.known_seed

    @property
    def steps_done(self) -> int:
        """Training steps since `compile`."""
        return self.count.done

    def resume(self, seed: int, steps_done: int, epochs_done: int) -> None:
        """Set seed and counters to those of a model that has already trained so far."""
        self.known_seed, self.count.done, self.epochs_done = seed, steps_done, epochs_done

    @property
    def dtype(self) -> np.dtype:
        """The dtype of parameters and computation: that of `compile`, else that of the store of the layers."""
        if self._asked_dtype is not None:
            return self._asked_dtype
        if self.bound is not None:
            return self.bound.dtype
        return np.dtype(np.float32)

    def compile(self, settings: CompileSettings, dtype: str) -> None:
        """Set the settings of training, and take a snapshot of which layers are frozen.

        Raises
        ------
        RuntimeError
            If the model is within `fit`.
        """
        self._change("compile")
        self.settings, self._asked_dtype = settings, np.dtype(dtype)
        self.freezing, self._told = Freezing(self.layers()), False
        self.freezing.note()
        self.count.done = self.epochs_done = 0
        self.bound, self.steps = None, {}

    def set_dtype(self, dtype: str) -> None:
        """Compute in another precision from now on.

        Raises
        ------
        RuntimeError
            If the model is within `fit`.
        """
        self._change("set_dtype")
        check_compute(self.settings.compute, dtype)
        self._asked_dtype = np.dtype(dtype)
        self.bound, self.steps = None, {}

    def _change(self, what: str) -> None:
        self.training_lock.check()
        if self.training_lock.taken:
            raise RuntimeError(
                f"{what} was called within fit of the same model: expected a call before or after it"
            )

    # --- which layers are trained ------------------------------------------------------------------

    def layers(self) -> list[Layer]:
        """The model's layers, itself included."""
        found = {id(layer): layer for layer in every_layer(self.definition.layer)}
        if self._network is not None:
            for layer in layers_of(self._network.outputs):
                found.setdefault(id(layer), layer)
        return list(found.values())

    def _as_compiled(self) -> Freezing:
        return Freezing(self.layers()) if self.settings.optimizer is None else self.freezing

    def warn_of_freezing(self) -> None:
        """Warn, once for each `compile`, if layers were frozen or unfrozen since."""
        if not self._told and self.freezing.outdated():
            self._told = True
            warnings.warn(
                "layers were frozen or unfrozen since compile: fit trains what was trainable at compile; "
                "call compile again to change that",
                stacklevel=4,
            )

    # --- network and parameters --------------------------------------------------------------------

    @property
    def input_names(self) -> list[str]:
        """Names of the inputs, the keys of a dict of arrays given to `fit` or `predict`."""
        return (self._network or self.definition).input_names

    def arrays(self, x: Any, columns: Any = None) -> list[Rows]:
        """The arrays of the inputs, in their order; texts as rows. TypeError or ValueError if `x` does not fit."""
        return as_inputs(x, self.input_names, columns, self.definition.readers)

    @property
    def traced(self) -> bool:
        """Whether the network has been traced."""
        return self._network is not None

    def network(self, arrays: Sequence[Rows] | None = None) -> Network:
        """The traced network; traced at the first call.

        Parameters
        ----------
        arrays : sequence of arrays or sparse rows, optional
            Data for the inputs: determines their shapes at the first call, is checked against them later.

        Raises
        ------
        ValueError
            If the inputs are not known yet, or the data does not fit them.
        """
        if self._network is None or (
            self.settings.optimizer is not None and self._traced is not self.freezing
        ):
            with planning_lock():
                self._trace(arrays)
        assert self._network is not None
        if arrays is not None:
            for a, leaf in zip(arrays, self._network.inputs, strict=True):
                check_input(a, leaf, leaf in self._network.index_limits)
        return self._network

    def _trace(self, arrays: Sequence[Rows] | None) -> None:
        """Trace the model, unless the network was traced with the same layers frozen as at `compile`."""
        freezing = self._as_compiled()
        if self._network is None or self._traced is None or not self._traced.same(freezing):
            layer, known = self.definition.layer, self._network
            leaves = self.definition.leaves(arrays) if known is None else known.inputs
            with freezing.applied():
                self._network = trace(layer, leaves, layer.forward(*leaves))
            self.steps = {}
        self.settings = self.settings.sorted_by(
            self._network.output_names, len(self._network.outputs)
        )
        self._traced = freezing

    def at_steps(self, steps: int) -> Network:
        """The network for sequences of so many steps, over the same variables: see `Lengths.of`."""
        network = self.network()
        with planning_lock(), self._as_compiled().applied():
            if self._lengths is None or self._lengths.network is not network:
                self._lengths = Lengths(self.definition, network, self.layers)
            return self._lengths.of(steps)

    def forget_trace(self) -> None:
        """Forget the network, so that the next data determines the shapes of inputs; initialized variables stay."""
        with planning_lock():
            if self.bound is not None:  # another thread has bound the parameters meanwhile
                return
            self._network = None
            for _, layer in self.definition.layer.walk():  # numbers stay, variables without them go
                for name in [n for n, v in layer.variables.items() if v.numbers is None]:
                    del layer.variables[name]

    def restructured(self) -> None:
        """Invalidate network and steps because the model's layers have changed; shapes of inputs stay.

        Raises
        ------
        RuntimeError
            If the model is within `fit`.
        """
        self._change("a change of layers")
        if self._network is not None and self.definition.inputs is None:
            self.definition.inputs = self._network.inputs
        self._network = self.bound = None
        self.steps = {}

    def parameters(self, arrays: Sequence[Rows] | None = None) -> Parameters:
        """The model's parameters and states, initialized if need be, and bound again if their store is stale.

        Parameters
        ----------
        arrays : sequence of arrays or sparse rows, optional
            Data, as for `network`.

        Raises
        ------
        RuntimeError
            If layers of another model would have to move to a new store while that model is inside `fit`.
        """
        network = self.network(arrays)
        old = self.bound
        if old is not None and old.network is network and not old.store.stale:
            return old
        with planning_lock():
            if self.bound is not old:  # another thread has bound them meanwhile
                return self.parameters(arrays)
            self.steps = {}
            optimizer, trains = self.settings.optimizer, self._as_compiled().trains
            layout = Layout(network, trains, optimizer)
            store = self._store(network, layout)
            new = Parameters(network, store, layout, optimizer)
            if old is not None:
                new.take_slots(old)
            store.engines.add(self)
            self.bound, self._asked_dtype = new, None
            return new

    def _store(self, network: Network, layout: Layout) -> Store:
        """The store that already holds all of the network's variables, or else a new one, filled by `move`."""
        variables = [*network.parameters, *network.states]
        found = {id(v.store): v.store for v in variables if isinstance(v.store, Store)}
        old: list[Store] = list(found.values())
        dtype = self._asked_dtype or (old[0].dtype if old else self.dtype)
        new = layout.store(network, dtype)
        if len(old) == 1 and old[0].dtype == dtype and all(v.store is old[0] for v in variables):
            alone = not any(engine is not self for engine in old[0].engines)
            if not alone or old[0].offsets == new.offsets:
                return old[0]
        others = [v for store in old for v in store.offsets if v not in new.offsets]
        if others:
            new = Store(
                [*layout.order, *(v for v in others if isinstance(v, Parameter))],
                [*network.states, *(v for v in others if isinstance(v, State))],
                dtype,
            )
        move(new, old, network.names, self.seed)
        return new

    def detached(self, optimizer: Optimizer | None = None) -> Parameters:
        """Uninitialized parameters of the model's layout in a store of their own."""
        network, chosen = self.network(), optimizer or self.settings.optimizer
        return detached(network, self._as_compiled().trains, chosen, self.dtype)

    # --- steps -------------------------------------------------------------------------------------

    def builder(self, arrays: Sequence[Rows] | None = None, steps: int | None = None) -> Builder:
        """A builder of steps over the model's parameters; `steps` says for sequences of which length."""
        parameters = self.parameters(arrays if steps is None else None)
        return Builder(
            parameters.network if steps is None else self.at_steps(steps),
            parameters,
            self.settings,
            self._plans,
            self.count,
            tuple(map(self._capacity, arrays or ())),
        )

    def _capacity(self, rows: Rows) -> int:
        """The most numbers of a row if products should read an input as sparse rows, else 0."""
        by_rows = self.settings.optimizer is not None and self.settings.optimizer.sparse is not None
        if isinstance(rows, SparseRows) and (by_rows or rows.worth_it):
            return rows.capacity()
        return 0

    def step(self, key: tuple[Any, ...], make: Callable[[], Step]) -> Step:
        """The cached step of a key, made by `make` at the first call; steps not used for long are dropped."""
        found = self.steps.get(key)
        if found is None or crowded(self.steps):
            with planning_lock():
                return newest(self.steps, key, make)
        return found

    def train_steps(self) -> list[Step]:
        """The cached training steps, the newest last."""
        return [step for key, step in self.steps.items() if key[0] == "train"]

    def share_plans(self, plans: Plans | None) -> None:
        """Use a cache of plans that several engines of the same structure share; None for no cache."""
        self._plans = plans

    @contextmanager
    def training(self) -> Iterator[None]:
        """Hold the training lock; no layer of this engine moves to another store meanwhile.

        Raises
        ------
        RuntimeError
            If another thread holds it.
        """
        with self.training_lock:
            with planning_lock():  # waits for a `move` that began before the training lock was held
                pass
            yield

    def release(self) -> None:
        """Free the memory of all plans; steps are planned again when they are needed."""
        self.steps = {}


def engine_of(model: Any) -> Engine:
    """The engine of a model."""
    engine: Engine = model._engine
    return engine
