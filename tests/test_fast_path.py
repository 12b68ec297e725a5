"""Calls with arrays of the same kind go straight to C: same numbers, same errors, nothing overlooked."""

import copy
import pickle
import threading

import numpy as np
import pytest

import gdcore as gd

RNG = np.random.default_rng(0)
X = RNG.normal(size=(32, 5)).astype("f")
DATA = {
    "mse": (X, RNG.normal(size=(32, 3)).astype("f")),
    "float64 data": (X.astype(float), RNG.normal(size=(32, 3))),
    "one column": (X, RNG.normal(size=32).astype("f")),
    "classes": (X, RNG.integers(0, 3, 32)),
    "int32 classes": (X, RNG.integers(0, 3, 32).astype(np.int32)),
    "uint8 images": (RNG.integers(0, 255, (32, 5)).astype(np.uint8), RNG.normal(size=(32, 3))),
}


def model(kind, optimizer="adam"):
    y = DATA[kind][1]
    whole = y.dtype.kind == "i"
    units = 1 if y.ndim == 1 and not whole else 3
    layers = [gd.Dense(8, "tanh"), gd.Dropout(0.2), gd.Dense(units)]
    m = gd.Sequential(layers).compile(optimizer, "cross_entropy" if whole else "mse")
    m.resume(7, 0, 0)
    return m


@pytest.fixture
def short_ways(monkeypatch):
    """Counts the calls that went straight to C."""
    counts = {"train": 0, "predict": 0}

    def counted(name, whole):
        def call(self, *arguments):
            out = whole(self, *arguments)
            counts[name] += out is not None
            return out

        return call

    for name in counts:
        monkeypatch.setattr(
            f"gdcore.engine.fast_path.FastPath.{name}",
            counted(name, getattr(gd.engine.fast_path.FastPath, name)),
        )
    return counts


@pytest.mark.parametrize("kind", DATA)
@pytest.mark.parametrize("optimizer", ["sgd", "adam", "nadam"])
def test_training_gives_the_same_bits(kind, optimizer, short_ways):
    x, y = DATA[kind]
    m, slow = model(kind, optimizer), model(kind, optimizer)
    got = [m.train_on_batch(x, y) for _ in range(300)]
    want = []
    for _ in range(300):
        slow._engine.trained = None
        want.append(slow.train_on_batch(x, y))
    assert short_ways["train"] == 299
    assert got == want and m.steps_done == slow.steps_done == 300
    for a, b in zip(m.get_weights(), slow.get_weights(), strict=True):
        assert a.tobytes() == b.tobytes()


@pytest.mark.parametrize("kind", ["mse", "uint8 images"])
def test_prediction_gives_the_same_bits(kind, short_ways):
    x, _ = DATA[kind]
    m = model(kind)
    for rows in (1, 1, 7, 8, 5, 9, 32, 32, 3):
        want = m.predict(x[:rows].tolist())
        for call in (m.predict, m.predict_on_batch):
            assert call(x[:rows]).tobytes() == want.tobytes()
    assert short_ways["predict"] == 2 * 9 - 5  # each of 1, 4, 8, 16, 32 rows is validated once


def test_samples_of_one_batch_are_predicted_as_one(short_ways):
    class Centred(gd.Layer):
        def forward(self, x):
            return x - gd.ops.mean(x, axis=0)

    m, x = gd.Sequential([gd.Input(5), Centred()]), X[:8]
    whole = X[:8] - X[:8].mean(0)
    for _ in range(2):
        assert abs(m.predict_on_batch(x) - whole).max() < 1e-6
        assert abs(m.predict(x) - whole).max() < 1e-6
        assert m.predict(x, batch_size=1).any() == 0  # each sample by itself
    assert short_ways["predict"] == 3
    for bad in (0, -1, 2.5, "8", None):
        with pytest.raises(ValueError, match="batch_size"):
            m.predict(x, batch_size=bad)


def test_arrays_of_another_kind_go_the_long_way(short_ways):
    m = model("mse")
    x, y = DATA["mse"]
    m.train_on_batch(x, y)
    for other in (
        (x[:31], y[:31]),
        (x.astype(float), y),
        (np.asfortranarray(x), y),
        (x.tolist(), y),
        (x, y, np.ones(32)),
    ):
        assert np.isfinite(m.train_on_batch(*other))
    assert short_ways["train"] == 0
    with pytest.raises(ValueError, match="shape"):
        m.train_on_batch(x[:, :4].copy(), y)
    with pytest.raises(ValueError, match="32 rows"):
        m.train_on_batch(x, y[:31])


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("which", [0, 1])
def test_what_is_not_finite_is_refused_as_ever(bad, which):
    m = gd.Sequential([gd.Dense(4, "relu"), gd.Dense(3)]).compile("adam", "mse")
    arrays = [a.copy() for a in DATA["mse"]]
    m.train_on_batch(*arrays)
    before = m.get_weights()
    arrays[which][17, 2] = bad
    with pytest.raises(ValueError, match="row 17, column 2"):
        m.train_on_batch(*arrays)
    assert m.steps_done == 1
    assert all((a == b).all() for a, b in zip(m.get_weights(), before, strict=True))


