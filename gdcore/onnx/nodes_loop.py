"""Loop as traced values, of a number of steps that is known while the file is read.

What the body computes from the number of the step and from constants is computed then, for each step; what it gathers
by that number is the element of a sequence.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from gdcore import ops
from gdcore.graph.ir import Value
from gdcore.onnx.bodies import Body, Named, Read, found_in, held
from gdcore.onnx.kinds import REALS, Kind, kind_of_array, whole
from gdcore.onnx.messages import names_read
from gdcore.onnx.nodes_shapes import axis_of
from gdcore.onnx.reader import Item, Node, Reader

MOST_STEPS = 1 << 12
MOST_NODES = 1 << 16  # that are read for single steps


def loop(n: Node, read: Read) -> list[Item]:
    """A Loop of a number of steps that constants say."""
    return _Loop(n, read).outputs()


def _constant(reader: Reader, name: str) -> np.ndarray:
    found = found_in(reader, name)
    if not isinstance(found, np.ndarray):
        raise ValueError(
            f"{name[:80]!r} is made of constants by a node that computes with data alone"
        )
    return found


class _Loop:
    """A Loop while it is read.

    Attributes
    ----------
    by_step : dict of str to list of ndarray
        What is known of each step: its number, whether there is another one, carries, and what is made of these.
    ends : dict of str to ndarray
        Such carries after the last step.
    inside : set of str
        What is computed in the loop.
    elements : list of Named
        Sequences whose elements the body reads.
    """

    def __init__(self, n: Node, read: Read) -> None:
        self.n, self.body = n, Body(n, read)
        count = len(n.inputs) - 2
        if count < 0:
            raise ValueError(f"{len(n.inputs)} inputs: expected at least 2")
        (number, more, *carries), (goes_on, *outputs) = self.body.names(count + 2, count + 1)
        self.number, self.more, self.goes_on = number, more, goes_on
        self.carries, self.after, self.each = carries, outputs[:count], outputs[count:]
        self.starts = [n.item(2 + i) for i in range(count)]
        self.by_step: dict[str, list[np.ndarray]] = {}
        self.ends: dict[str, np.ndarray] = {}
        self.elements: list[Named] = []
        self.inside = self._moving()
        self.steps = self._known_steps()

    def _moving(self) -> set[str]:
        """The carries that depend on data: they begin as values, or a step makes them of values."""
        items = self.n.reader.items
        starts = dict(zip(self.carries, self.starts, strict=True))
        data = {k for k, x in items.items() if not isinstance(x, np.ndarray)}
        moving = {k for k, x in starts.items() if not isinstance(x, np.ndarray)}
        while True:
            reached = self._depending(moving | (data - set(starts)))
            new = {k for k, out in zip(self.carries, self.after, strict=True) if out in reached}
            if new <= moving:
                break
            moving |= new
        if self.goes_on in reached:
            raise ValueError(
                "whether there is another step is computed from data: expected a number of steps that is known while "
                "the file is read"
            )
        return moving

    def _depending(self, roots: set[str]) -> set[str]:
        found = set(roots)
        for _, node in self.body.nodes:
            if not found.isdisjoint(names_read(node)):
                found.update(node.output)
        return found

    def _needed(self, wanted: set[str]) -> list[tuple[int, Any]]:
        """The nodes on which some names depend."""
        found = []
        for i, node in reversed(self.body.nodes):
            if not wanted.isdisjoint(node.output):
                wanted = wanted | set(names_read(node))
                found.append((i, node))
        return found[::-1]

    def _known_steps(self) -> int:
        """Go through what depends on constants alone; the number of steps."""
        n = self.n
        most = int(n.number(0, 0)) if n.has(0) else None
        goes_on = not n.has(1) or bool(n.number(1, 1))
        pairs = zip(self.carries, self.after, self.starts, strict=True)
        known = {k: (out, np.asarray(x)) for k, out, x in pairs if k not in self.inside}
        now = {k: x for k, (_, x) in known.items()}
        nodes = self._needed({self.goes_on, *(out for out, _ in known.values())})
        self.by_step = {k: [] for k in (self.number, self.more, *known)}
        count = 0
        while goes_on and count != most:
            if count == MOST_STEPS:
                raise ValueError(f"more than {MOST_STEPS} steps: expected fewer")
            given = {self.number: np.array(count), self.more: np.array(True), **now}
            for k, x in given.items():
                self.by_step[k].append(x)
            inner = self._at(given, nodes)
            now = {k: _constant(inner, out) for k, (out, _) in known.items()}
            goes_on = bool(_constant(inner, self.goes_on).reshape(-1)[0])
            count += 1
        self.ends = now
        return count

    def _at(self, given: dict[str, np.ndarray], nodes: Sequence[tuple[int, Any]]) -> Reader:
        """What some nodes make at one step."""
        inner = self.body.scope.inner()
        for name, array in given.items():
            inner.put(name, array, kind_of_array(array))
        inner.spend(len(nodes), MOST_NODES)
        for i, node in nodes:
            self.body.read(inner, node, i)
        return inner

    def outputs(self) -> list[Item]:
        """What the node puts out: last carries, and what is stacked."""
        if not self.steps and self.each:
            raise ValueError("a Loop of no steps with outputs of each step: expected some")
        last: dict[str, Item] = {**dict(zip(self.carries, self.starts, strict=True)), **self.ends}
        kinds = {k: kind or REALS for k, kind in zip(self.carries, self.n.kinds[2:], strict=True)}
        kinds |= {k: kind_of_array(x) for k, x in self.ends.items()}
        every: list[Value] = []
        found: list[Kind] = []
        moving = {
            k: out for k, out in zip(self.carries, self.after, strict=True) if k in self.inside
        }
        if self.steps and (moving or self.each):
            carries: list[Named] = []
            for k in moving:
                start = self.body.rows(self.n.reader.value(last[k]))
                carries.append((k, start, held(self.n, kinds[k])))
            self._sort_nodes()
            self._as_elements({*moving.values(), *self.each})
            if not self.elements:
                steps = ops.broadcast_to(0.0, (self.steps,))
                self.elements.append((self.number, steps, whole(0, 0)))
            rest, every, found = self.body.run(
                carries, self.elements, list(moving.values()), self.each
            )
            for k, value, kind in zip(moving, rest, found, strict=False):
                last[k], kinds[k] = self.body.back(value), kind
        self.n.makes = [*(kinds[k] for k in self.carries), *found[len(moving) :]]
        return [*(last[k] for k in self.carries), *(self.body.back(v, 0) for v in every)]

    def _sort_nodes(self) -> None:
        """Compute what can be before the loop; the body keeps the other nodes."""
        kept = []
        for i, node in self.body.nodes:
            names = set(names_read(node))
            if not names.isdisjoint(self.inside):
                self.inside.update(node.output)
                self._as_elements(names)
                kept.append((i, node))
            elif names.isdisjoint(self.by_step):
                self.body.read(self.body.scope, node, i)
            else:
                self._at_each_step(i, node)
        self.body.nodes = kept

    def _at_each_step(self, i: int, node: Any) -> None:
        """A node that reads what is known of each step, and values from around the loop."""
        names = [k for k in dict.fromkeys(names_read(node)) if k in self.by_step]
        if node.op_type == "Gather" and names == list(node.input[1:]):
            index = self.by_step[names[0]]
            if not index[0].ndim and self._gathered(i, node, np.stack(index)):
                return
        steps = [
            self._at({k: self.by_step[k][t] for k in names}, [(i, node)]) for t in range(self.steps)
        ]
        for name in filter(None, node.output):
            made = [found_in(s, name) for s in steps]
            arrays = [x for x in made if isinstance(x, np.ndarray)]
            if len(arrays) < len(made):
                stacked = ops.stack([s.value(x) for s, x in zip(steps, made, strict=True)], axis=0)
                self._add(name, self.body.rows(stacked, 0), steps[0].kinds[name])
            elif all(np.array_equal(x, arrays[0]) for x in arrays):
                self.body.scope.put(name, arrays[0], steps[0].kinds[name])
            else:
                self.by_step[name] = arrays

    def _gathered(self, i: int, node: Any, index: np.ndarray) -> bool:
        """An element of each step by one Gather of all, whose indices lie along its axis; of constants none is made."""
        inner = self._at({node.input[1]: index}, [(i, node)])
        found = inner.items[node.output[0]]
        if not isinstance(found, Value):
            return False
        axis = next((a.i for a in node.attribute if a.name == "axis"), 0)
        at = axis_of(axis, found.ndim)
        self._add(node.output[0], self.body.rows(found, at), inner.kinds[node.output[0]])
        return True

    def _as_elements(self, names: set[str]) -> None:
        """What is known of each step becomes a sequence, where the loop reads it."""
        given = {name for name, _, _ in self.elements}
        for name in sorted(names & self.by_step.keys() - given):
            arrays = self.by_step[name]
            if len({x.shape for x in arrays}) > 1:
                raise ValueError(
                    f"{name[:80]!r} has the shapes {arrays[0].shape} and others: expected one at all steps"
                )
            stacked = np.stack(arrays)
            kind = held(self.n, kind_of_array(stacked))
            self.elements.append((name, self.body.rows(self.n.reader.value(stacked), 0), kind))

    def _add(self, name: str, sequence: Value, kind: Kind) -> None:
        self.elements.append((name, sequence, kind))
        self.inside.add(name)
