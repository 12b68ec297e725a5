"""ONNX files as scikit-learn's models are exported: every node of ai.onnx.ml beside onnxruntime."""

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

from gdcore.onnx.nodes_classic import CLASSIC  # noqa: E402

ML = "ai.onnx.ml"
NAMES = ["setosa", "versicolor", "virginica"]


def f(*shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape).astype(np.float32)


def texts(name, *found):
    return helper.make_tensor(name, T.STRING, [len(found)], [t.encode() for t in found])


def graph(nodes, outputs, kind=T.FLOAT, width=4, opset=17, ml=3, inputs=None, **consts):
    """A model of x: (domain, operator, inputs, outputs, attributes) of nodes, and its outputs by type."""
    made = [
        helper.make_node(op, ins.split(","), outs.split(","), domain=domain, **attrs)
        for domain, op, ins, outs, attrs in nodes
    ]
    kinds = {
        "map": lambda n: helper.make_value_info(
            n,
            helper.make_sequence_type_proto(
                helper.make_map_type_proto(T.INT64, helper.make_tensor_type_proto(T.FLOAT, None))
            ),
        ),
        "named": lambda n: helper.make_value_info(
            n,
            helper.make_sequence_type_proto(
                helper.make_map_type_proto(T.STRING, helper.make_tensor_type_proto(T.FLOAT, None))
            ),
        ),
    }
    declared = [
        kinds[k](n) if k in kinds else helper.make_tensor_value_info(n, k, None)
        for n, k in outputs.items()
    ]
    return helper.make_model(
        helper.make_graph(
            made,
            "sklearn",
            inputs or [helper.make_tensor_value_info("x", kind, [None, width])],
            declared,
            [v if isinstance(v, onnx.TensorProto) else numpy_helper.from_array(np.asarray(v), k)
             for k, v in consts.items()],
        ),
        ir_version=8,
        opset_imports=[helper.make_opsetid("", opset), helper.make_opsetid(ML, ml)],
    )  # fmt: skip


def linear(post="SOFTMAX", zipped=True, classes=3, **labels):
    """A logistic regression, as skl2onnx writes it."""
    labels = labels or {"classlabels_ints": list(range(classes))}
    nodes = [
        (ML, "LinearClassifier", "x", "label,scores", {
            "coefficients": f(classes, 4).reshape(-1).tolist(), "intercepts": f(classes, seed=1).tolist(),
            "multi_class": 1, "post_transform": post, **labels,
        }),
        (ML, "Normalizer", "scores", "p", {"norm": "L1"}),
    ]  # fmt: skip
    text = "classlabels_strings" in labels
    if zipped:
        key = "classlabels_strings" if text else "classlabels_int64s"
        nodes.append((ML, "ZipMap", "p", "probability", {key: next(iter(labels.values()))}))
    name, kind = ("probability", "named" if text else "map") if zipped else ("p", T.FLOAT)
    return graph(nodes, {"label": T.STRING if text else T.INT64, name: kind})


def network(*, named, opset=17):
    """A classifier of one hidden layer with the choice of a class at its end."""
    classes = texts("classes", *NAMES) if named else np.array([3, -1, 700], np.int32)
    nodes = [
        (ML, "Scaler", "x", "s", {"offset": f(4, seed=4).tolist(), "scale": [0.5, 1.0, 2.0, 0.1]}),
        ("", "Cast", "s", "c", {"to": T.FLOAT}),
        ("", "MatMul", "c,w", "m", {}), ("", "Add", "m,b", "a", {}), ("", "Relu", "a", "h", {}),
        ("", "MatMul", "h,v", "n", {}), ("", "Add", "n,u", "o", {}), ("", "Softmax", "o", "p", {}),
        ("", "ArgMax", "p", "best", {"axis": 1}),
        (ML, "ArrayFeatureExtractor", "classes,best", "chosen", {}),
        ("", "Reshape", "chosen,flat", "label" if named else "r", {}),
    ]  # fmt: skip
    if not named:
        nodes.append(("", "Cast", "r", "label", {"to": T.INT64}))
    return graph(
        nodes, {"label": T.STRING if named else T.INT64, "p": T.FLOAT}, opset=opset, classes=classes,
        w=f(4, 5), b=f(1, 5), v=f(5, 3), u=f(1, 3), flat=np.array([-1]),
    )  # fmt: skip


def single(op, kind=T.FLOAT, y=T.FLOAT, ml=3, **attrs):
    return graph([(ML, op, "x", "y", attrs)], {"y": y}, kind, ml=ml)


def choosing(op, y, attrs, *before):
    """A LabelEncoder behind the number of the largest feature."""
    return graph(
        [("", "ArgMax", "x", "a", {"axis": 1, "keepdims": 0}), *before, (ML, op, "b" if before else "a", "y", attrs)],
        {"y": y},
    )  # fmt: skip


