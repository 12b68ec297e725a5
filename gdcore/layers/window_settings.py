"""Settings of windows over sequences, images and volumes: sizes, strides, padding, and the order of axes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from gdcore.graph.ir import Value
from gdcore.graph.ops.leaves import INPUT
from gdcore.layers.base import fixed_shape
from gdcore.setting_checks import positive

NAMES = {1: "length", 2: "height, width", 3: "depth, height, width"}
Padding = str | tuple[tuple[int, int], ...]


def _whole(value: Any) -> bool:
    return (
        hasattr(value, "__index__") and not isinstance(value, bool) and not hasattr(value, "ndim")
    )


def numbers(what: str, value: Any, rank: int, low: int = 1) -> tuple[int, ...]:
    """One number for each of `rank` dimensions, from one for all or so many.

    Raises
    ------
    ValueError
        If it is neither, or one is not a whole number of at least `low`.
    """
    each = (value,) * rank if _whole(value) or not isinstance(value, list | tuple) else tuple(value)
    if len(each) != rank:
        raise ValueError(f"{what}={value!r}: expected one number or {rank}")
    if low == 1:
        return tuple(positive(what, v) for v in each)
    if not all(_whole(v) and v >= low for v in each):
        raise ValueError(f"{what}={value!r}: expected whole numbers of at least {low}")
    return tuple(int(v) for v in each)


def padding_of(what: str, value: Any, rank: int) -> Padding:
    """A padding as it is given: "valid", "same", "causal" (of a sequence), or (before, after) for each dimension.

    Raises
    ------
    ValueError
        If it is none of these, nor one number, nor a number for each dimension.
    """
    known = ("valid", "same", "causal")[: 3 if rank == 1 else 2]
    if isinstance(value, str) and value in known:
        return value
    each: list[Any] = [value] * rank if _whole(value) else []
    if isinstance(value, list | tuple) and len(value) == rank:
        each = list(value)
    pairs = [(v, v) if _whole(v) else v for v in each]
    fit = [
        isinstance(p, list | tuple) and len(p) == 2 and all(_whole(n) and n >= 0 for n in p)
        for p in pairs
    ]
    if not pairs or not all(fit):
        raise ValueError(
            f"{what}={value!r}: expected {', '.join(map(repr, known))}, a whole number of at least 0, or {rank} of "
            "them or of pairs (before, after)"
        )
    return tuple((int(a), int(b)) for a, b in pairs)


def same(length: int, reach: int, stride: int) -> tuple[int, int]:
    """Zeros before and after that give ceil(length / stride) windows, the odd one after, as in TensorFlow."""
    total = max(0, (-(-length // stride) - 1) * stride + reach - length)
    return total // 2, total - total // 2


def around(
    padding: Padding, image: Sequence[Any], reach: Sequence[int], strides: Sequence[int]
) -> tuple[int, ...]:
    """Zeros before and after along each dimension, for windows that reach so far."""
    if padding == "same":
        sizes = fixed_shape(image, "the image")
        padding = tuple(same(n, r, s) for n, r, s in zip(sizes, reach, strides, strict=True))
    elif isinstance(padding, str):
        padding = ((reach[0] - 1 if padding == "causal" else 0, 0), *[(0, 0)] * (len(reach) - 1))
    return tuple(n for pair in padding for n in pair)


def check_images(x: Value, who: str, rank: int) -> None:
    """Refuse what is not (batch, *sizes, channels), images that a model is given with their channels first among it.

    Raises
    ------
    ValueError
        In one line.
    """
    expected = f"(batch, {NAMES[rank]}, channels)"
    if not isinstance(x, Value) or x.ndim != rank + 2:
        got = f"an input of shape {x.shape}" if isinstance(x, Value) else "several inputs"
        raise ValueError(f"{who} got {got}: expected {expected}")
    first, *sizes = fixed_shape(x.shape[1:], "the image")
    # as many rows as there are colours, and as many channels as columns, are meant by nobody
    square = all(n == sizes[0] > first for n in sizes)
    if x.op is INPUT and rank > 1 and first in (1, 3, 4) and square:
        order = ", ".join(map(str, [0, *range(2, rank + 2), 1]))
        raise ValueError(
            f"{who} got an input of shape {x.shape}, which has the channels first: expected {expected}; turn the "
            f"arrays by x.transpose({order})"
        )
