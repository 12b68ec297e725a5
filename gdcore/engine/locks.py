"""The lock of those who trace models, give their layers memory, and plan.

The numbers themselves are guarded by the gate of their store, see `gdcore.engine.store`; training a model is
the turn of one thread, see `Turn` in gate.pxi.
"""

from __future__ import annotations

import os
import threading

_making = threading.RLock()


def making() -> threading.RLock:
    """For the one thread of the process that traces a model, gives it memory or plans it.

    It is C that takes this lock and gives it back: Ctrl-C between the two steps of an ``__enter__`` in
    Python would leave it taken for ever, and every other thread waiting.
    """
    return _making


def _renew() -> None:
    """A forked child would wait for a thread that it does not have."""
    global _making
    _making = threading.RLock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_renew)
