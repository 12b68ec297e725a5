"""Pools, padding and interpolation beside torch, at the sizes and rims at which they differ; and what they refuse."""

import numpy as np
import pytest
from harness import close, run_graph

import gdcore as gd
from gdcore.graph.differentiate import gradients
from gdcore.graph.ops.leaves import input_value

ops = gd.ops


def values_and_gradients(function, x, bits=64, threads=1):
    """y, dx for a random dy, and the gradient of Σ dx by dy, all of one graph."""
    leaf = input_value(x.shape, "x")
    y = function(leaf)
    dy = input_value(y.shape, "dy")
    d = np.random.default_rng(1).normal(size=y.shape)
    (dx,) = gradients(ops.sum(y * dy), [leaf])
    (back,) = gradients(ops.sum(dx * np.cos(np.arange(x.size)).reshape(x.shape)), [dy])
    return d, run_graph([leaf, dy], [x, d], [y, dx, back], bits, None, threads)


def of_torch(torch, function, x, d):
    """The same of a function of torch on (batch, channels, ...)."""
    first = torch.tensor(np.moveaxis(x, -1, 1)).requires_grad_()
    y = function(first)
    dy = torch.tensor(np.moveaxis(d, -1, 1)).requires_grad_()
    (dx,) = torch.autograd.grad((y * dy).sum(), first, create_graph=True)
    factor = np.moveaxis(np.cos(np.arange(x.size)).reshape(x.shape), -1, 1)
    (back,) = torch.autograd.grad((dx * torch.tensor(factor.copy())).sum(), dy)
    return [np.moveaxis(v.detach().numpy(), 1, -1) for v in (y, dx, back)]


# Sizes between batch and channels, channels, batch, and what the pool is told.
POOLS = {
    "halves": ((6, 8), 3, 2, {"kernel": 2}),
    "resnet": ((9, 12), 64, 2, {"kernel": 3, "strides": 2, "padding": 1}),
    "rim": ((7, 10), 5, 1, {"kernel": 3, "strides": 3}),
    "rim-ceil": ((7, 10), 5, 1, {"kernel": 3, "strides": 3, "ceil": True}),
    "ceil-starts-in-padding": ((4, 5), 2, 1, {"kernel": 2, "strides": 3, "padding": 1, "ceil": True}),
    "apart": ((11, 7), 1, 2, {"kernel": 2, "strides": (5, 3)}),
    "one": ((5, 4), 7, 2, {"kernel": 1, "strides": 2}),
    "uneven": ((5, 9), 33, 1, {"kernel": (2, 4), "strides": (1, 2), "padding": (1, 2)}),
    "wide": ((3, 3), 2048, 1, {"kernel": 2, "strides": 1}),
    "sequence": ((17,), 6, 2, {"kernel": 4, "strides": 3, "padding": 2}),
    "volume": ((3, 5, 4), 9, 1, {"kernel": 2, "padding": 1}),
    "volume-ceil": ((4, 5, 3), 17, 1, {"kernel": (2, 3, 2), "strides": (2, 2, 1), "ceil": True}),
}  # fmt: skip


def drawn(sizes, channels, batch, levels=None):
    """Numbers, few of them different where there are `levels`, so that maxima are equal."""
    rng = np.random.default_rng(0)
    shape = (batch, *sizes, channels)
    if levels:
        return rng.integers(0, levels, shape).astype(np.float64)
    return rng.normal(size=shape).astype(np.float32).astype(np.float64)


@pytest.mark.parametrize("levels", [None, 2], ids=["", "equal"])
@pytest.mark.parametrize("name", POOLS)
def test_max_pool_as_torch(name, levels):
    torch = pytest.importorskip("torch")
    sizes, channels, batch, told = POOLS[name]
    x = drawn(sizes, channels, batch, levels)
    d, got = values_and_gradients(lambda v: ops.max_pool(v, **told), x)
    theirs = getattr(torch.nn.functional, f"max_pool{len(sizes)}d")
    args = [told["kernel"], told.get("strides"), told.get("padding", 0), 1, told.get("ceil", False)]
    for a, b in zip(got, of_torch(torch, lambda v: theirs(v, *args), x, d), strict=True):
        close(a, b, 1e-13)


