"""PyTorch's ``nn.MultiheadAttention``: three projections in one array, and a module of its own for the fourth."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from gdcore.interop.layouts import Arrays

_THREE = ("query", "key", "value")
_APART = dict(zip(("q_proj_weight", "k_proj_weight", "v_proj_weight"), _THREE, strict=True))


def is_attention(arrays: Mapping[str, np.ndarray]) -> bool:
    """Whether a module's arrays are those of an attention, once they are split."""
    return "query_weight" in arrays


def split(modules: Mapping[str, Arrays]) -> dict[str, Arrays]:
    """Modules by path, each attention with one array for each projection, named query_weight, output_bias ..."""
    out: dict[str, Arrays] = {}
    for path, arrays in modules.items():
        parent, _, name = path.rpartition(".")
        if name == "out_proj" and is_attention(out.get(parent, {})):
            out[parent] |= {f"output_{n}": a for n, a in arrays.items()}
        elif "in_proj_weight" in arrays or "q_proj_weight" in arrays:
            out[path] = _split(arrays)
        else:
            out[path] = arrays
    return out


def _split(arrays: Arrays) -> Arrays:
    found: Arrays = {}
    for name, array in arrays.items():
        if name in ("in_proj_weight", "in_proj_bias") and len(array) % 3 == 0:
            kind = name.removeprefix("in_proj_")
            found |= {f"{n}_{kind}": a for n, a in zip(_THREE, np.split(array, 3), strict=True)}
        else:
            found[f"{_APART[name]}_weight" if name in _APART else name] = array
    return found


def joined(arrays: Arrays, apart: bool) -> Arrays:
    """The other way, for one module; its own names where it is no attention.

    Parameters
    ----------
    arrays : as `split` gives them
    apart : whether the module has an array for each of the three, as where their inputs differ in width
    """
    if not is_attention(arrays):
        return arrays
    weights = [arrays[f"{n}_weight"] for n in _THREE]
    if apart:
        found = dict(zip(_APART, weights, strict=True))
    else:
        found = {"in_proj_weight": np.concatenate(weights)}
    if "query_bias" in arrays:
        found["in_proj_bias"] = np.concatenate([arrays[f"{n}_bias"] for n in _THREE])
    return found | {
        f"out_proj.{n.removeprefix('output_')}": a
        for n, a in arrays.items()
        if n.startswith("output_")
    }


def by_kind(theirs: Mapping[str, Arrays]) -> dict[str, list[str]]:
    """Paths of attentions, of norms, and of the rest, each in order."""
    found: dict[str, list[str]] = {"MultiHeadAttention": [], "LayerNorm": [], "": []}
    for path, arrays in theirs.items():
        norm = {a.ndim for a in arrays.values()} == {1}
        kind = "MultiHeadAttention" if is_attention(arrays) else "LayerNorm" if norm else ""
        found[kind].append(path)
    return found
