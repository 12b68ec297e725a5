"""Write files atomically, and read and write arrays in blocks."""

from __future__ import annotations

import contextlib
import errno
import io
import os
import re
import stat
import sys
from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Any, BinaryIO

import numpy as np

try:
    import fcntl
except ImportError:  # Windows, which removes no file that is open
    fcntl = None  # type: ignore[assignment]

if TYPE_CHECKING:
    import numpy.typing as npt

__all__ = ["array_chunks", "fill_array", "remove_leftovers", "write_atomically"]

_BLOCK = 1 << 22  # bytes written at once; signals are handled in between

# Errors of file systems that cannot flush a folder.
_CANNOT_SYNC_FOLDER = {errno.EINVAL, errno.ENOTSUP}

_NAME_KEPT = 50  # characters: the suffix must not push a long name over the file system's limit
_TEMPORARY = re.compile(r"\.(.+)\.[0-9a-f]{16}\.tmp", re.DOTALL)


def write_atomically(path: str | os.PathLike[str], chunks: Iterable[bytes | memoryview]) -> None:
    """Write `chunks` to `path` so that a reader sees the old file or the new one, never a part.

    The bytes go to a temporary file in the same folder, which is flushed to the disk and then
    renamed over `path`; the folder is flushed last, so that the new name survives a power cut.

    Parameters
    ----------
    path : str or os.PathLike
        The file to write. A symbolic link is followed: the file that it points to is replaced and
        the link stays. The permission bits of an existing file are kept; a new one gets 0o666
        less the umask. Owner, access lists and hard links of an existing file are not kept.
    chunks : iterable of bytes or memoryview
        The content, in order. It is consumed piece by piece, so it may be a generator.

    Raises
    ------
    IsADirectoryError
        If `path` is a folder.
    OSError
        If `path` exists and is not a regular file (a device, a pipe), or as the system raises,
        with `path` as its file name.
    Exception
        Whatever `chunks` raises, with a note that names `path`.

    Notes
    -----
    After any error the temporary file is gone and the previous file is what it was. One case
    differs: if flushing the folder fails, the new file is already complete and in place, and the
    error says so in a note. A process that is killed leaves the previous file as it was and a file
    ``.<name>.<random>.tmp`` next to it, which the next call for the same name removes.

    Examples
    --------
    >>> import os, tempfile
    >>> folder = tempfile.TemporaryDirectory()
    >>> path = os.path.join(folder.name, "weights.bin")
    >>> write_atomically(path, [b"first ", b"version"])
    >>> def half():
    ...     yield b"second "
    ...     raise RuntimeError("no more data")
    >>> try:
    ...     write_atomically(path, half())
    ... except RuntimeError as error:
    ...     print(error)
    no more data
    >>> with open(path, "rb") as file:
    ...     file.read(), os.listdir(folder.name)
    (b'first version', ['weights.bin'])
    >>> folder.cleanup()
    """
    named = os.fspath(path)
    target = os.path.realpath(named)
    folder, name = os.path.split(target)
    temporary = os.path.join(folder, f".{name[:_NAME_KEPT]}.{os.urandom(8).hex()}.tmp")
    replaced = False
    folder_fd: int | None = None
    try:
        kept = _existing_mode(target)
        # Opened first, so that a folder that cannot be opened is found out before the rename.
        folder_fd = _open_folder(folder)
        remove_leftovers(folder, lambda found: found == name[:_NAME_KEPT])
        with _create(temporary, kept) as file:
            file.writelines(chunks)
            file.flush()
            os.fsync(file.fileno())
            if fcntl is None:
                file.close()  # Windows renames no file that is open
            os.replace(temporary, target)
            replaced = True
        if folder_fd is not None:
            _sync_folder(folder_fd)
    except BaseException as error:  # Ctrl-C too must leave nothing behind
        if not replaced:
            with contextlib.suppress(OSError):
                os.unlink(temporary)
        _put_path_in(error, named, temporary)
        if replaced:
            error.add_note(f"the new content of {named!r} is complete and in place")
        raise
    finally:
        if folder_fd is not None:
            os.close(folder_fd)


def _existing_mode(target: str) -> int | None:
    """Permission bits of the file to replace, None if there is none yet."""
    try:
        mode = os.stat(target).st_mode
    except FileNotFoundError:
        return None
    if stat.S_ISDIR(mode):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), target)
    if not stat.S_ISREG(mode):
        # Renaming over a device such as /dev/null would remove it for the whole system.
        raise OSError(errno.EINVAL, "Not a regular file, which alone can be replaced", target)
    return stat.S_IMODE(mode) & 0o777


def _create(temporary: str, kept: int | None) -> BinaryIO:
    """Open a new temporary file, and lock it until it is closed."""

    def opener(path: str, flags: int) -> int:
        # The system applies the umask itself; asking for it would mean setting it, for all threads.
        return os.open(path, flags, 0o666 if kept is None else kept)

    while True:
        file = open(temporary, "xb", opener=opener)  # noqa: SIM115 (given to the caller open)
        try:
            if kept is not None and hasattr(os, "fchmod"):
                os.fchmod(file.fileno(), kept)  # the umask may have taken bits away
            # Another process may have removed it as a leftover before it was locked.
            if not _hold(file.fileno()) or os.fstat(file.fileno()).st_nlink:
                return file
        except BaseException:
            file.close()
            raise
        file.close()


