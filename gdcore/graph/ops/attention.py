"""Attention of queries to keys and its gradient: one instruction each, whose memory grows with the steps and
not with their square."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from gdcore.graph.differentiate import gradients
from gdcore.graph.dims import Batch, Dim, Shape, size, strides
from gdcore.graph.emitter import Emitter
from gdcore.graph.ir import Op, Value, register, rewrite
from gdcore.graph.ops.attention_reference import (
    given,
    np_attention,
    np_gradients,
    np_lse,
    samples,
)
from gdcore.graph.ops.elementwise import equal, exp, less, log, mul, where
from gdcore.graph.ops.identities import broadcast_to
from gdcore.graph.ops.leaves import INPUT, apply, input_value, lift
from gdcore.graph.ops.masks import seen, step_mask
from gdcore.graph.ops.products import matmul
from gdcore.graph.ops.reductions import max, sum
from gdcore.graph.ops.shapes import reshape, transpose


def _shape(values: Sequence[Value], attrs: Mapping[str, Any]) -> Shape:
    q, k, v, bias, mask, _ = given(values, attrs)
    if q.ndim != 4 or k.ndim != 4 or v.ndim != 4:
        raise ValueError(
            f"attention of shapes {q.shape}, {k.shape} and {v.shape}: expected queries, keys and "
            "values of (batch, steps, heads, features)"
        )
    batch, queries, heads, features = q.shape
    _, keys, groups, values_of = v.shape
    if k.shape != (batch, keys, groups, features) or v.shape[0] != batch:
        raise ValueError(
            f"attention of shapes {q.shape}, {k.shape} and {v.shape}: expected keys and values of one "
            "batch, number of steps and number of heads, and keys with the features of the queries"
        )
    fixed = (queries, keys, heads, groups, features, values_of)
    if any(isinstance(d, Batch) for d in fixed) or not groups or heads % groups:
        raise ValueError(
            f"attention of shapes {q.shape}, {k.shape} and {v.shape}: expected the batch first, and a "
            "number of heads that is a multiple of the keys' heads"
        )
    scores = (heads, queries, keys)
    if bias is not None and bias.shape not in (scores, (batch, *scores)):
        raise ValueError(
            f"attention with a bias of shape {bias.shape}: expected (heads, queries, keys), which is "
            f"{scores}, or a batch of them"
        )
    if mask is not None and mask.shape != (batch, keys):
        raise ValueError(
            f"attention with a mask of shape {mask.shape}: expected one number for each key, (batch, "
            f"keys), which is {(batch, keys)}; what differs by query is a bias of 0 and -inf"
        )
    return (batch, queries, heads, values_of)


def _check_part(values: Sequence[Value], op: Op) -> None:
    """A part has what it is a part of, and the inputs of that, so that its gradient goes to them."""
    whole, own = values[0], values[1:]
    if whole.op is not op or [*map(id, whole.inputs)] != [*map(id, own)]:
        raise ValueError(
            f"a part of {whole!r}: expected one of {op.name!r}, and its inputs behind it"
        )


def _lse_shape(values: Sequence[Value], attrs: Mapping[str, Any]) -> Shape:
    _check_part(values, ATTENTION)
    batch, queries, heads, _ = values[1].shape
    return (batch, heads, queries)


def _part_shape(values: Sequence[Value], attrs: Mapping[str, Any]) -> Shape:
    _check_part(values, GRADIENT)
    if not 0 <= attrs["part"] < 2 + attrs["bias"]:
        raise ValueError(f"part {attrs['part']} of the gradient of attention: expected 0 to 2")
    which: int = 2 + attrs["part"]
    return values[which].shape


def _gradient_shape(values: Sequence[Value], attrs: Mapping[str, Any]) -> Shape:
    y, lse, dy = given(values, attrs).rest
    want = _shape(values, attrs)
    if y.shape != want or dy.shape != want or lse.shape != (want[0], want[2], want[1]):
        raise ValueError(
            f"the gradient of attention with y of {y.shape}, lse of {lse.shape} and dy of {dy.shape}: "
            f"expected {want}, {(want[0], want[2], want[1])} and {want}"
        )
    return values[0].shape


# --- in terms of other ops: for derivatives of derivatives, and for other formats --------


def by_head(x: Value, heads: Dim) -> Value:
    """(batch, steps, heads, features) as (batch, heads, steps, features), each head as often as it is used."""
    batch, steps, own, features = x.shape
    if own != heads:
        repeated = (batch, steps, own, heads // own, features)  # type: ignore[operator]
        x = broadcast_to(reshape(x, (batch, steps, own, 1, features)), repeated)
        x = reshape(x, (batch, steps, heads, features))
    return transpose(x, (0, 2, 1, 3))


def score_matrix(inputs: Sequence[Value], attrs: Mapping[str, Any]) -> Value:
    """(batch, heads, queries, keys), -inf where a key is not seen."""
    q, k, _, bias, mask, _ = given(inputs, attrs)
    heads = q.shape[2]
    s = matmul(by_head(q, heads), transpose(by_head(k, heads), (0, 1, 3, 2))) * attrs["scale"]
    if bias is not None:
        s = s + bias
    if attrs["causal"]:
        s = where(np.tri(*s.shape[2:]), s, -math.inf)
    return s if mask is None else where(less(0.0, mask[:, None, None, :]), s, -math.inf)


def _lse_formula(inputs: Sequence[Value], attrs: Mapping[str, Any]) -> Value:
    s = score_matrix(inputs, attrs)
    most = max(s, -1)
    shift = where(equal(most, -math.inf), 0.0, most)
    total = sum(exp(s - reshape(shift, (*shift.shape, 1))), -1)
    return where(equal(total, 0.0), math.inf, shift + log(total))


def _in_other_ops(v: Value) -> Value:
    """A value of attention, or of its gradient, by way of the matrix of all scores."""
    if v.op is ATTENTION:
        lse = _lse_formula(v.inputs, v.attrs)
        p = exp(score_matrix(v.inputs, v.attrs) - reshape(lse, (*lse.shape, 1)))
        return transpose(matmul(p, by_head(v.inputs[2], v.shape[2])), (0, 2, 1, 3))
    if v.op is LSE:
        return _lse_formula(v.inputs[1:], v.attrs)
    if v.op is GRADIENT:
        return _apart(v.inputs, lambda leaves: _gradient_formula(leaves, v.attrs))[0]
    which: int = 1 + v.attrs["part"]
    return _apart(v.inputs[1:], lambda leaves: _gradient_formula(leaves, v.attrs))[which]


def _gradient_formula(inputs: Sequence[Value], attrs: Mapping[str, Any]) -> list[Value]:
    """dq, dk, dv and dbias."""
    q, k, v, bias, _, (y, lse, dy) = given(inputs, attrs)
    s = score_matrix(inputs, attrs)
    p = exp(s - reshape(lse, (*lse.shape, 1)))
    values = by_head(v, q.shape[2])
    slopes = transpose(dy, (0, 2, 1, 3))
    dp = matmul(slopes, transpose(values, (0, 1, 3, 2)))
    delta = transpose(sum(y * dy, -1, keepdims=True), (0, 2, 1, 3))
    out = gradients(s, [q, k] if bias is None else [q, k, bias], p * (dp - delta))
    out.insert(2, gradients(matmul(p, values), [v], slopes)[0])
    return out


# --- gradient rules ----------------------------------------------------------------------


def _apart(inputs: Sequence[Value], make: Callable[[list[Value]], Sequence[Value]]) -> list[Value]:
    """Values of some inputs as if these were independent, so that derivatives by them are partial ones."""
    leaves = [input_value(v.shape, v.name, v.dtype) for v in inputs]
    made = make(leaves)
    originals = dict(zip(leaves, inputs, strict=True))
    found = rewrite(made, lambda v: originals.get(v, v))
    return [found[v] for v in made]


def _grad(y: Value, d: Value) -> list[Value | None]:
    lse = apply(LSE, y, *y.inputs, **y.attrs)
    dq = apply(GRADIENT, *y.inputs, y, lse, d, **y.attrs)
    parts = (apply(PART, dq, *dq.inputs, **y.attrs, part=i) for i in range(2 + y.attrs["bias"]))
    return [dq, *parts, *([None] if y.attrs["mask"] else [])]


def _lse_grad(lse: Value, d: Value) -> list[Value | None]:
    """By a score it is that score's share."""

    def make(leaves: list[Value]) -> list[Value]:
        s = score_matrix(leaves[:-1], lse.attrs)
        ds = exp(s - reshape(leaves[-1], (*lse.shape, 1))) * reshape(d, (*d.shape, 1))
        return gradients(s, leaves[:-1], ds)

    return [None, *_apart([*lse.inputs[1:], lse], make)]


