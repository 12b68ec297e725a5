"""Bounds of traced values: they hold for whatever the graph is fed, and see what a loss must know."""

import numpy as np
import pytest
from by_reference import evaluate
from harness import leaves_of, run_graph
from random_graphs import graph_of

import gdcore as gd
from gdcore.graph.dims import Batch
from gdcore.graph.ir import OPS, Op, topological
from gdcore.graph.ops.leaves import apply, input_value, lift
from gdcore.graph.ops.shapes import reshape
from gdcore.graph.passes.phases import specialize
from gdcore.graph.ranges import Bounds, bounds_of

ops = gd.ops
RULED = sorted(n for n, op in OPS.items() if op.bounds is not None and op.samples)
SLACK = 1e-9


def bounded_leaf(array, span):
    """A leaf of that array of which no more is known than its span."""
    op = Op("given", "leaf", lambda _, attrs: attrs["shape"], bounds=lambda y, of: Bounds(*span))
    return apply(op, shape=array.shape)


def assert_within(bounds, result, what):
    result = result[np.isfinite(result)] if result.ndim == 0 else result
    finite = np.where(np.isfinite(result), result, np.nan)
    if not result.size or np.isnan(finite).all():
        return
    scale = SLACK * (1 + np.nanmax(np.abs(finite)))
    assert np.nanmin(finite) >= bounds.low - scale, what
    assert np.nanmax(finite) <= bounds.high + scale, what
    if result.ndim and np.isfinite(result).all():
        sums = result.sum(axis=-1)
        room = scale * result.shape[-1]
        assert bounds.total[0] - room <= sums.min() <= sums.max() <= bounds.total[1] + room, what


@pytest.mark.parametrize("name", RULED)
def test_rules_are_sound(name):
    """Of each op with a rule: inputs from random spans, results within the bounds of these spans."""
    op, rng = OPS[name], np.random.default_rng(0)
    for sample in op.samples:
        if any(0 in s for s in sample.shapes) or sum(map(np.prod, sample.shapes)) > 4000:
            continue
        for _ in range(12):
            ends = np.sort(
                rng.choice([-20, -3, -1, -0.3, 0, 0.2, 1, 2.5, 20], (len(sample.shapes), 2))
            )
            arrays = [
                rng.integers(0, sample.ints[i], s).astype(float)
                if i in sample.ints
                else rng.uniform(*ends[i], s)
                for i, s in enumerate(sample.shapes)
            ]
            leaves = leaves_of(op, sample)
            bounded = [
                leaf if leaf.dtype == "int" else bounded_leaf(a, (a.min(), a.max()))
                for leaf, a in zip(leaves, arrays, strict=True)
            ]
            with np.errstate(all="ignore"):
                result = np.asarray(op.reference(*arrays, **sample.attrs), float)
            assert_within(bounds_of(apply(op, *bounded, **sample.attrs)), result, (name, sample))
            half = [
                (a.min() if k else -np.inf, np.inf if k else a.max())
                for a in arrays
                for k in (0, 1)
            ]
            for spans in (half[::2], half[1::2]):
                open_ended = [
                    leaf if leaf.dtype == "int" else bounded_leaf(a, s)
                    for leaf, a, s in zip(leaves, arrays, spans, strict=True)
                ]
                assert_within(
                    bounds_of(apply(op, *open_ended, **sample.attrs)), result, (name, sample, spans)
                )


X = gd.Input(4)
POSITIVE = ops.exp(X)


def shares(x, axis=-1):
    return ops.exp(x) / ops.sum(ops.exp(x), axis, keepdims=True)


