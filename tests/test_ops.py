"""Every registered op: forward on every instruction set and precision, and its gradient."""

import numpy as np
import pytest
from harness import (
    ISAS,
    OPS,
    TOLERANCE,
    apply,
    arrays_of,
    close,
    gradients,
    leaves_of,
    ops,
    run_graph,
)

import gdcore as gd

FORWARD = [
    (op.name, bits, isa)
    for op in OPS.values()
    if op.reference and op.samples
    for bits in (32, 64)
    for isa in ISAS
]
BACKWARD = [op.name for op in OPS.values() if op.reference and op.samples and op.grad]


@pytest.mark.parametrize(("name", "bits", "isa"), FORWARD)
def test_forward(name, bits, isa):
    op = OPS[name]
    for k, sample in enumerate(op.samples):
        leaves = leaves_of(op, sample)
        arrays = arrays_of(sample, k)
        (got,) = run_graph(leaves, arrays, [apply(op, *leaves, **sample.attrs)], bits, isa)
        close(got, op.reference(*arrays, **sample.attrs), TOLERANCE[bits])


@pytest.mark.parametrize("name", BACKWARD)
def test_gradient(name):
    """Against central differences of the op's own result, in float64."""
    op = OPS[name]
    seen = set()
    for k, sample in enumerate(op.samples):
        sizes = [int(np.prod(s)) for s in sample.shapes]
        if (
            sum(sizes) > 150
            or (key := (tuple(len(s) for s in sample.shapes), str(sample.attrs), 0 in sizes))
            in seen
        ):
            continue
        seen.add(key)
        leaves = leaves_of(op, sample)
        arrays = arrays_of(sample, k)
        y = apply(op, *leaves, **sample.attrs)
        weights = np.random.default_rng(k).normal(size=op.reference(*arrays, **sample.attrs).shape)
        loss = ops.sum(y * weights)
        wrt = [v for i, v in enumerate(leaves) if i not in sample.ints]
        got = run_graph(leaves, arrays, gradients(loss, wrt), 64)
        for v, g in zip(wrt, got, strict=True):
            i = next(j for j, leaf in enumerate(leaves) if leaf is v)
            want = np.zeros_like(arrays[i])
            step = 1e-5
            for at in np.ndindex(arrays[i].shape):
                moved = [a.copy() for a in arrays]
                values = []
                for sign in (1, -1):
                    moved[i][at] = arrays[i][at] + sign * step
                    (out,) = run_graph(leaves, moved, [loss], 64)
                    values.append(float(out))
                want[at] = (values[0] - values[1]) / (2 * step)
            close(g, want, 1e-6 / 10 * 3)


@pytest.mark.parametrize("isa", ISAS)
def test_softmax_of_large_inputs(isa):
    """In float32 a sum of probabilities is 1 however large the inputs are."""
    (leaf,) = leaves_of(OPS["softmax"], OPS["softmax"].samples[0])
    x = np.array(
        [[1000.0] * 7, [-1e4] * 7, [1e30, *[0.0] * 6], [88.0, 89, 90, 91, 92, 93, 94], [0.0] * 7]
    )
    p, log_p = run_graph([leaf], [x], [ops.softmax(leaf), ops.log_softmax(leaf)], 32, isa)
    np.testing.assert_allclose(p.sum(1), 1, rtol=1e-6)
    np.testing.assert_allclose(p[0], 1 / 7, rtol=1e-6)
    np.testing.assert_allclose(log_p[1], -np.log(7), rtol=1e-6)


def test_arctan2_knows_the_quadrant():
    """Every sign of both, zeros and infinities among them, as NumPy has it; y may be one number."""
    values = np.array([-np.inf, -3.0, -1.0, -0.0, 0.0, 1.0, 3.0, np.inf])
    y, x = (a.reshape(-1) for a in np.meshgrid(values, values))
    leaves = [gd.Input(()), gd.Input(())]
    model = gd.Model(leaves, gd.ops.arctan2(*leaves))
    got = model.predict([y, x])
    want = np.arctan2(y, x)
    np.testing.assert_allclose(got, want, rtol=1e-6)
    np.testing.assert_array_equal(np.signbit(got), np.signbit(want))


@pytest.mark.parametrize(
    "name", ["sinh", "cosh", "arcsinh", "arccosh", "arctan", "arctanh", "arcsin", "arccos"]
)
def test_ends_of_the_trigonometric_family(name):
    """Where a formula would overflow, or there is no number."""
    x = np.array(
        [-np.inf, -1e30, -89.0, -2.0, -1.0, -1e-30, 0.0, 1e-30, 1.0, 2.0, 89.0, 1e30, np.inf]
    )
    leaf = gd.Input(())
    got = gd.Model(leaf, getattr(gd.ops, name)(leaf)).predict(x)
    with np.errstate(all="ignore"):
        want = getattr(np, name)(x).astype(np.float32)
    np.testing.assert_allclose(got, want, rtol=1e-6)
