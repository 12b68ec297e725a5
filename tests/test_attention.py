"""Attention: every result of its two kernels on every instruction set, what is seen, bits, memory."""

import numpy as np
import pytest
from harness import ISAS, OPS, TOLERANCE, arrays_of, close, gradients, leaves_of, ops, run_graph

import gdcore as gd
from gdcore.graph.ops.leaves import apply, input_value
from gdcore.graph.plan import make_plan
from gdcore.graph.program import Place

OP, GRADIENT = OPS["attention"], OPS["attention_gradient"]


def traced(*arrays, **settings):
    """Leaves of q, k and v, the result and its gradients by all of them."""
    leaves = [input_value(a.shape, f"x{i}") for i, a in enumerate(arrays)]
    names = ("mask", "bias")[: len(leaves) - 3]
    y = ops.attention(*leaves[:3], **dict(zip(names, leaves[3:], strict=True)), **settings)
    return leaves, y


def normal(*shape, seed=0):
    return np.random.default_rng([seed, *shape]).normal(size=shape).astype(np.float32).astype(float)


def softmax(s):
    e = np.exp(s - s.max(-1, keepdims=True))
    return e / e.sum(-1, keepdims=True)


@pytest.mark.parametrize("bits", [32, 64])
@pytest.mark.parametrize("isa", ISAS)
def test_every_part_of_the_gradient(isa, bits):
    """dk, dv and dbias, and lse, beside the references."""
    for k, sample in enumerate(GRADIENT.samples):
        leaves, arrays = leaves_of(GRADIENT, sample), arrays_of(sample, k)
        dq = apply(GRADIENT, *leaves, **sample.attrs)
        parts = [
            apply(OPS["attention_gradient_part"], dq, *leaves, **sample.attrs, part=i)
            for i in range(2 + sample.attrs["bias"])
        ]
        own = leaves[:-3]
        y = apply(OP, *own, **sample.attrs)
        lse = apply(OPS["attention_lse"], y, *own, **sample.attrs)
        inputs, got = arrays, run_graph(leaves, arrays, [dq, *parts, y, lse], bits, isa)
        for part, g in zip(parts, got[1:], strict=False):
            close(g, part.op.reference(None, *inputs, **part.attrs), TOLERANCE[bits] * 2)
        want = lse.op.reference(None, *inputs[:-3], **sample.attrs)
        np.testing.assert_allclose(got[-1], want, rtol=TOLERANCE[bits], atol=TOLERANCE[bits])


def test_by_hand():
    """One head without anything beside it is softmax(q k'/√d) v."""
    q, k, v = normal(2, 5, 1, 4), normal(2, 7, 1, 4, seed=1), normal(2, 7, 1, 3, seed=2)
    leaves, y = traced(q, k, v)
    want = softmax(q[:, :, 0] @ k[:, :, 0].swapaxes(1, 2) / 2) @ v[:, :, 0]
    (got,) = run_graph(leaves, [q, k, v], [y], 64)
    np.testing.assert_allclose(got[:, :, 0], want, rtol=1e-12)


@pytest.mark.parametrize("bits", [32, 64])
def test_a_row_that_sees_nothing(bits):
    """It gives 0 and finite gradients of 0, by a mask, by lengths, by a bias of -inf."""
    q, k, v = normal(2, 3, 2, 4), normal(2, 150, 1, 4, seed=1), normal(2, 150, 1, 4, seed=2)
    mask = np.ones((2, 150))
    mask[0] = 0
    bias = np.zeros((2, 3, 150))
    bias[:, 1] = -np.inf
    arrays = [q, k, v, mask, bias]
    leaves, y = traced(*arrays)
    got, *slopes = run_graph(leaves, arrays, [y, *gradients(ops.sum(ops.square(y)), leaves)], bits)
    assert (got[0] == 0).all() and (got[1, 1] == 0).all() and (got[1, [0, 2]] != 0).all()
    assert all(np.isfinite(g).all() for g in slopes)
    dq, dk, dv = slopes[:3]
    assert (
        (dq[0] == 0).all() and (dq[1, 1] == 0).all() and (dk[0] == 0).all() and (dv[0] == 0).all()
    )
    assert (slopes[4][:, 1] == 0).all() and np.abs(slopes[4][:, 0]).min() > 0


