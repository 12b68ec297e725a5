"""What is on the disk after a crash, and on disks that are full, read-only, forbidden or gone.

The long way to kill: `python tests/kills.py 1000`.
"""

import errno
import os
import random
import resource
import shutil
import subprocess
import sys
import time
from pathlib import Path

import kills
import numpy as np
import pytest

import gdcore as gd
from gdcore.checkpoints.folder import checkpoints

pytestmark = pytest.mark.skipif(os.name != "posix", reason="POSIX files and signals")

LONG = float(os.environ.get("GDCORE_LONG", "0"))  # seconds
X = np.random.default_rng(0).normal(size=(96, 20)).astype(np.float32)


def model():
    return gd.Sequential([gd.Input(20), gd.Dense(64), gd.Dense(2)]).compile("adam", "mse")


def fit(net, folder, **more):
    """Three steps an epoch, each with a checkpoint."""
    settings = {"epochs": 3, "seed": 0, "resume_from": folder} | more
    net.fit(X, X[:, :2], callbacks=[gd.Checkpoint(folder, every_steps=1)], **settings)
    return net


# --- killed --------------------------------------------------------------------------------------


def quiet(*_, **__):
    pass


def kill_for(kind, count):
    """So many kills, or as many as fit into the time that was asked for."""
    rng, begun, done = random.Random(8), time.monotonic(), 0
    while done < count or time.monotonic() - begun < LONG:
        done += kind(count, rng, log=quiet)["kills"]
    return done


@pytest.mark.slow
def test_killed_while_training():
    """The same bits as of a run that nobody killed, and always a checkpoint that can be read."""
    assert kill_for(kills.kill_training, 40) >= 40


@pytest.mark.slow
def test_killed_while_saving():
    assert kill_for(kills.kill_saving, 40) >= 40


def test_a_temporary_file_in_use_is_not_removed(tmp_path):
    """Two processes write to one name at once: neither takes the other's for a leftover."""
    path = tmp_path / "model.safetensors"
    stale = tmp_path / ".model.safetensors.0123456789abcdef.tmp"
    stale.write_bytes(b"of a writer that was killed")
    other = tmp_path / ".other.safetensors.0123456789abcdef.tmp"
    other.write_bytes(b"another's")
    code = """
import sys
from gdcore.io import write_atomically
def chunks():
    yield b"theirs"
    print("writing", flush=True)
    sys.stdin.readline()
write_atomically(sys.argv[1], chunks())
"""
    with subprocess.Popen(
        [sys.executable, "-c", code, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        assert process.stdout.readline() == b"writing\n"
        assert not stale.exists() and other.exists()
        model().save(path)
        assert len(kills.leftovers(tmp_path)) == 2  # theirs, which is being written
        gd.load(path)
        process.communicate(b"\n", timeout=60)
        assert process.returncode == 0
    assert path.read_bytes() == b"theirs"
    assert kills.leftovers(tmp_path) == [other.name]


# --- disks that fail -----------------------------------------------------------------------------


def limited(size):
    """No file may grow past so many bytes: the system answers EFBIG, as it answers ENOSPC."""
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, resource.getrlimit(resource.RLIMIT_FSIZE)[1]))


@pytest.fixture
def file_limit():
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    yield limited
    resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@pytest.mark.parametrize("room", [0, 10, 4096, 17_000])
def test_no_room_for_a_model(tmp_path, file_limit, room):
    net, path = model(), tmp_path / "model.safetensors"
    net.save(path)
    before = path.read_bytes()
    net.set_weights([w + 1 for w in net.get_weights()])
    file_limit(room)
    with pytest.raises(OSError, match=r"model\.safetensors") as caught:
        net.save(path)
    file_limit(resource.RLIM_INFINITY)
    assert caught.value.errno == errno.EFBIG
    assert path.read_bytes() == before and os.listdir(tmp_path) == [path.name]
    net.save(path)
    assert path.read_bytes() != before


def test_no_room_for_a_checkpoint(tmp_path, file_limit):
    whole = fit(model(), tmp_path / "whole")
    folder = tmp_path / "run"
    fit(model(), folder, epochs=1)
    before = {p: p.read_bytes() for _, p in checkpoints(folder)}
    net = model()
    file_limit(8000)
    with pytest.raises(OSError, match="step-000000004"):
        fit(net, folder)
    file_limit(resource.RLIM_INFINITY)
    assert net.steps_done == 4  # the step was taken; only its checkpoint is missing
    assert {p: p.read_bytes() for p in folder.iterdir()} == before
    net.predict(X)
    for go_on in (net, model()):
        fit(go_on, folder)
        assert [w.tobytes() for w in go_on.get_weights()] == [
            w.tobytes() for w in whole.get_weights()
        ]


