"""The same bits, however a training run is cut up: threads, calls, pauses, metrics, neighbours.

`python tests/test_bits.py` prints a digest for each number of threads, on every instruction set in a test.
"""

import hashlib
import os
import subprocess
import sys
import threading
from pathlib import Path

import attention_model
import numpy as np
import pytest
from bits_networks import ALONE, CLASSES, LAYERS, stack
from layer_table import data as layer_data

import gdcore as gd
from gdcore import runtime
from gdcore.engine import session, thread_count
from gdcore.losses import LOSSES
from gdcore.optimizers import OPTIMIZERS
from gdcore.training import sweep

THREADS = (1, 2, 3, 7)
ROWS, BATCH = 200, 96  # the last batch of an epoch is shorter


MORE_OPTIMIZERS = {
    "momentum": lambda: gd.SGD(momentum=0.9),
    "nesterov": lambda: gd.SGD(momentum=0.9, nesterov=True),
    "clip_norm": lambda: gd.Adam(clip_norm=0.1),
    "clip_value": lambda: gd.Adam(clip_value=0.001),
    "decay": lambda: gd.SGD(weight_decay=0.01, no_decay="biases_and_norms"),
    "groups": lambda: gd.Adam(groups=[{"match": "*.bias", "lr": 0.1, "weight_decay": 0.1}]),
    "centered": lambda: gd.RMSprop(centered=True, momentum=0.5),
    "schedule": lambda: gd.SGD(gd.schedules.get(0.05), momentum=0.5),
}


def data(name="", rows=ROWS):
    rng = np.random.default_rng(5)
    if name in ALONE:
        inputs = layer_data(ALONE[name], rows)
        return inputs[0] if len(inputs) == 1 else tuple(inputs), rng.integers(0, CLASSES, rows)
    x = rng.normal(size=(rows, 64)).astype(np.float32)
    if name == "Embedding":
        x = rng.integers(0, 30, (rows, 64)).astype(np.int32)
    return x, rng.integers(0, CLASSES, rows)


def network():
    """Everything random or stateful at once."""
    return gd.Sequential(
        [
            gd.Input(64),
            gd.Dense(160, activation="relu"),
            gd.Dropout(0.3),
            gd.BatchNorm(),
            gd.Dense(96, activation="tanh"),
            gd.Dropout(0.1),
            gd.Dense(CLASSES),
        ]
    )


def compiled(make=network, optimizer="adam", loss="cross_entropy", dtype="float32", metrics=()):
    return make().compile(optimizer, loss, metrics=metrics, dtype=dtype)


def bits(model, *histories):
    """All that a run leaves, as bytes."""
    out = {name: w.tobytes() for name, w in model.state_dict().items()}
    memory = model._engine.parameters()
    for slot in memory.slot_names:
        for p in memory.trainable():
            out[f"{slot} {memory.network.names[p]}"] = memory.slot(p, slot).tobytes()
    out["loss"] = np.array([h["loss"] for h in histories]).tobytes()
    return out


def trained(model, x, y, epochs=2, **options):
    return bits(model, model.fit(x, y, batch_size=BATCH, epochs=epochs, seed=3, **options))


def cases():
    """(name, function that trains it and returns its bits) for everything in the tables."""
    for name, make in LAYERS.items():
        for dtype in ("float32",) if name in ALONE else ("float32", "float64"):
            yield (
                f"{name} {dtype}",
                lambda n=name, m=make, d=dtype: trained(compiled(m, dtype=d), *data(n)),
            )
    optimizers = {name: (lambda n=name: n) for name in OPTIMIZERS} | MORE_OPTIMIZERS
    for name, optimizer in optimizers.items():
        yield name, lambda o=optimizer: trained(compiled(stack(), optimizer=o()), *data())
    for name in LOSSES:

        def run(loss=name):
            x, y = data()
            make = stack(lambda: gd.Activation("tanh"))
            positive = lambda: gd.Sequential([make(), gd.Activation("softmax")])  # noqa: E731
            return trained(compiled(positive, loss=loss), x, np.eye(CLASSES, dtype="f")[y])

        yield f"loss {name}", run
    yield "weights", lambda: trained(compiled(), *data(), sample_weight=np.linspace(0, 2, ROWS))


CASES = dict(cases())


