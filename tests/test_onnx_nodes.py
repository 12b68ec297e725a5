"""Every node that gd.onnx.load knows, by itself, beside onnxruntime; and what it refuses."""

import numpy as np
import pytest
from harness import close
from test_onnx_save import answers

import gdcore as gd

onnx = pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")

# ruff: noqa: E501  (tables)
from onnx import helper, numpy_helper  # noqa: E402

from gdcore.onnx.nodes import NODES  # noqa: E402
from gdcore.onnx.nodes_host import FOLDS  # noqa: E402
from gdcore.onnx.nodes_indices import INDICES  # noqa: E402
from gdcore.onnx.nodes_recurrent import RECURRENT  # noqa: E402


def tensor(name, array):
    return numpy_helper.from_array(np.asarray(array), name)


def graph(nodes, x_shape, consts=None, opset=20, kind=1):
    """A model of one input x and one output y."""
    return helper.make_model(
        helper.make_graph(
            nodes,
            "g",
            [helper.make_tensor_value_info("x", kind, ["n", *x_shape])],
            [helper.make_tensor_value_info("y", 1, None)],
            [tensor(k, v) for k, v in (consts or {}).items()],
        ),
        ir_version=8,
        opset_imports=[helper.make_opsetid("", opset)],
    )


def one(kind, x_shape=(3, 4), more=(), opset=20, ints=None, **attrs):
    """A node with x and constants: `more` are the arrays of its other inputs."""
    consts = {f"c{i}": a for i, a in enumerate(more) if a is not None}
    names = ["" if a is None else f"c{i}" for i, a in enumerate(more)]
    node = helper.make_node(kind, ["x", *names], ["y"], **attrs)
    return graph([node], x_shape, consts, opset, 7 if ints else 1), x_shape, ints


def f(*shape, seed=0):
    return np.abs(np.random.default_rng(seed).normal(size=shape)).astype(np.float32) + 0.1


def i(*numbers):
    return np.array(numbers, np.int64)


def chain(*nodes, x_shape=(3, 4), opset=20, **consts):
    made = [helper.make_node(kind, ins.split(","), outs.split(","), **attrs)
            for kind, ins, outs, attrs in nodes]  # fmt: skip
    return graph(made, x_shape, consts, opset), x_shape, None


def compared(kind):
    return chain((kind, "x,c", "b", {}), ("Cast", "b", "y", {"to": 1}), c=np.float32(0.5))


def logical(kind):
    return chain(
        ("Greater", "x,c", "a", {}),
        ("Less", "x,d", "b", {}),
        (kind, "a,b", "e", {}),
        ("Cast", "e", "y", {"to": 1}),
        c=np.float32(0.0),
        d=np.float32(0.5),
    )


UNARY = ("Abs", "Asinh", "Atan", "Ceil", "Cos", "Cosh", "Erf", "Exp", "Floor", "HardSwish", "Identity", "Mish",
         "Neg", "Reciprocal", "Relu", "Round", "Sigmoid", "Sign", "Sin", "Sinh", "Softplus",
         "Softsign", "Tan", "Tanh", "Celu", "Elu", "Gelu", "HardSigmoid", "LeakyRelu", "Selu",
         "ThresholdedRelu", "Flatten", "LogSoftmax", "Softmax", "Shrink")  # fmt: skip
