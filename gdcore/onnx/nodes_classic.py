"""Nodes of the domain ai.onnx.ml, as scikit-learn's models are exported, and the choice of a class.

What is fitted by least squares or likelihood (coefficients, intercepts) becomes a parameter; what a
transformer measured (offsets, scales, replacements) stays as it is. A class that has a text for a
name is the number of that text; `gdcore.onnx.load` says which it is.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from gdcore import ops
from gdcore.graph.dims import size
from gdcore.graph.ir import Value
from gdcore.onnx.kinds import REALS, Kind, check_exact, whole
from gdcore.onnx.nodes_shapes import axis_of, picked
from gdcore.onnx.reader import Node
from gdcore.onnx.samples import MIXED

MOST_NUMBERS = 1 << 16  # with which a computed value is compared


def _best(function: Callable[..., Value]) -> Callable[[Node], Value]:
    """The number of the first, or last, of the best along an axis."""

    def row(n: Node) -> Value:
        x = n.value(0)
        check_exact([n.holds(0)], n.reader.limit)
        axis = axis_of(n.attr("axis", 0), x.ndim)
        keep, last = bool(n.attr("keepdims", 1)), n.attr("select_last_index", 0)
        count = x.shape[axis]
        if not isinstance(count, int):
            raise ValueError(MIXED)
        numbers = np.arange(count).reshape(-1, *[1] * (x.ndim - axis - 1))
        best = ops.equal(x, function(x, axis, True))
        n.makes = [whole(0, max(0, count - 1))]
        if last:
            return ops.max(ops.where(best, numbers, -1.0), axis, keep)
        return ops.min(ops.where(best, numbers, float(count)), axis, keep)

    return row


def _each_of(x: Value, found: np.ndarray) -> Value:
    """One-hot comparison of x with some numbers: (..., numbers)."""
    if len(found) > MOST_NUMBERS:
        raise ValueError(f"{len(found)} classes or keys: expected at most {MOST_NUMBERS}")
    return ops.equal(ops.expand_dims(x, -1), found)


def lookup(index: Value, table: np.ndarray) -> Value:
    """table[index], for indices that are computed."""
    picks = _each_of(index, np.arange(len(table)))
    return ops.sum(ops.where(picks, table, 0.0), -1)


def _extract(n: Node) -> Value:
    """Columns by number; or, for constants, one for each row, in a single row."""
    item = n.item(0)
    if isinstance(item, Value):
        return picked(item, item.ndim - 1, n.array(1).reshape(-1))
    table, index = n.array(0).reshape(-1), n.value(1)
    if n.array(0).size != n.array(0).shape[-1]:
        raise ValueError("columns of a constant of several rows, by numbers that are computed")
    flat = ops.reshape(index, (1, -1))
    holds = n.holds(0)
    if holds.name == "text":
        n.makes = [holds]
        return flat
    check_exact([holds], n.reader.limit)
    return lookup(flat, table)


# --- classes -------------------------------------------------------------------------


def _texts(found: list[bytes]) -> tuple[str, ...]:
    return tuple(t.decode("utf-8", "replace") for t in found)


def _classes(n: Node, ints: str, texts: str) -> tuple[list[int], tuple[str, ...]]:
    """The classes of a node: numbers or texts."""
    numbers, names = n.attr(ints, []), _texts(n.attr(texts, []))
    if bool(numbers) == bool(names):
        raise ValueError(f"expected either {ints} or {texts}")
    return numbers, names


def _named(n: Node, index: Value, numbers: list[int], names: tuple[str, ...]) -> Value:
    """Classes by number, and what they hold."""
    if names:
        n.makes = [Kind("text", 0, len(names) - 1, names=names)]
        return index
    n.makes = [whole(min(numbers), max(numbers))]
    check_exact(n.makes, n.reader.limit)
    if numbers == list(range(len(numbers))):
        return index
    return lookup(index, np.array(numbers))


_TRANSFORMS: dict[bytes, Callable[[Value], Value]] = {
    b"NONE": lambda x: x,
    b"SOFTMAX": lambda x: ops.softmax(x, -1),
    b"LOGISTIC": ops.sigmoid,
}


def _transform(n: Node, x: Value) -> Value:
    kind = n.attr("post_transform", b"NONE")
    if kind not in _TRANSFORMS:
        raise ValueError(f"post_transform {kind!r}: expected NONE, SOFTMAX or LOGISTIC")
    return _TRANSFORMS[kind](x)


def _rows(n: Node) -> Value:
    x = n.value(0)
    if x.ndim != 2:
        raise ValueError(f"shape {x.shape}: expected (batch, features)")
    return x * 1.0 if x.dtype == "int" else x


def _linear(n: Node, outputs: int) -> Value:
    """x Wᵀ + b, with weights from the node's attributes."""
    x = _rows(n)
    weights = np.array(n.attr("coefficients"), np.float32)
    bias = np.array(n.attr("intercepts", []), np.float32)
    if weights.size != outputs * size(x.shape[1:]) or bias.size not in (0, outputs):
        raise ValueError(
            f"{weights.size} coefficients and {bias.size} intercepts for {x.shape[1]} features: "
            f"expected {outputs} of each"
        )
    y = x @ n.learned("coefficients", weights.reshape(outputs, -1).T, "kernel")
    return y + n.learned("intercepts", bias, "bias") if bias.size else y


