"""Other processes and libraries: forks do not hang, idle threads do not burn, limits are obeyed."""

import os
import platform
import subprocess
import sys
from pathlib import Path

import pytest

LINUX = platform.system() == "Linux"
pytestmark = pytest.mark.skipif(not LINUX, reason="needs Linux: fork and /proc")

TRAIN = """
import os, sys, time
import numpy as np
import gdcore as gd
from gdcore.engine import thread_count
thread_count.MIN_WORK = 0

def train(epochs=3):
    x = np.random.default_rng(0).normal(size=(256, 64)).astype("f")
    model = gd.Sequential([gd.Dense(128, activation="relu"), gd.Dense(1)]).compile("adam", "mse")
    model.fit(x, x[:, :1], epochs=epochs, seed=0)
    return model.predict(x).tobytes()
"""


def run(code, timeout=60, **env):
    """Output of a Python program; a program that hangs fails."""
    clean = {k: v for k, v in os.environ.items() if not k.startswith(("OMP_", "GDCORE_"))}
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={**clean, **env},
        capture_output=True,
        text=True,
        timeout=timeout,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.split()


FORK = (
    TRAIN
    + """
gd.set_num_threads(2)
want = train() if {before} else None
if {before} == 2:   # from a thread of its own: another team of workers
    import threading
    worker = threading.Thread(target=train); worker.start(); worker.join()
children = []
for _ in range(3):
    ours, theirs = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.close(ours)
        got = train()
        again = os.fork() if {grandchild} else None     # and their children
        if again == 0:
            os._exit(0 if train() == got else 3)
        if again is not None and os.waitpid(again, 0)[1] != 0:
            os._exit(4)
        os.write(theirs, got[:64])
        os._exit(0)
    os.close(theirs)
    children.append((pid, ours))
heads = []
for pid, ours in children:
    assert os.waitpid(pid, 0)[1] == 0
    heads.append(os.read(ours, 64))
here = train()
assert all(h == here[:64] for h in heads)
assert want is None or want == here
print("done")
"""
)


@pytest.mark.filterwarnings("ignore:This process.*is multi-threaded")
@pytest.mark.parametrize("grandchild", [False, True])
@pytest.mark.parametrize(
    "before", [0, 1, 2], ids=["fork first", "train first", "train in a thread first"]
)
def test_fork(before, grandchild):
    """A child of a process whose workers ran trains, with the same bits; so does its parent."""
    assert run(FORK.format(before=before, grandchild=grandchild)) == ["done"]


POOL = (
    TRAIN
    + """
import multiprocessing, warnings
if __name__ == "__main__":
    warnings.simplefilter("ignore", DeprecationWarning)
    gd.set_num_threads(2)
    want = train()
    context = multiprocessing.get_context({method!r})
    with context.Pool(2) as pool:
        got = pool.map_async(train, [3, 3, 3]).get(60)
    assert got == [want] * 3
    assert train() == want
    print("done")
"""
)


FORK_WHILE_SAVING = """
import importlib.abc, os, signal, sys, threading
import gdcore as gd
model = gd.Sequential([gd.Input(2), gd.Dense(1)])
model._engine.parameters()
begun = threading.Event()
class Slow(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path, target=None):
        if name == sys.argv[1] and threading.current_thread() is not threading.main_thread():
            begun.set()
            threading.Event().wait(0.5)
sys.meta_path.insert(0, Slow())
thread = threading.Thread(target=model.save, args=("parent",))
thread.start()
assert begun.wait(60)
child = os.fork()
if child == 0:
    signal.alarm(60)
    model.save("child")
    os._exit(0)
status = os.waitpid(child, 0)[1]
thread.join()
for name in ("parent", "child"):
    gd.load(name)
print("status", status)
"""


@pytest.mark.parametrize("module", ["gdcore.io.model_file", "gdcore.io.graph_json"])
def test_fork_while_another_thread_saves_for_the_first_time(module, tmp_path):
    """What a save imports is imported under locks of the interpreter, which a child would inherit."""
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", FORK_WHILE_SAVING, module],
        cwd=tmp_path, capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert done.stdout == "status 0\n", done.stdout + done.stderr


