"""Masks in layers that read several steps at once: windows, pools, margins, statistics of batches and samples."""

import numpy as np
import numpy_layers as reference
import pytest
from differences import assert_gradient, central_differences
from layer_table import set_random_weights

import gdcore as gd
from gdcore import ops
from gdcore.graph.ops.pool_windows import np_places

RNG = np.random.default_rng(0)
ROWS, STEPS, FEATURES = 6, 7, 3
X = RNG.normal(size=(ROWS, STEPS, FEATURES))
MASK = np.array([[1] * 7, [0] * 7, [1, 1, 1, 0, 0, 0, 0], [0, 0, 0, 0, 1, 0, 1], [0, 1, 1, 0, 0, 1, 1],
                 [1, 0, 0, 0, 0, 0, 0]])  # fmt: skip


def masked(shape=(STEPS, FEATURES)):
    x, m = gd.Input(shape), gd.Input(STEPS, name="m")
    return [x, m], ops.with_mask(x, m)


def asked(layer, data=X):
    """What a layer makes of the sequences with their masks: values, their mask, the weights."""
    leaves, x = masked(data.shape[1:])
    y = layer(x)
    outputs = [ops.drop_mask(y), ops.mask_of(y)]
    model = gd.Model(leaves, outputs).compile("sgd", ["mse"] * 2, dtype="float64")
    weights = set_random_weights(model)
    noise = np.where(MASK.reshape(*MASK.shape, *[1] * (data.ndim - 2)) > 0, data, 1e6)
    values, mask = model.predict([noise, MASK])
    return values, mask, weights


POOLS = {
    "MaxPool1D": (lambda: gd.MaxPool1D(2), np.max),
    "MaxPool": (lambda: gd.MaxPool(3, strides=2, padding="same"), np.max),
    "AdaptiveMaxPool": (lambda: gd.AdaptiveMaxPool(3), np.max),
    "AvgPool1D": (lambda: gd.AvgPool1D(3, strides=2, padding="same"), np.mean),
    "AvgPool": (lambda: gd.AvgPool(2, strides=3, ceil=True), np.mean),
    "AvgPool with zeros": (lambda: gd.AvgPool(3, strides=1, padding=1, count_padding=True), np.mean),
    "AdaptiveAvgPool": (lambda: gd.AdaptiveAvgPool(4), np.mean),
}  # fmt: skip


@pytest.mark.parametrize("name", POOLS)
def test_pools_leave_out_what_does_not_count(name):
    """A window counts if one of its steps does, and is 0 otherwise."""
    make, fold = POOLS[name]
    layer = make()
    plain = layer(gd.Input((STEPS, FEATURES)))
    held = [(at, n) for at, n in np_places(STEPS, plain.attrs, 0)]
    got, mask, _ = asked(layer)
    want = np.zeros((ROWS, len(held), FEATURES))
    some = np.zeros((ROWS, len(held)))
    for row, window in np.ndindex(*some.shape):
        at, n = held[window]
        seen = [t for t in at if MASK[row, t]]
        zeros = n - len(at) if getattr(layer, "count_padding", False) else 0
        some[row, window] = bool(seen)
        if seen:
            want[row, window] = fold(np.pad(X[row, seen], ((0, zeros), (0, 0))), axis=0)
    np.testing.assert_array_equal(mask, some)
    np.testing.assert_allclose(got, want, rtol=1e-12, atol=1e-12)


CONVOLUTIONS = {
    "same": {"padding": "same", "groups": 3},
    "causal": {"padding": "causal", "dilation": 2},
    "numbers": {"padding": 1},
}


@pytest.mark.parametrize("name", CONVOLUTIONS)
def test_convolutions_read_zeros_where_nothing_counts(name):
    how = CONVOLUTIONS[name]
    got, mask, weights = asked(gd.Conv1D(6, 3, **how))
    plain = gd.Sequential([gd.Input((STEPS, FEATURES)), gd.Conv1D(6, 3, **how)])
    plain.compile("sgd", "mse", dtype="float64").set_weights(weights)
    np.testing.assert_array_equal(mask, MASK)
    np.testing.assert_allclose(got, plain.predict(X * MASK[:, :, None]), rtol=1e-12, atol=1e-12)


MARGINS = {
    "ZeroPad": (lambda: gd.ZeroPad(((1, 2),)), lambda a: np.pad(a, ((0, 0), (1, 2), (0, 0)))),
    "ReflectPad": (
        lambda: gd.ReflectPad(2),
        lambda a: np.pad(a, ((0, 0), (2, 2), (0, 0)), "reflect"),
    ),
    "Crop": (lambda: gd.Crop(((2, 1),)), lambda a: a[:, 2:-1]),
}


@pytest.mark.parametrize("name", MARGINS)
def test_margins_move_the_mask_along(name):
    make, move = MARGINS[name]
    got, mask, _ = asked(make())
    want = move(MASK[:, :, None])
    np.testing.assert_array_equal(mask, want[:, :, 0])
    np.testing.assert_array_equal(got * want, move(X) * want)


def statistics(data, mask):
    """Of what counts, by feature."""
    seen = data[mask > 0].reshape(-1, data.shape[-1])
    return seen.mean(0), seen.var(0)