def test_dilated_max_pool_as_torch():
    torch = pytest.importorskip("torch")
    x = drawn((9, 8), 3, 2)
    d, got = values_and_gradients(
        lambda v: ops.max_pool(v, 3, strides=(2, 1), padding=1, dilation=(2, 3)), x
    )
    want = of_torch(torch, lambda v: torch.nn.functional.max_pool2d(v, 3, (2, 1), 1, (2, 3)), x, d)
    for a, b in zip(got, want, strict=True):
        close(a, b, 1e-13)


@pytest.mark.parametrize("counted", [False, True])
@pytest.mark.parametrize("name", POOLS)
def test_avg_pool_as_torch(name, counted):
    torch = pytest.importorskip("torch")
    sizes, channels, batch, told = POOLS[name]
    x = drawn(sizes, channels, batch)
    d, got = values_and_gradients(lambda v: ops.avg_pool(v, **told, count_padding=counted), x)
    theirs = getattr(torch.nn.functional, f"avg_pool{len(sizes)}d")
    args = [told["kernel"], told.get("strides"), told.get("padding", 0), told.get("ceil", False)]
    for a, b in zip(got, of_torch(torch, lambda v: theirs(v, *args, counted), x, d), strict=True):
        close(a, b, 1e-13)


@pytest.mark.parametrize("kind", ["max", "avg"])
@pytest.mark.parametrize(
    ("sizes", "windows"),
    [((7, 6), (3, 2)), ((8, 6), (4, 6)), ((3, 2), (5, 4)), ((9,), (4,)), ((4, 5, 3), (2, 2, 2))],
)
def test_adaptive_as_torch(kind, sizes, windows):
    torch = pytest.importorskip("torch")
    x = drawn(sizes, 5, 2)
    ours = getattr(ops, f"adaptive_{kind}_pool")
    theirs = getattr(torch.nn.functional, f"adaptive_{kind}_pool{len(sizes)}d")
    # torch's 1-D function of the maximum takes the number alone
    shown = windows if len(sizes) > 1 else windows[0]
    d, got = values_and_gradients(lambda v: ours(v, windows), x)
    for a, b in zip(got, of_torch(torch, lambda v: theirs(v, shown), x, d), strict=True):
        close(a, b, 1e-13)