@pytest.fixture(autouse=True)
def as_it_was(monkeypatch):
    monkeypatch.setattr(thread_count, "MIN_WORK", 0)  # threads for small networks too
    before = gd.get_num_threads()
    yield
    gd.set_num_threads(before)


def same(got, want):
    assert list(got) == list(want)
    assert [name for name in want if got[name] != want[name]] == []


def test_tables_are_complete():
    assert set(CASES) > FEW
    assert set(LAYERS) - {"attention"} | attention_model.LAYERS == set(gd.layers.__all__)


@pytest.mark.parametrize("name", CASES)
def test_threads(name):
    results = []
    for threads in THREADS:
        gd.set_num_threads(threads)
        results.append(CASES[name]())
    for result in results[1:]:
        same(result, results[0])


def test_threads_really_run(monkeypatch):
    """The comparison above means something: that many threads are asked for."""
    seen = []
    run = session.Session.run

    def spy(self, *args, **options):
        seen.append(self.thread_count.pick())
        return run(self, *args, **options)

    monkeypatch.setattr(session.Session, "run", spy)
    gd.set_num_threads(7)
    CASES["weights"]()
    assert set(seen) == {7}


def test_another_seed_gives_other_bits():
    model = compiled()
    x, y = data()
    one = trained(model, x, y)
    other = compiled()
    history = other.fit(x, y, batch_size=BATCH, epochs=2, seed=4)
    assert bits(other, history)["0.kernel"] != one["0.kernel"]


FEW = {"Dense float32", "BatchNorm float64", "Conv2D float32", "adam", "clip_norm", "weights"}


def digest(threads, names):
    gd.set_num_threads(threads)
    whole = hashlib.sha256()
    for run in [CASES[name] for name in CASES if name in names]:
        for name, content in run().items():
            whole.update(name.encode() + content)
    return whole.hexdigest()


