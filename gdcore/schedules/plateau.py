"""The schedule that depends on the course of training: the rate drops when progress stops."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from gdcore.errors import listed, unknown
from gdcore.schedules.base import Schedule, Steps, require

__all__ = ["ReduceOnPlateau"]

# Words in a metric's name that mean "more is better"; everything else is taken for a loss.
_MORE_IS_BETTER = ("acc", "auc", "precision", "recall", "f1", "r2", "top_", "score")


@dataclass
class ReduceOnPlateau(Schedule):
    """Multiply the rate by `factor` after `patience` epochs in a row without improvement.

    Counted as Keras counts: an epoch improves if it beats the best by more than `threshold`
    (absolute); the rate drops after the `patience`-th epoch without improvement.

    Parameters
    ----------
    lr : float
        First learning rate.
    monitor : str
        Name in the epoch's logs.
    factor : float
        Of every drop, above 0 and below 1.
    patience : int
        Epochs to wait, at least 1.
    threshold : float
        The least change that counts as improvement.
    cooldown : int
        Epochs after a drop that are not counted.
    min_lr : float
        The rate never drops below.
    mode : {"auto", "min", "max"}
        Whether less or more is better; "auto" guesses from the name (accuracy, AUC,
        precision, recall, F1, R2 and top-k rise, the rest falls).

    Raises
    ------
    ValueError
        If an option is out of range.

    Examples
    --------
    >>> schedule = ReduceOnPlateau(0.1, patience=2, factor=0.5)
    >>> for loss in (1.0, 1.0, 1.0):
    ...     schedule.update({"val_loss": loss})
    >>> schedule(0)
    0.05
    """

    lr: float
    monitor: str = "val_loss"
    factor: float = 0.1
    patience: int = 10
    threshold: float = 1e-4
    cooldown: int = 0
    min_lr: float = 0.0
    mode: str = "auto"
    _current: float = field(init=False, repr=False)
    _best: float = field(init=False, repr=False, default=math.inf)
    _waited: int = field(init=False, repr=False, default=0)
    _cooling: int = field(init=False, repr=False, default=0)

    def __post_init__(self) -> None:
        if self.mode not in ("auto", "min", "max"):
            raise unknown("mode", self.mode, ("auto", "min", "max"))
        require(self, "factor", 0 < self.factor < 1, "above 0 and below 1")
        require(self, "patience", self.patience >= 1, "at least 1 epoch")
        require(self, "threshold", self.threshold >= 0, "0 or more")
        self._current = float(self.lr)

    def _sign(self) -> float:
        # Values that should rise are negated, so that lower is always better.
        if self.mode == "auto":
            return -1.0 if any(word in self.monitor.lower() for word in _MORE_IS_BETTER) else 1.0
        return 1.0 if self.mode == "min" else -1.0

    def at(self, t: Steps) -> Steps:
        return np.full_like(t, self._current)

    def update(self, logs: Mapping[str, float]) -> None:
        """Update from the logs of a finished epoch.

        Parameters
        ----------
        logs : mapping of str to float
            Must hold `monitor`; NaN counts as no improvement.

        Raises
        ------
        ValueError
            If `monitor` is not in `logs`.
        """
        if self.monitor not in logs:
            raise unknown("monitored value", self.monitor, logs)
        value = self._sign() * float(logs[self.monitor])
        if self._cooling > 0:
            self._cooling -= 1
            self._waited = 0
        if value < self._best - (self.threshold if math.isfinite(self._best) else 0.0):
            self._best = value
            self._waited = 0
        elif self._cooling == 0:
            self._waited += 1
            if self._waited >= self.patience:
                self._current = max(self._current * self.factor, min(self.min_lr, self._current))
                self._cooling = self.cooldown
                self._waited = 0

    def state_dict(self) -> dict[str, Any]:
        """Return what `load_state_dict` needs to continue from here, JSON-able.

        Returns
        -------
        dict
            Of numbers.

        Examples
        --------
        >>> ReduceOnPlateau(0.1).state_dict()
        {'lr': 0.1, 'best': None, 'waited': 0, 'cooling': 0}
        """
        return {
            "lr": self._current,
            "best": self._best if math.isfinite(self._best) else None,  # JSON has no infinity
            "waited": self._waited,
            "cooling": self._cooling,
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Restore a `state_dict`.

        Parameters
        ----------
        state : mapping

        Raises
        ------
        ValueError
            If an entry is missing.

        Examples
        --------
        >>> schedule = ReduceOnPlateau(0.1)
        >>> schedule.load_state_dict({"lr": 0.05, "best": 0.3, "waited": 1, "cooling": 0})
        >>> schedule(0)
        0.05
        """
        missing = {"lr", "best", "waited", "cooling"} - set(state)
        if missing:
            raise ValueError(
                f"the state of ReduceOnPlateau lacks {', '.join(sorted(missing))}, got "
                f"{listed(state) or 'nothing'}: pass what its state_dict() returned"
            )
        self._current = float(state["lr"])
        self._best = math.inf if state["best"] is None else float(state["best"])
        self._waited = int(state["waited"])
        self._cooling = int(state["cooling"])