@pytest.mark.parametrize("kind", ["MaxPool", "AvgPool"])
@pytest.mark.parametrize("size", [1, 2, 3, 5])
@pytest.mark.parametrize("stride", [1, 2, 3, 4])
def test_same_as_tensorflow(kind, size, stride):
    """⌈n / stride⌉ windows; the odd element of the padding comes last, and padding does not count."""
    x = drawn((7, 6), 2, 2)
    got = gd.Sequential([gd.Input(x.shape[1:]), getattr(gd, kind)(size, stride, "same")]).predict(x)
    fold = np.max if kind == "MaxPool" else np.mean
    want = np.empty((2, -(-7 // stride), -(-6 // stride), 2))
    for i, j in np.ndindex(*want.shape[1:3]):
        cut = []
        for at, n, out in ((i, 7, want.shape[1]), (j, 6, want.shape[2])):
            before = max(0, (out - 1) * stride + size - n) // 2
            cut.append(slice(max(0, at * stride - before), at * stride - before + size))
        want[:, i, j] = fold(x[:, cut[0], cut[1]], axis=(1, 2))
    close(got, want, 1e-6)


def test_a_window_of_padding_alone():
    """-inf, 0, and no gradient."""
    x = np.full((1, 1, 2), 3.0)
    told = {"kernel": 2, "strides": 1, "padding": ((1, 2),), "dilation": 3}
    _, (y, dx, _) = values_and_gradients(lambda v: ops.avg_pool(v, **told), x)
    assert (y == 0).all() and (dx == 0).all()
    _, (y, dx, _) = values_and_gradients(lambda v: ops.max_pool(v, **told), x)
    assert (y == -np.inf).all() and (dx == 0).all()


def test_nan_is_not_lost():
    x = np.zeros((1, 4, 4, 9))
    x[0, 1, 1, 3] = np.nan
    leaf = input_value(x.shape, "x")
    (y,) = run_graph([leaf], [x], [ops.max_pool(leaf, 2)], 32)
    assert np.isnan(y[0, 0, 0, 3]) and np.isnan(y).sum() == 1


@pytest.mark.parametrize("channels", [1, 3, 20, 130, 300])
@pytest.mark.parametrize("told", [{"kernel": 2}, {"kernel": 3, "strides": 2, "padding": 1}])
def test_the_same_bits_on_any_number_of_threads(channels, told, isa):
    x = drawn((9, 10), channels, 3)
    for function in (ops.max_pool, ops.avg_pool):
        leaf = input_value(x.shape, "x")
        y = function(leaf, **told)
        outputs = [y, *gradients(ops.sum(y * y), [leaf])]
        one, several = (run_graph([leaf], [x], outputs, 32, isa, threads) for threads in (1, 5))
        assert all(np.array_equal(a, b) for a, b in zip(one, several, strict=True))


@pytest.mark.parametrize("mode", ["constant", "edge", "reflect", "symmetric", "wrap"])
def test_pad_as_numpy(mode):
    x = drawn((3, 5), 2, 2)
    widths = [(0, 0), (2, 1), (0, 9), (1, 0)]
    leaf = input_value(x.shape, "x")
    (y,) = run_graph([leaf], [x], [ops.pad(leaf, widths, mode)], 64)
    np.testing.assert_array_equal(y, np.pad(x, widths, mode))


def test_pad_with_a_number():
    x = np.array([[np.inf, 1.0]])
    leaf = input_value(x.shape, "x")
    (y,) = run_graph([leaf], [x], [ops.pad(leaf, [(0, 0), (1, 0)], value=-3.0)], 32)
    np.testing.assert_array_equal(y, [[-3.0, np.inf, 1.0]])


@pytest.mark.parametrize("mode", ["nearest", "bilinear"])
@pytest.mark.parametrize("shape", [(14, 12), (10, 3), (3, 6), (1, 1)])
def test_resize_as_torch(mode, shape):
    torch = pytest.importorskip("torch")
    x = drawn((7, 6), 3, 2)
    d, got = values_and_gradients(lambda v: ops.resize(v, shape, mode), x)
    want = of_torch(torch, lambda v: torch.nn.functional.interpolate(v, shape, mode=mode), x, d)
    for a, b in zip(got, want, strict=True):
        close(a, b, 1e-12)


REFUSED = {
    "a window too large": (lambda x: gd.MaxPool(9)(x), "does not fit into"),
    "four numbers": (lambda x: gd.MaxPool((1, 2, 3, 4))(x), "one for each dimension"),
    "three of two": (lambda x: gd.AvgPool((2, 2, 2))(x), "expected 1 or 2 numbers"),
    "a stride of 0": (lambda x: gd.MaxPool(2, 0)(x), "MaxPool strides=0: expected a whole number"),
    "unknown padding": (lambda x: gd.MaxPool(2, padding="full")(x), "'valid', 'same' or numbers"),
    "negative padding": (lambda x: gd.MaxPool(2, padding=-1)(x), "expected a number from 0"),
    "an image for volumes": (lambda x: gd.MaxPool3D(2)(x), "expected .batch, planes, height"),
    "rows": (lambda x: gd.GlobalAvgPool()(gd.Input(3)), "expected .batch, .*channels"),
    "no window": (lambda x: gd.AdaptiveAvgPool(0), "expected a whole number of at least 1"),
    "too little to mirror": (lambda x: gd.ReflectPad(6)(x), "at most 5 beside 6 elements"),
    "nothing left": (lambda x: gd.Crop(3)(x), "expected something to be left"),
    "channels of a shuffle": (lambda x: gd.PixelShuffle(2)(x), "a multiple of 4"),
    "half a factor": (lambda x: gd.UpSampling2D(1.5), "expected"),
    "an unknown interpolation": (lambda x: gd.UpSampling2D(2, "cubic"), "'nearest' or 'bilinear'"),
    "groups of channels": (lambda x: gd.GroupNorm(2)(x), "channels a multiple of the groups"),
    "a rate of 1": (lambda x: gd.DropPath(1.0), "at least 0 and below 1"),
    "padding of the batch": (lambda x: ops.pad(x, [(1, 0)] * 4, "edge"), "pad of the batch"),
    "too few widths": (lambda x: ops.pad(x, [(1, 0)]), "for each dimension"),
    "an unknown mode": (lambda x: ops.pad(x, [(0, 0)] * 4, "mirror"), "expected one of constant"),
    "resampling of the batch": (lambda x: ops.resample(x, 0, []), "expected one of fixed size"),
    "an element that is not there": (lambda x: ops.resample(x, 1, [[(7, 1.0)]]), "no elements"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_refused_in_one_line(name):
    call, message = REFUSED[name]
    with pytest.raises(ValueError, match=message) as caught:
        call(gd.Input((6, 6, 3)))
    assert "\n" not in str(caught.value)
