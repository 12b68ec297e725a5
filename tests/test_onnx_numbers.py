"""ONNX numbers: whole ones, casts, doubles and random ones are the file's own, or refused; all opsets."""

import numpy as np
import pytest
from harness import close
from test_onnx_save import answers

import gdcore as gd

onnx = pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")

# ruff: noqa: E501  (tables)

from onnx import TensorProto as T  # noqa: E402
from onnx import helper, numpy_helper  # noqa: E402


def i(*numbers):
    return np.array(numbers, np.int64)


def graph(kind, x_shape, *nodes, opset=20, y=T.FLOAT, **consts):
    """A model of one input x of some element type, whose batch is open, and one output y."""
    made = [
        helper.make_node(op, ins.split(",") if ins else [], outs.split(","), **attrs)
        for op, ins, outs, attrs in nodes
    ]
    return helper.make_model(
        helper.make_graph(
            made,
            "g",
            [helper.make_tensor_value_info("x", kind, ["n", *x_shape])],
            [helper.make_tensor_value_info("y", y, None)],
            [numpy_helper.from_array(np.asarray(v), k) for k, v in consts.items()],
        ),
        ir_version=8,
        opset_imports=[helper.make_opsetid("", opset)],
    )


@pytest.fixture
def load(tmp_path):
    def loaded(proto):
        path = tmp_path / "m.onnx"
        path.write_bytes(proto.SerializeToString())
        return gd.onnx.load(path)

    return loaded


BIG = np.array([[16777217, -16777219], [2**31 - 1, 3]], np.int64)

# --- whole numbers -------------------------------------------------------------------

INEXACT = {
    "added": ([("Add", "x,c", "z", {})], {"c": i(1)}),
    "negated": ([("Neg", "x", "z", {})], {}),
    "maximum": ([("Max", "x,c", "z", {})], {"c": i(0)}),
    "chosen": ([("Greater", "x,c", "b", {}), ("Where", "b,x,c", "z", {})], {"c": i(5)}),
    "multiplied": ([("Mul", "x,x", "z", {})], {}),
    "summed": ([("ReduceSum", "x,a", "z", {})], {"a": i(1)}),
    "compared with each other": ([("Slice", "x,a,b,b", "u", {}), ("Equal", "x,u", "z", {})], {"a": i(0), "b": i(1)}),
    "compared with a large one": ([("Equal", "x,c", "z", {})], {"c": i(16777216)}),
    "divided": ([("Div", "x,c", "z", {})], {"c": i(2)}),
    "a mean": ([("ReduceMean", "x,a", "z", {})], {"a": i(1)}),
    "a power": ([("Pow", "x,c", "z", {})], {"c": i(-1)}),
    "a power of small ones": ([("ArgMax", "x", "b", {"axis": 1}), ("Pow", "b,c", "z", {})], {"c": i(2)}),
    "a mean of small ones": ([("Greater", "x,c", "b", {}), ("Cast", "b", "u", {"to": 7}), ("ReduceMean", "u,a", "z", {})],
                             {"c": i(0), "a": i(1)}),
    "a quotient of small ones": ([("Greater", "x,c", "b", {}), ("Cast", "b", "u", {"to": 7}), ("Div", "u,a", "z", {})],
                                 {"c": i(0), "a": i(2)}),
    "a product of matrices": ([("MatMul", "x,c", "z", {})], {"c": np.ones((2, 2), np.int64)}),
    "joined with a constant": ([("Slice", "x,a,b,b", "u", {}), ("Concat", "u,c", "z", {"axis": 1})],
                               {"a": i(0), "b": i(1), "c": np.ones((1, 1), np.int64)}),
    "too many of small ones": ([("Greater", "x,c", "b", {}), ("Cast", "b", "u", {"to": 7}), ("Mul", "u,d", "z", {})],
                               {"c": i(0), "d": i(16777217)}),
}  # fmt: skip


@pytest.mark.parametrize("name", INEXACT)
def test_whole_numbers_that_floats_do_not_hold_are_refused(name, load):
    nodes, consts = INEXACT[name]
    with pytest.raises(ValueError, match=r"node \d ") as caught:
        load(graph(T.INT64, (2,), *nodes, ("Cast", "z", "y", {"to": 1}), **consts))
    assert "\n" not in str(caught.value)


