"""Are the gradients of a layer or a loss right? Central differences in float64 tell."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from gdcore import losses, ops
from gdcore.data.arrays import as_array
from gdcore.engine.engine import engine_of
from gdcore.engine.session import Session
from gdcore.engine.settings import CompileSettings
from gdcore.engine.steps import Builder
from gdcore.graph.differentiate import gradients
from gdcore.graph.dims import Batch
from gdcore.graph.ir import INT, REAL, Value
from gdcore.graph.ops.leaves import input_value
from gdcore.graph.passes.phases import specialize
from gdcore.layers.base import Layer, fixed_shape
from gdcore.losses import Loss
from gdcore.model import Model
from gdcore.printed import shown
from gdcore.random import Stream
from gdcore.setting_checks import positive
from gdcore.show.summary import table

__all__ = ["GradientCheck", "TensorCheck", "check_gradient"]

ROWS = 4
# Half of the width of a central difference. Its error is about h² + 1e-16/h: least near 6e-6
# (CS231n, "Gradient checks", recommends 1e-5).
WIDTH = 1e-5
ROUNDING = 1e-9  # of a central difference, for outputs near 1: about 50 · 2e-16 / 1e-5
KINK = 1e-4  # relative disagreement of two widths above which there is a kink


@dataclass(frozen=True)
class TensorCheck:
    """One tensor: where its gradient fits worst.

    Attributes
    ----------
    name : str
    error : float
        |gradient - difference| at its worst element, over the largest of either in the tensor.
    index : tuple of int
        That element.
    gradient, difference : float
        What the graph and what central differences say there.
    checked, skipped : int
        Elements that were tried, and those left out of them because a kink is too near.
    zero : bool
        Whether the gradient is zero everywhere.

    Examples
    --------
    >>> import gdcore as gd
    >>> kernel = gd.diagnostics.check_gradient(gd.Dense(2), 3).tensors[0]
    >>> kernel.name, kernel.checked, kernel.zero
    ('dense.kernel', 6, False)
    """

    name: str
    error: float
    index: tuple[int, ...]
    gradient: float
    difference: float
    checked: int
    skipped: int
    zero: bool


@dataclass(frozen=True)
class GradientCheck:
    """The result of a gradient check: true if every tensor's gradient is right.

    Attributes
    ----------
    tensors : tuple of TensorCheck
        Parameters, then inputs.
    tolerance : float

    Examples
    --------
    >>> import gdcore as gd
    >>> check = gd.diagnostics.check_gradient(gd.Dense(2), 3)
    >>> bool(check), check.worst.error < 1e-6
    (True, True)
    """

    tensors: tuple[TensorCheck, ...]
    tolerance: float

    @property
    def worst(self) -> TensorCheck:
        """The tensor with the largest error."""
        return max(self.tensors, key=lambda t: t.error)

    @property
    def passed(self) -> bool:
        """Whether all errors are within the tolerance."""
        return self.worst.error <= self.tolerance

    def __bool__(self) -> bool:
        return self.passed

    def __str__(self) -> str:
        w = self.worst
        if self.passed:
            head = f"gradients are right: the largest error is {w.error:.1e}, of {w.name}"
        else:
            at = f"[{', '.join(map(str, w.index))}]" if w.index else ""
            head = (
                f"the gradient of {w.name} is wrong: {w.gradient:.6g} at {w.name}{at}, where "
                f"central differences give {w.difference:.6g} (error {w.error:.1e}, "
                f"tolerance {self.tolerance:.0e})"
            )
        still = [t.name for t in self.tensors if t.zero]
        if still:
            head += f"\nno gradient reaches {', '.join(still)}: nothing is learned there"
        rows = [("tensor", "error", "checked", "near a kink", "")]
        for t in self.tensors:
            said = "zero" if t.zero else "" if t.error <= self.tolerance else "wrong"
            rows.append((t.name, f"{t.error:.1e}", f"{t.checked}", f"{t.skipped or ''}", said))
        return shown(f"{head}\n\n{table(rows, '<>>><')}")

    __repr__ = __str__


def check_gradient(
    what: Layer | Loss | str | Callable[..., Any],
    input_shape: int | Sequence[Any] = (),
    *,
    target: Any = None,
    x: Any = None,
    tolerance: float = 1e-6,
    samples: int = 50,
    seed: int = 0,
) -> GradientCheck:
    """Compare the gradients of a layer, a loss or a function with central differences, in float64.

    Parameters
    ----------
    what : Layer, Loss, name of a loss, or function of traced values
        With a `target`, a function is a loss of (prediction, target). A layer is checked in
        training mode, at its weights if it has them, and is not changed.
    input_shape : int or tuple of int
        Of one sample, as for `gd.Input`; a list of them for several inputs.
    target : array, optional
        Of a loss, for as many samples as `x` has, or 4. The named losses draw their own.
    x : array, or list of arrays for several inputs, optional
        Where to check; drawn from a normal distribution by default, the predictions of a loss from
        0.1 to 0.9. Give it for inputs that must be positive, or whole numbers.
    tolerance : float
        Largest error, as a share of a tensor's largest gradient.
    samples : int
        At most so many elements of each tensor are tried.
    seed : int

    Returns
    -------
    GradientCheck
        True if all is right; printed, it names the worst tensor.

    Raises
    ------
    ValueError, TypeError
        If shapes do not fit, or `what` does not compute with traced values.

    Examples
    --------
    >>> import gdcore as gd
    >>> class Scale(gd.Layer):
    ...     def forward(self, x):
    ...         return x * self.param("scale", x.shape[-1:], "ones")
    >>> check = gd.diagnostics.check_gradient(Scale(), (3,))
    >>> check.passed, [t.name for t in check.tensors]
    (True, ['scale.scale', 'x'])
    """
    positive("check_gradient samples", samples)
    if not 0 < tolerance < 1:
        raise ValueError(f"check_gradient tolerance={tolerance!r}: expected between 0 and 1")
    is_loss = isinstance(what, str | Loss) or target is not None
    arrays = _inputs(input_shape, x, seed, positive_only=is_loss)
    leaves = [
        input_value((Batch(1), *a.shape[1:]), f"x{i}" if len(arrays) > 1 else "x", _kind(a))
        for i, a in enumerate(arrays)
    ]
    known = _variables(what)
    try:
        output = _loss_of(what, leaves, arrays, target, seed) if is_loss else _applied(what, leaves)
        setting = _Setting(leaves, output, arrays, seed)
    finally:
        for layer, names in known.items():
            for name in set(layer.variables) - names:
                del layer.variables[name]
    return GradientCheck(tuple(setting.check(samples, seed)), tolerance)


def _kind(array: np.ndarray) -> str:
    return INT if array.dtype.kind in "iu" else REAL


def _inputs(shape: Any, x: Any, seed: int, positive_only: bool) -> list[np.ndarray]:
    """The arrays to check at; between 0.1 and 0.9 every loss is defined."""
    if x is not None:
        given = [as_array(a, "x") for a in (x if isinstance(x, list | tuple) else [x])]
        return [np.ascontiguousarray(a, np.int32 if _kind(a) == INT else np.float64) for a in given]
    if isinstance(shape, np.ndarray):
        raise TypeError(
            f"check_gradient input_shape is an array of shape {shape.shape}: expected the shape of "
            "one sample; data is given as x=..."
        )
    shapes = shape if isinstance(shape, list) else [shape]
    out = []
    for i, one in enumerate(shapes):
        dims = (one,) if hasattr(one, "__index__") else tuple(one)
        sizes = [positive("check_gradient input_shape", d) for d in dims]
        draws, whole = Stream(seed, f"check/x{i}"), (ROWS, *sizes)
        out.append(draws.uniform(whole, 0.1, 0.9) if positive_only else draws.normal(whole))
    return out


def _variables(what: Any) -> dict[Layer, set[str]]:
    """The variables that layers have before they are called here."""
    layers = [layer for _, layer in what.walk()] if isinstance(what, Layer) else []
    return {layer: set(layer.variables) for layer in layers}


def _applied(what: Any, leaves: list[Value]) -> Any:
    """The outputs of a layer or a function."""
    if not callable(what):
        raise TypeError(
            f"check_gradient of {what!r}: expected a layer, a loss or a function of traced values"
        )
    return what(*leaves)


def _loss_of(
    what: Any, leaves: list[Value], arrays: list[np.ndarray], target: Any, seed: int
) -> Value:
    """A loss of the only input, the prediction; its target is added to leaves and arrays."""
    loss, pred = losses.get(what), leaves[0]
    if len(leaves) != 1:
        raise ValueError("check_gradient of a loss takes one input, the prediction")
    if target is None:
        drawn = Stream(seed, "check/target")
        if loss.classes:
            target = drawn.integers(int(arrays[0].shape[-1]), arrays[0].shape[:-1])
        elif isinstance(loss, losses.Hinge | losses.SquaredHinge):
            target = drawn.integers(2, arrays[0].shape)
        else:
            target = drawn.uniform(arrays[0].shape, 0.1, 0.9)
    y = loss.check(as_array(target, "target"), pred)
    if len(y) != len(arrays[0]):
        raise ValueError(
            f"check_gradient target has {len(y)} rows and x has {len(arrays[0])}: expected as many"
        )
    whole = loss.classes and y.dtype.kind in "iu"
    arrays.append(np.ascontiguousarray(y, np.int32 if whole else np.float64))
    leaves.append(input_value((Batch(1), *y.shape[1:]), "target", INT if whole else REAL))
    return loss(pred, leaves[1])


class _Setting:
    """A scalar of the outputs, its gradients, and the memory in which elements are perturbed."""

    def __init__(
        self, leaves: list[Value], output: Any, arrays: list[np.ndarray], seed: int
    ) -> None:
        several = list(output) if isinstance(output, list | tuple) else [output]
        if isinstance(output, dict):
            several = list(output.values())
        if any(isinstance(v, Value) and v.shape == () for v in several):  # a loss that is a scalar
            several = [ops.broadcast_to(v, (Batch(1),)) if v.shape == () else v for v in several]
        engine = engine_of(Model(leaves, several))
        engine.set_dtype("float64")
        self.network = engine.network()
        self.memory = engine.detached()
        self.memory.store.draw(self.network.names, seed)
        for p in self.network.parameters:
            if p.data is None:  # not at the zeros and ones that layers start with
                name = f"check/{self.network.names[p]}"
                view = self.memory.view(p)
                view[...] = view + 0.1 * Stream(seed, name).normal(p.shape)
        self.rows = len(arrays[0])
        self.arrays = [*arrays]
        outputs, _ = specialize(self.network.outputs, training=True)
        total: Value | None = None
        for i, v in enumerate(outputs):  # a weighted sum, so that no error can cancel
            weight = input_value(v.shape, f"weight{i}")
            leaves.append(weight)
            shape = (self.rows, *fixed_shape(v.shape[1:], "an output"))
            self.arrays.append(Stream(seed, f"check/weight{i}").normal(shape))
            part = ops.sum(v * weight)
            total = part if total is None else total + part
        assert total is not None
        self.moved: list[tuple[str, Value, np.ndarray]] = [
            (self.network.names[p], p.leaf, self.memory.view(p)) for p in self.network.parameters
        ]
        self.moved += [
            (v.name, v, a)
            for v, a in zip(self.network.inputs, self.arrays, strict=False)
            if v.dtype == REAL and v.name != "target"
        ]
        if not self.moved:
            raise ValueError("check_gradient found nothing to differentiate: no real input")
        builder = Builder(self.network, self.memory, CompileSettings())
        self.total = total
        self.slopes = gradients(total, [leaf for _, leaf, _ in self.moved])
        self.seed = seed
        self.forward = builder.study(self.rows, leaves, [total])
        self.both = builder.study(self.rows, leaves, [total, *self.slopes])

    def _run(self, session: Session) -> float:
        feeds = [(a, 1.0) for a in self.arrays]
        session.run(feeds, self.rows, self.rows, seed=self.seed, threads=1)
        return float(session.read(self.total, self.rows))

    def check(self, samples: int, seed: int) -> list[TensorCheck]:
        """Each tensor, at some of its elements."""
        self.value = self._run(self.both)
        if not np.isfinite(self.value):
            raise ValueError(
                "check_gradient: the output is not finite; give x where the function is defined"
            )
        slopes = [self.both.read(g, self.rows).astype(np.float64) for g in self.slopes]
        return [
            self._tensor(name, array, slope, samples, Stream(seed, f"check/{name}/at"))
            for (name, _, array), slope in zip(self.moved, slopes, strict=True)
        ]

    def _difference(
        self, array: np.ndarray, at: tuple[int, ...], width: float
    ) -> tuple[float, float]:
        """The central difference, and how much the slope to the right is above that to the left."""
        kept = array[at]
        array[at] = kept + width
        above = self._run(self.forward)
        array[at] = kept - width
        below = self._run(self.forward)
        array[at] = kept
        return (above - below) / (2 * width), (above + below - 2 * self.value) / width

    def _at_kink(
        self, wide: tuple[float, float], narrow: tuple[float, float], rounding: float
    ) -> bool:
        """Whether a slope jumps between the two widths, or at the very element.

        Where a function is smooth, the two slopes converge as the width shrinks.
        """
        apart = abs(wide[0] - narrow[0]) > KINK * max(abs(wide[0]), abs(narrow[0])) + rounding
        jump = abs(narrow[1]) > max(0.75 * abs(wide[1]), 100 * rounding)
        return apart or jump

    def _tensor(
        self, name: str, array: np.ndarray, slope: np.ndarray, samples: int, draws: Stream
    ) -> TensorCheck:
        rounding = ROUNDING * max(1.0, abs(self.value))
        numbers = draws.permutation(array.size)[:samples]
        found: list[tuple[float, tuple[int, ...], float, float]] = []
        largest, skipped = 10 * rounding, 0
        for number in numbers.tolist():
            at = tuple(int(i) for i in np.unravel_index(number, array.shape))
            width = WIDTH * max(1.0, abs(float(array[at])))
            wide, narrow = (self._difference(array, at, w) for w in (width, width / 2))
            if self._at_kink(wide, narrow, rounding):
                skipped += 1
                continue
            own = float(slope[at])
            largest = max(largest, abs(narrow[0]), abs(own))
            found.append((max(0.0, abs(own - narrow[0]) - rounding), at, own, narrow[0]))
        error, at, own, there = max(found, default=(0.0, (), float("nan"), float("nan")))
        zero = not slope.any()
        return TensorCheck(name, error / largest, at, own, there, len(numbers), skipped, zero)
