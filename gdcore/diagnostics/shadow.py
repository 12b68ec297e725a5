"""A copy of a model's weights in separate memory: whatever runs on it leaves the model unchanged."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from gdcore.data.dataset import Data
from gdcore.data.frames import ColumnNames
from gdcore.engine.engine import engine_of
from gdcore.engine.network import check_indices
from gdcore.engine.steps import Builder
from gdcore.random import fresh_seed
from gdcore.training.prepare import prepare

if TYPE_CHECKING:
    from gdcore.engine.network import Network
    from gdcore.model import Model
    from gdcore.optimizers import Optimizer

__all__ = ["Shadow", "sample"]


class Shadow:
    """A copy of a model's weights, states and optimizer slots, and data to run on it.

    A model that has not been built is not built by this either: its shadow draws weights of its
    own, and the model still draws those that `fit` is given a seed for.

    Parameters
    ----------
    model : Model
        Compiled, if there are targets.
    x, y : data as `fit` takes it, without y for predictions alone; or x is data checked already
    sample_weight : array, optional
    optimizer : Optimizer, optional
        Instead of the model's; its slots start at their initial values.
    supervised : bool
        Whether there must be targets.
    seed : int, optional
        Seed of weights that are not drawn yet, and of random layers.

    Attributes
    ----------
    data : Data
    orders : dict of str to list of int
        Where the model's columns lie in frames that had another order, without targets.
    network : Network
    memory : Parameters
    builder : Builder
        Of steps over this memory.
    """

    def __init__(
        self,
        model: Model,
        x: Any,
        y: Any = None,
        sample_weight: Any = None,
        *,
        optimizer: Optimizer | None = None,
        seed: int | None = None,
        supervised: bool = False,
    ) -> None:
        self.orders: dict[str, list[int]] = {}
        engine = engine_of(model)
        first, spec = not engine.traced, engine.target_spec
        try:
            if isinstance(x, Data):
                self.data = x
            elif supervised or y is not None:
                self.data = prepare(engine, x, y, sample_weight)
            else:
                columns = ColumnNames.of(engine.columns)
                self.data = Data(engine.arrays(x, columns), [])
                self.orders = columns.orders
            self.network: Network = engine.network(self.data.inputs)
            check_indices(self.data.inputs, self.network)
            self.memory = engine.detached(optimizer)
        finally:
            engine.target_spec = spec
            if first:
                engine.forget_trace()
        self.optimizer = optimizer if optimizer is not None else engine.settings.optimizer
        seed = engine.known_seed if seed is None else seed
        self.seed = fresh_seed() if seed is None else seed
        self.counter = engine.steps_done
        self.memory.store.draw(self.network.names, self.seed)
        if engine.bound is not None:
            self.memory.take_slots(engine.bound)
        self.builder = Builder(self.network, self.memory, engine.settings)


def sample(data: Data, rows: int) -> Data:
    """A copy of the first rows of some data."""
    part = data.take(slice(0, rows))
    return Data(
        [np.array(a) for a in part.inputs],
        [np.array(a) for a in part.targets],
        None if part.weights is None else np.array(part.weights),
        part.spec,
    )
