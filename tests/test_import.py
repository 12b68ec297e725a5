"""What importing gdcore, and training with it, may not touch."""

import json
import os
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest
from test_house_rules import EDGE, OPTIONAL, X86, within

CHILD = """
import ctypes, json, os, signal, sys, threading
import numpy as np

def environment():
    libm = ctypes.CDLL("libm.so.6")
    state = ctypes.create_string_buffer(64)
    libm.fegetenv(state)
    at = 28 if %(x86)r else 0  # of MXCSR, or FPCR
    word = int.from_bytes(state.raw[at:at + 4], "little")
    return {"control": word & ~0x3f, "rounding": libm.fegetround(),
            "subnormals": 0.25 * float(np.ldexp(1.0, -1022)) != 0.0,
            "numpy": bool(np.all(np.full(64, 2.0**-1022) * 0.25 != 0))}

def everywhere():
    found = [environment()]
    worker = threading.Thread(target=lambda: found.append(environment()))
    worker.start(); worker.join()
    return found

def state():
    watched = (signal.SIGINT, signal.SIGTERM, signal.SIGFPE)
    return {"threads": len(os.listdir("/proc/self/task")), "environ": dict(os.environ),
            "fp": everywhere(), "signals": [str(signal.getsignal(s)) for s in watched],
            "errors": np.geterr()}

out = {"before": state()}
import pathlib  # which brings urllib; an interpreter with .pth files has it anyway
known = set(sys.modules)
import gdcore
out["imported"] = state()
out["modules"] = sorted(set(sys.modules) - known)
from gdcore.engine import thread_count
thread_count.MIN_WORK = 0
gdcore.set_num_threads(2)
x = np.random.default_rng(0).normal(size=(64, 8)).astype("f")
model = gdcore.Sequential([gdcore.Dense(32, activation="relu"), gdcore.Dense(1)])
model.compile("adam", "mse")
model.fit(x, x[:, 0], epochs=2, seed=0)
model.predict(x)
out["fitted"] = state()
def another():
    other = gdcore.Sequential([gdcore.Dense(4), gdcore.Dense(1)]).compile("sgd", "mse")
    other.fit(x, x[:, 0], seed=0)
    out["thread"] = environment()
worker = threading.Thread(target=another); worker.start(); worker.join()
print(json.dumps(out))
"""


@pytest.fixture(scope="module")
def child():
    if not Path("/proc/self/task").exists():
        pytest.skip("needs /proc")
    env = {k: v for k, v in os.environ.items() if not k.startswith(("OMP_", "GDCORE_"))}
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", CHILD % {"x86": X86}],
        env=env,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_import_takes_nothing_optional(child):
    new = {m.split(".")[0] for m in child["modules"]}
    assert not new & OPTIONAL
    assert not [m for m in child["modules"] if within(m, *EDGE)]
    assert not new & {
        "argparse",
        "json",
        "subprocess",
        "multiprocessing",
        "urllib",
        "socket",
        "csv",
        "difflib",
    }


@pytest.mark.skipif(not sysconfig.get_config_var("Py_GIL_DISABLED"), reason="Python with a GIL")
def test_import_leaves_the_gil_off():
    code = "import sys, gdcore; print(sys._is_gil_enabled())"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"


def test_import_starts_no_thread(child):
    assert child["imported"]["threads"] == child["before"]["threads"]


@pytest.mark.parametrize("when", ["imported", "fitted"])
def test_process_is_left_as_it_was(child, when):
    for key in ("environ", "signals", "errors", "fp"):
        assert child[when][key] == child["before"][key]


@pytest.mark.parametrize("when", ["imported", "fitted"])
def test_subnormals_are_not_flushed(child, when):
    assert all(fp["subnormals"] and fp["numpy"] for fp in child[when]["fp"])
    assert child["thread"] == child["before"]["fp"][0]
