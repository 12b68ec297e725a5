"""Ctrl-C anywhere: at any call of any function, the model stays whole and training goes on.

The interrupt is raised as the n-th function begins, or as one of C's comes back, which is where Python
hears a signal, for many n: no clock decides what is tested. `GDCORE_LONG=3600` tries random ones for an
hour.
"""

import os
import queue
import random
import sys
import threading
import time
import traceback

import numpy as np
import pytest

import gdcore as gd
from gdcore.callbacks import Callback, EarlyStopping
from gdcore.checkpoints.folder import checkpoints
from gdcore.io import safetensors

LONG = float(os.environ.get("GDCORE_LONG", "0"))
CASES = 11
HOME = os.path.dirname(gd.__file__)
ROOMS = {HOME, *(os.path.join(HOME, room) for room in ("engine", "training", "data"))}
POINTS, LAST = 24, 12  # moments tried for each case, spread over all of it and at its very end

# What is interrupted between open() and the variable is closed by the garbage collector, and says so.
pytestmark = [
    pytest.mark.filterwarnings("ignore:unclosed file:ResourceWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]

RNG = np.random.default_rng(2)
X = RNG.normal(size=(90, 5)).astype(np.float32)
Y = RNG.integers(0, 3, 90)
EPOCHS, BATCH = 3, 32
STEPS = 3  # of an epoch


def net():
    return gd.Sequential(
        [gd.Input(5), gd.Dense(8, activation="relu"), gd.Dropout(0.3), gd.BatchNorm(), gd.Dense(3)]
    ).compile(
        gd.Adam(gd.schedules.Cosine(0.05, EPOCHS * STEPS)), "cross_entropy", metrics=["accuracy"]
    )


def train(model, *callbacks, **more):
    settings = {"validation_data": (X[:40], Y[:40]), "seed": 1, "epochs": EPOCHS} | more
    return model.fit(X, Y, batch_size=BATCH, callbacks=list(callbacks), **settings)


def bits(model):
    memory = model._engine.parameters()
    return b"".join([*(w.tobytes() for w in model.get_weights()), memory.slots.tobytes()])


class Trajectory(Callback):
    """What the model is after every step."""

    def on_train_begin(self, logs):
        self.states = {0: bits(self.model)}

    def on_batch_end(self, batch, logs):
        self.states[self.model.steps_done] = bits(self.model)


@pytest.fixture(scope="module")
def reference():
    trajectory = Trajectory()
    train(net(), trajectory)
    assert len(trajectory.states) == EPOCHS * STEPS + 1
    return trajectory.states


class Interrupt:
    """Raises KeyboardInterrupt at the n-th moment within; counts them if n is None.

    `places` has the first moment at each place of gdcore's own modules, but for those at the edge.
    """

    def __init__(self, n=None):
        self.n, self.events, self.places = n, 0, {}

    def _see(self, frame, event, argument):
        if event not in ("call", "c_return"):
            return
        self.events += 1
        if self.n is None and os.path.dirname(frame.f_code.co_filename) in ROOMS:
            self.places.setdefault((frame.f_code, frame.f_lasti, event), self.events)
        if self.events == self.n:
            sys.setprofile(None)
            raise KeyboardInterrupt

    def __enter__(self):
        sys.setprofile(self._see)
        return self

    def __exit__(self, *error):
        sys.setprofile(None)


def moments(action):
    """Numbers of events at which to interrupt an action, from its first to its last."""
    action()  # what is imported late is imported now
    with Interrupt() as counted:
        action()
    total = counted.events - 2  # but for the end of the counting itself
    assert total > LAST
    if LONG:
        return for_seconds(LONG / CASES, total)
    return sorted({*np.linspace(1, total, POINTS, dtype=int).tolist(), *range(total - LAST, total)})


def for_seconds(seconds, total):
    rng, end = random.Random(), time.monotonic() + seconds
    while time.monotonic() < end:
        yield rng.randrange(1, total)


def interrupted(action, n):
    """Run an action that is interrupted at its n-th call; whether it came to that."""
    try:
        with Interrupt(n):
            action()
    except KeyboardInterrupt as interrupt:
        print("".join(traceback.format_tb(interrupt.__traceback__)))  # shown if the test fails
        return True
    return False


def test_fit(reference):
    """Tracing, planning, training, validation, callbacks: the weights are those of a whole step."""
    seen = set()
    for n in moments(lambda: train(net(), EarlyStopping())):
        model = net()
        interrupted(lambda model=model: train(model, EarlyStopping()), n)
        seen.add(model.steps_done)
        if model._engine.known_seed is None:  # it had not begun: there are no weights yet
            model._engine.known_seed = 1
        assert bits(model) == reference[model.steps_done], n
        assert np.isfinite(model.predict(X)).all()
        assert np.isfinite(model.evaluate(X, Y)["loss"])
        done = model.steps_done
        train(model, epochs=1)
        assert model.steps_done == done + STEPS
        if done == 0 and model.epochs_done == 1:
            assert bits(model) == reference[STEPS]
    assert {0, STEPS, EPOCHS * STEPS} <= seen


class EachStep(Callback):
    def on_batch_end(self, batch, logs):
        pass


def test_fit_step_by_step(reference):
    for n in moments(lambda: train(net(), EachStep())):
        model = net()
        interrupted(lambda model=model: train(model, EachStep()), n)
        if model._engine.known_seed is None:
            model._engine.known_seed = 1
        assert bits(model) == reference[model.steps_done], n


def test_fit_with_checkpoints(reference, tmp_path):
    """Whatever was interrupted, the folder leads on to the bits of a run that was not."""

    def run(folder, model=None):
        keep = gd.Checkpoint(folder, every_steps=2, monitor="val_loss")
        model = model or net()
        train(model, keep, EarlyStopping(), resume_from=folder)
        return model

    whole = iter(range(2))
    for n in moments(lambda: run(tmp_path / f"whole{next(whole)}")):
        folder, model = tmp_path / str(n), net()
        interrupted(lambda model=model, folder=folder: run(folder, model), n)
        if model._engine.known_seed is None:
            model._engine.known_seed = 1
        assert bits(model) == reference[model.steps_done], n
        if folder.exists():
            assert not [f for f in os.listdir(folder) if f.endswith(".tmp")], n
            for _, path in checkpoints(folder):
                gd.load(path)
        assert bits(run(folder)) == reference[EPOCHS * STEPS], n
        assert bits(run(folder, model)) == reference[EPOCHS * STEPS], n  # the same model, too


def test_resuming(reference, tmp_path):
    """Interrupted while a checkpoint is read into the model."""
    train(net(), gd.Checkpoint(tmp_path, every_steps=4))
    source = checkpoints(tmp_path)[0][1]
    for n in moments(lambda: train(net(), resume_from=source)):
        model = net()
        interrupted(lambda model=model: train(model, resume_from=source), n)
        train(model, resume_from=source)
        assert bits(model) == reference[EPOCHS * STEPS], n


@pytest.mark.parametrize("ask", ["predict", "evaluate", "predict_proba", "gradients", "summary"])
def test_asking(reference, ask):
    """A first call, which plans; and another, which only runs."""

    def asked(model):
        given = {"predict": (X,), "predict_proba": (X,), "summary": ()}.get(ask, (X, Y))
        return getattr(model, ask)(*given)

    def trained():
        model = net()
        train(model)
        return model

    want = repr(asked(trained()))
    fresh = trained()
    fresh._engine.steps = {}
    for n in moments(lambda: asked(fresh)):
        for planned in (False, True):
            model = fresh
            if not planned:
                model._engine.steps = {}
            interrupted(lambda: asked(fresh), n)
            assert repr(asked(model)) == want, n
            assert bits(model) == reference[EPOCHS * STEPS], n


def in_another_thread(work):
    """What work() returns there, within half a minute."""
    answer = queue.SimpleQueue()
    threading.Thread(target=lambda: answer.put(work()), daemon=True).start()
    try:
        return answer.get(timeout=30)
    except queue.Empty:
        raise AssertionError("the other thread still waits") from None


@pytest.mark.parametrize("every", [7, pytest.param(1, marks=pytest.mark.slow)])
@pytest.mark.parametrize("ask", ["predict", "evaluate", "train_on_batch", "get_weights", "fit"])
def test_nothing_stays_locked(ask, every):
    """Wherever a thread was interrupted, each place once, another may ask the model and train it.

    Packages of gdcore (`graph`, `layers`, ...) know nothing of threads: the places are those of the modules.
    """
    given = {"predict": (X,), "get_weights": ()}.get(ask, (X, Y))
    model = net()
    train(model, epochs=1)

    def asked():
        if ask != "fit":
            getattr(model, ask)(*given)
        else:
            model.fit(X, Y, batch_size=64)

    def planned_and_asked():
        model._engine.steps = {}
        asked()

    def others():
        model.predict(X)
        return model.train_on_batch(X, Y)

    for action in (planned_and_asked, asked):
        action()
        with Interrupt() as counted:
            action()
        for n in list(counted.places.values())[::every]:
            interrupted(action, n)
            assert np.isfinite(in_another_thread(others)), n


def test_saving(tmp_path):
    """The file is the old one or the new one, and no other lies beside it."""
    path, old, new = tmp_path / "m.safetensors", net(), net()
    train(old, epochs=1)
    train(new, epochs=2)
    old.save(path)
    before = path.read_bytes()
    new.save(path)
    after = path.read_bytes()
    for n in moments(lambda: new.save(path)):
        path.write_bytes(before)
        came = interrupted(lambda: new.save(path), n)
        assert path.read_bytes() in ((before, after) if came else (after,)), n
        assert os.listdir(tmp_path) == [path.name], n
        new.save(path)
        assert path.read_bytes() == after
    safetensors.load(path)


def test_loading(tmp_path):
    path = tmp_path / "m.safetensors"
    net().save(path)
    want = gd.load(path).predict(X).tobytes()
    for n in moments(lambda: gd.load(path)):
        interrupted(lambda: gd.load(path), n)
        assert gd.load(path).predict(X).tobytes() == want