EXACT = {
    "cast": [("Cast", "x", "y", {"to": 1})],
    "compared": [("Equal", "x,c", "b", {}), ("Cast", "b", "y", {"to": 1})],
    "ordered": [("Less", "x,c", "b", {}), ("Cast", "b", "y", {"to": 1})],
    "moved": [("Transpose", "x", "t", {"perm": [0, 1]}), ("Concat", "t,x", "u", {"axis": 1}), ("Cast", "u", "y", {"to": 1})],
    "counted": [("Less", "x,c", "b", {}), ("Cast", "b", "u", {"to": 7}), ("Sub", "u,c", "v", {}), ("Mul", "v,u", "w", {}),
                ("ReduceSum", "w,a", "s", {}), ("Abs", "s", "t", {}), ("Cast", "t", "y", {"to": 1})],
    "cut off": [("Cast", "x", "f", {"to": 1}), ("Mul", "f,h", "g", {}), ("Cast", "g", "n", {"to": 7}), ("Cast", "n", "y", {"to": 1})],
}  # fmt: skip


@pytest.mark.parametrize("name", EXACT)
def test_whole_numbers_that_are_computed_are_exact(name, load):
    proto = graph(T.INT64, (2,), *EXACT[name], c=i(3), a=i(1), h=np.float32(0.3))
    np.testing.assert_array_equal(load(proto).predict(BIG), answers(proto, [BIG], check=False)[0])


def test_doubles_hold_more_of_them(load):
    proto = graph(
        T.INT64,
        (2,),
        ("Add", "x,c", "z", {}),
        ("Cast", "z", "y", {"to": T.DOUBLE}),
        y=T.DOUBLE,
        c=i(1),
    )
    small = BIG.clip(-(2**31), 2**31 - 2)
    np.testing.assert_array_equal(load(proto).predict(small), small + 1)


def test_whole_numbers_that_go_out_as_they_come_in(load):
    with pytest.raises(ValueError, match="output 'y' is whole numbers as they come in"):
        load(graph(T.INT64, (2,), ("Identity", "x", "y", {}), y=T.INT64))


@pytest.mark.parametrize("a, b", [(7, 2), (-7, 2), (7, -2), (-7, -2), (-8, 2), (2**40 + 1, -3)])
def test_a_folded_division_goes_towards_zero(a, b, load):
    proto = graph(
        T.FLOAT, (1,), ("Div", "a,b", "q", {}), ("Cast", "q", "f", {"to": 1}), ("Add", "x,f", "y", {}),
        a=i(a), b=i(b),
    )  # fmt: skip
    x = np.zeros((1, 1), np.float32)
    np.testing.assert_array_equal(load(proto).predict(x), answers(proto, [x], check=False)[0])


# --- casts ---------------------------------------------------------------------------


def hard_floats():
    """Floats around every power of two, ties and ends of the formats among them."""
    rng = np.random.default_rng(0)
    powers = 2.0 ** np.arange(-126, 128)
    around = np.concatenate(
        [powers * m for m in (1, 1 + 2**-11, 1 + 2**-8, 1 + 3 * 2**-11, 1.99999)]
    )
    some = np.array([0, 65504, 65519, 65520, 65536, 6e-8, 2**-25, 3 * 2**-25, 3.4e38, np.inf])
    drawn = rng.normal(size=4000) * 2.0 ** rng.integers(-30, 30, 4000)
    found = np.concatenate([around, some, drawn]).astype(np.float32)
    return np.concatenate([found, -found, [np.nan]]).astype(np.float32)[:, None]


@pytest.mark.parametrize("to", [T.FLOAT16, T.BFLOAT16], ids=["float16", "bfloat16"])
def test_casts_round(to, load):
    x = hard_floats()
    model = load(
        graph(T.FLOAT, (1,), ("Cast", "x", "h", {"to": to}), ("Cast", "h", "y", {"to": 1}))
    )
    got = model.predict(x)
    with np.errstate(over="ignore"):
        if to == T.FLOAT16:
            want = x.astype(np.float16).astype(np.float32)
        else:
            bits = x.view(np.uint32).astype(np.int64)
            want = ((bits + 0x7FFF + (bits >> 16 & 1)) & 0xFFFF0000).astype(np.uint32).view("f4")
            want[np.isnan(x)] = np.nan
    np.testing.assert_array_equal(got, want)
    model.compile(gd.SGD(0.1), "mse")  # and training looks through it


