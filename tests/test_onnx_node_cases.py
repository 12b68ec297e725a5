"""The node cases of the onnx package, for the operators of images: each passes, or is refused in one line."""

import warnings

import numpy as np
import pytest

import gdcore as gd

onnx = pytest.importorskip("onnx")

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
    from onnx.backend.test.case.node import collect_testcases  # it computes all cases: seconds

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        cases = collect_testcases(None)
    return {
        case.name.removeprefix("test_"): case
        for case in cases
        if {n.op_type for n in case.model.graph.node} <= OPERATORS
        and np.asarray(case.data_sets[0][0][0]).dtype == np.float32
    }


def with_constants(case):
    """The model with all inputs but the first as constants, which they are in files."""
    model = onnx.ModelProto()
    model.CopyFrom(case.model)
    inputs, graph = case.data_sets[0][0], model.graph
    given = [i for i in graph.node[0].input if i]
    for name, array in list(zip(given, inputs, strict=True))[1:]:
        graph.initializer.append(onnx.numpy_helper.from_array(np.asarray(array), name))
    kept = [i for i in graph.input if i.name == given[0]]
    del graph.input[:]
    graph.input.extend(kept)
    return model


def wrong(name, case, path):
    """What does not hold of a case, or None."""
    path.write_bytes(with_constants(case).SerializeToString())
    inputs, outputs = case.data_sets[0]
    try:
        got = gd.onnx.load(path).predict(np.asarray(inputs[0]))
    except ValueError as error:
        refused = name in REFUSED and REFUSED[name] in str(error) and "\n" not in str(error)
        return None if refused else str(error)
    if name in REFUSED:
        return "it is among those that are refused, and is not"
    good = np.allclose(got, outputs[0], rtol=case.rtol, atol=max(case.atol, 1e-6))
    return None if good else f"{got.shape}, up to {np.abs(got - outputs[0]).max()} apart"


@pytest.mark.slow
def test_every_node_case(tmp_path):
    cases = gathered()
    assert len(cases) > 90
    failed = {name: wrong(name, case, tmp_path / "m.onnx") for name, case in cases.items()}
    assert {name: what for name, what in failed.items() if what} == {}
    assert set(REFUSED) <= set(cases)