@pytest.mark.parametrize("bad", [-1, 3])
@pytest.mark.parametrize("kind", ["classes", "int32 classes"])
def test_a_class_that_is_not_there(bad, kind):
    x, y = DATA[kind]
    m, y = model(kind), y.copy()
    m.train_on_batch(x, y)
    y[3] = bad
    with pytest.raises(ValueError, match=f"class number {bad}"):
        m.train_on_batch(x, y)


def test_losses_that_read_targets_their_own_way(short_ways):
    """0 and 1 mean -1 and 1 to the hinge loss: each call asks anew."""
    m = gd.Sequential([gd.Dense(1)]).compile("sgd", "hinge")
    for y in ([0.0, 1.0], [1.0, -1.0], [0.0, 1.0]):
        m.train_on_batch(X[:2], np.array(y, "f"))
    with pytest.raises(ValueError, match="hinge"):
        m.train_on_batch(X[:2], np.array([0.0, 5.0], "f"))
    assert short_ways["train"] == 0


def test_an_overflow_is_named_and_undone():
    x, y = DATA["mse"]
    m = model("mse", gd.SGD(0.1))
    m.train_on_batch(x, y)
    before = m.get_weights()
    with pytest.raises(gd.NonFiniteError):
        m.train_on_batch(x * np.float32(1e30), y * np.float32(1e30))
    assert all((a == b).all() for a, b in zip(m.get_weights(), before, strict=True))


def test_a_new_learning_rate_counts_at_once():
    x, y = DATA["mse"]
    m = gd.Sequential([gd.Dense(3)]).compile(gd.SGD(0.1), "mse")
    m.train_on_batch(x, y)
    m.train_on_batch(x, y)
    m.optimizer.lr = 0.0
    before = m.get_weights()
    m.train_on_batch(x, y)
    assert all((a == b).all() for a, b in zip(m.get_weights(), before, strict=True))
    m.optimizer.lr = gd.schedules.Constant(0.1)
    m.train_on_batch(x, y)
    assert not all((a == b).all() for a, b in zip(m.get_weights(), before, strict=True))


def test_a_rate_that_depends_on_what_happens_is_asked_for_at_every_step():
    x, y = DATA["mse"]
    plateau = gd.schedules.ReduceOnPlateau(0.1, factor=0.5, patience=1, monitor="loss")
    m = gd.Sequential([gd.Dense(3)]).compile(gd.SGD(plateau), "mse")
    m.train_on_batch(x, y)
    numbers = next(s for s in m._engine.steps.values() if s.numbers).numbers
    first = numbers.one(0)[0].copy()
    for _ in range(3):
        plateau.update({"loss": 1.0})
    assert (numbers.one(0)[0] < first).any()


def test_frozen_layers_and_new_weights_count_at_once():
    x, y = DATA["mse"]
    m = gd.Sequential([gd.Dense(4), gd.Dense(3)]).compile("sgd", "mse")
    for _ in range(3):
        m.train_on_batch(x, y)
    m.layers[0].trainable = False
    m.compile("sgd", "mse")
    before = m.get_weights()
    m.train_on_batch(x, y)
    after = m.get_weights()
    assert (before[0] == after[0]).all() and (before[2] != after[2]).any()
    m.freeze("1.*")
    m.layers[0].trainable = True
    m.compile("sgd", "mse")
    m.train_on_batch(x, y)
    assert (m.get_weights()[2] == after[2]).all() and (m.get_weights()[0] != after[0]).any()
    m.set_weights([np.zeros_like(w) for w in after])
    assert not m.predict(x).any()


def test_copies_do_not_share_the_short_way():
    x, y = DATA["mse"]
    m = model("mse")
    for _ in range(2):
        m.train_on_batch(x, y)
        m.predict(x)
    for twin in (copy.deepcopy(m), pickle.loads(pickle.dumps(m))):
        want = m.predict(x).copy()
        twin.train_on_batch(x, y)
        assert (m.predict(x) == want).all() and (twin.predict(x) != want).any()


def test_threads_take_turns():
    """Predictions meanwhile, and steps from two threads: each is whole."""
    x, y = DATA["mse"]
    m = model("mse")
    m.train_on_batch(x, y)
    m.predict(x)
    alone = model("mse")
    for _ in range(201):
        alone.train_on_batch(x, y)
    wrong = []

    def ask():
        for _ in range(300):
            if not np.isfinite(m.predict(x)).all():
                wrong.append(1)

    asking = [threading.Thread(target=ask) for _ in range(4)]
    for t in asking:
        t.start()
    for _ in range(200):
        m.train_on_batch(x, y)
    for t in asking:
        t.join()
    assert not wrong
    assert all((a == b).all() for a, b in zip(m.get_weights(), alone.get_weights(), strict=True))
