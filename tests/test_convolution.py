"""Convolution as a product that reads the image: against torch to second order, what its plan holds, its bits."""

import numpy as np
import pytest
from harness import ISAS, close, gradients, ops, run_graph

import gdcore as gd
from gdcore.data.dataset import TargetSpec as Target
from gdcore.graph.dims import at_batch, size
from gdcore.graph.ir import OPS
from gdcore.graph.ops.leaves import input_value

# images, kernel, strides, padding (down, across), dilation
CASES = {
    "plain": ((3, 7, 6, 4), (3, 2, 4, 5), (1, 1), (0, 0), (1, 1)),
    "padded": ((2, 6, 5, 3), (3, 3, 3, 17), (1, 1), (1, 2), (1, 1)),
    "strides": ((2, 8, 9, 3), (3, 3, 3, 6), (2, 3), (1, 1), (1, 1)),
    "dilation": ((2, 9, 8, 2), (3, 2, 2, 4), (1, 1), (2, 1), (2, 3)),
    "both": ((2, 9, 9, 2), (3, 3, 2, 3), (2, 3), (2, 2), (2, 2)),
    "pixel": ((2, 5, 5, 8), (1, 1, 8, 16), (1, 1), (0, 0), (1, 1)),
    "pixels left out": ((2, 5, 6, 8), (1, 1, 8, 3), (2, 2), (0, 0), (1, 1)),
    "wide": ((2, 6, 6, 70), (3, 3, 70, 40), (1, 1), (1, 1), (1, 1)),
}


def traced(case):
    image, kernel, strides, (down, across), dilation = CASES[case]
    leaves = [input_value(image, "x"), input_value(kernel, "w")]
    return leaves, ops.conv(*leaves, strides, (down, down, across, across), dilation)


def arrays(case, seed=0):
    rng = np.random.default_rng(seed)
    return [rng.normal(size=shape) for shape in CASES[case][:2]]


@pytest.mark.parametrize("case", CASES)
def test_torch_agrees_to_second_order(case):
    """The value, its gradients, and the gradients of a sum made of those."""
    torch = pytest.importorskip("torch")
    _, _, strides, padding, dilation = CASES[case]
    leaves, y = traced(case)
    first = gradients(ops.sum(ops.sin(y)), leaves)
    second = gradients(ops.sum(first[0] * first[0]) + ops.sum(ops.cos(first[1])), leaves)
    got = run_graph(leaves, arrays(case), [y, *first, *second], 64, threads=2)

    x, w = (torch.tensor(a, requires_grad=True) for a in arrays(case))
    image, kernel = x.permute(0, 3, 1, 2), w.permute(3, 2, 0, 1)
    z = torch.nn.functional.conv2d(image, kernel, None, strides, padding, dilation)
    one = torch.autograd.grad(z.sin().sum(), (x, w), create_graph=True)
    two = torch.autograd.grad((one[0] ** 2).sum() + one[1].cos().sum(), (x, w))
    want = [z.permute(0, 2, 3, 1), *one, *two]
    for have, ask in zip(got, want, strict=True):
        close(have, ask.detach().numpy(), 1e-12)


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("isa", ISAS)
def test_as_unfolded(case, isa):
    """Within 1e-6 of the product of unfolded windows, and the same bits on any number of threads."""
    leaves, y = traced(case)
    _, kernel, strides, (down, across), dilation = CASES[case]
    windows = ops.unfold(leaves[0], kernel[:2], strides, (down, down, across, across), dilation)
    rows = ops.reshape(windows, (size(windows.shape[:3]), size(kernel[:3])))
    z = ops.reshape(rows @ ops.reshape(leaves[1], (size(kernel[:3]), kernel[3])), y.shape)
    outs = [[v, *gradients(ops.sum(ops.tanh(v)), leaves)] for v in (y, z)]
    got = [run_graph(leaves, arrays(case), outs[0], 32, isa, threads) for threads in (1, 2, 7)]
    for many in got[1:]:
        assert all(np.array_equal(a, b) for a, b in zip(got[0], many, strict=True))
    for have, want in zip(got[0], run_graph(leaves, arrays(case), outs[1], 32, isa), strict=True):
        assert np.abs(have - want).max() <= 1e-6 * max(1.0, np.abs(want).max())


