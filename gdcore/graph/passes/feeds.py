"""Factors of inputs that the gathering of a batch can apply, so that no pass over memory does.

`Rescaling` of uint8 images is the case: rows are converted as they are gathered, and one more
multiplication is free there.
"""

from __future__ import annotations

from collections.abc import Sequence

from gdcore.graph.ir import REAL, Value, constant_array, rewrite, topological


def fold_scales(
    outputs: Sequence[Value], inputs: Sequence[Value]
) -> tuple[list[Value], list[float]]:
    """Take out the multiplication of an input by one number, where nothing else reads the input.

    Returns
    -------
    outputs : list of Value
        In which the input stands for the product.
    scales : list of float
        What the data of each input has to be multiplied by.
    """
    readers: dict[Value, list[Value]] = {x: [] for x in inputs}
    for v in topological(outputs):
        for x in v.inputs:
            if x in readers:
                readers[x].append(v)
    scales = [
        1.0 if x.dtype != REAL or any(x is v for v in outputs) else _common_factor(x, readers[x])
        for x in inputs
    ]
    folded = {v: x for x, s in zip(inputs, scales, strict=True) if s != 1.0 for v in readers[x]}
    if not folded:
        return list(outputs), scales
    new = rewrite(outputs, lambda v: folded.get(v, v))
    return [new[v] for v in outputs], scales


def _common_factor(x: Value, readers: Sequence[Value]) -> float:
    """The number that every reader multiplies by, or 1."""
    factors = set()
    for v in readers:
        if v.op.name != "mul":
            return 1.0
        other = constant_array(v.inputs[1] if v.inputs[0] is x else v.inputs[0])
        if other is None or other.shape != ():
            return 1.0
        factors.add(float(other))
    return factors.pop() if len(factors) == 1 else 1.0
