"""Networks as files: tensors, models, checkpoints, ONNX. Sound ones are made here, not stored."""

import json
import tempfile
import warnings
from contextlib import suppress
from pathlib import Path

import numpy as np

import gdcore as gd
from gdcore.graph.dims import at_batch, size
from gdcore.graph.ir import INT, topological
from gdcore.io import safetensors
from gdcore.text.base import READER

from .mutate import (
    NUMBERS,
    TEXTS,
    anything,
    multiply_outputs,
    mutate_bytes,
    mutate_message,
    mutate_tree,
)
from .target import Target, files


def _models():
    x, a, i = gd.Input((4, 4, 1)), gd.Input(3, name="a"), gd.Input((2,), name="i", dtype="int")
    image = gd.Flatten()(gd.MaxPool2D(2)(gd.Conv2D(2, 2, padding="same", activation="mish")(x)))
    table = gd.Flatten()(gd.Embedding(5, 2)(i))
    words, ngrams = gd.text.Words(2).fit(["a b"]), gd.text.NGrams(2, weights="tfidf").fit(["a b"])
    ids, rows = gd.Input(words, name="w"), gd.Input(ngrams, name="n")
    text = [gd.Flatten()(gd.Embedding(len(words), 2)(ids)), gd.Dense(2)(rows)]
    joined = gd.Concatenate()([gd.LayerNorm()(gd.Dense(3, "gelu")(a)), table])
    return [
        gd.Sequential([gd.Input(2), gd.Dense(2)]),
        gd.Sequential(
            [gd.Input(3), gd.Dense(2, "relu"), gd.BatchNorm(), gd.Dropout(0.5), gd.Dense(1)]
        ),
        gd.Model(x, gd.Dense(2, "softmax")(image)),
        gd.Model([a, i], {"p": gd.Dense(1)(joined), "q": gd.Activation("relu6")(joined)}),
        gd.Sequential([gd.Input((2, 2)), gd.LSTM(2), gd.Dense(1)]),
        gd.Model([ids, rows], gd.Concatenate()(text)),
        gd.Model(i, gd.Bidirectional(gd.GRU(2))(gd.Embedding(5, 2, mask_zero=True)(i))),
    ]


def _use_model(model):
    """Ask it for two samples, if it is small enough to be asked in no time."""
    network = model._engine.network()
    if sum(at_batch(size(v.shape), 2) for v in topological(network.outputs)) > 1 << 18:
        return
    x = {
        v.name: ["a b a", ""]
        if READER in v.attrs
        else np.ones((2, *v.shape[1:]), np.int32 if v.dtype == INT else np.float32)
        for v in network.inputs
    }
    try:
        model.predict(x)
    except (TypeError, MemoryError) as error:  # documented, of one line
        raise ValueError(str(error)) from None


# --- safetensors and models ----------------------------------------------------------


def _tensor_seeds():
    some = {
        "w": np.eye(3, dtype=np.float32),
        "b": np.arange(4, dtype=np.int16),
        "n": np.zeros((0, 2)),
    }
    every = {c: np.ones(2, c) for c in ("f8", "f4", "f2", "i8", "u4", "i2", "u1", "i1", "b1")}
    return files(lambda t, p: safetensors.save(p, t, {"k": "v"}), {}, some, every)


def _split_tensors(data):
    """Header and buffer of a safetensors file."""
    length = int.from_bytes(data[:8], "little")
    return json.loads(data[8 : 8 + length]), data[8 + length :]


def _join_tensors(rng, header, rest):
    packed = json.dumps(header).encode("utf-8", "surrogatepass")
    packed += b" " * (-len(packed) % 8)
    wrong = rng.choice(NUMBERS) % 2**64 if rng.random() < 0.02 else len(packed)
    return wrong.to_bytes(8, "little") + packed + rest


def _mutate_tensors(rng, data, other):
    if rng.random() < 0.4:
        return mutate_bytes(rng, data, other)
    try:
        header, rest = _split_tensors(data)
    except (ValueError, RecursionError):
        return mutate_bytes(rng, data, other)
    if rng.random() < 0.1:  # many small entries: memory and time must not run away
        header = {
            f"{i}": rng.choice(({}, [], 0, anything(rng))) for i in range(rng.randrange(3000))
        }
    else:
        header = mutate_tree(rng, header)
    return _join_tensors(rng, header, rest)


