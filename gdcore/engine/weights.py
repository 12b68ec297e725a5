"""Reading, setting and freezing the parameters and states of a model."""

from __future__ import annotations

import fnmatch
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np

from gdcore.data.arrays import as_array
from gdcore.engine.engine import Engine
from gdcore.engine.parameters import Parameters
from gdcore.engine.store import check_range
from gdcore.errors import listed
from gdcore.layers.base import Variable


@contextmanager
def alone(engine: Engine) -> Iterator[Parameters]:
    """The model's parameters, with the lock of their store held for writing."""
    while True:
        parameters = engine.parameters()
        with parameters.lock:
            if not parameters.store.stale:  # else moved by another thread: bind again
                yield parameters
                return


def variables_of(engine: Engine) -> dict[str, Variable]:
    """Parameters in the order of the layers, then states, by name."""
    parameters = engine.parameters()
    return {parameters.network.names[v]: v for v in parameters.variables}


def state_dict(engine: Engine) -> dict[str, np.ndarray]:
    """See `Model.state_dict`."""
    variables = variables_of(engine)
    with alone(engine) as parameters:
        return {name: parameters.within(v).copy() for name, v in variables.items()}


def set_weights(engine: Engine, weights: Sequence[Any]) -> None:
    """See `Model.set_weights`."""
    variables = variables_of(engine)
    if len(weights) != len(variables):
        raise ValueError(
            f"set_weights got {len(weights)} arrays: expected {len(variables)} "
            f"({listed(variables)})"
        )
    load_state_dict(engine, dict(zip(variables, weights, strict=True)))


def load_state_dict(engine: Engine, state: Mapping[str, Any], strict: bool = True) -> None:
    """See `Model.load_state_dict`."""
    variables = variables_of(engine)
    missing, extra = (
        [n for n in variables if n not in state],
        [n for n in state if n not in variables],
    )
    if strict and (missing or extra):
        raise ValueError(
            "load_state_dict: "
            + "; ".join(
                f"{what} {listed([repr(n) for n in names], 5)}"
                for what, names in (("missing", missing), ("unknown", extra))
                if names
            )
            + "; pass strict=False to load what fits"
        )
    new = {}
    for name, v in variables.items():
        if name in state:
            array = as_array(state[name], repr(name))
            if array.shape != v.shape:
                raise ValueError(
                    f"load_state_dict: {name!r} has the shape {array.shape}, expected {v.shape}"
                )
            new[v] = array
    with alone(engine) as parameters:
        for v, array in new.items():  # all of them before the first is changed
            check_range(array, parameters.dtype, parameters.network.names[v])
        for v, array in new.items():
            parameters.within(v)[...] = array


def freeze(engine: Engine, pattern: str, frozen: bool) -> None:
    """See `Model.freeze`."""
    network = engine.parameters().network
    fits = [p for p in network.parameters if fnmatch.fnmatchcase(network.names[p], pattern)]
    if not fits:
        raise ValueError(
            f"no parameter's name fits {pattern!r}: they are {listed(network.names.values())}"
        )
    for p in fits:
        p.frozen = frozen