REDUCE = ("Prod", "L1", "L2", "LogSumExp", "Max", "Mean", "Min", "Sum", "SumSquare")
CASES = {
    "Mod": chain(
        ("Mod", "a,b", "m", {}), ("Mod", "a,b", "n", {"fmod": 1}), ("Add", "m,n", "k", {}), ("Less", "k,a", "l", {}),
        ("Not", "l", "o", {}), ("And", "o,o", "p", {}), ("Cast", "p", "q", {"to": 1}), ("Cast", "k", "c", {"to": 1}),
        ("Add", "c,q", "d", {}), ("Add", "x,d", "y", {}), a=i(7, -7, 5, -3), b=i(3, 3, -3, 2),
    ),
    **{k: one(k) for k in UNARY},
    **{f"{k}-axis": one(k, (3, 4, 5), axis=1) for k in ("Softmax", "LogSoftmax")},
    **{f"{k}-old": one(k, (3, 4), opset=11, axis=1) for k in ("Softmax", "LogSoftmax")},
    **{f"{k}": one(k, more=(f(4),)) for k in ("Add", "Sub", "Mul", "Div", "Max", "Min", "Mean", "Sum", "PRelu")},
    **{f"Reduce{k}": one(f"Reduce{k}", more=(i(1),)) for k in REDUCE},
    **{f"Reduce{k}-all": one(f"Reduce{k}", more=(i(2, 1),), keepdims=0) for k in REDUCE},
    **{f"Reduce{k}-old": one(f"Reduce{k}", opset=11, axes=[-1]) for k in REDUCE},
    **{k: compared(k) for k in ("Equal", "Greater", "GreaterOrEqual", "Less", "LessOrEqual")},
    **{k: logical(k) for k in ("And", "Or", "Xor")},
    **{k: chain(("Tanh", "x", "a", {}), (k, "a", "y", {})) for k in ("Acos", "Asin", "Atanh")},
    "Acosh": chain(("Cosh", "x", "a", {}), ("Acosh", "a", "y", {})),
    "Not": chain(("Greater", "x,c", "a", {}), ("Not", "a", "b", {}), ("Cast", "b", "y", {"to": 1}), c=np.float32(0)),
    "ReduceLogSum": chain(("Exp", "x", "e", {}), ("ReduceLogSum", "e,a", "y", {}), a=i(1)),
    "Sqrt": chain(("Abs", "x", "a", {}), ("Sqrt", "a", "y", {})),
    "Log": chain(("Exp", "x", "a", {}), ("Log", "a", "y", {})),
    "Pow": chain(("Abs", "x", "a", {}), ("Pow", "a,c", "y", {}), c=np.float32(1.5)),
    "Pow-2": one("Pow", more=(np.float32(2.0),)),
    "Where": chain(("Greater", "x,c", "b", {}), ("Where", "b,x,d", "y", {}), c=np.float32(0), d=f(4)),
    "Cast": chain(("Cast", "x", "b", {"to": 9}), ("Cast", "b", "y", {"to": 1})),
    "Clip": one("Clip", more=(np.float32(-0.5), np.float32(0.7))),
    "Clip-high": one("Clip", more=(None, np.float32(0.7))),
    "Clip-old": one("Clip", opset=10, min=-0.2, max=0.2),
    "Gelu-tanh": one("Gelu", approximate="tanh"),
    "HardSigmoid-sixth": one("HardSigmoid", alpha=1 / 6, beta=0.5),
    "Shrink-bias": one("Shrink", lambd=0.3, bias=0.1),
    "Dropout": one("Dropout", more=(np.float32(0.3),)),
    "Dropout-old": one("Dropout", opset=10, ratio=0.3),
    "Gemm": one("Gemm", (4,), (f(5, 4), f(5)), transB=1, alpha=0.5, beta=2.0),
    "Gemm-row": one("Gemm", (4,), (f(4, 5), f(1, 5))),
    "Gemm-no-bias": one("Gemm", (4,), (f(4, 5),)),
    "MatMul": one("MatMul", (3, 4), (f(4, 2),)),
    "MatMul-vector": one("MatMul", (3, 4), (f(4),)),
    "MatMul-lead": one("MatMul", (2, 3, 4), (f(2, 4, 5),)),
    "Reshape": one("Reshape", (3, 4), (i(0, -1, 2),)),
    "Squeeze": one("Squeeze", (1, 4, 1), (i(1, -1),)),
    "Squeeze-old": one("Squeeze", (1, 4), opset=11, axes=[1]),
    "Unsqueeze": one("Unsqueeze", (3,), (i(1, -1),)),
    "Transpose": one("Transpose", (3, 4), perm=[0, 2, 1]),
    "Concat": chain(("Concat", "x,x", "y", {"axis": -1})),
    "Slice": one("Slice", (5, 7), (i(1, -4), i(9, 2**40), i(1, 2), i(2, 1))),
    "Slice-old": one("Slice", (5, 7), opset=9, starts=[1], ends=[-1], axes=[1]),
    "Split": chain(("Split", "x,p", "a,b", {"axis": -1}), ("Sub", "a,b", "y", {}), p=i(2, 2)),
    "Split-rest": chain(("Split", "x", "a,b", {"axis": 1, "num_outputs": 2}), ("Concat", "b,a", "y", {"axis": 1})),
    "Split-old": chain(("Split", "x", "a,b", {"axis": 2, "split": [1, 3]}), ("Mul", "a,b", "y", {}), opset=11),
    "Gather": one("Gather", (5, 3), (i(4, -1, 0),), axis=1),
    "Gather-one": one("Gather", (5, 3), (np.int64(2),), axis=1),
    "Gather-2d": one("Gather", (5, 3), (np.array([[1, 0], [2, 2]]),), axis=2),
    "Pad": one("Pad", (3, 4), (i(0, 1, 0, 0, 0, 2), np.float32(1.5))),
    "Pad-less": one("Pad", (3, 4), (i(0, -1, 0, 0, 0, 2),)),
    "Pad-axes": one("Pad", (3, 4), (i(1, 2), None, i(2))),
    "Pad-old": one("Pad", (3, 4), opset=10, pads=[0, 0, 1, 0, 1, 0], value=2.0),
    "Pad-reflect": one("Pad", (3, 4), (i(0, 1, 2, 0, 0, 1),), mode="reflect"),
    "Pad-edge": one("Pad", (3, 4), (i(0, 1, 2, 0, 0, 1),), mode="edge"),
    "Pad-wrap": one("Pad", (3, 4), (i(0, 1, 2, 0, 0, 1),), mode="wrap"),
    "Resize": one("Resize", (2, 3, 4), (None, np.array([1, 1, 2, 1.5], "f")), mode="linear"),
    "Resize-sizes": one("Resize", (2, 3, 4), (None, None, i(5, 7)), axes=[2, 3], mode="cubic"),
    "Upsample": one("Upsample", (2, 3, 4), (np.array([1, 1, 2, 3], "f"),), opset=9),
    "DepthToSpace": one("DepthToSpace", (8, 2, 3), blocksize=2),
    "DepthToSpace-crd": one("DepthToSpace", (8, 2, 3), blocksize=2, mode="CRD"),
    "SpaceToDepth": one("SpaceToDepth", (2, 4, 6), blocksize=2),
    "LRN": one("LRN", (6, 3, 2), size=5, alpha=0.1, beta=0.5, bias=2.0),
    "AveragePool-3d": one("AveragePool", (2, 5, 4, 4), kernel_shape=[2, 3, 2], strides=[2, 1, 2]),
    "Expand": one("Expand", (1, 4), (i(1, 3, 1),)),
    "Tile": one("Tile", (2, 3), (i(1, 2, 1),)),
    "GlobalAveragePool": one("GlobalAveragePool", (3, 4, 5)),
    "GlobalMaxPool": one("GlobalMaxPool", (3, 4, 5)),
    "Conv": one("Conv", (4, 7, 6), (f(6, 4, 3, 2), f(6)), strides=[2, 1], pads=[1, 0, 2, 1]),
    "Conv-dilated": one("Conv", (2, 9, 9), (f(3, 2, 2, 3),), dilations=[2, 3]),
    "Conv-same": one("Conv", (2, 7, 6), (f(3, 2, 3, 2),), auto_pad="SAME_UPPER", strides=[2, 2]),
    "Conv-lower": one("Conv", (2, 7, 6), (f(3, 2, 2, 2),), auto_pad="SAME_LOWER"),
    "Conv-groups": one("Conv", (4, 5, 5), (f(6, 2, 2, 2), f(6)), group=2),
    "Conv-depthwise": one("Conv", (6, 5, 5), (f(12, 1, 3, 3), f(12)), group=6, pads=[1, 1, 1, 1]),
    "Conv-3d": one("Conv", (4, 5, 6, 4), (f(6, 2, 2, 3, 2), f(6)), group=2, strides=[1, 2, 1], pads=[0, 1, 1, 1, 0, 0]),
    "Conv-1d-lower": one("Conv", (4, 9), (f(3, 4, 4),), auto_pad="SAME_LOWER", strides=[2]),
    "ConvTranspose": one("ConvTranspose", (4, 5, 6), (f(4, 3, 3, 2), f(3)), strides=[2, 1], pads=[1, 0, 0, 1]),
    "ConvTranspose-more": one("ConvTranspose", (4, 5, 6), (f(4, 3, 2, 2),), strides=[3, 2], output_padding=[2, 1]),
    "ConvTranspose-shape": one("ConvTranspose", (4, 5, 6), (f(4, 3, 3, 3),), strides=[2, 2], output_shape=[10, 12]),
    "ConvTranspose-same": one("ConvTranspose", (2, 5, 6), (f(2, 3, 3, 4),), strides=[2, 3], auto_pad="SAME_UPPER"),
    "ConvTranspose-lower": one("ConvTranspose", (2, 5, 6), (f(2, 3, 4, 3),), strides=[1, 2], auto_pad="SAME_LOWER"),
    "ConvTranspose-groups": one("ConvTranspose", (4, 5, 5), (f(4, 3, 3, 3), f(6)), group=2, dilations=[2, 1]),
    "ConvTranspose-1d": one("ConvTranspose", (4, 9), (f(4, 1, 4), f(4)), group=4, strides=[2], pads=[1, 1]),
    "ConvTranspose-3d": one("ConvTranspose", (2, 3, 4, 3), (f(2, 2, 2, 3, 2),), strides=[2, 1, 1]),
    "Conv-1d": one("Conv", (4, 9), (f(3, 4, 3), f(3)), pads=[1, 2], strides=[2]),
    "MaxPool": one("MaxPool", (3, 7, 6), kernel_shape=[3, 2], strides=[2, 2], pads=[1, 0, 1, 1]),
    "MaxPool-up": one("MaxPool", (2, 8, 8), kernel_shape=[3, 3], strides=[2, 2], ceil_mode=1),
    "MaxPool-1d": one("MaxPool", (3, 9), kernel_shape=[2], dilations=[2]),
    "AveragePool": one("AveragePool", (3, 7, 6), kernel_shape=[3, 2], pads=[1, 1, 1, 0]),
    "AveragePool-pads": one("AveragePool", (3, 7, 6), kernel_shape=[3, 2], pads=[1, 1, 1, 0], count_include_pad=1),
    "AveragePool-up": one("AveragePool", (2, 8, 8), kernel_shape=[3, 3], strides=[2, 2], ceil_mode=1),
    "AveragePool-1d": one("AveragePool", (2, 8), kernel_shape=[3], strides=[2], auto_pad="SAME_UPPER"),
    "BatchNormalization": one("BatchNormalization", (4, 3, 2), tuple(f(4, seed=s) for s in range(4))),
    "BatchNormalization-flat": one("BatchNormalization", (4,), tuple(f(4, seed=s) for s in range(4)), epsilon=0.1),
    "LayerNormalization": one("LayerNormalization", (3, 4), (f(4), f(4))),
    "LayerNormalization-axis": one("LayerNormalization", (3, 4), (f(3, 4),), axis=1, epsilon=0.1),
    "RMSNormalization": one("RMSNormalization", (3, 4), (f(4),), opset=23),
    "RMSNormalization-axis": one("RMSNormalization", (3, 4), (f(3, 4),), opset=23, axis=1, epsilon=0.1),
    "Attention": chain(("Attention", "x,x,x", "y", {}), x_shape=(2, 5, 4), opset=23),
    "Attention-causal": chain(("Attention", "x,x,x", "y", {"is_causal": 1, "scale": 0.2}), x_shape=(2, 5, 4), opset=23),
    "Attention-flat": chain(("Slice", "x,z,e,a", "k", {}), ("Attention", "x,k,k", "y", {"q_num_heads": 4, "kv_num_heads": 2}),
                            x_shape=(5, 8), opset=23, z=i(0), e=i(4), a=i(2)),
    "Attention-mask": chain(("Attention", "x,x,x,m", "y", {}), x_shape=(2, 3, 4), opset=23, m=f(3, 3)),
    "Attention-heads": chain(("Attention", "x,x,x,m", "y", {}), x_shape=(2, 3, 4), opset=23, m=f(1, 2, 3, 3)),
    "Attention-seen": chain(("Attention", "x,x,x,m", "y", {}), x_shape=(2, 3, 4), opset=23, m=np.tri(3, 3, 1) > 0),
    "InstanceNormalization": one("InstanceNormalization", (3, 4, 5), (f(3), f(3))),
    "GroupNormalization": one("GroupNormalization", (4, 3, 3), (f(4), f(4)), opset=21, num_groups=2),
    "Shape": chain(("Shape", "x", "s", {}), ("Gather", "s,z", "b", {}), ("Unsqueeze", "b,o", "v", {}),
                   ("Concat", "v,m", "t", {"axis": 0}), ("Reshape", "x,t", "y", {}),
                   z=np.int64(0), o=i(0), m=i(-1)),
    "Shape-cut": chain(("Shape", "x", "s", {"start": 1, "end": 2}), ("Size", "s", "n", {}),
                       ("ConstantOfShape", "s", "z", {}), ("Unsqueeze", "z,a", "u", {}),
                       ("Add", "x,u", "y", {}), a=i(-1)),
    "ConstantOfShape": chain(("Shape", "x", "s", {}), ("ConstantOfShape", "s", "z", {"value": tensor("v", np.ones(1, "f"))}),
                             ("Add", "x,z", "y", {})),
    "Range": chain(("Range", "a,b,d", "r", {}), ("Cast", "r", "c", {"to": 1}), ("Mul", "x,c", "y", {}),
                   a=np.int64(1), b=np.int64(9), d=np.int64(2)),
    "folded": chain(("Constant", "", "two", {"value_float": 2.0}), ("Sqrt", "two", "a", {}), ("Neg", "a", "b", {}),
                    ("Reciprocal", "b", "c", {}), ("Pow", "c,two", "d", {}), ("Div", "d,two", "e", {}),
                    ("Sub", "e,two", "g", {}), ("Mul", "x,g", "y", {})),
    "ints folded": chain(("Constant", "", "p", {"value_ints": [3, 4]}), ("Slice", "p,o,e", "q", {}), ("Equal", "q,q", "b", {}),
                         ("Where", "b,q,o", "w", {}), ("Squeeze", "w", "s", {}), ("Unsqueeze", "s,z", "u", {}),
                         ("Expand", "u,n", "v", {}), ("Transpose", "v", "t", {}), ("Reshape", "t,m", "r", {}),
                         ("Concat", "zero,r", "k", {"axis": 0}), ("Identity", "k", "l", {}), ("Reshape", "x,l", "y", {}),
                         o=i(0), e=i(1), z=i(0), n=i(1), m=i(-1), zero=i(0, 4)),
    "Gather-table": (graph([helper.make_node("Gather", ["c", "x"], ["y"])], (3,), {"c": f(6, 2)}, kind=7), (3,), 6),
    "ArgMax": chain(("ArgMax", "x", "a", {"axis": 1, "keepdims": 0}), ("Cast", "a", "y", {"to": 1})),
    "ArgMax-last": chain(("Relu", "x", "r", {}), ("ArgMax", "r", "a", {"axis": -1, "select_last_index": 1}), ("Cast", "a", "y", {"to": 1})),
    "ArgMin": chain(("Relu", "x", "r", {}), ("ArgMin", "r", "a", {"axis": 2}), ("Cast", "a", "y", {"to": 1})),
    "Cast-ints": one("Cast", (3,), ints=6, to=1),
    "LpPool": one("LpPool", (3, 7, 6), kernel_shape=[3, 2], strides=[2, 1], pads=[1, 0, 1, 1], p=3),
    "GlobalLpPool": one("GlobalLpPool", (3, 4, 5)),
    "MeanVarianceNormalization": one("MeanVarianceNormalization", (3, 4, 5), axes=[2, 3]),
    "Einsum": chain(("Einsum", "x,x", "y", {"equation": "bij,bkj->bki"})),
    "Einsum-weights": one("Einsum", (3, 4), (f(4, 2, 5),), equation="...j,jkl"),
    "Einsum-heads": chain(("Einsum", "x,c", "y", {"equation": "b t h d, s h d -> b h t s"}), x_shape=(5, 2, 4), c=f(3, 2, 4)),
    "Einsum-sum": one("Einsum", (3, 4), equation="bij -> bj"),
    "Trilu": one("Trilu", (4, 5), (np.int64(1),)),
    "Trilu-lower": one("Trilu", (2, 5, 4), (np.int64(-1),), upper=0),
    "CenterCropPad": one("CenterCropPad", (5, 4, 3), (i(3, 7),), axes=[1, -2]),
    "Slice-back": one("Slice", (3, 7), (i(-1, 9), i(-9, 1), i(1, 2), i(-1, -3))),
    "LayerNormalization-all": chain(("LayerNormalization", "x,c", "a,b,d", {}), ("Mul", "b,d", "e", {}), ("Add", "a,e", "y", {}), c=f(4)),
    "Swish": None,  # opset 24, which onnxruntime does not have yet
}  # fmt: skip