TO_TEXT = (ML, "LabelEncoder", "a", "b", {"keys_int64s": [0, 1, 3], "values_strings": ["no", "yes", "so"], "default_string": "else"})  # fmt: skip
CASES = {
    "classifier": linear(),
    "classifier of texts": linear(classlabels_strings=NAMES),
    "classifier of other numbers": linear(classlabels_ints=[7, -3, 1000]),
    "classifier, not zipped": linear(zipped=False),
    "classifier of two": linear("LOGISTIC", classes=2),
    "scores": linear("NONE"),
    "network": network(named=False),
    "network, old": network(named=False, opset=9),
    "network of texts": network(named=True),
    "regressor": single("LinearRegressor", coefficients=f(4).tolist(), intercepts=[0.5]),
    "regressor of two": single("LinearRegressor", coefficients=f(8).tolist(), intercepts=[0.5, 1.0], targets=2),
    "scaler": single("Scaler", offset=[0.5], scale=[2.0]),
    **{f"normalizer {n}": single("Normalizer", norm=n) for n in ("L1", "L2", "MAX")},
    "binarizer": single("Binarizer", threshold=0.3),
    "imputer": single("Imputer", imputed_value_floats=[1.0, 2.0, 3.0, 4.0], replaced_value_float=float("nan")),
    "imputer of a number": single("Imputer", imputed_value_floats=[9.0], replaced_value_float=0.0),
    "columns": graph([(ML, "ArrayFeatureExtractor", "x,c", "y", {})], {"y": T.FLOAT}, c=np.array([2, 0, 2])),
    "one-hot": single("OneHotEncoder", T.INT64, cats_int64s=[0, 2, -1]),
    "vectorizer": graph([(ML, "FeatureVectorizer", "x,x", "y", {"inputdimensions": [4, 4]})], {"y": T.FLOAT}),
    "numbers to floats": choosing("LabelEncoder", T.FLOAT, {"keys_int64s": [2, 0], "values_floats": [0.5, -1.5], "default_float": 9.0}),
    "numbers to numbers": single("LabelEncoder", T.INT64, T.INT64, keys_int64s=[1, -2], values_int64s=[5, 70], default_int64=-9),
    "numbers to texts": choosing("LabelEncoder", T.STRING, TO_TEXT[4]),
    "texts to numbers": choosing("LabelEncoder", T.INT64, {"keys_strings": ["so", "else"], "values_int64s": [10, 20], "default_int64": 30}, TO_TEXT),
    "floats to floats": single("LabelEncoder", T.FLOAT, T.FLOAT, keys_floats=[0.0, 1.5], values_floats=[3.0, 4.0]),
    "tensors of keys": single("LabelEncoder", T.INT64, T.FLOAT, 4, keys_tensor=numpy_helper.from_array(np.array([0, -1])),
                              values_tensor=numpy_helper.from_array(np.array([0.25, 7.0], np.float32)),
                              default_tensor=numpy_helper.from_array(np.array([-2.0], np.float32))),
    "the first encoder": graph([("", "ArgMax", "x", "a", {"axis": 1, "keepdims": 0}),
                                (ML, "LabelEncoder", "a", "y", {"classes_strings": ["a", "b", "c", "d"]})], {"y": T.STRING}, ml=1),
}  # fmt: skip


def fed(proto):
    rng = np.random.default_rng(2)
    if proto.graph.input[0].type.tensor_type.elem_type == T.INT64:
        return rng.integers(-2, 3, (40, 4))
    x = rng.normal(size=(40, 4)).astype(np.float32)
    x[3], x[4, 1], x[5, 2], x[6, 0] = 0.0, 1.5, 0.0, -0.0
    if proto.graph.node[0].op_type == "Imputer":
        x[7, 2] = np.nan
    return x


def loaded(proto, tmp_path, **options):
    path = tmp_path / "m.onnx"
    path.write_bytes(proto.SerializeToString())
    return gd.onnx.load(path, **options)


@pytest.mark.parametrize("name", CASES)
def test_as_onnxruntime_has_it(name, tmp_path):
    proto = CASES[name]
    model, x = loaded(proto, tmp_path), fed(proto)
    names = [o.name for o in proto.graph.output]
    for rows in (40, 1):
        got = model.predict(x[:rows])
        got = got if isinstance(got, dict) else {names[0]: got}
        for key, want in zip(names, answers(proto, [x[:rows]], check=False), strict=True):
            given = got[key]
            if isinstance(want, list):  # a dict for each sample
                by_name = [{str(k): v for k, v in row.items()} for row in want]
                want = np.array([[row[k] for k in model.class_names[key]] for row in by_name])
            if want.dtype.kind in "OU":
                given = np.array(model.class_names[key])[given.astype(int)]
                assert given.tolist() == want.tolist()
            else:
                assert given.shape == want.shape
                close(given, want, 1e-5)


