"""Validates targets and sample weights against the outputs and losses."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from gdcore.data.arrays import Rows, as_array, check_finite, same_length
from gdcore.data.dataset import TargetSpec
from gdcore.data.frames import ColumnNames
from gdcore.engine.network import Network
from gdcore.graph.ir import INT, REAL, Value
from gdcore.layers.base import fixed_shape
from gdcore.losses.base import Loss, class_numbers


def as_targets(
    y: Any,
    x: Rows,
    network: Network,
    losses: Sequence[Loss],
    columns: ColumnNames | None = None,
    mixed: bool = False,
) -> tuple[list[np.ndarray], tuple[TargetSpec, ...]]:
    """The targets of each output, and their shapes and dtypes; with `mixed`, class numbers as shares of classes.

    Raises
    ------
    ValueError, TypeError
        If their number, length, shape or values do not fit the outputs and losses.
    """
    n = len(network.outputs)
    if len(losses) != n:
        raise ValueError(
            f"the network has {n} outputs and the model was compiled with {len(losses)} losses: "
            "give one for each, as a list"
        )
    if n == 1 and not isinstance(y, Mapping):
        parts = [y]
    elif n == 1 and network.output_names is None and len(y) == 1:
        parts = list(y.values())
    elif isinstance(y, Mapping):
        if network.output_names is None or set(y) != set(network.output_names):
            raise ValueError(
                f"y has the outputs {sorted(map(str, y))}: "
                f"expected {network.output_names or ('an array' if n == 1 else f'a tuple of {n} arrays')}"
            )
        parts = [y[name] for name in network.output_names]
    elif isinstance(y, list | tuple) and len(y) == n:
        parts = list(y)
    else:
        raise ValueError(f"the network has {n} outputs: give y as a tuple of {n} arrays")
    arrays, spec = [], []
    for i, (part, loss, output) in enumerate(zip(parts, losses, network.outputs, strict=True)):
        what = "y" if n == 1 else f"y[{i}]"
        array = as_array(part, what, columns=columns)
        same_length(x, array, what)
        check_finite(array, what)
        array = np.ascontiguousarray(one_target(array, loss, output, what))
        if mixed and loss.classes and array.dtype == np.int32:
            array = np.eye(fixed_shape(output.shape[-1:], "an output")[0], dtype=np.float32)[array]
        kind = INT if loss.classes and array.dtype == np.int32 else REAL
        arrays.append(array)
        spec.append(TargetSpec(tuple(array.shape[1:]), kind))
    return arrays, tuple(spec)


def one_target(y: np.ndarray, loss: Loss, output: Value, what: str) -> np.ndarray:
    """The targets of one output, in the shape that its loss compares with the output."""
    want = fixed_shape(output.shape[1:], "an output")
    if loss.classes:
        return loss.check(y, output)
    if y.shape[1:] == (1,) and want == ():
        y = y[:, 0]
    elif y.ndim == 1 and want == (1,):
        y = y[:, None]
    if y.shape[1:] != want and not loss.any_shape:
        raise ValueError(
            f"{what} has the shape {y.shape} and the network puts out (n, "
            f"{', '.join(map(str, want))}): "
            f"they must be equal for {loss.config()['name']!r}"
            + (
                "; for class numbers use loss='cross_entropy'"
                if y.ndim == 1 and len(want) == 1
                else ""
            )
        )
    return loss.check(y, output)


def training_rows(rows: int, held_out: float) -> int:
    """The number of training samples when the last share `held_out` of `rows` is for validation.

    Raises
    ------
    ValueError
        If none would be trained on, or none held out.
    """
    held = round(rows * held_out)
    if held_out and held in (0, rows):
        raise ValueError(f"fit validation_split={held_out} of {rows} samples leaves a part empty")
    return rows - held


def weights_of(
    given: Any, by_class: Any, x: Rows, y: np.ndarray, output: Value, held_out: float | None
) -> np.ndarray | None:
    """The weight of each sample: `sample_weight`, times the weight of its class for training samples.

    Parameters
    ----------
    given : `sample_weight` of `fit`
    by_class : `class_weight` of `fit`
    x, y : samples, and targets of the first output
    output : Value
        The first output of the network.
    held_out : float or None
        The last share of the samples, which is for validation; None if the samples are one batch of
        many, in which all weights may be 0.

    Raises
    ------
    ValueError, TypeError
        If a weight does not fit, or all are 0.
    """
    trained = training_rows(len(x), held_out or 0.0)
    weights = sample_weights(given, x)
    if by_class is not None:
        factors = np.ones(len(x))
        factors[:trained] = class_weights(by_class, y[:trained], output)
        weights = factors if weights is None else weights * factors
    if weights is None or held_out is None:
        return weights
    names = [("sample_weight", given), ("class_weight", by_class)]
    for part, what in ((weights[:trained], "trained on"), (weights[trained:], "held out")):
        if len(part) and not part.any():
            raise ValueError(
                f"{' and '.join(n for n, w in names if w is not None)}: every sample that is {what} "
                "gets the weight 0, so that there is no loss: expected one above 0"
            )
    return weights


def sample_weights(weights: Any, x: Rows) -> np.ndarray | None:
    """Validated sample weights, (n,) of reals, or None.

    Raises
    ------
    ValueError
        If there is not one finite weight of at least 0 for each sample.
    """
    if weights is None:
        return None
    array = as_array(weights, "sample_weight")
    same_length(x, array, "sample_weight")
    if array.ndim == 2 and array.shape[1] == 1:
        array = array[:, 0]
    if array.ndim != 1:
        raise ValueError(
            f"sample_weight has the shape {array.shape}: "
            f"expected one number for each of {len(x)} samples"
        )
    check_finite(array, "sample_weight")
    if array.min() < 0:
        raise ValueError(f"sample_weight holds {array.min():g}: expected at least 0")
    return np.ascontiguousarray(array, dtype=np.float64 if array.dtype.kind != "f" else array.dtype)


def class_weights(spec: Any, y: np.ndarray, output: Value) -> np.ndarray:
    """The weight of each sample by its class.

    Parameters
    ----------
    spec : dict of class number to weight, sequence of weights, or "balanced"
        "balanced" gives each class the weight n / (classes · count of the class).
    y : class numbers (n,), or one-hot rows (n, classes)
    output : Value
        The first output of the network.

    Raises
    ------
    ValueError
        If it is none of these, or names a class that is not there.
    """
    width = output.shape[-1]
    classes = int(width) if output.ndim > 1 and isinstance(width, int) and width > 1 else 2
    if y.ndim == 2 and y.shape[1] > 1:
        y = y.argmax(axis=1)
    numbers = class_numbers(y.reshape(len(y)) if y.size == len(y) else y, classes, "class_weight")
    if numbers.ndim != 1:
        raise ValueError(
            f"class_weight needs one class for each sample, and y has the shape {y.shape}: "
            "use sample_weight"
        )
    table = np.ones(classes)
    if isinstance(spec, str):
        if spec != "balanced":
            raise ValueError(
                f"class_weight={spec!r}: expected 'balanced', or a dict of class number to weight"
            )
        counts = np.bincount(numbers, minlength=classes)
        present = counts > 0
        table[present] = len(numbers) / (present.sum() * counts[present])
    else:
        if not isinstance(spec, Mapping | Sequence | np.ndarray):
            raise TypeError(
                f"class_weight={spec!r}: expected 'balanced', or a dict of class number to weight"
            )
        pairs = spec.items() if isinstance(spec, Mapping) else enumerate(spec)
        for k, w in pairs:
            known = isinstance(k, int | np.integer) and 0 <= k < classes
            if not known or not (
                isinstance(w, int | float | np.number) and w >= 0 and np.isfinite(w)
            ):
                raise ValueError(
                    f"class_weight gives class {k!r} the weight {w!r}: "
                    f"expected classes 0 to {classes - 1} and weights of at least 0"
                )
            table[k] = w
    return np.asarray(table[numbers])