def _hold(descriptor: int) -> bool:
    """Lock a file until it is closed or its process ends; False where that cannot be done."""
    if fcntl is None:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:  # held by another process, or a file system without locks
        return False
    return True


def remove_leftovers(folder: str | os.PathLike[str], ours: Callable[[str], bool]) -> None:
    """Remove the temporary files that killed writers left in a folder; locked ones are in use and stay.

    Parameters
    ----------
    folder : str or os.PathLike
    ours : callable
        Called with the (truncated) name of the file that was to be written; True to remove its leftover.

    Examples
    --------
    >>> import os, tempfile
    >>> folder = tempfile.mkdtemp()
    >>> open(os.path.join(folder, ".model.0123456789abcdef.tmp"), "wb").close()
    >>> remove_leftovers(folder, lambda name: name == "model")
    >>> os.listdir(folder)
    []
    """
    for name in os.listdir(folder):
        match = _TEMPORARY.fullmatch(name)
        if match is None or not ours(match[1]):
            continue
        path = os.path.join(folder, name)
        with contextlib.suppress(OSError):  # removed meanwhile, or no permission
            descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0))
            try:
                if fcntl is None or _hold(descriptor):
                    os.unlink(path)
            finally:
                os.close(descriptor)


def _open_folder(folder: str) -> int | None:
    """Open a folder for `_sync_folder`, None where the system has no such thing."""
    if not hasattr(os, "O_DIRECTORY"):
        return None
    return os.open(folder, os.O_RDONLY | os.O_DIRECTORY)


def _sync_folder(folder_fd: int) -> None:
    try:
        os.fsync(folder_fd)
    except OSError as error:
        if error.errno not in _CANNOT_SYNC_FOLDER:
            raise


def _put_path_in(error: BaseException, named: str, temporary: str) -> None:
    """Make an error name the file the caller asked for rather than none or the temporary one."""
    foreign = isinstance(error, OSError) and error.filename not in (
        None,
        temporary,
        os.path.dirname(temporary),
        os.path.realpath(named),
    )
    if isinstance(error, OSError) and error.errno is not None and not foreign:
        error.filename = named
        del error.filename2  # None would be shown
    else:
        error.add_note(f"while writing {named!r}")


def array_chunks(array: npt.NDArray[Any]) -> Iterator[bytes | memoryview]:
    """Yield an array's bytes for `write_atomically`, little-endian and in C order.

    Parameters
    ----------
    array : ndarray
        Of any shape, memory order and byte order; numbers or bool.

    Yields
    ------
    bytes or memoryview
        At most 4 MiB, so that no array is held twice. Bools are given as 0 and 1.

    Examples
    --------
    >>> import numpy as np
    >>> b"".join(array_chunks(np.array([[1, 2], [3, 4]], dtype=">u2").T)).hex(" ", 2)
    '0100 0300 0200 0400'
    """
    little = array.dtype.newbyteorder("<")
    if array.dtype.kind == "b":
        # A bool view of other data may hold bytes other than 0 and 1, which readers may reject.
        octets = array.view(np.uint8)
        for piece in _pieces(octets, octets.dtype):
            yield (piece != 0).tobytes()
    elif array.flags.c_contiguous and array.dtype == little:
        flat = array.reshape(-1).view(np.uint8)
        for begin in range(0, flat.size, _BLOCK):
            yield flat[begin : begin + _BLOCK].data
    else:
        for piece in _pieces(array, little):
            yield piece.tobytes()


def _pieces(array: npt.NDArray[Any], dtype: np.dtype[Any]) -> Iterator[npt.NDArray[Any]]:
    """Yield the elements in C order as one-dimensional arrays, each valid until the next."""
    pieces: Any = np.nditer(
        [array],
        flags=["external_loop", "buffered", "zerosize_ok"],
        op_flags=[["readonly"]],
        op_dtypes=[dtype],
        order="C",
        casting="equiv",
        buffersize=_BLOCK // dtype.itemsize,
    )
    yield from pieces


def fill_array(file: io.RawIOBase | io.BufferedIOBase, array: npt.NDArray[Any]) -> None:
    """Read an array from the current position of a file: the inverse of `array_chunks`.

    Parameters
    ----------
    file : binary file
        Open for reading.
    array : ndarray
        C-contiguous, in the machine's byte order; its content is replaced.

    Raises
    ------
    EOFError
        If the file ends before the array is full.

    Examples
    --------
    >>> import io
    >>> array = np.empty(2, np.uint16)
    >>> fill_array(io.BytesIO(bytes([1, 0, 2, 0])), array)
    >>> array.tolist()
    [1, 2]
    """
    octets = array.reshape(-1).view(np.uint8)
    done = 0
    while done < octets.size:
        count = file.readinto(octets[done : done + _BLOCK].data)
        if not count:
            raise EOFError(f"array data: got {done} bytes, expected {octets.size}; cut short")
        done += count
    if sys.byteorder == "big":
        array.byteswap(inplace=True)
