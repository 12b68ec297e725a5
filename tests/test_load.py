"""Many Python threads on one model, and many models at once: right answers, no growth, no deadlock."""

import gc
import hashlib
import os
import platform
import signal
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from long_runs import resident_bytes, until_tired

import gdcore as gd
from gdcore import runtime
from gdcore.engine import session, thread_count

N_THREADS = 64
WIDTH, CLASSES = 24, 5
LINUX = platform.system() == "Linux"


@pytest.fixture(autouse=True, params=[1, 2])
def threads(request, monkeypatch):
    """Every test on one thread a call, and on two."""
    monkeypatch.setattr(thread_count, "MIN_WORK", 0)
    gd.set_num_threads(request.param)
    return request.param


def at_once(work, count=N_THREADS):
    """work(0), work(1), … each in a thread of its own, all begun together; their results."""
    begin = threading.Barrier(count)

    def start(i):
        begin.wait(60)
        return work(i)

    with ThreadPoolExecutor(count) as pool:
        return [f.result(120) for f in [pool.submit(start, i) for i in range(count)]]


def network():
    return gd.Sequential(
        [
            gd.Dense(48, activation="gelu"),
            gd.BatchNorm(),
            gd.Dropout(0.2),
            gd.Dense(32, activation="tanh"),
            gd.Dense(CLASSES),
        ]
    ).compile("adam", "cross_entropy", metrics=["accuracy"])


def data(rows=300, seed=0):
    rng = np.random.default_rng(seed)
    return rng.normal(size=(rows, WIDTH)).astype("f"), rng.integers(0, CLASSES, rows)


def trained(seed=0, epochs=2):
    model = network()
    x, y = data(seed=seed)
    model.fit(x, y, epochs=epochs, seed=seed)
    return model


def bits(model):
    return b"".join(w.tobytes() for w in model.state_dict().values())


# --- one model ---------------------------------------------------------------------


def test_predict_from_many_threads():
    """Each with data and lengths of its own; nothing was planned before they began."""
    model, twin = trained(), trained()
    parts = [data(1 + 7 * i, seed=i)[0] for i in range(N_THREADS)]
    want = [twin.predict(p) for p in parts]

    def ask(i):
        return [model.predict(parts[i]) for _ in range(5)]

    for got, wanted in zip(at_once(ask), want, strict=True):
        assert all(np.array_equal(g, wanted) for g in got)


def test_first_call_from_many_threads():
    """A model that was neither traced nor given numbers is made once."""
    x, _ = data()
    model = network().compile("sgd", "mse")
    model.resume(7, 0, 0)
    twin = network().compile("sgd", "mse")
    twin.resume(7, 0, 0)
    want = twin.predict(x)
    assert all(np.array_equal(got, want) for got in at_once(lambda _: model.predict(x)))
    assert model._engine.parameters() is model._engine.parameters()


def test_a_mixture_of_questions():
    model, twin = trained(), trained()
    x, y = data()
    asks = [
        lambda m: m.predict(x).tobytes(),
        lambda m: m.predict(x, batch_size=16).tobytes(),
        lambda m: m.predict_proba(x[:9]).tobytes(),
        lambda m: repr(m.evaluate(x, y)),
        lambda m: repr(m.evaluate(x, y, batch_size=50)),
        lambda m: b"".join(g.tobytes() for g in m.gradients(x[:40], y[:40]).values()),
        bits,
        lambda m: m.get_weights()[0].tobytes(),
    ]
    want = [ask(twin) for ask in asks]
    got = at_once(lambda i: [asks[i % 8](model) for _ in range(3)], 16)
    for i, answers in enumerate(got):
        assert answers == [want[i % 8]] * 3


def test_steps_from_many_threads_are_taken_in_turn():
    """As many steps on the same batch as one thread would have taken, and to the same bits."""
    x, y = data(64)
    model, twin = trained(), trained()
    for _ in range(8 * 4):
        twin.train_on_batch(x, y)
    at_once(lambda _: [model.train_on_batch(x, y) for _ in range(4)], 8)
    assert model.steps_done == twin.steps_done
    assert bits(model) == bits(twin)


