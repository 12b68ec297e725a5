"""Fusion: which values are computed together, and in which order.

A `Group` becomes one instruction. Elementwise values of one shape are gathered into one pass, from
the consumers down: a value joins the pass that uses it unless something outside needs it first. A
product takes the pass that follows it as its epilogue, and takes over the column sums of its second
operand (a bias' gradient).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence

from gdcore.graph.dims import refined, size
from gdcore.graph.ir import VIEWS, Value, base, topological
from gdcore.graph.layout import straight
from gdcore.graph.ops.reductions import SUM
from gdcore.graph.program import Group

MOST = 48  # values in one pass,
MOST_DIMS = 8  # dimensions that differ in how they are walked,
REGISTERS = 120  # and the values and inputs of one: its registers are numbered up to 128


class Fusion:
    """The groups of one section of a step."""

    def __init__(
        self,
        roots: Sequence[Value],
        done: set[Value],
        after: Mapping[Value, Sequence[Value]],
        exact: bool = False,
    ) -> None:
        self.exact = exact
        order = [v for v in topological(roots, after) if v.op.kind != "leaf" and v not in done]
        self.position = {v: i for i, v in enumerate(order)}
        self.order = order
        self.after = after
        self.users: dict[Value, list[Value]] = defaultdict(list)
        for v in order:  # who reads the memory of a value, under whatever shape
            if v.op.kind not in VIEWS:
                for x in (*v.inputs, *after.get(v, ())):
                    self.users[base(x)].append(v)
        self.reads = {  # for each input: whose memory, whose elements in their order, and its shape
            v: [(base(x), straight(x), x.shape) for x in v.inputs]
            for v in order
            if v.op.kind == "map"
        }
        self.group: dict[Value, Group] = {}
        self.gather_maps()
        self.merge_neighbours()
        self.attach_epilogues()

    def users_of(self, group: Group) -> Iterable[Value]:
        for v in group.members:
            yield from self.users[v]

    def reaches(self, start: Iterable[Value], target: Group, skip: Group | None = None) -> bool:
        """Whether any of the values, or what is made of them, is needed by `target`.

        Unless it is exact, it does not follow what comes after all of `target`: in rare graphs a
        group that reaches from there back to before it is overlooked, which `groups` finds out.
        """
        seen: set[int] = set()
        stack = list(start)
        while stack:
            v = stack.pop()
            group = self.group.get(v)
            if group is target:
                return True
            if group is skip and group is not None:
                continue
            key = id(group) if group is not None else id(v)
            at = group.first if group is not None else self.position[v]
            if key in seen or (at > target.last and not self.exact):
                continue
            seen.add(key)
            stack.extend(self.users_of(group) if group is not None else self.users[v])
        return False

    def can_merge(self, one: Group, other: Group) -> bool:
        """Whether the two can run at once: no path from one to the other leads through a third."""
        for a, b in ((one, other), (other, one)):
            outside = [
                u
                for u in self.users_of(a)
                if self.group.get(u) is not a and self.group.get(u) is not b
            ]
            if self.reaches(outside, b, skip=a):
                return False
        return True

    def fits(self, one: Group, other: Group) -> bool:
        """Whether one pass can walk the elements of both, and has registers for them."""
        members = [*one.members, *other.members]
        if len(members) > MOST:
            return False
        shape = refined(one.shape or (), other.shape or ())
        if shape is None or (len(shape) > MOST_DIMS and one.shape != other.shape):
            return False
        inside, outside = set(members), set()
        for v in members:
            for below, read, own in self.reads[v]:
                if below not in inside:
                    outside.add((read, own, v.shape))
                elif read is not below:  # in another order than it is computed in
                    return False
        return len(members) + len(outside) <= REGISTERS

    def merge(self, into: Group, other: Group) -> None:
        into.members = sorted(into.members + other.members, key=self.position.__getitem__)
        into.first, into.last = min(into.first, other.first), max(into.last, other.last)
        if into.shape is not None and other.shape is not None:
            into.shape = refined(into.shape, other.shape)
        else:
            into.shape = into.shape if into.shape is not None else other.shape
        into.root = into.root if into.root is not None else other.root
        into.sums = into.sums if into.sums is not None else other.sums
        for v in other.members:
            self.group[v] = into

    def gather_maps(self) -> None:
        """Each elementwise value joins its users' pass if they have one in common."""
        for v in reversed(self.order):
            own = Group(v, self.position[v])
            if v.op.kind in VIEWS:
                continue
            if v.op.kind == "map":
                passes = {
                    id(g): g
                    for u in self.users[v]
                    if (g := self.group.get(u)) is not None
                    and g.shape is not None
                    and size(g.shape) == size(v.shape)
                    and u.op.kind == "map"
                    and any(straight(x) is v for x in u.inputs)
                }
                maps = [u for u in self.users[v] if u.op.kind == "map"]
                if len(passes) == 1 and all(id(self.group[u]) in passes for u in maps):
                    (target,) = passes.values()
                    self.group[v] = own
                    if self.fits(own, target) and self.can_merge(own, target):
                        self.merge(target, own)
                    continue
            self.group[v] = own
            for part in [u for u in self.users[v] if u.op.kind == "part" and u.inputs[0] is v]:
                self.group[part].root = None
                self.merge(own, self.group[part])

    def merge_neighbours(self) -> None:
        """Passes over the same elements, one using the other: memory is walked once."""
        for v in self.order:
            if v.op.kind != "map":
                continue
            for u in self.users[v]:
                mine, theirs = self.group[v], self.group.get(u)
                if (
                    theirs is None
                    or theirs is mine
                    or theirs.root is not None
                    or theirs.shape is None
                    or size(theirs.shape) != size(mine.shape or ())
                    or not self.fits(mine, theirs)
                ):
                    continue
                if self.can_merge(mine, theirs):
                    self.merge(theirs, mine)

    def attach_epilogues(self) -> None:
        """What follows a product rides on it, and sums of its second operand are left by it."""
        for v in self.order:
            if v.op.column_sums is not None:
                self.take_sums(v, self.group[v])
            if v.op.takes_epilogue is not None and v.op.takes_epilogue(v):
                self.take_epilogue(v, self.group[v])

    def take_epilogue(self, product: Value, mine: Group) -> None:
        """The first pass that reads the product, element by element; under its own shape if there is one."""
        for u in sorted(self.users[product], key=lambda u: all(x is not product for x in u.inputs)):
            theirs = self.group.get(u)
            if (
                theirs is not None
                and theirs is not mine
                and u.op.kind == "map"
                and theirs.root is None
                and theirs.shape is not None
                and size(product.shape) == size(theirs.shape)
                and self.read_flat(product, theirs)
                and self.can_merge(mine, theirs)
            ):
                self.merge(mine, theirs)
                return

    def read_flat(self, product: Value, group: Group) -> bool:
        """Whether the pass reads the product element by element, never repeated."""
        return all(
            size(x.shape) == size(product.shape) and straight(x) is product
            for v in group.members
            for x in v.inputs
            if base(x) is product
        )

    def take_sums(self, product: Value, group: Group) -> None:
        """dw = x' dy and db = sum of dy's rows: one walk over dy."""
        assert product.op.column_sums is not None
        found = product.op.column_sums(product)
        for u in [] if found is None else self.users[base(found[0])]:
            if (
                found is not None
                and u.op is SUM
                and u.inputs[0] is found[0]
                and u.attrs["axes"] == found[1]
                and u in self.group
                and len(self.group[u].members) == 1
            ):
                theirs = self.group[u]
                if self.can_merge(group, theirs):
                    theirs.root = None
                    self.merge(group, theirs)
                    group.sums = u
                    return

    def groups(self) -> list[Group] | None:
        """The groups, each after those it needs; None if two of them need each other."""
        out: list[Group] = []
        state: dict[int, int] = {}
        for v in self.order:
            stack = [g] if (g := self.group.get(v)) is not None else []
            while stack:
                group = stack[-1]
                if state.get(id(group)) == 2:
                    stack.pop()
                    continue
                if state.get(id(group)) == 1:
                    state[id(group)] = 2
                    out.append(group)
                    stack.pop()
                    continue
                state[id(group)] = 1
                for m in reversed(group.members):
                    for x in (*m.inputs, *self.after.get(m, ())):
                        need = self.group.get(base(x))
                        if need is None or need is group or state.get(id(need)) == 2:
                            continue
                        if state.get(id(need)) == 1:
                            return None
                        stack.append(need)
        return out


def fuse(
    roots: Sequence[Value], done: set[Value], after: Mapping[Value, Sequence[Value]]
) -> list[Group]:
    """Groups in order for everything that the roots need and that is not done.

    Parameters
    ----------
    roots : values wanted
    done : values that an earlier section computed
    after : for a value, others that must be computed before it though it does not use them
    """
    groups = Fusion(roots, done, after).groups()
    if groups is None:
        groups = Fusion(roots, done, after, exact=True).groups()
    assert groups is not None
    return groups
