"""What a network has learned: which inputs move its outputs, and which columns it needs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from gdcore import ops
from gdcore.callbacks import better, monitored
from gdcore.data.arrays import Rows, as_array
from gdcore.data.frames import ColumnNames
from gdcore.diagnostics.shadow import Shadow
from gdcore.engine.engine import engine_of
from gdcore.graph.differentiate import gradients
from gdcore.graph.ir import REAL
from gdcore.graph.ops.leaves import input_value
from gdcore.graph.passes.phases import specialize
from gdcore.layers.base import fixed_shape
from gdcore.random import Stream
from gdcore.setting_checks import positive
from gdcore.show.summary import table

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from gdcore.model import Model

__all__ = ["Importance", "input_gradients", "integrated_gradients", "permutation_importance"]

BATCH = 256


class _Slopes:
    """The derivative of one output of each sample with respect to that sample's inputs."""

    def __init__(self, model: Model, x: Any, target: Any) -> None:
        self.shadow = shadow = Shadow(model, x)
        network, self.data = shadow.network, shadow.data
        whole = [v.name for v in network.inputs if v.dtype != REAL]
        if whole:
            raise TypeError(
                f"input {whole[0]!r} takes whole numbers, along which there is no derivative: "
                "use permutation_importance"
            )
        (output, *_), _ = specialize(network.outputs[:1], training=False)
        several = len(network.inputs) > 1
        self.orders = [
            shadow.orders.get(f"X[{n!r}]" if several else "X") for n in network.input_names
        ]
        self.width = fixed_shape(output.shape[1:], "the output")
        select = input_value(output.shape, "select")
        self.leaves = [*network.inputs, select]
        self.slopes = gradients(ops.sum(output * select), network.inputs)
        self.batch = min(BATCH, self.data.rows)
        self.session = shadow.builder.study(self.batch, self.leaves, self.slopes)
        self.select = self._selection(model, x, target)

    def _selection(self, model: Model, x: Any, target: Any) -> np.ndarray:
        """Ones where the output is looked at, (n, outputs)."""
        rows, count = self.data.rows, int(np.prod(self.width, dtype=np.int64))
        if target is None and count > 1:
            out = model.predict(x)
            out = next(iter(out.values())) if isinstance(out, dict) else out
            first = out[0] if isinstance(out, list) else out
            target = first.reshape(rows, count).argmax(axis=1)
        numbers = np.asarray(0 if target is None else target)
        if numbers.dtype.kind not in "iu" or numbers.shape not in ((), (rows,)):
            raise ValueError(
                f"target={target!r}: expected the number of an output, or one for each of "
                f"{rows} samples"
            )
        if numbers.size and not 0 <= numbers.min() <= numbers.max() < count:
            raise ValueError(f"target={target!r}: expected 0 to {count - 1}")
        select = np.zeros((rows, count), self.session.real)
        select[np.arange(rows), numbers] = 1
        return select.reshape(rows, *self.width)

    def __call__(self, inputs: Sequence[Rows]) -> list[np.ndarray]:
        """The derivatives at the given inputs, which have as many rows as the data."""
        made: list[list[np.ndarray]] = [[] for _ in inputs]
        for start in range(0, self.data.rows, self.batch):
            part = [np.ascontiguousarray(np.asarray(a[start : start + self.batch])) for a in inputs]
            rows = len(part[0])
            feeds = [(a, 1.0) for a in (*part, self.select[start : start + rows])]
            self.session.run(feeds, rows, rows)
            for kept, slope in zip(made, self.slopes, strict=True):
                kept.append(self.session.read(slope, rows).copy())
        return [np.concatenate(kept) for kept in made]

    def shaped(self, arrays: list[np.ndarray]) -> Any:
        """As the inputs were given: columns of a frame in the order of the frame."""
        names = self.shadow.network.input_names
        arrays = [
            a if o is None else a[:, np.argsort(o)]
            for a, o in zip(arrays, self.orders, strict=True)
        ]
        return arrays[0] if len(arrays) == 1 else dict(zip(names, arrays, strict=True))


