"""What callbacks, signal handlers and other threads do while a step or an epoch is under way."""

import signal
import sys
import threading

import numpy as np
import pytest

import gdcore as gd

RNG = np.random.default_rng(0)
X = RNG.normal(size=(40, 5)).astype(np.float32)
Y = RNG.normal(size=(40, 1)).astype(np.float32)


def compiled(optimizer="sgd"):
    return gd.Sequential([gd.Input(5), gd.Dense(3), gd.Dense(1)]).compile(optimizer, "mse")


class OnBatch(gd.Callback):
    def __init__(self, act):
        self.act = act

    def on_batch_end(self, batch, logs):
        self.act(self.model, batch)


def test_a_rate_that_a_callback_sets_counts_from_the_next_step():
    def slower(model, batch):
        model.optimizer.lr = 0.1 / (batch + 2)

    model, by_hand = compiled(gd.SGD(0.1)), compiled(gd.SGD(0.1))
    model.fit(X, Y, batch_size=8, shuffle=False, seed=0, callbacks=[OnBatch(slower)], verbose=0)
    by_hand.resume(0, 0, 0)
    for batch in range(5):
        by_hand.optimizer.lr = 0.1 / (batch + 1)
        by_hand.train_on_batch(X[8 * batch :][:8], Y[8 * batch :][:8])
    for a, b in zip(model.get_weights(), by_hand.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("optimizer", ["sgd", "adam"])
def test_steps_within_a_callback_count(optimizer):
    """Each step has a number of its own: of its random numbers, its rate and its corrections."""

    def more(model, batch):
        model.train_on_batch(X[:8], Y[:8])

    model, by_hand = compiled(optimizer), compiled(optimizer)
    model.fit(X, Y, batch_size=8, shuffle=False, seed=0, callbacks=[OnBatch(more)], verbose=0)
    assert model.steps_done == 10
    by_hand.resume(0, 0, 0)
    for batch in range(5):
        by_hand.train_on_batch(X[8 * batch :][:8], Y[8 * batch :][:8])
        by_hand.train_on_batch(X[:8], Y[:8])
    for a, b in zip(model.get_weights(), by_hand.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)


def test_compile_in_another_thread_is_refused():
    model, errors = compiled(), []

    def compile_elsewhere(model, batch):
        def act():
            try:
                model.compile("adam", "mse")
            except RuntimeError as error:
                errors.append(str(error))

        thread = threading.Thread(target=act)
        thread.start()
        thread.join()

    model.fit(X, Y, batch_size=20, seed=0, callbacks=[OnBatch(compile_elsewhere)], verbose=0)
    assert len(errors) == 2 and "is being trained by another thread" in errors[0]
    assert model.optimizer.name == "sgd" and model.steps_done == 2


@pytest.mark.parametrize("act", ["train_on_batch", "fit", "set_weights", "predict"])
def test_what_a_step_works_on_is_not_changed_within_it(act):
    """A callback within a step stands where a signal handler does: it may read, and is refused a change."""

    class Within(gd.Callback):
        found = ()

        def on_gradients(self, gradients):
            try:
                self.found = (*self.found, acts[act](self.model))
            except RuntimeError as error:
                self.found = (*self.found, str(error))

    model, calm, within = compiled("adam"), compiled("adam"), Within()
    model.resume(0, 0, 0)
    weights = model.get_weights()
    acts = {
        "train_on_batch": lambda m: m.train_on_batch(X, Y),
        "fit": lambda m: m.fit(X, Y, verbose=0),
        "set_weights": lambda m: m.set_weights(weights),
        "predict": lambda m: m.predict(X),
    }
    for m, callbacks in ((model, [within]), (calm, [])):
        m.fit(X, Y, batch_size=20, seed=0, callbacks=callbacks, verbose=0)
    assert len(within.found) == 2
    if act == "predict":
        assert within.found[0].shape == (40, 1)
    else:
        assert "while a step of it runs" in within.found[0]
    assert model.steps_done == 2
    for a, b in zip(model.get_weights(), calm.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)


# --- signal handlers, which Python runs in the middle of a long step -----------------------------

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="there is no timer of signals")
WIDE = RNG.normal(size=(256, 700)).astype(np.float32)


def long_step():
    """A model whose step polls for signals: some 2 GFLOP."""
    layers = [gd.Input(700), *(gd.Dense(700, activation="tanh") for _ in range(6)), gd.Dense(1)]
    return gd.Sequential(layers).compile("sgd", "mse")


@pytest.fixture
def interrupting():
    """Calls a function from a signal handler again and again, and gives what it returned."""
    found = []

    def begin(act):
        def handler(number, frame):
            try:
                found.append(act())
            except RuntimeError as error:
                found.append(error)
            signal.setitimer(signal.ITIMER_REAL, 0.02)  # not before: handlers would pile up

        before = signal.signal(signal.SIGALRM, handler)
        signal.setitimer(signal.ITIMER_REAL, 0.02)
        begin.before = before
        return found

    yield begin
    signal.setitimer(signal.ITIMER_REAL, 0)
    signal.signal(signal.SIGALRM, begin.before)


def test_a_handler_predicts_while_another_thread_waits_to_train(interrupting):
    """It reads within a run of its thread that reads: it does not queue behind the writer."""
    model, small = long_step(), WIDE[:1]
    y = np.zeros((256, 1), "f")
    want = model.predict(small)
    stop = threading.Event()

    def train():
        frozen = gd.Sequential([model])
        frozen.compile(gd.SGD(0.0), "mse")
        while not stop.is_set():
            frozen.train_on_batch(WIDE, y)

    thread = threading.Thread(target=train)
    thread.start()
    found = interrupting(lambda: model.predict(small))
    try:
        for _ in range(20):
            model.predict(WIDE)
    finally:
        stop.set()
        thread.join()
    assert found
    for answer in found:
        np.testing.assert_array_equal(answer, want)


@pytest.mark.parametrize("epochs", [1, 2])
def test_an_update_that_overflows_is_told_at_once(epochs):
    """Gradients are finite, the new weights are not: also where it is the very last step."""
    model = gd.Sequential([gd.Input(1), gd.Dense(1, kernel_initializer="ones")])
    model.compile(gd.SGD(3e38), "mse")
    with pytest.raises(gd.NonFiniteError, match=r"an update has overflowed.*lower the learning"):
        model.fit([[3.0]], [1.0], epochs=epochs, seed=0, verbose=0)
    assert model.steps_done == 1
