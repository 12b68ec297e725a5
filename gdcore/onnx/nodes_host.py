"""Nodes whose inputs are constants, computed with NumPy while the file is read."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from gdcore import ops
from gdcore.graph.dims import Batch
from gdcore.graph.ir import Value
from gdcore.onnx.kinds import cast_array, element_type, kind_of_array
from gdcore.onnx.reader import ROOM, Node
from gdcore.onnx.samples import in_file

MOST_FILLED = 1 << 28  # elements of a value that is one number everywhere

Fold = Callable[[Node], Any]


def whole(items: list[Any]) -> np.ndarray:
    """A vector of whole numbers, of objects where one is a `Batch`."""
    if any(isinstance(i, Batch) for i in items):
        out = np.empty(len(items), object)
        out[:] = items
        return out
    return np.array(items, np.int64)


def _again(array: Any) -> np.ndarray:
    """NumPy's result as an array: for a 0-d object array NumPy returns the object itself."""
    if isinstance(array, np.ndarray) and array.dtype != object:
        return array
    flat = np.array(array, object)
    if any(isinstance(i, Batch) for i in flat.reshape(-1)):
        return flat
    return np.array(array if not isinstance(array, np.ndarray) else array.tolist())


def room(shape: Any) -> tuple[int, ...]:
    """A shape, validated against the limit of elements."""
    sizes = tuple(int(d) for d in shape)
    if len(sizes) > 16 or any(d < 0 for d in sizes) or math.prod(sizes) > ROOM:
        raise ValueError(f"a constant of shape {sizes}: expected at most {ROOM} elements")
    return sizes


def _binary(function: Callable[[Any, Any], Any]) -> Fold:
    def fold(n: Node) -> np.ndarray:
        a, b = n.array(0), n.array(1)
        room(np.broadcast_shapes(a.shape, b.shape))
        return _again(function(a, b))

    return fold


def _div(a: np.ndarray, b: np.ndarray) -> Any:
    if a.dtype.kind == "f":
        return a / b
    if object in (a.dtype, b.dtype):
        return a // b  # of sizes, which are not negative
    if not b.all():
        raise ValueError("a division of whole numbers by 0")
    quotient = a // b  # towards zero, as ONNX has it
    return quotient + ((a % b != 0) & ((a < 0) != (b < 0)))


def _equal(a: np.ndarray, b: np.ndarray) -> Any:
    for x, y in ((a, b), (b, a)):
        if x.dtype == object and y.dtype != object and (y > 0).any():
            raise ValueError("the size of the batch is compared with a number")
    return np.equal(a, b)


def _mod(n: Node) -> np.ndarray:
    if n.array(1).dtype.kind in "iu" and not n.array(1).all():
        raise ValueError("a remainder of a division by 0")
    remainder: np.ndarray = _binary(np.fmod if n.attr("fmod", 0) else np.mod)(n)
    return remainder


def _unary(function: Callable[[Any], Any]) -> Fold:
    return lambda n: _again(function(n.array(0)))


def _constant(n: Node) -> np.ndarray:
    for key, kind in (("value_float", np.float32), ("value_floats", np.float32),
                      ("value_int", np.int64), ("value_ints", np.int64)):  # fmt: skip
        if key in n.attrs:
            return np.array(n.attrs[key], kind)
    return np.asarray(n.attr("value", np.zeros(0)))


def _constant_of_shape(n: Node) -> Any:
    """An array; what is too large to be kept is a value that steps fill, as weights of files for tests are."""
    fill = n.attr("value", np.zeros(1, np.float32)).reshape(-1)
    shape, number = n.array(0), fill[0] if fill.size else 0
    if (
        shape.dtype != object
        and ROOM < math.prod(map(int, shape)) <= MOST_FILLED
        and min(shape) > 0
    ):
        n.makes = [kind_of_array(fill)]
        return ops.broadcast_to(float(number), tuple(map(int, shape)))
    return np.full(room(shape), number, fill.dtype)


def _cast(n: Node) -> np.ndarray:
    return cast_array(n.array(0), element_type(n.attr("to")))


def _concat(n: Node) -> np.ndarray:
    arrays = [n.array(i) for i in range(len(n.inputs))]
    if sum(a.size for a in arrays) > ROOM:
        raise ValueError(f"a constant of more than {ROOM} elements")
    return _again(np.concatenate(arrays, n.attr("axis", 1 if n.opset < 4 else 0)))


