"""Loops that a file or a plan holds and that cannot be: refused in one line before they run."""

import copy

import numpy as np
import pytest
from loops import Weights, lstm

import gdcore as gd
from gdcore import _core, ops, runtime
from gdcore.engine.engine import engine_of
from gdcore.io.graph_json import from_json, to_json
from gdcore.io.safetensors import FileFormatError


class Cell(gd.Layer):
    """A loop over words, each with a loop over its letters, and a table of more than 16 numbers."""

    def forward(self, x):
        u = self.param("u", (3, 3), "orthogonal")
        table = np.arange(15.0).reshape(5, 3) / 10.0

        def letters(h, x):
            return ops.tanh(x + h @ u), None

        def words(h, elements):
            word, row = elements
            h = ops.scan(letters, h, word)[0] + row
            return h, h * 2.0

        start = ops.broadcast_to(0.0, (x.shape[0], 3))
        last, every = ops.scan(words, start, (x, table), reverse=True)
        return last + ops.sum(every, axis=1)


X = np.random.default_rng(0).normal(size=(40, 5, 4, 3)).astype("f4")


def model():
    m = gd.Sequential([gd.Input((5, 4, 3)), Cell(), gd.Dense(2)])
    m.compile("adam", "mse")
    m.fit(X, X[:, 0, 0, :2], epochs=1, seed=0, verbose=0)
    return m


def test_files_hold_loops(tmp_path):
    m = model()
    m.save(tmp_path / "m.safetensors")
    loaded = gd.load(tmp_path / "m.safetensors")
    assert loaded.predict(X).tobytes() == m.predict(X).tobytes()
    for one in (m, loaded):
        one.fit(X, X[:, 0, 0, :2], epochs=1, verbose=0)
    assert loaded.predict(X).tobytes() == m.predict(X).tobytes()


def test_copies_hold_loops():
    m = model()
    assert copy.deepcopy(m).predict(X).tobytes() == m.predict(X).tobytes()


def graph():
    m = model()
    memory = engine_of(m).parameters()
    return to_json(memory.network, set(memory.trainable()))


GRAPH = graph()


def the(op, nodes):
    return next(n for n in nodes if n["op"] == op)


def scan(data):
    return the("scan", data["nodes"])


def changed(key, value):
    def change(data):
        scan(data)["body"][key] = value

    return change


def within(key, value):
    """In the body of the loop within the body."""

    def change(data):
        the("scan", scan(data)["body"]["nodes"])["body"][key] = value

    return change


def put(op, key, value):
    def change(data):
        the(op, data["nodes"])[key] = value

    return change


def deeper(data):
    """Loops within loops without end."""
    loop = scan(data)
    plain = loop["body"]["nodes"]
    for _ in range(12):
        loop["body"]["nodes"] = [*plain, copy.deepcopy(loop)]


def swap_leaf(data):
    the("loop_leaf", scan(data)["body"]["nodes"])["shape"] = [["B", 1], 9]


HOSTILE = {
    "no steps": changed("steps", 0),
    "other steps": changed("steps", 6),
    "steps without end": changed("steps", 2**40),
    "steps of text": changed("steps", "5"),
    "no leaves": changed("leaves", []),
    "leaves that are none": changed("leaves", [[0], [1], [5]]),
    "a leaf twice": changed("leaves", [[0], [1, 1], []]),
    "a leaf beyond": changed("leaves", [[0], [1, 999], []]),
    "no carry after": changed("after", []),
    "a carry from nowhere": changed("after", [-1]),
    "another carry": changed("after", [1]),
    "outputs from nowhere": changed("stacked", [10**9]),
    "no outputs": changed("stacked", []),
    "no nodes": changed("nodes", []),
    "nodes of text": changed("nodes", "all"),
    "within: other steps": within("steps", 3),
    "within: no leaves": within("leaves", [[], [], []]),
    "a body of another kind": put("scan", "body", [1]),
    "no body": put("scan", "body", None),
    "no direction": put("scan", "reverse", 2),
    "no inputs": put("scan", "in", []),
    "a part beyond": put("loop_part", "attrs", {"last": False, "index": 7}),
    "a part of no loop": put("loop_part", "in", [0]),
    "a part of nothing": put("loop_part", "in", []),
    "a part before the first": put("loop_part", "attrs", {"last": True, "index": -1}),
    "a leaf outside of a body": put("loop_part", "op", "loop_leaf"),
    "a cotangent": put("loop_part", "op", "loop_cotangent"),
    "an element of another shape": swap_leaf,
    "too deep": deeper,
}


