"""Einsum of one or two operands, and rotary embedding, as traced values."""

from __future__ import annotations

import string
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from gdcore import ops
from gdcore.graph.dims import Dim, size
from gdcore.graph.ir import INT, Value
from gdcore.onnx.nodes_indices import moved
from gdcore.onnx.nodes_shapes import index_of
from gdcore.onnx.reader import Node
from gdcore.onnx.samples import apart, batch_axis, together

SAMPLES = "?"  # the label of the samples where each of them is a whole batch


def _labels(equation: bytes, ranks: Sequence[int]) -> tuple[list[str], str]:
    """The labels of each operand and of the result, three dots replaced by upper-case letters."""
    left, arrow, right = equation.decode("utf-8", "replace").replace(" ", "").partition("->")
    terms = left.split(",")
    if len(terms) != len(ranks) or not set(left + right) <= {*string.ascii_letters, *",."}:
        raise ValueError(
            f"equation {equation!r}: expected letters for each of {len(ranks)} operands"
        )
    used = set(left + right)
    free = "".join(c for c in string.ascii_uppercase if c not in used)
    dots = ""
    for i, (term, rank) in enumerate(zip(terms, ranks, strict=True)):
        more = rank - len(term.replace("...", ""))
        if not 0 <= more <= len(free) or (more and "..." not in term):
            raise ValueError(f"equation {equation!r}: {term!r} for {rank} dimensions")
        own = free[len(free) - more :] if more else ""
        terms[i] = term.replace("...", own)
        dots = max(dots, own, key=len)
    if not arrow:
        letters = sorted(c for c in used - {",", "."} if left.count(c) == 1)
        right = "..." + "".join(letters)
    result = right.replace("...", dots)
    joined = "".join(terms)
    if "." in joined + result or len(set(result)) != len(result) or not set(result) <= set(joined):
        raise ValueError(
            f"equation {equation!r}: expected each label of the result once, and in an operand"
        )
    return terms, result


def _einsum(n: Node) -> Value:
    values = n.values()
    terms, result = _labels(n.attr("equation"), [v.ndim for v in values])
    if len(values) > 2:
        raise ValueError(f"{len(values)} operands: expected one or two")
    if any(len(set(t)) != len(t) for t in terms):
        if len(values) > 1 or set(terms[0]) != set(result) or not n.reader.together:
            raise ValueError(
                f"a label twice in {terms}: expected a diagonal alone, of a fixed batch"
            )
        equation = f"{terms[0]}->{result}"
        return moved(values[0], lambda grid: np.einsum(equation, grid))
    if n.reader.together:
        for i, v in enumerate(values):
            if batch_axis(v.shape) is not None:
                values[i], terms[i] = apart(v), SAMPLES + terms[i]
        result = SAMPLES + result
    y = (
        _product(values, terms, result)
        if len(values) > 1
        else _ordered(values[0], terms[0], result)
    )
    return together(y) if n.reader.together else y


def _ordered(x: Value, have: str, want: str) -> Value:
    """Summed over the labels that are not wanted, the others in order."""
    gone = [i for i, c in enumerate(have) if c not in want]
    x = ops.sum(x, gone) if gone else x
    kept = [c for c in have if c in want]
    return ops.transpose(x, [kept.index(c) for c in want if c in kept])


def _product(values: Sequence[Value], terms: Sequence[str], result: str) -> Value:
    """A product of matrices: what both have and the result, too, is over all; what it has not is summed."""
    sizes: dict[str, Dim] = {}
    for v, term in zip(values, terms, strict=True):
        for c, d in zip(term, v.shape, strict=True):
            if sizes.setdefault(c, d) != d:
                raise ValueError(f"label {c!r} is {sizes[c]} and {d}")
    first, second = terms
    over = [c for c in first if c in second and c in result]
    inner = [c for c in first if c in second and c not in result]
    rows = [c for c in first if c not in second and c in result]
    columns = [c for c in second if c not in first and c in result]

    def matrices(x: Value, have: str, left: Sequence[str], right: Sequence[str]) -> Value:
        y = _ordered(x, have, "".join([*over, *left, *right]))
        lead = [sizes[c] for c in over]
        return ops.reshape(y, (*lead, *(size([sizes[c] for c in part]) for part in (left, right))))

    y = ops.matmul(
        matrices(values[0], first, rows, inner), matrices(values[1], second, inner, columns)
    )
    have = [*over, *rows, *columns]
    return ops.transpose(ops.reshape(y, [sizes[c] for c in have]), [have.index(c) for c in result])


def _rotary(n: Node) -> Value:
    """Pairs of features turned by angles that grow with the position."""
    x = n.value(0)
    flat, heads = x.ndim == 3, n.attr("num_heads", 0)
    if flat:
        width = x.shape[2]
        if not isinstance(width, int) or heads < 1 or width % heads:
            raise ValueError(f"shape {x.shape} and {heads} heads: expected a multiple of them")
        y = ops.reshape(x, (*x.shape[:2], heads, width // heads))
    else:
        y = ops.transpose(x, (0, 2, 1, 3))
    features = y.shape[3]
    turned: Any = n.attr("rotary_embedding_dim", 0) or features
    if not isinstance(features, int) or turned % 2 or not 0 < turned <= features:
        raise ValueError(f"{turned} of {features} features: expected an even number of them")
    angles = []
    for i in (1, 2):
        table = n.value(i)
        if n.has(3):
            at = n.value(3)
            if at.dtype != INT:
                raise ValueError(
                    "positions that are constants or computed: expected an input of ints"
                )
            table = ops.take(table, at)
        if table.ndim != 3 or table.shape[2] != turned // 2:
            raise ValueError(
                f"input {i} of shape {table.shape}: expected {turned // 2} angles a step"
            )
        angles.append(ops.expand_dims(table, 2))
    cos, sin = angles
    mixed = n.attr("interleaved", 0)
    first, second, step = (0, 1, 2) if mixed else (0, turned // 2, 1)
    ends = (turned, turned) if mixed else (turned // 2, turned)
    a, b = (index_of(y, 3, slice(s, e, step)) for s, e in zip((first, second), ends, strict=True))
    real, imaginary = a * cos - b * sin, a * sin + b * cos
    if mixed:
        pairs = ops.concatenate([ops.expand_dims(v, 4) for v in (real, imaginary)], 4)
        parts = [ops.reshape(pairs, (*y.shape[:3], turned))]
    else:
        parts = [real, imaginary]
    if turned < features:
        parts.append(index_of(y, 3, slice(turned, None)))
    z = ops.concatenate(parts, 3)
    return ops.reshape(z, x.shape) if flat else ops.transpose(z, (0, 2, 1, 3))


EINSUM: dict[str, Callable[[Node], Any]] = {"Einsum": _einsum, "RotaryEmbedding": _rotary}