@pytest.mark.parametrize("isa", runtime.isas_here())
@pytest.mark.parametrize("which", ["few", pytest.param("all", marks=pytest.mark.slow)])
def test_every_instruction_set(isa, which):
    here = Path(__file__)
    done = subprocess.run(
        [sys.executable, str(here), which],
        env={**os.environ, "GDCORE_ISA": isa},
        cwd=here.parent,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    name, *digests = done.stdout.split()
    assert name == isa
    assert len(digests) == len(THREADS) and len(set(digests)) == 1


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("optimizer", [*OPTIMIZERS, *MORE_OPTIMIZERS])
def test_one_call_or_many(optimizer, dtype):
    x, y = data()
    make = MORE_OPTIMIZERS.get(optimizer, lambda: optimizer)
    whole = compiled(optimizer=make(), dtype=dtype)
    wanted = bits(whole, whole.fit(x, y, batch_size=BATCH, epochs=4, seed=3))
    parts = compiled(optimizer=make(), dtype=dtype)
    histories = [parts.fit(x, y, batch_size=BATCH, epochs=1, seed=3) for _ in range(4)]
    same(
        bits(parts, *histories)
        | {"loss": np.concatenate([h["loss"] for h in histories]).tobytes()},
        wanted,
    )


class EachBatch(gd.Callback):
    def __init__(self, action=None):
        self.action = action
        self.seen = 0

    def on_batch_end(self, batch, logs):
        self.seen += 1
        if self.action is not None:
            self.action(self.model)


def test_metrics_do_not_matter():
    x, y = data()
    want = trained(compiled(), x, y)
    same(trained(compiled(metrics=["accuracy", "f1_macro"]), x, y), want)


def test_small_room_for_outputs(monkeypatch):
    x, y = data()
    model = compiled(metrics=["accuracy"])
    history = model.fit(x, y, batch_size=BATCH, epochs=2, seed=3)
    monkeypatch.setattr(sweep, "KEPT_BYTES", 1)
    again = (other := compiled(metrics=["accuracy"])).fit(x, y, batch_size=BATCH, epochs=2, seed=3)
    same(bits(other, again), bits(model, history))
    assert again["accuracy"] == history["accuracy"]


def test_batch_callbacks_do_not_matter():
    x, y = data()
    each = EachBatch()
    same(trained(compiled(), x, y, callbacks=[each]), trained(compiled(), x, y))
    assert each.seen == 2 * -(-ROWS // BATCH)


def test_pauses_do_not_matter(monkeypatch):
    x, y = data()
    want = trained(compiled(metrics=["accuracy"]), x, y, epochs=3)
    calls = []
    run = session.Session.run

    def short(self, *args, **options):
        done, status = run(self, *args, **{**options, "seconds": 0.0})
        calls.append(done)
        return done, status

    monkeypatch.setattr(session.Session, "run", short)
    same(trained(compiled(metrics=["accuracy"]), x, y, epochs=3), want)
    assert calls == [1] * (3 * -(-ROWS // BATCH))


ASIDE = {
    "predict": lambda m, x, y: m.predict(x[:50]),
    "evaluate": lambda m, x, y: m.evaluate(x, y),
    "evaluate one-hot": lambda m, x, y: m.evaluate(x, np.eye(CLASSES)[y]),
    "gradients": lambda m, x, y: m.gradients(x[:30], y[:30]),
    "state_dict": lambda m, x, y: m.state_dict(),
    "load what is there": lambda m, x, y: m.load_state_dict(m.state_dict()),
    "print": lambda m, x, y: str(m.plan),
    "threads": lambda m, x, y: gd.set_num_threads(gd.get_num_threads() % 3 + 1),
}


@pytest.mark.parametrize("aside", ASIDE)
def test_looking_aside_does_not_matter(aside):
    """In the middle of an epoch, in every batch, and between two calls."""
    x, y = data()
    want = trained(compiled(), x, y, validation_data=(x[:40], y[:40]))
    model = compiled()
    same(trained(model, x, y, callbacks=[EachBatch(lambda m: ASIDE[aside](m, x, y))]), want)
    calm, disturbed = compiled(), compiled()
    for m in (calm, disturbed):
        m.fit(x, y, batch_size=BATCH, epochs=1, seed=3)
        if m is disturbed:
            ASIDE[aside](m, x, y)
        m.fit(x, y, batch_size=BATCH, epochs=1, seed=3)
    same(bits(disturbed), bits(calm))


@pytest.mark.parametrize("shuffle", [True, False])
def test_where_data_lies_does_not_matter(shuffle):
    """A copy that starts at an odd address, and data read in place or staged, in another type."""
    x, y = data()
    want = trained(compiled(), x, y, shuffle=shuffle)
    raw = np.zeros(x.nbytes + 64, np.uint8)
    for shift in (1, 4, 12):
        moved = raw[shift : shift + x.nbytes].view(np.float32).reshape(x.shape)
        moved[...] = x
        same(trained(compiled(), moved, y, shuffle=shuffle), want)
    same(trained(compiled(), x.astype(np.float64), y.astype(np.uint8), shuffle=shuffle), want)


@pytest.mark.parametrize("threads", [1, 2])
def test_two_models_at_once(threads):
    gd.set_num_threads(threads)
    x, y = data()
    makers = [
        (network, "adam", "float32"),
        (LAYERS["Conv2D"], "sgd", "float64"),
        (network, "nadam", "float64"),
    ]
    want = [trained(compiled(m, o, dtype=d), x, y, epochs=4) for m, o, d in makers]
    got = [None] * len(makers)
    begin = threading.Barrier(len(makers))

    def work(i):
        make, optimizer, dtype = makers[i]
        model = compiled(make, optimizer, dtype=dtype)
        begin.wait(30)
        got[i] = trained(model, x, y, epochs=4)

    workers = [threading.Thread(target=work, args=(i,)) for i in range(len(makers))]
    for w in workers:
        w.start()
    for w in workers:
        w.join(60)
    for one, wanted in zip(got, want, strict=True):
        same(one, wanted)


@pytest.mark.parametrize("batch", [1, 7, 64])
def test_prediction_does_not_depend_on_threads_or_length(batch):
    x, y = data()
    model = compiled()
    model.fit(x, y, batch_size=BATCH, seed=3)
    gd.set_num_threads(1)
    want = model.predict(x, batch_size=batch)
    gd.set_num_threads(7)
    assert np.array_equal(model.predict(x, batch_size=batch), want)
    for rows in (1, 3, 17, 64):  # a row's result does not depend on its neighbours
        assert np.array_equal(model.predict(x[:rows], batch_size=batch), want[:rows])


if __name__ == "__main__":
    thread_count.MIN_WORK = 0
    chosen = FEW if sys.argv[1:] == ["few"] else set(CASES)
    print(runtime.ISA_NAME, *[digest(n, chosen) for n in THREADS])
