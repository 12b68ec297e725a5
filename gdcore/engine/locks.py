"""Several Python threads and one model: who may make its plans, and who may train it.

Predicting and evaluating may be done by any number of threads at once, and while one thread trains;
the numbers themselves are guarded by the gate of the model's memory, see `gdcore.engine.session`.
"""

from __future__ import annotations

import os
import threading
from typing import Any

from gdcore import _core

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


def training(model: Any) -> _core.Turn:
    """For the one thread that is within `fit` of the model; others get a RuntimeError."""
    turn: _core.Turn = model.__dict__.setdefault("_turn", _core.Turn())
    return turn


def check_trainer(model: Any) -> None:
    """Raises RuntimeError if another thread is within `fit` of the model."""
    turn = model.__dict__.get("_turn")
    if turn is not None:
        turn.check()
