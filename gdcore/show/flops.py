"""Floating-point operations of a prediction, by layer.

They are counted on the simplified graph that the plan is made from, so that they add up to the plan's own
figure: what simplification removes costs nothing, and what two layers share counts for the first.
"""

from __future__ import annotations

from collections import Counter

from gdcore.engine.network import Network
from gdcore.graph.dims import at_batch
from gdcore.graph.ir import Value, topological
from gdcore.graph.ops.leaves import INPUT
from gdcore.graph.passes.feeds import fold_scales
from gdcore.graph.passes.lower import flops
from gdcore.graph.passes.phases import specialize
from gdcore.graph.passes.simplify import simplify
from gdcore.layers.base import Layer

__all__ = ["by_layer", "by_name", "by_value"]


def by_value(network: Network) -> dict[Value, int]:
    """FLOPs of the prediction of one sample, by traced value.

    Parameters
    ----------
    network : Network

    Returns
    -------
    dict
        In the order of computation.

    Examples
    --------
    >>> import gdcore as gd
    >>> model = gd.Sequential([gd.Input(8), gd.Dense(4, activation="relu")])
    >>> [(v.op.name, n) for v, n in by_value(model._engine.network()).items() if n]
    [('matmul', 64), ('add', 4), ('relu', 4)]
    """
    traced = [v for v in topological(network.outputs) if v.op is not INPUT]
    folded, _ = fold_scales(traced, network.inputs)
    phase, _ = specialize(folded, training=False)
    simple = simplify(phase)
    planned = {v: simple[p] for v, p in zip(traced, phase, strict=True)}
    needed = set(topological(planned.get(v, v) for v in network.outputs))
    asks: dict[Value, Value] = {}  # for each planned value, the first traced value that became it
    for v, x in planned.items():
        asks.setdefault(x, v)
    found = dict.fromkeys(traced, 0)
    cost = 0
    # In topological order, values on the way to a planned value directly precede it.
    for x in topological(planned.values()):
        if x in needed and x.op.kind not in ("leaf", "alias"):
            cost += at_batch(flops(x), 1)
        if x in asks:
            found[asks[x]] += cost
            cost = 0
    return found


def by_layer(network: Network) -> dict[Layer | None, int]:
    """FLOPs by layer; under None those of the model's own `forward` outside of any layer.

    Parameters
    ----------
    network : Network
        Traced from layers, not read from a file.

    Returns
    -------
    dict
        Layers without any are left out.

    Examples
    --------
    >>> import gdcore as gd
    >>> x = gd.Input(8)
    >>> model = gd.Model(x, x + gd.Dense(8)(x))
    >>> [(type(layer).__name__, n) for layer, n in by_layer(model._engine.network()).items()]
    [('Dense', 136), ('NoneType', 8)]
    """
    found: Counter[Layer | None] = Counter()
    for v, n in by_value(network).items():
        if n:
            found[v.within] += n
    return dict(found)


def by_name(network: Network) -> dict[str, int]:
    """FLOPs for a graph from a file, by the first part of the names of parameters.

    An op without parameters counts for the parameters that were used last before it.

    Parameters
    ----------
    network : Network

    Returns
    -------
    dict
        Names without any are left out.

    Examples
    --------
    >>> import gdcore as gd
    >>> layers = [gd.Input(8), gd.Dense(4, activation="relu"), gd.Dense(1, name="head")]
    >>> by_name(gd.Sequential(layers)._engine.network())
    {'0': 72, 'head': 9}
    """
    owner: dict[Value, str] = {}
    found: Counter[str] = Counter()
    for v, n in by_value(network).items():
        used = [network.names[x.attrs["variable"]] for x in v.inputs if "variable" in x.attrs]
        before = [owner[x] for x in v.inputs if x in owner]
        own = [name.rpartition(".")[0] for name in used]
        owner[v] = next(filter(None, [*own, *before]), "")
        found[owner[v] or "(model)"] += n
    return {name: n for name, n in found.items() if n}
