"""The node cases of the onnx package: each passes, or is refused in one line, for the operators of `OPERATORS`.

A model takes samples, where a node takes arrays. So a case is tried in several ways: with its first input as
data and the others as constants, which they are in files; with all that are floats as data; with all that are
as long as the first; and what is a whole batch for the model is given as one sample. One of them has to give the
outputs of the case, and none may give others.
"""

import warnings

import numpy as np
import pytest

import gdcore as gd

onnx = pytest.importorskip("onnx")

OPERATORS = {
    *("AveragePool", "BatchNormalization", "CenterCropPad", "Clip", "Conv", "ConvTranspose"),
    *("DepthToSpace", "GlobalAveragePool", "GlobalLpPool", "GlobalMaxPool", "GroupNormalization"),
    *("InstanceNormalization", "LRN", "LpPool", "MaxPool", "MaxUnpool"),
    *("MeanVarianceNormalization", "Pad", "Resize", "SpaceToDepth", "Upsample"),
    *("Attention", "Concat", "Einsum", "Expand", "Flatten", "GRU", "Gather", "GatherElements"),
    *(
        "GatherND",
        "Gemm",
        "LSTM",
        "LayerNormalization",
        "Loop",
        "MatMul",
        "RMSNormalization",
        "RNN",
    ),
    *("Reshape", "RotaryEmbedding", "Scan", "Scatter", "ScatterElements", "ScatterND", "Slice"),
    *("Split", "Squeeze", "Tile", "Transpose", "Trilu", "Unsqueeze", "Where"),
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
        ("maxunpool_export_with_output_shape", "maxunpool_export_without_output_shape"),
        "is a MaxUnpool, which gdcore does not support",  # it takes those indices
    ),
    **dict.fromkeys(("einsum_scalar", "scan9_scalar"), "has 0 dimensions: expected the batch"),
    "einsum_inner_prod": "one number for the whole batch",
    **dict.fromkeys(("matmul_1d_1d", "matmul_1d_3d"), "a product with a vector over the batch"),
    "reshape_allowzero_reordered": "cannot reshape a value of shape",  # of no elements
    **dict.fromkeys(
        ("split_zero_size_splits_opset13", "split_zero_size_splits_opset18"),
        "a split of the batch",  # of no elements
    ),
}


def gathered():
    """Cases by name that have an input of floats, without those that are written out in other operators."""
    from onnx.backend.test.case.node import collect_testcases  # it computes all cases: seconds

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        cases = collect_testcases(None)
    found = {}
    for case in cases:
        arrays = case.data_sets[0][0]
        plain = all(isinstance(a, np.ndarray | np.generic) for a in arrays)
        floats = plain and any(a.dtype in (np.float32, np.float64) for a in arrays)
        if floats and {n.op_type for n in case.model.graph.node} <= OPERATORS:
            found[case.name.removeprefix("test_")] = case
    return found


def ways(arrays):
    """Names of the inputs that are data, in the order in which it is tried."""
    names = list(arrays)
    first = arrays[names[0]]
    floats = [n for n in names if arrays[n].dtype.kind == "f"]
    long = [n for n in names if first.ndim and arrays[n].shape[:1] == first.shape[:1]]
    more = [
        [n for n in long if arrays[n].ndim != 2],
        [n for n in long if arrays[n].ndim in (1, first.ndim)],
    ]
    return dict.fromkeys(tuple(w) for w in (names[:1], floats, floats[:1], long, *more) if w)


def with_constants(case, data):
    """The model with all inputs but these as constants."""
    model = onnx.ModelProto()
    model.CopyFrom(case.model)
    arrays = dict(zip((i.name for i in model.graph.input), case.data_sets[0][0], strict=True))
    kept = [i for i in model.graph.input if i.name in data]
    for name in arrays.keys() - set(data):
        model.graph.initializer.append(onnx.numpy_helper.from_array(np.asarray(arrays[name]), name))
    del model.graph.input[:]
    model.graph.input.extend(kept)
    return model


def asked(case, data, path):
    """What the model gives; its inputs and outputs in the file's shapes."""
    path.write_bytes(with_constants(case, data).SerializeToString())
    model = gd.onnx.load(path)
    names = [i.name for i in case.model.graph.input]
    arrays = dict(zip(names, map(np.asarray, case.data_sets[0][0]), strict=True))
    leaves = model._engine.definition.inputs
    whole = any(leaf.ndim > arrays[leaf.name].ndim for leaf in leaves)
    given = [arrays[leaf.name][None] if whole else arrays[leaf.name] for leaf in leaves]
    made = model.predict(tuple(given) if len(given) > 1 else given[0])
    made = list(made.values()) if isinstance(made, dict) else [made]
    wanted = [np.asarray(w) for w in case.data_sets[0][1]]
    return [y[0] if y.ndim > w.ndim else y for y, w in zip(made, wanted, strict=True)], wanted


def wrong(name, case, path):
    """What does not hold of a case, or None."""
    arrays = dict(
        zip(
            (i.name for i in case.model.graph.input),
            map(np.asarray, case.data_sets[0][0]),
            strict=True,
        )
    )
    refusals = []
    for data in ways(arrays):
        try:
            made, wanted = asked(case, data, path)
        except ValueError as error:
            refusals.append(str(error))
            continue
        if name in REFUSED:
            return "it is among those that are refused, and is not"
        for got, want in zip(made, wanted, strict=True):
            options = {"rtol": case.rtol, "atol": max(case.atol, 1e-6), "equal_nan": True}
            if got.shape != want.shape or not np.allclose(got, want, **options):
                return f"{got.shape} for {want.shape}, up to {np.abs(got - want).max()} apart"
        return None
    if name in REFUSED and all("\n" not in r for r in refusals):
        return None if any(REFUSED[name] in r for r in refusals) else f"refused: {refusals}"
    return f"refused: {refusals}"


@pytest.mark.slow
def test_every_node_case(tmp_path):
    cases = gathered()
    assert len(cases) > 400
    assert OPERATORS - {n.op_type for c in cases.values() for n in c.model.graph.node} == {
        *("GlobalLpPool", "Trilu"),  # of which it has cases of whole numbers alone, or none
    }
    failed = {name: wrong(name, case, tmp_path / "m.onnx") for name, case in cases.items()}
    assert {name: what for name, what in failed.items() if what} == {}
    assert set(REFUSED) <= set(cases)
