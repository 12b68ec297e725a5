"""Layers that act differently in training: what dropout and noise draw, what batch norm remembers."""

import numpy as np
import pytest
from numpy_layers import batch_norm

import gdcore as gd
from gdcore.graph.ops.leaves import input_value
from tests.harness import ISAS, run_graph

ROWS, WIDTH = 64, 257


class Reader(gd.Model):
    """Data that is a parameter: the gradient of Σ layer(data) is what the layer multiplied it by."""

    def __init__(self, forward, layers=(), start=1.0):
        self.function, self.layers, self.start = forward, list(layers), start

    def forward(self, rows):
        return self.function(gd.ops.take(self.param("data", (ROWS, WIDTH), self.start), rows))


def reader(forward, layers=(), seed=0, start=1.0, power=1, dtype="float32"):
    model = Reader(forward, layers, start)
    model.compile(
        optimizer=gd.SGD(0.0), loss=lambda pred, _: gd.ops.sum(pred**power) / power, dtype=dtype
    )
    model.fit(np.arange(ROWS), np.zeros(ROWS), epochs=0, seed=seed, verbose=0)
    return model


def read(model):
    return next(iter(model.gradients(np.arange(ROWS), np.zeros(ROWS)).values()))


def step(model):
    model.train_on_batch(np.arange(ROWS), np.zeros(ROWS))


@pytest.mark.parametrize("rate", [0.1, 0.5, 0.9])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_dropout_statistics(rate, dtype, isa):
    """Each element is 0 or 1/(1 - rate); the share of zeros, by row and column too, is that of chance."""
    layer = gd.Dropout(rate)
    mask = read(reader(layer, [layer], dtype=dtype))
    np.testing.assert_allclose(np.unique(mask), [0, 1 / (1 - rate)], rtol=1e-6)
    dropped = mask == 0
    error = np.sqrt(rate * (1 - rate))
    assert abs(dropped.mean() - rate) < 4 * error / np.sqrt(mask.size)
    assert abs(mask.mean() - 1) < 4 * error / (1 - rate) / np.sqrt(mask.size)
    for axis, n in ((0, ROWS), (1, WIDTH)):
        z = (dropped.mean(axis=axis) - rate) / (error / np.sqrt(n))
        assert 0.7 < z.std() < 1.3 and np.abs(z).max() < 5
    flat = dropped.ravel() - rate  # neighbours, in the row and below, know nothing of one another
    for lag in (1, 2, 4, 8, 16, WIDTH):
        assert abs((flat[lag:] * flat[:-lag]).mean() / error**2) < 4.5 / np.sqrt(mask.size)


def test_dropout_by_schedule():
    """The share of zeros follows the schedule, the rest is scaled by it; another model resumes there."""
    rate = gd.schedules.FlatCosine(0.6, 8, 0.1)
    layer = gd.Dropout(rate)
    model = reader(layer, [layer])
    for t in range(8):
        mask = read(model)
        dropped = mask == 0
        assert abs(dropped.mean() - rate(t)) < 4 * 0.5 / np.sqrt(mask.size)
        np.testing.assert_allclose(mask[~dropped], 1 / (1 - rate(t)), rtol=1e-5)
        step(model)
    assert float(layer.variables["steps"].data) == 8
    with pytest.raises(TypeError, match="OneCycle has no formula for a graph"):
        gd.Dropout(gd.schedules.OneCycle(0.1, 10))(gd.Input(3))
    with pytest.raises(ValueError, match=r"rate=FlatCosine.*: expected at least 0 and below 1"):
        gd.Dropout(gd.schedules.FlatCosine(1.5, 10))


def test_dropout_is_the_same_on_every_step_again_and_another_on_the_next():
    layer = gd.Dropout(0.5)
    a, b, c = (reader(layer, [layer], seed) for seed in (3, 3, 4))
    first = read(a)
    np.testing.assert_array_equal(first, read(a))  # asking changes nothing
    np.testing.assert_array_equal(first, read(b))
    assert 0.4 < (first != read(c)).mean() < 0.6
    masks = [first]
    for _ in range(3):
        step(a)
        masks.append(read(a))
    for i in range(4):
        for k in range(i):
            assert 0.4 < (masks[i] != masks[k]).mean() < 0.6
    for _ in range(3):
        step(b)
    np.testing.assert_array_equal(masks[-1], read(b))