def test_a_cast_of_doubles_to_floats_rounds(load):
    proto = graph(
        T.DOUBLE, (1,), ("Cast", "x", "f", {"to": 1}), ("Cast", "f", "y", {"to": 11}), y=T.DOUBLE
    )
    x = np.random.default_rng(0).normal(size=(500, 1)) * 10.0 ** np.arange(-20, 30)[:, None].repeat(
        10, 0
    )
    np.testing.assert_array_equal(load(proto).predict(x), x.astype("f4").astype("f8"))


@pytest.mark.parametrize("to", [T.FLOAT16, T.BFLOAT16, T.INT64, T.INT32, T.BOOL])
def test_casts_of_constants(to, load):
    consts = np.array([0.1, -2.7, 3.00390625, 0.0], np.float32)
    proto = graph(
        T.FLOAT, (4,), ("Constant", "", "c", {"value": numpy_helper.from_array(consts)}),
        ("Cast", "c", "h", {"to": to}), ("Cast", "h", "f", {"to": 1}), ("Mul", "x,f", "y", {}),
    )  # fmt: skip
    x = np.ones((1, 4), np.float32)
    np.testing.assert_array_equal(load(proto).predict(x), answers(proto, [x], check=False)[0])


def test_a_cast_that_nothing_holds_is_refused(load):
    value = numpy_helper.from_array(np.array([1e30, np.nan], np.float32))
    proto = graph(
        T.FLOAT, (2,), ("Constant", "", "c", {"value": value}), ("Cast", "c", "k", {"to": 7}),
        ("Cast", "k", "f", {"to": 1}), ("Mul", "x,f", "y", {}),
    )  # fmt: skip
    with pytest.raises(ValueError, match="numbers that the whole numbers do not hold"):
        load(proto)


# --- doubles, random numbers ---------------------------------------------------------


def test_a_file_of_doubles_is_computed_in_doubles(load):
    w = np.array([[1e300, 1e-300], [1 / 3, 2.0]])
    proto = graph(T.DOUBLE, (2,), ("MatMul", "x,w", "y", {}), y=T.DOUBLE, w=w)
    model = load(proto)
    x = np.array([[0.1, 0.7], [3e-8, 5.0]])
    got = model.predict(x)
    assert got.dtype == np.float64
    close(got, answers(proto, [x], check=False)[0], 1e-15)
    np.testing.assert_array_equal(model.state_dict()["w"], w)


def test_what_float32_does_not_hold_is_not_saved(tmp_path):
    model = gd.Sequential([gd.Input(1), gd.Dense(1, kernel_initializer="ones")])
    model.set_dtype("float64")
    model.set_weights([np.array([[1e300]]), np.zeros(1)])
    with pytest.raises(ValueError, match=r"gd.onnx.save: '0.kernel' holds 1e\+300, and the file"):
        gd.onnx.save(model, tmp_path / "m.onnx")
    x = gd.Input(1)
    with pytest.raises(ValueError, match="a constant holds 1e"):
        gd.onnx.save(gd.Model(x, x * 1e300), tmp_path / "m.onnx")


def drops(mode, opset=20):
    return graph(
        T.FLOAT,
        (3,),
        ("Dropout", "x,r,t", "y", {}),
        opset=opset,
        r=np.float32(0.5),
        t=np.array(mode),
    )


def test_dropout_that_drops_in_prediction_is_refused(load):
    x = np.ones((4, 3), np.float32)
    np.testing.assert_array_equal(load(drops(False)).predict(x), x)
    with pytest.raises(ValueError, match="it drops in prediction too"):
        load(drops(True))
    with pytest.raises(ValueError, match="it drops in prediction too"):
        load(graph(T.FLOAT, (3,), ("Dropout", "x", "y", {"ratio": 0.5}), opset=6))


def test_batch_normalization_that_trains_is_refused(load):
    of = {k: np.ones(3, np.float32) for k in "abmv"}
    node = ("BatchNormalization", "x,a,b,m,v", "y", {"training_mode": 1})
    with pytest.raises(ValueError, match="statistics of the batch, as in training"):
        load(graph(T.FLOAT, (3,), node, **of))


@pytest.mark.parametrize(
    "node, what",
    [
        (("Relu", "x", "y", {"alpha": 2.0}), "the attribute 'alpha'"),
        (("Softmax", "x,c", "y", {}), "input 1"),
        (("Add", "x,c", "y", {"broadcast": 1}), "the attribute 'broadcast'"),
    ],
)
def test_nothing_that_a_node_says_is_ignored(node, what, load):
    with pytest.raises(ValueError, match=f"{what}, which gdcore does not support in opset 20"):
        load(graph(T.FLOAT, (3,), node, c=np.float32(1.0)))