def _classifier(n: Node) -> list[Value]:
    numbers, names = _classes(n, "classlabels_ints", "classlabels_strings")
    count = len(numbers) or len(names)
    n.attr("multi_class", 0)  # says how the weights were found
    if count < 2:
        raise ValueError(f"{count} classes: expected at least two, with coefficients for each")
    scores = _linear(n, count)
    best = n.like([scores], axis=1, keepdims=0)
    best.kinds = [REALS]
    index = _best(ops.max)(best)
    label = _named(n, index, numbers, names)
    n.makes = [*(n.makes or []), REALS]
    return [label, _transform(n, scores)]


def _regressor(n: Node) -> Value:
    return _transform(n, _linear(n, n.attr("targets", 1)))


def _zip_map(n: Node) -> Value:
    """The matrix of probabilities unchanged, where ONNX has a list of dicts."""
    numbers, names = _classes(n, "classlabels_int64s", "classlabels_strings")
    n.makes = [Kind("real", names=names or tuple(map(str, numbers)))]
    return n.value(0)


# --- encoding ------------------------------------------------------------------------


def _listed(n: Node, what: str) -> tuple[list[Any] | tuple[str, ...], str]:
    """Keys or values of a LabelEncoder, and which default goes with them."""
    for ending in ("int64s", "floats", "strings"):
        if f"{what}_{ending}" in n.attrs:
            found = n.attrs[f"{what}_{ending}"]
            kind = ending.removesuffix("s").replace("strings", "string")
            return (_texts(found) if ending == "strings" else list(found)), kind
    if f"{what}_tensor" in n.attrs:
        array = np.asarray(n.attrs[f"{what}_tensor"]).reshape(-1)
        kind = {"U": "string", "f": "float"}.get(array.dtype.kind, "int64")
        return (tuple(map(str, array)) if kind == "string" else array.tolist()), kind
    raise ValueError(f"{what} are missing: expected {what}_int64s, {what}_floats or {what}_strings")


def _label_encoder(n: Node) -> Value:
    if "classes_strings" in n.attrs:  # the first version: texts to their numbers, or back
        names = _texts(n.attrs["classes_strings"])
        numbers: list[Any] = list(range(len(names)))
        back = n.holds(0).name != "text"
        keys, values = (numbers, names) if back else (names, numbers)
        kinds = ("int64", "string") if back else ("string", "int64")
    else:
        (keys, first), (values, second) = _listed(n, "keys"), _listed(n, "values")
        kinds = (first, second)
    absent = {"int64": -1, "string": b"_Unused", "float": -0.0}
    for kind in absent:
        absent[kind] = n.attr(f"default_{kind}", absent[kind])
    other: Any = absent[kinds[1]]
    if "default_tensor" in n.attrs:
        other = np.asarray(n.attrs["default_tensor"]).reshape(-1)[0]
    other = other.decode("utf-8", "replace") if isinstance(other, bytes) else other
    if len(keys) != len(values) or len(set(keys)) != len(keys) or not keys:
        raise ValueError(f"{len(keys)} keys, {len(values)} values: expected each key once")
    place = _place(n, keys)
    table = [*values, str(other) if kinds[1] == "string" else other]
    if kinds[1] == "string":
        n.makes = [Kind("text", 0, len(table) - 1, names=tuple(table))]
        return place
    array = np.array(table, np.float32 if kinds[1] == "float" else np.int64)
    n.makes = [REALS if kinds[1] == "float" else whole(array.min(), array.max())]
    if kinds[1] != "float":
        check_exact(n.makes, n.reader.limit)
    return lookup(place, array)


