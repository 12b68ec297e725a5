"""The kind of elements of each ONNX value: floats, integers, booleans or strings, all computed in floats.

Floats hold integers exactly up to a bound, 2**24 in float32. Each integer value carries its range;
a node whose inputs or result may exceed the bound is refused, and so is one that ONNX computes
differently for integers (division, means, powers).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from gdcore import ops
from gdcore.graph.ir import INT, Value

INT32, INT64 = (-(2**31), 2**31 - 1), (-(2**63), 2**63 - 1)
FLOATS = {"float16": 10, "float32": 1, "float64": 11}  # element types, as ONNX numbers them


@dataclass(frozen=True)
class Kind:
    """What a value holds.

    Attributes
    ----------
    name : {"real", "whole", "truth", "text"}
        A text is the number of a name.
    low, high : int
        The range of integers, and of floats that were cast from them.
    floats : the element type of a real
    names : of texts
    """

    name: str
    low: int = INT64[0]
    high: int = INT64[1]
    floats: int = 1
    names: tuple[str, ...] = ()

    def within(self, limit: int) -> bool:
        """Whether every value in its range is exact."""
        return -limit <= self.low and self.high <= limit


REALS, TRUTH = Kind("real"), Kind("truth", 0, 1)


def whole(low: int, high: int) -> Kind:
    """Whole numbers of a range."""
    return Kind("whole", int(low), int(high))


def kind_of_array(array: np.ndarray) -> Kind:
    """What a constant holds."""
    if array.dtype.kind == "f":
        return Kind("real", floats=FLOATS[array.dtype.name])
    if array.dtype.kind == "b":
        return TRUTH
    if array.dtype.kind == "U":
        return Kind("text", 0, array.size, names=tuple(map(str, array.reshape(-1))))
    if array.dtype == object or not array.size:
        return whole(*INT64)
    return whole(array.min(), array.max())


# --- nodes ---------------------------------------------------------------------------

Range = tuple[int, int]


def _corners(function: Callable[[int, int], int]) -> Callable[..., Range]:
    def over(a: Kind, b: Kind) -> Range:
        found = [function(x, y) for x in (a.low, a.high) for y in (b.low, b.high)]
        return min(found), max(found)

    return over


def _hull(*kinds: Kind) -> Range:
    return min(k.low for k in kinds), max(k.high for k in kinds)


def _sum(*kinds: Kind) -> Range:
    return sum(k.low for k in kinds), sum(k.high for k in kinds)


def _size(a: Kind) -> Range:
    return (0 if a.low < 0 < a.high else min(abs(a.low), abs(a.high))), max(-a.low, a.high)


_ARITHMETIC: dict[str, Callable[..., Range]] = {
    "Abs": _size,
    "Add": _sum,
    "Clip": _hull,
    "Max": _hull,
    "Min": _hull,
    "Mul": _corners(lambda x, y: x * y),
    "Neg": lambda a: (-a.high, -a.low),
    "Sign": lambda a: (-1, 1),
    "Sub": _corners(lambda x, y: x - y),
    "Sum": _sum,
}
_COMPARED = ("Equal", "Greater", "GreaterOrEqual", "Less", "LessOrEqual")
_LOGICAL = (*_COMPARED, "And", "Or", "Not", "Xor")
_MOVED = ("Identity", "Reshape", "Squeeze", "Unsqueeze", "Flatten", "Transpose", "Slice", "Split",
          "Expand", "Gather", "GatherElements", "GatherND", "Tile", "Concat", "ArrayFeatureExtractor",
          "CenterCropPad", "Trilu")  # fmt: skip
_FOLDED = ("ReduceMax", "ReduceMin", "ReduceSum")
# Their rows determine the kinds of inputs and outputs themselves.
OWN = ("ArgMax", "ArgMin", "Cast", "ConstantOfShape", "LabelEncoder", "LinearClassifier", "Shape")


def result(kind: str, inputs: Sequence[Any], kinds: Sequence[Kind | None], limit: int) -> Kind:
    """The kind of a node's result.

    Parameters
    ----------
    kind : its operator
    inputs, kinds : the inputs and their kinds; None where an input is left out
    limit : up to which whole numbers are exact

    Raises
    ------
    ValueError
        If the numbers might not be the file's.
    """
    given = [k for k in kinds if k is not None]
    first = given[0] if given else REALS
    if kind in _MOVED:
        parts = given if kind == "Concat" else [first]
        if len({k.name for k in parts}) > 1 or len({k.names for k in parts}) > 1:
            raise ValueError("its inputs hold numbers of different kinds: expected one")
        if kind == "Concat" and len({is_int(x) for x in inputs}) > 1:
            check_exact(parts, limit)  # ints among reals are converted
        return Kind(first.name, *_hull(*parts), first.floats, first.names)
    if any(k.name == "text" for k in given):
        raise ValueError("it computes with strings, which gdcore holds as numbers only")
    if kind in _COMPARED:
        _comparable(given, limit)
    if kind in _LOGICAL:
        return TRUTH
    if kind == "Where":
        given, first = given[1:], given[1]
    if first.name == "real":  # a whole exponent, axes, or a shape
        return Kind("real", floats=first.floats)
    if kind == "Where" or kind in _ARITHMETIC:
        low, high = (_hull if kind == "Where" else _ARITHMETIC[kind])(*given)
        check_exact([*given, whole(low, high)], limit)
        return whole(low, high)
    if kind in _FOLDED:
        x = inputs[0]
        count = 1 if kind != "ReduceSum" else _count(x.shape)
        found = whole(min(0, first.low * count), max(0, first.high * count))
        check_exact([first, found], limit)
        return found
    raise ValueError(
        f"a {kind} of whole numbers, which gdcore does not support: cast them to floats before it"
    )


def is_int(x: Any) -> bool:
    """Whether a value is kept in ints."""
    return isinstance(x, Value) and x.dtype == INT


def _count(shape: Sequence[Any]) -> int:
    count = 1
    for d in shape:
        count *= d if isinstance(d, int) else d.rows
    return count


def check_exact(kinds: Sequence[Kind], limit: int) -> None:
    """Raises ValueError if integers may exceed what floats hold exactly."""
    for k in kinds:
        if k.name != "real" and not k.within(limit):
            raise ValueError(
                f"whole numbers from {k.low} to {k.high} are computed with, and gdcore does so in "
                f"floats, which are exact up to {limit}: cast them to floats before it"
            )


def _comparable(kinds: Sequence[Kind], limit: int) -> None:
    """Raises ValueError unless one of two fits: rounding is monotonic, so only one must be exact."""
    numbers = [k for k in kinds if k.name == "whole"]
    if numbers and not any(-limit < k.low and k.high < limit for k in numbers):
        check_exact(numbers, limit)


# --- casts ---------------------------------------------------------------------------

_DIGITS = {1: 24, 10: 11, 11: 53, 16: 8}  # of the element types of floats
_WIDER = {(a, b) for a, b in ((1, 11), (10, 1), (10, 11), (16, 1), (16, 11))} | {
    (a, a) for a in _DIGITS
}
_FORMATS = {1: (24, -126, 127), 10: (11, -14, 15), 16: (8, -126, 127)}  # digits, exponents
_CASTS = {"FLOAT": 1, "INT32": 6, "INT64": 7, "STRING": 8, "BOOL": 9, "FLOAT16": 10, "DOUBLE": 11}


def element_type(to: Any) -> int:
    """The number of an element type, which the first opsets give by name."""
    if isinstance(to, bytes):
        return _CASTS.get(to.decode("utf-8", "replace").upper(), 0)
    return int(to)


def cast(x: Value, of: Kind, to: int, wide: bool) -> tuple[Value, Kind]:
    """A value in another element type.

    Parameters
    ----------
    x : Value
    of : what it holds
    to : the number of the element type
    wide : whether the model computes in float64
    """
    if of.name == "text" or to == 8:
        if of.name == "text" and to == 8:
            return x, of
        raise ValueError("a cast between numbers and texts, which gdcore does not support")
    if to == 9:
        return ops.not_equal(x, 0.0), TRUTH
    if to in _DIGITS:
        real = x * 1.0 if is_int(x) else x
        exact = of.within(2 ** _DIGITS[to]) or (of.name != "real" and to == (11 if wide else 1))
        if not exact and (of.name != "real" or (of.floats, to) not in _WIDER):
            real = narrowed(real, to)
        return real, Kind("real", of.low, of.high, to)
    if to not in (6, 7):
        raise ValueError(f"a cast to the element type {to}: expected floats, int32, int64 or bool")
    low, high = INT32 if to == 6 else INT64
    known = of.low > INT64[0] or of.high < INT64[1]
    if of.name == "real":
        y = ops.where(ops.less(x, 0.0), -ops.floor(-x), ops.floor(x))
        return y, whole(of.low, of.high) if known else whole(low, high)
    if of.low < low or of.high > high:
        raise ValueError(f"a cast of whole numbers from {of.low} to {of.high} to int32")
    return x, whole(of.low, of.high)


def narrowed(x: Value, to: int) -> Value:
    """x rounded to an element type's digits, ties to even; its gradient is the identity.

    Each step is exact: a power of two that is found by bisection, and a rounding to integers.
    """
    digits, lowest, highest = _FORMATS[to]
    size = ops.abs(x)
    scale: Any = 2.0**lowest
    step = 1 << (highest - lowest).bit_length() - 1
    while step:
        more = scale * 2.0**step
        scale = ops.where(ops.less_equal(more, size), more, scale)
        step //= 2
    digit = 2.0 ** (digits - 1)
    found = ops.round(size / scale * digit) / digit * scale
    # The next power of two is float32's infinity.
    over = (2.0 - 2.0**-digits) * 2.0**highest
    found = ops.where(ops.less(size, over), found, float("inf"))
    found = ops.where(ops.less(x, 0.0), -found, found)
    found = ops.where(ops.equal(x, x), found, x)
    return ops.when_training(x + ops.stop_gradient(found - x), found)


def cast_array(array: np.ndarray, to: int) -> np.ndarray:
    """A constant in another element type."""
    kinds = {1: "f4", 10: "f2", 16: "f4", 11: "f8", 6: "i4", 7: "i8", 9: "b1"}
    if array.dtype == object:
        if to not in (6, 7):
            raise ValueError("a shape that depends on the batch is cast to floats")
        return array
    if array.dtype.kind == "U":
        if to != 8:
            raise ValueError("a cast of texts, which gdcore does not support")
        return array
    if to not in kinds:
        raise ValueError(f"a cast to the element type {to}: expected floats, int32, int64 or bool")
    if to in (6, 7):
        low, high = INT32 if to == 6 else INT64
        fits: Any = np.trunc(array.astype("f8")) if array.dtype.kind == "f" else array
        # As a float, `high` rounds up to a power of two, which the type cannot hold.
        below = fits < float(high + 1) if array.dtype.kind == "f" else fits <= high
        if not ((fits >= low) & below).all():
            raise ValueError("a cast of numbers that the whole numbers do not hold")
    made = array.astype(kinds[to])
    if to == 16:
        bits = made.view(np.uint32).astype(np.int64)  # rounded to the upper half, ties to even
        upper = ((bits + 0x7FFF + (bits >> 16 & 1)) & 0xFFFF0000).astype(np.uint32)
        made = np.where(np.isnan(made), made, upper.view(np.float32))
    return made
