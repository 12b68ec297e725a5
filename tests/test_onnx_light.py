"""The networks that the onnx package carries, whose weights are one number each, give the outputs stored with them."""

from pathlib import Path

import numpy as np
import pytest

import gdcore as gd

onnx = pytest.importorskip("onnx")
FOLDER = Path(onnx.__file__).parent / "backend" / "test" / "data" / "light"
NAMES = sorted(p.stem.removeprefix("light_") for p in FOLDER.glob("light_*.onnx"))
QUICK = ("shufflenet", "squeezenet")


@pytest.mark.parametrize(
    "name", [n if n in QUICK else pytest.param(n, marks=pytest.mark.slow) for n in NAMES]
)
def test_stored_outputs(name):
    stored = (FOLDER / f"light_{name}_output_0.pb").read_bytes()
    want = onnx.numpy_helper.to_array(onnx.TensorProto.FromString(stored))
    shape = (1, 3, 224, 224)
    x = (np.arange(np.prod(shape)).reshape(shape) / np.prod(shape)).astype(np.float32)
    got = gd.onnx.load(FOLDER / f"light_{name}.onnx").predict(x)
    assert got.shape == want.shape
    np.testing.assert_allclose(got, want, rtol=1e-3, atol=1e-5)


def test_all_are_there():
    assert not NAMES or {"resnet50", "vgg19", "inception_v1", "densenet121"} <= set(NAMES)


def test_constants_that_files_only_name(tmp_path):
    """A weight of 40 MB in a file of 200 bytes; more than the largest that is filled is refused."""
    helper = onnx.helper

    def written(rows):
        shape = onnx.numpy_helper.from_array(np.array([4, rows], np.int64), "s")
        one = onnx.numpy_helper.from_array(np.array([0.5], np.float32), "v")
        nodes = [
            helper.make_node("ConstantOfShape", ["s"], ["w"], value=one),
            helper.make_node("MatMul", ["x", "w"], ["h"]),
            helper.make_node("ReduceMax", ["h"], ["y"], axes=[1]),
        ]
        x, y = (helper.make_tensor_value_info(n, 1, ["n", 4]) for n in "xy")
        graph = helper.make_graph(nodes, "g", [x], [y], [shape])
        path = tmp_path / "m.onnx"
        opset = helper.make_opsetid("", 13)
        model = helper.make_model(graph, ir_version=8, opset_imports=[opset])
        path.write_bytes(model.SerializeToString())
        return path

    model = gd.onnx.load(written(1_250_000))
    assert model.predict([[1.0, 2.0, 3.0, 4.0]]).tolist() == [[5.0]]
    with pytest.raises(ValueError, match=r"a constant of shape .* expected at most"):
        gd.onnx.load(written(1 << 27))