@pytest.mark.parametrize("method", ["fork", "forkserver", "spawn"])
def test_multiprocessing(method, tmp_path):
    path = tmp_path / "pooled.py"
    path.write_text(POOL.format(method=method), encoding="utf-8")
    done = subprocess.run(
        [sys.executable, str(path)], capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == ["done"]


def test_threads_of_python_fork_and_train():
    """concurrent.futures: a pool of threads that train, and then a pool of processes."""
    code = (
        TRAIN
        + """
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
import multiprocessing
gd.set_num_threads(2)
with ThreadPoolExecutor(3) as pool:
    got = set(pool.map(train, [2] * 6))
with ProcessPoolExecutor(2, mp_context=multiprocessing.get_context("fork")) as pool:
    got |= set(pool.map(train, [2] * 4))
assert len(got) == 1
print("done")
"""
    )
    assert run(code) == ["done"]


OTHERS = {
    "torch": "import torch; assert (torch.ones(300, 300) @ torch.ones(300, 300)).sum() > 0",
    "sklearn": "import numpy; from sklearn.cluster import KMeans; "
    "KMeans(2, n_init=1).fit(numpy.random.rand(3000, 4))",
    "lightgbm": "import lightgbm",
}


@pytest.mark.slow
@pytest.mark.parametrize("first", [True, False], ids=["the other first", "gdcore first"])
@pytest.mark.parametrize("fork", [False, True], ids=["", "forked"])
@pytest.mark.parametrize("other", OTHERS)
def test_beside_another_openmp(other, first, fork):
    """Two OpenMP runtimes in one process: before, after and in a child, always the same bits."""
    pytest.importorskip(other)
    imports = (
        [OTHERS[other], TRAIN]
        if first
        else [TRAIN + "gd.set_num_threads(2); before = train()\n", OTHERS[other]]
    )
    code = (
        "\n".join([*imports, f"forked = {fork}"])
        + """
gd.set_num_threads(2)
want = train()
"""
        + OTHERS[other].split(";", 1)[-1].strip()
        + """
assert train() == want
if forked:
    pid = os.fork()
    if pid == 0:
        os._exit(0 if train() == want else 3)
    assert os.waitpid(pid, 0)[1] == 0
print("done")
"""
    )
    assert run(code, timeout=120)[-1] == "done"


@pytest.mark.slow
def test_all_at_once():
    """torch, scikit-learn and gdcore by turns in one process."""
    pytest.importorskip("torch")
    pytest.importorskip("sklearn")
    code = "\n".join(
        [
            OTHERS["torch"],
            OTHERS["sklearn"],
            TRAIN,
            "gd.set_num_threads(2)",
            "want = train()",
            "for _ in range(3):",
            "    a = torch.randn(400, 400) @ torch.randn(400, 400)",
            "    KMeans(2, n_init=1).fit(np.random.rand(2000, 4))",
            "    assert train() == want",
            "print('done')",
        ]
    )
    assert run(code, timeout=120)[-1] == "done"


def test_idle_after_fit():
    """One second after training, no thread of it spins: less than 1 % of a processor."""
    code = (
        TRAIN
        + """
gd.set_num_threads(2)
train(20)
time.sleep(1.0)
def spent():
    fields = open("/proc/self/stat").read().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
begin = spent()
time.sleep(2.0)
print((spent() - begin) / 2.0)
"""
    )
    (share,) = run(code)
    assert float(share) <= 0.01


THREADS = "import gdcore as gd; print(gd.get_num_threads())"


@pytest.mark.parametrize(
    ("value", "want"), [("1", "1"), ("2", "2"), ("5", "5"), (" 3 ", "3"), ("4,2", "4")]
)
def test_omp_num_threads_is_obeyed(value, want):
    assert run(THREADS, OMP_NUM_THREADS=value) == [want]


@pytest.mark.parametrize("value", ["0", "-1", "two", "1.5"])
def test_omp_num_threads_that_is_no_number(value):
    code = (
        "import gdcore as gd\ntry:\n    gd.get_num_threads()\nexcept ValueError as e:\n    print(e)"
    )
    text = " ".join(run(code, OMP_NUM_THREADS=value))
    assert text == f"OMP_NUM_THREADS={value!r}: expected a whole number of at least 1"


def test_threads_that_run_are_as_many_as_asked():
    """Counted while a step runs on 1, 2 and 3 threads."""
    code = (
        TRAIN
        + """
base = len(os.listdir("/proc/self/task"))
for n in (1, 2, 3):
    gd.set_num_threads(n)
    train()
    print(len(os.listdir("/proc/self/task")) - base)
"""
    )
    assert run(code) == ["0", "1", "2"]


def test_small_steps_start_no_threads():
    code = (
        TRAIN.replace("thread_count.MIN_WORK = 0", "")
        + """
x = np.zeros((32, 8), "f")
base = len(os.listdir("/proc/self/task"))
gd.set_num_threads(2)
gd.Sequential([gd.Dense(8), gd.Dense(1)]).compile("sgd", "mse").fit(x, x[:, 0], seed=0)
print(len(os.listdir("/proc/self/task")) - base)
"""
    )
    assert run(code) == ["0"]


def test_affinity_is_respected():
    code = "import os; os.sched_setaffinity(0, {sorted(os.sched_getaffinity(0))[0]}); " + THREADS
    assert run(code) == ["1"]


def test_never_more_threads_than_processors():
    assert 1 <= int(run(THREADS)[0]) <= len(os.sched_getaffinity(0))


def test_quota_of_a_container(tmp_path):
    from gdcore.runtime import _quota

    (tmp_path / "cpu.max").write_text("150000 100000\n")
    assert _quota(tmp_path) == 2
    (tmp_path / "cpu.max").write_text("max 100000\n")
    assert _quota(tmp_path) is None
    (tmp_path / "cpu.max").unlink()
    (tmp_path / "cpu").mkdir()
    (tmp_path / "cpu/cpu.cfs_quota_us").write_text("50000")
    (tmp_path / "cpu/cpu.cfs_period_us").write_text("100000")
    assert _quota(tmp_path) == 1
    (tmp_path / "cpu/cpu.cfs_quota_us").write_text("-1")
    assert _quota(tmp_path) is None
    assert _quota(Path(tmp_path / "nowhere")) is None


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ("avx1024", "unknown instruction set in GDCORE_ISA 'avx1024'"),
        ("AVX2", "did you mean 'avx2'"),
    ],
)
def test_unknown_instruction_set_is_an_error(value, words):
    done = subprocess.run(
        [sys.executable, "-c", "import gdcore"],
        env={**os.environ, "GDCORE_ISA": value},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 1
    last = done.stderr.strip().splitlines()[-1]
    assert last.startswith("ValueError: ") and (
        words in last or platform.machine() not in ("x86_64", "AMD64")
    )
