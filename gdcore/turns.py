"""Several Python threads and one model: who may make its plans, and who may train it.

Predicting and evaluating may be done by any number of threads at once, and while one thread trains;
the numbers themselves are guarded by the gate of the model's memory, see `gdcore.session`.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any


class Making:
    """Held by the one thread of the process that traces a model, gives it memory or plans it."""

    def __init__(self) -> None:
        self.renew()
        if hasattr(os, "register_at_fork"):  # a child would wait for a thread that it does not have
            os.register_at_fork(after_in_child=self.renew)

    def renew(self) -> None:
        """Begin with nobody inside."""
        self.lock = threading.RLock()

    def __enter__(self) -> None:
        self.lock.acquire()

    def __exit__(self, *error: object) -> None:
        self.lock.release()


MAKING = Making()


def me() -> tuple[int, int]:
    """This thread of this process."""
    return os.getpid(), threading.get_ident()


def check_trainer(model: Any) -> None:
    """Raises RuntimeError if another thread is within `fit` of the model."""
    trainer = model.__dict__.get("_trainer")
    if trainer is not None and trainer != me() and trainer[0] == os.getpid():
        raise RuntimeError(
            "the model is being trained by another thread: wait until it is done, or give each "
            "thread a model of its own"
        )


@contextmanager
def training(model: Any) -> Iterator[None]:
    """This thread trains the model, and no other does until it is done."""
    check_trainer(model)
    before = model.__dict__.get("_trainer")
    if before is not None and before != me():  # of the process that we were forked from
        del model.__dict__["_trainer"]
        before = None
    if model.__dict__.setdefault("_trainer", me()) != me():
        check_trainer(model)
    try:
        yield
    finally:
        if before is None:
            del model.__dict__["_trainer"]