def _place(n: Node, keys: Any) -> Value:
    """The index of the key that each number equals; the number of keys where there is none."""
    x, holds = n.value(0), n.holds(0)
    if (holds.name == "text") != isinstance(keys[0], str):
        raise ValueError(f"keys such as {keys[0]!r} for an input of another kind")
    if holds.name == "text":
        at = {key: i for i, key in enumerate(keys)}
        return lookup(x, np.array([at.get(name, len(keys)) for name in holds.names]))
    numbers = np.array(keys, np.float32 if isinstance(keys[0], float) else np.int64)
    if numbers.dtype.kind == "i" and max(-numbers.min(), numbers.max()) >= n.reader.limit:
        raise ValueError(f"keys beyond {n.reader.limit}, up to which they are exact")
    same = _each_of(x, numbers)
    return ops.min(ops.where(same, np.arange(len(keys)), float(len(keys))), -1)


def _one_hot(n: Node) -> Value:
    cats, texts = n.attr("cats_int64s", []), n.attr("cats_strings", [])
    if texts or not cats or not n.attr("zeros", 1):
        raise ValueError("expected cats_int64s, and zeros for what is none of them")
    if max(-min(cats), max(cats)) >= n.reader.limit:
        raise ValueError(f"categories beyond {n.reader.limit}, up to which they are exact")
    return _each_of(n.value(0), np.array(cats))


# --- features ------------------------------------------------------------------------


def _each(n: Node, key: str, x: Value, default: float) -> np.ndarray:
    found = np.array(n.attr(key, [default]), np.float32)
    if found.size not in (1, x.shape[-1]):
        raise ValueError(f"{found.size} numbers of {key}: expected 1 or {x.shape[-1]}")
    return found


def _scaler(n: Node) -> Value:
    x = _rows(n)
    return (x - _each(n, "offset", x, 0.0)) * _each(n, "scale", x, 1.0)


def _normalizer(n: Node) -> Value:
    x, norm = _rows(n), n.attr("norm", b"MAX")
    if norm == b"L1":
        length = ops.sum(ops.abs(x), -1, True)
    elif norm == b"L2":
        length = ops.sqrt(ops.sum(ops.square(x), -1, True))
    elif norm == b"MAX":
        length = ops.max(x, -1, True)
    else:
        raise ValueError(f"norm {norm!r}: expected L1, L2 or MAX")
    return x / ops.where(ops.equal(length, 0.0), 1.0, length)


def _imputer(n: Node) -> Value:
    x = n.value(0)
    kind = "int64" if "imputed_value_int64s" in n.attrs else "float"
    value = _each(n, f"imputed_value_{kind}s", x, 0.0)
    replaced = n.attr(f"replaced_value_{kind}", 0 if kind == "int64" else 0.0)
    if kind == "int64":
        raise ValueError("replacing whole numbers, which gdcore does not support: expected floats")
    gone = ops.not_equal(x, x) if np.isnan(replaced) else ops.equal(x, replaced)
    return ops.where(gone, value, x)


def _binarizer(n: Node) -> Value:
    return ops.less(n.attr("threshold", 0.0), _rows(n))


def _vectorizer(n: Node) -> Value:
    parts = [v * 1.0 if v.dtype == "int" else v for v in n.values()]
    if n.attr("inputdimensions", [v.shape[-1] for v in parts]) != [v.shape[-1] for v in parts]:
        raise ValueError("inputdimensions are not those of the inputs")
    return ops.concatenate(parts, 1)


# Of the standard operators.
CHOICES: dict[str, Callable[[Node], Any]] = {"ArgMax": _best(ops.max), "ArgMin": _best(ops.min)}
# Of ai.onnx.ml.
CLASSIC: dict[str, Callable[[Node], Any]] = {
    "ArrayFeatureExtractor": _extract,
    "Binarizer": _binarizer,
    "FeatureVectorizer": _vectorizer,
    "Imputer": _imputer,
    "LabelEncoder": _label_encoder,
    "LinearClassifier": _classifier,
    "LinearRegressor": _regressor,
    "Normalizer": _normalizer,
    "OneHotEncoder": _one_hot,
    "Scaler": _scaler,
    "ZipMap": _zip_map,
}
