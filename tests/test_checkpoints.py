"""Checkpoints: a run that was cut off and resumed gives the bits of one that was not."""

import os

import numpy as np
import pytest

import gdcore as gd
from gdcore.callbacks import Callback, EarlyStopping
from gdcore.checkpoints.folder import BEST, checkpoints
from gdcore.data import shuffle as order
from gdcore.training import sweep

ROWS, BATCH, EPOCHS = 200, 32, 4
STEPS = -(-ROWS // BATCH)  # of an epoch
RNG = np.random.default_rng(7)
X = RNG.normal(size=(ROWS, 6)).astype(np.float32)
Y = RNG.integers(0, 3, ROWS)
WEIGHT = RNG.uniform(0.5, 2.0, ROWS)


class Cut(Exception):
    """The process is gone."""


class CutAfter(Callback):
    """Ends the run in the middle of an epoch, before anybody hears of the step."""

    def __init__(self, steps):
        self.left = steps

    def on_batch_end(self, batch, logs):
        self.left -= 1
        if not self.left:
            raise Cut


class Averages(Callback):
    """A callback of one's own, with a state."""

    def on_train_begin(self, logs):
        self.sum, self.seen = np.zeros(2), []

    def on_epoch_end(self, epoch, logs):
        self.sum = self.sum + np.array([logs["loss"], logs["val_loss"]])
        self.seen.append((epoch, "end"))

    def state_dict(self):
        return {"sum": self.sum, "seen": self.seen}

    def load_state_dict(self, state):
        self.sum, self.seen = state["sum"], state["seen"]


def net(optimizer="adam", metrics=("accuracy",), dtype="float32"):
    return gd.Sequential(
        [gd.Input(6), gd.Dense(16, activation="relu"), gd.Dropout(0.3), gd.BatchNorm(), gd.Dense(3)]
    ).compile(optimizer, "cross_entropy", metrics=metrics, dtype=dtype)


def train(model, *callbacks, epochs=EPOCHS, **more):
    settings = {
        "batch_size": BATCH,
        "validation_data": (X[:50], Y[:50]),
        "seed": 3,
        "sample_weight": WEIGHT,
    } | more
    return model.fit(X, Y, epochs=epochs, callbacks=list(callbacks), **settings)


def bits(model):
    memory = model._engine.parameters()
    return [*(w.tobytes() for w in model.get_weights()), memory.slots.tobytes()]


def assert_same(a, b):
    assert bits(a) == bits(b)
    assert (a.steps_done, a.epochs_done, a.seed) == (b.steps_done, b.epochs_done, b.seed)
    assert repr(a.history.history) == repr(b.history.history)
    assert a.history.epoch == b.history.epoch


def interrupted(folder, make, after, *, every, **more):
    """A run that is cut off after so many steps, and one that goes on from its checkpoints."""
    with pytest.raises(Cut):
        train(make(), gd.Checkpoint(folder, every_steps=every), CutAfter(after), **more)
    model = make()
    train(model, gd.Checkpoint(folder, every_steps=every), resume_from=folder, **more)
    return model


class Easing(gd.schedules.Schedule):
    """A schedule of one's own that depends on what epochs came to."""

    def __init__(self):
        self.rate = 0.1

    def at(self, t):
        return self.rate + 0 * t

    def update(self, logs):
        self.rate *= 0.5 + 0.1 * min(1.0, logs["loss"])

    def state_dict(self):
        return {"rate": self.rate}

    def load_state_dict(self, state):
        self.rate = state["rate"]


OPTIMIZERS = {
    "sgd": lambda: gd.SGD(0.05),
    "momentum": lambda: gd.SGD(0.05, momentum=0.9),
    "adam": lambda: gd.Adam(0.01, clip_norm=0.5),
    "cosine": lambda: gd.AdamW(gd.schedules.Cosine(0.02, 25)),
    "plateau": lambda: gd.SGD(gd.schedules.ReduceOnPlateau(0.5, patience=1, threshold=0.5)),
    "own": lambda: gd.SGD(Easing()),
    "groups": lambda: gd.RMSprop(0.01, groups=[{"match": "*.bias", "lr": 0.1}]),
}


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
@pytest.mark.parametrize("after", [1, 3, STEPS - 1, STEPS, STEPS + 1, 2 * STEPS + 4])
def test_resumed_is_the_same_as_never_cut(tmp_path, optimizer, after):
    def make():
        return net(OPTIMIZERS[optimizer]())

    whole = make()
    train(whole)
    assert_same(interrupted(tmp_path, make, after, every=2), whole)


def test_a_model_with_a_schedule_of_ones_own_is_saved_without_it(tmp_path):
    model = net(gd.SGD(Easing()))
    train(model)
    model.save(tmp_path / "m")
    assert gd.load(tmp_path / "m").compiled


METRICS = [("accuracy",), ("f1", "roc_auc"), ("confusion_matrix", "precision", "recall"), ()]


@pytest.mark.parametrize("kept", [1, 3 * BATCH * 3 * 4, 1 << 20])
@pytest.mark.parametrize("metrics", METRICS, ids=lambda m: "+".join(m) or "none")
def test_metrics_of_an_epoch_that_was_cut(tmp_path, monkeypatch, metrics, kept):
    """They have seen part of the outputs, and part lies ready for them."""
    monkeypatch.setattr(sweep, "KEPT_BYTES", kept)

    def make():
        return net(metrics=metrics)

    whole = make()
    train(whole)
    assert_same(interrupted(tmp_path, make, STEPS + 5, every=1), whole)


def test_every_optimizer_resumes(tmp_path):
    for name in gd.optimizers.OPTIMIZERS:

        def make(name=name):
            return net(name, dtype="float64")

        whole = make()
        train(whole, epochs=2)
        assert_same(interrupted(tmp_path / name, make, STEPS + 2, every=1, epochs=2), whole)


# --- what is trained on ----------------------------------------------------------------------------


def reversed_in_odd_epochs(epoch):
    return np.arange(ROWS)[:: -1 if epoch % 2 else 1]


def sparse_rows(tmp_path):
    full = np.where(np.abs(X) > 1, X, 0)
    return pytest.importorskip("scipy.sparse").csr_array(full)


def mapped(tmp_path):
    X.tofile(tmp_path / "x.bin")
    return np.memmap(tmp_path / "x.bin", np.float32, "r", shape=X.shape)


DATA = {
    "dense": lambda folder: X,
    "mapped": mapped,
    "sparse": sparse_rows,
    "uint8": lambda folder: (np.abs(X) * 50).astype(np.uint8),
    "strided": lambda folder: np.repeat(X, 2, axis=1)[:, ::2],
}
ORDERS = {
    "as they lie": False,
    "any": True,
    "blocks": "blocks",
    "function": reversed_in_odd_epochs,
}


@pytest.mark.parametrize("shuffle", ORDERS)
@pytest.mark.parametrize("data", DATA)
def test_any_data_in_any_order(tmp_path, monkeypatch, data, shuffle):
    monkeypatch.setattr(order, "BLOCK", 24)  # of four rows
    monkeypatch.setattr(order, "WINDOW", 5)
    settings = {"batch_size": BATCH, "epochs": 3, "seed": 3, "shuffle": ORDERS[shuffle]}

    def fit(model, *callbacks, **more):
        x = DATA[data](tmp_path)  # read anew, as another process would
        model.fit(x, Y, callbacks=list(callbacks), validation_split=0.0, **settings | more)
        return model

    whole = fit(net())
    folder = tmp_path / "run"
    with pytest.raises(Cut):
        fit(net(), gd.Checkpoint(folder, every_steps=2), CutAfter(STEPS + 4))
    assert_same(fit(net(), resume_from=folder), whole)


def test_several_inputs_and_outputs(tmp_path):
    a, b = {"a": X[:, :4], "b": Y}, {"class": Y, "size": X[:, 5]}

    def make():
        one, two = gd.Input(4, name="a"), gd.Input((), name="b", dtype="int")
        joined = gd.Concatenate()([gd.Dense(8, "relu")(one), gd.Embedding(3, 2)(two)])
        out = {"class": gd.Dense(3)(joined), "size": gd.Dense(1)(joined)}
        return gd.Model([one, two], out).compile("adam", ["cross_entropy", "mse"])

    whole, ours = make(), make()
    settings = {"epochs": 3, "seed": 1}
    whole.fit(a, b, **settings)
    with pytest.raises(Cut):
        make().fit(
            a, b, **settings, callbacks=[gd.Checkpoint(tmp_path, every_steps=1), CutAfter(9)]
        )
    ours.fit(a, b, **settings, resume_from=tmp_path)
    assert_same(ours, whole)


def test_an_order_that_is_another_one_now(tmp_path):
    """A function with a generator of its own: the rows of the rest of the epoch are not known."""
    rng = np.random.default_rng(0)

    def any_order(epoch):
        return rng.permutation(ROWS)

    with pytest.raises(Cut):
        train(net(), gd.Checkpoint(tmp_path, every_steps=2), CutAfter(STEPS + 4), shuffle=any_order)
    with pytest.raises(ValueError, match="another order for epoch 1 than it gave before"):
        train(net(), resume_from=tmp_path, shuffle=any_order)


def test_sparse_data_of_other_columns_is_other_data(tmp_path):
    """Of words that occur, every number is 1: what tells texts apart is where they stand."""
    sparse = pytest.importorskip("scipy.sparse")
    columns = RNG.integers(0, 6, ROWS)
    one, other = (
        sparse.csr_array((np.ones(ROWS, np.float32), at, np.arange(ROWS + 1)), shape=(ROWS, 6))
        for at in (columns, (columns + 1) % 6)
    )
    net().fit(one, Y, epochs=1, seed=3, callbacks=[gd.Checkpoint(tmp_path)])
    with pytest.raises(ValueError, match="resume with the same data"):
        net().fit(other, Y, epochs=2, seed=3, resume_from=tmp_path)


def test_callbacks_go_on_where_they_were(tmp_path):
    def make(stop):
        return [
            EarlyStopping("val_loss", patience=3),
            Averages(),
            EarlyStopping("loss", mode="max"),
        ]

    whole, ours = make(1), make(2)
    a, b = net(), net()
    train(a, *whole)
    with pytest.raises(Cut):
        train(net(), *make(0), gd.Checkpoint(tmp_path), CutAfter(2 * STEPS + 3))
    train(b, *ours, gd.Checkpoint(tmp_path), resume_from=tmp_path)
    assert_same(a, b)
    for one, other in zip(whole, ours, strict=True):
        assert repr(one.state_dict()) == repr(other.state_dict())
    assert ours[1].seen == [(e, "end") for e in range(EPOCHS)]


def test_a_run_that_was_stopped_early_stays_stopped(tmp_path):
    def stopping():
        return EarlyStopping("val_loss", patience=1, min_delta=10.0)

    a, b = net(), net()
    train(a, stopping())
    assert len(a.history.epoch) == 2

    class CutBeforeTheEnd(Callback):
        def on_train_end(self, logs):
            raise Cut

    with pytest.raises(Cut):
        train(net(), CutBeforeTheEnd(), gd.Checkpoint(tmp_path), stopping())
    train(b, stopping(), gd.Checkpoint(tmp_path), resume_from=tmp_path)
    assert_same(a, b)


def test_more_epochs_than_were_asked_for_at_first(tmp_path):
    a, b = net(), net()
    train(a)
    train(net(), gd.Checkpoint(tmp_path), epochs=2)
    train(b, resume_from=tmp_path)
    assert_same(a, b)
    c = net()
    train(c, resume_from=tmp_path, epochs=2)  # nothing left to do
    assert c.epochs_done == 2 and len(c.history.epoch) == 2


def test_without_a_seed_the_checkpoint_gives_it(tmp_path):
    a, b = net(), net()
    with pytest.raises(Cut):
        train(a, gd.Checkpoint(tmp_path, every_steps=1), CutAfter(4), seed=None)
    train(b, resume_from=tmp_path, seed=None)
    c = net()
    train(c, seed=b.seed)
    assert_same(b, c)


def test_a_callback_on_every_step_changes_nothing(tmp_path):
    class Each(Callback):
        def on_batch_end(self, batch, logs):
            pass

    a, b = net(), net()
    train(a)
    train(b, Each(), gd.Checkpoint(tmp_path, every_steps=3, every_seconds=1e-6))
    assert_same(a, b)


def test_which_are_kept(tmp_path):
    train(net(), gd.Checkpoint(tmp_path / "three", every_steps=2))
    assert [s for s, _ in checkpoints(tmp_path / "three")] == [24, 26, 28]
    train(net(), gd.Checkpoint(tmp_path / "all", every_epochs=2, keep=None))
    assert [s for s, _ in checkpoints(tmp_path / "all")] == [2 * STEPS, 4 * STEPS]
    train(net(), gd.Checkpoint(tmp_path / "one", every_epochs=3, keep=1))
    assert [s for s, _ in checkpoints(tmp_path / "one")] == [4 * STEPS]  # the end, always
    assert sorted(os.listdir(tmp_path / "one")) == ["step-000000028.safetensors"]


def test_the_best_epoch_is_kept_as_a_model(tmp_path):
    model = net(gd.Adam(0.05))
    history = train(model, gd.Checkpoint(tmp_path, monitor="val_accuracy", keep=1), epochs=8)
    best = gd.load(tmp_path / BEST)
    assert best.epochs_done == 1 + int(np.argmax(history["val_accuracy"]))
    assert best.evaluate(X[:50], Y[:50])["accuracy"] == max(history["val_accuracy"])
    # the best of before is known to a resumed run
    keep = gd.Checkpoint(tmp_path, monitor="val_accuracy", keep=1)
    train(net(gd.Adam(0.05)), keep, epochs=8, resume_from=tmp_path)
    assert keep.best == max(history["val_accuracy"])


def test_one_of_several_points_is_chosen(tmp_path):
    whole = net()
    train(whole, gd.Checkpoint(tmp_path, every_steps=1, keep=None))
    for step, path in checkpoints(tmp_path)[::5]:
        model = net()
        train(model, resume_from=path)
        assert_same(model, whole)
        assert gd.load(path).steps_done == step