@pytest.mark.parametrize("name", [n for n, case in CASES.items() if case is not None])
def test_node(name, tmp_path):
    proto, shape, ints = CASES[name]
    rng = np.random.default_rng(1)
    x = rng.integers(0, ints, (5, *shape)) if ints else rng.normal(size=(5, *shape)).astype("f")
    path = tmp_path / "m.onnx"
    path.write_bytes(proto.SerializeToString())
    model = gd.onnx.load(path)
    for rows in (5, 1):
        close(model.predict(x[:rows]), answers(proto, [x[:rows]], check=False)[0], 1e-5)


def test_swish(tmp_path):
    proto, _, _ = one("Swish", opset=24, alpha=1.5)
    path = tmp_path / "m.onnx"
    path.write_bytes(proto.SerializeToString())
    x = np.random.default_rng(0).normal(size=(2, 3, 4)).astype("f")
    close(gd.onnx.load(path).predict(x), x / (1 + np.exp(-1.5 * x.astype(float))), 1e-5)


def test_every_node_is_tried():
    tried = {n.op_type for case in CASES.values() if case for n in case[0].graph.node} | {"Swish"}
    recurrent = set(RECURRENT)  # see test_onnx_recurrent.py
    fixed = set(INDICES) - tried  # files that fix the batch: see test_onnx_node_cases.py
    loops = {"Loop", "Scan"}  # see test_onnx_loops.py
    assert (set(NODES) | set(FOLDS)) - tried == recurrent | fixed | loops | {"RotaryEmbedding"}


