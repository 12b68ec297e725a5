"""`gd.ops.gradient` and `gd.ops.jvp` in layers, losses and derivatives: test_second_derivatives.py has the ops."""

import numpy as np
import pytest
from harness import run_graph

import gdcore as gd
from gdcore import ops
from gdcore.graph.ir import topological
from gdcore.graph.passes.phases import specialize
from gdcore.graph.passes.simplify import simplify

RNG = np.random.default_rng(0)
E = np.linspace(-1, 1, 8, dtype=np.float32)[:, None]


def at(x, value, data):
    """A value's numbers for an array of its input, in prediction, in float64."""
    (value,), _ = specialize([value], training=False)
    return run_graph([x], [np.asarray(data)], [value], 64, rows=len(data))[0]


# --- what it gives -----------------------------------------------------------------


@pytest.mark.parametrize("shape", [(), (1,)])
def test_per_sample_values(shape):
    """One y for each sample: rows of the gradient are the gradients of the rows."""
    x = gd.Input(3)
    y = ops.reshape(ops.sum(x**3, -1), (x.shape[0], *shape))
    data = RNG.normal(size=(5, 3))
    np.testing.assert_allclose(at(x, ops.gradient(y, x), data), 3 * data**2)


def test_a_scalar():
    x = gd.Input(3)
    data = RNG.normal(size=(5, 3))
    got = at(x, ops.gradient(ops.mean(ops.exp(x)), x), data)
    np.testing.assert_allclose(got, np.exp(data) / 15)


def test_several_at_once():
    x = gd.Input(2)
    h = ops.sin(x)
    y = ops.sum(h * x, -1)
    by_x, by_h = ops.gradient(y, (x, h))
    data = RNG.normal(size=(4, 2))
    np.testing.assert_allclose(at(x, by_x, data), np.sin(data) + data * np.cos(data))
    np.testing.assert_allclose(at(x, by_h, data), data)
    assert ops.gradient(y, []) == []


def test_zeros_where_nothing_depends():
    x = gd.Input(2)
    y = ops.sum(ops.stop_gradient(x) * 2, -1) + ops.sum(ops.floor(x), -1)
    other = ops.square(x)
    for value in (
        ops.gradient(y, x),
        ops.gradient(y, other),
        ops.jvp(x * 0 + y[:, None], other, 1),
    ):
        assert value.shape == x.shape
        assert not at(x, value, np.ones((3, 2))).any()


@pytest.mark.parametrize("power", [5, 2.5, 7.0])
def test_to_the_sixth_order(power):
    """Also at 0, where a polynomial's derivatives are 0 and not 0 · ∞."""
    x = gd.Input(1)
    y, factor, data = x**power, 1.0, np.array([[0.0], [0.5], [2.0]])
    for order in range(6):
        y, factor = ops.gradient(y, x), factor * (power - order)
        lowest = power - order - 1
        rows = slice(None) if power % 1 == 0 or lowest > 0 else slice(1, None)
        want = factor * data[rows] ** max(lowest, 0 if power % 1 == 0 else lowest)
        np.testing.assert_allclose(at(x, y, data)[rows], want, rtol=1e-9, atol=1e-12)


def test_exponents_of_an_array():
    x = gd.Input(3)
    y = ops.sum(x ** np.array([0.0, 1.0, 2.0]), -1)
    first = ops.gradient(y, x)
    second = ops.gradient(ops.sum(first, -1), x)
    third = ops.gradient(ops.sum(second, -1), x)
    zeros = np.zeros((1, 3))
    for value, want in ((first, [0, 1, 0]), (second, [0, 0, 2]), (third, [0, 0, 0])):
        np.testing.assert_array_equal(at(x, value, zeros), [want])


def test_jvp_is_the_jacobian_times_a_vector():
    x = gd.Input(3)
    w = RNG.normal(size=(3, 4))
    y = ops.tanh(x @ w)
    data, v = RNG.normal(size=(5, 3)), np.array([1.0, 0.0, -2.0])
    want = (1 - np.tanh(data @ w) ** 2) * (v @ w)
    np.testing.assert_allclose(at(x, ops.jvp(y, x, v), data), want)
    np.testing.assert_allclose(at(x, ops.jvp(y, [x], [v]), data), want)
    columns = [ops.sum(ops.gradient(y[:, i], x) * v, -1) for i in range(4)]
    np.testing.assert_allclose(at(x, ops.stack(columns, 1), data), want)
    twice = ops.jvp(ops.jvp(y, x, v), x, v)  # the second derivative along v
    t = np.tanh(data @ w)
    np.testing.assert_allclose(at(x, twice, data), -2 * t * (1 - t**2) * (v @ w) ** 2)


@pytest.mark.parametrize("side", [0, 1])
def test_a_repeated_number_times_a_row_is_no_product(side):
    """The derivative of an only output by what is before it is the row of weights, repeated."""
    x = gd.Input(3)
    w = RNG.normal(size=(3, 1) if side == 0 else (1, 3))
    y = x @ w if side == 0 else ops.matmul(x, ops.transpose(w))
    slope = ops.gradient(y * 0.3, x)
    simple = simplify([slope])[slope]
    assert not [v for v in topological([simple]) if v.op.name == "matmul"]
    np.testing.assert_allclose(
        at(x, slope, np.ones((4, 3))), np.tile(0.3 * w.reshape(1, 3), (4, 1))
    )


# --- what it refuses ---------------------------------------------------------------


def refusals():
    x, i = gd.Input(3), gd.Input(2, dtype="int")
    return [
        (lambda: ops.gradient(x, x), ValueError, "one number for each sample"),
        (lambda: ops.gradient(ops.sum(x, 0), x), ValueError, "one number for each sample"),
        (lambda: ops.gradient(ops.sum(i, -1), i), TypeError, "whole numbers have no derivative"),
        (lambda: ops.jvp(x, i, 1.0), TypeError, "whole numbers have no derivative"),
        (lambda: ops.gradient(i[:, 0], x), TypeError, "whole numbers have no derivative"),
        (lambda: ops.gradient(ops.sum(x, -1), np.ones(3)), TypeError, "got ndarray for x"),
        (lambda: ops.gradient(2.0, x), TypeError, "got float for y"),
        (lambda: ops.jvp(x, [x, x], [1.0]), ValueError, "2 x and 1 v"),
        (lambda: ops.jvp(x, x, np.ones(2)), ValueError, "broadcasts to it"),
        (lambda: ops.jvp(x, x, np.ones((2, 1, 3))), ValueError, "broadcasts to it"),
    ]


@pytest.mark.parametrize("case", range(10))
def test_refused_in_one_line(case):
    call, kind, what = refusals()[case]
    with pytest.raises(kind, match=what) as error:
        call()
    assert "\n" not in str(error.value)
