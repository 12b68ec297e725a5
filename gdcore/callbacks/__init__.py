"""What is called while a model trains, and what is remembered of it."""

from gdcore.callbacks.base import (
    Callback,
    LambdaCallback,
    Logs,
    Saver,
    wants_batches,
    wrong_state,
)
from gdcore.callbacks.history import History
from gdcore.callbacks.numbers import better, monitored
from gdcore.callbacks.stopping import EarlyStopping

__all__ = [
    "Callback",
    "EarlyStopping",
    "History",
    "LambdaCallback",
    "Logs",
    "Saver",
    "better",
    "monitored",
    "wants_batches",
    "wrong_state",
]
