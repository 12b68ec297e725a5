"""What a copy or a pickle of a model holds of its engine: settings, progress, graph, optimizer slots.

Plans, sessions and stores are left out, because they can be made again from the rest. The values of
parameters and states are pickled with the layers' variables.
"""

from __future__ import annotations

from typing import Any

from gdcore.engine.engine import Engine
from gdcore.graph.flat import flatten, unflatten

KEPT = (
    "settings",
    "freezing",
    "target_spec",
    "info",
    "columns",
    "known_seed",
    "epochs_done",
    "stop_training",
)


def state_of(engine: Engine) -> dict[str, Any]:
    """The engine's state, as plain objects."""
    state: dict[str, Any] = {name: getattr(engine, name) for name in KEPT}
    state |= {"dtype": engine.dtype.name, "steps_done": engine.steps_done}
    outputs = engine.definition.outputs
    inputs = engine.network().inputs if engine.traced else engine.definition.inputs
    if inputs is not None:
        form: Any = None  # the container of the outputs: None, list, tuple, or the keys of a dict
        ends: list[Any] = []
        if isinstance(outputs, dict):
            form, ends = list(outputs), list(outputs.values())
        elif isinstance(outputs, list | tuple):
            form, ends = type(outputs), list(outputs)
        elif outputs is not None:
            ends = [outputs]
        state["graph"] = (*flatten([*inputs, *ends]), len(inputs), form)
    bound = engine.bound
    if bound is not None:
        names = bound.network.names
        state["slots"] = {
            slot: {names[p]: bound.slot(p, slot).copy() for p in bound.trainable()}
            for slot in bound.slot_names
        }
    return state


def restore(engine: Engine, state: dict[str, Any]) -> None:
    """Set a new engine to a state that `state_of` gave."""
    for name in KEPT:
        setattr(engine, name, state[name])
    engine.freezing.note()
    engine.count.done = state["steps_done"]
    engine.set_dtype(state["dtype"])
    if "graph" in state:
        rows, wanted, count, form = state["graph"]
        values = unflatten(rows, wanted)
        engine.definition.inputs, ends = values[:count], values[count:]
        if isinstance(form, list):
            engine.definition.outputs = dict(zip(form, ends, strict=True))
        elif form is not None:
            engine.definition.outputs = form(ends)
        elif ends:
            engine.definition.outputs = ends[0]
    if "slots" in state:
        parameters = engine.parameters()
        names = parameters.network.names
        for slot, by_name in state["slots"].items():
            for p in parameters.trainable():
                parameters.slot(p, slot)[...] = by_name[names[p]]
