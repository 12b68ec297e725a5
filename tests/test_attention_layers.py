"""Layers of attention beside PyTorch's, weights both ways; masks, positions, what is refused."""

import numpy as np
import pytest

import gdcore as gd
from gdcore.interop import from_torch, to_torch

RNG = np.random.default_rng(0)


def normal(*shape):
    return RNG.normal(size=shape).astype(np.float32)


class Seen(gd.Model):
    """A layer with a mask of what it attends to."""

    def __init__(self, layer):
        self.layer = layer

    def forward(self, x, mask):
        return self.layer(x, mask=mask)


class Beside(gd.Model):
    """A layer with a context and its mask."""

    def __init__(self, layer, name):
        self.layer, self.mask_name = layer, name

    def forward(self, x, context, mask):
        return self.layer(x, context, **{self.mask_name: mask})


def open_masks(batch, steps):
    """Masks of which each sees something: prefixes, and one with a gap."""
    mask = np.tril(np.ones((batch, steps), np.float32), steps - batch)
    mask[0, 1] = 0
    return mask


def agree(model, data, wanted, module):
    """Prediction, and the gradients of all weights and the way back."""
    torch = pytest.importorskip("torch")
    np.testing.assert_allclose(model.predict(data), wanted.detach().numpy(), rtol=1e-4, atol=2e-5)
    model.compile(optimizer="sgd", loss=lambda pred, y: gd.ops.sum(pred * y))
    factor = normal(*wanted.shape)
    got = model.gradients(data, factor)
    (wanted * torch.tensor(factor)).sum().backward()
    slopes = {k: v.grad.numpy() for k, v in module.named_parameters() if v.grad is not None}
    other = gd.interop.torch_weights._modules(slopes)
    flat = np.sort(
        np.concatenate([a.ravel() for arrays in other.values() for a in arrays.values()])
    )
    ours = np.sort(np.concatenate([a.ravel() for a in got.values()]))
    np.testing.assert_allclose(ours, flat, rtol=1e-3, atol=3e-4)
    state = {k: v.clone() for k, v in module.state_dict().items()}
    for v in module.parameters():
        torch.nn.init.zeros_(v)
    to_torch(model, module)
    for k, v in module.state_dict().items():
        np.testing.assert_array_equal(v, state[k])


@pytest.mark.parametrize("bias", [True, False])
def test_multi_head_attention_is_torchs(bias):
    torch = pytest.importorskip("torch")
    module = torch.nn.MultiheadAttention(12, 3, bias=bias, batch_first=True)
    x, mask = normal(4, 7, 12), open_masks(4, 7)
    for v in module.parameters():
        torch.nn.init.normal_(v)
    model = Seen(gd.MultiHeadAttention(3, use_bias=bias))
    model.predict([x, mask])
    from_torch(module, model, names={"": "layer"})
    t = torch.tensor(x)
    wanted = module(t, t, t, key_padding_mask=torch.tensor(mask == 0))[0]
    np.testing.assert_allclose(model.predict([x, mask]), wanted.detach(), rtol=1e-4, atol=5e-5)
    state = to_torch(model)
    for k, v in module.state_dict().items():
        np.testing.assert_array_equal(state[f"layer.{k}"], v.numpy())


def test_cross_attention_is_torchs():
    """Queries, keys and values of other widths: PyTorch keeps three arrays then."""
    torch = pytest.importorskip("torch")
    module = torch.nn.MultiheadAttention(12, 4, kdim=5, vdim=5, batch_first=True)
    x, context, mask = normal(4, 3, 12), normal(4, 9, 5), open_masks(4, 9)
    model = Beside(gd.MultiHeadAttention(4), "mask")
    model.predict([x, context, mask])
    from_torch(module.state_dict(), model)
    c = torch.tensor(context)
    wanted = module(torch.tensor(x), c, c, key_padding_mask=torch.tensor(mask == 0))[0]
    agree(model, [x, context, mask], wanted, module)


@pytest.mark.parametrize("norm_first", [False, True])
def test_encoder_is_torchs(norm_first):
    torch = pytest.importorskip("torch")
    module = torch.nn.TransformerEncoder(
        torch.nn.TransformerEncoderLayer(
            8, 2, 11, dropout=0.0, activation="gelu", batch_first=True, norm_first=norm_first
        ),
        2,
        enable_nested_tensor=False,
    )
    x = normal(4, 6, 8)
    model = gd.Sequential(
        [
            gd.Input((6, 8)),
            *(gd.TransformerEncoder(2, 11, "gelu", norm_first=norm_first) for _ in "ab"),
        ]
    )
    from_torch(module, model)
    module.train()  # its fast path of prediction has other gradients
    agree(model, x, module(torch.tensor(x)), module)


@pytest.mark.parametrize("norm_first", [False, True])
def test_decoder_is_torchs(norm_first):
    torch = pytest.importorskip("torch")
    module = torch.nn.TransformerDecoderLayer(
        8, 2, 11, dropout=0.0, batch_first=True, norm_first=norm_first
    )
    x, context, mask = normal(4, 6, 8), normal(4, 9, 8), open_masks(4, 9)
    model = Beside(gd.TransformerDecoder(2, 11, norm_first=norm_first), "context_mask")
    model.predict([x, context, mask])
    from_torch(module, model)
    causal = torch.nn.Transformer.generate_square_subsequent_mask(6)
    wanted = module(
        torch.tensor(x),
        torch.tensor(context),
        tgt_mask=causal,
        tgt_is_causal=True,
        memory_key_padding_mask=torch.tensor(np.where(mask == 0, -np.inf, 0.0)).float(),
    )
    agree(model, [x, context, mask], wanted, module)


