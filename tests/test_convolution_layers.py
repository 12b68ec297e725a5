"""Layers of convolutions beside torch, and beside TensorFlow's rule of "same" where torch has another."""

from itertools import product

import numpy as np
import pytest
from harness import ISAS, OPS, apply, arrays_of, close, leaves_of, run_graph

import gdcore as gd

# layer, input of one sample, and torch's settings: groups, strides, padding, output_padding, dilation
CONVOLUTIONS = {
    "1-D": (lambda: gd.Conv1D(5, 4, 3, 2), (17, 3), {"stride": 3, "padding": 2}),
    "1-D, strides beyond the kernel": (lambda: gd.Conv1D(4, 2, 5), (23, 6), {"stride": 5}),
    "1-D, groups": (
        lambda: gd.Conv1D(6, 3, groups=3, padding="same", dilation=2),
        (9, 3),
        {"groups": 3, "padding": 2, "dilation": 2},
    ),
    "one pixel": (lambda: gd.Conv2D(33, 1), (5, 3, 2048), {}),
    "one channel": (lambda: gd.Conv2D(6, 5, padding="same"), (12, 9, 1), {"padding": 2}),
    "three": (lambda: gd.Conv2D(17, 3, padding=1), (9, 21, 3), {"padding": 1}),
    "six": (lambda: gd.Conv2D(16, 5), (14, 14, 6), {}),
    "even kernel": (lambda: gd.Conv2D(3, (4, 2), padding=(2, 1)), (7, 6, 5), {"padding": (2, 1)}),
    "strides beyond the kernel": (lambda: gd.Conv2D(3, 2, (3, 4)), (9, 10, 2), {"stride": (3, 4)}),
    "a rim": (lambda: gd.Conv2D(4, 3, 3), (11, 8, 2), {"stride": 3}),
    "groups": (lambda: gd.Conv2D(8, 3, groups=2, padding=1), (6, 7, 4), {"groups": 2, "padding": 1}),
    "many groups": (lambda: gd.Conv2D(64, 3, groups=16), (5, 5, 32), {"groups": 16}),
    "depthwise": (lambda: gd.DepthwiseConv2D(3, padding=1), (9, 8, 37), {"groups": 37, "padding": 1}),
    "depthwise, twice": (
        lambda: gd.DepthwiseConv2D((3, 5), 2, padding=2, depth_multiplier=3),
        (9, 8, 7),
        {"groups": 7, "padding": 2, "stride": 2},
    ),
    "depthwise, dilated": (
        lambda: gd.DepthwiseConv2D(3, padding=4, dilation=4),
        (6, 6, 3),
        {"groups": 3, "padding": 4, "dilation": 4},
    ),
    "3-D": (lambda: gd.Conv3D(4, (2, 3, 1), (1, 2, 1), padding=1), (4, 6, 5, 2), {"stride": (1, 2, 1), "padding": 1}),
    "3-D, depthwise": (lambda: gd.Conv3D(4, 3, groups=4), (4, 4, 5, 4), {"groups": 4}),
}  # fmt: skip
TRANSPOSED = {
    "1-D": (lambda: gd.ConvTranspose1D(4, 4, 2, 1), (9, 3), {"stride": 2, "padding": 1}),
    "2-D": (lambda: gd.ConvTranspose2D(5, 3), (5, 6, 4), {}),
    "strides": (
        lambda: gd.ConvTranspose2D(5, 3, 2, 1, 1),
        (5, 6, 4),
        {"stride": 2, "padding": 1, "output_padding": 1},
    ),
    "strides beyond the kernel": (
        lambda: gd.ConvTranspose2D(2, 2, (3, 4), 0, (2, 3)),
        (4, 3, 3),
        {"stride": (3, 4), "output_padding": (2, 3)},
    ),
    "groups": (
        lambda: gd.ConvTranspose2D(6, 3, 2, groups=2),
        (4, 4, 4),
        {"stride": 2, "groups": 2},
    ),
    "depthwise": (
        lambda: gd.ConvTranspose2D(18, 4, 2, 1, groups=18),
        (5, 4, 18),
        {"stride": 2, "groups": 18, "padding": 1},
    ),
    "dilation": (
        lambda: gd.ConvTranspose2D(3, 3, 1, 1, 1, dilation=2),
        (5, 4, 2),
        {"dilation": 2, "padding": 1, "output_padding": 1},
    ),
}


