"""Which steps count: lengths and masks through layers, losses and files; nothing drops one silently."""

import numpy as np
import numpy_layers as reference
import pytest
from differences import assert_gradient, central_differences
from layer_table import set_random_weights

import gdcore as gd
from gdcore import ops

RNG = np.random.default_rng(0)
STEPS, FEATURES, ROWS = 6, 3, 20
X = RNG.normal(size=(ROWS, STEPS, FEATURES))
LENGTHS = np.array([0, 1, STEPS, *RNG.integers(0, STEPS + 1, ROWS - 3)])
ANY = RNG.integers(0, 2, (ROWS, STEPS))  # a mask of any steps
ANY[0] = 0
KINDS = {
    "LSTM": (lambda **how: gd.LSTM(4, **how), reference.lstm),
    "GRU": (lambda **how: gd.GRU(4, **how), reference.gru),
    "SimpleRNN": (lambda **how: gd.SimpleRNN(4, **how), reference.simple_rnn),
}


def inputs(**more):
    return gd.Input((STEPS, FEATURES)), gd.Input((), name="n", dtype="int")


def before(lengths):
    return np.arange(STEPS) < lengths[:, None]


def run(given, outputs, data):
    model = gd.Model(given, outputs).compile("sgd", "mse", dtype="float64")
    weights = set_random_weights(model)
    return model.predict(data), weights


