"""An ONNX graph becomes a traced network, node by node.

What a node puts out is a `Value` of the graph, or an array where its inputs are constants: shapes,
axes and bounds are computed while the file is read. A shape that depends on the batch is an array
of objects, some of them `Batch`.
"""

from __future__ import annotations

import copy
from collections import ChainMap
from collections.abc import Mapping, MutableMapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np

from gdcore.graph.dims import Batch, at_batch, size
from gdcore.graph.ir import Value
from gdcore.graph.ops.leaves import lift
from gdcore.io import FileFormatError
from gdcore.layers.base import Layer, Parameter, State, Variable
from gdcore.layers.variables import ROLES
from gdcore.onnx.kinds import REALS, Kind
from gdcore.onnx.samples import Known

ROOM = 1 << 22  # elements of an array that is computed while a file is read
MOST_ELEMENTS = 1 << 40  # of a value, for each sample
_ABSENT: Any = object()
# Attributes without effect here: of random numbers, memory, index outputs.
HINTS = ("seed", "consumed_inputs", "storage_order", "saturate", "round_mode",
         "stash_type")  # fmt: skip


@dataclass(eq=False)
class Learned:
    """An initializer of floats: it becomes a parameter, or a state, when a node first uses it."""

    name: str
    array: np.ndarray
    role: str | None  # None: by the place where it is used


Item = Value | Learned | np.ndarray


class Reader:
    """State of the reader of a graph.

    Parameters
    ----------
    owner : Layer
        To which the variables belong.
    opset : int
    fixed : int or None
        The size of the batch that the file was written for, if it fixes one.
    together : bool
        Whether a sample is a whole batch of the file.
    wide : bool
        Whether the file computes in doubles, and so the model in float64.

    Attributes
    ----------
    items : dict of str to Value, Learned or ndarray
    kinds : dict of str to Kind
        What the items hold.
    variables : dict of str to Variable
    apart : dict of Value
        Values known to keep samples independent: see `samples.Known`.
    limit : int
        Up to which whole numbers are exact.
    """

    def __init__(
        self, owner: Layer, opset: int, fixed: int | None, together: bool, wide: bool
    ) -> None:
        self.owner, self.opset = owner, opset
        self.fixed, self.together, self.wide = fixed, together, wide
        self.items: MutableMapping[str, Item] = {}
        self.kinds: MutableMapping[str, Kind] = {}
        self.variables: dict[str, Variable] = {}
        self.apart: Known = {}
        self.limit = 2**53 if wide else 2**24
        self._leaves: dict[str, Value] = {}
        self._spent = [0]  # nodes that were read for single steps of loops

    def inner(self, together: bool | None = None) -> Self:
        """The reader of a graph within this one, which knows the names around it and keeps its own.

        Parameters
        ----------
        together : bool, optional
            As for this one if None.
        """
        made = copy.copy(self)
        made.items, made.kinds = ChainMap({}, self.items), ChainMap({}, self.kinds)
        if together is not None:
            made.together = together
        return made

    def spend(self, nodes: int, most: int) -> None:
        """Count nodes that are read once more; raises ValueError if they are too many in all."""
        self._spent[0] += nodes
        if self._spent[0] > most:
            raise ValueError(f"more than {most} nodes of single steps: expected fewer")

    def put(self, name: str, item: Item, kind: Kind) -> None:
        """Bind a name to an item."""
        self.items[name], self.kinds[name] = item, kind

    def value(self, item: Item, role: str = "") -> Value:
        """An item as a traced value."""
        if isinstance(item, Learned):
            return self._leaf(item, role)
        if isinstance(item, Value):
            return item
        if item.dtype == object:
            raise ValueError("a shape that depends on the batch is used as data")
        return lift(item)

    def state(self, item: Item, initial: float) -> Value:
        """An item as a state, unless it is bound to a variable already."""
        if isinstance(item, Learned) and item.name not in self._leaves:
            return self._keep(item, State(self.owner, self._name(item), item.array.shape, initial))
        return self.value(item)

    def _leaf(self, item: Learned, role: str) -> Value:
        if item.name in self._leaves:
            return self._leaves[item.name]
        shape, name = item.array.shape, self._name(item)
        if item.role == "state":
            return self._keep(item, State(self.owner, name, shape, 0.0))
        role = item.role or role or ("bias" if len(shape) < 2 else "kernel")
        return self._keep(item, Parameter(self.owner, name, shape, "zeros", role, 0.0, 0.0))

    def _keep(self, item: Learned, variable: Variable) -> Value:
        variable.data = np.asarray(item.array, np.float64 if item.array.itemsize == 8 else None)
        self.variables[variable.local_name] = variable
        self._leaves[item.name] = variable.leaf
        return variable.leaf

    def _name(self, item: Learned) -> str:
        """A name valid in a model file: its own, except for a few that are reserved there."""
        reserved = item.name in ("", "__metadata__") or item.name.startswith(("slot:", "constant:"))
        name = f"initializer {item.name}" if reserved else item.name
        while name in self.variables:
            name += "_"
        return name


class Attributes(dict[str, Any]):
    """The attributes of a node, and which of them were read."""

    def __init__(self, found: Mapping[str, Any]) -> None:
        super().__init__(found)
        self.read: set[str] = set()

    def __getitem__(self, name: str) -> Any:
        self.read.add(name)
        return super().__getitem__(name)