def _of_formula(which: int, inputs: Sequence[Value], y: Value, d: Value) -> list[Value]:
    def make(leaves: list[Value]) -> list[Value]:
        return gradients(_gradient_formula(leaves, y.attrs)[which], leaves, d)

    return _apart(inputs, make)


# --- instructions: see csrc/ops/attention.c for the order of the sizes ---------------------


def _sizes(y: Value) -> list[Dim]:
    """The sizes and the strides that both instructions have."""
    q, k, v, bias, mask, _ = given(y.inputs, y.attrs)
    batch, queries, heads, features = q.shape
    result: Shape = (batch, queries, heads, v.shape[3])
    out: list[Dim] = [batch, queries, k.shape[1], heads, k.shape[2], features, v.shape[3]]
    for shape in (q.shape, k.shape, v.shape, result):
        out += strides(shape)[:3]
    wide = [0, 0, 0] if bias is None else [0, 0, *strides(bias.shape)][-4:-1]
    return [*out, *wide, 0 if mask is None else strides(mask.shape)[0]]


def _emit(y: Value, e: Emitter) -> None:
    attrs = [y.attrs["causal"], y.attrs["bias"], y.attrs["mask"], bool(e.parts)]
    attrs.append(y.attrs.get("bfloat16", 0))
    e.kernel(
        "attention",
        [e.ref(v) for v in (y, *y.inputs, *e.parts)],
        dims=_sizes(y),
        attrs=[int(a) for a in attrs],
        pars=[y.attrs["scale"]],
    )