def input_gradients(model: Model, x: Any, target: Any = None) -> Any:
    """The derivative of an output with respect to each input: which pixels or columns move it.

    Parameters
    ----------
    model : Model
    x : array of shape (n, ...), or a tuple or dict of arrays for several inputs
    target : int or array of n ints, optional
        Which output, of the first if there are several; the largest one of each sample by default.

    Returns
    -------
    ndarray of x's shape, or a dict of them by input

    Raises
    ------
    ValueError
        If `target` is no output.
    TypeError
        If an input holds whole numbers.

    References
    ----------
    Simonyan et al. 2014, Deep inside convolutional networks.

    Examples
    --------
    >>> import gdcore as gd
    >>> model = gd.Sequential([gd.Input(2), gd.Dense(1, kernel_initializer="ones")])
    >>> gd.diagnostics.input_gradients(model, [[3.0, 4.0]])
    array([[1., 1.]], dtype=float32)
    """
    slopes = _Slopes(model, x, target)
    return slopes.shaped(slopes(slopes.data.inputs))


def integrated_gradients(
    model: Model, x: Any, target: Any = None, baseline: Any = 0.0, steps: int = 50
) -> Any:
    """What each input contributes to an output, compared with a baseline.

    The contributions of a sample sum to output(x) - output(baseline), up to the error of the
    midpoint rule.

    Parameters
    ----------
    model : Model
    x : array of shape (n, ...), or a tuple or dict of arrays for several inputs
    target : int or array of n ints, optional
        Which output; the largest one of each sample by default.
    baseline : number, or array that broadcasts to x; a list of them for several inputs
        An input that says nothing: black, the mean of the columns.
    steps : int
        Points on the straight line from the baseline to x.

    Returns
    -------
    ndarray of x's shape, or a dict of them by input

    Raises
    ------
    ValueError
        If `target` is no output, or the baseline does not fit.
    TypeError
        If an input holds whole numbers.

    References
    ----------
    Sundararajan et al. 2017, Axiomatic attribution for deep networks.

    Examples
    --------
    >>> import gdcore as gd
    >>> model = gd.Sequential([gd.Input(2), gd.Dense(1, kernel_initializer="ones")])
    >>> gd.diagnostics.integrated_gradients(model, [[3.0, 4.0]]).round(4)
    array([[3., 4.]], dtype=float32)
    """
    positive("integrated_gradients steps", steps)
    slopes = _Slopes(model, x, target)
    inputs = slopes.data.inputs
    given = baseline if isinstance(baseline, list) else [baseline] * len(inputs)
    if len(given) != len(inputs):
        raise ValueError(f"baseline has {len(given)} arrays and the model {len(inputs)} inputs")
    bases = []
    for b, a, order in zip(given, inputs, slopes.orders, strict=True):
        try:
            base = np.broadcast_to(np.asarray(b, np.float64), a.shape)
            bases.append(base if order is None else base[:, order])
        except ValueError:
            raise ValueError(
                f"baseline of shape {np.shape(b)} for an input of shape {a.shape}: expected one "
                "that broadcasts to it"
            ) from None
    total = [np.zeros(a.shape) for a in inputs]
    for i in range(steps):
        share = (i + 0.5) / steps
        at = [
            (b + share * (a - b)).astype(slopes.session.real)
            for a, b in zip(inputs, bases, strict=True)
        ]
        for t, slope in zip(total, slopes(at), strict=True):
            t += slope
    parts = [(a - b) * t / steps for a, b, t in zip(inputs, bases, total, strict=True)]
    return slopes.shaped([p.astype(slopes.session.real) for p in parts])


@dataclass(frozen=True)
class Importance:
    """How much worse a model gets when a column is shuffled.

    Attributes
    ----------
    names : tuple of str
    mean, std : ndarray
        Over the repeats, in the unit of the score; above 0, the column is needed.
    score : str

    Examples
    --------
    >>> import gdcore as gd, numpy as np
    >>> x = np.random.default_rng(0).normal(size=(200, 2)).astype("f")
    >>> model = gd.Sequential([gd.Dense(1)]).compile(gd.Adam(0.1), "mse")
    >>> _ = model.fit(x, 2 * x[:, 1], epochs=30, seed=0, verbose=0)
    >>> found = gd.diagnostics.permutation_importance(model, x, 2 * x[:, 1], names=["a", "b"])
    >>> found.names[found.mean.argmax()]
    'b'
    >>> found.plot().get_title()
    'Importance of the columns'
    """

    names: tuple[str, ...]
    mean: np.ndarray
    std: np.ndarray
    score: str

    def __str__(self) -> str:
        order = np.argsort(-self.mean, kind="stable")
        rows = [("column", f"{self.score} lost", "±")]
        rows += [(self.names[i], f"{self.mean[i]:.4g}", f"{self.std[i]:.2g}") for i in order]
        return table(rows, "<>>")

    __repr__ = __str__

    def plot(self, ax: Axes | None = None, **options: Any) -> Axes:
        """Bars, the largest first; see `gdcore.plots.importance`.

        Parameters
        ----------
        ax : matplotlib.axes.Axes, optional
        **options
            As for `gdcore.plots.importance`.

        Returns
        -------
        matplotlib.axes.Axes
        """
        from gdcore.plots import importance

        return importance(self, ax=ax, **options)