class Node:
    """A node of the file with what goes into it.

    Parameters
    ----------
    reader : Reader
    kind : str
    name : str
        For what it holds that can be learned.
    inputs : sequence of items, None where one is left out
    kinds : sequence of what they hold
    attrs : dict of str to a number, bytes, an array or a list
    wanted : sequence of bool
        Of each output whether it has a name.

    Attributes
    ----------
    outputs : int
        How many of its outputs have a name.
    read : set of int
        The inputs that were read.
    makes : list of Kind, optional
        Kinds of its outputs, if its row sets them.
    """

    def __init__(
        self,
        reader: Reader,
        kind: str,
        name: str,
        inputs: Sequence[Item | None],
        kinds: Sequence[Kind | None],
        attrs: Mapping[str, Any],
        wanted: Sequence[bool],
    ) -> None:
        self.reader, self.kind, self.name = reader, kind, name
        self.inputs, self.kinds = inputs, kinds
        self.attrs, self.wanted, self.outputs = Attributes(attrs), wanted, sum(wanted)
        self.read: set[int] = set()
        self.makes: list[Kind] | None = None

    def like(self, inputs: Sequence[Item | None], **attrs: Any) -> Node:
        """The same node with other inputs, and with attributes more or changed."""
        return Node(
            self.reader,
            self.kind,
            self.name,
            inputs,
            self.kinds,
            {**self.attrs, **attrs},
            self.wanted,
        )

    def holds(self, i: int) -> Kind:
        """What input i holds."""
        return self.kinds[i] or REALS

    def learned(self, what: str, array: np.ndarray, role: str) -> Value:
        """A parameter from the node's own attributes."""
        return self.reader.value(Learned(f"{self.name}.{what}", array, role))

    def unread(self) -> str:
        """The attributes and inputs of the node that nothing has read, as text."""
        for name in self.attrs:
            if name not in self.attrs.read and name not in HINTS:
                return f"the attribute {name[:80]!r}"
        for i, x in enumerate(self.inputs):
            if x is not None and i not in self.read:
                return f"input {i}"
        return ""

    @property
    def opset(self) -> int:
        """The version of the standard operators."""
        return self.reader.opset

    def has(self, i: int) -> bool:
        """Whether there is an input i."""
        return i < len(self.inputs) and self.inputs[i] is not None

    def item(self, i: int) -> Item:
        """Input i as it is."""
        found = self.inputs[i] if i < len(self.inputs) else None
        if found is None:
            raise ValueError(f"input {i} is missing")
        self.read.add(i)
        return found

    def value(self, i: int, role: str = "") -> Value:
        """Input i as a traced value."""
        return self.reader.value(self.item(i), role)

    def values(self) -> list[Value]:
        """All inputs as traced values."""
        return [self.value(i) for i in range(len(self.inputs))]

    def array(self, i: int) -> np.ndarray:
        """Input i as an array, which must be known while the file is read."""
        item = self.item(i)
        if isinstance(item, Value):
            raise ValueError(f"input {i} is computed from data: expected a constant")
        return item.array if isinstance(item, Learned) else item

    def number(self, i: int, default: float) -> float:
        """Input i as one number."""
        if not self.has(i):
            return default
        array = self.array(i)
        if array.size != 1:
            raise ValueError(f"input {i} has the shape {array.shape}: expected one number")
        return float(array.reshape(-1)[0])

    def ints(self, i: int) -> list[Any]:
        """Input i as a list of whole numbers; some may be `Batch`."""
        return [d if isinstance(d, Batch) else int(d) for d in self.array(i).reshape(-1)]

    def attr(self, name: str, default: Any = _ABSENT) -> Any:
        """An attribute; it must have the type of the default, if there is one."""
        if name not in self.attrs:
            if default is _ABSENT:
                raise ValueError(f"the attribute {name!r} is missing")
            return default
        found = self.attrs[name]
        known = default is not _ABSENT and default is not None
        if known and not isinstance(found, float if isinstance(default, float) else type(default)):
            raise ValueError(
                f"the attribute {name!r} is of another kind: expected {default!r} or its like"
            )
        return found

    def setting(self, name: str, i: int) -> list[Any] | None:
        """Integers that are an attribute in older opsets and input i in newer ones."""
        if name in self.attrs:
            found = self.attrs[name]
            return list(found) if isinstance(found, list) else [found]
        return self.ints(i) if self.has(i) else None


def checked(item: Item) -> Item:
    """An item, after validation of its size."""
    if isinstance(item, np.ndarray) and item.size > ROOM:
        raise FileFormatError(f"a constant of {item.size} elements: expected at most {ROOM}")
    if isinstance(item, Value):
        if any(at_batch(d, 1) >= 2**31 for d in item.shape):
            raise FileFormatError(f"a value of shape {item.shape}: expected sizes below 2**31")
        if at_batch(size(item.shape), 1) > MOST_ELEMENTS:
            raise FileFormatError(f"a value of shape {item.shape}: expected fewer elements")
    return item


def learned(name: str, array: np.ndarray, note: str) -> Item:
    """An initializer as an item: learned if it holds floats, unless it is a scalar."""
    role = note.removeprefix("gdcore ") if note.startswith("gdcore ") else None
    known = role in ROLES or role == "state"
    if array.dtype.kind == "f" and (array.ndim or known) and array.size:
        return Learned(name, array, role if known else None)
    return array
