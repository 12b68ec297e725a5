"""200 steps of one training run, whatever else happens in the process: one digest for all ways.

Each way is a program of its own. `python tests/test_two_hundred_steps.py` prints the digest of each.
"""

import importlib.util
import os
import subprocess
import sys

import pytest

COMMON = """
import hashlib, os, sys, tempfile, threading
import numpy as np

def load():
    global gd, thread_count
    import gdcore as gd
    from gdcore.engine import thread_count
    thread_count.MIN_WORK = 0   # threads for this small network too

def make(width=96):
    return gd.Sequential([
        gd.Input(64), gd.Dense(width, activation="gelu"), gd.Dropout(0.3), gd.BatchNorm(),
        gd.Dense(64, activation="tanh"), gd.LayerNorm(), gd.Dense(5),
    ]).compile(gd.Adam(gd.schedules.Cosine(0.01, 200), clip_norm=1.0), "cross_entropy")

rng = np.random.default_rng(5)
X, Y = rng.normal(size=(310, 64)).astype("f"), rng.integers(0, 5, 310)   # 10 steps an epoch

def train(model=None, epochs=20, **more):
    model = make() if model is None else model
    model.fit(X, Y, batch_size=32, epochs=epochs, seed=3, verbose=0, **more)
    return model

def digest(model):
    assert model.steps_done == 200, model.steps_done
    memory = model._engine.parameters()
    parts = [memory.params, memory.slots, memory.states]
    return hashlib.sha256(b"".join(p.tobytes() for p in parts)).hexdigest()

def other_threads(library):
    if library == "torch":
        import torch
        assert (torch.ones(400, 400) @ torch.ones(400, 400)).sum() > 0
    elif library == "sklearn":
        from sklearn.cluster import KMeans
        KMeans(2, n_init=1).fit(np.random.rand(3000, 4))
    else:
        np.ones((600, 600)) @ np.ones((600, 600))

def in_child(function):
    ours, theirs = os.pipe()
    child = os.fork()
    if child == 0:
        os.write(theirs, function().encode())
        os._exit(0)
    os.close(theirs)
    said = os.read(ours, 100).decode()
    assert os.waitpid(child, 0)[1] == 0
    return said

class Stop(Exception):
    pass

def stopped_at(step):
    '''A callback that ends training after a step, as a crash would.'''
    class At(gd.Callback):
        def on_batch_end(self, batch, logs):
            if self.model.steps_done == step:
                raise Stop
    return At()

def resumed(step):
    with tempfile.TemporaryDirectory() as folder:
        try:
            train(callbacks=[gd.Checkpoint(folder, every_steps=1), stopped_at(step)])
        except Stop:
            pass
        return digest(train(resume_from=folder))

def two_at_once():
    got = {}
    other = threading.Thread(target=lambda: got.setdefault("other", digest(train())))
    noise = threading.Thread(target=lambda: train(make(200)))
    other.start(), noise.start()
    mine = digest(train())
    other.join(), noise.join()
    assert got["other"] == mine
    return mine

def several_calls():
    model = make()
    for _ in range(20):
        train(model, 1)
    return digest(model)
"""

WAYS = {
    **{f"{n} threads": f"load(); gd.set_num_threads({n}); print(digest(train()))" for n in (1, 2, 3, 7)},
    "a call for each epoch": "load(); gd.set_num_threads(2); print(several_calls())",
    "resumed at many steps": (
        "load(); gd.set_num_threads(2); print(*{resumed(s) for s in (1, 9, 10, 11, 57, 133, 199)})"
    ),
    "two models in two threads": "load(); gd.set_num_threads(2); print(two_at_once())",
    "in a child, before": "load(); gd.set_num_threads(2); print(in_child(lambda: digest(train())))",
    "in a child, after": (
        "load(); gd.set_num_threads(2); a = digest(train()); b = in_child(lambda: digest(train()))\n"
        "print(*{a, b, digest(train())})"
    ),
    "beside BLAS": (
        "other_threads('blas'); load(); a = digest(train()); other_threads('blas')\n"
        "print(*{a, digest(train())})"
    ),
    **{
        f"{first}, {second}, gdcore": (
            f"other_threads({first!r}); other_threads({second!r}); load(); print(digest(train()))"
        )
        for first, second in (("torch", "sklearn"), ("sklearn", "torch"))
    },
    **{
        f"{first}, gdcore, {second}": (
            f"other_threads({first!r}); load(); a = digest(train()); other_threads({second!r})\n"
            "print(*{a, digest(train())})"
        )
        for first, second in (("torch", "sklearn"), ("sklearn", "torch"))
    },
    "gdcore, torch, sklearn": (
        "load(); a = digest(train()); other_threads('torch'); other_threads('sklearn')\n"
        "print(*{a, digest(train())})"
    ),
}  # fmt: skip


def digests_of(way):
    clean = {k: v for k, v in os.environ.items() if not k.startswith("OMP_")}
    done = subprocess.run(
        [sys.executable, "-c", COMMON + "\n" + WAYS[way]],
        env=clean, capture_output=True, text=True, timeout=240, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout.split()


def can_run(way):
    needs = [name for name in ("torch", "sklearn") if name in way]
    forks = "child" in way
    return all(map(importlib.util.find_spec, needs)) and (hasattr(os, "fork") or not forks)


@pytest.fixture(scope="module")
def wanted():
    return digests_of("1 threads")


@pytest.mark.slow
@pytest.mark.parametrize("way", WAYS)
def test_the_same_bits(way, wanted):
    if not can_run(way):
        pytest.skip("needs a library, or fork, that is not here")
    assert digests_of(way) == wanted


if __name__ == "__main__":
    for name in filter(can_run, WAYS):
        print(*digests_of(name), name)
