"""The loop: History, how samples are dealt out and weighed, freezing, weights, Ctrl-C."""

import numpy as np
import pytest

import gdcore as gd

ROWS, WIDTH, CLASSES = 70, 5, 3
RNG = np.random.default_rng(0)
X = RNG.normal(size=(ROWS, WIDTH))
Y = RNG.integers(0, CLASSES, ROWS)
ONE_HOT = np.eye(CLASSES)[Y]


def compiled(optimizer="adam", loss="cross_entropy", metrics=(), dtype="float64", layers=()):
    model = gd.Sequential(
        [gd.Input(WIDTH), gd.Dense(8, activation="tanh"), *layers, gd.Dense(CLASSES)]
    )
    return model.compile(optimizer, loss, metrics=metrics, dtype=dtype)


def same(one, other):
    return all(
        np.array_equal(a, b) for a, b in zip(one.get_weights(), other.get_weights(), strict=True)
    )


def close(one, other, tolerance=1e-12):
    for a, b in zip(one.get_weights(), other.get_weights(), strict=True):
        np.testing.assert_allclose(a, b, rtol=0, atol=tolerance)


# --- History -----------------------------------------------------------------------


def test_history_holds_every_number_of_every_epoch():
    model = compiled(metrics=["accuracy", "f1_macro"])
    history = model.fit(X, Y, epochs=3, validation_data=(X[:20], Y[:20]), seed=0)
    names = ["loss", "accuracy", "f1_macro"]
    assert list(history.history) == [*names, *(f"val_{n}" for n in names), "lr"]
    assert all(len(v) == 3 for v in history.history.values())
    assert history.epoch == [0, 1, 2]
    assert history["lr"] == [1e-3] * 3
    assert all(isinstance(v, float) for v in history["loss"])
    assert "3 epochs" in repr(history)
    model_loss = model.evaluate(X[:20], Y[:20])
    assert {f"val_{k}": v for k, v in model_loss.items()} == {
        k: history[k][-1] for k in history.history if k.startswith("val_")
    }


def test_loss_is_the_mean_over_samples_not_over_batches():
    """At a learning rate of 0 the epoch's loss is that of the data; the last batch is shorter."""
    model = compiled(gd.SGD(0.0))
    history = model.fit(X, Y, batch_size=32, epochs=1, seed=0)
    p = model.predict_proba(X)
    want = -np.log(p[np.arange(ROWS), Y]).mean()
    assert history["loss"][0] == pytest.approx(want, rel=1e-12)
    assert model.evaluate(X, Y, batch_size=3)["loss"] == pytest.approx(want, rel=1e-12)


def test_metrics_are_of_the_whole_epoch():
    model = compiled(gd.SGD(0.0), metrics=["accuracy", "f1_macro", "confusion_matrix"])
    history = model.fit(X, Y, batch_size=16, epochs=1, seed=0)
    guess = model.predict(X).argmax(1)
    assert history["accuracy"] == [pytest.approx((guess == Y).mean())]
    matrix = np.zeros((CLASSES, CLASSES), int)
    np.add.at(matrix, (Y, guess), 1)
    assert np.array_equal(history["confusion_matrix"][0], matrix)
    assert model.evaluate(X, Y, batch_size=7)["f1_macro"] == pytest.approx(history["f1_macro"][0])


def test_no_epochs():
    model = compiled()
    before = model.get_weights()
    assert len(before) == 4
    assert model.fit(X, Y, epochs=0, seed=0).history == {}
    assert all(np.array_equal(a, b) for a, b in zip(before, model.get_weights(), strict=True))


# --- samples -----------------------------------------------------------------------


class Losses(gd.Callback):
    def __init__(self):
        self.losses = []

    def on_batch_end(self, batch, logs):
        self.losses.append((batch, logs["loss"]))