def permutation_importance(
    model: Model,
    x: Any,
    y: Any,
    *,
    score: str = "loss",
    repeats: int = 5,
    names: Sequence[str] | None = None,
    sample_weight: Any = None,
    seed: int = 0,
) -> Importance:
    """How much worse a model gets on data in which one column was shuffled.

    Use data that it was not trained on. Of two columns with the same information, each may seem
    unimportant.

    Parameters
    ----------
    model : Model
        Compiled and trained.
    x : array of shape (n, columns), or a dict of arrays, each of which is shuffled as a whole
    y, sample_weight
        As for `evaluate`.
    score : str
        "loss", or a metric that the model was compiled with.
    repeats : int
        Shuffles of each column.
    names : sequence of str, optional
        Of the columns of `x`; those of the frame that is given or was trained on, if None.
    seed : int

    Returns
    -------
    Importance

    Raises
    ------
    ValueError, TypeError
        If the score is not known, the names are too many or too few, or the data does not fit.

    References
    ----------
    Breiman 2001, Random forests; Fisher et al. 2019, All models are wrong, but many are useful.

    Examples
    --------
    >>> import gdcore as gd, numpy as np
    >>> x = np.random.default_rng(0).normal(size=(200, 3)).astype("f")
    >>> model = gd.Sequential([gd.Dense(1)]).compile(gd.Adam(0.1), "mse")
    >>> _ = model.fit(x, 2 * x[:, 1], epochs=30, seed=0, verbose=0)
    >>> int(gd.diagnostics.permutation_importance(model, x, 2 * x[:, 1]).mean.argmax())
    1
    """
    positive("permutation_importance repeats", repeats)
    parts: dict[str, np.ndarray]
    columns = ColumnNames.of(engine_of(model).columns)
    if isinstance(x, Mapping):
        what = "X" if len(x) == 1 else "X[{!r}]"
        parts = {str(k): as_array(v, what.format(k), columns=columns) for k, v in x.items()}
        found = list(parts)
    else:
        array = as_array(x, "X", columns=columns)
        if array.ndim != 2:
            raise ValueError(
                f"permutation_importance of X of shape {array.shape}: expected (n, columns), or "
                "a dict of arrays; for images use input_gradients"
            )
        found = list(columns.known.get("X", map(str, range(array.shape[1]))))
    labels = found if names is None else [str(n) for n in names]
    if len(labels) != len(found):
        raise ValueError(f"names has {len(labels)} entries: expected {len(found)}, one a column")
    if names is not None and "X" in columns.orders:  # in the order of the model
        labels = [labels[i] for i in columns.orders["X"]]

    def worth(data: Any) -> float:
        got = model.evaluate(data, y, sample_weight=sample_weight)
        down = score == "loss" or better("auto", score) == "min"
        return -monitored(got, score) if down else monitored(got, score)

    whole = worth(parts if isinstance(x, Mapping) else array)
    lost = np.zeros((len(found), repeats))
    for c, name in enumerate(found):
        for r in range(repeats):
            if isinstance(x, Mapping):
                order = Stream(seed, f"permute/{c}/{r}").permutation(len(parts[name]))
                lost[c, r] = whole - worth({**parts, name: parts[name][order]})
            else:
                order = Stream(seed, f"permute/{c}/{r}").permutation(len(array))
                shuffled = array.copy()
                shuffled[:, c] = array[order, c]
                lost[c, r] = whole - worth(shuffled)
    return Importance(tuple(labels), lost.mean(axis=1), lost.std(axis=1), score)
