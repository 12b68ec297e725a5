"""Checks that samples of a batch are independent, and groups for files with a fixed batch.

A value that depends on the inputs has one dimension of `Batch`: all samples, concatenated, each
with the size that the file has there. An op that reads across that dimension mixes samples.

A file whose batch is fixed can be run for each sample by itself: a sample is then a whole batch of
the file, and a node along the batch dimension is computed over (samples, *shape in the file).
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

from gdcore import ops
from gdcore.graph.dims import Batch, Dim, Shape, at_batch, size
from gdcore.graph.ir import Value
from gdcore.graph.ops.leaves import INPUT, PARAM, STATE

MIXED = (
    "it mixes the samples of a batch: expected that each is computed by itself; a file that is "
    "exported with a fixed batch is computed in groups of that size"
)
_ALONG = ("sum", "mean", "max", "logsumexp")
_KEPT = (
    *("transpose", "slice", "embed", "concatenate", "unfold", "conv", "conv_dx"),
    *("max_pool", "avg_pool", "resample", "masked", "seen", "step_mask"),
)


# The values that keep samples apart; of those whose first dimension holds others before the batch, (6, B) as 6B, these.
Known = dict[Value, Shape]


def batch_axis(shape: Shape) -> int | None:
    """The index of the batch dimension."""
    return next((i for i, d in enumerate(shape) if isinstance(d, Batch)), None)


def check_apart(values: Iterable[Value], known: Known) -> None:
    """Raises ValueError if prediction mixes samples between `known` and the values, which join it."""
    stack = [(v, False) for v in values]
    while stack:
        v, after = stack.pop()
        if v in known:
            continue
        if after:
            known[v] = _merged(v, known)
        else:
            stack += [(v, True), *((x, False) for x in _read(v))]


def check_order(v: Value, known: Known) -> None:
    """Raises ValueError for an output whose rows are not sorted by samples."""
    if known.get(v):
        raise ValueError(MIXED)


def _read(v: Value) -> Sequence[Value]:
    """What prediction computes a value from."""
    rows = _rows_of(v)
    if rows is not None:
        return (rows,)
    if v.op.name == "when_training":  # statistics of a batch are taken in training alone
        return v.inputs[1:2]
    return v.inputs[:1] if v.op.name in ("with_update", "carried") else v.inputs


def _merged(v: Value, known: Known) -> Shape:
    """The dimensions before the batch that are merged with it in a value's first one; raises ValueError if it mixes."""
    batched = [x for x in _read(v) if batch_axis(x.shape) is not None]
    leads = {known[x] for x in batched}
    if _rows_of(v) is not None:
        return leads.pop() if leads else ()
    if leads <= {()}:
        first = v.inputs[0].shape if v.op.name == "reshape" else ()
        at = batch_axis(first) or 0
        merged = v.shape[:1] == (size(first[: at + 1]),) != first[at : at + 1]
        if at and first[at] == Batch(1) and merged:
            return first[:at]
        if _mixes(v) or sum(isinstance(d, Batch) for d in v.shape) > 1:
            raise ValueError(MIXED)
        return ()
    lead = leads.pop()
    if not leads and v.op.name == "reshape" and v.shape[: len(lead) + 1] == (*lead, Batch(1)):
        return ()
    if leads or _mixes(v) or v.shape[:1] != batched[0].shape[:1]:  # else each row is by itself
        raise ValueError(MIXED)
    return lead


def _rows_of(v: Value) -> Value | None:
    """x of a product of its rows with a matrix, which is traced over all rows in one dimension, in whatever order."""
    product = v.inputs[0] if v.op.name == "reshape" else v
    if product.op.name != "matmul" or product.attrs["ta"] or product.ndim != 2:
        return None
    rows, matrix = product.inputs
    if rows.op.name != "reshape" or batch_axis(matrix.shape) is not None:
        return None
    (x,) = rows.inputs
    return x if x.shape == (*v.shape[:-1], rows.shape[-1]) else None