def test_predictions_while_training_are_those_of_a_step():
    """Whoever asks while another thread trains sees the weights between two steps, never within."""
    x, y = data(256)
    seen = set()

    class Watch(gd.Callback):
        def on_batch_end(self, batch, logs):
            seen.add(self.model.predict(x).tobytes())

    def make():
        model = gd.Sequential([gd.Dense(200, activation="relu"), gd.BatchNorm(), gd.Dense(CLASSES)])
        return model.compile("adam", "cross_entropy")

    watched, model = make(), make()
    for m in (watched, model):
        m.fit(x, y, epochs=1, batch_size=64, seed=3)
    seen.add(watched.predict(x).tobytes())
    watched.fit(x, y, epochs=15, batch_size=64, seed=3, callbacks=[Watch()])
    worker = threading.Thread(target=model.fit, args=(x, y, 64, 15), kwargs={"seed": 3})
    worker.start()
    asked = []
    while worker.is_alive():
        asked.append(model.predict(x).tobytes())
    worker.join()
    asked.append(model.predict(x).tobytes())
    assert set(asked) <= seen
    assert bits(model) == bits(watched)


class Outsider(gd.Callback):
    """In the middle of training another thread tries something."""

    def __init__(self, action):
        self.action, self.error = action, None

    def on_epoch_end(self, epoch, logs):
        def act():
            try:
                self.action(self.model)
            except Exception as error:
                self.error = error

        other = threading.Thread(target=act)
        other.start()
        other.join(60)
        assert not other.is_alive()


@pytest.mark.parametrize("action", ["fit", "train_on_batch"])
def test_training_by_two_threads_is_refused(action):
    x, y = data()
    want = trained(epochs=2)
    outsider = Outsider(lambda m: getattr(m, action)(x, y))
    model = network()
    model.fit(x, y, epochs=2, seed=0, callbacks=[outsider])
    assert isinstance(outsider.error, RuntimeError)
    assert str(outsider.error).startswith("the model is being trained by another thread: wait")
    assert bits(model) == bits(want)
    getattr(model, action)(x, y)  # afterwards it is anybody's


def test_fit_within_fit():
    """A callback is of the same thread: it may train."""
    x, y = data()
    model = network()
    steps = gd.LambdaCallback(lambda epoch, logs: model.train_on_batch(x, y))
    model.fit(x, y, epochs=2, seed=0, callbacks=[steps])
    assert Outsider(lambda m: None).error is None
    at_once(lambda _: model.fit(x, y, seed=0), 1)


def test_a_failed_fit_leaves_no_trace():
    x, y = data()
    model = network()

    def fail(epoch, logs):
        raise KeyError("mine")

    with pytest.raises(KeyError):
        model.fit(x, y, callbacks=[gd.LambdaCallback(fail)])
    at_once(lambda _: model.fit(x, y, seed=0), 1)


@pytest.mark.parametrize("kept", [0, 5])
def test_arenas_are_as_many_as_processors_or_as_fit_into_what_is_kept(kept, monkeypatch):
    monkeypatch.setattr(runtime, "processors", lambda: 3)
    model = trained()
    model.predict(data()[0])
    arena = max(s.session.arena.nbytes for k, s in model._engine.steps.items() if k[0] == "predict")
    monkeypatch.setattr(session, "ARENAS", kept * (arena + 1))
    x, _ = data()
    at_once(lambda _: [model.predict(x) for _ in range(10)], 16)
    made = [len(s.session._runners) for k, s in model._engine.steps.items() if k[0] == "predict"]
    assert made and max(made) <= max(3, kept)


# --- many models -------------------------------------------------------------------


def test_sixteen_models_train_at_once():
    want = [bits(trained(i)) for i in range(16)]
    assert at_once(lambda i: bits(trained(i)), 16) == want


# --- the readers-writer lock -------------------------------------------------------


def test_lock_serves_in_order_of_arrival():
    lock = session.ReadWriteLock()
    order = []

    def work(i):
        with lock:
            order.append(i)

    workers = [threading.Thread(target=work, args=(i,)) for i in range(8)]
    with lock:
        for w in workers:
            w.start()
            time.sleep(0.02)
        assert order == []
        with lock:  # whoever is inside may enter again
            assert order == []
        assert order == []
    for w in workers:
        w.join(60)
    assert order == list(range(8))


