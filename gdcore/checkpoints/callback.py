"""The callback that writes checkpoints."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from gdcore.callbacks import Logs, Saver, better, monitored, wrong_state
from gdcore.checkpoints.files import save
from gdcore.checkpoints.folder import BEST, checkpoints, file_name, tidy
from gdcore.engine.engine import engine_of


class Checkpoint(Saver):
    """Writes checkpoints, from which ``fit(resume_from=folder)`` resumes, with the same bits.

    A checkpoint is one safetensors file ``step-<number>.safetensors`` with weights, optimizer
    state, schedule, seed, position in the data, history, and the states of metrics and other
    callbacks. It is written atomically, so that a killed process leaves no partial file, and `gd.load`
    reads it as a model. One is always written at the end of training.

    Parameters
    ----------
    folder : path
        Made if it is missing. Give each training run a folder of its own.
    every_epochs : int, optional
        Write one each time this number of epochs is completed; 1 if no other interval is given.
    every_steps : int, optional
        Write one each time this number of steps is completed, also within an epoch.
    every_seconds : float, optional
        Write one when this time has passed since the last one.
    keep : int or None
        How many of the newest to keep; None keeps all.
    monitor : str, optional
        A number of the epoch, such as "val_loss": the best epoch's checkpoint is kept as
        ``best.safetensors``, too.
    mode : {"auto", "min", "max"}
        Which way `monitor` improves.
    overwrite : bool
        Whether to remove the checkpoints of an earlier run when training begins anew.

    Attributes
    ----------
    best : float or None
        The best `monitor` so far.

    Raises
    ------
    ValueError
        If a setting is out of range; when training begins, if the folder holds checkpoints of
        another run.
    OSError
        When a checkpoint cannot be written: it ends the training, and older ones stay.

    Examples
    --------
    >>> import gdcore as gd, os, tempfile
    >>> folder = os.path.join(tempfile.mkdtemp(), "run")
    >>> (x, y), _ = gd.datasets.digits()
    >>> def run(epochs):
    ...     model = gd.Sequential([gd.Dense(8, activation="relu"), gd.Dense(10)])
    ...     model.compile("adam", "cross_entropy")
    ...     keep = gd.Checkpoint(folder, every_steps=20)
    ...     model.fit(x, y, epochs=epochs, callbacks=[keep], seed=0, resume_from=folder)
    ...     return model
    >>> run(2).epochs_done, run(3).epochs_done  # the second goes on after two epochs
    (2, 3)
    """

    def __init__(
        self,
        folder: str | os.PathLike[str],
        *,
        every_epochs: int | None = None,
        every_steps: int | None = None,
        every_seconds: float | None = None,
        keep: int | None = 3,
        monitor: str | None = None,
        mode: str = "auto",
        overwrite: bool = False,
    ) -> None:
        for name, value in (
            ("every_epochs", every_epochs),
            ("every_steps", every_steps),
            ("keep", keep),
        ):
            if value is not None and (
                isinstance(value, bool) or not hasattr(value, "__index__") or value < 1
            ):
                raise ValueError(
                    f"Checkpoint {name}={value!r}: expected a whole number of at least 1, or None"
                )
        if every_seconds is not None and not (
            isinstance(every_seconds, int | float) and every_seconds > 0
        ):
            raise ValueError(f"Checkpoint every_seconds={every_seconds!r}: expected more than 0")
        self.folder = Path(folder)
        if every_epochs is None and every_steps is None and every_seconds is None:
            every_epochs = 1
        self.every_epochs, self.every_steps = every_epochs, every_steps
        self.every_seconds = every_seconds
        self.keep = keep
        self.monitor = monitor
        self.mode = better(mode, monitor or "")
        self.overwrite = overwrite
        self.best: float | None = None

    def on_train_begin(self, logs: Logs) -> None:
        self.best = None

    def state_dict(self) -> dict[str, Any]:
        return {"best": self.best}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        if not isinstance(state.get("best"), float | None):
            raise wrong_state(self, state, "the best number so far")
        self.best = state.get("best")

    def begin(self, resumed: bool) -> None:
        """Make the folder, or check the checkpoints that it holds.

        Parameters
        ----------
        resumed : bool

        Raises
        ------
        ValueError
            If the folder holds checkpoints of another run.
        """
        self.folder.mkdir(parents=True, exist_ok=True)
        tidy(self.folder)
        later = [p for step, p in checkpoints(self.folder) if step > self.model.steps_done]
        others = later if resumed else [p for _, p in checkpoints(self.folder)]
        if others and not self.overwrite:
            raise ValueError(
                f"{os.fspath(self.folder)!r} holds checkpoints of another run, such as "
                f"{others[-1].name}: go on with it by fit(resume_from={os.fspath(self.folder)!r}), "
                "give another folder, or say overwrite=True"
            )
        for path in others if resumed or not others else [*others, self.folder / BEST]:
            path.unlink(missing_ok=True)
        self._last_steps = self.model.steps_done
        self._last_time = time.monotonic()

    def save_point(
        self, state: Callable[[], dict[str, Any]], logs: Logs | None, last: bool
    ) -> None:
        """Write a checkpoint if one is due.

        Parameters
        ----------
        state : callable
        logs : dict or None
        last : bool
            As `Saver` has them.
        """
        if logs is not None and self.monitor is not None:
            value = monitored(logs, self.monitor)
            worst = float("inf") if self.mode == "min" else float("-inf")
            best = worst if self.best is None else self.best
            if value < best if self.mode == "min" else value > best:
                self.best = value
                save(engine_of(self.model), self.folder / BEST, state())
        if last or self._due(logs is not None):
            steps = self.model.steps_done
            save(engine_of(self.model), self.folder / file_name(steps), state())
            self._last_steps, self._last_time = steps, time.monotonic()
            if self.keep is not None:
                old = [p for step, p in checkpoints(self.folder) if step <= steps]
                for path in old[: -self.keep]:
                    path.unlink(missing_ok=True)

    def _due(self, whole_epoch: bool) -> bool:
        steps = self.model.steps_done
        if self.every_steps is not None and (
            steps // self.every_steps > self._last_steps // self.every_steps
        ):
            return True
        if self.every_seconds is not None and (
            time.monotonic() - self._last_time >= self.every_seconds
        ):
            return True
        every = self.every_epochs
        return whole_epoch and every is not None and self.model.epochs_done % every == 0
