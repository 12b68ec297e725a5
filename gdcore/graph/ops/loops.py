"""Loops: one instruction that goes through the steps of sequences, with a body that is traced once."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from gdcore.graph.dims import Batch, Dim, Shape, size
from gdcore.graph.ir import REAL, Op, Sample, Value, register, topological
from gdcore.graph.ops import nonlinearities
from gdcore.graph.ops.draws import drawing
from gdcore.graph.ops.elementwise import where
from gdcore.graph.ops.identities import COUNT, broadcast_to
from gdcore.graph.ops.joins import concatenate
from gdcore.graph.ops.leaves import CONSTANT, apply, lift
from gdcore.graph.ops.loop_body import (
    Body,
    element_shape,
    has_batch,
    last,
    loop_leaf,
    make_loop,
    part,
    sequence_steps,
    substitute,
)
from gdcore.graph.ops.loop_gradient import loop_gradient
from gdcore.graph.ops.masks import step_mask
from gdcore.graph.ops.products import MATMUL
from gdcore.graph.ops.shapes import reshape


def _shape(values: Sequence[Value], attrs: Mapping[str, Any]) -> Shape:
    attrs["body"].check(values)
    return (0,)


def _flops(loop: Value) -> Dim:
    """Of all steps; where something grows with the samples, what does not is left out."""
    body: Body = loop.attrs["body"]
    found: list[Dim] = []
    for v in topological(body.expanded()):
        if v.op.kind not in ("leaf", "alias", "part"):
            each = v.op.flops
            found.append(each(v) if callable(each) else size((each, *v.shape)) if each else 0)
    rows = sum(n.rows for n in found if isinstance(n, Batch))
    return (
        Batch(rows * body.steps)
        if rows
        else sum(n for n in found if isinstance(n, int)) * body.steps
    )


def _reference(*arrays: np.ndarray, body: Body, reverse: bool, **_: Any) -> np.ndarray:
    """What `joined` gives: the steps one by one, each op of the body by its own reference."""
    n, m = len(body.carries), len(body.carries) + len(body.sequences)
    roots = body.expanded()
    carries = list(arrays[:n])
    every: list[list[np.ndarray]] = [[np.empty(0)] * body.steps for _ in body.stacked]
    for t in range(body.steps)[:: -1 if reverse else 1]:
        elements = [a[t] for a in arrays[n:m]]
        found = dict(zip(body.leaves, [*carries, *elements, *arrays[m:]], strict=True))
        for v in topological(roots):
            if v.op is CONSTANT:
                found[v] = v.attrs["array"]
            elif v not in found and v.op.reference is not None:
                found[v] = v.op.reference(*(found[x] for x in v.inputs), **v.attrs)
        carries = [found[v] for v in roots[:n]]
        for steps, v in zip(every, roots[n:], strict=True):
            steps[t] = found[v]
    results = [*carries, *(np.stack(steps) for steps in every)]
    return np.concatenate([np.ravel(a) for a in results])


def joined(loop: Value) -> Value:
    """All that a loop without samples gives, in a row: last carries, then what is stacked."""
    body: Body = loop.attrs["body"]
    parts = [last(loop, i) for i in range(len(body.carries))]
    parts += [part(loop, False, i) for i in range(len(body.stacked))]
    return concatenate([reshape(v, (-1,)) for v in parts], axis=0)


def sample_cell(steps: int, units: int, reverse: bool = False, remat: bool = False) -> Sample:
    """A simple recurrent cell over (steps, 1, units), with the weight and the bias from outside."""
    row = (1, units)
    leaves = [loop_leaf(s, REAL, n) for s, n in ((row, "h"), (row, "x"), ((units, units), "u"))]
    h, x, u = leaves
    after = nonlinearities.tanh(x + apply(MATMUL, h, u, ta=False, tb=False))
    body = Body(steps, [h], [x], [u], [after], [after * x])
    attrs = {"body": body, "reverse": reverse, "remat": remat}
    return Sample((row, (steps, *row), (units, units)), attrs)


SCAN = register(
    Op(
        "scan",
        "loop",
        _shape,
        loop_gradient,
        _reference,
        (sample_cell(5, 3), sample_cell(4, 2, True, True), sample_cell(1, 17)),
        flops=_flops,
    )
)


def _several(x: Any) -> list[Any]:
    return [] if x is None else list(x) if isinstance(x, list | tuple) else [x]


def _like(given: Any, values: Sequence[Value]) -> Any:
    """Values in the form in which they were given: one, none, or several."""
    if given is None:
        return None
    return tuple(values) if isinstance(given, list | tuple) else values[0]


def scan(
    body: Callable[..., Any],
    carries: Any,
    sequences: Any,
    reverse: bool = False,
    lengths: Any = None,
    remat: bool = False,
) -> tuple[Any, Any]:
    """Go through the steps of sequences with carries, as one instruction of the plan.

    The body is traced once, whatever the number of steps. The samples of a batch go through the
    steps one by one, so that threads never wait for one another in between.

    Parameters
    ----------
    body : callable
        ``body(carries, elements)`` returns the carries after a step, and the step's outputs:
        several in a tuple, or None. It may use values from outside, such as weights; a product with
        one of those for all steps at once is faster outside of the scan.
    carries : Value, array, number or a tuple of them
        Before the first step. Where anything has a row for each sample, (B, ...).
    sequences : Value or array, or a tuple of them
        (B, steps, ...), or (steps, ...) for all samples alike. The body gets (B, ...) of each step,
        or (...). At least one, all of as many steps.
    reverse : bool
        From the last step to the first. Outputs stay where their elements are.
    lengths : Value, optional
        (B,), how many steps of each sample count. Carries pass by those after, outputs there are 0.
    remat : bool
        Keep only the carries of each step for the gradient, whose loop computes the rest again:
        less memory, about a third more work.

    Returns
    -------
    carries : Value or tuple of Value
        After the last step, in the form in which they were given.
    outputs : Value, tuple of Value or None
        (B, steps, ...), as the body gave them.

    Raises
    ------
    ValueError
        If there is no sequence, lengths differ, a carry changes its shape, or the body computes
        something from several samples.
    TypeError
        If the body does not return carries and outputs.

    Examples
    --------
    A running sum, and a simple recurrent cell:

    >>> import gdcore as gd
    >>> x = gd.Input(3)
    >>> total, sums = gd.ops.scan(lambda c, e: (c + e, c + e), gd.ops.sum(x, axis=1) * 0.0, x)
    >>> gd.Model(x, sums).predict([[1.0, 2.0, 3.0]])
    array([[1., 3., 6.]], dtype=float32)
    >>> class Recurrent(gd.Layer):
    ...     def forward(self, x):
    ...         u = self.param("u", (4, 4), "orthogonal")
    ...         def step(h, z):
    ...             return gd.ops.tanh(z + h @ u), None
    ...         return gd.ops.scan(step, gd.ops.broadcast_to(0.0, (x.shape[0], 4)), x)[0]
    >>> Recurrent()(gd.Input((20, 4))).shape
    (B, 4)
    """
    starts, given = [lift(x) for x in _several(carries)], [lift(x) for x in _several(sequences)]
    steps = _steps(given)
    if lengths is not None:
        return _counted(body, carries, sequences, reverse, lift(lengths), steps, remat)
    before = [loop_leaf(v.shape, v.dtype, v.name or f"carry {i}") for i, v in enumerate(starts)]
    elements = [
        loop_leaf(element_shape(v), v.dtype, v.name or f"x {i}") for i, v in enumerate(given)
    ]
    drawn: list[tuple[Value, Value]] = []  # a draw of all steps is one more sequence

    def draw(shape: Shape, stream: object) -> Value:
        leaf = loop_leaf(shape, REAL, "random_uniform")
        lead = int(has_batch(leaf))
        drawn.append((leaf, drawn_outside((*shape[:lead], steps, *shape[lead:]), stream)))
        return leaf

    with drawing(draw) as drawn_outside:
        result = body(_like(carries, before), _like(sequences, elements))
    if not isinstance(result, tuple) or len(result) != 2:
        raise TypeError(
            f"a scan's body returned {type(result).__name__}: expected (carries, outputs), outputs "
            "being None where there are none"
        )
    new, out = [lift(x) for x in _several(result[0])], [lift(x) for x in _several(result[1])]
    rows = dict(zip(elements, given, strict=True)) | dict(drawn)
    found = _products_first([*new, *out], rows, set(before))
    new, out = [found[v] for v in new], [found[v] for v in out]
    outside = _from_outside([*new, *out], {*before, *rows})
    leaves, outer = [leaf for leaf, _ in outside.values()], [x for _, x in outside.values()]
    found = substitute(
        [*new, *out],
        {
            v: leaf if leaf.shape == v.shape else reshape(leaf, v.shape)
            for v, (leaf, _) in outside.items()
        },
    )
    traced = Body(
        steps, before, list(rows), leaves, [found[v] for v in new], [found[v] for v in out]
    )
    loop = make_loop(SCAN, traced, [*starts, *rows.values(), *outer], reverse, remat)
    return (
        _like(carries, [last(loop, i) for i in range(len(starts))]),
        _like(result[1], [part(loop, False, i) for i in range(len(out))]),
    )


def _steps(sequences: Sequence[Value]) -> int:
    """How many steps they have."""
    for v in sequences:
        if v.ndim <= int(has_batch(v)):
            raise ValueError(
                f"a scan over a sequence of shape {v.shape}: expected (batch, steps, ...) or "
                "(steps, ...)"
            )
    lengths = [sequence_steps(v) for v in sequences]
    if not lengths or len(set(lengths)) > 1 or not isinstance(lengths[0], int) or lengths[0] < 1:
        raise ValueError(
            f"a scan over sequences of {lengths} steps: expected at least one sequence, all of one "
            "number of steps (an array of zeros, (steps,), does where nothing else has steps)"
        )
    return lengths[0]


def _counted(
    body: Callable[..., Any],
    carries: Any,
    sequences: Any,
    reverse: bool,
    lengths: Value,
    steps: int,
    remat: bool,
) -> tuple[Any, Any]:
    """A scan in which carries pass by the steps that do not count."""
    if lengths.ndim != 1 or not has_batch(lengths):
        raise ValueError(f"scan lengths of shape {lengths.shape}: expected (batch,)")

    def step(before: Any, elements: tuple[Any, Value]) -> tuple[Any, Any]:
        counts = elements[1]
        after, outputs = body(before, elements[0] if several else elements[0][0])

        def chosen(new: Any, otherwise: Any) -> Value:
            value = lift(new)
            return where(reshape(counts, (*counts.shape, *[1] * (value.ndim - 1))), new, otherwise)

        kept = [chosen(a, b) for a, b in zip(_several(after), _several(before), strict=True)]
        out = [chosen(y, 0.0) for y in _several(outputs)]
        return _like(after, kept), _like(outputs, out)

    several = isinstance(sequences, list | tuple)
    return scan(
        lambda c, e: step(c, (e[:-1], e[-1])),
        carries,
        (*_several(sequences), step_mask(lengths, steps)),
        reverse,
        remat=remat,
    )


def _changing(roots: Sequence[Value], inside: set[Value]) -> set[Value]:
    """What is computed from a body's leaves, and those."""
    found = set(inside)
    for v in topological(roots):
        if any(x in found for x in v.inputs):
            found.add(v)
    return found