def test_what_is_loaded_can_be_trained(tmp_path):
    """Every learned tensor of a convolutional network gets a gradient, and the loss falls."""
    consts = {"w": f(6, 1, 3, 3) - 0.5, "b": f(6), "v": f(10, 54) - 0.9, "u": f(10)}
    make = helper.make_node
    nodes = [make("Conv", ["x", "w", "b"], ["c"], strides=[2, 2]), make("Relu", ["c"], ["r"]),
             make("Flatten", ["r"], ["f"]), make("Gemm", ["f", "v", "u"], ["y"], transB=1)]  # fmt: skip
    path = tmp_path / "m.onnx"
    path.write_bytes(graph(nodes, (1, 8, 8), consts).SerializeToString())
    (x, y), _ = gd.datasets.digits()
    model = gd.onnx.load(path).compile(gd.Adam(1e-2), "cross_entropy")
    x = x.reshape(-1, 1, 8, 8)
    gradients = model.gradients(x[:64], y[:64])
    assert set(gradients) == set(consts) and all(np.abs(g).max() > 0 for g in gradients.values())
    losses = model.fit(x, y, epochs=4, seed=0)["loss"]
    assert losses[-1] < 0.3 * losses[0]


# --- what is refused -------------------------------------------------------------------


def changed(how, kind="Relu", **more):
    proto, _, _ = one(kind, **more)
    how(proto)
    return proto


