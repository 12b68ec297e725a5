"""Callbacks that write down the numbers of every epoch: files, TensorBoard, MLflow.

When a run is resumed from a checkpoint, what was written after it is removed first, so that no
epoch is logged twice.
"""

from gdcore.loggers.files import CSVLogger, JSONLinesLogger
from gdcore.loggers.mlflow_run import MLflowLogger
from gdcore.loggers.tensorboard import TensorBoardLogger

__all__ = ["CSVLogger", "JSONLinesLogger", "MLflowLogger", "TensorBoardLogger"]
