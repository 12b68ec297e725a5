"""Sequences of several lengths in buckets: the same numbers as padded ones, bits of seeds, resuming, limits."""

import itertools

import numpy as np
import pytest

import gdcore as gd
from gdcore.data.ragged import best_buckets
from gdcore.engine import lengths, step_cache

RNG = np.random.default_rng(0)
LENGTHS = np.array([0, 19, *RNG.integers(1, 20, 43)])
X = [RNG.normal(size=(n, 3)) for n in LENGTHS]
Y = np.array([int(a.sum() > 0) for a in X])
IDS = [RNG.integers(1, 9, n) for n in LENGTHS]


class Last(gd.Model):
    """Reads sequences and their lengths; drops something in training, so that random numbers count."""

    def __init__(self):
        self.loop, self.drop, self.head = gd.GRU(4), gd.Dropout(0.3), gd.Dense(2)

    def forward(self, x, lengths):
        return self.head(self.drop(self.loop(x, lengths=lengths)))


def last(**how):
    return Last().compile(gd.Adam(1e-2), "cross_entropy", metrics=["accuracy"], **how)


def padded(rows, steps=20):
    out = np.zeros((len(rows), steps, *rows[1].shape[1:]), rows[1].dtype)
    for to, a in zip(out, rows, strict=True):
        to[: len(a)] = a
    return out


@pytest.mark.parametrize("most", [1, 2, 3])
def test_buckets_leave_the_least_padding(most):
    for seed in range(5):
        lengths = np.random.default_rng(seed).integers(0, 12, 30)
        found = np.unique(np.maximum(lengths, 1))

        def padding(buckets, lengths=lengths):
            return sum(min(b for b in buckets if b >= n) for n in lengths)

        subsets = (
            [*some, found[-1]]
            for k in range(most)
            for some in itertools.combinations(found[:-1], k)
        )
        got = best_buckets(lengths, most)
        assert len(got) <= most and padding(got) == min(map(padding, subsets))
    assert (
        len(best_buckets(RNG.integers(1, 5000, 9000), 8)) == 8
    )  # of more lengths than are looked at


def test_the_numbers_are_those_of_padded_arrays():
    """Prediction, loss and metrics, whatever bucket a sequence lies in; and the gradient, by one step of descent."""
    model = last(dtype="float64")
    x, y = gd.data.sequences(X, Y)
    assert len(x.buckets) == 8 and x.buckets[-1] == 19
    got = model.predict(x)
    np.testing.assert_allclose(got, model.predict((padded(X, 19), LENGTHS)), rtol=1e-10)
    scores = model.evaluate(x, y, batch_size=4)
    want = model.evaluate((padded(X, 19), LENGTHS), Y)
    np.testing.assert_allclose([*scores.values()], [*want.values()], rtol=1e-10)
    weights = RNG.uniform(size=len(X))
    scores = model.evaluate(x, y, sample_weight=weights)
    want = model.evaluate((padded(X, 19), LENGTHS), Y, batch_size=64, sample_weight=weights)
    np.testing.assert_allclose(scores["accuracy"], want["accuracy"], rtol=1e-10)


def test_training_is_that_of_padded_arrays():
    """One bucket of all: the batches of one step are equal."""
    model = gd.Sequential([gd.Input((19, 3)), gd.Masking(), gd.LSTM(4), gd.Dense(2)])
    other = gd.Sequential([gd.Masking(), gd.LSTM(4), gd.Dense(2)])
    for m, data in ((model, padded(X, 19)), (other, gd.data.sequences(X, bucket=False))):
        m.compile(gd.SGD(0.1), "cross_entropy", dtype="float64")
        m.fit(data, Y, batch_size=None, epochs=2, seed=3, verbose=0)
    for a, b in zip(model.get_weights(), other.get_weights(), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-9, atol=1e-12)