def test_lengths_are_a_mask():
    q, k, v = normal(4, 6, 2, 4), normal(4, 140, 2, 4, seed=1), normal(4, 140, 2, 4, seed=2)
    lengths = np.array([140.0, 0.0, 1.0, 129.0])
    leaves = [input_value(a.shape, f"x{i}") for i, a in enumerate((q, k, v, lengths))]
    y = ops.attention(*leaves[:3], lengths=leaves[3])
    (got,) = run_graph(leaves, [q, k, v, lengths], [y], 32)
    for i, n in enumerate(lengths.astype(int)):
        if n == 0:
            assert (got[i] == 0).all()
            continue
        arrays = [q[i : i + 1], k[i : i + 1, :n], v[i : i + 1, :n]]
        (alone,) = run_graph(*_with(arrays), 32)
        np.testing.assert_array_equal(got[i : i + 1], alone)


def _with(arrays, **settings):
    leaves, y = traced(*arrays, **settings)
    return leaves, arrays, [y]


def test_a_query_does_not_hang_on_how_many_there_are():
    """The bits of a row are those that it has alone."""
    q, k = normal(1, 150, 2, 16), normal(1, 150, 2, 16, seed=1)
    for causal in (False, True):
        (every,) = run_graph(*_with([q, k, k], causal=causal), 32)
        for i in (0, 1, 63, 64, 127, 128, 149):
            (some,) = run_graph(*_with([q[:, : i + 1], k, k], causal=causal), 32)
            np.testing.assert_array_equal(every[:, : i + 1], some)


