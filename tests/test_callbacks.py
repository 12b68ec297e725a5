"""Callbacks: when they are called, with what, and EarlyStopping's counting."""

import numpy as np
import pytest

import gdcore as gd
from gdcore.callbacks import Callback, EarlyStopping, History, LambdaCallback, better, monitored

X = np.random.default_rng(0).normal(size=(50, 4))
Y = X[:, 0]


def compiled(optimizer="sgd", metrics=()):
    return gd.Sequential([gd.Input(4), gd.Dense(3), gd.Dense(1)]).compile(
        optimizer, "mse", metrics=metrics, dtype="float64"
    )


class Recorder(Callback):
    def __init__(self):
        self.events = []

    def on_train_begin(self, logs):
        self.events.append(("train begin", dict(logs)))

    def on_epoch_begin(self, epoch, logs):
        self.events.append(("epoch begin", epoch))

    def on_batch_end(self, batch, logs):
        self.events.append(("batch end", batch, set(logs)))

    def on_epoch_end(self, epoch, logs):
        self.events.append(("epoch end", epoch, set(logs)))

    def on_train_end(self, logs):
        self.events.append(("train end", set(logs)))


def test_order_of_events():
    recorder = Recorder()
    compiled(metrics=["r2"]).fit(
        X, Y, batch_size=20, epochs=2, validation_split=0.2, callbacks=[recorder], seed=0
    )
    keys = {"loss", "r2", "val_loss", "val_r2", "lr"}
    epoch = [
        [
            ("epoch begin", e),
            *[("batch end", b, {"loss"}) for b in range(2)],
            ("epoch end", e, keys),
        ]
        for e in range(2)
    ]
    assert recorder.events == [("train begin", {}), *epoch[0], *epoch[1], ("train end", keys)]


def test_a_callback_knows_its_model():
    seen = []
    model = compiled()
    callback = LambdaCallback(
        lambda epoch, logs: seen.append((epoch, callback.model is model, logs["loss"]))
    )
    history = model.fit(X, Y, epochs=3, callbacks=[callback], seed=0)
    assert seen == [(e, True, history["loss"][e]) for e in range(3)]


class StopAt(Callback):
    def __init__(self, epoch=None, batch=None):
        self.epoch, self.batch = epoch, batch

    def on_epoch_end(self, epoch, logs):
        if epoch == self.epoch:
            self.model.stop_training = True


class StopAtBatch(StopAt):
    def on_batch_end(self, batch, logs):
        if batch == self.batch:
            self.model.stop_training = True


def test_stop_after_an_epoch():
    model = compiled()
    history = model.fit(X, Y, epochs=10, callbacks=[StopAt(epoch=2)], seed=0)
    assert history.epoch == [0, 1, 2]
    assert len(model.fit(X, Y, epochs=2)["loss"]) == 2  # the next call begins anew


def test_stop_after_a_batch():
    model = compiled()
    history = model.fit(X, Y, batch_size=5, epochs=10, callbacks=[StopAtBatch(batch=3)], seed=0)
    assert model.steps_done == 4
    assert len(history["loss"]) == 1  # of the samples that were seen
    assert np.isfinite(history["loss"][0])


def test_an_error_in_a_callback_leaves_the_model_usable():
    class Broken(Callback):
        def on_batch_end(self, batch, logs):
            if batch == 2:
                raise RuntimeError("broken")

    model, calm = compiled("adam"), compiled("adam")
    with pytest.raises(RuntimeError, match="broken"):
        model.fit(X, Y, batch_size=5, epochs=3, callbacks=[Broken()], seed=0, shuffle=False)
    assert model.steps_done == 3
    calm.fit(X[:15], Y[:15], batch_size=5, seed=0, shuffle=False)
    assert all(
        np.array_equal(a, b) for a, b in zip(model.get_weights(), calm.get_weights(), strict=True)
    )
    model.fit(X, Y)


def test_epoch_numbers_begin_at_0_in_every_call():
    model, recorder = compiled(), Recorder()
    model.fit(X, Y, epochs=2, seed=0)
    assert model.fit(X, Y, epochs=2, callbacks=[recorder]).epoch == [0, 1]
    assert model.epochs_done == 4


# --- EarlyStopping -----------------------------------------------------------------


def stopped(values, monitor="val_loss", **options):
    """The epochs that run when the number takes these values, and the callback."""

    class Model:
        stop_training = False
        loaded = None
        epoch = -1

        def state_dict(self):
            return {"epoch": self.epoch}

        def load_state_dict(self, state):
            self.loaded = state["epoch"]

    callback = EarlyStopping(monitor, **options)
    callback.model = model = Model()
    callback.on_train_begin({})
    ran = 0
    for epoch, value in enumerate(values):
        model.epoch = epoch
        callback.on_epoch_end(epoch, {monitor: value})
        ran += 1
        if model.stop_training:
            break
    callback.on_train_end({})
    return ran, callback