def test_what_is_masked_counts_for_nothing():
    """Changing steps behind a length changes no other step, and no gradient is lost or invented."""
    x, other = normal(3, 8, 6), normal(3, 8, 6)
    lengths = np.array([8, 0, 5], np.int32)
    leaf, n = gd.Input((8, 6)), gd.Input((), dtype="int")
    model = gd.Model([leaf, n], gd.TransformerEncoder(2, 5)(leaf, lengths=n))
    changed = np.where(np.arange(8)[:, None] < lengths[:, None, None], x, other)
    a, b = model.predict([x, lengths]), model.predict([changed, lengths])
    np.testing.assert_array_equal(a[2, :5], b[2, :5])
    assert np.isfinite(a).all() and (a[2, 5:] != b[2, 5:]).any()


def test_rotary_knows_distances_alone():
    """A score of turned queries and keys is the same wherever the two stand."""
    leaf = gd.Input((30, 1, 8))
    from gdcore.layers.attention import rotated

    same = np.broadcast_to(normal(8), (1, 30, 1, 8))
    turned = gd.Model(leaf, rotated(leaf)).predict(same)[0, :, 0]
    scores = turned @ turned.T
    for distance in range(30):
        np.testing.assert_allclose(
            np.diagonal(scores, distance), scores[0, distance], rtol=1e-4, atol=1e-4
        )


def test_bias_by_distance():
    from gdcore.layers.attention import by_distance

    table = normal(2, 7)
    for queries, keys in ((1, 1), (1, 9), (9, 1), (3, 3), (9, 5), (4, 12)):
        x = gd.Input(1)
        bias = by_distance(gd.ops.broadcast_to(table, (2, 7)), queries, keys)
        wide = gd.ops.broadcast_to(bias, (x.shape[0], *bias.shape)) + 0.0 * x[:, :, None, None]
        (got,) = gd.Model(x, wide).predict([[0.0]])
        at = np.arange(keys) - np.arange(queries)[:, None]
        np.testing.assert_array_equal(got, table[:, np.clip(at, -3, 3) + 3])


def test_additive_attention_by_hand():
    query, keys = normal(3, 4), normal(3, 5, 6)
    lengths = np.array([5, 2, 0], np.int32)
    q, k, n = gd.Input(4), gd.Input((5, 6)), gd.Input((), dtype="int")
    model = gd.Model([q, k, n], gd.AdditiveAttention(7)(q, k, lengths=n))
    got = model.predict([query, keys, lengths])
    w, u, bias, v = (np.asarray(a, float) for a in model.get_weights())
    for i, count in enumerate(lengths[:2]):
        e = np.exp(np.tanh(query[i] @ w + bias + keys[i, :count] @ u) @ v)[:, 0]
        np.testing.assert_allclose(got[i], e @ keys[i, :count] / e.sum(), rtol=1e-5, atol=1e-6)
    assert (got[2] == 0).all()


def test_a_tied_output_is_one_variable():
    """Its gradient is the sum of both uses; saved and loaded it stays one."""
    table, ids = gd.Embedding(9, 4), gd.Input(3, dtype="int")
    model = gd.Model(ids, gd.TiedDense(table)(table(ids)))
    x = RNG.integers(0, 9, (5, 3)).astype(np.int32)
    logits = model.predict(x)
    (e,) = model.get_weights()
    np.testing.assert_allclose(logits, e[x] @ e.T, rtol=1e-4, atol=1e-5)
    model.compile(optimizer="sgd", loss=lambda pred, y: gd.ops.sum(pred * y))
    factor = normal(5, 3, 9)
    (slope,) = model.gradients(x, factor).values()
    want = np.einsum("bti,btj->ij", factor, e[x])
    np.add.at(want, x.ravel(), (factor @ e).reshape(-1, 4))
    np.testing.assert_allclose(slope, want, rtol=1e-3, atol=1e-4)


REFUSED = {
    "kv_heads=3": lambda: gd.MultiHeadAttention(4, kv_heads=3),
    "heads=0": lambda: gd.MultiHeadAttention(0),
    "multiple of the heads": lambda: gd.MultiHeadAttention(3)(gd.Input((5, 8))),
    r"\(batch, steps, features\)": lambda: gd.MultiHeadAttention(3)(gd.Input(5)),
    "even number of head_units": lambda: gd.MultiHeadAttention(2, 3, rotary=True)(gd.Input((5, 8))),
    "one number for each key": lambda: gd.MultiHeadAttention(2)(gd.Input((5, 8)), mask=gd.Input(4)),
    "kind='rotary'": lambda: gd.PositionalEncoding("rotary"),
    "knows 4 positions": lambda: gd.PositionalEncoding("learned", 4)(gd.Input((5, 8))),
    "no context": lambda: gd.TransformerDecoder(2, 3)(gd.Input((5, 8)), context_mask=gd.Input(4)),
    "got a query": lambda: gd.AdditiveAttention(2)(gd.Input((5, 8, 2)), gd.Input((4, 2))),
    r"expected \(batch, keys\)": lambda: gd.AdditiveAttention(2)(gd.Input(5), gd.Input((4, 2)), gd.Input(5)),
    "width of the embedding": lambda: gd.TiedDense(gd.Embedding(5, 3))(gd.Input((5, 8))),
}  # fmt: skip


@pytest.mark.parametrize("match", REFUSED)
def test_refused_in_a_line(match):
    with pytest.raises(ValueError, match=match) as caught:
        REFUSED[match]()
    assert "\n" not in str(caught.value)
