"""Every layer of the table with a masked sequence: it keeps the mask, uses it or refuses it, and drops it never."""

import numpy as np
import pytest
from layer_table import CASES, data, set_random_weights

import gdcore as gd
from gdcore import ops

ROWS = 5
COUNTED = np.array(
    [[1, 1], [1, 0], [0, 1], [0, 0], [1, 1]]
)  # of the first two steps; the others count


def masked_case(case):
    """The case's layer called with masked inputs: the inputs' leaves and its output."""
    leaves = [
        gd.Input(s, name=f"x{i}", dtype="int" if case.numbers else "real")
        for i, s in enumerate(case.shapes)
    ]
    masks = [gd.Input(s[0], name=f"m{i}") for i, s in enumerate(case.shapes) if s]
    values = [
        ops.with_mask(x, m) if x.ndim > 1 else x
        for x, m in zip(leaves, masks if len(masks) == len(leaves) else [None, *masks], strict=True)
    ]
    layer = case.make()
    return [*leaves, *masks], layer(values) if len(values) > 1 else layer(values[0])


def masks_of(case):
    """A mask for each input that is a sequence, (rows, steps)."""
    steps = [s[0] for s in case.shapes if s]
    wide = [np.concatenate([COUNTED, np.ones((ROWS, 8), int)], axis=1) for _ in steps]
    return [np.pad(w, ((0, 0), (0, max(0, s - w.shape[1]))), constant_values=1)[:, :s]
            for w, s in zip(wide, steps, strict=True)]  # fmt: skip


KINDS: dict[str, str] = {}  # a case of each layer, and more where the mask goes another way
for case_name, case in CASES.items():
    if any(case.shapes):
        KINDS.setdefault(case_name.split("-")[0], case_name)
MORE = ["Activation-softmax", "AdaptiveMaxPool-even", "BatchNorm-image", "Concatenate-axis",
        "Dense-3d", "GlobalAvgPool-kept", "GroupNorm-one", "LayerNorm-3d", "LSTM-sequences", "MultiHeadAttention-cross",
        "LSTM-backwards", "GlobalMaxPool-kept", "MemberDense-first"]  # fmt: skip
# Those that refuse a mask: layers of images, what leaves no steps, and what each case's shape lets mean nothing.
REFUSED = {
    "AvgPool2D", "AvgPool3D", "Conv2D", "Conv3D", "ConvTranspose1D", "ConvTranspose2D", "DepthwiseConv2D",
    "MaxPool2D", "MaxPool3D", "PixelShuffle", "SeparableConv2D", "UpSampling2D", "EmbeddingBag", "Flatten",
    "MemberAverage", "MemberDense", "MemberDense-first", "PeriodicEmbedding", "PiecewiseLinearEmbedding",
    "Reshape", "Masking", "AdaptiveAvgPool", "AdaptiveMaxPool", "AvgPool", "Crop", "GlobalAvgPool",
    "GlobalMaxPool", "GlobalMaxPool-kept", "MaxPool", "ReflectPad", "ZeroPad", "Activation-softmax",
    "AdditiveAttention", "Dense", "LayerNorm",
}  # fmt: skip


@pytest.mark.parametrize("name", sorted({*KINDS.values(), *MORE}))
def test_no_layer_drops_a_mask(name):
    """What does not count changes no step that does; a sequence that comes out has a mask again."""
    case = CASES[name]
    try:
        inputs, output = masked_case(case)
    except ValueError as error:
        assert "mask" in str(error) and "\n" not in str(error) and name in REFUSED
        return
    assert name not in REFUSED
    mask = ops.mask_of(output)
    outputs = [ops.drop_mask(output)] if mask is None else [ops.drop_mask(output), mask]
    model = gd.Model(inputs, outputs).compile("sgd", ["mse"] * len(outputs), dtype="float64")
    set_random_weights(model)
    given, other, masks = data(case, ROWS), data(case, ROWS, seed=5), masks_of(case)
    sequences = iter(masks)
    changed = [
        a if a.ndim < 2 else np.where(next(sequences).reshape(*a.shape[:2], *[1] * (a.ndim - 2)), a, b)
        for a, b in zip(given, other, strict=True)
    ]  # fmt: skip
    before, after = model.predict([*given, *masks]), model.predict([*changed, *masks])
    if mask is None:
        np.testing.assert_array_equal(before, after)
    else:
        counts = before[1] > 0
        np.testing.assert_array_equal(before[0][counts], after[0][counts])
        np.testing.assert_array_equal(before[1], after[1])


def series(steps=6, features=4):
    return gd.Input((steps, features)), gd.Input(steps, name="m")


ATTENDING = {
    "self": lambda x: gd.MultiHeadAttention(2, causal=True, relative=2)(x),
    "cross": lambda x: gd.MultiHeadAttention(2, kv_heads=1)(ops.drop_mask(x), x),
    "dropout": lambda x: gd.MultiHeadAttention(2, dropout=0.5)(x),
    "encoder": lambda x: gd.TransformerEncoder(2, 3, attention_dropout=0.5)(x),
    "decoder": lambda x: gd.TransformerDecoder(2, 3)(ops.drop_mask(x), x),
    "additive": lambda x: gd.AdditiveAttention(3)(ops.drop_mask(x), x),
}


