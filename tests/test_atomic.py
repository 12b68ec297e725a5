"""Atomic replacement of files, and arrays by pieces."""

import errno
import io
import os
import signal
import stat
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import gdcore.io
from gdcore.io import write_atomically
from gdcore.io.atomic import array_chunks, fill_array

ROOT = Path(gdcore.io.__file__).resolve().parent.parent.parent
posix = pytest.mark.skipif(os.name != "posix", reason="POSIX files")


@pytest.fixture
def old(tmp_path):
    path = tmp_path / "model.bin"
    path.write_bytes(b"old")
    return path


def assert_untouched(path):
    assert path.read_bytes() == b"old"
    assert [entry.name for entry in path.parent.iterdir()] == [path.name]


def shown(error):
    return "\n".join([str(error), *getattr(error, "__notes__", [])])


def test_new_file_then_replaced(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    path = Path("new.bin")
    write_atomically(path, iter([b"a", memoryview(b"bc"), b""]))
    assert path.read_bytes() == b"abc"
    write_atomically(str(path), [])
    assert path.read_bytes() == b""
    assert os.listdir(tmp_path) == ["new.bin"]


def test_name_of_greatest_length(tmp_path):
    path = tmp_path / ("é" * 127)
    write_atomically(path, [b"x"])
    assert path.read_bytes() == b"x"


def test_temporary_file_is_in_the_same_folder_and_unique(old):
    seen = set()

    def chunks():
        seen.update(entry for entry in old.parent.iterdir() if entry != old)
        yield b"new"

    write_atomically(old, chunks())
    write_atomically(old, chunks())
    assert len(seen) == 2
    assert all(entry.name.startswith(".model.bin.") for entry in seen)


@posix
@pytest.mark.parametrize("umask", [0o022, 0o077])
def test_mode_of_new_file_follows_umask(tmp_path, umask):
    previous = os.umask(umask)
    try:
        write_atomically(tmp_path / "new", [b"x"])
    finally:
        os.umask(previous)
    assert stat.S_IMODE((tmp_path / "new").stat().st_mode) == 0o666 & ~umask


@posix
@pytest.mark.parametrize("mode", [0o600, 0o640, 0o666])
def test_mode_of_existing_file_is_kept(old, mode):
    old.chmod(mode)
    write_atomically(old, [b"x"])
    assert stat.S_IMODE(old.stat().st_mode) == mode


@posix
def test_symbolic_link_stays_and_its_target_is_replaced(tmp_path, old):
    folder = tmp_path / "links"
    folder.mkdir()
    link = folder / "link"
    link.symlink_to(os.path.join("..", "model.bin"))
    write_atomically(link, [b"new"])
    assert link.is_symlink() and old.read_bytes() == b"new"
    assert os.listdir(folder) == ["link"]


@posix
def test_dangling_link_makes_its_target(tmp_path):
    (tmp_path / "link").symlink_to("target")
    write_atomically(tmp_path / "link", [b"new"])
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "target").read_bytes() == b"new"


@posix
def test_link_to_itself(tmp_path):
    loop = tmp_path / "loop"
    loop.symlink_to("loop")
    with pytest.raises(OSError, match="loop") as caught:
        write_atomically(loop, [b"x"])
    assert caught.value.errno == errno.ELOOP and loop.is_symlink()


@pytest.mark.parametrize("kind", [RuntimeError, KeyboardInterrupt, MemoryError, OSError])
def test_failing_chunks(old, kind):
    def chunks():
        yield b"x" * 100_000
        raise kind("stop")

    with pytest.raises(kind, match="stop") as caught:
        write_atomically(old, chunks())
    assert repr(str(old)) in shown(caught.value)
    assert_untouched(old)


