"""What lowering writes: instructions, sizes as pairs, and the numbers that a plan brings along."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np

from gdcore.graph.ir import Batch, Dim, Value, size
from gdcore.graph.place import Place

Pair = tuple[int, int]
Ref = tuple[int, int, int]


def pair(dim: Dim) -> Pair:
    """A size as (fixed, elements for each sample)."""
    return (0, dim.rows) if isinstance(dim, Batch) else (int(dim), 0)


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
                if o[-1] != s[i] * shape[i]:
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
