"""ONNX export: every op and every layer, run by onnxruntime beside gdcore, at several batch sizes."""

import numpy as np
import pytest
from harness import OPS, apply, arrays_of, close, leaves_of
from layer_table import CASES, Called

import gdcore as gd
from gdcore.activations import ACTIVATIONS
from gdcore.graph.ir import INT

onnx = pytest.importorskip("onnx")
onnxruntime = pytest.importorskip("onnxruntime")

from gdcore.onnx.rows import ELSEWHERE, ROWS  # noqa: E402
from gdcore.onnx.save import to_onnx, write_graph  # noqa: E402
from gdcore.onnx.writer import Writer  # noqa: E402

TOLERANCE = 1e-5


def answers(model, arrays, check=True):
    """What onnxruntime makes of a checked ONNX model."""
    if check:
        onnx.checker.check_model(model, full_check=True)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(model.SerializeToString(), options)
    names = [i.name for i in session.get_inputs()]
    return session.run(None, dict(zip(names, arrays, strict=True)))


def same_answers(model, arrays, tolerance=TOLERANCE):
    """The model's own predictions, and those of its export, on 1, 2 and all samples."""
    want = model.predict(tuple(arrays) if len(arrays) > 1 else arrays[0])
    proto = to_onnx(model)
    for rows in (1, 2, len(arrays[0])):
        fed = [
            np.asarray(a[:rows], np.int64 if a.dtype.kind in "iu" else np.float32) for a in arrays
        ]
        got = answers(proto, fed)
        wanted = list(want.values()) if isinstance(want, dict) else want
        wanted = wanted if isinstance(wanted, list) else [wanted]
        for g, e in zip(got, wanted, strict=True):
            close(g, e[:rows], tolerance)
    return proto


def kinds(proto):
    return [n.op_type for n in proto.graph.node if n.op_type not in ("Constant", "Transpose")]


# --- ops ---------------------------------------------------------------------------


def test_rows_are_of_ops():
    assert set(ROWS) <= set(OPS) and not ELSEWHERE & set(ROWS)