def _products_first(
    roots: Sequence[Value], rows: dict[Value, Value], carries: set[Value]
) -> dict[Value, Value]:
    """Products of elements with weights become elements of one product of all steps.

    Parameters
    ----------
    roots : values of a body
    rows : for the leaf of an element, its sequence; gets what takes the products' place
    carries : the other leaves

    Returns
    -------
    dict
        For each value that the roots are made of, the one that takes its place.
    """
    changing = _changing(roots, {*carries, *rows})
    new: dict[Value, Value] = {}
    for v in topological(roots):
        if v.op is not MATMUL or v.attrs["ta"]:
            continue
        (leaf, weight), k = v.inputs, v.inputs[0].shape[-1]
        while leaf.op.kind == "alias":
            (leaf,) = leaf.inputs
        if leaf not in rows or leaf.shape[-1:] != (k,) or weight in changing or weight.ndim > 2:
            continue
        sequence = rows[leaf]
        flat = reshape(sequence, (size(sequence.shape[:-1]), k))
        product = apply(MATMUL, flat, weight, **v.attrs)
        element = loop_leaf((*leaf.shape[:-1], v.shape[-1]), REAL, leaf.name)
        rows[element] = reshape(product, (*sequence.shape[:-1], v.shape[-1]))
        new[v] = reshape(element, v.shape)
    return substitute(roots, new)


def _from_outside(roots: Sequence[Value], inside: set[Value]) -> dict[Value, tuple[Value, Value]]:
    """What a body uses and does not compute from its leaves: for each value a leaf, and what it is of."""
    changing = _changing(roots, inside)
    found: dict[Value, tuple[Value, Value]] = {}
    for v in topological(roots):
        uses = v.inputs if v in changing else [v] if any(v is r for r in roots) else []
        for x in uses:
            if x in changing or x.op is CONSTANT or x in found:
                continue
            # the number of samples lies nowhere, and a block has fewer
            outer = broadcast_to(x, (1,)) if x.op is COUNT else x
            found[x] = loop_leaf(outer.shape, x.dtype, x.name or x.op.name), outer
    return found
