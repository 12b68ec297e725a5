"""Loop and Scan nodes of ONNX beside onnxruntime; gdcore's own loops are written as Scans in test_onnx_save.py."""

import importlib

import numpy as np
import pytest
from harness import close
from test_onnx_save import answers

import gdcore as gd

onnx = pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")

from onnx import helper, numpy_helper  # noqa: E402

STEPS, WIDTH, ROWS = 5, 3, 4
REAL, WHOLE, TRUTH = 1, 7, 9
RNG = np.random.default_rng(0)


def drawn(*shape):
    return RNG.uniform(-1, 1, shape).astype(np.float32)


def info(name, shape=None, kind=REAL):
    return helper.make_tensor_value_info(name, kind, shape)


def nodes_of(*rows):
    return [helper.make_node(kind, ins.split(","), outs.split(","), **attrs)
            for kind, ins, outs, attrs in rows]  # fmt: skip


def model_of(nodes, inputs, outputs, **consts):
    graph = helper.make_graph(
        nodes, "g", [info(k, s) for k, s in inputs.items()], [info(k) for k in outputs],
        [numpy_helper.from_array(np.asarray(a), k) for k, a in consts.items()],
    )  # fmt: skip
    return helper.make_model(graph, ir_version=8, opset_imports=[helper.make_opsetid("", 20)])


CELL = (
    ("MatMul", "h,u", "hu", {}),  # u from around the loop
    ("Add", "hu,e", "z", {}),
    ("Tanh", "z", "h1", {}),
    ("Add", "n,one", "n1", {}),
    ("Mul", "h1,n1", "y", {}),
)


def scan_of(states, sequences, nodes=CELL, outs=("h1", "n1", "y"), **attrs):
    body = helper.make_graph(
        nodes_of(*nodes), "body", [info("h"), info("n"), info("e")], [info(o) for o in outs]
    )
    return helper.make_node(
        "Scan",
        [*states, *sequences],
        ["last", "count", "every"],
        body=body,
        num_scan_inputs=len(sequences),
        **attrs,
    )


def starts(rows):
    """Of the shape of the batch, as exporters write them."""
    shape = () if rows else (("Shape", "x", "s", {}), ("Gather", "s,batch", "b", {}),
                             ("Concat", "b,width", "bw", {"axis": 0}), ("Expand", "zero,bw", "h0", {}),
                             ("Expand", "zero,bw", "n0", {}))  # fmt: skip
    return nodes_of(*shape)


CONSTS = {
    "u": drawn(WIDTH, WIDTH), "one": np.float32(1.0), "zero": np.float32(0.0), "batch": np.array([0]),
    "width": np.array([WIDTH]), "h0": np.zeros((2, WIDTH), np.float32), "n0": np.zeros((2, WIDTH), np.float32),
}  # fmt: skip
DIRECTIONS = {
    "forwards": {"scan_output_axes": [1]},
    "backwards": {"scan_input_directions": [1], "scan_output_directions": [1], "scan_output_axes": [-2]},
    "there and back": {"scan_input_directions": [1], "scan_output_axes": [1]},
}  # fmt: skip


def given(model, x):
    """What a model makes of a batch, which may be one sample of it."""
    whole = model._engine.network().inputs[0].ndim > x.ndim
    made = list(model.predict(x[None] if whole else x).values())
    return [y[0] if whole else y for y in made]


def taught(model, x):
    """A step of training changes the weights around the loop."""
    model.compile("sgd", ["mse"] * len(model._engine.network().outputs))
    before = model.state_dict()["u"].copy()
    whole = model._engine.network().inputs[0].ndim > x.ndim
    x = x[None] if whole else x
    model.train_on_batch(x, [np.ones_like(y) for y in model.predict(x).values()])
    return (model.state_dict()["u"] != before).any()


@pytest.mark.parametrize("name", DIRECTIONS)
@pytest.mark.parametrize("rows", [None, 2])
def test_scan_beside_onnxruntime(name, rows, tmp_path):
    """Of any batch, and of one that the file fixes; a batch that is not in front is one sample of the file."""
    consts = {k: a for k, a in CONSTS.items() if rows or k not in ("h0", "n0")}
    node = scan_of(["h0", "n0"], ["x"], scan_input_axes=[1], **DIRECTIONS[name])
    proto = model_of(
        [*starts(rows), node], {"x": [rows or "b", STEPS, WIDTH]}, ["last", "count", "every"], **consts
    )  # fmt: skip
    onnx.save(proto, tmp_path / "m.onnx")
    model = gd.onnx.load(tmp_path / "m.onnx")
    x = drawn(rows or ROWS, STEPS, WIDTH)
    for got, want in zip(given(model, x), answers(proto, [x], check=False), strict=True):
        close(got, want, 2e-6)
    assert taught(model, x)