def network(pool=False):
    return gd.Sequential(
        [
            gd.Input((12, 12, 3)),
            gd.Conv2D(8, 3, padding="same", activation="relu"),
            gd.Conv2D(6, 3, strides=2, activation="gelu"),
            *([gd.MaxPool2D(2)] if pool else []),
            gd.Flatten(),
            gd.Dense(4),
        ]
    )


def plan_of(model, batch=32):
    model.compile("adam", "cross_entropy")
    target = Target((), "int")
    return (
        model._engine.builder().train(batch, (target,), False, model.optimizer, False).session.plan
    )


def test_nothing_is_unfolded():
    plan = plan_of(network())
    assert {i.kernel for i in plan.instructions} & {"unfold", "fold", "copy", "fill"} == set()
    convolutions = [i for i in plan.instructions if i.kernel in ("conv", "conv_dw")]
    assert [i.text for i in convolutions[:2]] == ["conv", "conv"]
    # bias and activation ride on the product, the bias' gradient is left by the weight's
    assert [i.then.text.split("·")[-1] for i in convolutions[:2]] == ["relu", "gelu"]
    assert [len(i.writes) for i in convolutions if i.kernel == "conv_dw"] == [2, 2]
    assert not [i for i in plan.instructions if i.kernel == "sum" and i.reads[0].ndim == 4]
    # the arena holds activations and their gradients, and no windows, which would be nine times as large
    biggest = max(at_batch(size(v.shape), 32) * 4 for i in plan.instructions for v in i.writes)
    assert biggest == 32 * 12 * 12 * 8 * 4
    assert plan.placement.arena_bytes < 3.5 * biggest


def test_pooling_unfolds_nothing():
    kernels = [i.kernel for i in plan_of(network(pool=True)).instructions]
    assert kernels.count("max_pool") == 1 and kernels.count("max_pool_dx") == 1
    assert set(kernels) & {"unfold", "fold", "copy", "fill"} == set()


@pytest.mark.parametrize("rows", [1, 2, 5])
def test_a_row_does_not_depend_on_its_neighbours(rows):
    x = np.random.default_rng(0).normal(size=(9, 12, 12, 3)).astype(np.float32)
    model = network(pool=True)
    assert np.array_equal(model.predict(x[:rows]), model.predict(x)[:rows])


@pytest.mark.parametrize("batch", [1, 7])
def test_the_last_batch_may_be_shorter(batch):
    """A plan's instructions work for fewer samples than it was made for."""
    leaf, weight = input_value((gd.Input((6, 6, 2)).shape[0], 6, 6, 2), "x"), np.ones((3, 3, 2, 4))
    y = ops.conv(leaf, weight, (2, 2), (1, 1, 1, 1))
    x = np.random.default_rng(1).normal(size=(batch, 6, 6, 2))
    (got,) = run_graph([leaf], [x], [y], 64, rows=batch)
    close(
        got,
        OPS["conv"].reference(
            x, weight, strides=(2, 2), padding=(1, 1, 1, 1), dilation=(1, 1), groups=1
        ),
        1e-12,
    )


def test_what_is_refused():
    x = gd.Input((8, 8, 3))
    with pytest.raises(ValueError, match="3 channels with a kernel of shape"):
        ops.conv(x, np.ones((3, 3, 2, 4)))
    with pytest.raises(ValueError, match="expected \\(length, channels in, channels out\\)"):
        ops.conv(x, np.ones((3, 3)))
    with pytest.raises(ValueError, match="expected \\(batch, length, channels\\)"):
        ops.conv(x, np.ones((3, 3, 4)))
    with pytest.raises(ValueError, match="a convolution of a value of shape"):
        ops.conv(gd.Input((8, 8)), np.ones((3, 3, 3, 4)))
    with pytest.raises(ValueError, match="does not fit into an image of 8 x 8"):
        ops.conv(x, np.ones((9, 3, 3, 4)))
    with pytest.raises(ValueError, match="sizes must be at least 1"):
        ops.conv(x, np.ones((3, 3, 3, 4)), (0, 1))
