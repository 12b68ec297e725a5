"""Callbacks: called by `fit` while a model trains."""

from gdcore.callbacks.base import (
    Callback,
    LambdaCallback,
    Logs,
    Saver,
    wants_batches,
    wants_gradients,
    wrong_state,
)
from gdcore.callbacks.early_stopping import EarlyStopping
from gdcore.callbacks.history import History
from gdcore.callbacks.learning_rate import LearningRateScheduler
from gdcore.callbacks.model_checkpoint import ModelCheckpoint
from gdcore.callbacks.monitored import better, monitored
from gdcore.callbacks.weight_average import WeightAverage
from gdcore.lazy import lazy_names

__all__ = [
    "Callback",
    "EarlyStopping",
    "History",
    "LambdaCallback",
    "LearningRateScheduler",
    "Logs",
    "ModelCheckpoint",
    "Saver",
    "WeightAverage",
    "better",
    "monitored",
    "wants_batches",
    "wants_gradients",
    "wrong_state",
]

# An unknown name raises an error that says what to use instead.
__getattr__, __dir__ = lazy_names(__name__, __all__, {})
