"""LSTM, GRU and RNN nodes of ONNX beside onnxruntime and the cases of the onnx package."""

import importlib

import numpy as np
import pytest
from harness import close
from test_onnx_save import answers

import gdcore as gd

onnx = pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")

from onnx import helper, numpy_helper  # noqa: E402

STEPS, FEATURES, HIDDEN, ROWS = 5, 3, 4, 6
GATES = {"LSTM": 4, "GRU": 3, "RNN": 1}
LENGTHS = np.array([5, 1, 3, 2, 5, 4], np.int32)
RNG = np.random.default_rng(0)


def drawn(*shape):
    return RNG.uniform(-1, 1, shape).astype(np.float32)


def model_of(kind, both=False, bias=True, lengths=False, initial=False, peepholes=False, **attrs):
    """x (n, steps, features) transposed to the node's layout; a fixed batch where lengths are held."""
    d, gates = 2 if both else 1, GATES[kind]
    held = {"W": drawn(d, gates * HIDDEN, FEATURES), "R": drawn(d, gates * HIDDEN, HIDDEN)}
    held |= {"B": drawn(d, 2 * gates * HIDDEN)} if bias else {}
    held |= {"P": drawn(d, 3 * HIDDEN)} if peepholes else {}
    held |= {"c0": drawn(d, 1, HIDDEN)} if initial and kind == "LSTM" else {}
    names = ["X", "W", "R", "B" if bias else "", "n" if lengths else ""]
    names += ["h0" if initial else "", "c0" if initial and kind == "LSTM" else ""]
    names = names if kind == "LSTM" else names[:6]
    names += ["P"] if peepholes else []
    inputs = [helper.make_tensor_value_info("x", 1, ["b", STEPS, FEATURES])]
    fed = [drawn(ROWS, STEPS, FEATURES)]
    nodes = [helper.make_node("Transpose", ["x"], ["X"], perm=[1, 0, 2])]
    if lengths:
        inputs.append(helper.make_tensor_value_info("n", 6, ["b"]))
        fed.append(LENGTHS)
    if initial:
        inputs.append(helper.make_tensor_value_info("h", 1, ["b", d, HIDDEN]))
        fed.append(drawn(ROWS, d, HIDDEN))
        nodes.append(helper.make_node("Transpose", ["h"], ["h0"], perm=[1, 0, 2]))
        if kind == "LSTM":
            del held["c0"]
            nodes.append(helper.make_node("Neg", ["h0"], ["c0"]))
    attrs |= {"direction": "bidirectional"} if both else {}
    nodes += [
        helper.make_node(kind, names, ["Y", "Yh"], hidden_size=HIDDEN, **attrs),
        helper.make_node("Transpose", ["Y"], ["y"], perm=[2, 0, 1, 3]),
        helper.make_node("Transpose", ["Yh"], ["last"], perm=[1, 0, 2]),
    ]
    made = helper.make_graph(
        nodes, "g", inputs,
        [
            helper.make_tensor_value_info("y", 1, ["b", STEPS, d, HIDDEN]),
            helper.make_tensor_value_info("last", 1, ["b", d, HIDDEN]),
        ],
        [numpy_helper.from_array(a, k) for k, a in held.items()],
    )  # fmt: skip
    opsets = [helper.make_opsetid("", 20)]
    return helper.make_model(made, ir_version=8, opset_imports=opsets), fed


