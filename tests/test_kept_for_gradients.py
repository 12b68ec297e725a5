"""What is kept for the gradients: of each norm its input, of each product its factor, and little else.

Common factors are outside of sums, and cheap elementwise values are computed again, whatever a network is made of.
"""

import numpy as np
import pytest
from by_reference import evaluate

import gdcore as gd
from gdcore import ops
from gdcore.data.dataset import TargetSpec
from gdcore.graph.differentiate import gradients
from gdcore.graph.dims import Batch, at_batch, size
from gdcore.graph.ir import base, topological
from gdcore.graph.ops.leaves import input_value
from gdcore.graph.passes.factor_sums import factor_sums
from gdcore.graph.passes.phases import specialize
from gdcore.graph.passes.simplify import simplify

B = Batch(1)


# --- sums ------------------------------------------------------------------------------------


def sums(v):
    """How many sums and means of large values a value is computed by."""
    return sum(
        x.op.name in ("sum", "mean") and at_batch(size(x.inputs[0].shape), 4) > 60
        for x in topological([v])
    )


def leaf(*shape):
    return input_value(shape, f"x{shape}")


def apart(x, axis, keepdims=False):
    return x - ops.mean(x, axis, keepdims)


X, D, C, R, SQUARE = leaf(B, 5, 7), leaf(B, 5, 7), leaf(7), leaf(B, 5, 1), leaf(4, 5, 5)
FACTORED = {  # a sum, and how many sums are left
    "a factor of each channel": (lambda: ops.sum(X * D * C, (0, 1)), 1),
    "a divisor": (lambda: ops.mean(X / C, (0, 1)), 1),
    "one of each row, along the last axis": (lambda: ops.sum(X * (R * -D), -1), 1),
    "not of what it is summed over": (lambda: ops.sum(X * R, (0, 1)), 1),
    "differences from the mean": (lambda: ops.sum(apart(X, (0, 1)) * C, (0, 1)), 0),
    "of a row": (lambda: ops.sum(D * R - apart(X, -1, True) * (R * 2.0), -1), 1),
    "from another mean": (lambda: ops.sum(apart(X, 0), (0, 1)), 2),
    "from a mean that stands elsewhere": (
        lambda: ops.sum(SQUARE - ops.reshape(ops.mean(SQUARE, 2), (4, 1, 5)), 2),
        2,
    ),
    "of a sum": (lambda: ops.sum(ops.sum(X * C, 1, keepdims=True) * X * C, (0, 1)), 2),
    "several": (lambda: ops.sum(X * C + D, (0, 1)), 1),
    "alike": (lambda: ops.sum(X * C, (0, 1)) + ops.sum(X / C, (0, 1)) + ops.sum(X, (0, 1)), 1),
}


@pytest.mark.parametrize("name", FACTORED)
def test_common_factors_are_taken_out_of_sums(name):
    make, left = FACTORED[name]
    (y,) = simplify([make()]).values()
    new = factor_sums([y])[y]
    assert new.shape == y.shape
    assert sums(new) == left
    rng = np.random.default_rng(3)
    leaves = {
        v: rng.uniform(0.5, 2, [at_batch(d, 4) for d in v.shape]) for v in (X, D, C, R, SQUARE)
    }
    found = evaluate([y, new], leaves, 4)
    np.testing.assert_allclose(found[new], found[y], rtol=1e-12, atol=1e-12)


def test_a_norm_adds_up_two_values_for_its_gradients():
    """That of beta, and that from which those of gamma and of the variance follow."""
    x = gd.Input((6, 6, 8))
    y = ops.relu(gd.BatchNorm()(x))
    (loss,), _ = specialize([ops.sum(y * leaf(6, 6, 8))], training=True)
    parameters = [v for v in topological([loss]) if v.op.name == "param"]
    simple = simplify([loss, *gradients(loss, [*parameters, x])])
    new = factor_sums(list(simple.values()))
    found = topological(new[v] for v in list(simple.values())[1:])
    assert sum(v.op.name == "sum" and v.ndim == 1 for v in found) == 2


# --- memory ----------------------------------------------------------------------------------


def stack(activation, norm=gd.BatchNorm, layers=5):
    """Convolutions of both kinds, a norm before each activation."""

    def parts():
        for i in range(layers):
            conv = gd.DepthwiseConv2D(3, padding=1) if i % 2 else gd.Conv2D(8, 1, use_bias=False)
            yield from (conv, norm(), gd.Activation(activation))

    image = gd.Conv2D(8, 3, padding=1, use_bias=False)
    return gd.Sequential([gd.Input((16, 16, 3)), image, *parts(), gd.GlobalAvgPool(), gd.Dense(3)])


def needed(model, batch):
    """Bytes that the formulas of gradients read at least: factors of products, inputs of norms and of pools."""
    (y,), _ = specialize(model._engine.network().traced[:1], training=True)
    found = set()
    for v in topological([y]):
        norm = v.op.name == "mean" and v.ndim == 1 and v.inputs[0].op.name != "square"
        if norm or v.op.name in ("conv", "matmul", "max_pool"):
            found.add(base(v.inputs[0]))
    return sum(4 * at_batch(size(v.shape), batch) for v in found if v.op.kind != "leaf")


@pytest.mark.parametrize("activation", ["relu", "relu6", "gelu"])
def test_a_step_keeps_what_gradients_need(activation):
    """Besides, three images are on their way: a gradient, what a sum adds up, the next gradient."""
    want, arena, image = measured(stack(activation))
    assert arena <= want + 3 * image


def test_a_deep_network_keeps_what_gradients_need():
    want, arena, _ = measured(gd.models.resnet20())
    assert arena <= 1.1 * want


def measured(model, batch=16):
    """Bytes: those needed, the arena of a step, the largest value."""
    model.compile(gd.SGD(0.1), "cross_entropy")
    step = model._engine.builder().train(
        batch, (TargetSpec((), "int"),), False, model.optimizer, False
    )
    plan = step.session.plan
    largest = max(4 * at_batch(size(v.shape), batch) for i in plan.instructions for v in i.writes)
    return needed(model, batch), plan.placement.arena_bytes, largest
