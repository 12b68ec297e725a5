"""Attention in float64 NumPy, and how the tests try it; and what its ops take, in the order of their inputs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from gdcore.graph.ir import Sample


class Given(NamedTuple):
    """The inputs of attention, and those of its gradient that come behind them."""

    q: Any
    k: Any
    v: Any
    bias: Any
    mask: Any
    rest: Sequence[Any]


def given(inputs: Sequence[Any], attrs: Mapping[str, Any]) -> Given:
    more = list(inputs[3:])
    bias = more.pop(0) if attrs["bias"] else None
    mask = more.pop(0) if attrs["mask"] else None
    q, k, v = inputs[:3]
    return Given(q, k, v, bias, mask, more)


def _np_scores(inputs: Sequence[np.ndarray], attrs: Mapping[str, Any]) -> np.ndarray:
    q, k, _, bias, mask, _ = given(inputs, attrs)
    s = np.einsum("bihd,bjhd->bhij", q, _np_heads(k, q)) * attrs["scale"]
    s = s if bias is None else s + bias
    s = np.where(np.tri(*s.shape[2:]) > 0, s, -np.inf) if attrs["causal"] else s
    return s if mask is None else np.where(mask[:, None, None, :] > 0, s, -np.inf)


def _np_heads(k: np.ndarray, q: np.ndarray) -> np.ndarray:
    return np.repeat(k, q.shape[2] // k.shape[2], axis=2)


def np_lse(_: np.ndarray, *inputs: np.ndarray, **attrs: Any) -> np.ndarray:
    s = _np_scores(inputs, attrs)
    most = s.max(-1, initial=-np.inf)
    shift = np.where(np.isfinite(most), most, 0.0)
    with np.errstate(divide="ignore"):
        lse = shift + np.log(np.exp(s - shift[..., None]).sum(-1))
    return np.asarray(np.where(lse == -np.inf, np.inf, lse))


def np_attention(*inputs: np.ndarray, **attrs: Any) -> np.ndarray:
    lse = np_lse(inputs[0], *inputs, **attrs)
    p = np.exp(_np_scores(inputs, attrs) - lse[..., None])
    return np.asarray(np.einsum("bhij,bjhd->bihd", p, _np_heads(inputs[2], inputs[0])))


def np_gradients(*inputs: np.ndarray, **attrs: Any) -> list[np.ndarray]:
    q, k, v, bias, _, (y, lse, dy) = given(inputs, attrs)
    p = np.exp(_np_scores(inputs, attrs) - lse[..., None])
    dp = np.einsum("bihd,bjhd->bhij", dy, _np_heads(v, q))
    ds = p * (dp - (y * dy).sum(-1).swapaxes(1, 2)[..., None])

    def shared(x: np.ndarray, like: np.ndarray) -> np.ndarray:
        each = x.shape[2] // like.shape[2]
        return np.asarray(x.reshape(*like.shape[:3], each, like.shape[3]).sum(3))

    dq = np.einsum("bhij,bjhd->bihd", ds, _np_heads(k, q)) * attrs["scale"]
    dk = shared(np.einsum("bhij,bihd->bjhd", ds, q), k) * attrs["scale"]
    dv = shared(np.einsum("bhij,bihd->bjhd", p, dy), v)
    dbias = [] if bias is None else [ds if bias.ndim == 4 else ds.sum(0)]
    return [dq, dk, dv, *dbias]


# batch, queries, keys, heads, heads of the keys, features, features of the values; causal, bias, mask
_CASES: list[tuple[tuple[int, ...], bool, int, bool]] = [
    ((1, 2, 3, 2, 1, 2, 1), False, 0, False),
    ((1, 3, 2, 1, 1, 1, 2), True, 3, True),
    ((2, 2, 2, 2, 2, 1, 1), False, 4, True),
    ((1, 70, 70, 4, 2, 8, 8), True, 3, True),
    ((2, 5, 300, 3, 3, 17, 5), False, 4, True),
    ((1, 200, 131, 2, 1, 16, 33), False, 0, False),
    ((2, 1, 64, 4, 4, 32, 32), False, 4, True),
    ((3, 65, 129, 2, 2, 5, 32), True, 3, True),
    ((0, 4, 4, 2, 2, 3, 3), False, 0, False),
    ((2, 3, 0, 2, 2, 3, 3), False, 0, False),
]


def samples(back: bool) -> tuple[Sample, ...]:
    out = []
    for (b, queries, keys, heads, groups, features, values), causal, bias, mask in _CASES:
        result = (b, queries, heads, values)
        shapes: list[tuple[int, ...]] = [(b, queries, heads, features)]
        shapes += [(b, keys, groups, features), (b, keys, groups, values)]
        shapes += [(b, heads, queries, keys)[4 - bias :]] if bias else []
        shapes += [(b, keys)] if mask else []
        shapes += [result, (b, heads, queries), result] if back else []
        attrs = {"scale": 0.5, "causal": causal, "bias": bool(bias), "mask": mask}
        out.append(Sample(tuple(shapes), attrs))
    return tuple(out)
