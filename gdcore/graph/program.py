"""What lowering writes: instructions, sizes as pairs, and the numbers that a plan brings along."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np

from gdcore.graph.dims import Batch, Dim, Shape, along, size
from gdcore.graph.ir import INT, Value
from gdcore.graph.layout import Layouts

Pair = tuple[int, int]
Ref = tuple[int, int, int]

ALIGN = 64
ARENA = 0  # its buffer number in every plan


def pair(dim: Dim) -> Pair:
    """A size as (fixed, elements for each sample)."""
    return (0, dim.rows) if isinstance(dim, Batch) else (int(dim), 0)


class Group:
    """Values that one instruction computes.

    Attributes
    ----------
    members : list of Value, each after its inputs
    shape : of the elementwise pass, or None
    root : the kernel's value, if there is one; elementwise members then ride on it
    sums : column sums of the product's second operand, or None
    loop : how its root runs if that is a loop, once it is planned
    """

    __slots__ = ("first", "last", "loop", "members", "root", "shape", "sums")

    def __init__(self, value: Value, position: int) -> None:
        self.members = [value]
        self.shape: Shape | None = value.shape if value.op.kind == "map" else None
        self.root: Value | None = None if value.op.kind == "map" else value
        self.sums: Value | None = None
        self.loop: Any = None
        self.first = self.last = position

    @property
    def pass_members(self) -> list[Value]:
        """The elementwise part."""
        return [v for v in self.members if v.op.kind == "map"]


class Place(NamedTuple):
    """A byte offset into one of the plan's buffers."""

    buffer: int
    offset: int


class Workspace(NamedTuple):
    """Memory for as long as a value's instructions run."""

    buffer: int
    offset: int
    nbytes: int


@dataclass(eq=False, repr=False)
class Placement:
    """Where the values of a plan lie, in which order and whose memory, and how large the arena is."""

    places: dict[Value, Place]
    workspaces: dict[Value, Workspace]
    arena_bytes: int
    layouts: Layouts


class Codes(NamedTuple):
    """The numbers under which C knows elementwise operations, and chains of them; and how many
    dimensions and registers it has for a pass."""

    ops: Mapping[str, int]
    chains: Mapping[str, int]
    dims: int
    registers: int


@dataclass(eq=False, repr=False)
class Instruction:
    """One instruction, and what people want to know of it."""

    kernel: str
    refs: list[Ref]
    dims: list[Pair]
    attrs: list[int] = field(default_factory=list)
    pars: list[float] = field(default_factory=list)
    then: Instruction | None = None
    text: str = ""
    reads: list[Value] = field(default_factory=list)
    writes: list[Value] = field(default_factory=list)
    flops: Pair = (0, 0)
    body: Any = None  # the plan of a loop's body

    def encoded(self) -> tuple[object, ...]:
        """The form that `_core.Plan` takes."""
        return (
            self.kernel,
            self.refs,
            self.dims,
            self.attrs,
            self.pars,
            self.then.encoded() if self.then else None,
            self.work,
            *([] if self.body is None else [[i.encoded() for i in self.body.instructions]]),
        )

    @property
    def work(self) -> Pair:
        """What it takes, roughly: operations, and four for each element read or written."""
        fixed, per_row = self.flops
        for value in (*self.reads, *self.writes):
            more = pair(size(value.shape))
            fixed, per_row = fixed + 4 * more[0], per_row + 4 * more[1]
        return fixed, per_row


def collapse(
    shape: Sequence[Dim], steps: Sequence[Sequence[Dim]]
) -> tuple[list[Dim], list[list[Dim]]]:
    """The same walk over fewer dimensions, neighbours that every operand walks as one merged."""
    dims = [i for i, d in enumerate(shape) if d != 1]
    out_shape: list[Dim] = []
    out_steps: list[list[Dim]] = [[] for _ in steps]
    for i in dims:
        merge = bool(out_shape) and not (
            isinstance(out_shape[-1], Batch) and isinstance(shape[i], Batch)
        )
        if merge:
            for s, o in zip(steps, out_steps, strict=True):
                if isinstance(s[i], Batch) and isinstance(shape[i], Batch):
                    merge = False
                    break
                if o[-1] != along(s[i], shape[i]):
                    merge = False
                    break
        if merge:
            out_shape[-1] = out_shape[-1] * shape[i]
            for s, o in zip(steps, out_steps, strict=True):
                o[-1] = s[i]
        else:
            out_shape.append(shape[i])
            for s, o in zip(steps, out_steps, strict=True):
                o.append(s[i])
    return out_shape, out_steps


class Constants:
    """The numbers that a plan brings along, each once."""

    def __init__(self, buffer: int, bits: int) -> None:
        self.buffer = buffer
        self.dtype = np.float32 if bits == 32 else np.float64
        self.known: dict[bytes, Place] = {}
        self.parts: list[bytes] = []
        self.end = 0

    def place(self, array: np.ndarray) -> Place:
        data = np.ascontiguousarray(array, dtype=self.dtype).tobytes()
        if data not in self.known:
            self.known[data] = Place(self.buffer, self.end)
            padded = data + bytes(-len(data) % 64)
            self.parts.append(padded)
            self.end += len(padded)
        return self.known[data]

    def array(self) -> np.ndarray:
        """All of them, as they lie in their buffer."""
        return np.frombuffer(b"".join(self.parts) or bytes(64), dtype=np.uint8).copy()


def element_bytes(value: Value, bits: int) -> int:
    """Bytes of one element."""
    return 4 if value.dtype == INT else bits // 8