@pytest.mark.skipif(not LINUX, reason="sends a signal to a thread")
def test_ctrl_c_while_waiting():
    """The one who waited gives up; the others are served."""
    lock = session.ReadWriteLock()
    inside, leave = threading.Event(), threading.Event()

    def hold():
        with lock:
            inside.set()
            leave.wait(60)

    def interrupt():
        inside.wait(60)
        time.sleep(0.1)
        signal.pthread_kill(threading.main_thread().ident, signal.SIGINT)

    holder, other = threading.Thread(target=hold), threading.Thread(target=interrupt)
    holder.start()
    inside.wait(60)
    other.start()
    try:
        with pytest.raises(KeyboardInterrupt):
            lock.__enter__()
    finally:
        leave.set()
    holder.join(60)
    other.join(60)
    with lock:
        pass


@pytest.mark.skipif(not LINUX, reason="needs fork")
@pytest.mark.skipif(
    not getattr(sys, "_is_gil_enabled", lambda: True)(),
    reason="without a GIL, CPython's own dicts that another thread held stay locked in a child",
)
@pytest.mark.filterwarnings("ignore:This process.*is multi-threaded")
def test_fork_while_others_are_inside():
    """Forked at any moment of other threads' work, a child predicts and trains as its parent does."""
    x, y = data(64)
    model, trainee = trained(), trained()
    want = model.predict(x)
    stop = threading.Event()

    def ask():
        while not stop.is_set():
            model.predict(x)

    def train():
        while not stop.is_set():
            trainee.train_on_batch(x, y)

    workers = [threading.Thread(target=t) for t in (ask, ask, ask, train)]
    for w in workers:
        w.start()
    try:
        for _ in range(20):
            pid = os.fork()
            if pid == 0:
                good = np.array_equal(model.predict(x), want)
                trainee.train_on_batch(x, y)
                trainee.fit(x, y, seed=0)
                model.predict(x[:3])
                os._exit(0 if good else 3)
            assert os.waitpid(pid, 0)[1] == 0
    finally:
        stop.set()
        for w in workers:
            w.join(60)


# --- for long ----------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.skipif(not LINUX, reason="reads /proc")
def test_under_load(monkeypatch):
    """64 threads ask one model while 16 others are trained, for as long as asked: GDCORE_LONG=600."""
    monkeypatch.undo()  # threads for large steps alone, as people have them
    model = trained()
    parts = [data(1 + i * 5, seed=i)[0] for i in range(N_THREADS)]
    want = [model.predict(p) for p in parts]
    digests = [hashlib.sha256(bits(trained(i))).hexdigest() for i in range(16)]
    asked, fitted, wrong = [0] * N_THREADS, [0] * 16, []
    stop = threading.Event()

    def ask(i):
        while not stop.is_set():
            if not np.array_equal(model.predict(parts[i]), want[i]):
                wrong.append(i)
            asked[i] += 1

    def train(i):
        while not stop.is_set():
            if hashlib.sha256(bits(trained(i))).hexdigest() != digests[i]:
                wrong.append(-1 - i)
            fitted[i] += 1

    workers = [threading.Thread(target=ask, args=(i,)) for i in range(N_THREADS)]
    workers += [threading.Thread(target=train, args=(i,)) for i in range(16)]
    for w in workers:
        w.start()
    late = time.monotonic() + 120
    while (min(asked) < 8 or min(fitted) < 2) and time.monotonic() < late:
        time.sleep(0.1)  # until every thread has memory of its own
    settled = resident_bytes()
    for _ in until_tired(6):
        time.sleep(0.5)
    stop.set()
    for w in workers:
        w.join(60)
    assert not any(w.is_alive() for w in workers)
    gc.collect()
    assert min(asked) > 8 and min(fitted) > 1
    grown = resident_bytes() - settled
    print(f"{sum(asked):,} predictions, {sum(fitted):,} models trained, {grown:,} bytes grown")
    assert wrong == []
    assert grown < 32 << 20
