"""Decoders for the attributes in the JSON of a graph, one for each kind; anything else is refused."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from gdcore.graph.dims import Batch, Dim
from gdcore.io.safetensors import FileFormatError


def bad(what: str, got: object, expected: str) -> FileFormatError:
    """The error (not raised) for an invalid graph."""
    shown = repr(got)
    return FileFormatError(
        "model graph: "
        f"{what} is {shown if len(shown) < 80 else shown[:77] + '...'}, expected {expected}"
    )


def whole(x: Any, what: str = "a number", low: int = 0, high: int = 2**31) -> int:
    """A whole number within bounds."""
    if isinstance(x, bool) or not isinstance(x, int) or not low <= x <= high:
        raise bad(what, x, f"a whole number from {low} to {high}")
    return x


def dim(x: Any) -> Dim:
    """A number, or ["B", rows]."""
    if isinstance(x, list):
        if len(x) != 2 or x[0] != "B":
            raise bad("a dimension", x, 'a number or ["B", rows]')
        return Batch(whole(x[1], "rows of a dimension", 1))
    return whole(x, "a dimension")


def shape(x: Any) -> tuple[Dim, ...]:
    """A list of dimensions."""
    if not isinstance(x, list) or len(x) > 16:
        raise bad("a shape", x, "a list of at most 16 dimensions")
    return tuple(dim(d) for d in x)


def wholes(x: Any) -> tuple[int, ...]:
    """A list of whole numbers."""
    if not isinstance(x, list) or len(x) > 16:
        raise bad("an attribute", x, "a list of at most 16 whole numbers")
    return tuple(whole(i) for i in x)


def pair(x: Any) -> tuple[int, ...]:
    """Two whole numbers."""
    both = wholes(x)
    if len(both) != 2:
        raise bad("an attribute", x, "two whole numbers")
    return both


def four(x: Any) -> tuple[int, ...]:
    """Four whole numbers."""
    all_four = wholes(x)
    if len(all_four) != 4:
        raise bad("an attribute", x, "four whole numbers")
    return all_four


def real(x: Any) -> float:
    """A number, or "inf", "-inf"."""
    if x in ("inf", "-inf"):
        return float(x)
    if isinstance(x, bool) or not isinstance(x, int | float) or not math.isfinite(x):
        raise bad("an attribute", x, "a number")
    return float(x)


def factor(x: Any) -> float:
    """A number of at least 0, and finite."""
    number = real(x)
    if not 0 <= number < math.inf:
        raise bad("a factor", x, "a number of at least 0")
    return number


def finite(x: Any) -> float:
    """A number that is finite."""
    number = real(x)
    if math.isinf(number):
        raise bad("a number", x, "one that is finite")
    return number


def truth(x: Any) -> bool:
    """True or false."""
    if not isinstance(x, bool):
        raise bad("an attribute", x, "true or false")
    return x


def cuts(x: Any) -> tuple[tuple[int, int | None, int], ...]:
    """(start, stop, step) for each dimension; stop null for all of it."""
    if not isinstance(x, list) or not all(isinstance(c, list) and len(c) == 3 for c in x):
        raise bad("cuts", x, "a list of [start, stop, step]")
    return tuple(
        (whole(a), None if b is None else whole(b), whole(c, "a step", 1)) for a, b, c in x
    )


def stream(x: Any) -> int:
    """The number of a random stream."""
    return whole(x, "a stream", 0, 2**40)


def many(element: Callable[[Any], Any]) -> Callable[[Any], tuple[Any, ...]]:
    """A decoder of lists that name elements of an axis, which may be long."""

    def read(x: Any) -> tuple[Any, ...]:
        if not isinstance(x, list) or len(x) > 2**20:
            raise bad("an attribute", x, "a list of at most 1048576 numbers")
        return tuple(element(i) for i in x)

    return read


_STEPS = {"strides": pair, "padding": four, "dilation": pair}
_WINDOW = {"kernel": pair, **_STEPS, "outside": real}
_POOL = dict.fromkeys(("kernel", "strides", "before", "after", "dilation", "windows"), wholes)
_ATTENTION = {"scale": finite, "causal": truth, "bias": truth, "mask": truth}
_CONVOLUTION: dict[str, Callable[[Any], Any]] = {
    **dict.fromkeys(("strides", "padding", "dilation"), wholes),
    "groups": whole,
    "exact": truth,
}
_FOLD: dict[str, Callable[[Any], Any]] = {"axes": pair}
ATTRS: dict[str, Mapping[str, Callable[[Any], Any]]] = {
    "leaky_relu": {"slope": real},
    "elu": {"alpha": real},
    "identity": {"shape": shape},
    "random_uniform": {"shape": shape, "stream": stream},
    "sum": _FOLD,
    "mean": _FOLD,
    "max": _FOLD,
    "logsumexp": _FOLD,
    "softmax": {"axis": whole},
    "log_softmax": {"axis": whole},
    "reshape": {"shape": shape},
    "as_rows": {"shape": shape},
    "transpose": {"axes": wholes},
    "slice": {"cuts": cuts},
    "embed": {"cuts": cuts, "shape": shape},
    "concatenate": {"axis": whole},
    "matmul": {"ta": truth, "tb": truth},
    "scatter_add": {"rows": whole},
    "step_mask": {"steps": lambda x: whole(x, "a number of steps", 1, 1 << 24)},
    "attention": _ATTENTION,
    "attention_lse": _ATTENTION,
    "attention_gradient": _ATTENTION,
    "attention_gradient_part": {**_ATTENTION, "part": whole},
    "conv": _CONVOLUTION,
    "conv_dx": {**_CONVOLUTION, "image": wholes},
    "conv_dw": {**_CONVOLUTION, "kernel": wholes},
    "unfold": _WINDOW,
    "fold": {**_WINDOW, "image": wholes},
    "max_pool": _POOL,
    "max_pool_dx": _POOL,
    "max_pool_take": _POOL,
    "avg_pool": {**_POOL, "counted": truth},
    "avg_pool_dx": {**_POOL, "counted": truth, "image": wholes},
    "resample": {
        "axis": whole,
        "starts": many(whole),
        "index": many(whole),
        "weights": many(finite),
    },
}
ARITY = {
    "when_training": 2,
    "with_update": 3,
    "carried": 3,
    "stop_gradient": 1,
    "random_uniform": 0,
    "attention": 3,
    "attention_lse": 4,
    "attention_gradient": 6,
    "attention_gradient_part": 7,
}
OPTIONAL = {"exact"}  # attributes that are left out where they are false
OPTIONAL_INPUTS = ("bias", "mask")  # attributes that say whether there is one more
# Names of ops in files of version 0.1.0, and the attributes that they have since.
RENAMED: dict[str, tuple[str, Mapping[str, Any]]] = {
    f"conv2d{part}": (f"conv{part}", {"groups": 1}) for part in ("", "_dx", "_dw")
}


def encoded(x: Any) -> Any:
    """An attribute as JSON."""
    if isinstance(x, Batch):
        return ["B", x.rows]
    if isinstance(x, list | tuple | range):
        return [encoded(i) for i in x]
    if isinstance(x, float) and math.isinf(x):
        return "inf" if x > 0 else "-inf"
    if isinstance(x, np.generic):
        return x.item()
    return x
