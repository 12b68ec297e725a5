"""Callbacks under the names that people know: a rate by epoch, the best model, functions as hooks."""

import numpy as np
import pytest

import gdcore as gd

X = np.random.default_rng(0).normal(size=(60, 4))
Y = X[:, 0]


def compiled(optimizer="sgd"):
    model = gd.Sequential([gd.Input(4), gd.Dense(3), gd.Dense(1)])
    return model.compile(optimizer, "mse", dtype="float64")


def weights_equal(one, other):
    return all(
        np.array_equal(a, b) for a, b in zip(one.get_weights(), other.get_weights(), strict=True)
    )


# --- LearningRateScheduler -------------------------------------------------------------------------


def test_the_rate_of_each_epoch():
    rates = [0.1, 0.02, 0.5]
    model, by_hand = compiled(), compiled()
    given = gd.LearningRateScheduler(lambda epoch: rates[epoch])
    history = model.fit(X, Y, epochs=3, callbacks=[given], seed=0)
    assert history["lr"] == rates
    for i, rate in enumerate(rates):
        by_hand.optimizer.lr = rate
        by_hand.fit(X, Y, epochs=1, seed=0)
        assert by_hand.epochs_done == i + 1
    assert weights_equal(model, by_hand)


def test_a_rate_from_the_rate_before():
    halve = gd.LearningRateScheduler(lambda epoch, lr: lr / 2)
    assert compiled(gd.SGD(0.4)).fit(X, Y, epochs=2, callbacks=[halve])["lr"] == [0.2, 0.1]
    keeps = gd.LearningRateScheduler(lambda epoch, factor=0.5: factor)  # the second is the rate
    assert compiled(gd.SGD(0.4)).fit(X, Y, epochs=2, callbacks=[keeps])["lr"] == [0.4, 0.4]


def test_a_rate_by_epoch_is_shown(capsys):
    compiled().fit(X, Y, epochs=2, callbacks=[gd.LearningRateScheduler(lambda e: 0.1, verbose=1)])
    assert capsys.readouterr().out == "epoch 1: learning rate 0.1\nepoch 2: learning rate 0.1\n"


@pytest.mark.parametrize("steps", [None, 2])
def test_a_resumed_run_has_the_rate_of_its_epoch(steps, tmp_path):
    def run(epochs, folder=None, stop_at=None):
        class Stop(gd.Callback):
            def on_batch_end(self, batch, logs):
                if self.model.steps_done == stop_at:
                    raise InterruptedError

        model = compiled()
        by_epoch = gd.LearningRateScheduler(lambda epoch: 0.1 / (1 + epoch))
        callbacks = [by_epoch]
        if folder:
            callbacks.append(gd.Checkpoint(folder, every_steps=steps))
        if stop_at:
            callbacks.append(Stop())
        model.fit(
            X, Y, epochs=epochs, batch_size=15, callbacks=callbacks, seed=0, resume_from=folder
        )
        return model

    whole, folder = run(3), tmp_path / "run"
    with pytest.raises(InterruptedError):
        run(3, folder, stop_at=7)
    assert weights_equal(run(3, folder), whole)


@pytest.mark.parametrize("wrong", [0.1, None, lambda: 0.1, lambda a, b, c: 0.1])
def test_what_gives_no_rate_by_epoch(wrong):
    with pytest.raises(TypeError, match=r"LearningRateScheduler schedule.*expected"):
        gd.LearningRateScheduler(wrong)


def test_a_rate_that_is_no_number():
    with pytest.raises(TypeError, match="gave None for epoch 0: expected a number"):
        compiled().fit(X, Y, callbacks=[gd.LearningRateScheduler(lambda epoch: None)])


# --- ModelCheckpoint -------------------------------------------------------------------------------


def test_the_best_epoch_is_kept(tmp_path, capsys):
    path = tmp_path / "best.safetensors"
    keep = gd.ModelCheckpoint(path, save_best_only=True, verbose=1)
    model = compiled(gd.SGD(0.4))
    rates = gd.LearningRateScheduler(lambda epoch: [0.1, 0.1, 3.0, 0.0][epoch])
    history = model.fit(
        X, Y, epochs=4, validation_split=0.3, callbacks=[rates, keep], seed=0, batch_size=60
    )
    best = min(history["val_loss"])
    assert history["val_loss"].index(best) == 1
    assert keep.best == best
    assert gd.load(path).evaluate(X[42:], Y[42:])["loss"] == pytest.approx(best, rel=1e-12)
    assert capsys.readouterr().out.splitlines() == [f"epoch {i}: saved to {path}" for i in (1, 2)]


