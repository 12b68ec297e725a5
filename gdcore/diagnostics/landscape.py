"""The loss around a solution: a surface over two directions, or a line between two networks."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from gdcore.data.arrays import as_array
from gdcore.diagnostics.shadow import Shadow
from gdcore.layers.base import Parameter
from gdcore.random import Stream
from gdcore.setting_checks import positive
from gdcore.training.sweep import Tally, sweep

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from gdcore.model import Model

__all__ = ["LossLine", "LossSurface", "interpolate", "loss_landscape"]

BATCH = 512


@dataclass(frozen=True)
class LossSurface:
    """The loss on a grid of weights θ + a·d₁ + b·d₂.

    Attributes
    ----------
    a, b : ndarray
        How far along each direction; 1 is a step as long as the weights themselves.
    losses : ndarray of shape (len(b), len(a))
        Infinite where the loss is not finite.
    centre : float
        The loss at θ.

    Examples
    --------
    >>> import gdcore as gd
    >>> (x, y), _ = gd.datasets.digits()
    >>> model = gd.Sequential([gd.Dense(16, activation="relu"), gd.Dense(10)])
    >>> model = model.compile("adam", "cross_entropy")
    >>> _ = model.fit(x, y, epochs=5, seed=0, verbose=0)
    >>> around = gd.diagnostics.loss_landscape(model, x[:200], y[:200], points=5)
    >>> around.a.tolist(), around.losses.shape
    ([-1.0, -0.5, 0.0, 0.5, 1.0], (5, 5))
    >>> around.plot().get_title()
    'Loss around the solution'
    """

    a: np.ndarray
    b: np.ndarray
    losses: np.ndarray
    centre: float

    def plot(self, ax: Axes | None = None, **options: Any) -> Axes:
        """Contours of the surface; see `gdcore.plots.landscape`.

        Parameters
        ----------
        ax : matplotlib.axes.Axes, optional
        **options
            As for `gdcore.plots.landscape`.

        Returns
        -------
        matplotlib.axes.Axes
        """
        from gdcore.plots import landscape

        return landscape(self, ax=ax, **options)


@dataclass(frozen=True)
class LossLine:
    """The loss on the line (1 - t)·from + t·to.

    Attributes
    ----------
    t, losses : ndarray

    Examples
    --------
    >>> import gdcore as gd
    >>> (x, y), _ = gd.datasets.digits()
    >>> model = gd.Sequential([gd.Dense(16, activation="relu"), gd.Dense(10)])
    >>> model = model.compile("adam", "cross_entropy")
    >>> _ = model.fit(x, y, epochs=0, seed=0)
    >>> start = model.state_dict()
    >>> _ = model.fit(x, y, epochs=5, verbose=0)
    >>> line = gd.diagnostics.interpolate(model, start, x, y, points=5)
    >>> line.t.tolist(), line.barrier < 1
    ([-0.25, 0.125, 0.5, 0.875, 1.25], True)
    >>> line.plot().get_ylabel()
    'loss'
    """

    t: np.ndarray
    losses: np.ndarray

    @property
    def barrier(self) -> float:
        """How far the loss between the ends rises above the straight line that joins theirs."""
        inside = (self.t >= 0) & (self.t <= 1)
        first, last = np.interp([0.0, 1.0], self.t, self.losses)
        straight = first + (last - first) * self.t
        return float(max(0.0, (self.losses - straight)[inside].max()))

    def plot(self, ax: Axes | None = None, **options: Any) -> Axes:
        """The line; see `gdcore.plots.loss_line`.

        Parameters
        ----------
        ax : matplotlib.axes.Axes, optional
        **options
            As for `gdcore.plots.loss_line`.

        Returns
        -------
        matplotlib.axes.Axes
        """
        from gdcore.plots import loss_line

        return loss_line(self, ax=ax, **options)


def loss_landscape(
    model: Model,
    x: Any,
    y: Any,
    *,
    span: float = 1.0,
    points: int = 21,
    seed: int = 0,
    sample_weight: Any = None,
) -> LossSurface:
    """The loss over two random directions from a model's weights; the model stays as it is.

    Each direction is drawn from a normal distribution, and each filter of it (the weights of one
    unit or one convolution's channel) scaled to the length of the model's own; biases and the
    weights of norm layers are not moved, as in the authors' code. Because the loss of a ReLU
    network does not change when one layer's weights are doubled and the next one's halved, only
    such directions make the sharpness of two networks comparable.

    Parameters
    ----------
    model : Model
        Compiled and, to be of interest, trained.
    x, y, sample_weight
        As for `evaluate`; points² passes are made over them, so that some 500 samples are enough.
    span : float
        The grid goes from -span to span.
    points : int
        Along each direction; an odd number has θ itself on the grid.
    seed : int
        Of the directions.

    Returns
    -------
    LossSurface

    Raises
    ------
    ValueError, TypeError
        If an option is out of range, the model is not compiled or the data does not fit.

    References
    ----------
    Li et al. 2018, Visualizing the loss landscape of neural nets.

    Examples
    --------
    >>> import gdcore as gd
    >>> (x, y), _ = gd.datasets.digits()
    >>> model = gd.Sequential([gd.Dense(16, activation="relu"), gd.Dense(10)])
    >>> _ = model.compile("adam", "cross_entropy").fit(x, y, epochs=5, seed=0, verbose=0)
    >>> around = gd.diagnostics.loss_landscape(model, x[:200], y[:200], points=5)
    >>> bool(around.losses.min() == around.losses[2, 2])
    True
    """
    if not 0 < span < float("inf"):
        raise ValueError(f"loss_landscape span={span!r}: expected a positive number")
    if positive("loss_landscape points", points) < 3:
        raise ValueError(f"loss_landscape points={points!r}: expected at least 3")
    shadow = Shadow(model, x, y, sample_weight, seed=seed, supervised=True)
    loss = _Loss(shadow)
    origin = shadow.memory.params.copy()
    first, second = (_direction(shadow, seed, which) for which in ("a", "b"))
    at = np.linspace(-span, span, points)
    losses = np.array([[loss(origin + a * first + b * second) for a in at] for b in at])
    return LossSurface(at, at.copy(), losses, loss(origin))


def interpolate(
    model: Model,
    other: Model | Mapping[str, Any],
    x: Any,
    y: Any,
    *,
    points: int = 51,
    beyond: float = 0.25,
    sample_weight: Any = None,
) -> LossLine:
    """The loss on the straight line from a model's weights to other ones; the model stays as it is.

    Parameters
    ----------
    model : Model
        Compiled; its weights are at t = 0.
    other : Model or dict
        A model of the same shape, or what `state_dict` gave: the initial weights, those of another
        seed. They are at t = 1. States, such as a batch norm's running mean, go along.
    x, y, sample_weight
        As for `evaluate`.
    points : int
    beyond : float
        How far to go beyond both ends.

    Returns
    -------
    LossLine

    Raises
    ------
    ValueError, TypeError
        If names or shapes differ, an option is out of range, the model is not compiled or the data
        does not fit.

    References
    ----------
    Goodfellow et al. 2015, Qualitatively characterizing neural network optimization problems.
    Frankle et al. 2020, Linear mode connectivity, for the barrier.

    Examples
    --------
    >>> import gdcore as gd
    >>> (x, y), _ = gd.datasets.digits()
    >>> model = gd.Sequential([gd.Dense(16, activation="relu"), gd.Dense(10)])
    >>> _ = model.compile("adam", "cross_entropy").fit(x, y, epochs=0, seed=0)
    >>> start = model.state_dict()
    >>> _ = model.fit(x, y, epochs=5, verbose=0)
    >>> line = gd.diagnostics.interpolate(model, start, x, y, points=5, beyond=0)
    >>> bool(line.losses[0] < line.losses[-1])
    True
    """
    if positive("interpolate points", points) < 2:
        raise ValueError(f"interpolate points={points!r}: expected at least 2")
    if not 0 <= beyond < float("inf"):
        raise ValueError(f"interpolate beyond={beyond!r}: expected a number of at least 0")
    state = other if isinstance(other, Mapping) else other.state_dict()
    shadow = Shadow(model, x, y, sample_weight, supervised=True)
    memory = shadow.memory
    if set(state) != set(shadow.network.names.values()):
        wrong = sorted(set(state) ^ set(shadow.network.names.values()))
        raise ValueError(
            f"interpolate between networks of different parameters ({', '.join(wrong[:3])}): "
            "expected the same names in both"
        )
    loss = _Loss(shadow)
    ends = []
    for v, name in shadow.network.names.items():
        there = as_array(state[name], repr(name))
        if there.shape != v.shape:
            raise ValueError(
                f"interpolate: {name!r} has the shape {there.shape}, expected {v.shape}"
            )
        ends.append((memory.view(v), memory.view(v).copy(), there))
    at = np.linspace(-beyond, 1 + beyond, points)
    losses = []
    for t in at:
        for view, here, there in ends:
            view[...] = (1 - t) * here + t * there
        losses.append(loss(None))
    return LossLine(at, np.array(losses))


class _Loss:
    """The loss of a shadow's data, as a function of its parameter vector."""

    def __init__(self, shadow: Shadow) -> None:
        self.shadow, data = shadow, shadow.data
        self.batch = min(BATCH, data.rows)
        self.step = shadow.builder.evaluate(self.batch, data.spec, data.weights is not None)

    def __call__(self, params: np.ndarray | None) -> float:
        if params is not None:
            self.shadow.memory.params[...] = params
        tally = Tally(())
        with np.errstate(all="ignore"):
            sweep(self.step, self.shadow.data, self.batch, tally, seed=self.shadow.seed)
        return tally.mean if np.isfinite(tally.mean) else float("inf")


def _direction(shadow: Shadow, seed: int, which: str) -> np.ndarray:
    """A filter-normalised random direction, as a parameter vector."""
    memory = shadow.memory
    direction = np.zeros_like(memory.params)
    for p in memory.trainable():
        if p.role in ("bias", "norm"):
            continue
        weights = memory.view(p).astype(np.float64)
        name = f"landscape/{which}/{shadow.network.names[p]}"
        drawn = Stream(seed, name).normal(p.shape)
        length, own = (_filter_norms(t, p) for t in (drawn, weights))
        at = memory.store.offsets[p]
        direction[at : at + p.size] = (drawn * (own / np.maximum(length, 1e-30))).ravel()
    return direction


def _filter_norms(tensor: np.ndarray, p: Parameter) -> np.ndarray:
    """The norm of each filter: of what makes one unit, or one row of an embedding."""
    axes = tuple(range(1, tensor.ndim)) if p.role == "embedding" else tuple(range(tensor.ndim - 1))
    return np.asarray(np.sqrt((tensor * tensor).sum(axis=axes, keepdims=True)))