# --- opsets --------------------------------------------------------------------------


def f(*shape):
    return np.random.default_rng(5).normal(size=shape).astype(np.float32)


OLD = {
    "perceptron": (4, (3,), [("Gemm", "x,w,b", "h", {"broadcast": 1}), ("Relu", "h", "r", {"consumed_inputs": [0]}),
                             ("Dropout", "r", "d", {"is_test": 1, "ratio": 0.5}), ("Softmax", "d", "y", {})],
                   {"w": f(3, 4), "b": f(4)}),
    "sum": (6, (3,), [("Add", "x,b", "y", {"broadcast": 1})], {"b": f(3)}),
    "channels": (6, (2, 3, 4), [("Mul", "x,b", "y", {"broadcast": 1, "axis": 1})], {"b": f(2)}),
    "reshape": (4, (2, 6), [("Reshape", "x", "y", {"shape": [0, 3, 4]})], {}),
    "pad": (1, (3, 4), [("Pad", "x", "y", {"paddings": [0, 0, 1, 0, 1, 0], "value": 0.5})], {}),
    "cast": (5, (3,), [("Greater", "x,c", "b", {"broadcast": 1}), ("Cast", "b", "y", {"to": "FLOAT"})], {"c": np.float32(0)}),
    "norm": (6, (3, 2), [("BatchNormalization", "x,a,b,m,v", "y", {"is_test": 1})],
             {"a": f(3), "b": f(3), "m": f(3), "v": np.abs(f(3))}),
    "slopes": (6, (3, 2), [("PRelu", "x,s", "y", {})], {"s": np.abs(f(3))}),
    "join": (3, (3, 2), [("Concat", "x,x", "y", {})], {}),
}  # fmt: skip
# NumPy, where onnxruntime does not go so far back.
REFERENCE = {
    "perceptron": lambda x, c: np.exp(h := np.maximum(x @ c["w"] + c["b"], 0)) / np.exp(h).sum(1, keepdims=True),
    "sum": lambda x, c: x + c["b"],
    "channels": lambda x, c: x * c["b"][:, None, None],
    "reshape": lambda x, c: x.reshape(-1, 3, 4),
    "pad": lambda x, c: np.pad(x, [(0, 0), (0, 1), (1, 0)], constant_values=0.5),
    "cast": lambda x, c: (x > 0).astype(np.float32),
    "norm": lambda x, c: (x - c["m"][:, None]) / np.sqrt(c["v"] + 1e-5)[:, None] * c["a"][:, None] + c["b"][:, None],
    "slopes": lambda x, c: np.where(x < 0, x * c["s"][:, None], x),
    "join": lambda x, c: np.concatenate([x, x], 1),
}  # fmt: skip


@pytest.mark.parametrize("name", OLD)
def test_old_opsets(name, load):
    opset, shape, nodes, consts = OLD[name]
    x = f(5, *shape)
    got = load(graph(T.FLOAT, shape, *nodes, opset=opset, **consts)).predict(x)
    close(got, REFERENCE[name](x, consts), 1e-5)


def test_a_later_opset_that_changed_nothing(load):
    newest = onnx.defs.onnx_opset_version()
    nodes = [("Gemm", "x,w", "h", {}), ("Tanh", "h", "y", {})]
    x, w = f(5, 3), f(3, 2)
    for opset in range(20, newest + 1):
        close(load(graph(T.FLOAT, (3,), *nodes, opset=opset, w=w)).predict(x), np.tanh(x @ w), 1e-5)


def test_a_later_opset_that_changed_a_node(load):
    if onnx.defs.onnx_opset_version() < 28:
        pytest.skip("this onnx knows no opset that changed a node that gdcore has")
    with pytest.raises(ValueError, match=r"\(Celu\): as opset 28 has it: expected one of up to 26"):
        load(graph(T.FLOAT, (3,), ("Celu", "x", "y", {}), opset=28))


def test_an_opset_that_is_named_twice(load):
    proto = graph(T.FLOAT, (3,), ("Relu", "x", "y", {}))
    proto.opset_import.append(helper.make_opsetid("", 20))
    x = f(2, 3)
    np.testing.assert_array_equal(load(proto).predict(x), np.maximum(x, 0))
