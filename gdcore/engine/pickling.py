"""What a copy or a pickle of a model holds: layers and their numbers, settings, optimizer slots.

Plans, sessions and memory are left out: they follow from the rest, and are made anew.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from gdcore.graph.flat import flatten, unflatten

if TYPE_CHECKING:
    from gdcore.engine.engine import Compiled

MADE_ANEW = {
    "_network",
    "_memory",
    "_predicted_before",
    "_steps",
    "_trained_before",
    "_frozen",
    "_trained",
    "_turn",
    "_seen_freezes",
    "_graph_inputs",
    "_graph_outputs",
}


def state_of(model: Compiled) -> dict[str, Any]:
    """The state of a model whose variables hold its numbers."""
    state = {k: v for k, v in vars(model).items() if k not in MADE_ANEW}
    network, memory, outputs = model._network, model._memory, model._graph_outputs
    inputs = network.inputs if network is not None else model._graph_inputs
    if inputs is not None:
        form: Any = None  # how the outputs of a graph were given
        ends: list[Any] = []
        if isinstance(outputs, dict):
            form, ends = list(outputs), list(outputs.values())
        elif isinstance(outputs, list | tuple):
            form, ends = type(outputs), list(outputs)
        elif outputs is not None:
            ends = [outputs]
        state["_graph"] = (*flatten([*inputs, *ends]), len(inputs), form)
    if memory is not None:
        names = memory.network.names
        state["_slots"] = {
            slot: {names[p]: memory.slot(p, slot).copy() for p in memory.trainable()}
            for slot in memory.slot_names
        }
    return state


def restore(model: Compiled, state: dict[str, Any]) -> None:
    """Make of a bare object the model that had this state."""
    graph, slots = state.pop("_graph", None), state.pop("_slots", None)
    vars(model).update(state, _steps={})
    if graph is not None:
        rows, wanted, count, form = graph
        values = unflatten(rows, wanted)
        model._graph_inputs, ends = values[:count], values[count:]
        if isinstance(form, list):
            model._graph_outputs = dict(zip(form, ends, strict=True))
        elif form is not None:
            model._graph_outputs = form(ends)
        elif ends:
            model._graph_outputs = ends[0]
    if slots is not None:
        memory = model.memory()
        for p in memory.trainable():
            for slot in memory.slot_names:
                memory.slot(p, slot)[...] = slots[slot][memory.network.names[p]]