def _emit_gradient(dq: Value, e: Emitter) -> None:
    _, k, v, _, _, rest = given(dq.inputs, dq.attrs)
    found = {v.attrs["part"]: v for v in e.parts}
    more: list[Dim] = []
    for value in (rest[-1], dq, k, v):
        more += strides(value.shape)[:3]
    attrs = [
        dq.attrs["causal"],
        dq.attrs["bias"],
        dq.attrs["mask"],
        *(i in found for i in range(3)),
        dq.attrs.get("bfloat16", 0),
    ]
    e.kernel(
        "attention_gradient",
        [e.ref(v) for v in (dq, *dq.inputs, *(found[i] for i in sorted(found)))],
        dims=[*_sizes(dq), *more],
        attrs=[int(a) for a in attrs],
        pars=[dq.attrs["scale"]],
    )


def _flops(y: Value, products: int, of_values: int) -> Dim:
    q, k, v, *_ = given(y.inputs, y.attrs)
    each = products * q.shape[3] + of_values * v.shape[3]
    return size((2 * each, *q.shape[:3], k.shape[1]))


ATTENTION: Op = register(
    Op(
        "attention",
        "kernel",
        _shape,
        _grad,
        np_attention,
        samples(False),
        _in_other_ops,
        emit=_emit,
        flops=lambda y: _flops(y, 1, 1),
    )
)
# The logarithm of the sum of a row's exponentials: what its gradient needs beside the result.
LSE: Op = register(
    Op("attention_lse", "part", _lse_shape, _lse_grad, np_lse, (), _in_other_ops, flops=0)
)
# dq; dk, dv and dbias are parts of it.
GRADIENT: Op = register(
    Op(
        "attention_gradient",
        "kernel",
        _gradient_shape,
        lambda y, d: _of_formula(0, y.inputs, y, d),
        lambda *inputs, **attrs: np_gradients(*inputs, **attrs)[0],
        samples(True),
        _in_other_ops,
        emit=_emit_gradient,
        flops=lambda y: _flops(y, 3, 2),
    )
)
PART: Op = register(
    Op(
        "attention_gradient_part",
        "part",
        _part_shape,
        lambda y, d: [None, *_of_formula(1 + y.attrs["part"], y.inputs[1:], y, d)],
        lambda _, *inputs, part, **attrs: np_gradients(*inputs, **attrs)[1 + part],
        (),
        _in_other_ops,
        flops=0,
    )
)


