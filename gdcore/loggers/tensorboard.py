"""TensorBoard, by way of tensorboardX."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from gdcore.callbacks import Callback, Logs, wrong_state
from gdcore.errors import missing
from gdcore.loggers.files import scalars


class TensorBoardLogger(Callback):
    """Writes the numbers of every epoch for TensorBoard: ``tensorboard --logdir folder``.

    The numbers of training and of validation are two runs, ``train`` and ``validation``, so that
    their curves are drawn in one chart.

    Parameters
    ----------
    folder : path
        Of this training run; give each run one of its own, below one that TensorBoard watches.
    histograms : bool
        Also the distribution of every parameter after every epoch.

    Raises
    ------
    ImportError
        If tensorboardX is not installed.

    Examples
    --------
    >>> import gdcore as gd, os
    >>> model = gd.Sequential([gd.Dense(1)]).compile("sgd", "mse")
    >>> logger = gd.TensorBoardLogger("runs/first", histograms=True)
    >>> _ = model.fit([[0.0]], [0.0], callbacks=[logger])
    >>> os.listdir("runs/first")
    ['train']
    """

    def __init__(self, folder: str | os.PathLike[str], histograms: bool = False) -> None:
        self.folder = Path(folder)
        self.histograms = histograms
        self._writers: dict[str, Any] = {}
        self._next = 0
        _writer_class()

    def on_train_begin(self, logs: Logs) -> None:
        self._close()
        self._next = 0

    def state_dict(self) -> dict[str, Any]:
        return {"next": self._next}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        if not isinstance(state.get("next"), int):
            raise wrong_state(self, state, "the number of the next epoch")
        self._next = state["next"]

    def on_epoch_end(self, epoch: int, logs: Logs) -> None:
        for key, value in scalars(logs).items():
            run = "validation" if key.startswith("val_") else "train"
            self._writer(run).add_scalar(key.removeprefix("val_"), value, epoch)
        if self.histograms:
            for name, array in self.model.state_dict().items():
                self._writer("train").add_histogram(name, array, epoch)
        self._next = epoch + 1
        for writer in self._writers.values():
            writer.flush()

    def on_train_end(self, logs: Logs) -> None:
        self._close()

    def _close(self) -> None:
        """Close the files; interrupted training leaves them open until the next begins."""
        for writer in self._writers.values():
            writer.close()
        self._writers = {}

    def _writer(self, run: str) -> Any:
        if run not in self._writers:
            # What a killed run wrote beyond its last checkpoint is not shown. A file's name has the
            # second in it: one that is begun in the same second must not take another's place.
            self._writers[run] = _writer_class()(
                str(self.folder / run),
                purge_step=self._next or None,
                filename_suffix=f".{self._next:09d}.{os.urandom(4).hex()}",
            )
        return self._writers[run]


def _writer_class() -> Any:
    try:
        from tensorboardX import SummaryWriter
    except ImportError as error:
        raise missing("TensorBoardLogger needs tensorboardX", "tensorboard", error) from None
    return SummaryWriter
