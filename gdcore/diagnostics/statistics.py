"""What flows through a network at one moment: activations, gradients, updates, layer by layer."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from gdcore.graph.differentiate import gradients
from gdcore.graph.dims import Batch
from gdcore.graph.ir import REAL, Value, base, topological
from gdcore.layers.base import Layer
from gdcore.show.summary import layer_names
from gdcore.training.sweep import Tally, sweep

if TYPE_CHECKING:
    from gdcore.diagnostics.shadow import Shadow
    from gdcore.model import Model

__all__ = ["LayerStatistics", "ParameterStatistics", "Probe", "Snapshot"]

SATURATED = 0.01  # of the steepest slope: below it an activation counts as flat

# Where each activation is flat, told from what it puts out. A sigmoid's slope is y(1 - y), at most
# 1/4; that of tanh 1 - y², at most 1.
FLAT: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "relu": lambda y: y <= 0,
    "sigmoid": lambda y: 4 * y * (1 - y) < SATURATED,
    "tanh": lambda y: 1 - y * y < SATURATED,
    "softsign": lambda y: (1 - np.abs(y)) ** 2 < SATURATED,
    "hard_sigmoid": lambda y: (y <= 0) | (y >= 1),
}


@dataclass(frozen=True)
class LayerStatistics:
    """Statistics of one layer's output and of the gradient at that output.

    Attributes
    ----------
    name, kind : str
        Its path in the model, and its class.
    mean, std : float
        Of all that it put out.
    inactive : float
        Share of what it put out that lies where its activation is flat; NaN without such an
        activation.
    dead : float
        Share of its units that are flat on every sample; NaN likewise.
    gradient : float
        √(mean over samples of ‖∂loss of the sample/∂output‖²).
    output : bool
        Whether this is the output that the loss reads.

    Examples
    --------
    >>> import gdcore as gd
    >>> (x, y), _ = gd.datasets.digits()
    >>> model = gd.Sequential([gd.Dense(16, activation="relu"), gd.Dense(10)])
    >>> model = model.compile("adam", "cross_entropy")
    >>> first = gd.diagnostics.diagnose(model, x[:256], y[:256], seed=0).last.layers[0]
    >>> first.name, first.kind, 0.3 < first.inactive < 0.7
    ('0', 'Dense', True)
    """

    name: str
    kind: str
    mean: float
    std: float
    inactive: float
    dead: float
    gradient: float
    output: bool = False


@dataclass(frozen=True)
class ParameterStatistics:
    """One parameter: Euclidean norms of its numbers, their gradient and the step they would take.

    Attributes
    ----------
    name, role : str
    weight, gradient, update : float

    Examples
    --------
    >>> import gdcore as gd
    >>> (x, y), _ = gd.datasets.digits()
    >>> model = gd.Sequential([gd.Dense(16, activation="relu"), gd.Dense(10)])
    >>> model = model.compile("adam", "cross_entropy")
    >>> kernel = gd.diagnostics.diagnose(model, x[:256], y[:256], seed=0).last.parameters[0]
    >>> kernel.name, kernel.role, 0 < kernel.ratio < 0.1
    ('0.kernel', 'kernel', True)
    """

    name: str
    role: str
    weight: float
    gradient: float
    update: float

    @property
    def ratio(self) -> float:
        """Update to weight; NaN where the weight is zero."""
        return self.update / self.weight if self.weight else float("nan")


@dataclass(frozen=True)
class Snapshot:
    """A model on one batch, at one moment.

    Attributes
    ----------
    step : int
        Steps taken before.
    rows : int
        Samples in the batch.
    loss, after : float
        Of the batch, before and after one step on it.
    layers : tuple of LayerStatistics
        In the order in which they are computed; the last is the output.
    parameters : tuple of ParameterStatistics
        Those that are trained.
    vanishing, exploding : float
        A layer's gradient over that at the output, from which it is said to vanish or to explode.

    Examples
    --------
    >>> import gdcore as gd
    >>> (x, y), _ = gd.datasets.digits()
    >>> model = gd.Sequential([gd.Dense(16, activation="relu"), gd.Dense(10)])
    >>> model = model.compile("adam", "cross_entropy")
    >>> at = gd.diagnostics.diagnose(model, x[:256], y[:256], seed=0).last
    >>> at.step, at.rows, at.after < at.loss
    (0, 256, True)
    """

    step: int
    rows: int
    loss: float
    after: float
    layers: tuple[LayerStatistics, ...]
    parameters: tuple[ParameterStatistics, ...]
    # With one learning rate such a layer learns a thousand times slower: what Bengio et al. 1994 and Glorot
    # and Bengio 2010 (figure 7) call vanishing. Glorot's and He's initializations keep the quotient near 1 at
    # any depth. The same the other way: Pascanu et al. 2013, On the difficulty of training recurrent networks.
    vanishing: ClassVar[float] = 1e-3
    exploding: ClassVar[float] = 1e3

    @property
    def output_gradient(self) -> float:
        """The gradient at the output, with which those of layers are compared."""
        return max((s.gradient for s in self.layers if s.output), default=0.0)

    @property
    def finite(self) -> bool:
        """Whether loss, activations, gradients and updates all are."""
        numbers = [self.loss, self.after]
        numbers += [n for s in self.layers for n in (s.mean, s.std, s.gradient)]
        numbers += [n for p in self.parameters for n in (p.gradient, p.update)]
        return bool(np.isfinite(numbers).all())

    @property
    def ratio(self) -> float:
        """Norm of the whole update to that of all weights; NaN where those are zero."""
        weight = np.linalg.norm([p.weight for p in self.parameters]) if self.parameters else 0.0
        update = np.linalg.norm([p.update for p in self.parameters]) if self.parameters else 0.0
        return float(update / weight) if weight else float("nan")


class Probe:
    """Takes snapshots of a model on one batch.

    Parameters
    ----------
    model : Model
    shadow : Shadow
        In whose memory everything runs.
    """

    def __init__(self, model: Model, shadow: Shadow) -> None:
        self.shadow, self.data = shadow, shadow.data
        data, builder = shadow.data, shadow.builder
        weighted = data.weights is not None
        inputs, self.loss, outputs = builder.traced(data.spec, weighted, training=True)
        self.points = _points(self.loss, outputs, layer_names(model, shadow.network))
        values = [p.value for p in self.points]
        self.slopes = gradients(self.loss, values)
        self.session = builder.study(data.rows, inputs, [self.loss, *values, *self.slopes])
        self.step = builder.train(
            data.rows, data.spec, weighted, shadow.optimizer, False, gradients_kept=True
        )

    def take(self, step: int) -> Snapshot:
        """A snapshot of the weights in the shadow's memory; they take one step."""
        rows, seed = self.data.rows, self.shadow.seed
        with np.errstate(all="ignore"):
            loss = self._look(step)
            layers = tuple(map(self._layer, self.points, self.slopes))
            before = self.shadow.memory.params.astype(np.float64)
            sweep(self.step, self.data, rows, Tally(()), seed=seed, clock=lambda: step)
            parameters = self._parameters(before)
            return Snapshot(step, rows, loss, self._look(step), layers, parameters)

    def _look(self, step: int) -> float:
        """Compute loss, activations and gradients of the batch; returns the loss."""
        rows, seed = self.data.rows, self.shadow.seed
        self.session.run(self.data.feeds(), rows, rows, seed=seed, counter=step)
        return float(self.session.read(self.loss, rows))

    def _layer(self, point: Point, slope: Value) -> LayerStatistics:
        rows = self.data.rows
        y = self.session.read(point.value, rows).astype(np.float64)
        dy = self.session.read(slope, rows).astype(np.float64)
        inactive = dead = float("nan")
        if point.value.op.name in FLAT:
            flat = FLAT[point.value.op.name](y)
            inactive = float(flat.mean())
            dead = float(flat.reshape(-1, y.shape[-1] if y.ndim > 1 else 1).all(axis=0).mean())
        gradient = float(np.sqrt(rows) * np.linalg.norm(dy))
        return LayerStatistics(
            point.name,
            point.kind,
            float(y.mean()),
            float(y.std()),
            inactive,
            dead,
            gradient,
            point.output,
        )

    def _parameters(self, before: np.ndarray) -> tuple[ParameterStatistics, ...]:
        memory, names, out = self.shadow.memory, self.shadow.network.names, []
        for p in memory.trainable():
            begin = memory.store.offsets[p]
            at = slice(begin, begin + p.size)
            gradient = memory.gradient(p).astype(np.float64)
            norms = (before[at], gradient.ravel(), memory.params[at] - before[at])
            out.append(ParameterStatistics(names[p], p.role, *(map(_norm, norms))))
        return tuple(out)


