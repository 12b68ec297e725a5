"""Loops for tests: graphs with numbers, the same steps written out, and bodies of many kinds."""

import numpy as np

from gdcore import ops, runtime
from gdcore.engine.session import BUFFER_NAMES, CONSTANTS, INPUTS, PARAMS, Session
from gdcore.graph.dims import Batch
from gdcore.graph.ir import INT, REAL, Value
from gdcore.graph.ops.leaves import input_value
from gdcore.graph.plan import make_plan
from gdcore.graph.program import Place

B = Batch(1)
ROWS = 37  # three blocks, the last of five rows


class Weights:
    """Fed inputs and weights of a graph, with their numbers."""

    def __init__(self):
        self.random = np.random.default_rng(0)
        self.fed, self.held, self.end = [], [], 0

    def fed_with(self, array, dtype=REAL):
        leaf = input_value((B, *array.shape[1:]), f"x{len(self.fed)}", dtype)
        self.fed.append((leaf, array))
        return leaf

    def x(self, *shape):
        return self.fed_with(self.random.normal(size=(ROWS, *shape)))

    def ints(self, below, *shape):
        return self.fed_with(self.random.integers(0, below, (ROWS, *shape)), INT)

    def w(self, *shape):
        leaf = input_value(shape, f"w{len(self.held)}")
        self.held.append((leaf, self.random.normal(size=shape) / 2))
        return leaf

    @property
    def real(self):
        return [v for v, _ in [*self.fed, *self.held] if v.dtype == REAL]

    def plan(self, outputs, bits=64, rows=ROWS, bfloat16=0):
        places = {v: Place(INPUTS + i, 0) for i, (v, _) in enumerate(self.fed)}
        self.params = np.zeros(1 << 23, np.uint8)
        at = 0
        for v, array in self.held:
            data = np.ascontiguousarray(array, f"f{bits // 8}").tobytes()
            self.params[at : at + len(data)] = np.frombuffer(data, np.uint8)
            places[v] = Place(PARAMS, at)
            at += -(-len(data) // 64) * 64
        return make_plan(outputs, [], {}, places.get, rows, bits, CONSTANTS, BUFFER_NAMES, bfloat16)

    def run(self, outputs, bits=64, isa=None, threads=1, rows=ROWS, bfloat16=0):
        """The numbers of values; those without rows are put out once for each."""
        wide = [v if has_rows(v) else ops.broadcast_to(v, (B, *v.shape)) for v in outputs]
        plan = self.plan(wide, bits, rows, bfloat16)
        buffers = {PARAMS: self.params}
        number = None if isa is None else runtime.isa_number(isa)
        fed = [v for v, _ in self.fed]
        session = Session(plan, fed, wide, None, buffers, isa=number)
        data = [
            (np.ascontiguousarray(a[:rows], np.int32 if v.dtype == INT else f"f{bits // 8}"), 1.0)
            for v, a in self.fed
        ]
        made = [np.empty(rows * n, f"f{bits // 8}") for n in session.tap_rows]
        assert session.run(data, rows, rows, outputs=made, threads=threads) == (1, 0)
        shaped = [m.reshape(rows, *full(v.shape)[1:]) for m, v in zip(made, wide, strict=True)]
        return [m if has_rows(v) else m[0] for m, v in zip(shaped, outputs, strict=True)]


def has_rows(v):
    return bool(v.shape) and isinstance(v.shape[0], Batch)


def full(shape):
    return tuple(d.rows * ROWS if isinstance(d, Batch) else d for d in shape)


def many(x):
    return list(x) if isinstance(x, tuple) else [] if x is None else [x]


def unrolled(body, carries, sequences, reverse=False):
    """The same, written out step by step."""
    given = many(sequences)
    axis = [int(has_rows(v)) for v in given]
    steps = given[0].shape[axis[0]]
    outputs = [None] * steps
    for t in reversed(range(steps)) if reverse else range(steps):
        parts = [v[:, t] if a else v[t] for v, a in zip(given, axis, strict=True)]
        elements = tuple(parts) if isinstance(sequences, tuple) else parts[0]
        carries, outputs[t] = body(carries, elements)
    if outputs[0] is None:
        return carries, None
    columns = list(zip(*map(many, outputs), strict=True))
    stacks = [ops.stack(list(c), axis=int(has_rows(c[0]))) for c in columns]
    return carries, tuple(stacks) if isinstance(outputs[0], tuple) else stacks[0]


# Each makes a body, first carries and sequences.


def simple(g):
    u, b, w = g.w(4, 4), g.w(4), g.w(3, 4)

    def body(h, x):
        h = ops.tanh(x @ w + h @ u + b)
        return h, h

    return body, g.x(4), g.x(5, 3)


def wide(g):
    """Its weights are packed before the first step; the second one's columns do not fill a panel."""
    u, v = g.w(20, 40), g.w(40, 20)

    def body(h, x):
        h = ops.tanh(x + ops.tanh(h @ u) @ v)
        return h, h

    return body, g.x(20), g.x(5, 20)


def lstm(g):
    u, peephole = g.w(3, 12), g.w(3)

    def body(carries, z):
        h, c = carries
        z = z + h @ u
        i, f, o = (ops.sigmoid(z[:, k * 3 : k * 3 + 3] + peephole * c) for k in range(3))
        c = f * c + i * ops.tanh(z[:, 9:])
        h = o * ops.tanh(c)
        return (h, c), (h, z)

    return body, (g.x(3), g.x(3)), g.x(6, 12)


def swapping(g):
    """Carries that change places, one that stays, an output that is an input."""

    def body(carries, x):
        a, b, c = carries
        return (b, a + x, c), (x, a, c * 2.0)

    return body, (g.x(2), g.x(2), g.x(2)), g.x(4, 2)


def surroundings(g):
    """Rows from outside, a sequence for all rows, a step's number, more dimensions."""
    context, table, scale = g.x(2, 3), g.w(5, 3), g.w(3)

    def body(h, elements):
        x, row, t = elements
        h = h * ops.sigmoid(context) + x * row * ops.exp(scale) + t
        return h, ops.sum(h, axis=1)

    return body, g.x(2, 3), (g.x(5, 2, 3), table, np.arange(5.0))


def positions(g):
    """A product over more rows than samples, softmax within a row, values that are cut and joined."""
    w = g.w(4, 4)

    def body(h, x):
        scores = ops.softmax(ops.matmul(h @ w, ops.transpose(x, (0, 2, 1))), axis=2)
        mixed = ops.matmul(scores, x)
        return ops.concatenate([mixed[:, :, 2:], h[:, :, :2]], axis=2), None

    return body, g.x(3, 4), g.x(4, 3, 4)


def words(g):
    """Whole numbers that pick rows of a table."""
    table, u = g.w(6, 3), g.w(3, 3)

    def body(h, word):
        return ops.tanh(ops.take(table, word) + h @ u), h

    return body, g.x(3), g.ints(6, 7)


def nested(g):
    """A loop over the characters of a word within a loop over words."""
    u, v, b = g.w(3, 3), g.w(3, 3), g.w(3)

    def inner(h, x):
        h = ops.tanh(h @ u + x + b)
        return h, h

    def body(h, word):
        last, every = ops.scan(inner, h, word)
        return ops.tanh(last @ v + h), ops.sum(every, axis=1)

    return body, g.x(3), g.x(4, 5, 3)


def nested_unrolled(g):
    _, carries, sequences = nested(g)
    u, v, b = (leaf for leaf, _ in g.held)

    def inner(h, x):
        h = ops.tanh(h @ u + x + b)
        return h, h

    def written_out(h, word):
        last, every = unrolled(inner, h, word)
        return ops.tanh(last @ v + h), ops.sum(every, axis=1)

    return written_out, carries, sequences


LOOPS = [simple, wide, lstm, swapping, surroundings, positions, words, nested]
WRITTEN = {nested: nested_unrolled}


def loss_of(values):
    return sum(
        (ops.sum(ops.sin(v) * (i + 1.0)) for i, v in enumerate(values[1:])), ops.sum(values[0])
    )


def lifted(sequences):
    one = isinstance(sequences, Value)
    return sequences if one else tuple(ops.add(s, 0.0) for s in sequences)
