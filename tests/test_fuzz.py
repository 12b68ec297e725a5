"""The fuzzer itself, and a short run of it over every reader; GDCORE_LONG=seconds makes it long."""

import os
import random
import subprocess
import sys
import warnings
from pathlib import Path

import pytest
from fuzz.coverage import Coverage
from fuzz.guard import Finding, Guard
from fuzz.mutate import mutate_bytes, mutate_rows, mutate_tree
from fuzz.targets import TARGETS

import gdcore

ROOT = Path(__file__).resolve().parent.parent
SECONDS = float(os.environ.get("GDCORE_LONG", "0"))
INPUTS = 1500  # of each reader otherwise: the same ones every time
NEEDS = {"onnx": "onnx"}


def child(*arguments):
    return subprocess.run(
        [sys.executable, "-W", "error", "-m", "tests.fuzz", *arguments],
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.slow
@pytest.mark.parametrize("target", TARGETS)
def test_readers_survive(target, tmp_path):
    if target in NEEDS:
        pytest.importorskip(NEEDS[target])
    how_long = ("--seconds", str(SECONDS / len(TARGETS))) if SECONDS else ("--inputs", str(INPUTS))
    done = child("--target", target, *how_long, "--out", str(tmp_path))
    print(done.stdout)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "0 findings" in done.stdout


# --- the fuzzer can fail ---------------------------------------------------------------


@pytest.fixture(scope="module")
def guard(tmp_path_factory):
    """One for all tests: what it hooks into stays for the life of the process."""
    return Guard(tmp_path_factory.mktemp("inputs"))


def opens_elsewhere(path):
    with open(__file__):
        raise ValueError("no such thing")


def evaluates(path):
    exec("1")


def spins(path):
    while True:
        pass


def fills(path):
    return bytes(50_000_000)


def raises(error):
    def reader(path):
        raise error

    return reader


def warns(path):
    warnings.warn("x", stacklevel=1)


BAD = {
    "another file": (opens_elsewhere, "opened"),
    "code": (evaluates, "exec"),
    "a hang": (spins, "processor time"),
    "memory": (fills, "bytes of memory"),
    "another error": (raises(KeyError("x")), "KeyError"),
    "two lines": (raises(ValueError("a\nb")), "one line"),
    "no text": (raises(ValueError()), "one line"),
    "a warning": (warns, "UserWarning"),
}


@pytest.mark.parametrize("what", BAD)
def test_what_a_reader_must_not_do_is_found(what, guard, monkeypatch):
    monkeypatch.setattr("fuzz.guard.CPU_SECONDS", 0.2)
    reader, message = BAD[what]
    path = os.path.join(guard.folder, "input")
    Path(path).write_bytes(b"x")
    with pytest.raises(Finding, match=message):
        guard.read(reader, path, bound=1_000_000)


def test_what_a_reader_may_do_is_not(guard):
    path = os.path.join(guard.folder, "input")
    Path(path).write_bytes(b"x")
    assert guard.read(lambda p: Path(p).read_bytes(), path, bound=1_000_000) == ("accepted", b"x")
    assert guard.read(raises(OSError(5, "broken")), path)[0] == "refused"


@pytest.mark.parametrize("name", TARGETS)
def test_seeds_are_sound_and_change(name, tmp_path):
    if name in NEEDS:
        pytest.importorskip(NEEDS[name])
    target, rng = TARGETS[name], random.Random(0)
    seeds = target.seeds()
    path = tmp_path / "input"
    for data in seeds:
        path.write_bytes(data)
        target.use(target.read(path))
    changed = {target.mutate(rng, rng.choice(seeds), rng.choice(seeds)) for _ in range(100)}
    assert len(changed) > 50


def test_mutations_are_a_function_of_the_seed():
    def draw(function, *arguments):
        return [function(random.Random(i), *arguments) for i in range(20)]

    tree = {"a": [1, 2, {"b": None}], "c": "text"}
    for function, *arguments in ((mutate_bytes, b"abcdef", b"xyz"), (mutate_tree, tree),
                                 (mutate_rows, "a,b\n1,2")):  # fmt: skip
        assert repr(draw(function, *arguments)) == repr(draw(function, *arguments))
    assert tree == {"a": [1, 2, {"b": None}], "c": "text"}


def test_coverage_counts_a_line_once():
    before = sys.gettrace()
    coverage = Coverage(os.path.dirname(gdcore.__file__))
    try:
        with coverage:
            gdcore.losses.get("mse")
        first = coverage.found
        with coverage:
            gdcore.losses.get("mse")
        assert first > 0 and coverage.found == first
        with coverage:
            gdcore.losses.get("huber")
            gdcore.activations.get("relu")
        assert coverage.found > first
    finally:
        coverage.close()
        sys.settrace(before)


def test_a_child_that_dies_leaves_its_input(tmp_path):
    script = (
        "import os, signal, tests.fuzz.targets as t\n"
        "from tests.fuzz import __main__ as m\n"
        "import subprocess\n"
        "def die(command, check):\n"
        "    folder = command[command.index('--inside') + 1]\n"
        "    open(os.path.join(folder, 'input'), 'wb').write(b'killer')\n"
        "    return subprocess.CompletedProcess(command, -signal.SIGSEGV)\n"
        "m.subprocess.run = die\n"
        f"raise SystemExit(m.main(['--target', 'idx', '--out', {str(tmp_path)!r}]))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=False,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    assert done.returncode == 1 and "died with -11" in done.stdout, done.stdout + done.stderr
    assert [p.read_bytes() for p in tmp_path.iterdir()] == [b"killer"]


def test_unknown_target():
    done = child("--target", "pickle")
    assert done.returncode == 2 and "expected one of safetensors" in done.stderr