def _model_seeds():
    out = []
    for i, model in enumerate(_models()):
        if i % 2:
            model.compile(gd.Adam(1e-2), ["mse"] * len(model._engine.network().outputs))
        model.info = {"classes": ["a", "b"]}
        out += files(lambda m, p: m.save(p), model, suffix="safetensors")
    return out


def _mutate_model(rng, data, other):
    """The description that stands as text in the header's metadata, mostly."""
    if rng.random() < 0.25:
        return _mutate_tensors(rng, data, other)
    return _mutate_text(rng, data, other, "model")


def _mutate_text(rng, data, other, key):
    """A description in the metadata of a header."""
    try:
        header, rest = _split_tensors(data)
        text = header["__metadata__"][key]
    except (ValueError, KeyError, TypeError, RecursionError):
        return mutate_bytes(rng, data, other)
    if not isinstance(text, str):
        text = json.dumps(text)
    if rng.random() < 0.1:
        text = mutate_bytes(rng, text.encode("utf-8", "replace"), b"").decode("utf-8", "replace")
    else:
        try:
            tree = json.loads(text)
            if rng.random() < 0.2:
                with suppress(KeyError, TypeError, IndexError):
                    multiply_outputs(rng, tree["graph"])
            if rng.random() < 0.8:
                tree = mutate_tree(rng, tree)
            text = json.dumps(tree)
        except (ValueError, RecursionError):
            text = json.dumps(anything(rng))
    header["__metadata__"][key] = text
    return _join_tensors(rng, header, rest)


# --- checkpoints -----------------------------------------------------------------------

_X, _Y = np.eye(6, 3, dtype=np.float32), np.arange(6) % 2
_TRAINEE: list[gd.Model] = []  # one for all: its plans are made once


def _fit(folder=None, **more):
    """A short training run of the one model, with all that keeps a state."""
    if not _TRAINEE:
        _TRAINEE.append(
            gd.Sequential([gd.Input(3), gd.Dense(2), gd.BatchNorm(), gd.Dense(2)]).compile(
                gd.Adam(gd.schedules.ReduceOnPlateau(0.1)), "cross_entropy", ["accuracy", "f1"]
            )
        )
    keep = [] if folder is None else [gd.Checkpoint(folder, every_steps=2, keep=9)]
    callbacks = [gd.EarlyStopping("val_loss", patience=2), *keep]
    _TRAINEE[0].fit(
        _X, _Y, batch_size=2, epochs=2, validation_data=(_X, _Y), callbacks=callbacks,
        verbose=0, **more,
    )  # fmt: skip


def _checkpoint_seeds():
    with tempfile.TemporaryDirectory() as folder:
        _fit(folder, seed=1)
        return [path.read_bytes() for path in sorted(Path(folder).iterdir()) if path.name[0] == "s"]


def _resume(path):
    """Read into a model that goes on training; that its numbers explode is for `fit` to say."""
    if not _TRAINEE:
        _fit(seed=1)
    with suppress(gd.NonFiniteError), warnings.catch_warnings():
        warnings.filterwarnings("ignore", "the checkpoint holds the state of")
        _fit(resume_from=Path(path))


def _mutate_checkpoint(rng, data, other):
    if rng.random() < 0.5:
        return _mutate_text(rng, data, other, "fit")
    return _mutate_model(rng, data, other)


# --- ONNX ----------------------------------------------------------------------------