@pytest.mark.parametrize("sizes", [(5, 40), (130, 150), (90, 30)])
def test_what_no_row_sees_is_left_out(sizes):
    """Causal attention in parts of blocks is what a bias of -inf beyond the diagonal gives."""
    queries, keys = sizes
    q, k, v = normal(1, queries, 2, 9), normal(1, keys, 2, 9, seed=1), normal(1, keys, 2, 9, seed=2)
    results = []
    for isa in ISAS:
        leaves, y = traced(q, k, v, causal=True)
        values = [y, *gradients(ops.sum(ops.square(y)), leaves)]
        results.append(run_graph(leaves, [q, k, v], values, 32, isa))
    hidden = np.where(np.tri(queries, keys) > 0, 0.0, -np.inf) * np.ones((2, 1, 1))
    leaves, y = traced(q, k, v, np.ones((1, keys)), hidden)
    values = [y, *gradients(ops.sum(ops.square(y)), leaves[:3])]
    want = run_graph(leaves, [q, k, v, np.ones((1, keys)), hidden], values, 64)
    for found in results:
        for a, b in zip(found, want, strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("shared", [False, True])
def test_bits_do_not_hang_on_threads(shared):
    arrays = [normal(3, 150, 4, 8, seed=i) for i in range(3)]
    arrays = [arrays[0], arrays[1][:, :, :2], arrays[2][:, :, :2], np.ones((3, 150))]
    arrays += [normal(4, 150, 150)] if shared else [normal(3, 4, 150, 150)]
    leaves, y = traced(*arrays, causal=True)
    outputs = [y, *gradients(ops.sum(ops.square(y)), [*leaves[:3], leaves[4]])]
    one, *others = (run_graph(leaves, arrays, outputs, 32, threads=n) for n in (1, 2, 3, 7))
    for other in others:
        for a, b in zip(one, other, strict=True):
            np.testing.assert_array_equal(a, b)


def test_memory_grows_with_the_steps():
    """Of a training step, twice the steps take about twice the memory."""

    def bytes_of(steps):
        leaf = input_value((4, steps, 4, 32), "x")
        slope = gradients(ops.sum(ops.square(ops.attention(leaf, leaf, leaf, causal=True))), [leaf])
        plan = make_plan(slope, [], {}, {leaf: Place(3, 0)}.get, 1, 32, 2)
        assert [i.kernel for i in plan.instructions].count("attention_gradient") == 1
        return plan.placement.arena_bytes

    assert bytes_of(1024) <= 2.01 * bytes_of(512)


def test_extreme_scores():
    """Large scores neither overflow nor lose the largest; NaN and infinity show."""
    q = np.array([[[[1.0]], [[-1.0]]]])
    k, v = np.linspace(-3e4, 3e4, 200).reshape(1, 200, 1, 1), np.arange(200.0).reshape(1, 200, 1, 1)
    (got,) = run_graph(*_with([q, k, v]), 32)
    np.testing.assert_array_equal(got.ravel(), [199.0, 0.0])
    for bad in (np.nan, np.inf):
        k[0, 150] = bad
        (got,) = run_graph(*_with([q, k, v]), 32)
        assert np.isnan(got[0, 0, 0, 0])


def test_against_torch():
    torch = pytest.importorskip("torch")
    q, k, v = normal(2, 70, 4, 8), normal(2, 70, 2, 8, seed=1), normal(2, 70, 2, 8, seed=2)
    leaves, y = traced(q, k, v, causal=True)
    got = run_graph(leaves, [q, k, v], [y, *gradients(ops.sum(ops.square(y)), leaves)], 64)
    given = [torch.tensor(a, requires_grad=True) for a in (q, k, v)]
    heads = [given[0], *(x.repeat_interleave(2, 2) for x in given[1:])]
    out = torch.nn.functional.scaled_dot_product_attention(
        *(x.transpose(1, 2) for x in heads), is_causal=True
    ).transpose(1, 2)
    out.square().sum().backward()
    for a, b in zip(got, [out, *(x.grad for x in given)], strict=True):
        np.testing.assert_allclose(a, b.detach().numpy(), rtol=1e-9, atol=1e-11)


def test_what_does_not_fit():
    x = gd.Input((5, 4, 8))
    for match, call in {
        r"\(batch, steps, heads, features\)": lambda: ops.attention(x[:, :, 0], x, x),
        "the features of the queries": lambda: ops.attention(x, x[..., :3], x),
        "multiple of the keys' heads": lambda: ops.attention(x, x[:, :, :3], x[:, :, :3]),
        "one number for each key": lambda: ops.attention(x, x, x, mask=gd.Input((5, 5))),
        r"lengths of shape \(B, 5\)": lambda: ops.attention(x, x, x, lengths=gd.Input(5)),
        "do not go together": lambda: ops.attention(x, x, x, bias=np.zeros((3, 5, 5))),
    }.items():
        with pytest.raises(ValueError, match=match) as caught:
            call()
        assert "\n" not in str(caught.value)


def test_in_a_file(tmp_path):
    """A model with attention, and with its derivative, is saved and loaded."""
    x = gd.Input((5, 2, 4))
    y = ops.attention(x, x, x, causal=True, bias=np.ones((5, 5)))
    model = gd.Model(x, [y, ops.gradient(ops.sum(y, (1, 2, 3)), x)])
    model.save(tmp_path / "m.safetensors")
    data = normal(3, 5, 2, 4)
    for a, b in zip(
        model.predict(data), gd.load(tmp_path / "m.safetensors").predict(data), strict=True
    ):
        np.testing.assert_array_equal(a, b)


def test_in_onnx(tmp_path):
    pytest.importorskip("onnx")
    runtime = pytest.importorskip("onnxruntime")
    x, mask = gd.Input((5, 4, 8), name="x"), gd.Input(5, name="mask")
    y = ops.attention(x, x[:, :, :2], x[:, :, 2:], mask=mask, causal=True)
    model = gd.Model([x, mask], [y, ops.gradient(ops.sum(ops.square(y), (1, 2, 3)), x)])
    gd.onnx.save(model, tmp_path / "m.onnx")
    data = [normal(3, 5, 4, 8).astype(np.float32), np.ones((3, 5), np.float32)]
    data[1][0, :2] = 0
    there = runtime.InferenceSession(tmp_path / "m.onnx").run(
        None, dict(zip(("x", "mask"), data, strict=True))
    )
    for a, b in zip(model.predict(data), there, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-4, atol=5e-5)