@pytest.mark.parametrize("kind", ATTENDING)
def test_a_riding_mask_hides_keys(kind):
    """Hidden keys change nothing; a row that sees none has finite gradients."""
    x, m = series()
    y = ops.drop_mask(ATTENDING[kind](ops.with_mask(x, m)))
    rng = np.random.default_rng(0)
    data, other = rng.normal(size=(2, 5, 6, 4))
    mask = np.array([[1] * 6, [0] * 6, [1, 1, 0, 0, 0, 0], [0, 0, 0, 1, 0, 1], [1, 0, 1, 1, 1, 1]])
    model = gd.Model([x, m], y).compile("sgd", "mse", dtype="float64")
    set_random_weights(model)
    cross = kind in ("cross", "decoder", "additive")
    changed = np.where(mask[:, :, None], data, data if cross else other)
    before, after = model.predict([data, mask]), model.predict([changed, mask])
    counts = np.ones_like(mask) if cross else mask
    np.testing.assert_array_equal(before[counts > 0], after[counts > 0])
    assert (before[1] == before[1, :1]).all() or kind in ("encoder", "decoder")
    slopes = model.gradients([data, mask], rng.normal(size=before.shape))
    assert all(np.isfinite(g).all() for g in slopes.values())


def test_masks_given_and_riding_go_together():
    """A key is seen where the input's own mask, a given one and lengths all say so."""
    x, m = series()
    given, n = gd.Input(6, name="given"), gd.Input((), name="n", dtype="int")
    layer = gd.MultiHeadAttention(2)
    both = layer(ops.with_mask(x, m), mask=given, lengths=n)
    one = layer(x, mask=given)
    model = gd.Model([x, m, given, n], [ops.drop_mask(both), one]).compile("sgd", ["mse"] * 2)
    rng = np.random.default_rng(1)
    data = rng.normal(size=(8, 6, 4))
    a, b = rng.integers(0, 2, (2, 8, 6))
    lengths = rng.integers(0, 7, 8)
    together = a * b * (np.arange(6) < lengths[:, None])
    all_steps = np.ones_like(a)
    wanted = model.predict([data, all_steps, together, lengths * 0 + 6])[1]
    np.testing.assert_allclose(model.predict([data, a, b, lengths])[0], wanted, atol=1e-6)


def test_dropout_of_the_weights_of_attention():
    """In training alone; each row's share of the kept weights is right on average."""
    x = gd.Input((8, 4))
    shut = {"kernel_initializer": lambda shape, stream: np.eye(*shape), "use_bias": False}
    model = gd.Model(x, gd.MultiHeadAttention(1, dropout=0.5, **shut)(x))
    plain = gd.Model(x, gd.MultiHeadAttention(1, **shut)(x))
    data = np.random.default_rng(0).normal(size=(400, 8, 4)).astype(np.float32)
    whole = model.predict(data)
    np.testing.assert_array_equal(whole, plain.predict(data))
    model.compile("sgd", lambda p, y: ops.mean(ops.square(p - y)), dtype="float64")
    loss = model.train_on_batch(data, whole)  # of a mean of 8 with each weight 0 or doubled
    assert 0.05 < loss < 1.0


TURNED = np.array([[0, 0, 0, 0, 0, 0], [0, 0, 0, 0, 1, 1], [0, 0, 0, 1, 1, 1]])


@pytest.mark.parametrize("where", ["given", "riding", "additive"])
@pytest.mark.parametrize(
    "wrong", [TURNED, TURNED.astype(bool), np.where(TURNED, -np.inf, 0.0) - 1.0]
)
def test_a_mask_of_the_wrong_sense(where, wrong):
    """What is left out, as other frameworks have it, or what is added to scores: one line that says which."""
    x, m = series()
    if where == "given":
        y = gd.MultiHeadAttention(2)(x, mask=m)
    elif where == "riding":
        y = ops.drop_mask(gd.GRU(4, return_sequences=True)(ops.with_mask(x, m)))
    else:
        y = gd.AdditiveAttention(2)(x, x, mask=m)
    model = gd.Model([x, m], y)
    data = np.zeros((3, 6, 4))
    wrong = np.maximum(wrong, -1e9)
    sense = "added to scores" if wrong.min() < 0 else "what is left out"
    with pytest.raises(ValueError, match=sense) as caught:
        model.predict([data, wrong])
    assert "\n" not in str(caught.value) and "'m'" in str(caught.value)
    for right in (
        1 - TURNED,
        TURNED[:, ::-1] * 0 + 1,
        np.tri(3, 6, 3)[:, ::-1],
    ):  # and padded in front
        model.predict([data, right])


def test_lengths_of_attention_and_loops_are_held_to_their_steps():
    x, n = gd.Input((6, 4)), gd.Input((), name="n", dtype="int")
    starts = ops.broadcast_to(0.0, (x.shape[0], 4))
    for y in (
        gd.MultiHeadAttention(2)(x, lengths=n),
        gd.TransformerEncoder(2, 3)(x, lengths=n),
        ops.scan(lambda c, e: (c + e, None), starts, x, lengths=n)[0],
    ):
        model = gd.Model([x, n], y)
        with pytest.raises(ValueError, match="the length 7, and the sequences have 6 steps"):
            model.predict([np.zeros((2, 6, 4)), [7, 1]])
