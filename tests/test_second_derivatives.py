"""Every registered op to second order: by differences of its first-order rule, by `jvp`, and by torch.

An op that PyTorch has under another name or with other arguments gets a row in `torch_functions`.
"""

from functools import partial

import numpy as np
import pytest
from differences import assert_gradient, central_differences
from harness import OPS, apply, arrays_of, gradients, graph_runner, leaves_of, ops, run_graph

from gdcore.graph.ir import topological
from gdcore.graph.ops.leaves import input_value

DERIVED = [op.name for op in OPS.values() if op.reference and op.samples and op.grad]
MOST = 60  # elements of a sample's inputs together


def samples_of(op):
    """A sample of each kind: ranks of the inputs, attributes, an empty one."""
    kinds = {}
    for k, sample in enumerate(op.samples):
        sizes = [int(np.prod(s)) for s in sample.shapes]
        ranks = tuple(len(s) for s in sample.shapes)
        if sum(sizes) <= MOST or (ranks, str(sample.attrs)) not in {key[:2] for key in kinds}:
            kinds.setdefault((ranks, str(sample.attrs), 0 in sizes), (k, sample))
    return list(kinds.values())


def first_order(op, sample, k):
    """Leaves and arrays of a sample with those of dy and of directions behind them, and
    s = Σ direction · gradient of Σ dy · y."""
    leaves, arrays = leaves_of(op, sample), arrays_of(sample, k)
    y = apply(op, *leaves, **sample.attrs)
    wrt = [v for i, v in enumerate(leaves) if i not in sample.ints]
    rng = np.random.default_rng(k)
    dy = input_value(y.shape, "dy")
    along = [input_value(v.shape, f"u{i}") for i, v in enumerate(wrt)]
    arrays = [*arrays, *(rng.normal(size=v.shape) for v in (dy, *along))]
    slopes = gradients(y, wrt, dy)
    total = sum((ops.sum(u * g) for u, g in zip(along, slopes, strict=True)), ops.sum(dy) * 0.0)
    return [*leaves, dy, *along], arrays, y, wrt, dy, along, total


@pytest.mark.parametrize("name", DERIVED)
def test_by_differences(name):
    """The derivative of the first-order rule by inputs and by dy, in float64."""
    op = OPS[name]
    for k, sample in samples_of(op):
        leaves, arrays, _, wrt, dy, _, total = first_order(op, sample, k)
        moved = [*wrt, dy]
        run = graph_runner(leaves, [total, *gradients(total, moved)], 64)
        value, *got = run(arrays)
        there = [(v, g) for v, g in zip(moved, got, strict=True) if g.size]
        at = [arrays[next(i for i, x in enumerate(leaves) if x is v)] for v, _ in there]
        want = central_differences(partial(first, run, arrays), at, at_most=30)
        floor = max(1.0, float(np.abs(value)))
        for (v, g), w in zip(there, want, strict=True):
            assert_gradient(g, w, 1e-7, floor, f"{name} {sample} {v}")


def first(run, arrays):
    """The first output of a graph."""
    return run(arrays)[0]


@pytest.mark.parametrize("name", DERIVED)
def test_jvp(name):
    """J v, and dy (J v) = v (dy J) with the gradient."""
    op = OPS[name]
    for k, sample in samples_of(op):
        leaves, arrays, y, wrt, dy, along, total = first_order(op, sample, k)
        if not wrt:
            continue
        pushed = ops.jvp(y, wrt, along)
        assert pushed.shape == y.shape
        assert not [v for v in topological([pushed]) if v.name == "u"], "not linear in dy"
        got, want = run_graph(leaves, arrays, [ops.sum(pushed * dy), total], 64)
        np.testing.assert_allclose(got, want, rtol=1e-10, atol=1e-10)