# values, settings, epochs that run, best epoch; as in Keras, `patience` epochs in a row without
# improvement end it
COUNTS = [
    ([3, 2, 1, 1, 1, 1], {"patience": 2}, 5, 2),
    ([3, 2, 1, 1, 1, 1], {"patience": 1}, 4, 2),
    ([3, 2, 1, 1, 1, 1], {"patience": 0}, 4, 2),
    ([3, 4, 2, 4, 4, 1], {"patience": 2}, 5, 2),
    ([3, 4, 4, 4], {"patience": 3}, 4, 0),
    ([3, 2.95, 2.9, 2.85], {"patience": 2, "min_delta": 0.2}, 3, 0),
    ([3, 2.95, 2.9, 2.7, 2.7], {"patience": 3, "min_delta": 0.2}, 5, 3),
    ([1, 2, 3, 3, 3], {"patience": 2, "mode": "max"}, 5, 2),
    ([float("nan"), float("nan"), float("nan")], {"patience": 2}, 2, -1),
    ([3, float("nan"), 2, 1], {"patience": 2}, 4, 3),
]


@pytest.mark.parametrize(("values", "options", "epochs", "best"), COUNTS)
def test_patience(values, options, epochs, best):
    ran, callback = stopped(values, **options)
    assert (ran, callback.best_epoch) == (epochs, best)
    assert callback.model.loaded == (best if best >= 0 else None)
    assert (callback.stopped_epoch is not None) == (
        ran < len(values) or callback.model.stop_training
    )


def test_best_is_not_restored_if_not_wanted():
    _, callback = stopped([1, 2, 3], patience=1, restore_best=False)
    assert callback.model.loaded is None


@pytest.mark.parametrize(
    ("monitor", "mode"),
    [
        ("val_loss", "min"),
        ("val_accuracy", "max"),
        ("roc_auc", "max"),
        ("f1_macro", "max"),
        ("r2", "max"),
        ("mae", "min"),
        ("precision", "max"),
        ("top_5_accuracy", "max"),
    ],
)
def test_direction_is_told_by_the_name(monitor, mode):
    assert better("auto", monitor) == mode
    assert better("max", monitor) == "max"


def test_early_stopping_restores_the_best_of_a_run():
    """Weights that are spoiled after three epochs: the best are put back."""
    rate = gd.schedules.get(0.05)
    model = compiled(gd.SGD(rate))
    states = []
    keep = LambdaCallback(lambda epoch, logs: states.append(model.state_dict()))

    class Spoil(Callback):
        def on_epoch_end(self, epoch, logs):
            if epoch >= 2:
                self.model.load_state_dict({k: v + 1.0 for k, v in self.model.state_dict().items()})

    stop = EarlyStopping("val_loss", patience=2)
    history = model.fit(
        X, Y, epochs=20, validation_data=(X, Y), callbacks=[keep, stop, Spoil()], seed=0
    )
    best = int(np.argmin(history["val_loss"]))
    assert stop.best_epoch == best and stop.best == history["val_loss"][best]
    assert stop.stopped_epoch == best + 2 == history.epoch[-1]
    assert all(np.array_equal(v, states[best][k]) for k, v in model.state_dict().items())
    assert model.evaluate(X, Y)["loss"] == history["val_loss"][best]


def test_early_stopping_can_be_used_again():
    model, stop = compiled(gd.SGD(0.0)), EarlyStopping("loss", patience=1)
    assert [
        len(model.fit(X, Y, epochs=9, callbacks=[stop], shuffle=False, seed=0)["loss"])
        for _ in range(2)
    ] == [2, 2]


def test_a_number_that_is_not_there():
    with pytest.raises(
        ValueError,
        match=r"no 'val_loss' among .*one of loss, lr \(give fit validation_data or",
    ):
        compiled().fit(X, Y, callbacks=[EarlyStopping()])
    with pytest.raises(
        ValueError, match="no 'auc' among the epoch's numbers: expected one of loss"
    ):
        monitored({"loss": 1.0}, "auc")


def test_history_alone():
    history = History()
    history.on_epoch_end(0, {"loss": 2.0, "matrix": np.eye(2)})
    history.on_epoch_end(1, {"loss": 1.0, "matrix": np.eye(2)})
    assert history["loss"] == [2.0, 1.0] and "loss=1" in repr(history)
    with pytest.raises(KeyError):
        history["accuracy"]


@pytest.mark.parametrize(
    "history",
    [{"loss": []}, {"loss": [1.0, 2.0]}, {"loss": ["a"]}, {"loss": 1.0}, []],
    ids=["empty", "longer than the epochs", "text", "no list", "no dict"],
)
def test_a_history_that_none_kept_is_refused(history):
    kept = History()
    with pytest.raises(ValueError, match="lists of numbers by name"):
        kept.load_state_dict({"history": history, "epoch": [0]})
    assert kept.last() == {}


@pytest.mark.parametrize(
    "kept",
    [gd.EarlyStopping(), gd.schedules.ReduceOnPlateau(0.1), gd.metrics.Accuracy()],
    ids=lambda kept: type(kept).__name__,
)
def test_a_state_of_many_names_is_refused_in_a_short_line(kept):
    with pytest.raises(ValueError, match=r"name0, name1, .*\.\.\.") as refused:
        kept.load_state_dict({f"name{i}": 0 for i in range(1000)})
    assert len(str(refused.value)) < 500
