"""Callbacks that write down the numbers of every epoch: files, TensorBoard, MLflow.

All of them go on where a checkpoint stood when a run is resumed: what was written after it is taken
back, so that no epoch is there twice.
"""

from gdcore.loggers.files import CSVLogger, JSONLinesLogger
from gdcore.loggers.mlflow_run import MLflowLogger
from gdcore.loggers.tensorboard import TensorBoardLogger

__all__ = ["CSVLogger", "JSONLinesLogger", "MLflowLogger", "TensorBoardLogger"]
