"""Tensors owned by layers: parameters, which the optimizer updates, and states."""

from __future__ import annotations

import math
from typing import Any, Protocol

import numpy as np

from gdcore import initializers
from gdcore.graph.ir import Value
from gdcore.graph.ops.leaves import PARAM, STATE

ROLES = ("kernel", "bias", "norm", "embedding")


class Home(Protocol):
    """Owner of the memory of variables once it is allocated: see `gdcore.engine.store`."""

    def view(self, v: Variable) -> np.ndarray:
        """A variable's values, as a writable view."""

    def within(self, v: Variable) -> np.ndarray:
        """A variable's values, to be read and not to be kept."""

    def put(self, v: Variable, array: Any) -> None:
        """Set a variable's values."""


class Variable:
    """A tensor owned by a layer: base class of parameters and states.

    Attributes
    ----------
    owner : Layer
    local_name : str
        Name within its layer; a model prefixes the path of the layer.
    shape : tuple of int
    leaf : Value
        The traced value that represents it.
    store : Home or None
        The memory that holds its values once a model was built; all models with this layer share
        it.
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
        """Its values: a view into its store, or the initial values without a store; None before they are drawn."""
        return self._initial if self.store is None else self.store.view(self)

    @data.setter
    def data(self, array: np.ndarray) -> None:
        if self.store is None:
            self._initial = array
        else:
            self.store.put(self, array)

    @property
    def numbers(self) -> np.ndarray | None:
        """As `data`, to be read and not to be kept."""
        return self._initial if self.store is None else self.store.within(self)

    def settle(self, store: Home) -> None:
        """Bind to a store, into which the values have been copied."""
        self.store, self._initial = store, None

    def _leaf(self, name: str) -> Value:
        return Value(self.op, (), {"shape": self.shape, "variable": self}, self.shape, name=name)

    def __getstate__(self) -> dict[str, Any]:
        state = {k: v for k, v in self.__dict__.items() if k not in ("leaf", "store")}
        return state if self.store is None else state | {"_initial": self.store.within(self).copy()}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self.leaf = self._leaf(self.local_name)

    @property
    def size(self) -> int:
        """Number of elements."""
        return math.prod(self.shape)  # Python integers: no overflow

    def _known(self, data: np.ndarray | None) -> np.ndarray:
        if data is None:
            raise ValueError(
                f"{self.local_name!r} has no numbers yet: call fit or predict, or begin the model "
                "with gd.Input(shape) and call summary"
            )
        return data

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        return np.array(self._known(self.numbers), dtype=dtype, copy=True)

    def __dlpack__(self, **options: Any) -> Any:
        """The values themselves, not a copy: ``torch.from_dlpack(layer.variables["kernel"])``."""
        return self._known(self.data).__dlpack__(**options)

    def __dlpack_device__(self) -> tuple[int, int]:
        return self._known(self.numbers).__dlpack_device__()


class Parameter(Variable):
    """A variable that the optimizer updates.

    Attributes
    ----------
    role : {"kernel", "bias", "norm", "embedding"}
        Lets an optimizer exempt biases and norms from weight decay.
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
    """A variable that a training step updates by a rule of the layer, such as running statistics."""

    op = STATE

    def __init__(self, owner: Any, name: str, shape: tuple[int, ...], initial: float) -> None:
        super().__init__(owner, name, shape)
        self.initial = initial
