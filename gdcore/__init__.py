"""gdcore: neural networks trained on a CPU, traced once, planned, and run whole epochs in C.

>>> import gdcore as gd
>>> (x, y), (xt, yt) = gd.datasets.digits()
>>> model = gd.Sequential([gd.Dense(32, activation="relu"), gd.Dense(10)])
>>> _ = model.compile(optimizer=gd.Adam(1e-2), loss="cross_entropy", metrics=["accuracy"])
>>> history = model.fit(x, y, epochs=5, seed=0)
>>> model.evaluate(xt, yt)["accuracy"] > 0.9
True
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from gdcore import activations, initializers, layers, losses, metrics, ops, optimizers, schedules
from gdcore.callbacks import Callback, LambdaCallback
from gdcore.errors import NonFiniteError
from gdcore.lazy import lazy_names
from gdcore.model import Model
from gdcore.optimizers import Optimizer
from gdcore.runtime import get_num_threads, set_num_threads
from gdcore.sequential import Sequential

if TYPE_CHECKING:
    from gdcore import (
        data,
        datasets,
        diagnostics,
        interop,
        lab,
        models,
        onnx,
        plots,
        tabular,
        text,
    )
    from gdcore.callbacks import (
        EarlyStopping,
        History,
        LearningRateScheduler,
        ModelCheckpoint,
        WeightAverage,
    )
    from gdcore.checkpoints import Checkpoint
    from gdcore.diagnostics.learning_rate import lr_find
    from gdcore.generation import generate
    from gdcore.image_views import predict_views
    from gdcore.layers import *
    from gdcore.loading import load
    from gdcore.loggers import CSVLogger, JSONLinesLogger, MLflowLogger, TensorBoardLogger
    from gdcore.many import fit_many
    from gdcore.optimizers import SGD, Adadelta, Adagrad, Adam, AdamW, AMSGrad, Muon, Nadam, RMSprop
    from gdcore.training.lbfgs import lbfgs

__version__ = "0.1.0"

__all__ = [
    "SGD",
    "AMSGrad",
    "Adadelta",
    "Adagrad",
    "Adam",
    "AdamW",
    "CSVLogger",
    "Callback",
    "Checkpoint",
    "EarlyStopping",
    "History",
    "JSONLinesLogger",
    "LambdaCallback",
    "LearningRateScheduler",
    "MLflowLogger",
    "Model",
    "ModelCheckpoint",
    "Muon",
    "Nadam",
    "NonFiniteError",
    "Optimizer",
    "RMSprop",
    "Sequential",
    "TensorBoardLogger",
    "WeightAverage",
    "activations",
    "data",
    "datasets",
    "diagnostics",
    "fit_many",
    "generate",
    "get_num_threads",
    "initializers",
    "interop",
    "lab",
    "layers",
    "lbfgs",
    "load",
    "losses",
    "lr_find",
    "metrics",
    "models",
    "onnx",
    "ops",
    "optimizers",
    "plots",
    "predict_views",
    "schedules",
    "set_num_threads",
    "tabular",
    "text",
]
__all__ += layers.__all__

# What not every program needs is imported when it is first asked for.
__getattr__, __dir__ = lazy_names(
    __name__,
    __all__,
    {
        **dict.fromkeys(optimizers.OPTIMIZERS.modules, "gdcore.optimizers"),
        **dict.fromkeys(layers.__all__, "gdcore.layers"),
        **dict.fromkeys(
            (
                "EarlyStopping",
                "History",
                "LearningRateScheduler",
                "ModelCheckpoint",
                "WeightAverage",
            ),
            "gdcore.callbacks",
        ),
        "CSVLogger": "gdcore.loggers",
        "Checkpoint": "gdcore.checkpoints",
        "JSONLinesLogger": "gdcore.loggers",
        "MLflowLogger": "gdcore.loggers",
        "TensorBoardLogger": "gdcore.loggers",
        "data": "gdcore.data",
        "datasets": "gdcore.datasets",
        "diagnostics": "gdcore.diagnostics",
        "estimators": "gdcore.estimators",
        "fit_many": "gdcore.many",
        "generate": "gdcore.generation",
        "interop": "gdcore.interop",
        "lab": "gdcore.lab",
        "lbfgs": "gdcore.training.lbfgs",
        "load": "gdcore.loading",
        "lr_find": "gdcore.diagnostics.learning_rate",
        "models": "gdcore.models",
        "onnx": "gdcore.onnx",
        "plots": "gdcore.plots",
        "predict_views": "gdcore.image_views",
        "tabular": "gdcore.tabular",
        "text": "gdcore.text",
    },
)