# what, the value, its span, its total (None: that of the span)
KNOWN = {
    "a sigmoid by hand": (1 / (1 + ops.exp(-X)), (0, 1), None),
    "the other way round": (ops.exp(X) / (1 + ops.exp(X)), (0, 1), None),
    "one by reciprocal": (ops.reciprocal(1 + ops.exp(-X)), (0, 1), None),
    "by tanh": (0.5 * ops.tanh(X) + 0.5, (0, 1), None),
    "scaled and shifted": (0.98 * ops.sigmoid(X) + 0.01, (0.01, 0.99), None),
    "its complement": (1 - ops.sigmoid(X), (0, 1), None),
    "clipped": (ops.clip(X, 0.1, 0.9), (0.1, 0.9), None),
    "chosen": (ops.where(X > 0, 1 / (1 + ops.exp(-X)), ops.exp(X) / (1 + ops.exp(X))), (0, 1), None),
    "dropped out": (gd.Dropout(0.5)(ops.sigmoid(X)), (0, 1), None),
    "two factors": (ops.sigmoid(X) * (1 - ops.sigmoid(2 * X)), (0, 1), None),
    "a mean": (ops.mean(ops.sigmoid(X), -1, keepdims=True), (0, 1), None),
    "a slice, reshaped": (ops.reshape(ops.sigmoid(X)[:, 1:3], (X.shape[0], 2, 1)), (0, 1), None),
    "squares": (X * X, (0, np.inf), None),
    "normal numbers' size": (ops.exp(-ops.square(X)), (0, 1), None),
    "a power": (ops.sigmoid(X) ** 1.7, (0, 1), None),
    "cosines": ((1 + ops.cos(X)) / 2, (0, 1), None),
    "softmax": (ops.softmax(X), (0, 1), (1, 1)),
    "softmax of another axis": (ops.softmax(gd.Input((3, 4)), axis=1), (0, 1), (0, 4)),
    "softmax by hand": (shares(X), (0, 1), (1, 1)),
    "of numbers that stay small": (shares(X - ops.max(X, -1, keepdims=True)), (0, 1), (1, 1)),
    "with a floor below": (POSITIVE / (ops.sum(POSITIVE, -1, keepdims=True) + 1e-7), (0, 1), (0, 1)),
    "by the reciprocal": (POSITIVE * ops.reciprocal(ops.sum(POSITIVE, -1, keepdims=True)), (0, 1), (1, 1)),
    "positive by softplus": (
        ops.softplus(X) / ops.sum(ops.softplus(X), -1, keepdims=True),
        (0, 1),
        (1, 1),
    ),
    "logarithms undone": (ops.exp(ops.log_softmax(X)), (0, 1), (1, 1)),
    "log-sum-exp by hand": (ops.exp(X - ops.logsumexp(X, -1, keepdims=True)), (0, 1), (1, 1)),
    "smoothed": (0.9 * ops.softmax(X) + 0.025, (0.025, 0.925), (1, 1)),
    "a mixture": (
        ops.sigmoid(X[:, :1]) * ops.softmax(X) + (1 - ops.sigmoid(X[:, :1])) * ops.softmax(-X),
        (0, 1),
        (1, 1),
    ),
    "a gate for each element": (
        (1 - ops.sigmoid(X)) * ops.softmax(-X) + ops.softmax(X) * ops.sigmoid(X),
        (0, 1),
        (0, 4),
    ),
    "a mean of three": (
        (ops.softmax(X) + ops.softmax(2 * X) + ops.softmax(3 * X)) / 3,
        (0, 1),
        (1, 1),
    ),
    "a mean over steps": (ops.mean(ops.softmax(gd.Input((3, 4))), 1), (0, 1), (1, 1)),
    "reshaped by rows": (ops.reshape(ops.softmax(gd.Input((3, 4))), (-1, 4)), (0, 1), (1, 1)),
    "divided by another's sum": (POSITIVE / ops.sum(ops.exp(2 * X), -1, keepdims=True), (0, np.inf), None),
    "not by its own row's": (POSITIVE / ops.sum(POSITIVE, 0), (0, 1), (0, 4)),
    "signs unknown": (X / ops.sum(X, -1, keepdims=True), (-np.inf, np.inf), None),
}  # fmt: skip


@pytest.mark.parametrize("what", KNOWN)
def test_what_is_seen(what):
    value, span, total = KNOWN[what]
    got = bounds_of(value)
    np.testing.assert_allclose(got.span, span, atol=1e-12)
    if total is not None:
        np.testing.assert_allclose(got.total, total, atol=1e-12)


@pytest.mark.parametrize("what", KNOWN)
def test_what_is_seen_holds(what):
    """Each of these computed, for small and large inputs."""
    value, _, _ = KNOWN[what]
    leaves = [v for v in topological([value]) if v.op.name == "input"]
    rng = np.random.default_rng(1)
    (outcome,), _ = specialize([value], training=False)
    for scale in (0.1, 1, 10):
        arrays = [rng.normal(size=(6, *v.shape[1:])) * scale for v in leaves]
        (got,) = run_graph(leaves, arrays, [outcome], 64, rows=6)
        assert_within(bounds_of(value), got, what)


def test_parameters_reach_everything():
    dense = gd.Dense(3)
    assert bounds_of(dense(X)).free
    image = gd.Input((6, 6, 2))
    for value in (
        gd.Conv2D(3, 2)(image),
        ops.mean(gd.Conv2D(3, 2)(image), (1, 2)),
        gd.BatchNorm()(ops.tanh(X)),
        gd.Embedding(5, 3)(gd.Input((), dtype="int")),
        gd.LSTM(3)(gd.Input((2, 3))) @ lift(np.eye(3)) + gd.Dense(3)(X),
        ops.leaky_relu(dense(X)),
        gd.GaussianNoise(0.1)(dense(X)),
        X[:, :3] + dense(X),
    ):
        assert bounds_of(value).free, value
        assert bounds_of(value).span == (-np.inf, np.inf)
    for value in (
        X,
        ops.relu(dense(X)),
        ops.sigmoid(dense(X)),
        ops.softmax(dense(X)) @ lift(np.eye(3)),
    ):
        assert not bounds_of(value).free, value


def test_deep_graphs():
    """A chain of thousands of steps is walked, not descended into."""
    state = input_value((Batch(1), 2), "x")
    for _ in range(3000):
        state = ops.tanh(state + 0.5 * ops.sigmoid(state))
    low, high = bounds_of(state).span
    assert -1 < low < high + 1e-12 < 1
    total = POSITIVE
    for _ in range(3000):
        total = total + 1.0
    assert bounds_of(POSITIVE / total).low == 0
    assert reshape(state, (state.shape[0], 2)) is state


@pytest.mark.parametrize("seed", range(60))
def test_random_graphs(seed):
    """All values of a graph of any ops, gradients too, lie within their bounds."""
    graph = graph_of(seed)
    values = [*graph.values, graph.loss, *graph.gradients()]
    exact = evaluate(values, graph.arrays, graph.rows)
    for v in values:
        assert_within(bounds_of(v), np.asarray(exact[v], float), v)
