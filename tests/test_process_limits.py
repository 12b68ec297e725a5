"""Limits that others set, and strangers in the process: threadpoolctl, joblib, quotas, interpreters."""

import importlib.util
import os
import platform
import subprocess
import sys
from pathlib import Path

import pytest

from gdcore.runtime import _quota

pytestmark = pytest.mark.skipif(platform.system() != "Linux", reason="needs Linux: fork and /proc")

TRAIN = """
import os, sys
import numpy as np
import gdcore as gd
from gdcore.engine import thread_count
thread_count.MIN_WORK = 0

def train(i=0):
    x = np.random.default_rng(0).normal(size=(256, 64)).astype("f")
    model = gd.Sequential([gd.Dense(128, activation="relu"), gd.Dense(1)]).compile("adam", "mse")
    model.fit(x, x[:, :1], epochs=3, seed=0, verbose=0)
    return model.predict(x).tobytes()

def threads_now():
    return len(os.listdir("/proc/self/task"))
"""


def run(code, **env):
    clean = {k: v for k, v in os.environ.items() if not k.startswith(("OMP_", "GDCORE_"))}
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={**clean, **env},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.split()


# --- threadpoolctl ---------------------------------------------------------------------------


def test_threadpoolctl_sees_us():
    pytest.importorskip("threadpoolctl")
    code = "import threadpoolctl, gdcore\n"
    code += "print(*[i['filepath'] for i in threadpoolctl.threadpool_info()"
    code += " if i['user_api'] == 'openmp'])"
    seen = run(code)
    assert any("gomp" in path or "libomp" in path for path in seen)


def test_threadpoolctl_limits_us():
    """Within its limits no more threads than it allows, whatever was set; afterwards as before."""
    pytest.importorskip("threadpoolctl")
    code = (
        TRAIN
        + """
from threadpoolctl import threadpool_limits
gd.set_num_threads(3)
base = threads_now()
with threadpool_limits(1):
    inside = train()
    print(gd.get_num_threads(), threads_now() - base)
with threadpool_limits(limits=2, user_api="openmp"):
    assert train() == inside
    print(gd.get_num_threads(), threads_now() - base)
assert train() == inside
print(gd.get_num_threads(), threads_now() - base)
"""
    )
    assert run(code, OMP_NUM_THREADS="4") == ["1", "0", "2", "1", "3", "2"]


def test_a_limit_is_of_the_thread_that_set_it():
    """As everywhere with OpenMP: other Python threads have their own."""
    pytest.importorskip("threadpoolctl")
    code = (
        TRAIN
        + """
import threading
from threadpoolctl import threadpool_limits
gd.set_num_threads(2)
got = []
with threadpool_limits(1):
    other = threading.Thread(target=lambda: got.append(gd.get_num_threads()))
    other.start(); other.join()
    print(gd.get_num_threads(), *got)
"""
    )
    assert run(code, OMP_NUM_THREADS="4") == ["1", "2"]


