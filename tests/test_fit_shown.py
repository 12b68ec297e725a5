"""What fit shows while it trains, and Ctrl-C."""

import io
import os
import re
import signal
import subprocess
import sys
import threading
import time

import pytest
from test_fit import X, Y, compiled

from gdcore.show import progress

# --- what is shown -----------------------------------------------------------------


class Terminal(io.StringIO):
    def isatty(self):
        return True


def shown(monkeypatch, stream, **options):
    monkeypatch.setattr(sys, "stderr", stream)
    compiled(metrics=["accuracy"]).fit(X, Y, epochs=3, seed=0, validation_split=0.2, **options)
    return stream.getvalue()


@pytest.mark.parametrize("stream", [io.StringIO, Terminal])
def test_verbose_0_is_silent(monkeypatch, capsys, stream):
    assert shown(monkeypatch, stream(), verbose=0) == ""
    assert capsys.readouterr().out == ""


def test_auto_prints_the_last_line_where_output_is_no_terminal(monkeypatch):
    (line,) = shown(monkeypatch, io.StringIO()).splitlines()
    assert line.startswith("epoch 3/3  loss ") and "\x1b" not in line
    assert "\r" in shown(monkeypatch, Terminal())


@pytest.mark.parametrize(("stream", "verbose"), [(io.StringIO, 1), (io.StringIO, 2), (Terminal, 2)])
def test_a_line_for_each_epoch(monkeypatch, stream, verbose):
    lines = shown(monkeypatch, stream(), verbose=verbose).splitlines()
    assert len(lines) == 3
    for i, line in enumerate(lines):
        assert re.search(rf"\b{i + 1}/3\b", line)
        for word in ("loss ", "accuracy ", "val_loss ", "val_accuracy "):
            assert word in line
        assert "\x1b" not in line and "\r" not in line


def test_a_bar_on_a_terminal_is_drawn_over(monkeypatch):
    text = shown(monkeypatch, Terminal(), verbose=1)
    assert "\r" in text and "3/3" in text
    assert text.endswith("\n")


def test_durations_and_rates():
    assert [progress.duration(s) for s in (1.23, 42, 90, 3700)] == ["1.2s", "42s", "1m30s", "1h01m"]
    assert [progress.rate(r) for r in (12, 3400, 5.1e6)] == ["12/s", "3.4k/s", "5.1M/s"]


# --- Ctrl-C ------------------------------------------------------------------------

INTERRUPTED = """
import sys, time
import numpy as np
import gdcore as gd

rng = np.random.default_rng(0)
x = rng.normal(size=(20000, 64)).astype("f")
wide = [gd.Dense(256, activation="relu") for _ in range(2)]
model = gd.Sequential([*wide, gd.Dense(1)])
model.compile("adam", "mse", metrics=[{metrics}])
gd.set_num_threads({threads})
model.fit(x[:100], x[:100, :1], seed=0)
before = model.steps_done
print("ready", flush=True)
try:
    model.fit(x, x[:, :1], epochs=10**6, batch_size=64)
except KeyboardInterrupt:
    print(time.time(), flush=True)
else:
    sys.exit("not interrupted")
assert model.steps_done > before
assert all(np.isfinite(w).all() for w in model.get_weights())
model.predict(x[:10])
steps = model.steps_done
history = model.fit(x[:640], x[:640, :1], epochs=1, batch_size=64)
assert np.isfinite(history["loss"]).all() and model.steps_done == steps + 10
print("done", flush=True)
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs POSIX signals")
@pytest.mark.parametrize(("threads", "metrics"), [(1, ""), (2, ""), (1, "'r2'")])
def test_ctrl_c(threads, metrics):
    """Heard within half a second; the model is usable and training goes on."""
    code = INTERRUPTED.format(threads=threads, metrics=metrics)
    child = subprocess.Popen(
        [sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    guard = threading.Timer(90, child.kill)  # a read that nothing answers ends then
    guard.start()
    try:
        assert child.stdout.readline().strip() == "ready"
        time.sleep(0.4)
        sent = time.time()
        child.send_signal(signal.SIGINT)
        line = child.stdout.readline()
        # not communicate(): it does not see what readline has read ahead
        out, err = child.stdout.read(), child.stderr.read()
        child.wait()
    finally:
        guard.cancel()
        child.kill()
        child.stdout.close()
        child.stderr.close()
    assert child.returncode == 0, err
    assert float(line) - sent < 0.5
    assert out.strip() == "done"
