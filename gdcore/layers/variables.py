"""Tensors that layers keep: parameters, which training changes, and states."""

from __future__ import annotations

import math
from typing import Any, Protocol

import numpy as np

from gdcore import initializers
from gdcore.graph.ir import Value
from gdcore.graph.registry import PARAM, STATE

ROLES = ("kernel", "bias", "norm", "embedding")


class Home(Protocol):
    """What holds the numbers of variables once they have some: see `gdcore.engine.store`."""

    def view(self, v: Variable) -> np.ndarray:
        """A variable's numbers, as a writable view."""


class Variable:
    """A tensor that a layer keeps: what parameters and states have in common.

    Attributes
    ----------
    owner : Layer
    local_name : str
        Within its layer; a model puts the layer's path before it.
    shape : tuple of int
    leaf : Value
        What stands for it in the graph.
    store : Home or None
        Where its numbers lie, once a model was built: one place, whatever number of models use the layer.
    """

    op: Any
    store: Home | None = None

    def __init__(self, owner: Any, local_name: str, shape: tuple[int, ...]) -> None:
        self.owner = owner
        self.local_name = local_name
        self.shape = shape
        self.leaf = self._leaf(local_name)
        self._initial: np.ndarray | None = None

    @property
    def data(self) -> np.ndarray | None:
        """Its numbers: a view of its store, or those it is to begin with; None where there are none yet."""
        return self._initial if self.store is None else self.store.view(self)

    @data.setter
    def data(self, array: np.ndarray) -> None:
        if self.store is None:
            self._initial = array
        else:
            self.store.view(self)[...] = array

    def settle(self, store: Home) -> None:
        """Have the numbers in a store from now on, into which they were copied."""
        self.store, self._initial = store, None

    def _leaf(self, name: str) -> Value:
        return Value(self.op, (), {"shape": self.shape, "variable": self}, self.shape, name=name)

    def __getstate__(self) -> dict[str, Any]:
        state = {k: v for k, v in self.__dict__.items() if k not in ("leaf", "store")}
        return state if self.store is None else state | {"_initial": self.store.view(self).copy()}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self.leaf = self._leaf(self.local_name)

    @property
    def size(self) -> int:
        """Number of elements."""
        return math.prod(self.shape)  # of Python's integers, which do not wrap around

    def _numbers(self) -> np.ndarray:
        data = self.data
        if data is None:
            raise ValueError(
                f"{self.local_name!r} has no numbers yet: call fit or predict, or begin the model "
                "with gd.Input(shape) and call summary"
            )
        return data

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        return np.array(self._numbers(), dtype=dtype, copy=True)

    def __dlpack__(self, **options: Any) -> Any:
        """The numbers themselves, not a copy: ``torch.from_dlpack(layer.variables["kernel"])``."""
        return self._numbers().__dlpack__(**options)

    def __dlpack_device__(self) -> tuple[int, int]:
        return self._numbers().__dlpack_device__()


class Parameter(Variable):
    """What training changes.

    Attributes
    ----------
    role : {"kernel", "bias", "norm", "embedding"}
        So that an optimizer can leave biases and norms without decay.
    l1, l2 : float
        Factors of Σ|w| and Σw² in the loss.
    """

    op = PARAM

    def __init__(
        self,
        owner: Any,
        name: str,
        shape: tuple[int, ...],
        initializer: Any,
        role: str,
        l1: float,
        l2: float,
    ) -> None:
        super().__init__(owner, name, shape)
        self.initializer = initializers.get(initializer)
        self.role = role
        self.l1 = l1
        self.l2 = l2
        self.frozen = False

    @property
    def trainable(self) -> bool:
        """False where its layer, or a pattern given to `Model.freeze`, froze it."""
        return self.owner.trainable and not self.frozen


class State(Variable):
    """What a training step updates by a rule of the layer's own, such as running statistics."""

    op = STATE

    def __init__(self, owner: Any, name: str, shape: tuple[int, ...], initial: float) -> None:
        super().__init__(owner, name, shape)
        self.initial = initial