CASES = {
    **{f"{kind} alone": (kind, {}) for kind in GATES},
    **{f"{kind} both ways": (kind, {"both": True, "lengths": True}) for kind in GATES},
    **{f"{kind} reverse": (kind, {"direction": "reverse", "initial": True}) for kind in GATES},
    "LSTM with all": (
        "LSTM", {"both": True, "lengths": True, "initial": True, "peepholes": True, "clip": 0.5}
    ),
    "LSTM without bias": ("LSTM", {"bias": False, "input_forget": 1}),
    "GRU before": ("GRU", {"linear_before_reset": 1, "both": True}),
    "functions": (
        "RNN",
        {"both": True, "activations": ["Affine", "LeakyRelu"],
         "activation_alpha": [0.5, 0.1], "activation_beta": [0.25]},
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_beside_onnxruntime(name, tmp_path):
    kind, how = CASES[name]
    proto, fed = model_of(kind, **how)
    onnx.save(proto, tmp_path / "m.onnx")
    model = gd.onnx.load(tmp_path / "m.onnx")
    got = model.predict(tuple(fed) if len(fed) > 1 else fed[0])
    for a, b in zip(got.values(), answers(proto, fed), strict=True):
        close(a, b, 2e-6)
    if kind == "LSTM" and not how:  # weights are parameters, and train
        model.compile("sgd", ["mse", "mse"])
        before = model.state_dict()["R"].copy()
        model.train_on_batch(fed[0], [a + 1 for a in got.values()])
        assert (model.state_dict()["R"] != before).any()


def cases():
    """Of the onnx package, which registers them as it imports their modules."""
    from onnx.backend.test.case import node

    for module in ("gru", "lstm", "rnn"):
        importlib.import_module(f"onnx.backend.test.case.node.{module}")
    return {c.name: c for c in node._NodeTestCases}


@pytest.mark.filterwarnings("ignore")
def test_the_cases_of_the_onnx_package(tmp_path):
    found = {k: c for k, c in cases().items() if c.model.graph.node[0].op_type in GATES}
    assert len(found) >= 18
    for case in found.values():
        ((x, *held), wanted) = case.data_sets[0]
        graph = case.model.graph
        names = [i.name for i in graph.input]
        del graph.input[1:]  # weights, lengths and states are initializers
        graph.initializer.extend(
            numpy_helper.from_array(np.asarray(a), k) for a, k in zip(held, names[1:], strict=True)
        )
        onnx.save(case.model, tmp_path / "m.onnx")
        model = gd.onnx.load(tmp_path / "m.onnx")
        fed = (
            x if len(model._engine.network().inputs[0].shape) == np.ndim(x) else np.asarray(x)[None]
        )
        got = model.predict(fed)
        several = list(got.values()) if isinstance(got, dict) else [got]
        for a, b in zip(several, wanted, strict=True):
            close(np.reshape(a, np.shape(b)), b, 1e-5)


def test_what_is_refused_in_one_line(tmp_path):
    for attrs, match in (
        ({"activations": ["Cosh"]}, "activations"),
        ({"direction": "sideways"}, "direction"),
        ({"hidden_size": 5}, "expected"),
    ):
        proto, _ = model_of("RNN")
        node = proto.graph.node[1]
        kept = [a for a in node.attribute if a.name not in attrs]
        del node.attribute[:]
        node.attribute.extend([*kept, *(helper.make_attribute(k, v) for k, v in attrs.items())])
        onnx.save(proto, tmp_path / "m.onnx")
        with pytest.raises(ValueError, match=match) as caught:
            gd.onnx.load(tmp_path / "m.onnx")
        assert "\n" not in str(caught.value)


WRITTEN = {
    "LSTM": lambda: gd.LSTM(4),
    "LSTM peepholes": lambda: gd.LSTM(4, True, peepholes=True, go_backwards=True),
    "GRU": lambda: gd.GRU(4, True),
    "GRU before": lambda: gd.GRU(4, reset_after=False, use_bias=False),
    "RNN": lambda: gd.SimpleRNN(4, True, activation="relu", go_backwards=True),
    "both ways": lambda: gd.Bidirectional(gd.LSTM(4, True), merge_mode="sum"),
}


@pytest.mark.parametrize("counted", [False, True])
@pytest.mark.parametrize("name", WRITTEN)
def test_layers_are_written_as_nodes(name, counted, tmp_path):
    x, n = gd.Input((STEPS, FEATURES)), gd.Input((), name="n", dtype="int")
    layer = WRITTEN[name]()
    y = gd.Dense(2)(layer(gd.Activation("tanh")(x), lengths=n) if counted else layer(x))
    model = gd.Model([x, n] if counted else x, gd.ops.drop_mask(y) if counted else y)
    data = (drawn(ROWS, STEPS, FEATURES), LENGTHS) if counted else drawn(ROWS, STEPS, FEATURES)
    want = model.predict(data)
    path = tmp_path / "m.onnx"
    gd.onnx.save(model, path)
    proto = onnx.load(path)
    written = [node.op_type for node in proto.graph.node if node.op_type in GATES]
    assert len(written) == (2 if name == "both ways" else 1)
    assert {t.name for t in proto.graph.initializer} == set(model.state_dict())
    fed = [np.asarray(a, np.int64 if a.ndim == 1 else np.float32) for a in
           (data if counted else (data,))]  # fmt: skip
    close(answers(proto, fed)[0], want, 2e-6)
    loaded = gd.onnx.load(path)
    close(loaded.predict(data), want, 2e-6)
    assert set(loaded.state_dict()) == set(model.state_dict())


def test_states_go_into_the_node(tmp_path):
    x, h = gd.Input((STEPS, FEATURES)), gd.Input(4, name="h")
    y, *states = gd.LSTM(4, return_state=True)(x, initial_state=[h, 2.0 * h])
    model = gd.Model([x, h], [y, *states])
    data = (drawn(ROWS, STEPS, FEATURES), drawn(ROWS, 4))
    gd.onnx.save(model, tmp_path / "m.onnx")
    proto = onnx.load(tmp_path / "m.onnx")
    assert [node.op_type for node in proto.graph.node].count("LSTM") == 1
    for a, b in zip(answers(proto, list(data)), model.predict(data), strict=True):
        close(a, b, 2e-6)


def test_what_onnx_has_no_node_for_is_written_as_a_scan(tmp_path):
    x = drawn(ROWS, STEPS, FEATURES)
    for layer in (gd.LSTM(3, layer_norm=True), gd.GRU(3, activation="gelu")):
        model = gd.Sequential([gd.Input((STEPS, FEATURES)), layer])
        want = model.predict(x)
        gd.onnx.save(model, tmp_path / "m.onnx")
        proto = onnx.load(tmp_path / "m.onnx")
        kinds = [node.op_type for node in proto.graph.node]
        assert kinds.count("Scan") == 1 and not set(kinds) & set(GATES)
        close(answers(proto, [x])[0], want, 2e-6)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
def test_modules_of_torch(tmp_path):
    """Of two layers in both directions, exported for one sample and read for any number."""
    torch = pytest.importorskip("torch")

    class Theirs(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.gru = torch.nn.GRU(FEATURES, 4, 2, batch_first=True, bidirectional=True)
            self.out = torch.nn.Linear(8, 2)

        def forward(self, x):
            return self.out(self.gru(x)[0])

    module, path = Theirs().eval(), str(tmp_path / "m.onnx")
    torch.onnx.export(module, (torch.zeros(1, STEPS, FEATURES),), path, dynamo=False)
    x = drawn(ROWS, STEPS, FEATURES)
    with torch.no_grad():
        want = module(torch.from_numpy(x)).numpy()
    close(gd.onnx.load(path).predict(x).reshape(want.shape), want, 2e-6)