FULL = """
import errno, os, sys
sys.path.insert(0, {tests!r})
import test_crashes as t
from gdcore.checkpoints import files
folder = t.Path({mount!r}, "run")
t.fit(t.model(), folder, epochs=1)
kept = {{p: p.read_bytes() for p in folder.iterdir()}}
filler = open({mount!r} + "/filler", "wb", buffering=0)
try:
    while True:
        filler.write(b"x" * 512)
except OSError as error:
    assert error.errno == errno.ENOSPC
net = t.model()
try:
    t.fit(net, folder)
except OSError as error:
    assert error.errno == errno.ENOSPC and "step-" in str(error), error
else:
    sys.exit("there was room")
assert {{p: p.read_bytes() for p in folder.iterdir()}} == kept
net.predict(t.X)
filler.close()
os.unlink({mount!r} + "/filler")
t.fit(net, folder)
assert os.system("mount -o remount,ro tmpfs " + {mount!r}) == 0
try:
    t.fit(net, folder, epochs=9)
except OSError as error:
    assert error.errno == errno.EROFS, error
else:
    sys.exit("it was not read-only")
files.newest(folder)
print("went on")
"""


def test_a_disk_that_is_full_and_one_that_is_read_only(tmp_path):
    """A file system of 400 kB of its own, in a namespace of its own."""
    mount = tmp_path / "disk"
    mount.mkdir()
    inside = ["unshare", "--user", "--map-root-user", "--mount"]
    make = f"mount -t tmpfs -o size=400k tmpfs '{mount}'"
    if not shutil.which("unshare") or subprocess.run([*inside, "sh", "-c", make]).returncode:
        pytest.skip("no file system can be mounted here")
    code = FULL.format(tests=str(Path(__file__).parent), mount=str(mount))
    done = subprocess.run(
        [*inside, "sh", "-c", f'{make} && exec "$0" -c "$1"', sys.executable, code],
        capture_output=True,
        text=True,
        timeout=120,
        env=os.environ | {"PYTHONPATH": os.pathsep.join(p for p in sys.path if p)},
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout == "went on\n"


@pytest.mark.parametrize("call", ["write", "fsync", "replace"])
@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EIO, errno.EDQUOT])
def test_a_call_that_fails(tmp_path, monkeypatch, call, number):
    """Injected where the system is asked: each call of a save in turn."""
    from gdcore.io import atomic

    net, path = model(), tmp_path / "model.safetensors"
    net.save(path)
    before = path.read_bytes()

    def fail(*_):
        raise OSError(number, os.strerror(number))

    if call == "write":
        real = atomic.array_chunks
        monkeypatch.setattr("gdcore.io.safetensors.array_chunks", lambda a: (real(a), fail())[0])
    else:
        monkeypatch.setattr(os, call, fail)
    with pytest.raises(OSError) as caught:
        net.save(path)
    monkeypatch.undo()
    assert caught.value.errno == number
    assert path.read_bytes() == before and os.listdir(tmp_path) == [path.name]
    net.save(path)


def test_a_folder_that_vanishes(tmp_path):
    folder = tmp_path / "run"

    class Vanish(gd.Callback):
        def on_epoch_end(self, epoch, logs):
            shutil.rmtree(folder)

    net = model()
    with pytest.raises(FileNotFoundError, match="step-000000003"):
        net.fit(
            X,
            X[:, :2],
            epochs=2,
            callbacks=[Vanish(), gd.Checkpoint(folder, every_steps=1)],
            seed=0,
        )
    assert net.epochs_done == 1
    fit(net, folder)


def as_nobody(function):
    """Run a function in a process without the rights of root; returns what it raised."""
    number, pipe = kills.child(lambda: _without_rights(function))
    return kills.ended(number, pipe)


def _without_rights(function):
    if os.geteuid() == 0:
        os.setgroups([])
        os.setresgid(65534, 65534, 65534)
        os.setresuid(65534, 65534, 65534)
    try:
        function()
    except OSError as error:
        return f"{errno.errorcode[error.errno]} {error.filename}"
    return "nothing"


@pytest.mark.filterwarnings("ignore:This process.*is multi-threaded")
def test_no_permission(tmp_path):
    net, folder = model(), tmp_path / "run"
    fit(net, folder, epochs=1)
    path = tmp_path / "model.safetensors"
    net.save(path)
    before = {p: p.read_bytes() for p in [*folder.iterdir(), path]}
    for place in (folder, tmp_path):
        place.chmod(0o555)
    for above in tmp_path.parents:
        if above.stat().st_uid != os.geteuid() or above == Path(above.anchor):
            break
        above.chmod(above.stat().st_mode | 0o055)
    try:
        said = as_nobody(lambda: net.save(path))
        assert said == f"EACCES {path}"
        said = as_nobody(lambda: fit(net, folder))
        assert said == f"EACCES {folder / 'step-000000004.safetensors'}"
        assert as_nobody(lambda: fit(net, tmp_path / "other")) == f"EACCES {tmp_path / 'other'}"
        folder.chmod(0o000)
        assert as_nobody(lambda: fit(net, folder)).startswith("EACCES")  # not "begin anew"
    finally:
        for place in (folder, tmp_path):
            place.chmod(0o755)
    assert {p: p.read_bytes() for p in [*folder.iterdir(), path]} == before
