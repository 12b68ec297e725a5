"""Packs numbers, strings, lists, dicts and arrays into JSON and tensors, and back, without pickle."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from gdcore.errors import cut
from gdcore.io import FileFormatError
from gdcore.io.header import read_json

PREFIX = "fit:"  # of the tensors' names
DEPTH = 50


def pack(value: Any) -> tuple[str, dict[str, np.ndarray]]:
    """A value as JSON text, and the tensors that the JSON refers to by name.

    Raises
    ------
    TypeError
        If something in it is of another kind.

    Examples
    --------
    >>> pack({"best": float("inf"), "seen": (1, 2)})
    ('{"best": {"float": "inf"}, "seen": {"tuple": [1, 2]}}', {})
    """
    tensors: dict[str, np.ndarray] = {}

    def plain(v: Any, where: str) -> Any:
        if isinstance(v, np.generic):
            v = v.item()
        if v is None or isinstance(v, bool | int | str):
            return v
        if isinstance(v, float):
            return v if math.isfinite(v) else {"float": str(v)}
        if isinstance(v, np.ndarray):
            name = f"{PREFIX}{len(tensors)}"
            tensors[name] = v
            return {"tensor": name}
        if isinstance(v, list | tuple):
            items = [plain(x, f"{where}[{i}]") for i, x in enumerate(v)]
            return items if isinstance(v, list) else {"tuple": items}
        if isinstance(v, Mapping) and all(isinstance(k, str) for k in v):
            named = {k: plain(x, f"{where}[{k!r}]") for k, x in v.items()}
            return {"dict": named} if len(named) == 1 else named
        raise TypeError(
            f"a checkpoint cannot hold {where}, a {type(v).__name__}: expected numbers, text, "
            "None, arrays, or lists, tuples and dicts (by text) of them; give what keeps it a "
            "state_dict() and load_state_dict(state)"
        )

    return json.dumps(plain(value, "state"), allow_nan=False), tensors


def unpack(text: str, tensors: Mapping[str, np.ndarray]) -> Any:
    """The value that `pack` was given.

    Raises
    ------
    FileFormatError
        If the text is not what `pack` makes of anything.

    Examples
    --------
    >>> unpack(*pack({"best": float("inf"), "seen": (1, 2)}))
    {'best': inf, 'seen': (1, 2)}
    """
    try:
        return _unplain(read_json(text), tensors, DEPTH)
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise FileFormatError(
            f"the state of training does not make sense ({cut(error, 200)})"
        ) from None


def _unplain(v: Any, tensors: Mapping[str, np.ndarray], depth: int) -> Any:
    if depth == 0:
        raise ValueError(f"nested more than {DEPTH} deep")
    if isinstance(v, list):
        return [_unplain(x, tensors, depth - 1) for x in v]
    if not isinstance(v, dict):
        return v
    if len(v) != 1:
        return {k: _unplain(x, tensors, depth - 1) for k, x in v.items()}
    ((kind, inner),) = v.items()
    if kind == "float" and inner in ("inf", "-inf", "nan"):
        return float(inner)
    if kind == "tensor" and isinstance(inner, str) and inner.startswith(PREFIX):
        return tensors[inner]
    if kind == "tuple" and isinstance(inner, list):
        return tuple(_unplain(x, tensors, depth - 1) for x in inner)
    if kind == "dict" and isinstance(inner, dict):
        return {k: _unplain(x, tensors, depth - 1) for k, x in inner.items()}
    raise ValueError(f"{kind!r}: {inner!r:.60}")