def loop_of(nodes, outs, carried=("h",), inputs=("most", "go", "h0"), outputs=("last", "every")):
    body = helper.make_graph(
        nodes_of(*nodes), "body",
        [info("t", [], WHOLE), info("go_in", [], TRUTH), *(info(c, *[[], WHOLE][: 2 * (c == "k")]) for c in carried)],
        [info("go_out", [], TRUTH), *(info(o, *[[], WHOLE][: 2 * (o == "k1")]) for o in outs)],
    )  # fmt: skip
    return helper.make_node("Loop", list(inputs), list(outputs), body=body)


GATHERED = (
    ("Identity", "go_in", "go_out", {}),
    ("Gather", "x,t", "e", {"axis": 1}),
    ("Gather", "w,t", "scale", {"axis": 0}),  # another weight at each step
    ("Cast", "t", "tf", {"to": REAL}),
    ("MatMul", "h,u", "hu", {}),
    ("Add", "hu,e", "z", {}),
    ("Mul", "z,scale", "zs", {}),
    ("Add", "zs,tf", "zt", {}),
    ("Tanh", "zt", "h1", {}),
    ("Mul", "h1,two", "y", {}),
)
UNTIL = (  # stops by itself; a number that is carried is known ahead
    ("Add", "k,three", "k1", {}),
    ("Less", "k1,limit", "go_out", {}),
    ("Unsqueeze", "t,axis", "from", {}),
    ("Add", "from,axis_1", "to", {}),
    ("Slice", "x,from,to,axis_1", "e1", {}),
    ("Squeeze", "e1,axis_1", "e", {}),
    ("MatMul", "e,u", "eu", {}),
    ("Add", "h,eu", "h1", {}),
    ("Identity", "h1", "y", {}),
)
MORE = {"two": np.float32(2.0), "most": np.array(STEPS), "go": np.array(True), "w": drawn(STEPS, WIDTH),
        "limit": np.array(11), "three": np.array(3), "k0": np.array(0), "axis": np.array([0]),
        "axis_1": np.array([1])}  # fmt: skip
LOOPS = {
    "elements by number": loop_of(GATHERED, ["h1", "y"]),
    "until": loop_of(UNTIL, ["k1", "h1", "y"], ("k", "h"), ("", "go", "k0", "h0"), ("k2", "last", "every")),
}  # fmt: skip


@pytest.mark.parametrize("name", LOOPS)
@pytest.mark.parametrize("rows", [None, 2])
def test_loop_beside_onnxruntime(name, rows, tmp_path):
    consts = {k: a for k, a in (CONSTS | MORE).items() if rows or k not in ("h0", "n0")}
    proto = model_of(
        [*starts(rows), LOOPS[name]], {"x": [rows or "b", STEPS, WIDTH]}, ["last", "every"], **consts
    )  # fmt: skip
    if rows is None:  # the samples first
        turned = nodes_of(("Transpose", "every", "y_every", {"perm": [1, 0, 2]}))
        proto.graph.node.extend(turned)
        proto.graph.output[1].name = "y_every"
    onnx.save(proto, tmp_path / "m.onnx")
    model = gd.onnx.load(tmp_path / "m.onnx")
    x = drawn(rows or ROWS, STEPS, WIDTH)
    for got, want in zip(given(model, x), answers(proto, [x], check=False), strict=True):
        close(got, want, 2e-6)
    assert taught(model, x)
    assert sum(i.kernel == "scan" for i in model.plan.instructions) == 2  # there and back