@pytest.mark.parametrize(
    ("batch_size", "steps"),
    [(None, 1), (ROWS, 1), (10**9, 1), (1, ROWS), (32, 3), (35, 2), (np.int64(69), 2)],
)
def test_full_stochastic_and_mini_batch(batch_size, steps):
    each = Losses()
    model = compiled("sgd")
    model.fit(X, Y, batch_size=batch_size, epochs=2, callbacks=[each], seed=0)
    assert [b for b, _ in each.losses] == [*range(steps), *range(steps)]
    assert model.steps_done == 2 * steps and model.epochs_done == 2


def test_full_batch_is_gradient_descent():
    model = compiled(gd.SGD(0.3))
    model.fit(X[:1], Y[:1], epochs=0, seed=1)
    weights = model.get_weights()
    grads = model.gradients(X, Y)
    model.fit(X, Y, batch_size=None, epochs=1, seed=1)
    for w, g, new in zip(weights, grads.values(), model.get_weights(), strict=True):
        np.testing.assert_allclose(new, w - 0.3 * g, rtol=1e-13, atol=1e-14)


@pytest.mark.parametrize("optimizer", ["sgd", "adam", "nadam"])
def test_train_on_batch_is_fit_without_shuffling(optimizer):
    layers = lambda: [gd.Dropout(0.3), gd.BatchNorm()]  # noqa: E731
    fitted, stepped = compiled(optimizer, layers=layers()), compiled(optimizer, layers=layers())
    for m in (fitted, stepped):
        m.fit(X, Y, epochs=0, seed=5)
    history = fitted.fit(X, Y, batch_size=32, epochs=1, shuffle=False)
    losses = [stepped.train_on_batch(X[i : i + 32], Y[i : i + 32]) for i in range(0, ROWS, 32)]
    assert same(fitted, stepped)
    assert history["loss"][0] == pytest.approx(np.dot(losses, [32, 32, 6]) / ROWS, rel=1e-14)


def test_shuffling_is_a_permutation_and_new_each_epoch():
    """A learning rate of 0 and batches of one: each sample's loss shows its place in the order."""
    model = compiled(gd.SGD(0.0))
    each = Losses()
    model.fit(X, Y, batch_size=1, epochs=2, seed=0, callbacks=[each])
    first, second = ([loss for _, loss in each.losses[i : i + ROWS]] for i in (0, ROWS))
    assert sorted(first) == sorted(second)
    assert first != second
    plain = Losses()
    model.fit(X, Y, batch_size=1, epochs=1, shuffle=False, callbacks=[plain])
    assert sorted(loss for _, loss in plain.losses) == sorted(first)
    p = model.predict_proba(X)[np.arange(ROWS), Y]
    np.testing.assert_allclose([loss for _, loss in plain.losses], -np.log(p), rtol=1e-12)


def test_validation_split_takes_the_last_part():
    a, b = compiled(metrics=["accuracy"]), compiled(metrics=["accuracy"])
    one = a.fit(X, Y, epochs=2, validation_split=0.3, seed=0)
    two = b.fit(X[:49], Y[:49], epochs=2, validation_data=(X[49:], Y[49:]), seed=0)
    assert one.history == two.history
    assert same(a, b)


def test_validation_with_weights():
    model = compiled(gd.SGD(0.0))
    weights = np.linspace(0, 2, ROWS)
    history = model.fit(X, Y, validation_data=(X, Y, weights), seed=0)
    p = model.predict_proba(X)[np.arange(ROWS), Y]
    assert history["val_loss"][0] == pytest.approx(-(weights * np.log(p)).mean(), rel=1e-12)


