"""Simplification: composites become primitives, equal values one, trivial arithmetic goes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from gdcore.graph.dims import broadcast, size
from gdcore.graph.ir import REAL, Value, constant_array, rewritten, topological
from gdcore.graph.ops import elementwise as ew
from gdcore.graph.ops.convolutions import CONV, CONV_DW, CONV_DX
from gdcore.graph.ops.identities import IDENTITY, broadcast_to
from gdcore.graph.ops.leaves import apply, lift
from gdcore.graph.ops.products import MATMUL
from gdcore.graph.ops.reductions import MAX, MEAN, SUM
from gdcore.graph.ops.shapes import RESHAPE, reshape


def simplify(outputs: Sequence[Value]) -> dict[Value, Value]:
    """For every output, a value of the same numbers that is cheaper to compute."""
    current = {v: v for v in outputs}
    order = topological(outputs)
    while any(v.op.kind == "composite" for v in order):
        step = rewritten(order, _expand)
        current = {old: step[new] for old, new in current.items()}
        order = topological(current.values())
    seen: dict[Any, Value] = {}
    step = rewritten(order, lambda v: _unique(_reduce(v), seen))
    return {old: step[new] for old, new in current.items()}


def _expand(v: Value) -> Value:
    if v.op.kind != "composite":
        return v
    if v.op.expand is None:
        raise ValueError(f"{v.op.name!r} was not resolved before planning")
    return v.op.expand(v)


def _number(v: Value) -> float | None:
    array = constant_array(v)
    return float(array) if array is not None and array.shape == () else None


def _reduce(v: Value) -> Value:
    """One value, its inputs being simple already."""
    if v.op.kind == "alias":
        (x,) = v.inputs
        inner = x.inputs[0] if x.op is v.op else x
        if inner.shape == v.shape:
            return inner
        if inner.op is IDENTITY and size(inner.inputs[0].shape) == 1:  # one number, repeated
            number = _reduce(Value(v.op, (inner.inputs[0],), {"shape": ()}, ()))
            return apply(IDENTITY, number, shape=v.shape)
        return v if inner is x else Value(v.op, (inner,), v.attrs, v.shape, v.dtype)
    if v.op in (SUM, MEAN, MAX) and size(v.inputs[0].shape[slice(*v.attrs["axes"])]) == 1:
        return _reduce(apply(RESHAPE, v.inputs[0], shape=v.shape))  # of one number each
    if v.op is MATMUL:
        scaled = _scaled(v)
        return v if scaled is None else scaled
    if v.op in (CONV, CONV_DX, CONV_DW):
        return _of_one_image(v)
    if v.op.kind != "map":
        return v
    if v.op is IDENTITY and v.inputs[0].op is IDENTITY:  # repeated twice is repeated once
        v = apply(IDENTITY, v.inputs[0].inputs[0], shape=v.shape)
    if v.op is IDENTITY and v.inputs[0].shape == v.shape and v.inputs[0].dtype == REAL:
        return v.inputs[0]  # of ints it is the conversion, which stays
    inputs = tuple(x.inputs[0] if x.op is IDENTITY else x for x in v.inputs)
    if (
        any(a is not b for a, b in zip(inputs, v.inputs, strict=True)) and v.op is not IDENTITY
    ):  # a map repeats its inputs by itself; what is repeated anyway is computed before
        small = broadcast(*(x.shape for x in inputs))
        narrow = Value(v.op, inputs, v.attrs, small, v.dtype)
        if small != v.shape:
            return apply(IDENTITY, _reduce(narrow), shape=v.shape)
        v = narrow
    arrays = [constant_array(x) for x in v.inputs] if size(v.shape) == 1 else []
    known = bool(arrays) and all(a is not None and a.size == 1 for a in arrays)
    if known and v.op.reference is not None:
        result = np.asarray(v.op.reference(*arrays, **v.attrs), dtype=np.float64)
        if result.shape == v.shape:
            return lift(result)
    if len(v.inputs) != 2:
        return v
    a, b = v.inputs
    first, second = _number(a), _number(b)
    name = v.op.name
    if name == "add" and a.op.kind == b.op.kind == "alias" and a.shape == b.shape:
        # so that slices among zeros stand in one sum, not under a shape each
        (x,), (y,) = a.inputs, b.inputs
        if x.shape == y.shape and x.dtype == y.dtype == REAL:
            return Value(a.op, (_reduce(apply(v.op, x, y)),), a.attrs, a.shape)
    if second is not None and a.shape == v.shape and a.dtype == REAL:
        if (name in ("add", "sub") and second == 0.0) or (name in ("mul", "div") and second == 1.0):
            return a
        if name == "mul" and a.op.name == "mul" and (factor := _number(a.inputs[1])) is not None:
            return apply(v.op, a.inputs[0], factor * second)
    if first is not None and b.shape == v.shape and b.dtype == REAL:
        if (name == "add" and first == 0.0) or (name == "mul" and first == 1.0):
            return b
        if name == "mul":  # numbers stand second, where the rule above finds them
            return _reduce(apply(v.op, b, a))
    return v


def _scaled(v: Value) -> Value | None:
    """A column of one number, repeated, times a row: the row times the number, repeated; and so turned.

    The derivative of a network's only output by what is before it begins with such a product.
    """
    if v.ndim != 2:
        return None
    for i, across in ((0, (1, v.shape[1])), (1, (v.shape[0], 1))):
        repeated, other = v.inputs[i], v.inputs[1 - i]
        number = repeated.inputs[0] if repeated.op is IDENTITY else None
        if number is not None and size(number.shape) == 1 and size(other.shape) == size(across):
            factor = _reduce(apply(RESHAPE, number, shape=()))
            line = _reduce(apply(RESHAPE, other, shape=across))
            return apply(IDENTITY, _reduce(ew.mul(line, factor)), shape=v.shape)
    return None


def _of_one_image(v: Value) -> Value:
    """A convolution of one image, repeated for each sample, is that of the image, repeated.

    The gradient by its kernel is that of the image with the sum of what the samples give.
    """
    for i, x in enumerate(v.inputs if v.op is CONV_DW else v.inputs[:1]):
        one = (1, *x.shape[1:])
        (image,) = x.inputs if x.op is IDENTITY and x.shape != one else (None,)
        if image is None or broadcast(image.shape, one) != one:
            continue
        image = reshape(image, one) if size(image.shape) == size(one) else broadcast_to(image, one)
        if v.op is not CONV_DW:
            return broadcast_to(apply(v.op, image, v.inputs[1], **v.attrs), v.shape)
        total = reshape(apply(SUM, v.inputs[1 - i], axes=(0, 1)), (1, *v.inputs[1 - i].shape[1:]))
        return apply(v.op, *((image, total) if i == 0 else (total, image)), **v.attrs)
    return v


PLAIN = (int, float, str, bool, type(None))


def _frozen(item: Any) -> Any:
    if type(item) in PLAIN:
        return item
    if isinstance(item, np.ndarray):
        return (item.shape, item.tobytes())
    if isinstance(item, dict):
        return tuple(sorted((k, _frozen(x)) for k, x in item.items()))
    if isinstance(item, list | tuple):
        return tuple(map(_frozen, item))
    return item


def _unique(v: Value, seen: dict[Any, Value]) -> Value:
    """The first value that was computed in the same way."""
    if v.op.kind == "leaf" and v.op.name not in ("constant", "count"):
        return v
    key = (v.op.name, tuple(map(id, v.inputs)), _frozen(dict(v.attrs)), v.shape)
    return seen.setdefault(key, v)