def test_whole_numbers_as_features(tmp_path):
    """For which onnxruntime has no regressor."""
    x = np.random.default_rng(0).integers(-9, 9, (5, 4))
    proto = single("LinearRegressor", T.INT64, coefficients=[1.0, -2.0, 0.5, 4.0])
    close(loaded(proto, tmp_path).predict(x), x @ np.array([[1.0], [-2.0], [0.5], [4.0]]), 1e-6)
    proto = graph([*linear_of_ints()], {"label": T.INT64}, T.INT64)
    np.testing.assert_array_equal(
        loaded(proto, tmp_path).predict(x), answers(proto, [x], check=False)[0]
    )


def linear_of_ints():
    weights = {
        "coefficients": f(12).tolist(),
        "intercepts": [0.0] * 3,
        "classlabels_ints": [0, 1, 2],
    }
    return [(ML, "LinearClassifier", "x", "label,scores", weights)]


def test_every_node_is_tried():
    tried = {n.op_type for p in CASES.values() for n in p.graph.node if n.domain == ML}
    assert tried == set(CLASSIC)


def test_one_output_is_taken_and_trained(tmp_path):
    model = loaded(linear(), tmp_path, outputs=["probability"])
    assert model.class_names == {"probability": ["0", "1", "2"]}
    rng = np.random.default_rng(0)
    y = rng.integers(0, 3, 300)
    x = (rng.normal(size=(300, 4)) + 2 * np.eye(4)[y]).astype(np.float32)
    model.compile(gd.Adam(5e-2), gd.losses.CrossEntropy(from_logits=True), metrics=["accuracy"])
    model.fit(x, y, epochs=20, seed=0)
    assert model.evaluate(x, y)["accuracy"] > 0.8
    assert {v.shape for v in model.state_dict().values()} == {(4, 3), (3,)}


def test_what_only_other_outputs_need_is_not_read(tmp_path):
    proto = linear()
    proto.graph.node.append(helper.make_node("TopK", ["label", "k"], ["a", "b"]))
    proto.graph.output.append(helper.make_tensor_value_info("b", T.INT64, None))
    with pytest.raises(ValueError, match="is a TopK"):
        loaded(proto, tmp_path)
    assert loaded(proto, tmp_path, outputs=["probability"]).predict(fed(proto)).shape == (40, 3)


def test_outputs_that_are_not_there(tmp_path):
    with pytest.raises(
        ValueError, match="outputs label, probability: expected at least one, and p among"
    ):
        loaded(linear(), tmp_path, outputs=["p"])


REFUSED = {
    "names as an output": (lambda: graph([("", "Identity", "c", "y", {})], {"y": T.STRING}, c=texts("c", "a")), "leave it out, with outputs="),
    "trees": (lambda: single("TreeEnsembleRegressor"), "is a TreeEnsembleRegressor of the domain 'ai.onnx.ml', which"),
    "texts as input": (lambda: single("LabelEncoder", T.STRING, T.INT64, keys_strings=["a"], values_int64s=[1]),
                       "input 'x': expected a named tensor of .*; number the texts before"),
    "too few numbers": (lambda: single("LinearRegressor", coefficients=[1.0, 2.0]), "2 coefficients and 0 intercepts for 4 features"),
    "another norm": (lambda: single("Normalizer", norm="L3"), "norm b'L3': expected L1, L2 or MAX"),
    "another transform": (lambda: linear("PROBIT"), "post_transform b'PROBIT': expected"),
    "labels beyond floats": (lambda: linear(classlabels_ints=[0, 1, 2**24 + 1]), "exact up to 16777216"),
    "texts that are added": (lambda: graph([TO_TEXT_OF, ("", "Add", "b,b", "y", {})], {"y": T.STRING}), "computes with strings"),
    "a great many keys": (
        lambda: single("LabelEncoder", T.INT64, T.INT64, keys_int64s=list(range(70000)), values_int64s=[0] * 70000),
        "70000 classes or keys: expected at most 65536",
    ),
    "keys twice": (lambda: single("LabelEncoder", T.INT64, T.INT64, keys_int64s=[1, 1], values_int64s=[1, 2]), "expected each key once"),
    "keys of another kind": (lambda: single("LabelEncoder", T.INT64, T.INT64, keys_strings=["a"], values_int64s=[1]), "for an input of another kind"),
}  # fmt: skip
TO_TEXT_OF = (ML, "LabelEncoder", "x", "b", {"keys_floats": [1.0], "values_strings": ["one"]})


@pytest.mark.parametrize("what", REFUSED)
def test_refused_in_one_line(what, tmp_path):
    make, message = REFUSED[what]
    with pytest.raises(ValueError, match=message) as caught:
        loaded(make(), tmp_path)
    assert "\n" not in str(caught.value)