def attention(
    q: Any,
    k: Any,
    v: Any,
    *,
    causal: bool = False,
    mask: Any = None,
    lengths: Any = None,
    bias: Any = None,
    scale: float | None = None,
) -> Value:
    """Scaled dot-product attention: softmax(scale q k' + bias) v, for each head.

    The scores are computed block by block, forward and backward: memory grows with the number of steps,
    not with its square.

    Parameters
    ----------
    q : Value of shape (batch, queries, heads, features)
    k : Value of shape (batch, keys, groups, features)
    v : Value of shape (batch, keys, groups, features of the values)
        `groups` divides `heads`; so many neighbouring heads of the queries share one of k and v.
    causal : bool
        Whether query i sees keys 0 to i alone.
    mask : Value of shape (batch, keys), optional
        The keys that are seen: where it is above 0. A query that sees none gives 0.
    lengths : Value of shape (batch,), optional
        How many keys of each sample are seen.
    bias : Value or array that broadcasts to (heads, queries, keys), or to a batch of them, optional
        Added to the scores; -inf where a query must not see a key.
    scale : float, optional
        By default 1/√features.

    Returns
    -------
    Value of shape (batch, queries, heads, features of the values)

    Raises
    ------
    ValueError
        If the shapes do not go together.

    References
    ----------
    Vaswani et al. 2017, Attention is all you need. Dao et al. 2022, FlashAttention, for the blocks.

    Examples
    --------
    >>> import gdcore as gd
    >>> x = gd.Input((20, 4, 16))
    >>> gd.ops.attention(x, x, x, causal=True)
    <attention (B, 20, 4, 16)>
    """
    query, key, value = lift(q), lift(k), lift(v)
    inputs = [query, key, value]
    if bias is not None:
        scores = (query.shape[2:3] + query.shape[1:2] + key.shape[1:2]) if query.ndim == 4 else ()
        wide = lift(bias)
        inputs.append(broadcast_to(wide, scores if wide.ndim < 4 else (*query.shape[:1], *scores)))
    if lengths is not None:
        counted = lift(lengths)
        keys = key.shape[1] if key.ndim == 4 else None
        if counted.shape != query.shape[:1] or not isinstance(keys, int):
            raise ValueError(
                f"attention to keys of shape {key.shape} with lengths of shape {counted.shape}: expected "
                "(batch, steps, heads, features) and (batch,)"
            )
        within = step_mask(counted, keys)
        mask = within if mask is None else mul(seen(mask), within)
    if mask is not None:
        inputs.append(seen(mask) if lift(mask).op is INPUT else lift(mask))
    more = {"bias": bias is not None, "mask": mask is not None}
    if scale is None:
        features = query.shape[-1] if query.ndim else 1
        scale = 1.0 / math.sqrt(features or 1) if isinstance(features, int) else 1.0
    return apply(ATTENTION, *inputs, scale=float(scale), causal=bool(causal), **more)
