"""Builds an ONNX graph: nodes in order, constants deduplicated, a name for every value."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Sequence
from typing import Any, Self

import numpy as np

from gdcore.graph.dims import Batch, Dim, Shape
from gdcore.graph.ir import INT, Value
from gdcore.layers.base import Parameter
from gdcore.onnx.library import require_onnx

FLOATS, INTS, BOOLS = 1, 7, 9  # numbers of onnx.TensorProto.DataType


def single(array: np.ndarray, what: str) -> np.ndarray:
    """Numbers as float32, contiguous.

    Raises
    ------
    ValueError
        If one of them is beyond float32.
    """
    with np.errstate(over="ignore"):
        found = np.ascontiguousarray(array, np.float32)
    over = np.isinf(found) & np.isfinite(array)
    if over.any():
        raise ValueError(
            f"gd.onnx.save: {what} holds {array.reshape(found.shape)[over][0]}, and the file holds float32, "
            f"up to {np.finfo(np.float32).max}: use model.save"
        )
    return found.reshape(array.shape)


class Writer:
    """Collects the nodes of an ONNX graph.

    Parameters
    ----------
    inputs : sequence of Value
        The graph's inputs; their names stay as they are.
    names : sequence of str
        More names that are taken, those of outputs.

    Attributes
    ----------
    of : dict of Value to str
        The ONNX name of every value that has one.
    """

    def __init__(self, inputs: Sequence[Value], names: Sequence[str]) -> None:
        self.onnx = require_onnx()
        self.nodes: list[Any] = []
        self.initializers: list[Any] = []
        self.of: dict[Value, str] = {v: v.name for v in inputs}
        self.loops: dict[Value, list[str]] = {}  # the outputs of recurrent nodes and of loops
        self.inputs = list(inputs)
        self._taken = {*self.of.values(), *names}
        self._constants: dict[tuple[Any, ...], str] = {}
        self._turned: dict[str, tuple[str, tuple[int, ...]]] = {}
        self._batch: str | None = None
        self._around: Writer | None = None

    def within(self) -> Self:
        """The writer of the body of a loop: its nodes are its own, constants stand around it."""
        inner = copy.copy(self)
        inner.nodes, inner.of, inner.loops, inner._turned = [], {}, {}, {}
        inner._around = self
        return inner

    def unique(self, name: str) -> str:
        """The name, with a number appended if it is taken."""
        found, i = name, 0
        while found in self._taken:
            i += 1
            found = f"{name}_{i}"
        self._taken.add(found)
        return found

    def node(
        self,
        kind: str,
        *inputs: str,
        output: str | None = None,
        more: Sequence[str] = (),
        **attrs: Any,
    ) -> str:
        """One node of one output, and of `more` that are named; returns the first output's name."""
        name = output or self.unique(kind.lower())
        node = self.onnx.helper.make_node(
            kind, list(inputs), [name, *more], name=f"{name}:{kind}", **attrs
        )
        self.nodes.append(node)
        return name

    def constant(self, array: np.ndarray, what: str = "constant") -> str:
        """The name of a constant; equal ones are written once."""
        if self._around is not None:
            return self._around.constant(array, what)
        key = (array.dtype.str, array.shape, array.tobytes())
        if key not in self._constants:
            name = self.unique(what)
            tensor = self.onnx.numpy_helper.from_array(np.ascontiguousarray(array), name)
            self._constants[key] = self.node("Constant", output=name, value=tensor)
        return self._constants[key]

    def number(self, x: float) -> str:
        """A float as a constant."""
        return self.constant(single(np.array(x), "a constant"))

    def ints(self, *values: int) -> str:
        """A vector of whole numbers, for what ONNX takes as an input."""
        return self.constant(np.array(values, np.int64), "ints")

    def variable(self, v: Value, array: np.ndarray, name: str) -> None:
        """A parameter or state as an initializer, marked with its kind."""
        variable = v.attrs["variable"]
        kind = variable.role if isinstance(variable, Parameter) else "state"
        self.of[v] = self.unique(name)
        tensor = self.onnx.numpy_helper.from_array(single(array, repr(name)), self.of[v])
        tensor.doc_string = f"gdcore {kind}"
        self.initializers.append(tensor)

    def real(self, v: Value) -> str:
        """The name of a value as floats, cast if it holds ints."""
        return self.node("Cast", self.of[v], to=FLOATS) if v.dtype == INT else self.of[v]

    def truth(self, name: str) -> str:
        """Floats as booleans: True where not 0."""
        return self.node("Cast", name, to=BOOLS)

    def batch(self) -> str:
        """A vector of one number: how many samples there are."""
        if self._around is not None:
            return self._around.batch()
        if self._batch is None:
            first = self.of[self.inputs[0]]
            self._batch = self.node("Shape", first, output=self.unique("batch"), start=0, end=1)
        return self._batch

    def shape(self, dims: Sequence[Dim]) -> str:
        """A shape as a vector, computed where it depends on the batch."""
        if not any(isinstance(d, Batch) for d in dims):
            return self.ints(*(d for d in dims if isinstance(d, int)))
        parts = [self.length(d) for d in dims]
        return parts[0] if len(parts) == 1 else self.node("Concat", *parts, axis=0)

    def length(self, dim: Dim) -> str:
        """A dimension as a vector of one number."""
        if not isinstance(dim, Batch):
            return self.ints(dim)
        return (
            self.batch() if dim.rows == 1 else self.node("Mul", self.batch(), self.ints(dim.rows))
        )

    def reshape(self, name: str, shape: Shape) -> str:
        """Reshape; the batch dimension is inferred."""
        if 0 in shape:  # -1 cannot be inferred of an empty array
            return self.node("Reshape", name, self.shape(shape), allowzero=1)
        dims = [-1 if isinstance(d, Batch) else d for d in shape]
        return self.node("Reshape", name, self.ints(*dims))

    def transpose(self, name: str, *axes: int) -> str:
        """Transpose; consecutive transposes are merged, or cancel."""
        source, before = self._turned.get(name, (name, tuple(range(len(axes)))))
        together = tuple(before[a] for a in axes)
        if together == tuple(range(len(axes))):
            return source
        turned = self.node("Transpose", source, perm=list(together))
        self._turned[turned] = (source, together)
        return turned

    def finish(self, outputs: Sequence[Value], names: Sequence[str]) -> None:
        """Rename the nodes that compute outputs, or add copies under those names; drop unused nodes."""
        made = {o for node in self.nodes if node.op_type != "Constant" for o in node.output}
        renamed: dict[str, str] = {}
        for v, name in zip(outputs, names, strict=True):
            old = self.of[v]
            if v.dtype == INT:
                self.node("Cast", old, output=name, to=FLOATS)
            elif old in made and old not in renamed:
                renamed[old] = name
            else:
                self.node("Identity", old, output=name)
        for node in self.nodes:
            for row in _rows_of_names(node):
                for i, name in enumerate(row):
                    row[i] = renamed.get(name, name)
        used, kept = set(names), []
        for node in reversed(self.nodes):
            if used.intersection(node.output):
                used.update(*_rows_of_names(node))
                kept.append(node)
        self.nodes = kept[::-1]


def _rows_of_names(node: Any) -> Iterator[Any]:
    """The names that a node reads and makes, and those of the nodes of its body."""
    yield node.input
    yield node.output
    for attribute in node.attribute:
        for inner in attribute.g.node:
            yield from _rows_of_names(inner)
