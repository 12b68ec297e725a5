"""An op without a row of its own, as other ops: what its float64 reference computes.

The reference of an elementwise op is called with stand-ins for arrays, whose arithmetic and NumPy
functions extend the graph. So an op that is added to the registry can be saved without a row here; a
row gives fewer nodes, or keeps digits that the plain formula loses.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from gdcore import ops
from gdcore.graph.ir import Value, topological

# NumPy's functions by gdcore's name, where that is another one.
NAMES = {
    "absolute": "abs",
    "divide": "div",
    "multiply": "mul",
    "negative": "neg",
    "power": "pow",
    "rint": "round",
    "subtract": "sub",
}


class _Traced(np.lib.mixins.NDArrayOperatorsMixin):
    """A value in the place of an array."""

    def __init__(self, value: Value) -> None:
        self.value = value

    def __array_ufunc__(self, function: Any, method: str, *args: Any, **options: Any) -> Any:
        return NotImplemented if method != "__call__" else _called(function, args, options)

    def __array_function__(self, function: Any, types: Any, args: Any, options: Any) -> Any:
        return _called(function, args, options)


def _called(function: Any, args: Any, options: Any) -> Any:
    """A function of NumPy as the op of the same meaning, if there is one."""
    name = function.__name__
    ours: Callable[..., Value] | None = getattr(ops, NAMES.get(name, name), None)
    if ours is None or options:
        return NotImplemented
    return _Traced(ours(*(a.value if isinstance(a, _Traced) else a for a in args)))


def formula_of(v: Value) -> Value | None:
    """The value of an op in terms of others, from its expansion, or its reference if it is elementwise."""
    if v.op.expand is not None:
        return v.op.expand(v)
    if v.op.kind != "map" or v.op.reference is None:
        return None
    try:
        found = v.op.reference(*map(_Traced, v.inputs), **v.attrs)
    except TypeError:  # it calls what is no op
        return None
    if not isinstance(found, _Traced):
        return None
    known = set(topological(v.inputs))
    inner = [x for x in topological([found.value]) if x not in known]
    return None if any(x.op is v.op for x in inner) else found.value