def external(proto):
    t = tensor("w", f(4))
    t.ClearField("raw_data")
    t.data_location = 1
    t.external_data.add(key="location", value="../secret")
    proto.graph.initializer.append(t)


def lying(proto):
    t = tensor("w", f(4))
    t.dims[0] = 2**40
    proto.graph.initializer.append(t)


def open_sizes(proto):
    proto.graph.input[0].type.tensor_type.shape.dim[2].dim_param = "width"


REFUSED = {
    "an axis twice": (lambda: one("Unsqueeze", more=(i(1, 1),))[0], "expected each once"),
    "an unknown node": (lambda: one("TopK")[0], "node 0 '' is a TopK, which gdcore does not support"),
    "another domain": (lambda: changed(lambda p: setattr(p.graph.node[0], "domain", "com.x")), "of the domain 'com.x'"),
    "a later opset": (lambda: one("Relu", opset=99)[0], "opset 99, expected one from 1 to"),
    "no opset": (lambda: one("Relu", opset=0)[0], "opset 0, expected one from 1 to"),
    "no graph": (lambda: onnx.ModelProto(ir_version=8), "got no graph"),
    "data in other files": (lambda: changed(external), "keeps its numbers in another file, which is not opened"),
    "a lying shape": (lambda: changed(lying), "initializer 'w' has 16 bytes: expected 4398046511104"),
    "an open size": (lambda: changed(open_sizes), r"leaves dimension 2 \(width\) open"),
    "a missing input": (lambda: changed(lambda p: p.graph.node[0].input.__setitem__(0, "z")), "takes 'z', which nothing"),
    "a missing output": (lambda: changed(lambda p: setattr(p.graph.output[0], "name", "z")), "output 'z' is not computed"),
    "no inputs": (lambda: changed(lambda p: p.graph.ClearField("input")), "expected at least one"),
    "a huge constant": (lambda: chain(("ConstantOfShape", "s", "c", {}), ("Add", "x,c", "y", {}), s=i(2**40))[0], "expected at most"),
    "a huge range": (lambda: chain(("Range", "a,b,c", "r", {}), ("Add", "x,r", "y", {}), a=0.0, b=1e30, c=1.0)[0], "expected fewer"),
    "a huge value": (lambda: one("Pad", more=(i(0, 2**40, 0, 0, 0, 0),))[0], r"expected sizes below 2\*\*31"),
    "huge padding of another value": (
        lambda: one("Pad", more=(i(0, 2**40, 0, 0, 0, 0), np.float32(1.0)))[0],
        "expected at most",
    ),
    "a name of two lines": (
        lambda: changed(lambda p: setattr(p.graph.node[0], "op_type", "Re\nlu\x1b[31m")),
        r"is a Re lu\?\[31m, which gdcore does not support",
    ),
    "a batch cut": (lambda: one("Slice", more=(i(0), i(1), i(0)))[0], "cuts the batch"),
    "the batch from its end": (lambda: one("Slice", more=(i(3), i(0), i(0), i(-1)))[0], "cuts the batch"),
    "positions in the batch": (lambda: one("GatherElements", (3,), (np.zeros((2, 3), int),))[0], "fixes the size of the batch"),
    "a label that is nowhere": (lambda: one("Einsum", equation="bij->bik")[0], "each label of the result once, and in an operand"),
    "labels for another rank": (lambda: one("Einsum", equation="bi->b")[0], "'bi' for 3 dimensions"),
    "a product of three": (lambda: chain(("Einsum", "x,x,x", "y", {"equation": "bij,bij,bij->bij"}))[0], "3 operands: expected one or two"),
    "a mask that is too long": (
        lambda: chain(("Attention", "x,x,x,m", "y", {}), x_shape=(2, 3, 4), opset=23, m=f(3, 5))[0], "a mask of shape",
    ),
    "shapes apart": (lambda: one("MatMul", more=(f(5, 2),))[0], r"node 0 '' \(MatMul\): matmul of shapes"),
    "an unknown mode": (lambda: one("Pad", more=(i(0, 1, 0, 0, 1, 0),), mode="mirror")[0], "expected constant, reflect"),
    "a cast to bytes": (lambda: one("Cast", to=2)[0], "a cast to the element type 2: expected"),
}  # fmt: skip


