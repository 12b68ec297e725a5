"""Memory: flat over many calls, as much as `summary()` says, and refused in one line when it cannot be had.

GDCORE_LONG=1 trains 10,000 times and makes 100,000 plans.
"""

import gc
import os
import platform
import re
import resource
import subprocess
import sys

import numpy as np
import pytest
from long_runs import SECONDS, resident_bytes

import gdcore as gd

pytestmark = pytest.mark.skipif(platform.system() != "Linux", reason="reads /proc")

RNG = np.random.default_rng(0)
X, Y = RNG.normal(size=(64, 12)).astype("f"), RNG.integers(0, 3, 64)


def net():
    return gd.Sequential(
        [gd.Input(12), gd.Dense(16, "relu"), gd.BatchNorm(), gd.Dropout(0.1), gd.Dense(3)]
    ).compile("adam", "cross_entropy", metrics=["accuracy"])


MODEL = net()


def fit_again(i):
    MODEL.fit(X, Y, seed=0, verbose=0)


def fit_anew(i):
    net().fit(X, Y, seed=0, verbose=0, validation_data=(X[:9], Y[:9]))


def plan(i):
    """A plan of its own each time, of a batch that is another each time."""
    MODEL.release()
    MODEL.predict(X[: 1 << i % 7])


def refused(i):
    with pytest.raises(ValueError):
        MODEL.fit(X[:, :5], Y, verbose=0)


def saved_and_loaded(i):
    path = f"/dev/shm/gdcore-{os.getpid()}.safetensors"
    try:
        MODEL.save(path)
        gd.load(path).predict(X)
    finally:
        os.unlink(path)


# What is repeated; how often by default, and how often in a long run.
REPEATED = {
    "fit of one model": (fit_again, 300, 10_000),
    "fit of new models": (fit_anew, 60, 1_000),
    "plans": (plan, 800, 100_000),
    "refusals": (refused, 300, 10_000),
    "saving and loading": (saved_and_loaded, 100, 1_000),
}