def beside_torch(make, shape, settings, rows, function):
    """The output and the gradients by input and weights of a weighted sum, on both sides, in float64."""
    import torch

    rng = np.random.default_rng(len(str(settings)) + rows)
    x = rng.normal(size=(rows, *shape))
    image = gd.Input(shape)
    model = gd.Model(image, make()(image)).compile("sgd", "mse", dtype="float64")
    state = {k: rng.normal(size=v.shape) for k, v in model.state_dict().items()}
    model.load_state_dict(state)
    y = model.predict(x)
    target = rng.normal(size=y.shape)
    found = model.gradients(x, target)

    rank = len(shape) - 1
    leaves = {k: torch.tensor(a, requires_grad=True) for k, a in state.items()}
    (kernel_name, kernel), (_, bias) = sorted(leaves.items(), key=lambda i: i[1].ndim)[::-1]
    weight = kernel
    if "depthwise" in kernel_name:
        weight = kernel.reshape(*kernel.shape[:rank], 1, -1)
    weight = weight.permute(rank + 1, rank, *range(rank))
    t = torch.tensor(x)
    z = function(t.permute(0, rank + 1, *range(1, rank + 1)), weight, bias, **settings)
    z = z.permute(0, *range(2, rank + 2), 1)
    ((z - torch.tensor(target)) ** 2).mean().backward()
    close(y, z.detach().numpy(), 1e-12)
    for name, leaf in leaves.items():
        close(found[name], leaf.grad.numpy(), 1e-11)


@pytest.mark.parametrize("rows", [1, 3])
@pytest.mark.parametrize("case", CONVOLUTIONS)
def test_torch_agrees(case, rows):
    functional = pytest.importorskip("torch").nn.functional
    make, shape, settings = CONVOLUTIONS[case]
    function = getattr(functional, f"conv{len(shape) - 1}d")
    beside_torch(make, shape, settings, rows, function)


@pytest.mark.parametrize("case", TRANSPOSED)
def test_torch_agrees_on_transposed(case):
    functional = pytest.importorskip("torch").nn.functional
    make, shape, settings = TRANSPOSED[case]
    function = getattr(functional, f"conv_transpose{len(shape) - 1}d")
    beside_torch(make, shape, settings, 2, function)