# --- joblib ----------------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize("backend", ["loky", "multiprocessing", "threading"])
def test_joblib(backend, tmp_path):
    """Models are trained, and sent to and fro, by every kind of worker; and in the parent again."""
    pytest.importorskip("joblib")
    path = tmp_path / "jobs.py"
    path.write_text(
        TRAIN
        + f"""
import warnings
from joblib import Parallel, delayed

def ask(model, x):
    return model.predict(x).tobytes()

if __name__ == "__main__":
    warnings.simplefilter("ignore", DeprecationWarning)
    gd.set_num_threads(2)
    want = train()
    assert Parallel(n_jobs=2, backend={backend!r})(delayed(train)(i) for i in range(4)) == [want] * 4
    x = np.ones((5, 64), "f")
    model = gd.Sequential([gd.Input(64), gd.Dense(3)]).compile("adam", "mse")
    model.fit(x, x[:, :3], seed=0, verbose=0)
    got = Parallel(n_jobs=2, backend={backend!r})(delayed(ask)(model, x) for _ in range(4))
    assert got == [ask(model, x)] * 4
    assert train() == want
    print("done")
""",
        encoding="utf-8",
    )
    done = subprocess.run(
        [sys.executable, str(path)],
        env=os.environ | {"PYTHONPATH": os.pathsep.join(p for p in sys.path if p)},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == ["done"]


# --- sub-interpreters ------------------------------------------------------------------------


def test_a_sub_interpreter_refuses_or_works():
    """One line that says no, or the same bits; never a crash, and the main one goes on as before."""
    module = next(
        (m for m in ("_interpreters", "_xxsubinterpreters") if importlib.util.find_spec(m)), None
    )
    if module is None:
        pytest.skip("this Python has no sub-interpreters")
    code = (
        TRAIN
        + f"""
import {module} as interpreters
want = train()
for _ in range(2):
    inner = interpreters.create()
    try:
        failed = interpreters.run_string(inner, '''
try:
    import gdcore as gd
    import numpy as np
except ImportError as error:
    clear = "interpreter" in str(error) or "more than once" in str(error)  # NumPy's words
    print("refused" if clear else repr(error))
else:
    x = np.ones((4, 2), "f")
    model = gd.Sequential([gd.Dense(1)]).compile("sgd", "mse")
    model.fit(x, x[:, :1], verbose=0, seed=0)
    print("works" if np.isfinite(model.predict(x)).all() else "wrong")
''')
        assert not failed, failed
    finally:
        interpreters.destroy(inner)
    assert train() == want
"""
    )
    said = run(code)
    assert len(said) == 2 and set(said) <= {"refused", "works"}, said


# --- quotas and affinity ---------------------------------------------------------------------


def test_quotas_of_the_groups_above(tmp_path):
    """The least counts: of our own group, and of those that it lies in."""
    own = tmp_path / "cgroup"
    own.write_text("0::/a/b\n")
    (tmp_path / "a/b/c").mkdir(parents=True)
    (tmp_path / "a/cpu.max").write_text("200000 100000\n")
    (tmp_path / "a/b/cpu.max").write_text("max 100000\n")
    (tmp_path / "a/b/c/cpu.max").write_text("100000 100000\n")  # not ours
    assert _quota(tmp_path, own) == 2
    (tmp_path / "a/b/cpu.max").write_text("50000 100000\n")
    assert _quota(tmp_path, own) == 1
    own.write_text("4:cpu,cpuacct:/box\n2:memory:/box\n")
    (tmp_path / "cpu/box").mkdir(parents=True)
    (tmp_path / "cpu/box/cpu.cfs_quota_us").write_text("250000")
    (tmp_path / "cpu/box/cpu.cfs_period_us").write_text("100000")
    assert _quota(tmp_path, own) == 3
    own.write_text("0::/../outside\nnonsense\n")
    assert _quota(tmp_path, own) is None


def test_a_real_quota():
    """In a control group of half a processor there is one thread."""
    group = Path(f"/sys/fs/cgroup/cpu/gdcore-{os.getpid()}")
    quota = "50000", "cpu.cfs_quota_us"
    if not group.parent.is_dir():
        group = Path(f"/sys/fs/cgroup/gdcore-{os.getpid()}")
        quota = "50000 100000", "cpu.max"
    if len(os.sched_getaffinity(0)) < 2:
        pytest.skip("one processor anyway")
    try:
        group.mkdir()
    except OSError as error:
        pytest.skip(f"no control group can be made here ({error})")
    try:
        try:
            (group / quota[1]).write_text(quota[0])
        except OSError as error:
            pytest.skip(f"no quota can be set here ({error})")
        code = f"""
import os
open({str(group / "cgroup.procs")!r}, "w").write(str(os.getpid()))
import gdcore as gd
from gdcore.runtime import processors
print(gd.get_num_threads(), processors())
"""
        assert run(code) == ["1", "1"]
    finally:
        group.rmdir()
