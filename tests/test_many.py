"""Many models at once: the same bits as one after another, and nothing of one reaches another."""

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest

import gdcore as gd
from gdcore import runtime
from gdcore.engine import thread_count
from gdcore.many import Interrupted, Results
from gdcore.many.settings import expand

ROWS, WIDTH, CLASSES = 120, 6, 3
RNG = np.random.default_rng(8)
X = RNG.normal(size=(ROWS, WIDTH)).astype("f")
Y = (X[:, 0] > 0).astype(int) + (X[:, 1] > 0.5)
WEIGHTS = RNG.random(ROWS)


def make(width=8, lr=1e-2, optimizer=gd.Adam, dropout=0.0):
    net = gd.Sequential(
        [gd.Dense(width, activation="tanh"), gd.Dropout(dropout), gd.Dense(CLASSES)]
    )
    return net.compile(optimizer(lr), "cross_entropy", metrics=["accuracy"])


def bits(model):
    return {k: v.tobytes() for k, v in model.state_dict().items()}


OPTIONS = {
    "plain": {},
    "validation data": {"validation_data": (X[:30], Y[:30])},
    "validation split": {"validation_split": 0.25},
    "weights": {"sample_weight": WEIGHTS, "class_weight": "balanced"},
    "in order": {"shuffle": False},
    "full batch": {"batch_size": None},
}
GRIDS = {
    "seeds": {"seed": range(5)},
    "learning rates": {"lr": [1e-3, 1e-2, 1e-1], "optimizer": [gd.Adam, gd.SGD]},
    "widths": {"width": [3, 8, 17], "dropout": [0.0, 0.4]},
    "how long": {"epochs": [0, 1, 3], "batch_size": [7, 32]},
    "one": {"lr": 0.1},
}


def one_after_another(settings, **options):
    out = []
    for setting in expand(settings):
        fit = {"seed": 0, "epochs": 2, **options}
        fit |= {k: v for k, v in setting.items() if k in ("seed", "epochs", "batch_size")}
        net = make(**{k: v for k, v in setting.items() if k not in fit and k != "batch_size"})
        net.fit(X, Y, **fit)
        out.append(net)
    return out


@pytest.mark.parametrize("threads", [1, 2, 7])
@pytest.mark.parametrize("grid", GRIDS)
def test_same_bits(grid, threads):
    want = one_after_another(GRIDS[grid])
    gd.set_num_threads(threads)
    got = gd.fit_many(make, GRIDS[grid], X, Y, epochs=2)
    assert [r.error for r in got] == [""] * len(want)
    for run, net in zip(got, want, strict=True):
        assert bits(run.model) == bits(net)
        assert run.history.history == net.history.history


@pytest.mark.parametrize("options", OPTIONS)
def test_same_bits_with_options(options):
    gd.set_num_threads(2)
    grid = {"seed": range(3), "dropout": [0.2]}
    got = gd.fit_many(make, grid, X, Y, epochs=2, **OPTIONS[options])
    for run, net in zip(got, one_after_another(grid, **OPTIONS[options]), strict=True):
        assert bits(run.model) == bits(net)
        assert run.history.history == net.history.history


def test_models_share_plans_and_nothing_else(monkeypatch):
    """Networks of one structure are planned once, and trained on they are as if trained alone."""
    from gdcore.engine import steps

    made = []
    plan = steps.make_plan
    monkeypatch.setattr(steps, "make_plan", lambda *a, **k: made.append(1) or plan(*a, **k))
    gd.set_num_threads(1)
    grid = {"seed": range(4), "width": [5, 8], "lr": [1e-3, 1e-2]}
    got = gd.fit_many(make, grid, X, Y, epochs=2)
    assert len(made) == 2
    want = one_after_another(grid)
    for run, net in zip(got, want, strict=True):
        run.model.fit(X, Y, seed=3)
        net.fit(X, Y, seed=3)
        assert bits(run.model) == bits(net)
        assert np.array_equal(run.model.predict(X), net.predict(X))


