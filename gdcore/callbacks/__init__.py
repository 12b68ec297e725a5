"""Callbacks: called by `fit` while a model trains."""

from typing import TYPE_CHECKING

from gdcore.callbacks.base import (
    Callback,
    LambdaCallback,
    Logs,
    Saver,
    wants_batches,
    wants_gradients,
    wrong_state,
)
from gdcore.callbacks.monitored import better, monitored
from gdcore.lazy import lazy_names

if TYPE_CHECKING:
    from gdcore.callbacks.early_stopping import EarlyStopping
    from gdcore.callbacks.history import History
    from gdcore.callbacks.learning_rate import LearningRateScheduler
    from gdcore.callbacks.model_checkpoint import ModelCheckpoint
    from gdcore.callbacks.weight_average import WeightAverage

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

__getattr__, __dir__ = lazy_names(
    __name__,
    __all__,
    {
        "EarlyStopping": "gdcore.callbacks.early_stopping",
        "History": "gdcore.callbacks.history",
        "LearningRateScheduler": "gdcore.callbacks.learning_rate",
        "ModelCheckpoint": "gdcore.callbacks.model_checkpoint",
        "WeightAverage": "gdcore.callbacks.weight_average",
    },
)