TRIED = [  # those without a row too: they are written as their reference computes them
    (name, i)
    for name in sorted(set(OPS) - ELSEWHERE)
    for i in sorted({0, len(OPS[name].samples) // 2, len(OPS[name].samples) - 1})
    if OPS[name].samples
]


@pytest.mark.parametrize("name, i", TRIED)
def test_op(name, i):
    op = OPS[name]
    sample = op.samples[i]
    leaves = leaves_of(op, sample)
    value = apply(op, *leaves, **sample.attrs)
    arrays = arrays_of(sample)
    writer = Writer(leaves, ["output"])
    write_graph(writer, None, [value], {})
    writer.finish([value], ["output"])
    helper = onnx.helper
    graph = helper.make_graph(
        writer.nodes,
        name,
        [
            helper.make_tensor_value_info(v.name, 7 if v.dtype == INT else 1, v.shape)
            for v in leaves
        ],
        [helper.make_tensor_value_info("output", 1, value.shape)],
    )
    proto = helper.make_model(graph, ir_version=9, opset_imports=[helper.make_opsetid("", 20)])
    fed = [
        np.asarray(a, np.int64 if v.dtype == INT else np.float32)
        for a, v in zip(arrays, leaves, strict=True)
    ]
    want = np.asarray(op.reference(*arrays, **sample.attrs))
    close(answers(proto, fed)[0], want, TOLERANCE)


@pytest.mark.parametrize("name", ["softsign", "silu", "hard_swish", "elu", "relu"])
def test_an_op_without_a_row(name, monkeypatch):
    """It is written as its reference in the registry computes it."""
    monkeypatch.delitem(ROWS, name)
    test_op(name, len(OPS[name].samples) - 1)


def test_an_op_that_is_no_formula(monkeypatch):
    monkeypatch.delitem(ROWS, "tanh")
    with pytest.raises(ValueError, match="the op 'tanh' has no form in ONNX yet"):
        test_op("tanh", 0)


@pytest.mark.parametrize("name", ["expm1", "log1p"])
def test_small_and_large_numbers(name):
    x = gd.Input(1)
    arguments = [-0.999, -1e-3, -1e-7, -1e-30, 0.0, 1e-30, 1e-7, 1e-3, 1.0, 3.0, 80.0]
    arguments += [-85.0, -200.0] if name == "expm1" else [1e20, np.inf]
    column = np.array(arguments, np.float32)[:, None]
    got = answers(to_onnx(gd.Model(x, getattr(gd.ops, name)(x))), [column])[0]
    np.testing.assert_allclose(got, getattr(np, name)(column.astype(np.float64)), rtol=2e-6)


# --- layers ------------------------------------------------------------------------


def fed_to(case, rows=5):
    rng = np.random.default_rng(1)
    return [
        rng.integers(0, case.numbers, (rows, *s))
        if case.numbers
        else rng.normal(size=(rows, *s)).astype(np.float32)
        for s in case.shapes
    ]


def model_of(case):
    inputs = [
        gd.Input(s, name=f"x{i}", dtype="int" if case.numbers else "real")
        for i, s in enumerate(case.shapes)
    ]
    layer = case.make()
    model = gd.Model(inputs, layer(*inputs) if len(inputs) == 1 else layer(inputs))
    rng = np.random.default_rng(0)
    model.set_weights([np.abs(rng.normal(size=w.shape)) + 0.1 for w in model.get_weights()])
    return model


@pytest.mark.parametrize("name", CASES)
def test_layer(name):
    same_answers(model_of(CASES[name]), fed_to(CASES[name]))


def test_every_layer_is_among_them():
    cases = [case.make() for case in CASES.values()]
    cases = [made.layer if isinstance(made, Called) else made for made in cases]
    made = {type(part) for layer in cases for _, part in layer.walk()}
    assert {getattr(gd.layers, n) for n in gd.layers.__all__} - {gd.Input, gd.Layer} <= made


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_activation(name):
    model = gd.Sequential([gd.Input(6), gd.Dense(9, activation=name), gd.Activation(name)])
    x = np.random.default_rng(0).normal(size=(7, 6)).astype(np.float32)
    same_answers(model, [x])


# --- what the file says --------------------------------------------------------------


def convolutional():
    return gd.Sequential(
        [
            gd.Input((8, 7, 3)),
            gd.Conv2D(4, 3, padding="same"),
            gd.BatchNorm(),
            gd.MaxPool2D(2),
            gd.Flatten(),
            gd.Dense(3, activation="softmax"),
        ]
    )


RECOGNISED = {
    "dense": (
        lambda: gd.Sequential([gd.Input(4), gd.Dense(3, "relu"), gd.Dropout(0.5), gd.Dense(2)]),
        ["Gemm", "Relu", "Gemm"],
    ),
    "rows": (lambda: gd.Sequential([gd.Input((5, 4)), gd.Dense(3)]), ["MatMul", "Add"]),
    "image": (
        convolutional,
        ["Conv", "BatchNormalization", "MaxPool", "Reshape", "Gemm", "Softmax"],
    ),
    "norms": (
        lambda: gd.Sequential([gd.Input(4), gd.BatchNorm(scale=False), gd.LayerNorm(center=False)]),
        ["BatchNormalization", "LayerNormalization"],
    ),
    "clip": (lambda: gd.Sequential([gd.Input(4), gd.Activation("relu6")]), ["Clip"]),
}


@pytest.mark.parametrize("name", RECOGNISED)
def test_layers_become_nodes_that_others_know(name):
    make, nodes = RECOGNISED[name]
    model = make()
    shape = model._engine.network().inputs[0].shape[1:]
    x = np.random.default_rng(0).normal(size=(6, *shape)).astype(np.float32)
    assert kinds(same_answers(model, [x])) == nodes


def test_what_only_looks_like_a_pattern_is_computed_as_it_stands():
    """Near misses of every pattern: another axis, another constant, a value used twice."""
    rng = np.random.default_rng(0)
    images, rows = gd.Input((6, 5, 2)), gd.Input((4, 3))
    ops = gd.ops

    def norm(x, axis, top=1.0):
        apart = x - ops.mean(x, axis, keepdims=True)
        return apart * (top / ops.sqrt(ops.mean(ops.square(apart), axis, keepdims=True) + 1e-3))

    windows = ops.unfold(images, (2, 3), padding=(1, 1, 2, 2))
    twice = rows @ np.eye(3)
    for x, y in [
        (images, ops.max(windows, 3)),  # padding of 0, not of -inf
        (images, ops.mean(windows, 3)),
        (images, ops.mean(windows, 4)),
        (images, ops.max(ops.unfold(images, (2, 2), padding=(2, 2, 0, 0), outside=-1.0), 3)),
        (images, ops.exp(ops.unfold(images, (2, 2), (2, 1), (0, 1, 1, 0), (2, 3), -np.inf))),
        (rows, norm(rows, 1)),
        (rows, norm(rows, -1, top=2.0)),
        (rows, norm(rows, -1) + norm(rows, -1)),
        (rows, twice + ops.exp(twice)),
        (rows, ops.minimum(ops.maximum(rows, 1.0), -1.0)),
        (rows, ops.minimum(ops.maximum(rows, np.zeros(3)), 1.0)),
        (rows, rows + rows[:, :1] @ np.ones((3, 3))),
    ]:
        data = rng.normal(size=(5, *x.shape[1:])).astype(np.float32)
        same_answers(gd.Model(x, y), [data])


class OfAllKinds(gd.Layer):
    """Layers of one's own: lengths, repetition, comparison, ints among reals."""

    def forward(self, x):
        ops = gd.ops
        wide = ops.broadcast_to(x[:, None], (x.shape[0], 3, *x.shape[1:]))
        rows = ops.broadcast_to(self.param("row", x.shape[1:], "normal"), x.shape)
        over = ops.sum(x, 0) / ops.count(x.shape[0])
        chosen = ops.where(x > rows, ops.log1p(abs(x)), ops.expm1(-(x**2)))
        scale = self.param("scale", (), "ones")
        return ops.sum(wide, 1) * scale + chosen - ops.stop_gradient(rows) + over**3


def test_custom_layer():
    x = np.random.default_rng(0).normal(size=(6, 4)).astype(np.float32)
    model = gd.Sequential([gd.Input(4), OfAllKinds(), gd.Dense(2)])
    want = model.predict(x)  # the mean over the batch makes rows depend on one another
    close(answers(to_onnx(model), [x])[0], want, TOLERANCE)


def test_loops_are_scans_at_any_length():
    """One in another, backwards; what both read of around them is there, and an output that a body reads."""

    class Letters(gd.Layer):
        def forward(self, x):
            u = self.param("u", (3, 3), "orthogonal")

            def word(h, letters):
                last, _ = gd.ops.scan(lambda h, e: (gd.ops.tanh(e + h @ u), None), h, letters)
                return last, last * 2.0

            start = gd.ops.broadcast_to(0.0, (x.shape[0], 3))
            last, every = gd.ops.scan(word, start, x, reverse=True)
            return gd.ops.concatenate([last, every[:, 0], every[:, -1]], axis=1)

    counts = []
    for steps in (4, 40):
        model = gd.Sequential([gd.Input((steps, 5, 3)), Letters()])
        x = np.random.default_rng(0).normal(size=(6, steps, 5, 3)).astype(np.float32)
        counts.append(len(kinds(same_answers(model, [x]))))
    assert counts[0] == counts[1]
    x = gd.Input((4, 3))
    first = gd.ops.tanh(x[:, 0])
    last, sums = gd.ops.scan(lambda c, e: (c + e * first, c), gd.ops.sum(x, 1), x)
    same_answers(gd.Model(x, [first, last, sums]), [np.ones((5, 4, 3), np.float32)])


def test_ints_are_cast_where_they_meet_reals():
    i = gd.Input(4, name="i", dtype="int")
    model = gd.Model(
        i, {"hot": gd.ops.one_hot(i, 5), "itself": i[:, ::2], "sum": gd.ops.sum(i, 1) + i[:, 0]}
    )
    proto = same_answers(model, [np.random.default_rng(0).integers(0, 5, (6, 4))])
    assert [o.name for o in proto.graph.output] == ["hot", "itself", "sum"]


def test_names_batch_and_opset(tmp_path):
    a, b = gd.Input(3, name="a"), gd.Input(2, name="output")
    shared = gd.Dense(2, name="shared")
    y = shared(a)
    model = gd.Model([a, b], [y, b, y, gd.ops.relu(y)])
    path = tmp_path / "m.onnx"
    gd.onnx.save(model, path)
    proto = onnx.load(path)
    assert [(o.domain, o.version) for o in proto.opset_import] == [("", 20)]
    assert [i.name for i in proto.graph.input] == ["a", "output"]
    assert len({o.name for o in proto.graph.output}) == 4
    for v in [*proto.graph.input, *proto.graph.output]:
        assert v.type.tensor_type.shape.dim[0].dim_param == "batch"
    assert {t.name for t in proto.graph.initializer} == set(model.state_dict())
    rng = np.random.default_rng(0)
    same_answers(model, [rng.normal(size=(5, n)).astype(np.float32) for n in (3, 2)])


def test_the_same_model_gives_the_same_bytes(tmp_path):
    model = convolutional()
    for name in ("a", "b"):
        gd.onnx.save(model, tmp_path / name)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def test_double_precision_is_written_as_single():
    model = gd.Sequential([gd.Input(4), gd.Dense(3, "tanh")]).compile("sgd", "mse", dtype="float64")
    same_answers(model, [np.random.default_rng(0).normal(size=(5, 4))])


def test_arctan2_in_every_quadrant():
    leaves = [gd.Input(1, name="y"), gd.Input(1, name="x")]
    y, x = (a.reshape(-1, 1) for a in np.meshgrid([-2.0, 0.0, 1.0], [-3.0, 0.0, 2.0]))
    same_answers(gd.Model(leaves, gd.ops.arctan2(*leaves)), [y, x])


# --- what cannot be ------------------------------------------------------------------


def test_an_input_that_is_not_known_yet(tmp_path):
    with pytest.raises(ValueError, match="input is not known yet"):
        gd.onnx.save(gd.Sequential([gd.Dense(3)]), tmp_path / "m.onnx")


def test_random_predictions_are_refused_in_one_line(tmp_path):
    x = gd.Input(3)
    model = gd.Model(x, x + gd.ops.random_uniform(x.shape))
    with pytest.raises(ValueError, match="random numbers") as error:
        gd.onnx.save(model, tmp_path / "m.onnx")
    assert "\n" not in str(error.value) and not (tmp_path / "m.onnx").exists()


def test_without_the_extra(monkeypatch, tmp_path):
    monkeypatch.setitem(__import__("sys").modules, "onnx", None)
    with pytest.raises(ImportError, match=r'pip install "gdcore\[onnx\]"') as error:
        gd.onnx.save(gd.Sequential([gd.Input(2), gd.Dense(3)]), tmp_path / "m.onnx")
    assert "\n" not in str(error.value)