def in_tensorflow(x, kernel, strides, dilation):
    """Convolution with TensorFlow's "same", written from its rule, window by window."""
    sizes = [
        (n, k, s, d, max(0, (-(-n // s) - 1) * s + d * (k - 1) + 1 - n))
        for n, k, s, d in zip(x.shape[1:-1], kernel.shape[:-2], strides, dilation, strict=True)
    ]
    y = np.zeros((len(x), *(-(-n // s) for n, _, s, _, _ in sizes), kernel.shape[-1]))
    for window in np.ndindex(*y.shape[1:-1]):
        for tap in np.ndindex(*kernel.shape[:-2]):
            at = [
                i * s + t * d - total // 2
                for i, t, (_, _, s, d, total) in zip(window, tap, sizes, strict=True)
            ]
            if all(0 <= a < n for a, (n, *_) in zip(at, sizes, strict=True)):
                y[:, *window] += x[:, *at] @ kernel[tap]
    return y


@pytest.mark.parametrize("strides", [(1, 1), (2, 2), (3, 1), (4, 5)])
@pytest.mark.parametrize("kernel", [(1, 1), (2, 3), (3, 4), (5, 2)])
def test_same_as_in_tensorflow(kernel, strides):
    rng = np.random.default_rng(sum(kernel) + sum(strides))
    for image, dilation in product([(7, 8), (1, 9)], [(1, 1), (2, 1)]):
        x, w = rng.normal(size=(2, *image, 3)), rng.normal(size=(*kernel, 3, 4))
        layer = gd.Conv2D(4, kernel, strides, "same", dilation, use_bias=False)
        leaf = gd.Input((*image, 3))
        model = gd.Model(leaf, layer(leaf)).compile("sgd", "mse", dtype="float64")
        model.set_weights([w])
        close(model.predict(x), in_tensorflow(x, w, strides, dilation), 1e-12)


@pytest.mark.parametrize("padding", ["valid", "same"])
@pytest.mark.parametrize("stride, window", [(1, 3), (2, 3), (2, 4), (3, 2), (4, 1)])
def test_transposed_is_the_gradient_of_the_same_convolution(stride, window, padding):
    """As in Keras: "valid" and "same" have the output whose convolution has the sizes of the input."""
    long = 5 * stride if padding == "same" else 5 * stride + max(0, window - stride)
    x, image = gd.Input((5, 3)), gd.Input((long, 4))
    layer = gd.ConvTranspose1D(4, window, stride, padding, use_bias=False)
    y = layer(x)
    assert y.shape[1] == long
    other = gd.Conv1D(3, window, stride, padding, use_bias=False)(image)
    assert other.shape[1] == 5
    rng = np.random.default_rng(window)
    a, b, w = (
        rng.normal(size=(2, 5, 3)),
        rng.normal(size=(2, long, 4)),
        rng.normal(size=(window, 4, 3)),
    )
    found = []
    for leaf, out, data in ((x, y, a), (image, other, b)):
        model = gd.Model(leaf, out).compile("sgd", "mse", dtype="float64")
        model.set_weights([w])
        found.append(model.predict(data))
    np.testing.assert_allclose((found[0] * b).sum(), (found[1] * a).sum(), rtol=1e-10)


def test_causal_sees_no_future():
    leaf = gd.Input((40, 2))
    model = gd.Model(leaf, gd.Conv1D(3, 4, padding="causal", dilation=3)(leaf))
    x = np.random.default_rng(0).normal(size=(1, 40, 2)).astype(np.float32)
    changed = x.copy()
    changed[:, 20:] += 1
    was, now = model.predict(x), model.predict(changed)
    assert was.shape == (1, 40, 3)
    assert np.array_equal(was[:, :20], now[:, :20])
    assert (was[:, 20] != now[:, 20]).all()


def test_separable_is_both_one_after_the_other():
    leaf = gd.Input((9, 8, 5))
    layer = gd.SeparableConv2D(7, 3, 2, "same", depth_multiplier=2, activation="relu")
    model = gd.Model(leaf, layer(leaf))
    depthwise, pointwise, bias = model.get_weights()
    assert (depthwise.shape, pointwise.shape, bias.shape) == ((3, 3, 5, 2), (1, 1, 10, 7), (7,))
    x = np.random.default_rng(0).normal(size=(2, 9, 8, 5)).astype(np.float32)
    apart = gd.Sequential(
        [
            leaf,
            gd.DepthwiseConv2D(3, 2, "same", 2, use_bias=False),
            gd.Conv2D(7, 1, activation="relu"),
        ]
    )
    apart.set_weights([depthwise, pointwise, bias])
    np.testing.assert_allclose(model.predict(x), apart.predict(x), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("isa", ISAS)
def test_threads_share_rows_and_groups(isa):
    """The same bits on any number of threads, of each way in which convolutions are computed."""
    for op in ("conv", "conv_dx", "conv_dw"):
        for number, sample in enumerate(OPS[op].samples[14:]):
            leaves = leaves_of(OPS[op], sample)
            y = apply(OPS[op], *leaves, **sample.attrs)
            arrays = arrays_of(sample, number)
            one, *more = (run_graph(leaves, arrays, [y], 32, isa, t)[0] for t in (1, 2, 5))
            assert all(np.array_equal(one, other) for other in more), (op, sample)


def test_a_kernel_of_groups_varies_as_one_group_does():
    """An output of a depthwise convolution sees few inputs, whatever the number of channels."""
    leaf = gd.Input((8, 8, 512))
    for layer, outputs in ((gd.DepthwiseConv2D(3), 1), (gd.Conv2D(512, 3, groups=512), 1)):
        (kernel, _) = gd.Model(leaf, layer(leaf)).get_weights()
        assert abs(kernel.std() * np.sqrt(9 * (1 + outputs) / 2) - 1) < 0.05


REFUSED = {
    "channels first": (lambda: gd.Conv2D(8, 3)(gd.Input((3, 9, 9))), r"channels first: .*transpose\(0, 2, 3, 1\)"),
    "volume, channels first": (lambda: gd.Conv3D(8, 3)(gd.Input((1, 16, 16, 16))), "has the channels first"),
    "no image": (lambda: gd.Conv2D(8, 3)(gd.Input((32, 32))), r"expected \(batch, height, width, channels\)"),
    "no sequence": (lambda: gd.Conv1D(8, 3)(gd.Input(32)), r"expected \(batch, length, channels\)"),
    "padding": (lambda: gd.Conv2D(8, 3, padding="full"), "'valid', 'same', a whole number"),
    "causal": (lambda: gd.Conv2D(8, 3, padding="causal"), "'valid', 'same', a whole number"),
    "negative padding": (lambda: gd.Conv2D(8, 3, padding=(1, -1)), "of at least 0"),
    "three paddings": (lambda: gd.Conv2D(8, 3, padding=(1, 1, 1)), "or 2 of them"),
    "groups": (lambda: gd.Conv2D(8, 3, groups=3), "groups=3 of 8 filters"),
    "groups of channels": (lambda: gd.Conv2D(8, 3, groups=4)(gd.Input((9, 9, 6))), "groups=4 of 6 channels"),
    "output padding": (lambda: gd.ConvTranspose1D(8, 3, 2, 0, 2)(gd.Input((9, 6))), "less than the stride"),
    "all cut off": (lambda: gd.ConvTranspose2D(8, 3, padding=9)(gd.Input((9, 9, 6))), "nothing would be left"),
    "kernel": (lambda: gd.Conv3D(8, (3, 3)), "expected one number or 3"),
    "too large": (lambda: gd.Conv1D(8, 5)(gd.Input((4, 2))), "a window of 5 does not fit into an image of 4"),
}  # fmt: skip


@pytest.mark.parametrize("case", REFUSED)
def test_refused_in_one_line(case):
    make, message = REFUSED[case]
    with pytest.raises(ValueError, match=message) as caught:
        make()
    assert "\n" not in str(caught.value)


def test_arrays_with_the_channels_first_are_refused():
    x = np.zeros((4, 3, 32, 32), np.float32)
    layers = [gd.Conv2D(8, 3), gd.Flatten(), gd.Dense(2)]
    with pytest.raises(ValueError, match="channels first"):
        gd.Sequential(layers).predict(x)
    with pytest.raises(ValueError, match=r"channels first.*x.transpose\(0, 2, 3, 1\)"):
        gd.Sequential([gd.Input((32, 32, 3)), *layers]).predict(x)
