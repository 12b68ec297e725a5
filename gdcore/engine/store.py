"""Where the numbers of layers lie: the parameters and the states of some layers, in one vector each.

A variable lies in one store, whatever number of models use its layer, so that all of them see one set of
numbers. A store never grows: layers that come together in a model move into a new one, and the old one
is stale (`move`). Engines look for that at each call, and bind to the new store.
"""

from __future__ import annotations

import contextlib
import weakref
from collections.abc import Sequence
from typing import Any

import numpy as np

from gdcore.engine.session import Gate, aligned
from gdcore.layers.base import Parameter, State, Variable
from gdcore.random import Stream

LINE = 64  # bytes of a cache line, on which each variable begins


class Store:
    """The vectors of some variables.

    Parameters
    ----------
    parameters, states : sequences of Variable
        In the order in which they are to lie.
    dtype : float32 or float64

    Attributes
    ----------
    params, states : ndarray
        The vectors.
    offsets : dict of Variable to int
        The element of its vector at which each begins.
    gate : Gate
        Runs that read the numbers pass it together, those that write one by one.
    engines : WeakSet
        Those that are bound to this store.
    stale : bool
        Whether the variables have moved to another store.
    """

    def __init__(
        self, parameters: Sequence[Parameter], states: Sequence[State], dtype: np.dtype
    ) -> None:
        self.dtype = np.dtype(dtype)
        self.step = LINE // self.dtype.itemsize
        self.offsets: dict[Variable, int] = {}
        sizes = []
        for variables in (parameters, states):
            at = 0
            for v in variables:
                self.offsets[v], at = at, at + self.room(v)
            sizes.append(at)
        whole = aligned(max(1, sum(sizes)) * self.dtype.itemsize).view(self.dtype)
        self.params, self.states = whole[: sizes[0]], whole[sizes[0] : sum(sizes)]
        self.gate = Gate()
        self.engines: weakref.WeakSet[Any] = weakref.WeakSet()
        self.stale = False

    def room(self, v: Variable) -> int:
        """Elements that a variable takes, up to the next cache line."""
        return -(-v.size // self.step) * self.step

    def view(self, v: Variable) -> np.ndarray:
        """A variable's numbers, as a writable view."""
        vector = self.params if isinstance(v, Parameter) else self.states
        at = self.offsets[v]
        return vector[at : at + v.size].reshape(v.shape)

    def draw(self, names: dict[Variable, str], seed: int) -> None:
        """Fill in the numbers of every variable: those that it has already, or those it begins with.

        Parameters
        ----------
        names : dict of Variable to str
            Of variables without numbers, by which their random streams are told apart.
        seed : int

        Raises
        ------
        ValueError
            If an initializer gives numbers that are not finite.
        """
        for v in self.offsets:
            view, known = self.view(v), v.data
            if known is not None:
                view[...] = known
            elif isinstance(v, Parameter):
                v.initializer.fill(view, Stream(seed, f"init/{names[v]}"))
                if not np.isfinite(view).all():
                    raise ValueError(
                        f"the initializer of {names[v]!r} gave numbers that are not finite, expected "
                        f"finite ones of {self.dtype}: mend it"
                    )
            else:
                view[...] = v.initial  # type: ignore[attr-defined]


def move(new: Store, old: Sequence[Store], names: dict[Variable, str], seed: int) -> None:
    """Fill a new store with the numbers of its variables, and make it their home.

    Parameters
    ----------
    new : Store
    old : sequence of Store
        In which some of the variables lie; `new` has all of theirs.
    names, seed : as for `Store.draw`

    Raises
    ------
    RuntimeError
        If a model over one of the old stores is within `fit`.
    """
    for store in old:
        if any(engine.turn.taken for engine in store.engines):
            raise RuntimeError(
                "layers of a model that is within fit cannot be joined with others or computed in "
                "another precision: use the new model once before fit, or wait until fit is done"
            )
    with contextlib.ExitStack() as gates:
        for store in old:  # runs that use the old numbers end before they are copied
            gates.enter_context(store.gate)
        new.draw(names, seed)
        for v in new.offsets:
            v.settle(new)
        for store in old:
            store.stale = True
            new.engines |= store.engines
