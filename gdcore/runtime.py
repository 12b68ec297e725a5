"""The instruction set that kernels are chosen for, and the number of threads."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from os import fspath

from gdcore import _core
from gdcore.errors import unknown


def _choose_isa() -> tuple[int, str]:
    """The best instruction set of this machine, or the one that GDCORE_ISA forces."""
    known = _core.isa_names()
    wanted = os.environ.get("GDCORE_ISA", "")
    if not wanted:
        best = max(i for i, (_, here) in enumerate(known) if here)
        return best, known[best][0]
    names = [name for name, _ in known]
    if wanted not in names:
        raise unknown("instruction set in GDCORE_ISA", wanted, names)
    number = names.index(wanted)
    if not known[number][1]:
        here = ", ".join(name for name, can in known if can)
        raise ValueError(f"GDCORE_ISA={wanted}, which this processor does not have; it has {here}")
    return number, wanted


ISA, ISA_NAME = _choose_isa()


def isas_here() -> list[str]:
    """Names of the instruction sets that this machine runs, from the plainest to the best."""
    return [name for name, here in _core.isa_names() if here]


def isa_number(name: str) -> int:
    """The index of an instruction set in the compiled module."""
    return [n for n, _ in _core.isa_names()].index(name)


def _read(path: str) -> str:
    """A file of the kernel; pathlib takes longer to import than the rest of this module."""
    with open(path, encoding="ascii", errors="replace") as file:
        return file.read()


def _quota(
    root: str | os.PathLike[str] = "/sys/fs/cgroup",
    own: str | os.PathLike[str] = "/proc/self/cgroup",
) -> int | None:
    """The CPU quota of a container in whole processors, or None if there is none.

    It is the smallest quota of the process's control group and of its parents.
    """
    try:
        lines = [line.split(":", 2) for line in _read(fspath(own)).splitlines()]
    except OSError:
        lines = []
    found = []
    for base, controllers, read in (
        (fspath(root), [""], _quota_v2),
        (f"{fspath(root)}/cpu", ["cpu", "cpu,cpuacct", "cpuacct,cpu"], _quota_v1),
    ):
        folders = {base}
        for line in lines:
            if len(line) == 3 and line[1] in controllers:
                parts = line[2].strip().strip("/").split("/")
                folders |= {"/".join([base, *parts[: i + 1]]) for i in range(len(parts))}
        found += [quota for folder in folders if (quota := read(folder)) is not None]
    return min(found, default=None)


def _quota_v2(folder: str) -> int | None:
    try:
        quota, period = _read(f"{folder}/cpu.max").split()
        return None if quota == "max" else max(1, -(-int(quota) // int(period)))
    except (OSError, ValueError, ZeroDivisionError):
        return None


def _quota_v1(folder: str) -> int | None:
    try:
        quota = int(_read(f"{folder}/cpu.cfs_quota_us"))
        period = int(_read(f"{folder}/cpu.cfs_period_us"))
        return max(1, -(-quota // period)) if quota > 0 else None
    except (OSError, ValueError, ZeroDivisionError):
        return None


def _physical_cores(allowed: set[int]) -> int:
    """The number of physical cores of the allowed processors; hyper-threads share one."""
    cores = set()
    for cpu in allowed:
        folder = f"/sys/devices/system/cpu/cpu{cpu}/topology"
        try:
            cores.add((_read(f"{folder}/physical_package_id"), _read(f"{folder}/core_id")))
        except OSError:
            return len(allowed)
    return len(cores)


def _allowed() -> set[int]:
    """The processors that this process may run on."""
    if hasattr(os, "sched_getaffinity"):
        return os.sched_getaffinity(0)
    return set(range(os.cpu_count() or 1))


@cache
def processors() -> int:
    """How many threads can run at the same time: the allowed processors, or a container's quota."""
    count, quota = len(_allowed()), _quota()
    return max(1, min(count, quota) if quota is not None else count)


def _default_threads() -> int:
    asked = os.environ.get("OMP_NUM_THREADS", "").split(",")[0].strip()
    if asked:
        if not asked.isdigit() or int(asked) < 1:
            raise ValueError(f"OMP_NUM_THREADS={asked!r}: expected a whole number of at least 1")
        return int(asked)
    count = _physical_cores(_allowed())
    quota = _quota()
    return max(1, min(count, quota) if quota is not None else count)


_threads: int | None = None
_openmp_threads = _core.openmp_threads()  # the largest limit of OpenMP that was seen in any thread


def _limited(count: int) -> int:
    """`count`, or OpenMP's own limit if that was lowered for this thread.

    `threadpoolctl.threadpool_limits`, which joblib and scikit-learn use, works that way.
    """
    global _openmp_threads
    now = _core.openmp_threads()
    if now < _openmp_threads:
        return min(count, now)
    _openmp_threads = now
    return count


class Stopped(Exception):
    """Ends the training of a worker that was told to stop."""


class _Worker(threading.local):
    """Settings of one Python thread: its number of OpenMP threads, and the event that stops it."""

    threads: int | None = None
    stop: threading.Event | None = None


_worker = _Worker()


@contextmanager
def worker(threads: int, stop: threading.Event) -> Iterator[None]:
    """In this Python thread, use `threads` OpenMP threads, and end training when `stop` is set."""
    before = _worker.threads, _worker.stop
    _worker.threads, _worker.stop = threads, stop
    try:
        yield
    finally:
        _worker.threads, _worker.stop = before


def check_stop() -> None:
    """Raises Stopped if this Python thread is a worker that was told to stop."""
    if _worker.stop is not None and _worker.stop.is_set():
        raise Stopped


def get_num_threads() -> int:
    """How many threads training and prediction may use.

    OMP_NUM_THREADS if it is set; otherwise the physical cores among the processors that this
    process may run on, or a container's quota where that is less. Within
    `threadpoolctl.threadpool_limits` no more than that allows.

    Returns
    -------
    int

    Examples
    --------
    >>> import gdcore as gd
    >>> gd.get_num_threads() >= 1
    True
    """
    global _threads
    if _worker.threads is not None:
        return _worker.threads
    if _threads is None:
        _threads = _default_threads()
    return _threads if _threads == 1 else _limited(_threads)


def set_num_threads(count: int) -> None:
    """Let training and prediction use up to `count` threads.

    Results do not depend on it, to the bit.

    Parameters
    ----------
    count : int
        At least 1, at most 1024.

    Raises
    ------
    ValueError
        If it is anything else.

    Examples
    --------
    >>> import gdcore as gd
    >>> gd.set_num_threads(2)
    >>> gd.get_num_threads()
    2
    """
    global _threads
    if isinstance(count, bool) or not isinstance(count, int) or not 1 <= count <= 1024:
        raise ValueError(f"set_num_threads({count!r}): expected a whole number from 1 to 1024")
    _threads = count
