"""Help and information, and the command as a process: pipes, terminals, Ctrl-C."""

import os
import re
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest
from commands import fact, run

import gdcore as gd
from gdcore import runtime
from gdcore.cli.examples import EXAMPLES


@pytest.mark.parametrize("command", EXAMPLES)
def test_help_has_examples(capsys, command):
    code, out, err = run(capsys, *([command] if command else []), "--help")
    assert (code, err) == (0, "")
    assert "examples:" in out and f"gdcore {command}" in out
    assert max(map(len, out.splitlines())) <= 120


def test_no_command_shows_the_help(capsys):
    assert run(capsys) == (0, run(capsys, "--help")[1], "")
    assert run(capsys, "--version")[1] == f"gdcore {gd.__version__}\n"


def options_of_examples():
    """Every example of `--help` that trains, as words."""
    lines = [line.strip() for text in EXAMPLES.values() for line in text.splitlines()]
    return sorted({line for line in lines if line.startswith("gdcore ")})


@pytest.mark.parametrize("line", options_of_examples())
def test_examples_of_the_help_are_understood(line):
    from gdcore.cli.parser import make_parser

    assert make_parser().parse_args(line.split()[1:]).command == line.split()[1]


def test_info(capsys):
    code, out, _ = run(capsys, "info")
    assert code == 0
    found = dict(re.split(r"  +", line, maxsplit=1) for line in out.splitlines())
    assert found["gdcore"] == gd.__version__
    assert found["isa"].startswith(runtime.ISA_NAME)
    assert all(name in found["isa"] for name in runtime.isas_here())
    assert found["threads"].startswith("1")
    assert found["numpy"] == np.__version__
    assert "-ffp-contract=off" in found["build flags"]
    if sys.platform == "linux" and "none" not in found["openmp"]:
        assert re.search(r"\(20\d{4}\), /.*lib(g|i)?omp", found["openmp"])
        assert "unknown" not in found["compiler"]


def process(*words, **settings):
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    return subprocess.Popen(
        [sys.executable, "-m", "gdcore", *words], env=environment, text=True, **settings
    )


def test_the_module_is_the_command():
    done = process(
        "train", "digits", "--loss", "mse", stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    out, err = done.communicate(timeout=60)
    assert (done.returncode, out) == (2, "")
    assert err.startswith("gdcore train: digits holds classes")


@pytest.mark.skipif(os.name != "posix", reason="POSIX pipes")
def test_a_reader_that_stops_early(capsys):
    np.save("x.npy", np.zeros((200_000, 64), np.float32))
    assert (
        run(capsys, "train", "digits", "--epochs", 1, "--hidden", "none", "--out", "m", "--quiet")[
            0
        ]
        == 0
    )
    done = process("predict", "m", "x.npy", stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert done.stdout.readline() == "prediction\n"
    done.stdout.close()
    assert done.stderr.read() == ""
    done.stderr.close()
    assert done.wait(timeout=60) == 1


@pytest.mark.skipif(os.name != "posix", reason="needs a pseudo-terminal")
def test_ctrl_c_on_a_terminal_saves_the_model(capsys):
    import pty

    ours, theirs = pty.openpty()
    begun = process(
        "train",
        "digits",
        "--epochs",
        "1000000",
        "--out",
        "m",
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        start_new_session=True,
    )
    os.close(theirs)
    guard = threading.Timer(90, begun.kill)  # a read that nothing answers ends then
    guard.start()
    shown = b""
    deadline = time.monotonic() + 60
    while shown.count(b"\r\x1b[2K") < 3 and time.monotonic() < deadline:
        shown += os.read(ours, 4096)
    os.kill(begun.pid, signal.SIGINT)
    try:
        while chunk := os.read(ours, 4096):
            shown += chunk
    except OSError:  # the other side is closed
        pass
    os.close(ours)
    code = begun.wait(timeout=30)
    guard.cancel()
    assert code == 130
    text = shown.decode()
    assert "Traceback" not in text
    assert re.search(
        r"gdcore train: interrupted after [\d,]+ steps \(\d+ epochs\); the model is saved in m",
        text,
    )
    assert "samples/s" not in text.rpartition("interrupted")[2]
    code, out, _ = run(capsys, "evaluate", "m", "digits")
    assert code == 0 and fact(out, "accuracy") > 0.2


def test_ctrl_c_before_the_first_step(capsys, monkeypatch):
    def interrupt(*args, **kwargs):
        raise KeyboardInterrupt

    monkeypatch.setattr(gd.Sequential, "fit", interrupt)
    code, _, err = run(capsys, "train", "digits", "--out", "m")
    assert (code, err) == (130, "gdcore train: interrupted\n")
    assert not Path("m").exists()