def _onnx_seeds():
    from onnx import helper, numpy_helper

    from gdcore.onnx.save import to_onnx

    out = [to_onnx(model) for model in _models()]
    make, ints = helper.make_node, lambda name, *v: numpy_helper.from_array(np.array(v), name)
    floats = lambda name, *s: numpy_helper.from_array(np.ones(s, np.float32), name)  # noqa: E731
    graphs = [
        ([make("Shape", ["x"], ["s"]), make("Gather", ["s", "zero"], ["b"]),
          make("Unsqueeze", ["b", "zeros"], ["bs"]), make("Concat", ["bs", "rest"], ["t"], axis=0),
          make("Reshape", ["x", "t"], ["r"]), make("Split", ["r"], ["p", "q"], axis=1, num_outputs=2),
          make("Clip", ["p", "", "one"], ["c"]), make("Concat", ["c", "q"], ["y"], axis=1)],
         [ints("zeros", 0), ints("rest", -1), numpy_helper.from_array(np.array(0), "zero"),
          numpy_helper.from_array(np.array(1, np.float32), "one")]),
        ([make("Conv", ["x", "w", "b"], ["c"], group=2, pads=[1, 0, 1, 0], auto_pad="NOTSET"),
          make("AveragePool", ["c"], ["p"], kernel_shape=[2, 2], ceil_mode=1),
          make("Pad", ["p", "pads", "one"], ["d"]), make("ReduceMean", ["d", "axes"], ["m"], keepdims=0),
          make("Slice", ["m", "zeros", "two", "ones"], ["y"])],
         [floats("w", 4, 1, 2, 2), floats("b", 4), ints("pads", 0, 0, 1, 0, 0, 0, 0, 1),
          ints("axes", 2, 3), ints("zeros", 0), ints("two", 2), ints("ones", 1),
          numpy_helper.from_array(np.array(1, np.float32), "one")]),
    ]  # fmt: skip
    graphs += [*graphs, *_classic_graphs(make)]
    for nodes, initializers in graphs:
        x = helper.make_tensor_value_info("x", 1, ["n", 2, 4, 4])
        y = helper.make_tensor_value_info("y", 1, ["n", None])
        graph = helper.make_graph(nodes, "g", [x], [y], initializers)
        opset = helper.make_opsetid("", 20)
        classic = helper.make_opsetid("ai.onnx.ml", 3)
        out.append(helper.make_model(graph, ir_version=9, opset_imports=[opset, classic]))
    for batch, model in zip((1, 2), out[-4:-2], strict=True):  # as of a sample, or of two at once
        model.graph.input[0].type.tensor_type.shape.dim[0].dim_value = batch
    return [m.SerializeToString() for m in out]


def _classic_graphs(make):
    """As scikit-learn's models are exported: a choice of a class, texts for classes, encoders."""
    ml = {"domain": "ai.onnx.ml"}
    flat = make("Flatten", ["x"], ["f"])
    labels = {"classlabels_strings": ["one", "two"]}
    return [
        ([flat, make("Scaler", ["f"], ["s"], offset=[0.5], scale=[2.0], **ml),
          make("LinearClassifier", ["s"], ["l", "p"], coefficients=[0.1] * 64, intercepts=[0.0, 1.0],
               post_transform="SOFTMAX", **labels, **ml),
          make("Normalizer", ["p"], ["y"], norm="L1", **ml)], []),
        ([flat, make("ArgMax", ["f"], ["a"], axis=1),
          make("LabelEncoder", ["a"], ["t"], keys_int64s=[0, 3], values_strings=["a", "b"], **ml),
          make("LabelEncoder", ["t"], ["u"], keys_strings=["b"], values_floats=[2.5], **ml),
          make("Cast", ["u"], ["h"], to=10), make("Cast", ["h"], ["i"], to=7),
          make("OneHotEncoder", ["i"], ["o"], cats_int64s=[1, 2], **ml), make("Cast", ["o"], ["y"], to=1)], []),
    ]  # fmt: skip


def _mutate_onnx(rng, data, other):
    if rng.random() < 0.2:
        return mutate_bytes(rng, data, other)
    import onnx

    from gdcore.onnx.nodes import NODES
    from gdcore.onnx.nodes_classic import CLASSIC
    from gdcore.onnx.nodes_host import FOLDS

    words = [*TEXTS[:5], *TEXTS[6:9], "x", "y", "batch", "axis", "value", "shape", "axes", "mode",
             "SAME_UPPER", *NODES, *FOLDS, *CLASSIC]  # fmt: skip
    try:
        message = onnx.ModelProto.FromString(data)
        names = [n for node in message.graph.node for n in (*node.input, *node.output)]
        mutate_message(rng, message, words + names * 3)
        return message.SerializeToString()
    except Exception:  # protobuf's own errors, of whichever implementation
        return mutate_bytes(rng, data, other)


def _load_onnx(path):
    return gd.onnx.load(path)


NETWORKS = [
    Target("safetensors", safetensors.load, _tensor_seeds, _mutate_tensors),
    Target("model", gd.load, _model_seeds, _mutate_model, _use_model, factor=64),
    Target("checkpoint", _resume, _checkpoint_seeds, _mutate_checkpoint, factor=64),
    Target("onnx", _load_onnx, _onnx_seeds, _mutate_onnx, _use_model, factor=64),
]