@pytest.mark.parametrize("target", [Y, ONE_HOT], ids=["numbers", "one-hot"])
def test_class_weights_equal_repeated_samples(target):
    """Weights 1, 2, 3 are one, two and three copies, the mean being taken over as many."""
    repeats = np.array([1, 2, 3])[Y]
    x, y = np.repeat(X, repeats, axis=0), np.repeat(target, repeats, axis=0)
    scale = len(x) / ROWS
    weighted, repeated = compiled(gd.SGD(0.1)), compiled(gd.SGD(0.1 * scale))
    weighted.fit(X, target, batch_size=None, epochs=5, class_weight={1: 2.0, 2: 3.0}, seed=0)
    repeated.fit(x, y, batch_size=None, epochs=5, seed=0)
    close(weighted, repeated)


def test_class_weights_are_sample_weights():
    ways = [
        {"class_weight": {0: 0.5, 1: 2.0, 2: 1.0}},
        {"class_weight": [0.5, 2.0, 1.0]},
        {"class_weight": np.array([0.5, 2.0, 1.0])},
        {"sample_weight": np.array([0.5, 2.0, 1.0])[Y]},
    ]
    models = [compiled() for _ in ways]
    for m, way in zip(models, ways, strict=True):
        m.fit(X, Y, epochs=2, seed=0, **way)
    assert all(same(m, models[0]) for m in models)
    both, product = compiled(), compiled()
    rest = np.linspace(0, 1, ROWS)
    both.fit(X, Y, epochs=2, seed=0, sample_weight=rest, **ways[0])
    product.fit(X, Y, epochs=2, seed=0, sample_weight=rest * ways[3]["sample_weight"])
    assert same(both, product)


def test_balanced():
    """n / (classes · count), as everywhere."""
    y = np.repeat([0, 1, 2], [50, 15, 5])
    a, b = compiled(), compiled()
    a.fit(X, y, seed=0, class_weight="balanced")
    b.fit(X, y, seed=0, class_weight={0: 70 / 150, 1: 70 / 45, 2: 70 / 15})
    close(a, b, 1e-14)


def test_weight_of_zero_is_absence():
    kept = np.arange(ROWS) % 2 == 0
    a, b = compiled(gd.SGD(0.1)), compiled(gd.SGD(0.05))
    a.fit(X, Y, batch_size=None, epochs=3, sample_weight=kept.astype(float), seed=0)
    b.fit(X[kept], Y[kept], batch_size=None, epochs=3, seed=0)
    close(a, b)


def test_a_seed_of_its_own_each_time():
    a, b = compiled(), compiled()
    a.fit(X, Y), b.fit(X, Y)
    assert not same(a, b)


# --- gradients ---------------------------------------------------------------------


def test_gradients_are_in_the_order_of_get_weights():
    groups = [{"match": "*.bias", "lr": 0.5}]  # then memory is laid out in another order
    model = compiled(gd.SGD(0.1, groups=groups), layers=[gd.LayerNorm()])
    grads = model.gradients(X, Y)
    assert list(grads) == [n for n in model.state_dict() if n in grads]
    assert [g.shape for g in grads.values()] == [w.shape for w in model.get_weights()]
    step = 1e-6
    weights = model.get_weights()
    for i, (name, grad) in enumerate(grads.items()):
        at = tuple(0 for _ in grad.shape)
        losses = []
        for sign in (1, -1):
            moved = [w.copy() for w in weights]
            moved[i][at] += sign * step
            model.set_weights(moved)
            losses.append(model.evaluate(X, Y)["loss"])
        model.set_weights(weights)
        assert grad[at] == pytest.approx(
            (losses[0] - losses[1]) / (2 * step), rel=1e-6, abs=1e-9
        ), name


def test_gradients_change_nothing():
    a, b = compiled(layers=[gd.BatchNorm()]), compiled(layers=[gd.BatchNorm()])
    for m in (a, b):
        m.fit(X, Y, seed=0)
    first = a.gradients(X, Y)
    second = a.gradients(X, Y)
    assert all(np.array_equal(first[k], second[k]) for k in first)
    assert same(a, b)


# --- freezing ----------------------------------------------------------------------


def parts(model):
    return dict(model.state_dict())


