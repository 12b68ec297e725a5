"""The memory of layers: a vector of the parameters of some layers, and a vector of their states.

A variable lies in exactly one store, however many models use its layer, so that all of them see the same
values. A store never grows. When a model joins layers of several stores, `move` copies them into a new
store and marks the old ones as stale; engines check that at each call and bind to the new store.
"""

from __future__ import annotations

import contextlib
import weakref
from collections.abc import Sequence
from typing import Any

import numpy as np

from gdcore.engine.session import ReadWriteLock, Session, aligned
from gdcore.layers.base import Parameter, State, Variable
from gdcore.random import Stream

LINE = 64  # bytes of a cache line, on which each variable begins


class Store:
    """The vectors that hold some variables.

    Parameters
    ----------
    parameters, states : sequences of Variable
        In the order of their memory.
    dtype : float32 or float64

    Attributes
    ----------
    params, states : ndarray
        One-dimensional, of `dtype`; each variable starts on a cache line.
    offsets : dict of Variable to int
        The index in its vector at which each variable starts.
    lock : ReadWriteLock
        Acquired by each run: prediction reads, training writes.
    engines : WeakSet of Engine
        The engines that are bound to this store.
    stale : bool
        Whether the variables have moved to another store.
    pending : dict of Session to None
        Sessions that catch up rows of tables: an optimizer with ``sparse="exact"`` leaves rows behind that do not
        occur, until something reads them.
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
        self.lock = ReadWriteLock()
        self.engines: weakref.WeakSet[Any] = weakref.WeakSet()
        self.stale = False
        self.pending: dict[Session, None] = {}

    def catch_up(self, but: Session | None = None) -> None:
        """Have all rows take the steps that they have skipped, but those that one session catches up."""
        for session in [s for s in self.pending if s is not but]:
            self.pending.pop(session, None)
            try:
                session.settle()
            except BaseException:  # by Ctrl-C, for example: rows are still behind
                self.pending[session] = None
                raise

    def room(self, v: Variable) -> int:
        """Elements that a variable takes, rounded up to whole cache lines."""
        return -(-v.size // self.step) * self.step

    def view(self, v: Variable) -> np.ndarray:
        """A variable's numbers, as a writable view.

        Whoever has it may write at any time, which this store then takes for granted: see `gdcore.engine.packing`.
        """
        self.lock.lent = True
        return self.within(v)

    def within(self, v: Variable) -> np.ndarray:
        """A variable's numbers, to be read, or written with the lock held, and not to be kept."""
        if self.pending:
            self.catch_up()
        vector = self.params if isinstance(v, Parameter) else self.states
        at = self.offsets[v]
        return vector[at : at + v.size].reshape(v.shape)

    def put(self, v: Variable, array: Any) -> None:
        """Set a variable's numbers."""
        with self.lock:
            self.within(v)[...] = array

    def draw(self, names: dict[Variable, str], seed: int) -> None:
        """Fill in every variable: with the values that it has already, else with initial ones.

        Parameters
        ----------
        names : dict of Variable to str
            Names of variables without values: each name is the key of a random stream.
        seed : int

        Raises
        ------
        ValueError
            If an initializer gives numbers that are not finite.
        """
        for v in self.offsets:
            view, known = self.within(v), v.numbers
            if known is not None:
                check_range(known, self.dtype, names.get(v, v.local_name))
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


def check_range(array: np.ndarray, dtype: np.dtype, name: str) -> None:
    """Raises ValueError if a precision does not hold every number of a variable.

    Parameters
    ----------
    array : ndarray
    dtype : float32 or float64
    name : str
        Of the variable.
    """
    if array.dtype.kind == "f" and array.dtype.itemsize > dtype.itemsize:
        with np.errstate(over="ignore"):
            lost = np.isfinite(array) & ~np.isfinite(array.astype(dtype))
        if lost.any():
            raise ValueError(
                f"{name!r} holds {array[lost][0]:g}, which {dtype} does not hold: expected numbers up "
                f"to {np.finfo(dtype).max:.2g}; compile with dtype='float64'"
            )


def move(new: Store, old: Sequence[Store], names: dict[Variable, str], seed: int) -> None:
    """Copy variables into a new store and bind them to it; the old stores become stale.

    Parameters
    ----------
    new : Store
    old : sequence of Store
        Their variables all have a place in `new`.
    names, seed : as for `Store.draw`

    Raises
    ------
    RuntimeError
        If a model over one of the old stores is inside `fit`.
    """
    for store in old:
        if any(engine.training_lock.taken for engine in store.engines):
            raise RuntimeError(
                "layers of a model that is within fit cannot be joined with others or computed in "
                "another precision: use the new model once before fit, or wait until fit is done"
            )
    with contextlib.ExitStack() as locks:
        for store in old:  # wait for runs that use the old vectors
            locks.enter_context(store.lock)
        new.draw(names, seed)
        for v in new.offsets:
            v.settle(new)
        for store in old:
            store.stale = True
            new.engines |= store.engines
