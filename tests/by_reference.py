"""What traced functions compute, in float64 NumPy, op by op from the references of the registry.

The tests of activations, losses, optimizers and layers take it for whatever has no formula written by
hand, so that adding one needs none: then C and its gradient are tested against the traced formula, which
the example in the docstring shows to be the right one.
"""

from collections.abc import Sequence
from functools import cache
from typing import Any

import numpy as np
from loop_unroll import unrolled

from gdcore.graph.dims import Batch, at_batch
from gdcore.graph.ir import INT, REAL, Value, topological
from gdcore.graph.ops.leaves import input_value
from gdcore.graph.passes.phases import specialize

Arrays = dict[Value, np.ndarray]

# Exact whatever the precision, so that the reference is not disturbed there.
EXACT = {
    *("floor", "round", "sign", "equal", "not_equal", "less", "less_equal", "where", "maximum"),
    *("minimum", "neg", "abs", "relu", "identity", "reshape", "transpose", "slice", "embed"),
    *("concatenate", "take", "max", "max_pool", "max_pool_take", "unfold", "stop_gradient"),
}

# x times a share that goes to 0: their error is small beside x, not beside the result.
CANCELLING = {"gelu", "gelu_tanh", "mish", "silu", "hard_swish"}

# Their error is small beside the sum of what they add up without its signs.
SUMS = {"sum", "mean", "matmul", "scatter_add", "fold", "conv", "conv_dx", "conv_dw"} | {
    *("avg_pool", "avg_pool_dx", "max_pool_dx", "resample", "attention")
}


def concrete(x: Any, rows: int) -> Any:
    """Attributes with the batch as a number."""
    if isinstance(x, Batch):
        return x.rows * rows
    if isinstance(x, tuple | list):
        return type(x)(concrete(y, rows) for y in x)
    return x


def shape_at(value: Value, rows: int) -> tuple[int, ...]:
    return tuple(at_batch(d, rows) for d in value.shape)


def evaluate(
    outputs: Sequence[Value],
    leaves: Arrays,
    rows: int,
    noise: tuple[np.random.Generator, float] | None = None,
    stopped: Arrays | None = None,
    bits: int = 64,
) -> Arrays:
    """Every value of a graph in float64 NumPy.

    Parameters
    ----------
    leaves : what is fed, parameters, and whatever else is known
    noise : each result is multiplied by 1 + size · normal; (generator, size)
    stopped : what `stop_gradient` gives, where the leaves have been moved
    bits : the precision that constants have
    """
    real = np.float32 if bits == 32 else np.float64
    found: Arrays = dict(leaves)
    written = unrolled(outputs)
    for v in topological(written):
        if v in found:
            continue
        name, attrs = v.op.name, {k: concrete(a, rows) for k, a in v.attrs.items()}
        if name == "constant":
            found[v] = np.asarray(attrs["array"], real).astype(np.float64)
            continue
        if name == "count":
            found[v] = np.asarray(float(attrs["dim"]))
            continue
        if name == "stop_gradient":
            found[v] = found[v.inputs[0]] if stopped is None else stopped[v]
            continue
        assert v.op.reference is not None, f"no reference for {name}"
        with np.errstate(all="ignore"):
            y = np.asarray(v.op.reference(*[found[x] for x in v.inputs], **attrs), np.float64)
        assert y.shape == shape_at(v, rows), f"{name}: shape {y.shape} and {v.shape}"
        if noise is not None and name not in EXACT:
            scale = np.abs(y) + (np.abs(found[v.inputs[0]]) if name in CANCELLING else 0.0)
            if name in SUMS:
                scale = v.op.reference(*[np.abs(found[x]) for x in v.inputs], **attrs)
            with np.errstate(all="ignore"):  # a jump to where the result is not finite
                off = scale * noise[1] * noise[0].standard_normal(y.shape)
                y = np.where(np.abs(y) < np.abs(off), 0.0, y + off)  # `where` takes 0 for false
        found[v] = y
    return found | {v: found[w] for v, w in zip(outputs, written, strict=True)}


def numpy_of(function):
    """A function of traced values as a function of arrays."""

    def run(*arrays, **settings):
        arrays = [np.asarray(a) for a in arrays]
        leaves = [
            input_value(a.shape, f"x{i}", INT if a.dtype.kind in "iu" else REAL)
            for i, a in enumerate(arrays)
        ]
        value = function(*leaves, **settings)
        return evaluate([value], dict(zip(leaves, arrays, strict=True)), 1)[value]

    return run


def loop_of(make):
    """An optimizer as a loop over gradients, as those of `numpy_optimizers`."""

    def run(p, gradients, lr, weight_decay=0.0, **settings):
        optimizer = make(1.0, **settings)
        p = np.array(p, np.float64)
        kept = {s: np.full_like(p, optimizer.initial(s)) for s in optimizer.slots}
        path = []
        for t, (g, rate) in enumerate(
            zip(gradients, np.broadcast_to(lr, len(gradients)), strict=True), 1
        ):
            numbers = {"lr": rate, **optimizer.numbers(np.array(t))}
            arrays = [p * (1 - rate * weight_decay), np.asarray(g, np.float64), *kept.values()]
            arrays += [np.asarray(n, np.float64) for n in numbers.values()]
            leaves = [input_value(a.shape, f"x{i}") for i, a in enumerate(arrays)]
            slots = dict(zip(kept, leaves[2:], strict=False))
            scalars = dict(zip(numbers, leaves[2 + len(kept) :], strict=True))
            new, state = optimizer.update(leaves[0], leaves[1], slots, scalars)
            found = evaluate([new, *state.values()], dict(zip(leaves, arrays, strict=True)), 1)
            p, kept = found[new], {s: found[state[s]] for s in kept}
            path.append(p)
        return np.array(path)

    return run


def layer_formula(model_of, training):
    """What a model of one layer computes, of its inputs and its weights in their order."""

    @cache
    def network():
        model = model_of()
        network = model._engine.network()
        (output,), _ = specialize(network.outputs, training=training)
        leaves = {v.name: v for v in network.inputs}
        by_name = {name: variable.leaf for variable, name in network.names.items()}
        return output, leaves, [by_name[n] for n in model.state_dict()]

    def run(xs, ws):
        output, leaves, weights = network()
        known = {leaves[f"x{i}"]: x for i, x in enumerate(xs)}
        known |= dict(zip(weights, ws, strict=True))
        return evaluate([output], known, len(xs[0]))[output]

    return run