def test_parallel_dropouts_differ():
    """Two layers, and one layer called twice: masks of their own."""
    one, two = gd.Dropout(0.5), gd.Dropout(0.5)
    for pair in ((one, two), (one, one)):
        sums = read(reader(lambda x, p=pair: p[0](x) + p[1](x), pair))
        share = [(sums == v).mean() for v in (0.0, 2.0, 4.0)]
        np.testing.assert_allclose(share, [0.25, 0.5, 0.25], atol=0.02)
        product = read(reader(lambda x, p=pair: p[1](p[0](x)), pair))
        assert abs((product == 4).mean() - 0.25) < 0.02


def test_dropout_of_zero_and_in_prediction():
    for layer in (gd.Dropout(0), gd.Dropout(0.7), gd.GaussianNoise(0), gd.GaussianNoise(2.0)):
        model = reader(layer, [layer], start=3.0)
        np.testing.assert_array_equal(
            model.predict(np.arange(ROWS)), np.full((ROWS, WIDTH), 3, np.float32)
        )
        loss = model.evaluate(np.arange(ROWS), np.zeros(ROWS))["loss"]
        assert loss == pytest.approx(3.0 * ROWS * WIDTH)
    assert (read(reader(gd.Dropout(0))) == 1).all()


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_gaussian_noise(dtype, isa):
    """Around 0, the gradient of Σ y²/2 is the noise itself: its moments, and that it is new every step."""
    layer = gd.GaussianNoise(2.0)
    model = reader(layer, [layer], start=0.0, power=2, dtype=dtype)
    z = read(model) / 2.0
    n = z.size
    assert abs(z.mean()) < 4 / np.sqrt(n)
    assert abs(z.var() - 1) < 4 * np.sqrt(2 / n)
    assert abs((z**3).mean()) < 4 * np.sqrt(15 / n)
    assert abs((z**4).mean() - 3) < 4 * np.sqrt(96 / n)
    assert 3.0 < np.abs(z).max() < 6.5
    step(model)
    again = read(model) / 2.0
    assert abs((z * again).mean()) < 4 / np.sqrt(n)
    assert (read(reader(layer, [layer])) == 1).all()  # noise is added, so the slope is 1


def norm_model(momentum=0.9, **options):
    layer = gd.BatchNorm(momentum=momentum, epsilon=1e-3, **options)
    model = gd.Sequential([gd.Input(3), layer])
    model.compile(
        optimizer=gd.SGD(0.0), loss=lambda pred, t: gd.ops.mean(pred * t), dtype="float64"
    )
    return model, layer


def test_batch_norm_running_statistics(isa):
    """After every step, the share `momentum` of the old average and the rest of the batch's; prediction uses them."""
    model, _ = norm_model()
    rng = np.random.default_rng(0)
    x = rng.normal(2, 3, (20, 3))
    mean, var = np.zeros(3), np.ones(3)
    for k in (0, 1, 0):
        batch = x[k * 10 : k * 10 + 10 - 3 * k]  # the second batch is a shorter one
        model.train_on_batch(batch, np.ones(batch.shape))
        mean, var = 0.9 * mean + 0.1 * batch.mean(axis=0), 0.9 * var + 0.1 * batch.var(axis=0)
        state = model.state_dict()
        np.testing.assert_allclose(state["0.running_mean"], mean, rtol=1e-13)
        np.testing.assert_allclose(state["0.running_var"], var, rtol=1e-13)
        np.testing.assert_allclose(
            model.predict(x), batch_norm(x, mean=mean, var=var), rtol=1e-12, atol=1e-14
        )
    model.evaluate(x, np.ones(x.shape))
    model.gradients(x, np.ones(x.shape))
    np.testing.assert_array_equal(model.state_dict()["0.running_mean"], state["0.running_mean"])


def test_batch_norm_within_an_epoch():
    """Steps in one call into C update the averages as steps one by one do."""
    x = np.random.default_rng(1).normal(2, 3, (23, 3))
    whole, single = norm_model()[0], norm_model()[0]
    whole.fit(x, np.ones(x.shape), batch_size=5, shuffle=False, seed=0, verbose=0)
    for i in range(0, 23, 5):
        single.train_on_batch(x[i : i + 5], np.ones(x[i : i + 5].shape))
    for a, b in zip(whole.get_weights(), single.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)


