"""ONNX files and their batch: one sample never becomes another's, whatever size the file was written for."""

import numpy as np
import pytest
from harness import close
from test_onnx_save import answers

import gdcore as gd

onnx = pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")


from onnx import helper, numpy_helper  # noqa: E402


def i(*numbers):
    return np.array(numbers, np.int64)


def f(*shape):
    return np.random.default_rng(3).normal(size=shape).astype(np.float32)


def fixed(batch, x_shape, *nodes, opset=17, **consts):
    """A model of x, whose batch is fixed (None: open), and one output y."""
    made = [
        helper.make_node(kind, ins.split(","), outs.split(","), **attrs)
        for kind, ins, outs, attrs in nodes
    ]
    return helper.make_model(
        helper.make_graph(
            made,
            "g",
            [helper.make_tensor_value_info("x", 1, [batch or "n", *x_shape])],
            [helper.make_tensor_value_info("y", 1, None)],
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


# Nodes that mix what a batch holds: (shape of a sample, nodes, constants).
MIXING = {
    "softmax": ((3,), [("Softmax", "x", "y", {"axis": 0})], {}),
    "log-softmax": ((3,), [("LogSoftmax", "x", "y", {"axis": -2})], {}),
    "mean": ((3,), [("ReduceMean", "x", "m", {"axes": [0]}), ("Sub", "x,m", "y", {})], {}),
    "sum of all": ((3,), [("ReduceSum", "x", "m", {}), ("Add", "x,m", "y", {})], {}),
    "max": ((3, 4), [("ReduceMax", "x", "m", {"axes": [0, 1]}), ("Div", "x,m", "y", {})], {}),
    "gram": ((3,), [("Transpose", "x", "t", {}), ("MatMul", "t,x", "y", {})], {}),
    "similarity": ((3,), [("Transpose", "x", "t", {}), ("MatMul", "x,t", "y", {})], {}),
    "reshape": ((6,), [("Reshape", "x,s", "r", {}), ("Softmax", "r", "y", {"axis": -1})], {"s": i(3, -1)}),
    "reshape and back": (
        (6,),
        [("Reshape", "x,s", "r", {}), ("Softmax", "r", "t", {"axis": 1}), ("Reshape", "t,z", "y", {})],
        {"s": i(1, -1), "z": i(-1, 6)},
    ),
    "transposed rows": (
        (4,),
        [("Transpose", "x", "t", {}), ("Reshape", "t,s", "r", {}), ("Softmax", "r", "y", {"axis": 1})],
        {"s": i(2, -1)},
    ),
    "cut": ((3,), [("Slice", "x,a,b,c", "y", {})], {"a": i(0), "b": i(1), "c": i(0)}),
    "picked": ((3,), [("Gather", "x,a", "y", {"axis": 0})], {"a": i(0, -1, 0)}),
    "joined": ((3,), [("Concat", "x,x", "y", {"axis": 0})], {}),
    "row by row": ((3,), [("Mul", "x,c", "y", {})], {"c": np.array([[2.0], [3.0]], "f")}),
    "best": ((3,), [("ArgMax", "x", "a", {"axis": 0}), ("Cast", "a", "y", {"to": 1})], {}),
    "split": ((3,), [("Split", "x", "a,b", {"axis": 0}), ("Sub", "a,b", "y", {})], {}),
    "channels": (
        (4,),
        [("Unsqueeze", "x,a", "u", {}), ("InstanceNormalization", "u,w,b", "y", {})],
        {"a": i(0), "w": np.ones(2, "f"), "b": np.zeros(2, "f")},
    ),
}  # fmt: skip
NOT_ONE = ("row by row", "split", "channels")  # that need a batch of 2


@pytest.mark.parametrize("name", MIXING)
def test_a_file_that_mixes_two_samples_is_computed_in_groups(name, load):
    shape, nodes, consts = MIXING[name]
    proto = fixed(2, shape, *nodes, **consts)
    model = load(proto)
    x = f(8, *shape)
    groups = x.reshape(4, 2, *shape)
    want = np.stack([answers(proto, [g], check=False)[0] for g in groups])
    close(model.predict(groups), want, 1e-5)
    close(model.predict(groups[:1])[0], want[0], 1e-5)  # at the file's own size
    with pytest.raises(ValueError, match=r"input 'x' has the shape \(8, .*expected \(n, 2, "):
        model.predict(x)


@pytest.mark.parametrize("name", [n for n in MIXING if n not in NOT_ONE])
def test_a_file_for_one_sample_is_computed_for_each(name, load):
    shape, nodes, consts = MIXING[name]
    proto = fixed(1, shape, *nodes, **consts)
    x = f(5, *shape)
    want = np.stack([answers(proto, [row[None]], check=False)[0] for row in x])
    got = load(proto).predict(x)
    close(got, want[:, 0] if want.shape[1] == 1 else want, 1e-5)


@pytest.mark.parametrize("name", [n for n in MIXING if n not in NOT_ONE])
def test_an_open_batch_that_is_mixed_is_refused(name, load):
    shape, nodes, consts = MIXING[name]
    with pytest.raises(ValueError, match=r"node \d ") as caught:
        load(fixed(None, shape, *nodes, **consts))
    assert "\n" not in str(caught.value)


# Nodes that keep samples apart, of a file for 2, with the 2 written into its shapes.
APART = {
    "flattened": ((3, 4), [("Reshape", "x,s", "y", {})], {"s": i(2, 12)}),
    "parts of a row": ((6,), [("Reshape", "x,s", "r", {}), ("Softmax", "r", "y", {"axis": 1})], {"s": i(4, 3)}),
    "in front": ((4,), [("Reshape", "x,s", "r", {}), ("Softmax", "r", "t", {"axis": 2}), ("Reshape", "t,z", "y", {})],
                 {"s": i(1, 2, 4), "z": i(2, 4)}),
    "turned": ((3, 4), [("Transpose", "x", "t", {"perm": [1, 0, 2]}), ("Reshape", "t,s", "r", {}),
                        ("Transpose", "r", "y", {"perm": [1, 0, 2]})], {"s": i(3, 2, 4)}),
    "rows times a matrix": ((3, 4), [("Transpose", "x", "t", {"perm": [1, 0, 2]}), ("MatMul", "t,w", "m", {}),
                                     ("Transpose", "m", "y", {"perm": [1, 0, 2]})], {"w": f(4, 5)}),
    "expanded": ((1, 4), [("Expand", "x,s", "y", {})], {"s": i(2, 3, 4)}),
    "with its shape": ((3, 4), [("Shape", "x", "s", {}), ("Slice", "s,a,b", "n", {}),
                                ("Concat", "n,c", "t", {"axis": 0}), ("Reshape", "x,t", "y", {})],
                       {"a": i(0), "b": i(1), "c": i(-1)}),
}  # fmt: skip


@pytest.mark.parametrize("name", APART)
def test_a_file_that_keeps_them_apart_takes_any_number(name, load):
    shape, nodes, consts = APART[name]
    proto = fixed(2, shape, *nodes, **consts)
    x = f(6, *shape)
    pairs = [answers(proto, [p], check=False)[0] for p in x.reshape(3, 2, *shape)]
    model = load(proto)
    if name == "parts of a row":  # two rows of the result for each sample: no output of a model
        close(model.predict(x.reshape(3, 2, *shape)), np.stack(pairs), 1e-6)
        return
    want = np.concatenate(pairs)
    for rows in (1, 2, 5):
        close(model.predict(x[:rows]), want[:rows], 1e-6)


STEPS_FIRST = (("Transpose", "x", "t", {"perm": [1, 0, 2]}), ("Reshape", "t,s", "r", {}))
MERGED = (
    *STEPS_FIRST,
    ("Gemm", "r,w", "m", {}),
    ("Softmax", "m", "n", {"axis": -1}),
    ("Add", "m,n", "a", {}),
)


def test_steps_before_the_batch_may_be_merged_with_it_for_a_while(load):
    """As attention of torch has it: rows by themselves, in whatever order."""
    consts = {"s": i(-1, 4), "w": f(4, 6), "z": i(3, -1, 6)}
    back = (("Reshape", "a,z", "b", {}), ("Transpose", "b", "y", {"perm": [1, 0, 2]}))
    proto = fixed(None, (3, 4), *MERGED, *back, **consts)
    x = f(5, 3, 4)
    close(load(proto).predict(x), answers(proto, [x], check=False)[0], 1e-6)
    for wrong in (
        [("Identity", "a", "y", {})],  # an output of rows in another order
        [("Reshape", "a,z", "y", {})],
        [("Softmax", "a", "y", {"axis": 0})],
        [("Reshape", "a,q", "y", {})],  # three rows of several samples in one
        [
            ("Reshape", "x,s", "own", {}),
            ("Concat", "own,a", "y", {"axis": 1}),
        ],  # beside those in order
    ):
        with pytest.raises(
            ValueError, match=r"mixes the samples|cannot|put out|first dim"
        ) as caught:
            load(fixed(None, (3, 4), *MERGED, *wrong, **consts, q=i(-1, 18)))
        assert "\n" not in str(caught.value)


def test_the_batch_may_end_elsewhere(load):
    """A file for one sample that turns its batch away still puts out what it does for each."""
    proto = fixed(1, (2, 4), ("Transpose", "x", "y", {"perm": [2, 0, 1]}))
    x = f(3, 2, 4)
    np.testing.assert_array_equal(load(proto).predict(x), x.transpose(0, 2, 1)[:, :, None])
    proto = fixed(1, (1, 4), ("Transpose", "x", "y", {"perm": [1, 2, 0]}))
    x = f(3, 1, 4)
    np.testing.assert_array_equal(load(proto).predict(x), x.transpose(0, 2, 1))


def test_a_product_of_vectors_over_the_batch_is_refused(load):
    proto = fixed(3, (1,), ("Squeeze", "x,a", "v", {}), ("MatMul", "v,v", "y", {}), a=i(1))
    with pytest.raises(ValueError, match="expected matrices"):
        load(proto)


def test_sizes_that_differ(load):
    """Two inputs of different batches are one sample together; open and fixed ones are refused."""
    proto = fixed(2, (3,), ("MatMul", "z,x", "y", {}))
    proto.graph.input.append(helper.make_tensor_value_info("z", 1, [4, 2]))
    a, b = f(5, 2, 3), f(5, 4, 2)
    close(load(proto).predict((a, b)), b @ a, 1e-5)
    proto.graph.input[0].type.tensor_type.shape.dim[0].ClearField("dim_value")
    with pytest.raises(ValueError, match=r"inputs of the shapes \(\?, 3\), \(4, 2\): expected"):
        load(proto)


def test_a_token_before_each_sample(load):
    """A constant of one row goes with every sample, as in a vision transformer for one image."""
    token = f(1, 1, 4)
    proto = fixed(1, (3, 4), ("Concat", "c,x", "y", {"axis": 1}), c=token)
    x = f(5, 3, 4)
    want = np.concatenate([np.repeat(token, 5, 0), x], 1)
    np.testing.assert_array_equal(load(proto).predict(x), want)


def test_a_group_is_trained_on(load):
    model = load(
        fixed(2, (3,), ("Gemm", "x,w", "g", {}), ("Softmax", "g", "y", {"axis": 0}), w=f(3, 3))
    )
    model.compile(gd.Adam(1e-2), "mse")
    x, y = f(32, 2, 3), np.full((32, 2, 3), 0.5, np.float32)
    losses = model.fit(x, y, epochs=5, seed=0)["loss"]
    assert losses[-1] < losses[0]
