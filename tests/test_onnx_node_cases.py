"""The node cases of the onnx package, for the operators of images: each passes, or is refused in one line."""

import warnings

import numpy as np
import pytest

import gdcore as gd

onnx = pytest.importorskip("onnx")

from onnx import numpy_helper  # noqa: E402
from onnx.backend.test.case.node import collect_testcases  # noqa: E402

OPERATORS = {
    *("AveragePool", "BatchNormalization", "Clip", "DepthToSpace", "GlobalAveragePool"),
    *("GlobalMaxPool", "GroupNormalization", "InstanceNormalization", "LRN"),
    *("MaxPool", "Pad", "Resize", "SpaceToDepth", "Upsample"),
}
# What is refused, and why. The list may only shrink.
REFUSED = {
    **dict.fromkeys(
        ("batchnorm_example_training_mode", "batchnorm_epsilon_training_mode"),
        "statistics of the batch, as in training",
    ),
    **dict.fromkeys(
        ("maxpool_with_argmax_2d_precomputed_pads", "maxpool_with_argmax_2d_precomputed_strides"),
        "a second output, of indices",
    ),
    **dict.fromkeys(
        (
            *("resize_tf_crop_and_resize", "resize_tf_crop_and_resize_extrapolation_value"),
            *("resize_tf_crop_and_resize_axes_2_3", "resize_tf_crop_and_resize_axes_3_2"),
        ),
        "coordinate_transformation_mode b'tf_crop_and_resize'",
    ),
}


def gathered():
    """Cases by name whose first input is float32, without those that are written out in other operators."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        cases = collect_testcases(None)
    return {
        case.name.removeprefix("test_"): case
        for case in cases
        if {n.op_type for n in case.model.graph.node} <= OPERATORS
        and np.asarray(case.data_sets[0][0][0]).dtype == np.float32
    }


CASES = gathered()


def with_constants(case):
    """The model with all inputs but the first as constants, which they are in files."""
    model = onnx.ModelProto()
    model.CopyFrom(case.model)
    inputs, graph = case.data_sets[0][0], model.graph
    given = [i for i in graph.node[0].input if i]
    for name, array in list(zip(given, inputs, strict=True))[1:]:
        graph.initializer.append(numpy_helper.from_array(np.asarray(array), name))
    kept = [i for i in graph.input if i.name == given[0]]
    del graph.input[:]
    graph.input.extend(kept)
    return model


@pytest.mark.parametrize("name", CASES)
def test_node_case(name, tmp_path):
    case = CASES[name]
    path = tmp_path / "m.onnx"
    path.write_bytes(with_constants(case).SerializeToString())
    inputs, outputs = case.data_sets[0]
    if name in REFUSED:
        with pytest.raises(ValueError, match=REFUSED[name]) as caught:
            gd.onnx.load(path)
        assert "\n" not in str(caught.value)
        return
    got = gd.onnx.load(path).predict(np.asarray(inputs[0]))
    np.testing.assert_allclose(got, outputs[0], rtol=case.rtol, atol=max(case.atol, 1e-6))


def test_nothing_is_refused_that_there_is_not():
    assert set(REFUSED) <= set(CASES) or onnx.__version__.split(".") < ["1", "20"]
