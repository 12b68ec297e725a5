"""How an elementwise op is made: one call gives its registry row and its public function.

Shapes broadcast as in NumPy. Gradient rules give the derivative at the broadcast shape;
`differentiate` sums it back to each input's own. A chain of these ops is one pass over memory (see
`fuse`).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from inspect import Parameter, Signature
from typing import Any

import numpy as np

from gdcore.graph.dims import Shape, broadcast
from gdcore.graph.ir import GradRule, Op, Reference, Sample, Value, register
from gdcore.graph.ops.leaves import apply
from gdcore.graph.ranges import BoundsRule

# Widths around one vector and around one block of the map kernel, for either precision.
LENGTHS = (1, 3, 4, 5, 7, 8, 9, 15, 16, 17, 31, 33, 511, 512, 513, 1025)
PAIRS: tuple[tuple[tuple[int, ...], ...], ...] = (
    *(((n,), (n,)) for n in LENGTHS),
    ((5, 7), (7,)),
    ((5, 7), (5, 1)),
    ((5, 1), (1, 7)),
    ((), (3, 4)),
    ((3, 4), ()),
    ((0, 3), (3,)),
    ((2, 3, 4), (3, 1)),
    ((2, 300), (300,)),
    ((300, 2), (2,)),
    ((40, 33), (40, 1)),
    ((3, 1, 5), (1, 4, 1)),
    ((600, 10), (10,)),
    ((600, 10), (600, 1)),
)


def together(values: Sequence[Value], _: Mapping[str, Any]) -> Shape:
    """The shape rule of an elementwise op: its inputs broadcast."""
    return broadcast(*(v.shape for v in values))


def unary(
    name: str,
    formula: str,
    reference: Reference,
    grad: Callable[[Value, Value, Value], Value | None],
    low: float = -3.0,
    high: float = 3.0,
    kink: tuple[float, ...] = (),
    flops: int = 1,
    par: Mapping[str, float] | None = None,
    source: str = "",
    bounds: BoundsRule | None = None,
) -> Callable[..., Value]:
    """Register an op of one input and return its function.

    Parameters
    ----------
    name : str
        As C knows it (csrc/map_ops.h) and as `gdcore.ops` exports it.
    formula : str
        Ends the sentence "Elementwise ..." of the function's docstring.
    reference : callable
        The op in float64 NumPy, of x and the settings.
    grad : callable
        The gradient of x from (x, y, gradient of y), in terms of other ops; None where it is 0.
    low, high, kink
        Bounds of the test inputs, and points where the derivative jumps.
    flops : int
        Floating-point operations for each element.
    par : mapping of str to float, optional
        Settings of the op, with their defaults.
    source : str
        Where the formula comes from.
    bounds : callable, optional
        See `gdcore.graph.ranges`.
    """
    defaults = dict(par or {})
    samples = tuple(Sample(((n,),), defaults, low, high, kink=kink) for n in LENGTHS)
    samples += (
        Sample(((0, 3),), defaults, low, high),
        Sample(((5, 7),), defaults, low, high, kink=kink),
    )
    op = register(
        Op(
            name,
            "map",
            together,
            lambda y, dy: [grad(y.inputs[0], y, dy)],
            reference,
            samples,
            flops=flops,
            bounds=bounds,
        )
    )

    def function(x: Any, **attrs: float) -> Value:
        unknown = set(attrs) - set(defaults)
        if unknown:
            raise TypeError(
                f"{name}() got {', '.join(sorted(unknown))}; it takes x"
                + "".join(f", {k}={v}" for k, v in defaults.items())
            )
        return apply(op, x, **(defaults | {k: float(v) for k, v in attrs.items()}))

    settings = "".join(f"\n    {k} : float, default {v:g}" for k, v in defaults.items())
    wrong = ", or a setting is not one of the above" if defaults else ""
    reference_section = f"\n\n    References\n    ----------\n    {source}" if source else ""
    function.__doc__ = f"""Elementwise {formula}.

    Parameters
    ----------
    x : Value, array or number
        Of any shape.{settings}

    Returns
    -------
    Value
        Of x's shape.

    Raises
    ------
    TypeError
        If x does not hold numbers{wrong}.{reference_section}
    {_example(name, "x", _row(low, high), reference, defaults)}
    """
    keywords = [Parameter(k, Parameter.KEYWORD_ONLY, default=v) for k, v in defaults.items()]
    return _public(function, name, [Parameter("x", Parameter.POSITIONAL_OR_KEYWORD), *keywords])


def binary(
    name: str,
    formula: str,
    reference: Reference,
    grad: GradRule | None,
    low: float = -3.0,
    high: float = 3.0,
    apart: bool = False,
    ints: Mapping[int, int] | None = None,
    flops: int = 1,
    bounds: BoundsRule | None = None,
) -> Callable[[Any, Any], Value]:
    """Register an op of two inputs and return its function.

    Parameters
    ----------
    name, formula, low, high
        As for `unary`.
    reference : callable
        The op in float64 NumPy.
    grad : callable or None
        The gradients of both inputs from (y, gradient of y); None if no gradient flows.
    apart : bool
        Whether the test inputs must not be close to each other.
    ints : mapping of int to int, optional
        For test inputs by their position: whole numbers below this.
    flops : int
        Floating-point operations for each element.
    bounds : callable, optional
        See `gdcore.graph.ranges`.
    """
    samples = tuple(
        Sample(p, {}, low, high, ints or {}, kink=(math.inf,) if apart else ()) for p in PAIRS
    )
    op = register(Op(name, "map", together, grad, reference, samples, flops=flops, bounds=bounds))

    def function(a: Any, b: Any) -> Value:
        return apply(op, a, b)

    function.__doc__ = f"""Elementwise {formula}.

    Parameters
    ----------
    a, b : Value, array or number
        Of shapes that broadcast.

    Returns
    -------
    Value
        Of the broadcast shape.

    Raises
    ------
    TypeError
        If an operand does not hold numbers.
    ValueError
        If the shapes do not broadcast.
    {_example(name, "x, 0.5", [0.5, 1.0, 2.0], lambda x: reference(x, np.full(3, 0.5)), {})}
    """
    return _public(function, name, [Parameter(n, Parameter.POSITIONAL_OR_KEYWORD) for n in "ab"])


def _row(low: float, high: float) -> list[float]:
    """Three inputs for the example of an op that is there from low to high."""
    row = [0.5, 1.0, 2.0] if low > 0 else [-0.5, 0.5, 2.0]
    inside = low <= row[0] and row[-1] <= high
    return row if inside else [float(v) for v in np.linspace(low, high, 3).round(2)]


def _example(
    name: str, given: str, row: list[float], reference: Reference, par: Mapping[str, float]
) -> str:
    """The section of a docstring that shows what the op makes of a row."""
    made = np.asarray(reference(np.array(row), **par), np.float64).tolist()
    return f"""
    Examples
    --------
    >>> import gdcore as gd
    >>> x = gd.Input(3)
    >>> print(*gd.Model(x, gd.ops.{name}({given})).predict([{row}])[0].round(3))
    {" ".join(str(round(v, 3)) for v in made)}"""


def _public(
    function: Callable[..., Value], name: str, parameters: Sequence[Parameter]
) -> Callable[..., Value]:
    """The function under the name by which people, and pickles, find it."""
    function.__name__ = function.__qualname__ = name
    function.__module__ = "gdcore.ops"
    function.__signature__ = Signature(parameters, return_annotation=Value)  # type: ignore[attr-defined]
    return function