def test_a_frozen_layer_keeps_its_bits():
    model = compiled(gd.Adam(0.1, weight_decay=0.1))
    model.fit(X, Y, epochs=2, seed=0)
    model.layers[0].trainable = False
    model.compile(model.optimizer, "cross_entropy")
    before = parts(model)
    model.fit(X, Y, epochs=2)
    after = parts(model)
    assert all(np.array_equal(before[k], after[k]) == k.startswith("0.") for k in before)
    assert list(model.gradients(X, Y)) == ["1.kernel", "1.bias"]
    model.layers[0].trainable = True
    model.compile(model.optimizer, "cross_entropy")
    model.fit(X, Y, epochs=1)
    assert not any(np.array_equal(after[k], v) for k, v in parts(model).items())


@pytest.mark.parametrize(
    ("pattern", "kept"),
    [("*.bias", {"0.bias", "1.bias"}), ("0.*", {"0.kernel", "0.bias"}), ("1.kernel", {"1.kernel"})],
)
def test_freezing_by_name(pattern, kept):
    model = compiled()
    model.fit(X, Y, seed=0)
    model.freeze(pattern)
    model.compile(model.optimizer, "cross_entropy")
    before = parts(model)
    model.fit(X, Y, epochs=2)
    assert {k for k, v in parts(model).items() if np.array_equal(v, before[k])} == kept
    model.freeze(pattern, frozen=False)
    model.compile(model.optimizer, "cross_entropy")
    model.fit(X, Y)
    assert not {k for k, v in parts(model).items() if np.array_equal(v, before[k])}


def test_what_is_frozen_after_compile_counts_at_the_next_one():
    model, calm = compiled("adam"), compiled("adam")
    for m in (model, calm):
        m.fit(X, Y, epochs=2, seed=0)
    model.layers[1].trainable = False
    model.freeze("0.bias")
    with pytest.warns(UserWarning, match="frozen or unfrozen since compile.*compile again"):
        model.fit(X, Y, epochs=1)
    model.fit(X, Y, epochs=1)  # that it was said once is enough
    calm.fit(X, Y, epochs=2)
    assert all(np.array_equal(v, parts(calm)[k]) for k, v in parts(model).items())
    model.compile("adam", "cross_entropy")
    assert list(model.gradients(X, Y)) == ["0.kernel"]


def test_frozen_batch_norm_keeps_its_statistics():
    model = compiled(layers=[gd.BatchNorm()])
    model.fit(X, Y, seed=0)
    model.layers[1].trainable = False
    model.compile(model.optimizer, "cross_entropy")
    before = parts(model)
    model.fit(X, Y)
    after = parts(model)
    frozen = [k for k in before if k.startswith("1.")]
    assert len(frozen) == 4
    assert all(np.array_equal(before[k], after[k]) for k in frozen)


def test_everything_frozen():
    model = compiled()
    model.fit(X, Y, seed=0)
    model.freeze("*")
    model.compile(model.optimizer, "cross_entropy")
    before = parts(model)
    model.fit(X, Y)
    assert all(np.array_equal(before[k], v) for k, v in parts(model).items())


def test_evaluate_takes_batches_of_the_size_that_was_asked_for():
    """Seen by a loss whose value depends on the batch: the largest error in it."""
    x = np.arange(12.0).reshape(6, 2)
    y = np.array([3.0, -1, 4, 1, -5, 9])
    model = gd.Sequential([gd.Dense(1)]).compile(
        "sgd", lambda pred, target: gd.ops.max(gd.ops.abs(pred - target)), dtype="float64"
    )
    off = np.abs(model.predict(x)[:, 0] - y)
    for size in (1, 2, 3, 6, 100):
        parts = [off[i : i + size].max() for i in range(0, 6, size)]
        got = model.evaluate(x, y[:, None], batch_size=size)["loss"]
        np.testing.assert_allclose(got, np.mean(parts), rtol=1e-12)
