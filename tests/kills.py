"""Processes that are killed while they save and train, and what they leave.

`python tests/kills.py 1000` kills 1,000 of each kind, with SIGKILL at random moments, and prints what
came of it. Anything but a readable file and the same bits ends it with an error. `--seed` repeats a
run's moments as far as clocks allow.
"""

import argparse
import hashlib
import os
import random
import signal
import sys
import tempfile
import time
import traceback
import warnings
from contextlib import suppress
from pathlib import Path

import numpy as np

import gdcore as gd
from gdcore.callbacks import EarlyStopping
from gdcore.checkpoints import files
from gdcore.checkpoints.folder import checkpoints
from gdcore.data import shuffle as order
from gdcore.engine import thread_count

RNG = np.random.default_rng(11)
X = RNG.normal(size=(600, 24)).astype(np.float32)
Y = RNG.integers(0, 4, 600)


def dense():
    return gd.Sequential(
        [
            gd.Input(24),
            gd.Dense(96, activation="relu"),
            gd.Dropout(0.2),
            gd.BatchNorm(),
            gd.Dense(4),
        ]
    ).compile(gd.Adam(gd.schedules.Cosine(0.01, 300)), "cross_entropy", metrics=["accuracy"])


def plateau():
    return gd.Sequential(
        [gd.Input(24), gd.GaussianNoise(0.1), gd.Dense(48, activation="tanh"), gd.Dense(4)]
    ).compile(
        gd.SGD(gd.schedules.ReduceOnPlateau(0.1, patience=1), momentum=0.9),
        "cross_entropy",
        metrics=["roc_auc", "f1"],
        dtype="float64",
    )


MODELS = {"dense": dense, "plateau": plateau, "mapped": dense}


def mapped(folder):
    """The same numbers in a file, read in blocks of a few rows."""
    order.BLOCK, order.WINDOW = 4 * X.shape[1], 20
    path = Path(folder, "x.npy")
    if not path.exists():
        with tempfile.NamedTemporaryFile(dir=folder, delete=False) as file:
            np.save(file, X[:500])
        os.replace(file.name, path)
    return np.load(path, mmap_mode="r")


def sparse(folder):
    """Their positive ones, as sparse rows."""
    return csr_array(np.maximum(X[:500], 0))


INPUTS = {"mapped": mapped}
with suppress(ImportError):
    from scipy.sparse import csr_array

    MODELS["sparse"], INPUTS["sparse"] = plateau, sparse


def digest(model):
    """Of all that training has made."""
    memory = model._engine.parameters()
    text = repr((model.history.history, model.steps_done, model.epochs_done)).encode()
    parts = [*(w.tobytes() for w in model.get_weights()), memory.slots.tobytes(), text]
    return hashlib.sha256(b"".join(parts)).hexdigest()


def train(name, folder, threads=1, every=None):
    """The same training run, however often it is begun."""
    thread_count.MIN_WORK = 0
    gd.set_num_threads(threads)
    model = MODELS[name]()
    callbacks = [EarlyStopping("val_loss", patience=50)]
    if folder is not None:
        callbacks.append(
            gd.Checkpoint(folder, **(every or {"every_steps": 7}), keep=2, monitor="val_loss")
        )
    with tempfile.TemporaryDirectory() as aside:
        place = aside if folder is None else folder.parent
        x = INPUTS[name](place) if name in INPUTS else X[:500]
        model.fit(
            x,
            Y[:500],
            batch_size=16,
            epochs=8,
            shuffle="blocks" if name == "mapped" else True,
            validation_data=(X[500:], Y[500:]),
            callbacks=callbacks,
            seed=5,
            resume_from=folder,
        )
    return digest(model)


def child(function, *args):
    """Run a function in a process of its own; returns its number and the end of a pipe."""
    ours, theirs = os.pipe()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # there is one thread here
        number = os.fork()
    if number:
        os.close(theirs)
        return number, ours
    try:
        os.close(ours)
        os.write(theirs, function(*args).encode())
        os._exit(0)
    except BaseException:
        traceback.print_exc()
        os._exit(1)


