"""The cases that the onnx package has for Conv and ConvTranspose: each gives the outputs that are stored with it."""

from importlib import import_module

import numpy as np
import pytest
from harness import close

import gdcore as gd

pytest.importorskip("onnx")
NODE = "onnx.backend.test.case.node"  # importing one of its modules makes the cases of an operator


@pytest.mark.parametrize("kind", ["Conv", "ConvTranspose"])
def test_cases_of_the_package(kind, tmp_path):
    import onnx

    import_module(f"{NODE}.{kind.lower()}")
    found = [
        c
        for c in import_module(NODE)._NodeTestCases
        if [n.op_type for n in c.model.graph.node] == [kind]
    ]
    assert len(found) >= 6
    for case in found:
        ((inputs, outputs),) = case.data_sets
        model = onnx.ModelProto.FromString(case.model.SerializeToString())
        graph = model.graph
        for info, array in list(zip(graph.input, inputs, strict=True))[1:]:
            graph.initializer.append(onnx.numpy_helper.from_array(np.asarray(array), info.name))
            graph.input.remove(info)
        path = tmp_path / f"{case.name}.onnx"
        path.write_bytes(model.SerializeToString())
        close(gd.onnx.load(path).predict(np.asarray(inputs[0])), np.asarray(outputs[0]), 2e-6)