def _norm(x: np.ndarray) -> float:
    return float(np.linalg.norm(x))


@dataclass(frozen=True)
class Point:
    """A value of the graph to be looked at."""

    name: str
    kind: str
    value: Value
    output: bool


def _points(loss: Value, outputs: Sequence[Value], names: Mapping[Layer, str]) -> list[Point]:
    """The values to measure: outputs of layers, and activations applied directly to them.

    In the order of computation; all of them values that the loss depends on.
    """
    order = topological([loss])
    inside = set(order)
    # A loss may bypass a final softmax or sigmoid: then the logits below it are the output.
    ends = {v if v in inside else v.inputs[0]: v for v in outputs if v in inside or v.inputs}
    if not any(v.layer in names for v in order):
        return _unnamed(topological(ends), ends)
    found: dict[Value, Point] = {}
    calls: Counter[str] = Counter()
    for v in order:
        if v.dtype != REAL or not v.shape or v.shape[0] != Batch(1):
            continue
        layer = v.layer if v.layer is not None or v not in ends else ends[v].layer
        if layer in names:
            name, kind = names[layer], type(layer).__name__
        elif v in ends:
            name, kind = "output", v.op.name
        elif v.op.name in FLAT:
            below = [v.inputs[0], *(v.inputs[0].inputs if v.inputs[0].op.kind == "map" else ())]
            source = next((x for x in reversed(below) if x in found), None)
            if source is None:
                continue
            name, kind = f"{found[source].name} {v.op.name}", "Activation"
        else:
            continue
        calls[name] += 1
        label = f"{name} #{calls[name]}" if calls[name] > 1 else name
        found[v] = Point(label, kind, v, v in ends)
    return list(found.values())


def _unnamed(order: Sequence[Value], ends: Mapping[Value, Value]) -> list[Point]:
    """The same for a model from a file, which has no layers: the results of ops on its parameters.

    Each is named after the last parameter used to compute it.
    """
    working = [v for v in order if any("variable" in x.attrs for x in v.inputs)]
    read = {base(x) for v in working if v.op.kind == "kernel" for x in v.inputs}
    owner: dict[Value, str] = {}
    found: list[Point] = []
    for v in order:
        used = [x.name.rpartition(".")[0] for x in v.inputs if "variable" in x.attrs]
        owner[v] = next(iter([*used, *(owner[x] for x in v.inputs if owner[x])]), "")
        looked_at = v in ends or (v in read and v.op.kind != "leaf" and bool(owner[v]))
        if looked_at and v.dtype == REAL and v.shape and v.shape[0] == Batch(1):
            before = {p.name: p for p in found}.get(owner[v])
            if before is not None:
                found.remove(before)  # a layer's last value is its output
            found.append(Point(owner[v] or "output", v.op.name, v, v in ends))
    return found