@pytest.mark.bounds_memory
@pytest.mark.slow
@pytest.mark.parametrize("what", REPEATED)
def test_resident_memory_is_flat(what):
    work, short, long = REPEATED[what]
    count = long if SECONDS else short
    for i in range(count // 4):
        work(i)
    gc.collect()
    before = resident_bytes()
    for i in range(count):
        work(i)
    gc.collect()
    grown = resident_bytes() - before
    print(f"{what}: {count:,} times, {grown:,} bytes grown")
    assert grown < 2 << 20


# --- as much as summary() says -------------------------------------------------------------------

PEAK = """
import sys
import numpy as np
import gdcore as gd
from gdcore.show.summary import amount

def peak():
    with open("/proc/self/status") as file:
        return next(int(line.split()[1]) * 1024 for line in file if line.startswith("VmHWM"))

gd.set_num_threads(1)
rng = np.random.default_rng(0)
x, y = rng.normal(size=(4096, 512)).astype("f"), rng.integers(0, 10, 4096)
small = gd.Sequential([gd.Input(512), gd.Dense(8), gd.Dense(10)]).compile("adam", "cross_entropy")
small.fit(x[:64], y[:64], seed=0, verbose=0)   # code, scratch and modules are there from now on
before = peak()
wide = [gd.Dense(2048, activation="relu") for _ in range(3)]
model = gd.Sequential([gd.Input(512), *wide, gd.Dense(10)]).compile("adam", "cross_entropy")
model.fit(x, y, batch_size=2048, epochs=1, seed=0, verbose=0)
print(peak() - before)
print(model.summary())
"""
UNITS = {"B": 1, "KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30}


@pytest.mark.bounds_memory
@pytest.mark.slow
def test_the_peak_is_what_summary_says():
    done = subprocess.run(
        [sys.executable, "-c", PEAK], capture_output=True, text=True, timeout=120, check=True
    )
    measured, text = done.stdout.split("\n", 1)
    said = sum(
        float(number.replace(",", "")) * UNITS[unit]
        for number, unit in re.findall(r"(?:memory|training) +([\d,.]+) (B|KiB|MiB|GiB) of", text)
    )
    assert said > 100 << 20
    assert abs(int(measured) - said) <= 0.05 * said, (measured, said)


# --- memory that cannot be had -------------------------------------------------------------------

LIMITED = """
import resource
import numpy as np
import gdcore as gd

gd.set_num_threads(1)
x, y = np.zeros((60_000, 8), "f"), np.zeros(60_000, int)
model = gd.Sequential([gd.Input(8), gd.Dense(2000), gd.Dense(2)]).compile("adam", "cross_entropy")
model.fit(x[:64], y[:64], seed=0, verbose=0)
want = model.predict(x[:10]).tobytes()
with open("/proc/self/statm") as file:
    now = int(file.read().split()[0]) * resource.getpagesize()
resource.setrlimit(resource.RLIMIT_AS, (now + (200 << 20), resource.RLIM_INFINITY))
done = model.steps_done

def refused(work):
    try:
        work()
    except MemoryError as error:
        assert "cannot get" in str(error) and "\\n" not in str(error), error
    else:
        raise SystemExit("there was memory")

refused(lambda: model.fit(x, y, batch_size=None, verbose=0))
refused(lambda: model.predict(x, batch_size=len(x)))
refused(lambda: model.evaluate(x, y, batch_size=len(x)))
refused(lambda: model.gradients(x, y))
refused(lambda: gd.Sequential([gd.Input(8), gd.Dense(10_000), gd.Dense(10_000)]).predict(x[:2]))
assert model.steps_done == done
assert model.predict(x[:10]).tobytes() == want
model.fit(x[:64], y[:64], verbose=0)
assert model.steps_done == done + 2
print("done")
"""


@pytest.mark.bounds_memory
def test_what_the_system_refuses_is_a_memory_error():
    done = subprocess.run(
        [sys.executable, "-c", LIMITED], capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout == "done\n"


HUGE = [10**9, 2**31, 2**32 + 1, 2**40, 2**53, 2**62, 2**63 - 1, 2**63, 2**64, 10**30]


def dense(n):
    return gd.Sequential([gd.Input(4), gd.Dense(n), gd.Dense(2)]).predict(np.zeros((1, 4)))


def two_dense(n):
    return gd.Sequential([gd.Input(4), gd.Dense(n), gd.Dense(n)]).predict(np.zeros((1, 4)))


def embedding(n):
    inputs = gd.Input(3, dtype="int")
    return gd.Model(inputs, gd.Embedding(n, 64)(inputs)).predict(np.zeros((1, 3), int))


def wide_embedding(n):
    inputs = gd.Input(3, dtype="int")
    return gd.Model(inputs, gd.Embedding(64, n)(inputs)).predict(np.zeros((1, 3), int))


def input_size(n):
    return gd.Sequential([gd.Input(n), gd.Dense(64)]).predict(np.zeros((1, 4)))


def image(n):
    layers = [gd.Input((n, n, 1)), gd.Conv2D(2, 3), gd.Flatten(), gd.Dense(1)]
    return gd.Sequential(layers)._engine.parameters()


def filters(n):
    return gd.Sequential([gd.Input((4, 4, 1)), gd.Conv2D(n, 3)]).predict(np.zeros((1, 4, 4, 1)))


def recurrent(n):
    return gd.Sequential([gd.Input((3, 2)), gd.LSTM(n)]).predict(np.zeros((1, 3, 2)))


ABSURD = [dense, two_dense, embedding, wide_embedding, input_size, image, filters, recurrent]


@pytest.mark.bounds_memory
@pytest.mark.parametrize("size", HUGE)
@pytest.mark.parametrize("make", ABSURD, ids=lambda f: f.__name__)
def test_absurd_sizes_are_refused_in_one_line(make, size):
    """No product of sizes wraps around: it is a MemoryError or a ValueError, and nothing crashes."""
    soft, hard = resource.getrlimit(resource.RLIMIT_AS)
    with open("/proc/self/statm") as file:
        now = int(file.read().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (now + (1 << 30), hard))
    try:
        with pytest.raises((MemoryError, ValueError)) as caught:
            make(size)
    finally:
        resource.setrlimit(resource.RLIMIT_AS, (soft, hard))
    assert "\n" not in str(caught.value) and str(caught.value)
    MODEL.fit(X, Y, seed=0, verbose=0)
    assert np.isfinite(MODEL.predict(X)).all()


@pytest.mark.bounds_memory
@pytest.mark.parametrize("size", HUGE)
def test_absurd_batches_are_as_good_as_all(size):
    assert np.array_equal(MODEL.predict(X, batch_size=size), MODEL.predict(X))
    MODEL.fit(X, Y, batch_size=size, seed=0, verbose=0)
