"""A traced network as JSON, and back.

The file holds the graph itself, not names of classes: a model of any layers, a user's own included, is
loaded without their source code. Nothing in the JSON is trusted: ops are looked up in the registry, the kind
of every attribute is checked, and the op's shape rule must give the declared shape.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

import numpy as np

from gdcore import initializers
from gdcore.engine.network import Network
from gdcore.errors import cut
from gdcore.graph.dims import Batch
from gdcore.graph.ir import INT, OPS, REAL, Op, Value, topological
from gdcore.graph.ops.identities import COUNT
from gdcore.graph.ops.leaves import CONSTANT, INPUT, PARAM, RANGE, STATE, apply, input_value
from gdcore.graph.ops.loop_body import COTANGENT, LOOP_LEAF, PART, Body, loop_leaf, part
from gdcore.graph.ops.loops import SCAN
from gdcore.io.graph_kinds import (
    ARITY,
    ATTRS,
    OPTIONAL,
    OPTIONAL_INPUTS,
    RENAMED,
    bad,
    dim,
    encoded,
    factor,
    finite,
    real,
    shape,
    truth,
    whole,
    wholes,
)
from gdcore.io.safetensors import FileFormatError
from gdcore.layers.base import Layer, Parameter, State, Variable
from gdcore.layers.variables import ROLES

Json = dict[str, Any]
MAX_NODES = 1_000_000
MAX_DEPTH = 8  # of loops within loops


def to_json(network: Network, trained: Collection[Parameter]) -> tuple[Json, dict[str, np.ndarray]]:
    """A network as JSON, and the constants that are too large for it as tensors."""
    tensors: dict[str, np.ndarray] = {}
    number, nodes = _nodes([*network.inputs, *network.outputs], network.names, tensors)
    variables = [
        _variable_json(v, network.names[v], trained) for v in (*network.parameters, *network.states)
    ]
    return {
        "nodes": nodes,
        "inputs": [number[v] for v in network.inputs],
        "outputs": [number[v] for v in network.outputs],
        "output_names": network.output_names,
        "variables": variables,
    }, tensors


def _nodes(
    roots: Sequence[Value], names: Mapping[Any, str], tensors: dict[str, np.ndarray]
) -> tuple[dict[Value, int], list[Json]]:
    """The number and the node of each value; constants too large for JSON go to `tensors`."""
    number: dict[Value, int] = {}
    nodes: list[Json] = []
    parts = _last_parts(roots)
    for v in topological(roots):
        node: Json = {
            "op": v.op.name,
            "in": [number[x] for x in v.inputs],
            "shape": encoded(v.shape),
        }
        if v.op in (INPUT, LOOP_LEAF):
            node |= {"name": v.name, "dtype": v.dtype}
        elif v.op.kind == "loop":
            body: Body = v.attrs["body"]
            inner = [*body.leaves, *body.after, *body.stacked[: parts.get(v, 0)]]
            own, within = _nodes(inner, names, tensors)
            node |= {k: v.attrs[k] for k in ("reverse", "remat")}
            node["body"] = {
                "nodes": within,
                "steps": body.steps,
                "leaves": [
                    [own[x] for x in k] for k in (body.carries, body.sequences, body.outside)
                ],
                "after": [own[x] for x in body.after],
                "stacked": [own[x] for x in body.stacked[: parts.get(v, 0)]],
            }
        elif v.op in (PARAM, STATE):
            node["name"] = names[v.attrs["variable"]]
        elif v.op is CONSTANT:
            array = v.attrs["array"]
            if array.size <= 16:
                node["value"] = encoded(array.reshape(-1).tolist())
            else:
                node["tensor"] = f"constant:{len(tensors)}"
                tensors[node["tensor"]] = array
        elif v.op is COUNT:
            node["dim"] = encoded(v.attrs["dim"])
        else:
            node["attrs"] = {k: encoded(a) for k, a in v.attrs.items()}
        number[v] = len(nodes)
        nodes.append(node)
    return number, nodes


def _last_parts(roots: Sequence[Value]) -> dict[Value, int]:
    """For each loop, how many of its stacked values are used: a training step asks for more."""
    found: dict[Value, int] = {}
    for v in topological(roots):
        if v.op is PART and not v.attrs["last"]:
            found[v.inputs[0]] = max(found.get(v.inputs[0], 0), v.attrs["index"] + 1)
    return found


def _variable_json(v: Variable, name: str, trained: Collection[Parameter]) -> Json:
    if isinstance(v, State):
        return {"kind": "state", "name": name, "shape": list(v.shape), "initial": v.initial}
    assert isinstance(v, Parameter)
    try:
        initializer: Any = initializers.to_config(v.initializer)
    except (TypeError, ValueError):  # a user's function: the file holds the values instead
        initializer = "zeros"
    return {
        "kind": "parameter",
        "name": name,
        "shape": list(v.shape),
        "role": v.role,
        "l1": v.l1,
        "l2": v.l2,
        "initializer": initializer,
        "frozen": v not in trained,
    }


def _get(item: Any, key: str, kind: type | tuple[type, ...]) -> Any:
    if not isinstance(item, dict) or key not in item or not isinstance(item[key], kind):
        raise bad(
            f"{key!r}",
            item.get(key) if isinstance(item, dict) else item,
            "of another kind" if isinstance(item, dict) and key in item else "to be there",
        )
    return item[key]


def variables_from_json(items: Any, owner: Layer) -> dict[str, Variable]:
    """New variables for a graph, by name."""
    if not isinstance(items, list) or len(items) > MAX_NODES:
        raise bad("'variables'", items, "a list")
    out: dict[str, Variable] = {}
    for item in items:
        name = _get(item, "name", str)
        size = wholes(_get(item, "shape", list))
        if name in out:
            raise bad("a variable's name", name, "one that is not taken")
        if _get(item, "kind", str) == "state":
            out[name] = State(owner, name, size, finite(_get(item, "initial", (int, float))))
        else:
            role = _get(item, "role", str)
            if role not in ROLES:
                raise bad("a variable's role", role, f"one of {', '.join(ROLES)}")
            init = initializers.from_config(_get(item, "initializer", (str, dict)))
            parameter = Parameter(
                owner,
                name,
                size,
                init,
                role,
                factor(item.get("l1")),
                factor(item.get("l2")),
            )
            parameter.frozen = truth(item.get("frozen"))
            out[name] = parameter
    return out


def from_json(
    data: Any, owner: Layer, tensors: Mapping[str, np.ndarray]
) -> tuple[list[Value], list[Value], list[str] | None, dict[str, Variable]]:
    """(inputs, outputs, names of outputs, variables) of a graph.

    Raises
    ------
    FileFormatError
        If anything in it is invalid.
    """
    variables = variables_from_json(_get(data, "variables", list), owner)
    values = _values(_get(data, "nodes", list), variables, tensors, 0)

    def pick(key: str) -> list[Value]:
        picked = _picked(_get(data, key, list), values, key)
        if not picked:
            raise bad(f"{key!r}", [], "at least one")
        return picked

    inputs, outputs = pick("inputs"), pick("outputs")
    if any(v.op is not INPUT for v in inputs) or len({v.name for v in inputs}) != len(inputs):
        raise bad("'inputs'", [v.op.name for v in inputs], "inputs of different names")
    names = data.get("output_names")
    if names is not None and (
        not isinstance(names, list)
        or len(names) != len(outputs)
        or not all(isinstance(n, str) for n in names)
        or len(set(names)) != len(names)
    ):
        raise bad("'output_names'", names, "a name of its own for each output, or null")
    return inputs, outputs, names, variables


def _values(
    nodes: list[Any],
    variables: Mapping[str, Variable],
    tensors: Mapping[str, np.ndarray],
    depth: int,
) -> list[Value]:
    """The values of nodes, `depth` loops within the graph."""
    if len(nodes) > MAX_NODES:
        raise bad("the number of nodes", len(nodes), f"at most {MAX_NODES}")
    values: list[Value] = []
    for i, node in enumerate(nodes):
        try:
            value = _node(node, values, variables, tensors, depth)
        except FileFormatError:
            raise
        except (
            ValueError,
            TypeError,
            IndexError,
            KeyError,
            AttributeError,
            AssertionError,
            OverflowError,
        ) as error:
            raise FileFormatError(
                f"model graph: node {i} does not make sense ({cut(error, 200)})"
            ) from None
        if value.shape != shape(_get(node, "shape", list)):
            raise bad(
                f"the shape of node {i} ({value.op.name})", node["shape"], str(encoded(value.shape))
            )
        values.append(value)
    return values


def _picked(numbers: list[Any], values: Sequence[Value], key: str) -> list[Value]:
    return [values[whole(k, f"a number in {key!r}", 0, len(values) - 1)] for k in numbers]


def _node(
    node: Any,
    values: Sequence[Value],
    variables: Mapping[str, Variable],
    tensors: Mapping[str, np.ndarray],
    depth: int,
) -> Value:
    name, since = RENAMED.get(_get(node, "op", str), (node["op"], {}))
    op: Op | None = OPS.get(name)
    if op is None or op in (RANGE, COTANGENT) or (op is LOOP_LEAF and not depth):
        raise bad("an op", name, "one that this version of gdcore knows")
    inputs = [
        values[whole(k, "an input of a node", 0, len(values) - 1)] for k in _get(node, "in", list)
    ]
    if op is SCAN:
        body = _body(_get(node, "body", dict), tensors, depth + 1)
        way = {"reverse": truth(node.get("reverse")), "remat": truth(node.get("remat", False))}
        return apply(SCAN, *inputs, body=body, **way)
    if op is LOOP_LEAF:
        size = shape(_get(node, "shape", list))
        return loop_leaf(size, _dtype(node), _get(node, "name", str))
    if op is PART:
        (loop,) = inputs
        attrs = _get(node, "attrs", dict)
        return part(
            loop, truth(attrs.get("last")), whole(attrs.get("index"), "the index of a part")
        )
    if op is INPUT:
        size = shape(_get(node, "shape", list))
        if not size or size[0] != Batch(1) or any(isinstance(d, Batch) or d < 1 for d in size[1:]):
            raise bad(
                "the shape of an input", node["shape"], "the batch first, then sizes of at least 1"
            )
        return input_value(size, _get(node, "name", str), _dtype(node))
    if op in (PARAM, STATE):
        variable = variables.get(_get(node, "name", str))
        if variable is None or variable.leaf.op is not op:
            raise bad("a variable", node["name"], "one of the graph's")
        return variable.leaf
    if op is CONSTANT:
        array = _constant(node, tensors)
        return Value(CONSTANT, (), {"array": array, "shape": array.shape}, array.shape)
    if op is COUNT:
        return apply(COUNT, dim=dim(node.get("dim")))
    kinds = ATTRS.get(name, {})
    attrs = {**_get(node, "attrs", dict), **since}
    if not set(kinds) - OPTIONAL <= set(attrs) <= set(kinds):
        raise bad(f"the attributes of {name!r}", sorted(attrs), str(sorted(kinds)))
    arity = ARITY.get(name, len(op.samples[0].shapes) if op.samples else 0)
    arity += sum(attrs.get(k) is True for k in OPTIONAL_INPUTS)
    if len(inputs) != arity and not (name == "concatenate" and inputs):
        raise bad(f"the number of inputs of {name!r}", len(inputs), str(arity))
    return apply(op, *inputs, **{k: kinds[k](x) for k, x in attrs.items()})


def _body(data: Json, tensors: Mapping[str, np.ndarray], depth: int) -> Body:
    """The body of a loop; the loop's shape rule checks that its parts fit."""
    if depth > MAX_DEPTH:
        raise bad("the depth of loops within loops", depth, f"at most {MAX_DEPTH}")
    values = _values(_get(data, "nodes", list), {}, tensors, depth)
    kinds = _get(data, "leaves", list)
    if len(kinds) != 3 or not all(isinstance(k, list) for k in kinds):
        raise bad("'leaves'", kinds, "three lists: carries, sequences and values from outside")
    leaves = [_picked(k, values, "leaves") for k in kinds]
    flat = [v for k in leaves for v in k]
    if any(v.op is not LOOP_LEAF for v in flat) or len({id(v) for v in flat}) != len(flat):
        raise bad("'leaves'", kinds, "leaves of the body, each once")
    after = _picked(_get(data, "after", list), values, "after")
    stacked = _picked(_get(data, "stacked", list), values, "stacked")
    steps = whole(data.get("steps"), "the number of steps", 1)
    return Body(steps, leaves[0], leaves[1], leaves[2], after, stacked)


def _dtype(node: Json) -> str:
    dtype: str = _get(node, "dtype", str)
    if dtype not in (REAL, INT):
        raise bad("the dtype of an input", dtype, "'real' or 'int'")
    return dtype


def _constant(node: Json, tensors: Mapping[str, np.ndarray]) -> np.ndarray:
    size = wholes(_get(node, "shape", list))
    if "tensor" in node:
        array = tensors.get(_get(node, "tensor", str))
        if array is None:
            raise bad("a constant", node["tensor"], "a tensor of the file")
        return array.astype(np.float64).reshape(size)
    numbers = _get(node, "value", list)
    if len(numbers) > 16:
        raise bad("a constant", len(numbers), "at most 16 numbers")
    return np.array([real(x) for x in numbers], dtype=np.float64).reshape(size)
