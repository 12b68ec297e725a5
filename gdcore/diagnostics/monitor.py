"""Looking at a network: once, or all through training."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from gdcore.callbacks import Callback, Logs
from gdcore.diagnostics.shadow import Shadow, sample
from gdcore.diagnostics.statistics import Probe, Snapshot
from gdcore.diagnostics.verdict import Report
from gdcore.engine.engine import engine_of
from gdcore.setting_checks import positive
from gdcore.training.prepare import prepare

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from gdcore.data.dataset import Data
    from gdcore.model import Model

__all__ = ["Monitor", "diagnose"]

ROWS = 256


def diagnose(
    model: Model, x: Any, y: Any, sample_weight: Any = None, seed: int | None = None
) -> Report:
    """Look at a network on one batch, as training would see it; the model stays as it is.

    Parameters
    ----------
    model : Model
        Compiled; trained or not.
    x, y, sample_weight
        One batch, as for `fit`; some 256 samples do.
    seed : int, optional
        Of the weights, if there are none yet.

    Returns
    -------
    Report
        Print it, or ask its `verdict`: "healthy", "vanishing", "exploding" or "dead units".

    Raises
    ------
    ValueError, TypeError
        If the model is not compiled or the data does not fit.

    Examples
    --------
    >>> import gdcore as gd
    >>> (x, y), _ = gd.datasets.digits()
    >>> model = gd.Sequential([gd.Dense(32, activation="relu"), gd.Dense(10)])
    >>> model = model.compile("adam", "cross_entropy")
    >>> gd.diagnostics.diagnose(model, x[:256], y[:256], seed=0).verdict
    'healthy'
    """
    shadow = Shadow(model, x, y, sample_weight, seed=seed, supervised=True)
    return Report([Probe(model, shadow).take(shadow.counter)])


class Monitor(Callback):
    """Statistics of activations, gradients and updates by layer, all through training.

    It runs on a batch of its own, in memory of its own: training computes the same bits with and
    without it.

    Parameters
    ----------
    x, y : arrays, optional
        The batch to look at, as for `fit`; the first `rows` of the training data by default.
    every : int, optional
        Steps between two looks; None looks after each epoch.
    rows : int

    Attributes
    ----------
    snapshots : list of Snapshot
        The first was taken before the first step.

    Raises
    ------
    ValueError
        If `every` or `rows` is not a whole number of at least 1, or one of x and y is missing.

    Notes
    -----
    A look costs about three steps on `rows` samples. With `every`, training comes back from C
    after each step.

    Examples
    --------
    >>> import gdcore as gd
    >>> (x, y), _ = gd.datasets.digits()
    >>> model = gd.Sequential([gd.Dense(32, activation="relu"), gd.Dense(10)])
    >>> model = model.compile("adam", "cross_entropy")
    >>> watch = gd.diagnostics.Monitor()
    >>> _ = model.fit(x, y, epochs=3, callbacks=[watch], seed=0, verbose=0)
    >>> len(watch.snapshots), watch.report().verdict
    (4, 'healthy')
    >>> list(watch.layers("gradient")), list(watch.parameters("ratio"))
    (['0', '1'], ['0.kernel', '0.bias', '1.kernel', '1.bias'])
    >>> int(watch.steps[-1]) == watch.look().step == model.steps_done
    True
    >>> watch.plot("ratio").get_xlabel()
    'step'
    """

    def __init__(
        self, x: Any = None, y: Any = None, every: int | None = None, rows: int = ROWS
    ) -> None:
        if (x is None) != (y is None):
            raise ValueError("Monitor got one of x and y: give both, or none for the training data")
        self.x, self.y = x, y
        self.every = None if every is None else positive("Monitor every", every)
        self.rows = positive("Monitor rows", rows)
        self.snapshots: list[Snapshot] = []
        self._data: Data | None = None
        self._probe: Probe | None = None
        if self.every is not None:  # on this instance alone: it costs a call into C for each step
            self.on_batch_end = self._after_batch  # type: ignore[method-assign]

    def on_data(self, data: Data) -> None:
        given = data if self.x is None else prepare(engine_of(self.model), self.x, self.y)
        self._data = sample(given, self.rows if self.x is None else given.rows)

    def on_train_begin(self, logs: Logs) -> None:
        self.snapshots = []
        self._probe = None
        self.look()

    def _after_batch(self, batch: int, logs: Logs) -> None:
        if self.every is not None and self.model.steps_done % self.every == 0:
            self.look()

    def on_epoch_end(self, epoch: int, logs: Logs) -> None:
        if self.every is None:
            self.look()

    def on_train_end(self, logs: Logs) -> None:
        self._probe = None

    def look(self) -> Snapshot:
        """Take a snapshot of the model as it is now.

        Returns
        -------
        Snapshot
            Also the last of `snapshots`.

        Raises
        ------
        ValueError
            If the monitor has not been given to `fit` yet.
        """
        if self._data is None:
            raise ValueError("the monitor has seen no data: pass it to fit(callbacks=[monitor])")
        if self._probe is None:
            self._probe = Probe(self.model, Shadow(self.model, self._data))
        self._probe.shadow.memory.copy(engine_of(self.model).parameters())
        taken = self._probe.take(self.model.steps_done)
        self.snapshots.append(taken)
        return taken

    def report(self) -> Report:
        """The snapshots in plain words, also after a training that failed.

        Returns
        -------
        Report
        """
        if self._data is not None and (
            not self.snapshots or self.snapshots[-1].step != self.model.steps_done
        ):
            self.look()
            self._probe = None
        return Report(self.snapshots)

    def __getstate__(self) -> dict[str, Any]:
        return self.__dict__ | {"_probe": None}

    # --- numbers over the steps ------------------------------------------------------------------

    @property
    def steps(self) -> np.ndarray:
        """The step of each snapshot."""
        return np.array([s.step for s in self.snapshots])

    def layers(self, what: str) -> dict[str, np.ndarray]:
        """One number of each layer over the snapshots.

        Parameters
        ----------
        what : {"mean", "std", "inactive", "dead", "gradient"}

        Returns
        -------
        dict of str to ndarray of shape (snapshots,)
            By layer.
        """
        return {
            s.name: np.array([getattr(t.layers[i], what) for t in self.snapshots])
            for i, s in enumerate(self.snapshots[0].layers)
        }

    def parameters(self, what: str) -> dict[str, np.ndarray]:
        """One number of each parameter over the snapshots.

        Parameters
        ----------
        what : {"weight", "gradient", "update", "ratio"}

        Returns
        -------
        dict of str to ndarray of shape (snapshots,)
            By parameter.
        """
        return {
            p.name: np.array([getattr(t.parameters[i], what) for t in self.snapshots])
            for i, p in enumerate(self.snapshots[0].parameters)
        }

    def plot(self, what: str = "gradient", ax: Axes | None = None, **options: Any) -> Axes:
        """A number of each layer, or of each kernel, over the steps.

        Parameters
        ----------
        what : {"gradient", "mean", "std", "inactive", "dead", "ratio", "weight"}
        ax : matplotlib.axes.Axes, optional
        **options
            As for `gdcore.plots.over_steps`.

        Returns
        -------
        matplotlib.axes.Axes
        """
        from gdcore.plots import over_steps

        return over_steps(self, what, ax=ax, **options)