def torch_functions(torch):
    """The ops that have another name or other arguments in PyTorch, as functions of ours."""
    f = torch.nn.functional

    def slices(cuts):
        return tuple(slice(*c) for c in cuts)

    def embed(x, cuts, shape):
        out = torch.zeros(shape, dtype=x.dtype)
        out[slices(cuts)] = x
        return out

    def unfold(x, kernel, strides, padding, dilation, outside):
        top, bottom, left, right = padding
        image = f.pad(x.permute(0, 3, 1, 2), (left, right, top, bottom), value=outside)
        columns = f.unfold(image, kernel, dilation, 0, strides)
        tall = (image.shape[2] - dilation[0] * (kernel[0] - 1) - 1) // strides[0] + 1
        return columns.reshape(len(x), x.shape[3], kernel[0] * kernel[1], tall, -1).permute(
            0, 3, 4, 2, 1
        )

    def fold(x, kernel, strides, padding, dilation, outside, image):
        top, bottom, left, right = padding
        columns = x.permute(0, 4, 3, 1, 2).reshape(len(x), x.shape[4] * x.shape[3], -1)
        size = image[0] + top + bottom, image[1] + left + right
        y = f.fold(columns, size, kernel, dilation, 0, strides).permute(0, 2, 3, 1)
        return y[:, top : top + image[0], left : left + image[1]]

    def convolved(x, kernel, strides, padding, dilation, groups):
        rank = kernel.ndim - 2
        around = [padding[i] for j in reversed(range(rank)) for i in (2 * j, 2 * j + 1)]
        image, filters = f.pad(x.movedim(-1, 1), around), kernel.movedim((-1, -2), (0, 1))
        conv = (f.conv1d, f.conv2d, f.conv3d)[rank - 1]
        return conv(image, filters, None, strides, 0, dilation, groups).movedim(1, -1)

    def folded(function):
        return lambda x, axes: function(x, dim=tuple(range(*axes)))

    def swapped(x, t):
        return x.transpose(-1, -2) if t else x

    return {
        "identity": lambda x, shape=None: x + 0 if shape is None else x.expand(shape),
        "masked": lambda x, mask: x,
        "where": lambda c, a, b: torch.where(c != 0, a, b),
        "leaky_relu": lambda x, slope: f.leaky_relu(x, slope),
        "elu": lambda x, alpha: f.elu(x, alpha),
        "gelu": f.gelu,
        "gelu_tanh": lambda x: f.gelu(x, approximate="tanh"),
        "silu": f.silu,
        "softplus": lambda x: f.softplus(x, threshold=100),
        "softsign": f.softsign,
        "hard_sigmoid": lambda x: torch.clamp((x + 3) / 6, 0, 1),
        "hard_swish": lambda x: x * torch.clamp((x + 3) / 6, 0, 1),
        "mish": lambda x: x * torch.tanh(f.softplus(x, threshold=100)),
        "sum": folded(torch.sum),
        "mean": folded(torch.mean),
        "max": folded(torch.amax),
        "logsumexp": folded(torch.logsumexp),
        "softmax": lambda x, axis: torch.softmax(x, axis),
        "log_softmax": lambda x, axis: torch.log_softmax(x, axis),
        "reshape": lambda x, shape: x.reshape(shape),
        "repeat": lambda x, shape: x.expand(shape),
        "transpose": lambda x, axes: x.permute(axes),
        "slice": lambda x, cuts: x[slices(cuts)],
        "embed": embed,
        "concatenate": lambda *x, axis: torch.cat(x, axis),
        "conv": convolved,
        "take": lambda table, i: table[i.long()],
        "scatter_add": lambda x, i, rows: torch.zeros(rows, x.shape[-1], dtype=x.dtype).index_add(
            0, i.long().reshape(-1), x.reshape(-1, x.shape[-1])
        ),
        "unfold": unfold,
        "fold": fold,
        "matmul": lambda a, b, ta, tb, loose=False: swapped(a, ta) @ swapped(b, tb),
    }


@pytest.mark.parametrize("name", DERIVED)
def test_against_torch(name):
    """The same Σ direction · gradient of Σ dy · y, and its derivative by every input and by dy."""
    torch = pytest.importorskip("torch")
    function = torch_functions(torch).get(name) or getattr(torch, name, None)
    if function is None:
        return  # of gdcore alone: differences hold it
    op = OPS[name]
    for k, sample in samples_of(op):
        leaves, arrays, _, wrt, dy, along, total = first_order(op, sample, k)
        wanted = [*wrt, dy, *along]
        got = run_graph(leaves, arrays, [total, *gradients(total, wanted)], 64)
        tensors = {v: torch.tensor(a) for v, a in zip(leaves, arrays, strict=True)}
        for v in wanted:
            tensors[v].requires_grad_(True)
        y = function(*(tensors[v] for v in leaves[: len(sample.shapes)]), **sample.attrs)
        slopes = torch.autograd.grad(
            (y * tensors[dy]).sum(), [tensors[v] for v in wrt], create_graph=True, allow_unused=True
        )
        s = sum((g * tensors[u]).sum() for g, u in zip(slopes, along, strict=True) if g is not None)
        s = s + 0.0 * sum(tensors[v].sum() for v in wanted)
        second = torch.autograd.grad(s, [tensors[v] for v in wanted])
        for g, want in zip(got, [s, *second], strict=True):
            np.testing.assert_allclose(g, want.detach().numpy(), rtol=1e-9, atol=1e-9)