def test_weights_that_a_loop_alone_reads_are_not_left_out(tmp_path):
    node = scan_of(["h0", "n0"], ["x"], scan_input_axes=[1])
    consts = {k: a for k, a in CONSTS.items() if k not in ("h0", "n0")}
    nodes = [*starts(None), *nodes_of(("Mul", "u,one", "v", {})), node]
    nodes[-1].attribute[0].g.node[0].input[1] = "v"
    proto = model_of(nodes, {"x": ["b", STEPS, WIDTH]}, ["last", "every"], **consts)
    onnx.save(proto, tmp_path / "m.onnx")
    x = drawn(ROWS, STEPS, WIDTH)
    model = gd.onnx.load(tmp_path / "m.onnx", outputs=["last"])
    close(model.predict(x), answers(proto, [x], check=False)[0], 2e-6)


def endless():
    return loop_of(
        [("Identity", "go_in", "go_out", {}), *GATHERED[1:]], ["h1", "y"], inputs=("", "go", "h0")
    )


def by_data():
    return loop_of([("ReduceSum", "h", "total", {"keepdims": 0}), ("Cast", "total", "go_out", {"to": TRUTH}),
                    *GATHERED[1:]], ["h1", "y"])  # fmt: skip


REFUSED = {
    "no end": (endless, "more than 4096 steps: expected fewer"),
    "an end that data say": (by_data, "whether there is another step is computed from data"),
    "too many steps": (lambda: loop_of(GATHERED, ["h1", "y"], inputs=("million", "", "h0")), "more than 4096 steps"),
    "no steps": (lambda: loop_of(GATHERED, ["h1", "y"], inputs=("none", "go", "h0")), "a Loop of no steps"),
    "outputs that nothing makes": (lambda: loop_of(GATHERED, ["h1", "q"]), "output 'q' is not computed by any node"),
    "a body of too few inputs": (lambda: loop_of(GATHERED, ["h1", "y"], ()), "a body of 2 inputs and 3 outputs"),
    "an unknown node within": (
        lambda: loop_of([*GATHERED, ("TopK", "h", "q,q2", {})], ["h1", "y"]), r"\(Loop\): node 10 '' is a TopK"
    ),
    "a cut that the number says of what is computed": (
        lambda: loop_of([*GATHERED, ("Gather", "h1,t", "q", {"axis": 1})], ["h1", "q"]), "computed: expected an input"
    ),
    "several samples": (
        lambda: loop_of([*GATHERED, ("ReduceMax", "h1,axis", "q", {"keepdims": 1})], ["h1", "q"]), "mixes the samples"
    ),
    "a carry of another shape": (
        lambda: loop_of([*GATHERED, ("Concat", "h1,h1", "q", {"axis": 1})], ["q", "y"]), "expected the same shapes"
    ),
    "sizes": (lambda: scan_of(["h0"], ["x"]), "a body of 3 inputs and 3 outputs: expected 2"),
    "axes": (lambda: scan_of(["h0", "n0"], ["x"], scan_input_axes=[1, 1]), "scan_input_axes=.*expected 1 numbers"),
    "steps of the batch": (lambda: scan_of(["h0", "n0"], ["x"]), "expected that a body's inputs have it first"),
}  # fmt: skip


@pytest.mark.parametrize("what", REFUSED)
def test_refused_in_one_line(what, tmp_path):
    make, match = REFUSED[what]
    consts = {k: a for k, a in (CONSTS | MORE).items() if k not in ("h0", "n0")}
    consts |= {"million": np.array(10**6), "none": np.array(0)}
    proto = model_of(
        [*starts(None), make()], {"x": ["b", STEPS, WIDTH]}, ["last", "every"], **consts
    )
    onnx.save(proto, tmp_path / "m.onnx")
    with pytest.raises(ValueError, match=match) as caught:
        gd.onnx.load(tmp_path / "m.onnx")
    assert "\n" not in str(caught.value)


def test_loops_over_lists_of_tensors_are_refused_in_one_line(tmp_path):
    """The cases of the onnx package that test_onnx_node_cases.py leaves out, as their inputs are no arrays."""
    from onnx.backend.test.case import node

    importlib.import_module("onnx.backend.test.case.node.loop")
    found = {c.name: c for c in node._NodeTestCases}
    for name in ("test_loop13_seq", "test_loop16_seq_none"):
        onnx.save(found[name].model, tmp_path / "m.onnx")
        with pytest.raises(ValueError, match=r"cannot read .* as ONNX: input") as caught:
            gd.onnx.load(tmp_path / "m.onnx")
        assert "\n" not in str(caught.value)
