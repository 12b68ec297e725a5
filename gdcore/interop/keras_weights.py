"""Weights from Keras, and to it. The layouts are the same, but for heads; only the order of arrays is not."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from gdcore.data.arrays import as_array
from gdcore.interop.groups import Group, groups, load, numbers_of
from gdcore.model import Model

# Order of a layer's arrays in Keras, where it differs from their order of creation here.
ORDER = {"BatchNorm": ("gamma", "beta", "running_mean", "running_var")}


@dataclass
class _Given:
    """An array of Keras.

    Attributes
    ----------
    layer : str
        Name of the layer; "" where it is not known.
    name : str
        What Keras calls the array.
    array : ndarray
    """

    layer: str
    name: str
    array: np.ndarray


def from_keras(source: Any, model: Model) -> Model:
    """Set a model's weights to those of a Keras model of the same layers.

    Layers are matched by their names if all of these are the same on both sides, as in the networks of `gd.models`,
    and else in order. Names that Keras gave itself, ``conv2d_94`` ..., are numbered from 0 anew for this.

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
    slots = _slots(given, model)
    if len(given) != len(slots):
        raise ValueError(
            f"from_keras got {len(given)} arrays for {len(slots)}: "
            f"{', '.join(f'{x.name} {x.array.shape}' for x in given)} for "
            f"{'; '.join(map(str, groups(model)))}"
        )
    pairs = list(zip(given, slots, strict=True))
    wrong = _wrong(pairs)
    if wrong:
        raise ValueError(f"from_keras: what does not fit: {'; '.join(wrong)}")
    load(model, {g.variables[n]: x.array.reshape(g.variables[n].shape) for x, (g, n) in pairs})
    return model


def to_keras(model: Model, target: Any = None) -> Any:
    """A model's weights as Keras keeps them.

    Parameters
    ----------
    model : Model
    target : keras.Model, optional
        Of the same layers: its weights are set. They are matched as by `from_keras`.

    Returns
    -------
    keras.Model or list of ndarray
        The target, or else the arrays in Keras's order, for ``keras_model.set_weights``: layer after layer, as they
        stand in the model.

    Raises
    ------
    ValueError
        If the target's layers do not match; nothing is changed then.

    Examples
    --------
    >>> import gdcore as gd
    >>> model = gd.Sequential([gd.Input(2), gd.Dense(3), gd.BatchNorm()])
    >>> [w.shape for w in gd.interop.to_keras(model)]
    [(2, 3), (3,), (3,), (3,), (3,), (3,)]
    """
    if target is None:
        return [_numbers(model, slot).copy() for slot in _in_order(groups(model))]
    given = _given(target)
    slots = _slots(given, model)
    wrong = _wrong(list(zip(given, slots, strict=False)))
    if wrong or len(given) != len(slots):
        raise ValueError(
            f"to_keras: what does not fit: {'; '.join(wrong) or f'{len(slots)} arrays for {len(given)}'}"
        )
    target.set_weights([_numbers(model, slot) for slot in slots])
    return target


Slot = tuple[Group, str]


def _in_order(found: Sequence[Group]) -> list[Slot]:
    return [(g, n) for g in found for n in _order(g)]


def _order(group: Group) -> Sequence[str]:
    known = [n for n in ORDER.get(group.kind, ()) if n in group.variables]
    return known or list(group.variables)


def _shape(slot: Slot) -> tuple[int, ...]:
    """The shape of a variable in Keras, whose attention has a dimension for the heads."""
    group, name = slot
    shape, owner = group.variables[name].shape, group.variables[name].owner
    kind = "kv_heads" if name.startswith(("key_", "value_")) else "heads"
    heads: int | None = getattr(owner, kind, None)  # a model that was loaded does not know it
    if group.kind != "MultiHeadAttention" or heads is None or name == "output_bias":
        return shape
    if name == "output_kernel":
        return (heads, shape[0] // heads, *shape[1:])
    return (*shape[:-1], heads, shape[-1] // heads)


def _numbers(model: Model, slot: Slot) -> np.ndarray:
    """What a variable holds, in Keras's shape."""
    return numbers_of(model, *slot).reshape(_shape(slot))


def _slots(given: Sequence[_Given], model: Model) -> list[Slot]:
    """A variable of the model for each array: by the names of the layers, or else in order."""
    ours = groups(model)
    own = {g.path.rpartition(".")[2]: g for g in ours}
    theirs = [x.layer for x in given]
    for names in (theirs, _numbered_anew(theirs)):
        if len(own) == len(ours) and set(names) == set(own):
            waiting = {name: list(_order(group)) for name, group in own.items()}
            found = [(own[n], waiting[n].pop(0)) for n in names if waiting[n]]
            # what a layer lacks makes the list longer than that of the arrays, what it has too much of shorter
            return found + [(own[n], v) for n, left in waiting.items() for v in left]
    return _in_order(ours)


def _numbered_anew(names: Sequence[str]) -> list[str]:
    """Names whose endings _1, _2 ... follow one another from 0, which has none."""
    ends = [re.fullmatch(r"(.*?)(?:_(\d+))?", n, re.DOTALL) for n in names]
    found = {(m[1], int(m[2] or 0)) for m in ends if m}
    new: dict[tuple[str, int], str] = {}
    for kind in {kind for kind, _ in found}:
        numbers = sorted(k for other, k in found if other == kind)
        new |= {(kind, k): f"{kind}_{i}" if i else kind for i, k in enumerate(numbers)}
    return [new[m[1], int(m[2] or 0)] for m in ends if m]


def _wrong(pairs: Sequence[tuple[_Given, Slot]]) -> list[str]:
    return [
        f"{x.name} {x.array.shape} for {slot[0].path}.{slot[1]} {_shape(slot)}"
        for x, slot in pairs
        if x.array.shape != _shape(slot)
    ]


def _given(source: Any) -> list[_Given]:
    """Arrays, what Keras calls them, and the layers that they belong to."""
    if hasattr(source, "get_weights"):
        variables = getattr(source, "weights", [])
        arrays = list(source.get_weights())
        names = [str(v.path if hasattr(v, "path") else v.name) for v in variables]
        layers = [n.partition("/")[0] for n in names]
    elif isinstance(source, list | tuple):
        arrays = list(source)
        names = [f"array {i}" for i in range(len(arrays))]
        layers = [""] * len(arrays)
    else:
        raise TypeError(
            f"from_keras got {type(source).__name__}: expected a keras.Model, or the list that "
            "its get_weights() gives"
        )
    return [
        _Given(layer, n, as_array(a, n)) for layer, n, a in zip(layers, names, arrays, strict=True)
    ]