def ended(number, pipe, after=None):
    """What a child says, or None if it was killed before it could."""
    if after is not None:
        time.sleep(after)
        os.kill(number, signal.SIGKILL)
    said = b""
    while part := os.read(pipe, 4096):
        said += part
    os.close(pipe)
    _, status = os.waitpid(number, 0)
    code = os.waitstatus_to_exitcode(status)
    if code == -signal.SIGKILL:
        return None
    if code:
        raise AssertionError(f"a child ended with {code}")
    return said.decode()


def leftovers(folder):
    return [n for n in os.listdir(folder) if n.endswith(".tmp")]


def kill_training(kills, rng, log=print):
    """Kills of training runs with checkpoints; each run is begun again until it is through.

    Returns
    -------
    dict
        Kills, runs that came through, checkpoints that were read.
    """
    want = {name: ended(*child(train, name, None)) for name in MODELS}
    begun = time.monotonic()
    ended(*child(train, "dense", None))
    long = 1.5 * (time.monotonic() - begun)
    counts = {"kills": 0, "runs": 0, "read": 0}
    while counts["kills"] < kills:
        name = rng.choice(sorted(MODELS))
        every = rng.choice([{"every_steps": 7}, {"every_steps": 1}, {"every_seconds": 0.002}, {}])
        with tempfile.TemporaryDirectory() as folder:
            folder, got, seen = Path(folder, "run"), None, 0
            while got is None:
                one = child(train, name, folder, rng.choice([1, 2]), every)
                through = counts["kills"] >= kills
                got = ended(*one, None if through else rng.uniform(0.0, long))
                counts["kills"] += got is None
                # Whatever there is can be read, and nothing that was there is lost.
                if checkpoints(folder):
                    with warnings.catch_warnings():
                        warnings.simplefilter("error")
                        path, _ = files.newest(folder)
                    assert checkpoints(folder)[-1][0] >= seen
                    seen = checkpoints(folder)[-1][0]
                    gd.load(path).predict(X[:2])
                    counts["read"] += 1
                else:
                    assert not seen, "the checkpoints are gone"
            assert got == want[name], f"{name}: other bits after {counts}"
            assert leftovers(folder) == [], "what killed writers left is still there"
            counts["runs"] += 1
            log(f"killed {counts['kills']}, through {counts['runs']}", flush=True)
    return counts


def rewrite(model, path, begun, times=10_000):
    """Save again and again, a model whose weights all are the number of the time."""
    for number in range(begun, begun + times):
        model.set_weights([np.full_like(w, number) for w in model.get_weights()])
        model.save(path)
    return ""


def kill_saving(kills, rng, log=print):
    """Kills of processes that save to one file: it is always one of those that were written."""
    counts = {"kills": 0, "seen": 0}
    with tempfile.TemporaryDirectory() as folder:
        path, last, times = Path(folder, "model.safetensors"), 1, 20
        model = gd.Sequential([gd.Input(300), gd.Dense(300), gd.Dense(50)]).compile("adam", "mse")
        begun = time.monotonic()
        ended(*child(rewrite, model, path, last, times))
        long = 3.0 * (time.monotonic() - begun) / times  # some three files
        while counts["kills"] < kills:
            assert ended(*child(rewrite, model, path, last + 1), rng.uniform(0.0, long)) is None
            counts["kills"] += 1
            assert path.exists(), "the file is gone"
            weights = gd.load(path).get_weights()
            numbers = {float(v) for w in weights for v in np.unique(w)}
            assert len(numbers) == 1, f"a mixture of {numbers}"
            (now,) = numbers
            assert now >= last, f"{now} after {last}"
            counts["seen"] += now > last
            last = int(now)
            if counts["kills"] % 100 == 0:
                log(f"killed {counts['kills']}, last {last}", flush=True)
        gd.load(path).save(path)
        assert leftovers(folder) == []
    return counts


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("kills", type=int)
    parser.add_argument("--seed", type=int, default=None)
    args = parser.parse_args()
    seed = random.randrange(10**6) if args.seed is None else args.seed
    print(f"seed {seed}")
    rng = random.Random(seed)
    print("training:", kill_training(args.kills, rng))
    print("saving:", kill_saving(args.kills, rng))


if __name__ == "__main__":
    sys.exit(main())
