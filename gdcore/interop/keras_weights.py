"""Weights from Keras, and to it. The layouts are the same; only the order of arrays is not."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from gdcore.data.arrays import as_array
from gdcore.interop.groups import Group, groups, load, numbers_of
from gdcore.model import Model

# Order of a layer's arrays in Keras, where it differs from their order of creation here.
ORDER = {"BatchNorm": ("gamma", "beta", "running_mean", "running_var")}


def from_keras(source: Any, model: Model) -> Model:
    """Set a model's weights to those of a Keras model of the same layers, in the same order.

    Parameters
    ----------
    source : keras.Model, or what its ``get_weights()`` gives
    model : Model
        Its input must be known: begin it with `gd.Input`.

    Returns
    -------
    Model
        The same one.

    Raises
    ------
    ValueError
        If the layers do not match; the message says where, and nothing is changed.

    Examples
    --------
    >>> import gdcore as gd
    >>> model = gd.Sequential([gd.Input(2), gd.Dense(1)])
    >>> gd.interop.from_keras([[[1.0], [2.0]], [0.5]], model).predict([[1.0, 10.0]])
    array([[21.5]], dtype=float32)
    """
    given = _given(source)
    slots = [(g, n) for g in groups(model) for n in _order(g)]
    if len(given) != len(slots):
        raise ValueError(
            f"from_keras got {len(given)} arrays for {len(slots)}: "
            f"{', '.join(f'{n} {a.shape}' for n, a in given)} for "
            f"{'; '.join(map(str, groups(model)))}"
        )
    wrong = [
        f"{theirs} {array.shape} for {group.path}.{name} {group.variables[name].shape}"
        for (theirs, array), (group, name) in zip(given, slots, strict=True)
        if array.shape != group.variables[name].shape
    ]
    if wrong:
        raise ValueError(f"from_keras: what does not fit: {'; '.join(wrong)}")
    load(model, {g.variables[n]: a for (_, a), (g, n) in zip(given, slots, strict=True)})
    return model


def to_keras(model: Model) -> list[np.ndarray]:
    """A model's weights in Keras' order, for ``keras_model.set_weights``.

    Parameters
    ----------
    model : Model

    Returns
    -------
    list of ndarray

    Examples
    --------
    >>> import gdcore as gd
    >>> model = gd.Sequential([gd.Input(2), gd.Dense(3), gd.BatchNorm()])
    >>> [w.shape for w in gd.interop.to_keras(model)]
    [(2, 3), (3,), (3,), (3,), (3,), (3,)]
    """
    return [numbers_of(model, g, n).copy() for g in groups(model) for n in _order(g)]


def _order(group: Group) -> Sequence[str]:
    known = [n for n in ORDER.get(group.kind, ()) if n in group.variables]
    return known or list(group.variables)


def _given(source: Any) -> list[tuple[str, np.ndarray]]:
    """Arrays and what Keras calls them."""
    if hasattr(source, "get_weights"):
        variables = getattr(source, "weights", [])
        arrays = list(source.get_weights())
        names = [str(getattr(v, "path", v.name)) for v in variables]
    elif isinstance(source, list | tuple):
        arrays = list(source)
        names = [f"array {i}" for i in range(len(arrays))]
    else:
        raise TypeError(
            f"from_keras got {type(source).__name__}: expected a keras.Model, or the list that "
            "its get_weights() gives"
        )
    return [(n, as_array(a, n)) for n, a in zip(names, arrays, strict=True)]
