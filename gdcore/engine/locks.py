"""The lock that is held while a model is traced, its parameters are allocated, or a step is planned.

There are two more kinds of locks, both in locks.pxi: a `ReadWriteLock` guards the vectors of each store (see
`gdcore.engine.store`), and a `TrainingLock` of each engine is held by the thread that is inside `fit`.
"""

from __future__ import annotations

import os
import threading

_planning_lock = threading.RLock()


def planning_lock() -> threading.RLock:
    """The process-wide lock for tracing, allocating parameters and planning; reentrant.

    It is `threading.RLock`, whose ``__enter__`` and ``__exit__`` are C functions: Ctrl-C within an
    ``__enter__`` written in Python would leave it locked for ever.
    """
    return _planning_lock


def _renew() -> None:
    """Replace the lock in a forked child: its holder may be a thread that exists in the parent alone."""
    global _planning_lock
    _planning_lock = threading.RLock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_renew)