@pytest.mark.parametrize("shape", [(STEPS, FEATURES), (STEPS, 2, FEATURES)])
def test_statistics_of_a_batch_are_those_of_what_counts(shape):
    """So are the gradients; a batch in which nothing counts leaves the running averages as they are."""
    data = RNG.normal(size=(ROWS, *shape)) * 3 + 1
    leaves, x = masked(shape)
    y = gd.BatchNorm(momentum=0.5)(x)
    assert ops.mask_of(y) is ops.mask_of(x)
    model = gd.Model(leaves, ops.drop_mask(y))
    model.compile(gd.SGD(0.0), lambda p, t: ops.sum(p * t), dtype="float64")
    factor = RNG.normal(size=data.shape) * MASK.reshape(ROWS, STEPS, *[1] * (len(shape) - 1))
    noise = np.where(factor != 0, data, 1e6)
    loss = model.train_on_batch([noise, MASK], factor)
    mean, var = statistics(data, MASK)
    want = (factor * (data - mean) / np.sqrt(var + 1e-3)).sum()
    assert loss == pytest.approx(want, rel=1e-9)
    state = model.state_dict()
    _, _, running_mean, running_var = state.values()
    np.testing.assert_allclose(running_mean, 0.5 * mean, rtol=1e-10)
    np.testing.assert_allclose(running_var, 0.5 + 0.5 * var, rtol=1e-10)
    model.train_on_batch([noise, MASK * 0], factor)
    for name, before in state.items():
        np.testing.assert_array_equal(model.state_dict()[name], before)


def test_gradients_go_through_the_statistics_of_what_counts():
    leaves, x = masked()
    y = gd.BatchNorm()(gd.Dense(2)(x))
    model = gd.Model(leaves, ops.drop_mask(y)).compile(
        "sgd", lambda p, t: ops.sum(p * t), dtype="float64"
    )
    kernel, bias, gamma, beta, *_ = set_random_weights(model)
    factor = RNG.normal(size=(ROWS, STEPS, 2)) * MASK[:, :, None]

    def loss():
        z = X @ kernel + bias
        mean, var = statistics(z, MASK)
        return (((z - mean) / np.sqrt(var + 1e-3) * gamma + beta) * factor).sum()

    got = model.gradients([X, MASK], factor)
    want = central_differences(loss, [kernel, bias, gamma, beta])
    for (name, g), w in zip(got.items(), want, strict=True):
        assert_gradient(g, w, floor=1e-2, what=name)


NORMS = {
    "GroupNorm": (lambda: gd.GroupNorm(3), reference.group_norm, {"groups": 3}),
    "InstanceNorm": (gd.InstanceNorm, reference.instance_norm, {}),
}


@pytest.mark.parametrize("shape", [(STEPS, 6), (STEPS, 2, 6)])
@pytest.mark.parametrize("name", NORMS)
def test_statistics_of_a_sample_are_those_of_what_counts(name, shape):
    make, formula, how = NORMS[name]
    data = RNG.normal(size=(ROWS, *shape))
    got, mask, weights = asked(make(), data)
    np.testing.assert_array_equal(mask, MASK)
    assert np.isfinite(got).all()
    for row, counts in enumerate(MASK > 0):
        if counts.any():
            want = formula(data[row : row + 1, counts], *weights, **how)
            np.testing.assert_allclose(got[row, counts], want[0], rtol=1e-9, atol=1e-11)


SEQUENCE, FRAMES = (STEPS, FEATURES), (STEPS, 4, FEATURES)
REFUSED = {
    "windows that are no steps": (
        lambda: gd.Conv1D(2, 3), SEQUENCE, "padding='valid'.* 5 windows of its 7 steps"
    ),
    "strides": (
        lambda: gd.Conv1D(2, 3, 2, "same"), SEQUENCE, "expected padding='same' or 'causal' and strides=1"
    ),
    "frames": (lambda: gd.AvgPool(2), FRAMES, "AvgPool got a mask with an input of .*expected a sequence"),
    "no features": (lambda: gd.GroupNorm(1), (STEPS,), r"GroupNorm got a mask with an input of shape \(B, 7\)"),
    "images": (lambda: gd.MaxPool2D(2), FRAMES, "MaxPool2D got a sequence with a mask and would lose it"),
}  # fmt: skip


@pytest.mark.parametrize("what", REFUSED)
def test_what_has_no_meaning_is_refused_in_one_line(what):
    make, shape, match = REFUSED[what]
    _, x = masked(shape)
    with pytest.raises(ValueError, match=match) as caught:
        make()(x)
    assert "\n" not in str(caught.value)
    make()(ops.drop_mask(x))


def test_a_stack_over_words_of_several_lengths():
    """Convolutions, norms and pools between an embedding and a recurrent layer: padding changes nothing."""
    ids = gd.Input(12, dtype="int")
    x = gd.Embedding(9, 4, mask_zero=True)(ids)
    x = gd.BatchNorm()(gd.Conv1D(5, 3, padding="same", activation="relu")(x))
    y = gd.GlobalMaxPool()(gd.GRU(4, return_sequences=True)(gd.MaxPool1D(2, padding="same")(x)))
    model = gd.Model(ids, gd.Dense(2)(y)).compile("adam", "cross_entropy")
    texts = [RNG.integers(1, 9, n) for n in (3, 12, 5, 8, 2)]
    wide = np.array([np.pad(t, (0, 12 - len(t))) for t in texts])
    model.fit(wide, [0, 1, 0, 1, 0], epochs=2, batch_size=3, seed=0, verbose=0)
    x, y = gd.data.sequences(texts, [0, 1, 0, 1, 0], bucket=3)
    np.testing.assert_allclose(model.predict(x), model.predict(wide), rtol=1e-5, atol=1e-6)
    model.fit(x, y, epochs=1, batch_size=2, seed=0, verbose=0)