def test_a_seed_gives_the_same_bits():
    """In one call or in two; other seeds and epochs have other batches."""
    x, y = gd.data.sequences(X, Y, bucket=3)
    runs = []
    for parts in ([3], [1, 2], [3]):
        model = last()
        for k, epochs in enumerate(parts):
            model.fit(x, y, batch_size=8, epochs=epochs, seed=None if k else len(runs) // 2)
        runs.append(b"".join(w.tobytes() for w in model.get_weights()))
    assert runs[0] == runs[1] != runs[2]


def test_resumed_within_an_epoch(tmp_path):
    """After a number of steps that is none of whole epochs, the bits of a run that was not interrupted."""
    x, y = gd.data.sequences(X, Y)

    class Stop(gd.Callback):
        def on_batch_end(self, batch, logs):
            if self.model.steps_done == 10:
                raise KeyboardInterrupt

    whole, broken, again = last(), last(), last()
    history = whole.fit(x, y, batch_size=8, epochs=2, seed=4)
    save = gd.Checkpoint(tmp_path, every_steps=3)
    with pytest.raises(KeyboardInterrupt):
        broken.fit(x, y, batch_size=8, epochs=2, seed=4, callbacks=[save, Stop()])
    resumed = again.fit(x, y, batch_size=8, epochs=2, seed=4, resume_from=tmp_path)
    assert 9 % (whole.steps_done // 2)
    for a, b in zip(whole.get_weights(), again.get_weights(), strict=True):
        assert a.tobytes() == b.tobytes()
    assert history.history == resumed.history
    with pytest.raises(ValueError, match="resume with the same data"):
        last().fit(*gd.data.sequences(X[:-1], Y[:-1]), batch_size=8, epochs=2, resume_from=tmp_path)


def test_a_target_for_each_step():
    """Those that count are averaged; predictions come in the lengths of the sequences."""
    ids = gd.Input(20, dtype="int")
    y = gd.GRU(4, return_sequences=True)(gd.Embedding(9, 3, mask_zero=True)(ids))
    model = gd.Model(ids, gd.Dense(9)(y)).compile(
        gd.Adam(5e-2), "cross_entropy", metrics=["accuracy"]
    )
    x, targets = gd.data.sequences(IDS, IDS)
    shorter = gd.data.sequences(IDS[2:9], IDS[2:9])
    history = model.fit(x, targets, epochs=12, batch_size=8, seed=0, validation_data=shorter)
    assert history["accuracy"][-1] > 0.9 > history["accuracy"][0]
    got = model.predict(x)
    assert [a.shape for a in got] == [(n, 9) for n in LENGTHS]
    right = np.concatenate([a.argmax(-1) == b for a, b in zip(got, IDS, strict=True)])
    assert model.evaluate(x, targets)["accuracy"] == pytest.approx(right.mean(), rel=1e-6)


def test_a_graph_is_replayed_at_each_length():
    """Layers called several times, with masks and states, and ops between them."""
    x, mask = gd.Input((20, 3)), gd.Input(20, name="mask")
    words = gd.ops.with_mask(x, mask)
    both = gd.Bidirectional(gd.LSTM(2, return_sequences=True, return_state=True))
    y, h, *_ = both(words)
    y = gd.TransformerEncoder(2, 3, relative=3)(gd.PositionalEncoding("learned")(y))
    y = gd.GlobalMaxPool()(0.5 * y + gd.ops.concatenate([h, h], axis=1)[:, None, :])
    model = gd.Model([x, mask], {"a": y, "b": gd.ops.tanh(h)})
    got = model.predict(gd.data.sequences(X))
    want = model.predict([padded(X), (np.arange(20) < LENGTHS[:, None]).astype(float)])
    assert set(got) == {"a", "b"}
    for name in got:
        np.testing.assert_allclose(got[name], want[name], rtol=1e-4, atol=1e-6)


def of_many_shapes(count):
    """Models that got so many lengths of sequences, and sizes of batches: the networks and the steps of each."""
    rows = [np.ones((n, 1)) for n in range(1, count + 1)]
    x, y = gd.data.sequences(rows, np.zeros(count), bucket=list(range(1, count + 1)))
    model = gd.Sequential([gd.Masking(), gd.SimpleRNN(1)]).compile("sgd", "mse")
    model.fit(x, y, batch_size=1, epochs=1, seed=0, verbose=0)
    small = gd.Sequential([gd.Dense(1)]).compile("sgd", "mse")
    for n in range(1, count + 1):
        small.train_on_batch(np.ones((n, 1)), np.ones((n, 1)))
    assert (
        small.train_on_batch(np.ones((1, 1)), np.ones((1, 1))) >= 0.0
    )  # it was dropped, and is made again
    return len(model._engine._lengths.found), model._engine.steps, small._engine.steps


def test_what_was_used_longest_ago_is_dropped(monkeypatch):
    monkeypatch.setattr(step_cache, "KEPT_STEPS", 6)
    monkeypatch.setattr(step_cache, "LATEST", 2)
    monkeypatch.setattr(lengths, "MOST", 5)
    networks, steps, others = of_many_shapes(12)
    assert (networks, len(steps), len(others)) == (5, 6, 6)
    assert [key[1] for key in others] == [8, 9, 10, 11, 12, 1]


def test_memory_decides_beyond_the_latest(monkeypatch):
    monkeypatch.setattr(step_cache, "LATEST", 2)
    monkeypatch.setattr(step_cache, "KEPT_BYTES", 1)
    assert [len(steps) for steps in of_many_shapes(5)[1:]] == [2, 2]


@pytest.mark.slow
def test_memory_is_bounded_whatever_shapes_come():
    """Hundreds of lengths, and of sizes of batches."""
    networks, *caches = of_many_shapes(200)
    assert networks <= lengths.MOST
    for steps in caches:
        assert len(steps) == step_cache.KEPT_STEPS
        assert sum(step.session.nbytes for step in steps.values()) < 2 << 20


def functional(wide=(19, 3)):
    return gd.Input(wide), gd.Input((), name="n", dtype="int")


def flat():
    x, n = functional()
    return gd.Model(
        [x, n], gd.Dense(1)(gd.ops.reshape(gd.LSTM(2, return_sequences=True)(x), (-1, 38)))
    )


REFUSED = {
    "no list": (lambda: gd.data.sequences(3), "expected a list of arrays"),
    "of nothing": (lambda: gd.data.sequences([[], []]), "all of them are empty"),
    "other features": (lambda: gd.data.sequences([np.ones((2, 3)), np.ones((2, 4))]), r"sequences\[1\]"),
    "text": (lambda: gd.data.sequences(["ab"]), r"sequences\[0\]"),
    "too few targets": (lambda: gd.data.sequences(X, Y[:-1]), "expected one for each"),
    "a target too many": (lambda: gd.data.sequences([[1], [1, 2]], [[1], [1, 2, 3]]), r"y\[1\] has 3"),
    "a bucket too short": (lambda: gd.data.sequences(X, bucket=[4, 8]), "longest sequence has 19 steps"),
    "no bucket": (lambda: gd.data.sequences(X, bucket=0), "number of buckets"),
    "a function": (lambda: last().fit(*gd.data.sequences(X, Y), shuffle=lambda e: []), "expected True"),
    "many": (
        lambda: gd.fit_many(last, [{}], *gd.data.sequences(X, Y)), "fit, evaluate and predict"
    ),
    "some rows": (
        lambda: last().fit(*gd.data.sequences(X, Y), callbacks=[gd.diagnostics.Monitor()]), "arrays of its own"
    ),
    "a split": (lambda: last().fit(*gd.data.sequences(X, Y), validation_split=0.2), "validation_data"),
    "one batch": (lambda: last().train_on_batch(*gd.data.sequences(X, Y)), "a single batch"),
    "classes": (lambda: last().fit(*gd.data.sequences(X, Y), class_weight="balanced"), "sample_weight"),
    "padding": (
        lambda: gd.Sequential([gd.GRU(2)]).predict(gd.data.sequences(X)), "take padding for steps"
    ),
    "too long": (
        lambda: gd.Model([*functional((9, 3))], gd.GRU(2)(functional((9, 3))[0])).predict(gd.data.sequences(X)),
        "depend on the input|declare a longer input",
    ),
    "a shape between layers": (lambda: flat().predict(gd.data.sequences(X)), "holds a shape"),
}  # fmt: skip


@pytest.mark.parametrize("what", REFUSED)
def test_refused_in_a_line(what):
    call, match = REFUSED[what]
    with pytest.raises((ValueError, TypeError), match=match) as caught:
        call()
    assert "\n" not in str(caught.value)


def test_one_batch_of_all_is_refused():
    pytest.importorskip("scipy")
    with pytest.raises(ValueError, match="one batch"):
        gd.lbfgs(last(), *gd.data.sequences(X, Y))