def _mixes(v: Value) -> bool:
    if not v.inputs:
        return batch_axis(v.shape) is not None and v.op not in (INPUT, PARAM, STATE)
    name, at = v.op.name, [batch_axis(x.shape) for x in v.inputs]
    if all(a is None for a in at):
        return False
    first = at[0]
    out = batch_axis(v.shape)
    if v.op.kind == "map" or name in ("stop_gradient", "when_training", "with_update", "carried"):
        return any(
            a is not None and (out is None or x.ndim - a != v.ndim - out)
            for a, x in zip(at, v.inputs, strict=True)
        )
    if v.op.kind in ("loop", "part"):  # whose body was checked: its samples are apart
        return False
    if v.op.kind == "alias":
        return out is None or first is None or _before(v.inputs[0].shape) != _before(v.shape)
    if name in _ALONG:
        low, high = v.attrs["axes"]
        return first is not None and low <= first < high
    if name in ("softmax", "log_softmax"):
        return bool(first == v.attrs["axis"])
    if name == "matmul":
        a = v.inputs[0].shape
        return isinstance(a[-2] if v.attrs["ta"] else a[-1], Batch)
    if name == "take":
        return first is not None
    if name == "attention":
        return any(a not in (0, None) for a in at)
    return name not in _KEPT


def _before(shape: Shape) -> Dim:
    """Product of the dimensions before the batch."""
    return size(shape[: batch_axis(shape)])


def place_batch(x: Value, target: Sequence[int], fixed: int) -> list[Dim]:
    """A target shape for a batch of `fixed`, generalized to any batch at the dimension that x has it in.

    Raises
    ------
    ValueError
        If the shape cuts across samples.
    """
    dims: list[Dim] = list(target)
    if batch_axis(x.shape) is None:
        return dims
    total = at_batch(size(x.shape), fixed)
    if target.count(-1) == 1:
        rest = -math.prod(target)
        dims[target.index(-1)] = total // rest if rest else -1
    before, done = _before(x.shape), 1
    if math.prod(d for d in dims if isinstance(d, int)) != total:
        raise ValueError(f"a reshape of {x.shape} to {tuple(target)}: the sizes differ")
    for i, d in enumerate(dims):
        if done == before and isinstance(d, int) and d % fixed == 0:
            dims[i] = Batch(d // fixed)
            return dims
        done *= d if isinstance(d, int) else 1
    raise ValueError(MIXED)


# --- a file that takes several samples at once -----------------------------------------


def in_file(shape: Shape) -> tuple[int, ...]:
    """The shape in the file, where a sample is a whole batch of the file."""
    return tuple(d.rows if isinstance(d, Batch) else d for d in shape)


def apart(x: Value) -> Value:
    """The value as (samples, *shape in the file)."""
    at = batch_axis(x.shape)
    if at is None:
        return ops.broadcast_to(ops.expand_dims(x, 0), (Batch(1), *in_file(x.shape)))
    shape = in_file(x.shape)
    y = ops.reshape(x, (*shape[:at], Batch(1), *shape[at:]))
    return y if at == 0 else ops.transpose(y, [at, *(i for i in range(y.ndim) if i != at)])


def together(y: Value) -> Value:
    """A value (samples, *shape in the file) with samples concatenated along the first dimension."""
    shape = in_file(y.shape[1:])
    if not shape:
        raise ValueError("one number for the whole batch: expected a dimension at least")
    return ops.reshape(y, (Batch(shape[0]), *shape[1:]))


def in_front(x: Value) -> Value:
    """The same with the batch in the first dimension, if nothing has to be moved for that."""
    at = batch_axis(x.shape)
    if not at or size(x.shape[:at]) != 1:
        return x
    return ops.reshape(x, (Batch(1), *in_file(x.shape)[1:]))