def test_what_is_baked_into_a_plan_is_not_shared():
    """Constants of the graph and of the optimizer are part of the structure."""

    def of(slope, beta, decay, factor):
        net = gd.Sequential([gd.Dense(8), gd.Activation(lambda x: x * slope), gd.Dense(CLASSES)])
        loss = [lambda p, t: factor * gd.ops.mean(gd.ops.square(p - t))]
        return net.compile(gd.AdamW(betas=(beta, 0.99), weight_decay=decay), loss)

    grid = {"slope": [0.5, 2.0], "beta": [0.8, 0.9], "decay": [0.0, 0.1], "factor": [1.0, 3.0]}
    target = np.eye(CLASSES, dtype="f")[Y]
    got = gd.fit_many(of, grid, X, target, epochs=2)
    for run, setting in zip(got, expand(grid), strict=True):
        net = of(**setting)
        net.fit(X, target, epochs=2, seed=0)
        assert bits(run.model) == bits(net)


def test_large_models_share_the_threads(monkeypatch):
    """Two models on seven threads take three each, and give the same bits."""
    monkeypatch.setattr(thread_count, "MIN_WORK", 0)
    seen = set()
    pick = thread_count.ThreadCount.pick

    def spy(self):
        seen.add(pick(self))
        return pick(self)

    monkeypatch.setattr(thread_count.ThreadCount, "pick", spy)
    gd.set_num_threads(7)
    got = gd.fit_many(make, {"seed": [1, 2]}, X, Y, epochs=2)
    assert seen == {3}
    gd.set_num_threads(1)
    for run, net in zip(got, one_after_another({"seed": [1, 2]}), strict=True):
        assert bits(run.model) == bits(net)
    assert runtime.get_num_threads() == 1


def test_no_thread_is_left():
    gd.set_num_threads(2)
    before = set(threading.enumerate())
    tasks = len(os.listdir("/proc/self/task")) if Path("/proc/self/task").exists() else None
    gd.fit_many(make, {"seed": range(4)}, X, Y)
    assert set(threading.enumerate()) == before
    if tasks is not None:
        until = time.monotonic() + 10  # a thread that was joined is some time in going
        while len(os.listdir("/proc/self/task")) > tasks and time.monotonic() < until:
            time.sleep(0.01)
        assert len(os.listdir("/proc/self/task")) <= tasks


# --- one that fails ----------------------------------------------------------------


def test_a_model_that_diverges_does_not_lose_the_others():
    gd.set_num_threads(2)

    def exploding(lr):
        net = gd.Sequential([gd.Dense(8), gd.Dense(1)])
        return net.compile(gd.SGD(lr), "mse")

    got = gd.fit_many(exploding, {"lr": [1e-3, 1e30, 1e-2]}, X, X[:, 0], epochs=3)
    assert [bool(r.error) for r in got] == [False, True, False]
    assert got[1].error.startswith("NonFiniteError: ") and "holds NaN or infinity" in got[1].error
    assert got[1].model is not None and np.isfinite(got[1].model.get_weights()[0]).all()
    assert got.best().setting["lr"] in (1e-3, 1e-2)
    assert got.ranked()[-1] is got[1]
    assert "error" in repr(got) and "1 with an error" in repr(got)
    assert got.averaged()[1]["runs"] == "0/1"


def test_all_that_diverge_leave_a_table():
    def exploding(lr):
        return gd.Sequential([gd.Dense(8), gd.Dense(1)]).compile(gd.SGD(lr), "mse")

    got = gd.fit_many(exploding, {"lr": [1e30, 1e31]}, X, X[:, 0], epochs=3)
    assert all(r.error for r in got)
    with pytest.raises(ValueError, match=r"no run that came to its end has 'loss'.*NonFiniteError"):
        got.best()


