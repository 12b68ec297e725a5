"""Plans that fit several models: two graphs of one structure, in memory laid out alike, have one plan.

`fit_many` trains networks that differ in their numbers alone, and planning takes longer than all else
before the first step.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from gdcore.graph.ir import Value, topological
from gdcore.graph.ops.loop_body import Body
from gdcore.graph.plan import Plan
from gdcore.graph.program import Place


class Plans:
    """The plans that were made for some models, by what they were made of."""

    def __init__(self) -> None:
        self.made: dict[Hashable, tuple[Plan, list[Value]]] = {}

    def find(self, key: Hashable, roots: Sequence[Value]) -> Plan | None:
        """The plan of a structure, for these values instead of those it was made for."""
        found = self.made.get(key)
        if found is None:
            return None
        plan, old = found
        values = {v: plan.values[o] for v, o in zip(roots, old, strict=True)}
        return replace(plan, values=values)

    def keep(self, key: Hashable, roots: Sequence[Value], plan: Plan) -> None:
        """Remember a plan; the first one of a structure stays."""
        self.made.setdefault(key, (plan, list(roots)))


def structure(
    compute: Sequence[Value],
    update: Sequence[Value],
    pinned: Mapping[Value, Place],
    leaves: Callable[[Value], Place | None],
) -> Hashable:
    """All that a plan is made of, but for which values and variables they are."""
    order = topological([*compute, *update])
    number = {id(v): i for i, v in enumerate(order)}
    rows = [
        (
            v.op.name,
            tuple(number[id(x)] for x in v.inputs),
            v.shape,
            v.dtype,
            v.name,
            tuple((k, _frozen(a)) for k, a in v.attrs.items() if k != "variable"),
            leaves(v) if v.op.kind == "leaf" and v.op.name not in ("constant", "count") else None,
            pinned.get(v),
        )
        for v in order
    ]
    roots = (tuple(number[id(v)] for v in compute), tuple(number[id(v)] for v in update))
    return roots, tuple(rows)


def _frozen(item: Any) -> Hashable:
    if isinstance(item, np.ndarray):
        return item.shape, item.tobytes()
    if isinstance(item, list | tuple):
        return tuple(map(_frozen, item))
    if isinstance(item, Body):
        parts = (item.carries, item.sequences, item.outside, item.after, item.stacked)
        inside = structure([v for p in parts for v in p], [], {}, lambda _: None)
        return item.steps, tuple(map(len, parts)), inside
    found: Hashable = item
    return found