def test_failing_chunks_without_old_file_leave_nothing(tmp_path):
    with pytest.raises(ZeroDivisionError):
        write_atomically(tmp_path / "new", (bytes([1 // n]) for n in (1, 0)))
    assert os.listdir(tmp_path) == []


def test_error_of_another_file_keeps_its_name(old):
    def chunks():
        yield Path(old.parent / "missing").read_bytes()

    with pytest.raises(FileNotFoundError) as caught:
        write_atomically(old, chunks())
    assert caught.value.filename == str(old.parent / "missing")
    assert repr(str(old)) in shown(caught.value)
    assert_untouched(old)


def test_chunk_of_wrong_type(old):
    with pytest.raises(TypeError) as caught:
        write_atomically(old, ["text"])
    assert repr(str(old)) in shown(caught.value)
    assert_untouched(old)


@pytest.mark.parametrize("name", ["fsync", "replace"])
def test_failing_system_call(old, monkeypatch, name):
    def fail(*_):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, name, fail)
    with pytest.raises(OSError, match="No space left") as caught:
        write_atomically(old, [b"new"])
    assert repr(str(old)) in str(caught.value)
    monkeypatch.undo()
    assert_untouched(old)


def test_failing_rename_names_the_target_alone(old, monkeypatch):
    def fail(source, target):
        raise PermissionError(errno.EACCES, "denied", source, None, target)

    monkeypatch.setattr(os, "replace", fail)
    with pytest.raises(PermissionError) as caught:
        write_atomically(old, [b"new"])
    assert str(caught.value) == f"[Errno {errno.EACCES}] denied: {str(old)!r}"


def fail_second_fsync(monkeypatch, number):
    real, calls = os.fsync, []

    def fsync(descriptor):
        calls.append(stat.S_ISDIR(os.fstat(descriptor).st_mode))
        if len(calls) == 2:
            raise OSError(number, os.strerror(number))
        real(descriptor)

    monkeypatch.setattr(os, "fsync", fsync)
    return calls


@posix
def test_failing_folder_flush_says_that_the_file_is_in_place(old, monkeypatch):
    calls = fail_second_fsync(monkeypatch, errno.EIO)
    with pytest.raises(OSError) as caught:
        write_atomically(old, [b"new"])
    assert calls == [False, True]
    assert "in place" in shown(caught.value) and repr(str(old)) in str(caught.value)
    assert old.read_bytes() == b"new" and os.listdir(old.parent) == [old.name]


@posix
def test_file_system_that_cannot_flush_folders(old, monkeypatch):
    fail_second_fsync(monkeypatch, errno.EINVAL)
    write_atomically(old, [b"new"])
    assert old.read_bytes() == b"new"


def test_missing_folder(tmp_path):
    path = tmp_path / "no" / "file"
    with pytest.raises(FileNotFoundError) as caught:
        write_atomically(path, [b"x"])
    assert caught.value.filename == str(path)


def test_folder_as_target(tmp_path):
    with pytest.raises(IsADirectoryError) as caught:
        write_atomically(tmp_path, [b"x"])
    assert repr(str(tmp_path)) in str(caught.value)


@posix
def test_device_is_refused_and_not_replaced(tmp_path):
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    with pytest.raises(OSError, match="regular"):
        write_atomically(pipe, [b"x"])
    assert stat.S_ISFIFO(pipe.stat().st_mode) and os.listdir(tmp_path) == ["pipe"]


@pytest.mark.skipif(not os.path.isdir("/proc/self/fd"), reason="needs /proc")
def test_no_descriptor_is_left_open(old):
    before = os.listdir("/proc/self/fd")
    write_atomically(old, [b"x"])
    with pytest.raises(TypeError):
        write_atomically(old, [None])
    assert len(os.listdir("/proc/self/fd")) == len(before)


KILLED = """
import sys, time
from gdcore.io import write_atomically

def chunks():
    for number in range(1000):
        yield b"n" * 100_000
        if number == 20:
            print("writing", flush=True)
            time.sleep(60)

write_atomically(sys.argv[1], chunks())
"""


@posix
def test_killed_process_leaves_the_old_file(old):
    env = {**os.environ, "PYTHONPATH": str(ROOT)}
    with subprocess.Popen(
        [sys.executable, "-c", KILLED, str(old)], stdout=subprocess.PIPE, env=env
    ) as process:
        assert process.stdout.readline() == b"writing\n"
        process.send_signal(signal.SIGKILL)
        assert process.wait(30) == -signal.SIGKILL
    assert old.read_bytes() == b"old"
    left = [entry for entry in old.parent.iterdir() if entry != old]
    assert len(left) == 1 and left[0].name.endswith(".tmp")
    write_atomically(old, [b"next"])  # what is left does not stand in the way
    assert old.read_bytes() == b"next"


BASE = np.arange(24, dtype=np.int16).reshape(2, 3, 4)
LAYOUTS = {
    "c": BASE,
    "fortran": np.asfortranarray(BASE),
    "transposed": BASE.T,
    "reversed": BASE[::-1, :, ::-1],
    "strided": BASE[:, ::2, 1::2],
    "big-endian": BASE.astype(">i2"),
    "big-endian transposed": BASE.astype(">i2").T,
    "broadcast": np.broadcast_to(BASE[0, 0], (3, 4)),
    "0-d": np.array(7, ">i2"),
    "empty": np.empty((3, 0, 2)),
    "empty big-endian": np.empty((0, 2), ">f8"),
    "bool transposed": (BASE % 3 == 0).T,
}


@pytest.mark.parametrize("name", LAYOUTS)
def test_array_there_and_back(name):
    array = LAYOUTS[name]
    packed = b"".join(array_chunks(array))
    assert packed == array.astype(array.dtype.newbyteorder("<")).tobytes()
    back = np.empty(array.shape, array.dtype.newbyteorder("="))
    fill_array(io.BytesIO(packed), back)
    np.testing.assert_array_equal(back, array)


def test_bools_are_given_as_0_and_1():
    array = np.array([0, 1, 2, 255], np.uint8).view(np.bool_)
    assert b"".join(array_chunks(array)) == b"\0\1\1\1"


def test_file_that_ends_early():
    with pytest.raises(EOFError, match="array data: got 5 bytes, expected 8"):
        fill_array(io.BytesIO(b"12345"), np.empty(2, np.float32))