@pytest.mark.parametrize("backwards", [False, True])
@pytest.mark.parametrize("every", [False, True])
@pytest.mark.parametrize("kind", KINDS)
def test_lengths(kind, every, backwards):
    make, formula = KINDS[kind]
    x, n = inputs()
    way = {"return_sequences": every}
    got, ws = run([x, n], make(go_backwards=backwards, **way)(x, lengths=n), (X, LENGTHS))
    want = formula(X, *ws, mask=before(LENGTHS), backwards=backwards, **way)
    np.testing.assert_allclose(got, want, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("backwards", [False, True])
def test_a_mask_of_any_steps(backwards):
    x, m = gd.Input((STEPS, FEATURES)), gd.Input(STEPS, name="m")
    layer = gd.LSTM(4, return_sequences=True, go_backwards=backwards)
    got, ws = run([x, m], layer(ops.with_mask(x, m)), (X, ANY))
    want = reference.lstm(X, *ws, return_sequences=True, mask=ANY, backwards=backwards)
    np.testing.assert_allclose(got, want, rtol=1e-10, atol=1e-12)


def test_both_directions_of_a_stack():
    """What comes after the end changes nothing, as far up as there are layers."""
    x, n = inputs()
    y = gd.Bidirectional(gd.GRU(3, return_sequences=True))(x, lengths=n)
    y = gd.LayerNorm()(gd.Dropout(0.5)(gd.Dense(4, "tanh")(y)))
    y = gd.Bidirectional(gd.LSTM(3, return_state=True))(y)
    model = gd.Model([x, n], list(y)).compile("sgd", ["mse"] * 5, dtype="float64")
    set_random_weights(model)
    outputs = model.predict((X, LENGTHS))
    noise = np.where(before(LENGTHS)[:, :, None], X, 1e3)
    for a, b in zip(outputs, model.predict((noise, LENGTHS)), strict=True):
        np.testing.assert_array_equal(a, b)
    for output in outputs:
        assert (output[LENGTHS == 0] == 0).all() and (output[LENGTHS > 0] != 0).any()


def test_zero_length_gives_the_initial_state():
    x, n = inputs()
    starts = [gd.Input(4, name=name) for name in "hc"]
    y, h, c = gd.LSTM(4, return_state=True)(x, initial_state=starts, lengths=n)
    given = [RNG.normal(size=(ROWS, 4)) for _ in starts]
    (y, h, c), ws = run([x, n, *starts], [y, h, c], (X, LENGTHS, *given))
    np.testing.assert_array_equal(h[0], given[0][0])
    np.testing.assert_array_equal(c[0], given[1][0])
    np.testing.assert_array_equal(y, h)
    want = reference.lstm(X, *ws, starts=given, mask=before(LENGTHS))
    np.testing.assert_allclose(y, want, rtol=1e-10, atol=1e-12)


def test_pooling():
    x, n = inputs()
    pooled = [gd.GlobalAvgPool()(x, lengths=n), gd.GlobalMaxPool()(x, lengths=n)]
    (mean, largest), _ = run([x, n], pooled, (X, LENGTHS))
    for row, k in enumerate(LENGTHS):
        some = X[row, :k] if k else np.zeros((1, FEATURES))
        np.testing.assert_allclose(mean[row], some.mean(0), rtol=1e-12, atol=1e-14)
        np.testing.assert_allclose(largest[row], some.max(0), rtol=1e-12)


def test_words():
    """`mask_zero` through an embedding, arithmetic, a stack, and a file."""
    ids = np.where(before(LENGTHS), RNG.integers(1, 9, (ROWS, STEPS)), 0)
    w = gd.Input(STEPS, name="w", dtype="int")
    y = gd.LSTM(4)(2.0 * gd.Embedding(9, 3, mask_zero=True)(w) + 0.5)
    got, (table, *ws) = run(w, y, ids)
    want = reference.lstm(2 * table[ids] + 0.5, *ws, mask=ids != 0)
    np.testing.assert_allclose(got, want, rtol=1e-10, atol=1e-12)


def test_a_layer_that_is_not_made_for_masks_refuses():
    x, n = inputs()
    masked = ops.with_mask(x, ops.step_mask(n, STEPS))

    class Own(gd.Layer):
        def forward(self, x):
            return ops.sum(x, axis=1)

    for layer in (Own(), gd.Flatten(), gd.Reshape((-1,)), gd.ConvTranspose1D(2, 2)):
        with pytest.raises(ValueError, match="got a sequence with a mask and would lose it") as e:
            layer(masked)
        assert "\n" not in str(e.value) and type(layer).__name__ in str(e.value)
        layer(ops.drop_mask(masked))
        layer(ops.drop_mask(2.0 * masked))
    Own.masks = "use"
    Own()(masked)


def test_every_layer_keeps_uses_or_refuses():
    """What a layer that keeps masks puts out is masked."""
    for name in gd.layers.__all__:
        kind = getattr(gd, name)
        if isinstance(kind, type):
            assert kind.masks in ("keep", "use", "refuse")
    x, n = inputs()
    masked = ops.with_mask(x, ops.step_mask(n, STEPS))
    for layer in (gd.Dense(2), gd.Activation("relu"), gd.Dropout(0.1), gd.GaussianNoise(1.0),
                  gd.LayerNorm(), gd.Rescaling(2.0), gd.TimeDistributed(gd.Dense(2)),
                  gd.LSTM(2, return_sequences=True), gd.Masking(),
                  gd.Bidirectional(gd.GRU(2, return_sequences=True), merge_mode="mul"),
                  gd.Sequential([gd.Dense(2)])):  # fmt: skip
        assert ops.mask_of(layer(masked)).shape == (x.shape[0], STEPS), layer
    joined = gd.Concatenate()([masked, masked])
    assert ops.mask_of(joined) is ops.mask_of(masked)
    assert ops.mask_of(gd.Concatenate(axis=1)([masked, x])).shape == (x.shape[0], 2 * STEPS)
    assert ops.mask_of(gd.Add()([masked, masked])) is ops.mask_of(masked)
    assert ops.mask_of(gd.LSTM(2)(masked)) is None


def test_no_mask_is_looked_for_where_none_can_be():
    """A sum over many layers would be walked at each of them."""
    x, n = inputs()
    y = x + gd.Dense(FEATURES)(x)
    assert not y.masked and (y + ops.with_mask(x, ops.step_mask(n, STEPS))).masked
    assert not gd.LSTM(2)(ops.with_mask(x, ops.step_mask(n, STEPS))).masked


def tagger(steps=STEPS):
    x, n = gd.Input((steps, FEATURES)), gd.Input((), name="n", dtype="int")
    y = gd.SimpleRNN(4, return_sequences=True)(x, lengths=n)
    return gd.Model([x, n], gd.Dense(3)(y))


@pytest.mark.parametrize("weighted", [False, True])
def test_the_loss_of_steps_that_count(weighted, tmp_path):
    """The mean over them, and so after the model was saved and loaded."""
    classes = RNG.integers(0, 3, (ROWS, STEPS))
    weight = RNG.uniform(0, 2, ROWS) if weighted else None
    model = tagger().compile("sgd", "cross_entropy", dtype="float64")
    set_random_weights(model)
    logits = model.predict((X, LENGTHS))
    logs = np.log(reference.softmax(logits))
    each = -np.take_along_axis(logs, classes[:, :, None], 2)[:, :, 0]
    counts = before(LENGTHS)
    share = counts * (weight[:, None] if weighted else 1.0)
    want = (each * share).sum() / counts.sum()
    got = model.evaluate((X, LENGTHS), classes, batch_size=ROWS, sample_weight=weight)["loss"]
    assert got == pytest.approx(want, rel=1e-10)
    model.save(tmp_path / "m.safetensors")
    loaded = gd.load(tmp_path / "m.safetensors")
    again = loaded.evaluate((X, LENGTHS), classes, batch_size=ROWS, sample_weight=weight)["loss"]
    assert again == pytest.approx(want, rel=1e-10)
    with pytest.raises(ValueError, match="the length 7, and the sequences have 6 steps"):
        loaded.predict((X, LENGTHS + 1))


def test_a_loss_that_is_no_number_for_each_step():
    model = tagger().compile("sgd", lambda pred, target: ops.mean(ops.square(pred - target)))
    with pytest.raises(ValueError, match="expected one number for each") as caught:
        model.evaluate((X, LENGTHS), np.zeros((ROWS, STEPS, 3)))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("weighted", [False, True])
def test_metrics_of_what_counts(weighted):
    """After training, over batches of several sizes, and in evaluation."""
    classes = RNG.integers(0, 3, (ROWS, STEPS))
    weight = RNG.uniform(0.5, 2, ROWS) if weighted else np.ones(ROWS)
    model = tagger().compile(gd.SGD(0.0), "cross_entropy", metrics=["accuracy"], dtype="float64")
    set_random_weights(model)
    right = model.predict((X, LENGTHS)).argmax(-1) == classes
    share = before(LENGTHS) * weight[:, None]
    want = pytest.approx((right * share).sum() / share.sum(), rel=1e-10)
    how = {"sample_weight": weight if weighted else None, "batch_size": 7}
    assert model.evaluate((X, LENGTHS), classes, **how)["accuracy"] == want
    history = model.fit((X, LENGTHS), classes, epochs=1, seed=0, **how)
    assert history["accuracy"][0] == want


def test_a_metric_without_weights_refuses_a_mask():
    model = tagger().compile("sgd", "cross_entropy", metrics=[lambda true, pred: 0.0])
    with pytest.raises(ValueError, match="a function, of an output with a mask") as caught:
        model.fit((X, LENGTHS), np.zeros((ROWS, STEPS), int), epochs=1)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("backwards", [False, True])
@pytest.mark.parametrize("kind", KINDS)
def test_gradients_of_what_counts(kind, backwards):
    """Of every weight, against differences of the formula."""
    make, formula = KINDS[kind]
    x, n = inputs()
    layer = make(return_sequences=True, go_backwards=backwards)
    y = ops.drop_mask(layer(x, lengths=n))
    model = gd.Model([x, n], y).compile("sgd", lambda p, t: ops.sum(p * t), dtype="float64")
    weights = set_random_weights(model)
    factor = RNG.normal(size=(ROWS, STEPS, 4))
    way = {"return_sequences": True, "mask": before(LENGTHS), "backwards": backwards}
    got = model.gradients((X, LENGTHS), factor)
    want = central_differences(
        lambda: (formula(X, *weights, **way) * factor).sum(), weights, at_most=30
    )
    for (name, g), w in zip(got.items(), want, strict=True):
        assert_gradient(g, w, floor=1e-2, what=name)


MISTAKES = {
    "lengths of two": (lambda x, n: gd.LSTM(2)(x, lengths=x[:, :, 0]), "lengths of shape"),
    "a state of another size": (lambda x, n: gd.GRU(2)(x, initial_state=x[:, 0]), "initial_state"),
    "too few states": (lambda x, n: gd.LSTM(3)(x, initial_state=x[:, 0]), "initial_state"),
    "no sequence": (lambda x, n: gd.SimpleRNN(2)(x[:, 0]), "expected .batch, steps, features"),
    "a mask of the wrong shape": (lambda x, n: ops.with_mask(x, x[:, :2, 0]), "a mask of shape"),
    "a cell that is none": (lambda x, n: gd.RNN(gd.Dense(3)), "state_size"),
    "both forwards": (
        lambda x, n: gd.Bidirectional(gd.LSTM(2), backward_layer=gd.LSTM(2)), "go_backwards"
    ),
    "no recurrent layer": (lambda x, n: gd.Bidirectional(gd.Dense(2)), "expected a recurrent layer"),
    "another mode": (lambda x, n: gd.Bidirectional(gd.LSTM(2), merge_mode="add"), "merge_mode"),
    "a rate of 1": (lambda x, n: gd.LSTM(2, recurrent_dropout=1.0), "below 1"),
    "no layer": (lambda x, n: gd.TimeDistributed("relu"), "expected a layer"),
}  # fmt: skip


@pytest.mark.parametrize("what", MISTAKES)
def test_mistakes_are_one_clear_line(what):
    call, match = MISTAKES[what]
    with pytest.raises((ValueError, TypeError), match=match) as caught:
        call(*inputs())
    assert "\n" not in str(caught.value)


class Read(gd.Model):
    """Sequences that are a parameter: its gradient shows what they were multiplied by in training."""

    def __init__(self, layer):
        self.layer = layer

    def forward(self, rows):
        data = ops.take(self.param("data", (ROWS, STEPS * 40), 1.0), rows)
        return self.layer(ops.reshape(data, (-1, STEPS, 40)))


@pytest.mark.parametrize("where", ["dropout", "recurrent_dropout"])
def test_dropout_takes_the_same_features_at_all_steps(where):
    """Of a layer that adds up its inputs: a unit that is dropped forgets what came before."""
    layer = gd.SimpleRNN(
        40, activation="linear", use_bias=False, kernel_initializer=eye, recurrent_initializer=eye,
        **{where: 0.5},
    )  # fmt: skip
    model = Read(layer).compile("sgd", lambda pred, _: ops.sum(pred), dtype="float64")
    got = model.gradients(np.arange(ROWS), np.zeros(ROWS))["data"].reshape(ROWS, STEPS, 40)
    if where == "dropout":
        assert (got == got[:, :1]).all() and set(np.unique(got)) == {0, 2}
    else:
        powers = 2.0 ** np.arange(STEPS)[::-1]
        kept = got[:, :1] > 0
        np.testing.assert_array_equal(got, np.where(kept, powers[:, None], np.eye(STEPS)[:, -1:]))
    first = got[:, 0] > 0
    assert 0.4 < first.mean() < 0.6 and len(np.unique(first, axis=0)) == ROWS


def eye(shape, stream):
    return np.eye(*shape)


def test_recurrent_dropout_is_in_training_alone():
    for make in (gd.LSTM, gd.GRU, gd.SimpleRNN):
        models = [
            gd.Sequential(
                [gd.Input((STEPS, FEATURES)), make(8, recurrent_dropout=rate, dropout=rate)]
            )
            for rate in (0.0, 0.5)
        ]
        for model in models:
            model.compile("sgd", "mse").train_on_batch(X[:1] * 0, np.zeros((1, 8)))
        models[1].load_state_dict(models[0].state_dict())
        assert models[0].predict(X).tobytes() == models[1].predict(X).tobytes()
        losses = [m.train_on_batch(X, np.ones((ROWS, 8))) for m in models]
        assert losses[0] != losses[1]


@pytest.mark.parametrize("layer, most", [
    (lambda: gd.LSTM(8, peepholes=True), 40),
    (lambda: gd.GRU(8), 40),
    (lambda: gd.GRU(8, reset_after=False), 40),
    (lambda: gd.Bidirectional(gd.GRU(8, return_sequences=True)), 60),
])  # fmt: skip
def test_plans_stay_short_at_any_length(layer, most):
    counts = []
    for steps in (4, 400):
        x, n = gd.Input((steps, 3)), gd.Input((), name="n", dtype="int")
        one = layer()
        model = gd.Model([x, n], gd.Dense(1)(one(x, lengths=n))).compile("adam", "mse")
        shape = (2, steps, 1) if getattr(one, "merge_mode", "") else (2, 1)
        model.train_on_batch((np.zeros((2, steps, 3)), np.array([1, 2])), np.zeros(shape))
        counts.append(len(model.plan.instructions))
    assert counts[0] == counts[1] <= most