def test_frozen_batch_norm():
    """It normalizes by its averages in training too, and keeps them, its gain and its shift."""
    layer = gd.BatchNorm()
    model = gd.Sequential([gd.Input(3), layer, gd.Dense(2)])
    model.compile(optimizer=gd.SGD(0.1), loss="mse", dtype="float64")
    rng = np.random.default_rng(2)
    x, y = rng.normal(1, 2, (12, 3)), rng.normal(size=(12, 2))
    model.fit(x, y, epochs=3, seed=0, verbose=0)
    before = model.state_dict()
    layer.trainable = False
    model.compile(optimizer=gd.SGD(0.1), loss="mse", dtype="float64")
    assert list(model.gradients(x, y)) == ["1.kernel", "1.bias"]
    normal = batch_norm(
        x, before["0.gamma"], before["0.beta"], before["0.running_mean"], before["0.running_var"]
    )
    off = normal @ before["1.kernel"] + before["1.bias"] - y
    np.testing.assert_allclose(
        model.gradients(x, y)["1.kernel"], normal.T @ off * 2 / y.size, rtol=1e-11
    )
    assert model.train_on_batch(x, y) == pytest.approx((off**2).mean(), rel=1e-12)
    after = model.state_dict()
    for name, value in before.items():
        assert np.array_equal(value, after[name]) == name.startswith("0."), name
    layer.trainable = True
    model.compile(optimizer=gd.SGD(0.1), loss="mse", dtype="float64")
    model.fit(x, y, epochs=1, seed=0, verbose=0)
    assert not np.array_equal(model.state_dict()["0.running_mean"], before["0.running_mean"])


def test_batch_norm_of_a_shared_layer_follows_both_uses():
    """Called twice, the layer has one pair of averages; the training itself uses each call's own batch."""
    norm = gd.BatchNorm(momentum=0.5)

    class Twice(gd.Model):
        def __init__(self):
            self.norm = norm

        def forward(self, x):
            return self.norm(x) + self.norm(x * 3.0)

    model = Twice().compile(
        optimizer=gd.SGD(0.0), loss=lambda pred, t: gd.ops.mean(pred * t), dtype="float64"
    )
    x = np.random.default_rng(3).normal(1, 1, (9, 2))
    model.train_on_batch(x, np.ones((9, 2)))
    mean = x.mean(axis=0)
    got = model.state_dict()["norm.running_mean"]
    one_after_the_other = 0.5 * (0.5 * mean) + 0.5 * 3 * mean
    np.testing.assert_allclose(got, one_after_the_other, rtol=1e-12)


@pytest.mark.parametrize("isa", ISAS)
@pytest.mark.parametrize("columns", [1, 33, 300])
def test_numbers_drawn_behind_a_product_are_those_drawn_alone(isa, columns):
    a, b = input_value((64, 8), "a"), input_value((8, columns), "b")
    arrays = [np.ones((64, 8)), np.zeros((8, columns))]
    noise = gd.ops.random_uniform((64, columns), stream=3)
    behind = gd.ops.matmul(a, b) + noise
    (alone,) = run_graph([], [], [noise], 32, isa)
    assert len(np.unique(alone)) > 0.99 * alone.size
    for threads in (1, 2):
        (got,) = run_graph([a, b], arrays, [behind], 32, isa, threads=threads)
        np.testing.assert_array_equal(got, alone)


@pytest.mark.parametrize("rate", [0.2, 0.5])
def test_whole_channels_and_whole_samples_are_dropped(rate):
    """`SpatialDropout` by (sample, channel), `DropPath` by sample: the rest is scaled by 1/(1 - rate)."""
    for make, axes in ((gd.SpatialDropout, (1,)), (gd.DropPath, (1, 2))):
        layer = make(rate)

        def folded(x, layer=layer):
            wide = gd.ops.reshape(x[:, :256], (x.shape[0], 4, 64))
            return gd.ops.reshape(layer(wide), (x.shape[0], 256))

        mask = read(reader(folded, [layer]))[:, :256].reshape(ROWS, 4, 64)
        np.testing.assert_allclose(np.unique(mask), [0, 1 / (1 - rate)], rtol=1e-6)
        assert (mask == mask.max(axis=axes, keepdims=True)).all()
        drawn = mask.max(axis=axes) == 0
        assert abs(drawn.mean() - rate) < 4 * np.sqrt(rate * (1 - rate) / drawn.size)
