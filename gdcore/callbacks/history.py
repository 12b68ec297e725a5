"""The numbers of every epoch, kept, shown and drawn."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from gdcore.callbacks.base import Callback, Logs, wrong_state
from gdcore.callbacks.monitored import better
from gdcore.printed import shown
from gdcore.show.html import sparkline, table_html

if TYPE_CHECKING:
    from matplotlib.axes import Axes


class History(Callback):
    """The numbers of every epoch.

    Attributes
    ----------
    history : dict of str to list
        "loss", the metrics, "val_loss", "val_..." and "lr": one number for each epoch.
    epoch : list of int

    Examples
    --------
    >>> from gdcore.callbacks import History
    >>> h = History()
    >>> h.on_epoch_end(0, {"loss": 0.5})
    >>> h["loss"], h.last()
    ([0.5], {'loss': 0.5})
    >>> h.plot("loss").get_ylabel()
    'loss'
    """

    def __init__(self) -> None:
        self.history: dict[str, list[Any]] = {}
        self.epoch: list[int] = []

    def on_train_begin(self, logs: Logs) -> None:
        self.model.history = self  # set at the beginning, so that it is there after Ctrl-C

    def on_epoch_end(self, epoch: int, logs: Logs) -> None:
        self.epoch.append(epoch)
        for key, value in logs.items():
            self.history.setdefault(key, []).append(value)

    def state_dict(self) -> dict[str, Any]:
        return {"history": {k: list(v) for k, v in self.history.items()}, "epoch": list(self.epoch)}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        history, epoch = state.get("history"), state.get("epoch")
        if not (
            isinstance(history, dict)
            and isinstance(epoch, list)
            and all(isinstance(v, list) and 0 < len(v) <= len(epoch) for v in history.values())
            and all(isinstance(x, int | float | np.ndarray) for v in history.values() for x in v)
        ):
            raise wrong_state(self, state, "lists of numbers by name")
        self.history, self.epoch = history, epoch

    def last(self) -> Logs:
        """The numbers of the last epoch; empty before the first.

        Returns
        -------
        dict of str to number
        """
        return {k: v[-1] for k, v in self.history.items()}

    def __getitem__(self, key: str) -> list[Any]:
        return self.history[key]

    def __repr__(self) -> str:
        last = ", ".join(
            f"{k}={v[-1]:.4g}" for k, v in self.history.items() if v and np.ndim(v[-1]) == 0
        )
        return shown(f"<History of {len(self.epoch)} epochs: {last}>")

    def _repr_html_(self) -> str:
        scalars = {k: v for k, v in self.history.items() if v and np.ndim(v[0]) == 0}
        rows: list[tuple[str, ...]] = [("", "first", "last", "best", "at epoch")]
        for name, values in scalars.items():
            finite = [v for v in values if np.isfinite(v)]
            if name == "lr" or not finite:
                rows.append((name, f"{values[0]:.4g}", f"{values[-1]:.4g}", "", ""))
                continue
            best = min(finite) if better("auto", name) == "min" else max(finite)
            numbers = (f"{v:.4g}" for v in (values[0], values[-1], best))
            rows.append((name, *numbers, str(values.index(best) + 1)))
        losses = [scalars[k] for k in ("loss", "val_loss") if k in scalars]
        caption = f"History of {len(self.epoch)} epochs"
        return sparkline(losses) + table_html(rows, "<>>>>", caption)

    def plot(self, metric: str | None = None, ax: Axes | None = None) -> Any:
        """Draw the numbers over the epochs, training beside validation; needs matplotlib.

        Parameters
        ----------
        metric : str, optional
            "loss", a metric or "lr"; all but "lr" by default, each in a panel.
        ax : matplotlib.axes.Axes, optional
            Where to draw one number, the loss by default.

        Returns
        -------
        matplotlib.axes.Axes, or an array of them for all numbers

        Raises
        ------
        ImportError
            If matplotlib is not there; the message says what to install.
        ValueError
            If there are no epochs, or no such number.
        """
        from gdcore.plots.training_curves import curve, panels

        if metric is None and ax is None:
            return panels(self)
        return curve(self, metric or "loss", ax)
