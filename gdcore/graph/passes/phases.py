"""What differs between training and prediction, in one graph.

A network is traced once. Where training and prediction part (dropout, batch norm), the graph holds
both ways, and `specialize` keeps one of them.
"""

from __future__ import annotations

from collections.abc import Sequence

from gdcore.graph.ir import Value, rewrite, topological
from gdcore.graph.ops.carried import CARRIED
from gdcore.graph.ops.training_ops import UPDATE, WHEN

NOTES = (UPDATE, CARRIED)


def _instead(value: Value, leaf: Value, other: Value) -> Value:
    """`value` as it is with `other` in the place of a leaf."""
    return rewrite([value], lambda v: other if v is leaf else v)[value]


def _in_phase(v: Value, training: bool) -> Value:
    if v.op is WHEN:
        return v.inputs[0 if training else 1]
    if v.op.kind != "loop":
        return v
    body = v.attrs["body"].rewritten(lambda x: _in_phase(x, training))
    chosen = Value(v.op, v.inputs, {**v.attrs, "body": body}, v.shape)
    chosen.within = v.within
    return chosen


def specialize(
    outputs: Sequence[Value], training: bool
) -> tuple[list[Value], list[tuple[Value, Value]]]:
    """The graph of one phase.

    Returns
    -------
    outputs : list of Value
    updates : list of (state, its new value); in prediction of those that are carried from batch to batch
    """
    way = rewrite(outputs, lambda v: _in_phase(v, training))
    chosen = [way[v] for v in outputs]
    noted = [v for v in topological(chosen) if v.op in NOTES]
    if not noted:
        return chosen, []
    plain = rewrite([*chosen, *noted], lambda v: v.inputs[0] if v.op in NOTES else v)
    updates: dict[Value, Value] = {}
    # once each: the derivative of a value notes the updates of that value again
    notes = dict.fromkeys(v.inputs[1:] for v in noted if training or v.op is CARRIED)
    for state, after in notes:
        new = plain[after]
        # a layer that is called twice goes on from what its first call made of the state
        updates[state] = _instead(new, state, updates[state]) if state in updates else new
    return [plain[v] for v in chosen], list(updates.items())