def _gather(n: Node) -> np.ndarray:
    data, index, axis = n.array(0), n.array(1), n.attr("axis", 0)
    if index.dtype.kind != "i":
        raise ValueError("the indices are not whole numbers")
    room((max(1, data.size) * max(1, index.size) // max(1, data.shape[axis]),))
    return _again(np.take(data, index, axis))


def _slice(n: Node) -> np.ndarray:
    array = n.array(0)
    starts, stops = n.setting("starts", 1), n.setting("ends", 2)
    if starts is None or stops is None or len(starts) != len(stops):
        raise ValueError("starts and ends are not of one length")
    axes = n.setting("axes", 3) or list(range(len(starts)))
    steps = n.setting("steps", 4) or [1] * len(starts)
    cut = [slice(None)] * array.ndim
    for start, stop, axis, step in zip(starts, stops, axes, steps, strict=True):
        low = -(2**62)
        cut[axis] = slice(start, None if step < 0 and stop < low else stop, step)
    return _again(array[tuple(cut)])


def _unsqueeze(n: Node) -> np.ndarray:
    array, axes = n.array(0), n.setting("axes", 1) or []
    if len(axes) > 16:
        raise ValueError(f"{len(axes)} new dimensions: expected at most 16")
    return np.expand_dims(array, tuple(axes))


def _squeeze(n: Node) -> np.ndarray:
    axes = n.setting("axes", 1)
    return np.squeeze(n.array(0), None if axes is None else tuple(axes))


def _reshape(n: Node) -> np.ndarray:
    array, target = n.array(0), [int(d) for d in n.setting("shape", 1) or []]
    if len(target) > 16:
        raise ValueError(f"{len(target)} dimensions: expected at most 16")
    if not n.attr("allowzero", 0):
        target = [array.shape[i] if d == 0 else d for i, d in enumerate(target)]
    return array.reshape(target)


def _expand(n: Node) -> np.ndarray:
    array = n.array(0)
    shape = np.broadcast_shapes(array.shape, room(n.array(1)))
    room(shape)
    return np.broadcast_to(array, shape).copy()


def _range(n: Node) -> np.ndarray:
    first, stop, step = (n.array(i).reshape(()).item() for i in range(3))
    if not step or not (stop - first) / step <= ROOM:
        raise ValueError(f"a range from {first} to {stop} by {step}: expected fewer elements")
    numbers = first + step * np.arange(max(0, math.ceil((stop - first) / step)))
    return np.asarray(numbers, n.array(0).dtype)


def _where(n: Node) -> np.ndarray:
    arrays = [n.array(i) for i in range(3)]
    room(np.broadcast_shapes(*(a.shape for a in arrays)))
    return _again(np.where(*arrays))


def shape_of(n: Node) -> np.ndarray:
    """The shape of a value or of an array."""
    item = n.item(0)
    shape = item.shape if isinstance(item, np.ndarray | Value) else item.array.shape
    if n.reader.together and not isinstance(item, np.ndarray):
        shape = in_file(shape)
    start, end = n.attr("start", 0), n.attr("end", None)
    return whole(list(shape)[start:end])


FOLDS: dict[str, Fold] = {
    "Constant": _constant,
    "ConstantOfShape": _constant_of_shape,
    "Cast": _cast,
    "Concat": _concat,
    "Gather": _gather,
    "Slice": _slice,
    "Unsqueeze": _unsqueeze,
    "Squeeze": _squeeze,
    "Reshape": _reshape,
    "Expand": _expand,
    "Range": _range,
    "Where": _where,
    "Transpose": lambda n: n.array(0).transpose(n.attr("perm", None)),
    "Identity": lambda n: n.array(0),
    "Add": _binary(np.add),
    "Sub": _binary(np.subtract),
    "Mul": _binary(np.multiply),
    "Div": _binary(_div),
    "Equal": _binary(_equal),
    "Less": _binary(np.less),
    "LessOrEqual": _binary(np.less_equal),
    "Greater": _binary(np.greater),
    "GreaterOrEqual": _binary(np.greater_equal),
    "And": _binary(np.logical_and),
    "Or": _binary(np.logical_or),
    "Not": _unary(np.logical_not),
    "Pow": _binary(np.power),
    "Mod": _mod,
    "Neg": _unary(np.negative),
    "Sqrt": _unary(np.sqrt),
    "Reciprocal": _unary(lambda a: 1 / a),
    "Size": lambda n: np.array(math.prod(int(d) for d in shape_of(n)), np.int64),
}