def test_a_setting_that_makes_no_model_does_not_lose_the_others():
    got = gd.fit_many(make, {"width": [4, 0, 5]}, X, Y)
    assert [bool(r.error) for r in got] == [False, True, False]
    assert got[1].error.startswith("ValueError: ") and got[1].model is None
    got = gd.fit_many(make, [{"seed": 1}, {"seed": -1}], X, Y)
    assert "fit seed=-1" in got[1].error


REFUSED = {
    "model_fn": (lambda: gd.fit_many(lambda: 3, {}, X, Y), TypeError, "model_fn returned int"),
    "not compiled": (
        lambda: gd.fit_many(lambda: gd.Sequential([gd.Dense(3)]), {}, X, Y),
        ValueError,
        "not compiled",
    ),
    "unknown argument": (
        lambda: gd.fit_many(make, {"depth": [1]}, X, Y),
        TypeError,
        "unexpected keyword argument 'depth'",
    ),
    "settings": (lambda: gd.fit_many(make, 3, X, Y), TypeError, "settings=3: expected a dict"),
    "no settings": (lambda: gd.fit_many(make, [], X, Y), ValueError, "no combination"),
    "empty axis": (lambda: gd.fit_many(make, {"lr": []}, X, Y), ValueError, "no combination"),
    "names": (lambda: gd.fit_many(make, [{1: 2}], X, Y), TypeError, "expected names as keys"),
    "rows": (lambda: gd.fit_many(make, {}, X, Y[:5]), ValueError, "120 rows and y has 5"),
    "targets": (lambda: gd.fit_many(make, {}, X, Y + 3), ValueError, "class number 5"),
    "NaN": (lambda: gd.fit_many(make, {}, X * np.nan, Y), ValueError, "X holds nan at row 0"),
    "epochs": (lambda: gd.fit_many(make, {}, X, Y, epochs=-1), ValueError, "fit epochs=-1"),
    "batch": (
        lambda: gd.fit_many(make, {"batch_size": [0]}, X, Y),
        ValueError,
        "fit batch_size=0: expected",
    ),
    "callbacks": (
        lambda: gd.fit_many(make, {}, X, Y, callbacks=[gd.EarlyStopping()]),
        TypeError,
        "callbacks: expected a function that makes new callbacks for each model",
    ),
    "keep": (lambda: gd.fit_many(make, {}, X, Y, keep="none"), ValueError, "keep='none': expected"),
    "verbose": (lambda: gd.fit_many(make, {}, X, Y, verbose=3), ValueError, "verbose=3: expected"),
    "cv and split": (
        lambda: gd.fit_many(make, {}, X, Y, cv=3, validation_split=0.1),
        ValueError,
        "cv and validation data: expected one",
    ),
    "cv 1": (lambda: gd.fit_many(make, {}, X, Y, cv=1), ValueError, "cv=1: expected 2 to 120"),
    "cv kind": (
        lambda: gd.fit_many(make, {}, X, Y, cv=1.5),
        TypeError,
        "cv=1.5: expected a number",
    ),
    "cv pairs": (
        lambda: gd.fit_many(make, {}, X, Y, cv=[[1, 2, 3]]),
        TypeError,
        "cv: expected pairs",
    ),
    "cv none": (lambda: gd.fit_many(make, {}, X, Y, cv=[]), ValueError, "cv has no folds"),
    "cv beyond": (
        lambda: gd.fit_many(make, {}, X, Y, cv=[([1, 2], [ROWS])]),
        ValueError,
        "fold 0 names the row 120: expected 0 to 119",
    ),
    "cv empty": (
        lambda: gd.fit_many(make, {}, X, Y, cv=[([1, 2], [])]),
        ValueError,
        "fold 0 has rows of shape",
    ),
}