@pytest.mark.parametrize("what", HOSTILE)
def test_a_hostile_graph_is_refused(what):
    data, tensors = copy.deepcopy(GRAPH)
    HOSTILE[what](data)
    with pytest.raises(FileFormatError) as caught:
        from_json(data, gd.Layer(), tensors)
    assert "\n" not in str(caught.value)


def test_the_graph_as_it_is_is_taken():
    data, tensors = copy.deepcopy(GRAPH)
    from_json(data, gd.Layer(), tensors)


def plan():
    g = Weights()
    body, carries, sequences = lstm(g)
    (h, _), (every, _) = ops.scan(body, carries, sequences)
    return g.plan([h, every], 32)


PLAN = plan()
(LOOP,) = (i for i in PLAN.instructions if i.kernel == "scan")
HEAD, MOVE = 7, 8
STEPS, SAMPLES, BUFFERS, BLOCK, SLOTS, MOVES = 0, 2, 3, 4, 5, 6
WHEN, OPERAND, BUFFER, OFFSET, BYTES, ROWS, ROW_STRIDE, STEP_STRIDE = range(HEAD, HEAD + MOVE)


def bind(attrs=None, refs=None, body=None, room=1 << 16):
    kernel, old, dims, old_attrs, pars, then, work, old_body = LOOP.encoded()
    parts = (kernel, refs or old, dims, attrs or old_attrs, pars, then, work, body or old_body)
    numbers = [buffer for buffer, _, _ in parts[1]]
    buffers = [np.zeros(room + 256, np.uint8) for _ in range(max(numbers) + 1)]
    plan = _core.Plan(runtime.ISA, 32, [parts], 1, None)
    return g_runner(plan, [b[128:-128] for b in buffers])


def g_runner(plan, buffers):
    return _core.Runner(plan, 37, buffers, [], [], None, -1, None, False, None)


def with_attr(i, value):
    attrs = list(LOOP.attrs)
    attrs[i] = value
    return {"attrs": attrs}


def broken_body():
    body = [list(i) for i in LOOP.encoded()[7]]
    body[0][1] = [(0, 0, 1 << 30), *body[0][1][1:]]
    return [tuple(i) for i in body]


BROKEN = {
    "steps without end": (with_attr(STEPS, 1 << 39), "beyond"),
    "fewer than no steps": (with_attr(STEPS, -1), "negative"),
    "blocks of nothing": (with_attr(SAMPLES, 0), "without samples"),
    "blocks of more": (with_attr(SAMPLES, 37), "beyond"),
    "buffers without end": (with_attr(BUFFERS, 65), "more buffers"),
    "no buffers": (with_attr(BUFFERS, 0), "more buffers"),
    "blocks of no bytes": (with_attr(BLOCK, 0), "slots"),
    "blocks without end": (with_attr(BLOCK, 1 << 30), "beyond"),
    "slots at an odd place": (with_attr(SLOTS, 4), "slots"),
    "no slots": (with_attr(SLOTS, LOOP.attrs[BLOCK]), "beyond"),
    "fewer moves": (with_attr(MOVES, LOOP.attrs[MOVES] - 1), "another number"),
    "moves without end": (with_attr(MOVES, 1 << 40), "operands"),
    "a move at no time": (with_attr(WHEN, 6), "no kind"),
    "a move of no operand": (with_attr(OPERAND, 99), "no kind"),
    "a move to no buffer": (with_attr(BUFFER, 2), "no kind"),
    "a move beyond the block": (with_attr(OFFSET, 1 << 20), "body's memory"),
    "rows without end": (with_attr(BYTES, 1 << 30), "beyond"),
    "more rows of a sample": (with_attr(ROWS, 1 << 20), "beyond"),
    "rows far apart": (with_attr(ROW_STRIDE, 1 << 30), "beyond"),
    "samples of a sequence far apart": (with_attr(-2, 1 << 20), "beyond"),
    "steps of a sequence far apart": (with_attr(-1, 1 << 20), "beyond"),
    "a body that writes beyond": ({"body": broken_body()}, "has a body whose instruction 0"),
    "no room": ({"room": 4096}, "beyond"),
    "no operands": ({"refs": LOOP.refs[:1]}, "more buffers"),
}


@pytest.mark.parametrize("what", BROKEN)
def test_a_plan_whose_loop_reaches_beyond_is_refused(what):
    more, match = BROKEN[what]
    with pytest.raises(ValueError, match=match) as caught:
        bind(**more)
    assert "\n" not in str(caught.value) and "(scan)" in str(caught.value)


def test_the_loop_as_it_is_is_taken():
    bind()