def test_every_epoch_is_kept(tmp_path):
    keep = gd.ModelCheckpoint(tmp_path / "m-{epoch:02d}-{loss:.0f}.safetensors")
    history = compiled().fit(X, Y, epochs=2, callbacks=[keep])
    names = [f"m-{i:02d}-{v:.0f}.safetensors" for i, v in enumerate(history["loss"], start=1)]
    assert sorted(p.name for p in tmp_path.iterdir()) == names


def test_the_last_epoch_is_what_a_fixed_name_holds(tmp_path):
    model = compiled()
    model.fit(X, Y, epochs=3, callbacks=[gd.ModelCheckpoint(tmp_path / "m")])
    assert weights_equal(gd.load(tmp_path / "m"), model)


def test_the_best_of_a_resumed_run(tmp_path):
    def run(epochs):
        keep = gd.ModelCheckpoint(tmp_path / "best", "loss", save_best_only=True)
        rates = gd.LearningRateScheduler(lambda epoch: [0.1, 5.0, 0.0][epoch])
        folder = tmp_path / "run"
        callbacks = [rates, keep, gd.Checkpoint(folder)]
        compiled().fit(X, Y, epochs=epochs, callbacks=callbacks, seed=0, resume_from=folder)
        return keep.best

    assert run(1) == run(3)


@pytest.mark.parametrize(
    ("call", "error", "says"),
    [
        (lambda: gd.ModelCheckpoint("m.h5"), ValueError, "safetensors"),
        (lambda: gd.ModelCheckpoint("m", mode="up"), ValueError, "expected 'auto'"),
        (lambda: gd.ModelCheckpoint("m", save_weights_only=True), TypeError, "the file holds"),
        (lambda: gd.ModelCheckpoint("m", save_freq=100), TypeError, "every_steps"),
    ],
)
def test_settings_of_a_model_checkpoint(call, error, says):
    with pytest.raises(error, match=says):
        call()


@pytest.mark.parametrize(
    ("name", "settings", "says"),
    [
        ("m-{val_loss}", {}, "expected names among epoch, loss, lr"),
        ("m-{loss:d}", {}, "cannot be filled in"),
        ("m", {"save_best_only": True}, "no 'val_loss' among .*validation_data"),
    ],
)
def test_names_that_an_epoch_cannot_fill_in(name, settings, says, tmp_path):
    with pytest.raises(ValueError, match=says):
        compiled().fit(X, Y, callbacks=[gd.ModelCheckpoint(tmp_path / name, **settings)])


# --- others ----------------------------------------------------------------------------------------


def test_functions_as_hooks():
    seen = []
    hooks = {
        name: lambda *args, name=name: seen.append((name, *args[:-1]))
        for name in (
            "on_train_begin",
            "on_epoch_begin",
            "on_batch_end",
            "on_epoch_end",
            "on_train_end",
        )
    }
    compiled().fit(X, Y, batch_size=30, callbacks=[gd.LambdaCallback(**hooks)])
    assert seen == [
        ("on_train_begin",),
        ("on_epoch_begin", 0),
        ("on_batch_end", 0),
        ("on_batch_end", 1),
        ("on_epoch_end", 0),
        ("on_train_end",),
    ]
    with pytest.raises(TypeError, match="on_epoch_begin=3: expected a function"):
        gd.LambdaCallback(on_epoch_begin=3)
    with pytest.raises(TypeError, match="which are one"):
        gd.LambdaCallback(print, on_epoch_end=print)


def test_early_stopping_by_the_names_of_keras(capsys):
    stop = gd.EarlyStopping(monitor="loss", patience=1, restore_best_weights=False, verbose=1)
    assert stop.restore_best is False
    model = compiled(gd.SGD(0.0))
    history = model.fit(X, Y, epochs=9, shuffle=False, callbacks=[stop])
    assert len(history.epoch) == 2
    assert capsys.readouterr().out == "epoch 2: loss has stopped improving\n"
    with pytest.raises(TypeError, match="start_from_epoch"):
        gd.EarlyStopping(start_from_epoch=3)