@pytest.mark.parametrize("what", REFUSED)
def test_refused(what):
    call, kind, message = REFUSED[what]
    before = threading.active_count()
    with pytest.raises(kind, match=message) as caught:
        call()
    assert "\n" not in str(caught.value)
    assert threading.active_count() == before


def test_the_same_model_twice_is_refused():
    only = make()
    got = gd.fit_many(lambda seed=0: only, {"seed": [1, 2]}, X, Y)
    assert got[0].error == "" and "same model twice" in got[1].error


# --- callbacks, stopping -----------------------------------------------------------


def test_callbacks_are_made_for_each_model():
    made = []

    def callbacks(**setting):
        made.append(setting)
        return [gd.EarlyStopping(patience=1, min_delta=setting["lr"] * 1e9)]

    gd.set_num_threads(2)
    got = gd.fit_many(
        make, {"lr": [1e-2, 1e-1]}, X, Y, epochs=9, validation_split=0.2, callbacks=callbacks
    )
    assert made == [{"lr": 1e-2}, {"lr": 1e-1}]
    assert [r.epochs for r in got] == [2, 2]
    assert [r.epoch for r in got] == [0, 0]  # the weights are those of the best epoch
    for r in got:
        assert r.value("val_loss") == r.history["val_loss"][0]
        held = slice(96, None)
        assert r.model.evaluate(X[held], Y[held])["loss"] == pytest.approx(r.value("val_loss"))


def test_a_callback_that_fails_ends_its_model_alone():
    class Bad(gd.Callback):
        def on_epoch_end(self, epoch, logs):
            raise OSError("the disk is full")

    got = gd.fit_many(
        make,
        {"width": [4, 5, 6]},
        X,
        Y,
        callbacks=lambda width: [Bad()] if width == 5 else [],
    )
    assert [r.error for r in got] == ["", "OSError: the disk is full", ""]


def test_keep_best():
    got = gd.fit_many(
        make, {"lr": [1e-4, 1e-1, 1e-3]}, X, Y, epochs=5, keep="best", validation_split=0.2
    )
    assert [r.model is not None for r in got] == [r is got.best() for r in got]
    assert all(r.history is not None for r in got)


CHILD = """
import signal, sys, time
import numpy as np
import gdcore as gd
signal.signal(signal.SIGINT, signal.default_int_handler)
gd.set_num_threads(2)
x = np.random.default_rng(0).normal(size=(20000, 32)).astype("f")
def make(width):
    return gd.Sequential([gd.Dense(width, "tanh"), gd.Dense(1)]).compile("adam", "mse")
began = []
class Tell(gd.Callback):
    def on_train_begin(self, logs):
        began.append(1)
        if len(began) == 4:
            print("ready", flush=True)
settings = [{"width": 8, "epochs": 1}] * 2 + [{"width": 64, "epochs": 10**6}] * 3
try:
    gd.fit_many(make, settings, x, x[:, 0], callbacks=lambda **s: [Tell()], validation_data=(x, x[:, 0]))
except KeyboardInterrupt as stop:
    import threading
    print(threading.active_count())
    print([r.error for r in stop.results])
    run = stop.results[2]
    print(np.isfinite(run.model.predict(x[:10])).all(), run.model.steps_done > 0)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="signals")
def test_ctrl_c():
    """What is finished is in the error; the threads are gone; a model cut short can be used."""
    child = subprocess.Popen(
        [sys.executable, "-c", CHILD], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    try:
        assert child.stdout.readline() == "ready\n", child.stderr.read()
        time.sleep(0.2)
        child.send_signal(signal.SIGINT)
        out, err = child.communicate(timeout=60)
    finally:
        child.kill()
    assert child.returncode == 0, err
    assert out.splitlines() == [
        "1",
        str(["", "", "interrupted", "interrupted", "not trained"]),
        "True True",
    ]


def test_interrupted_is_a_keyboard_interrupt():
    error = Interrupted(Results([]))
    assert isinstance(error, KeyboardInterrupt) and len(error.results) == 0