@pytest.mark.parametrize("what", REFUSED)
def test_refused_in_one_line(what, tmp_path):
    make, message = REFUSED[what]
    path = tmp_path / "m.onnx"
    path.write_bytes(make().SerializeToString())
    with pytest.raises(ValueError, match=message) as caught:
        gd.onnx.load(path)
    assert str(caught.value).startswith(f"cannot read {str(path)!r} as ONNX: ")
    assert "\n" not in str(caught.value)


def test_other_files(tmp_path):
    path = tmp_path / "m"
    with pytest.raises(FileNotFoundError):
        gd.onnx.load(path)
    for data in (
        b"",
        b"PK\x03\x04",
        bytes(100),
        b"\xff" * 40,
        one("Relu")[0].SerializeToString()[:-3],
    ):
        path.write_bytes(data)
        with pytest.raises(ValueError, match="as ONNX: ") as caught:
            gd.onnx.load(path)
        assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "field, inner", [(1, b""), (5, b""), (11, b""), (1, b"\x2a\x00" * 100_000)]
)
def test_messages_are_counted_before_they_are_made(field, inner, tmp_path):
    """Two bytes of a file would take 200 of memory each."""

    def packed(number, data):
        length, out = len(data), bytearray([number << 3 | 2])
        while length > 127:
            out.append(length & 127 | 128)
            length >>= 7
        return bytes([*out, length]) + data

    count = 400_000 if not inner else 5
    path = tmp_path / "m"
    path.write_bytes(packed(7, packed(field, inner) * count))
    with pytest.raises(ValueError, match=r"more than \d+ messages"):
        gd.onnx.load(path)
