"""The readers, sound files to begin with (made here, not stored), and how to change them sensibly."""

import difflib  # noqa: F401  (what guesses at names is loaded before anything is watched)
import gzip
import io
import json
import os
import struct
import tempfile
import warnings
import zipfile
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

import gdcore as gd
from gdcore import datasets
from gdcore.graph.ir import INT, at_batch, size, topological
from gdcore.io import safetensors

from .mutate import (
    NUMBERS,
    TEXTS,
    anything,
    mutate_bytes,
    mutate_message,
    mutate_rows,
    mutate_tree,
)

INFLATION = 1032  # what deflate can make of a byte at most
SPARE = 4 << 20  # bytes that any read may take


@dataclass
class Target:
    """A reader of files.

    Attributes
    ----------
    read : callable of a path
    seeds : callable, the sound files
    mutate : callable (rng, one input, another) giving the next
    use : what is done with an accepted file; it may refuse in one line as well
    factor : bytes of memory for each byte of the file, beyond a spare amount
    longest : bytes of an input
    """

    name: str
    read: Callable
    seeds: Callable
    mutate: Callable
    use: Callable = lambda result: None
    factor: int = 16
    longest: int = 1 << 16

    def bound(self, data):
        return self.factor * len(data) + SPARE


def _files(write, *arguments):
    """The bytes that functions write to a path."""
    out = []
    with tempfile.TemporaryDirectory() as folder:
        for i, argument in enumerate(arguments):
            path = os.path.join(folder, f"{i}.npz")
            write(argument, path)
            with open(path, "rb") as file:
                out.append(file.read())
    return out


def _models():
    x, a, i = gd.Input((4, 4, 1)), gd.Input(3, name="a"), gd.Input((2,), name="i", dtype="int")
    image = gd.Flatten()(gd.MaxPool2D(2)(gd.Conv2D(2, 2, padding="same", activation="mish")(x)))
    table = gd.Flatten()(gd.Embedding(5, 2)(i))
    joined = gd.Concatenate()([gd.LayerNorm()(gd.Dense(3, "gelu")(a)), table])
    return [
        gd.Sequential([gd.Input(2), gd.Dense(2)]),
        gd.Sequential(
            [gd.Input(3), gd.Dense(2, "relu"), gd.BatchNorm(), gd.Dropout(0.5), gd.Dense(1)]
        ),
        gd.Model(x, gd.Dense(2, "softmax")(image)),
        gd.Model([a, i], {"p": gd.Dense(1)(joined), "q": gd.Activation("relu6")(joined)}),
        gd.Sequential([gd.Input((2, 2)), gd.LSTM(2), gd.Dense(1)]),
    ]


def _use_model(model):
    """Ask it for two samples, if it is small enough to be asked in no time."""
    network = model.network()
    if sum(at_batch(size(v.shape), 2) for v in topological(network.outputs)) > 1 << 18:
        return
    x = {
        v.name: np.ones((2, *v.shape[1:]), np.int32 if v.dtype == INT else np.float32)
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
    return _files(lambda t, p: safetensors.save(p, t, {"k": "v"}), {}, some, every)


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
            model.compile(gd.Adam(1e-2), ["mse"] * len(model.network().outputs))
        model.info = {"classes": ["a", "b"]}
        out += _files(lambda m, p: m.save(p), model)
    return out


def _mutate_model(rng, data, other):
    """The description that stands as text in the header's metadata, mostly."""
    if rng.random() < 0.25:
        return _mutate_tensors(rng, data, other)
    try:
        header, rest = _split_tensors(data)
        text = header["__metadata__"]["model"]
    except (ValueError, KeyError, TypeError, RecursionError):
        return mutate_bytes(rng, data, other)
    if not isinstance(text, str):
        text = json.dumps(text)
    if rng.random() < 0.1:
        text = mutate_bytes(rng, text.encode("utf-8", "replace"), b"").decode("utf-8", "replace")
    else:
        try:
            text = json.dumps(mutate_tree(rng, json.loads(text)))
        except (ValueError, RecursionError):
            text = json.dumps(anything(rng))
    header["__metadata__"]["model"] = text
    return _join_tensors(rng, header, rest)


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
    for nodes, initializers in graphs:
        x = helper.make_tensor_value_info("x", 1, ["n", 2, 4, 4])
        y = helper.make_tensor_value_info("y", 1, ["n", None])
        graph = helper.make_graph(nodes, "g", [x], [y], initializers)
        opset = helper.make_opsetid("", 20)
        out.append(helper.make_model(graph, ir_version=9, opset_imports=[opset]))
    return [m.SerializeToString() for m in out]


def _mutate_onnx(rng, data, other):
    if rng.random() < 0.2:
        return mutate_bytes(rng, data, other)
    import onnx

    from gdcore.onnx.load import NODES
    from gdcore.onnx.nodes_host import FOLDS

    words = [*TEXTS[:5], *TEXTS[6:9], "x", "y", "batch", "axis", "value", "shape", "axes", "mode",
             "SAME_UPPER", *NODES, *FOLDS]  # fmt: skip
    try:
        message = onnx.ModelProto.FromString(data)
        names = [n for node in message.graph.node for n in (*node.input, *node.output)]
        mutate_message(rng, message, words + names * 3)
        return message.SerializeToString()
    except Exception:  # protobuf's own errors, of whichever implementation
        return mutate_bytes(rng, data, other)


def _load_onnx(path):
    return gd.onnx.load(path)


# --- arrays and tables ---------------------------------------------------------------


def _npz_seeds():
    x, y = np.arange(6.0).reshape(3, 2), np.arange(3)
    return [
        *_files(lambda a, p: np.savez(p, **a), {"x": x, "y": y}, {"x_train": x, "y_train": y}),
        *_files(lambda a, p: np.savez_compressed(p, **a), {"X": x.T.copy().T, "y": y.astype("U3")}),
    ]


def _mutate_npz(rng, data, other):
    """Members written anew with another header, so that lengths and checksums are right."""
    if rng.random() < 0.4:
        return mutate_bytes(rng, data, other)
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            members = {i.filename: archive.read(i) for i in archive.infolist()[:8]}
    except Exception:  # a damaged archive: whatever zipfile raises
        return mutate_bytes(rng, data, other)
    out = io.BytesIO()
    how = rng.choice((zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED))
    with warnings.catch_warnings(), zipfile.ZipFile(out, "w", how) as archive:
        warnings.simplefilter("ignore")  # two members of one name are what we want
        for name, body in members.items():
            if rng.random() < 0.5:
                body = _mutate_npy(rng, body)
            if rng.random() < 0.1:
                name = rng.choice(["x.npy", "y.npy", "x_test.npy", "../x.npy", "/etc/x.npy", " "])
            archive.writestr(zipfile.ZipInfo(name) if rng.random() < 0.1 else name, body, how)
    return out.getvalue()


def _mutate_npy(rng, body):
    header, rest = body[10:128], body[128:]
    how = rng.randrange(6)
    if how == 0:
        return mutate_bytes(rng, body, b"")
    sizes = ", ".join(str(rng.choice((*NUMBERS, 1, 2, 3))) for _ in range(rng.randrange(4)))
    kind = rng.choice(("<f8", "<i8", "|O", "<U3", "|V8", ">f4", "|S0", "<M8[s]", "<f8, <f8", "x"))
    fortran = rng.choice(("True", "False", "0", "None"))
    text = f"{{'descr': '{kind}', 'fortran_order': {fortran}, 'shape': ({sizes},), }}"
    if how == 1:
        text = rng.choice(("[" * 3000, "(" * 90 + ")" * 90, "1" * 9000, "{}", "__import__('os')"))
    if how == 2:
        header = mutate_bytes(rng, header, b"")
    else:
        header = text.encode().ljust(117) + b"\n"
    if rng.random() < 0.1:
        rest = bytes(rng.choice((0, 100, 50_000)))
    version = rng.choice((b"\x01\x00",) * 4 + (b"\x02\x00", b"\x03\x00", b"\x09\x00"))
    wide = "<H" if version == b"\x01\x00" else "<I"
    return b"\x93NUMPY" + version + struct.pack(wide, len(header) & 0xFFFF) + header + rest


def _idx_seeds():
    plain = [
        struct.pack(">HBB2I", 0, 8, 2, 2, 3) + bytes(6),
        struct.pack(">HBBI", 0, 0x0D, 1, 4) + bytes(16),
        struct.pack(">HBB3I", 0, 0x0E, 3, 1, 0, 2),
    ]
    return plain + [gzip.compress(p, mtime=0) for p in plain]


def _mutate_idx(rng, data, other):
    if data[:2] == b"\x1f\x8b" and rng.random() < 0.7:
        try:
            inner = gzip.decompress(data)
        except Exception:  # damaged: whatever gzip raises
            return mutate_bytes(rng, data, other)
        changed = mutate_bytes(rng, inner, other)
        if rng.random() < 0.05:
            changed += bytes(rng.choice((1000, 1_000_000)))
        return gzip.compress(changed, mtime=0)
    if rng.random() < 0.5:
        sizes = [rng.choice(NUMBERS) % 2**32 for _ in range(rng.randrange(9))]
        return (
            struct.pack(f">HBB{len(sizes)}I", 0, rng.randrange(7, 16), len(sizes), *sizes)
            + data[8:]
        )
    return mutate_bytes(rng, data, other)


CSV = "size,sea,price\n1,near,3\n2.5,far,4\n,near,5\n1e3,?,6\n"


def _csv_seeds():
    return [t.encode() for t in (CSV, "\ufeff" + CSV, 'a,y\n"1\n2",0\nx,1\n')]


def _mutate_csv(rng, data, other):
    if rng.random() < 0.4:
        return mutate_bytes(rng, data, other)
    return mutate_rows(rng, data.decode("utf-8", "replace")).encode("utf-8", "surrogatepass")


def _read_csv(path):
    """As `gdcore train` does, in each way with missing values; the first that is not refused."""
    for missing in ("error", "mean"):
        try:
            return datasets.csv(path, -1, missing=missing)
        except ValueError as error:
            refusal = error
    raise refusal


TARGETS = {
    t.name: t
    for t in (
        Target("safetensors", safetensors.load, _tensor_seeds, _mutate_tensors),
        Target("model", gd.load, _model_seeds, _mutate_model, _use_model, factor=64),
        Target("onnx", _load_onnx, _onnx_seeds, _mutate_onnx, _use_model, factor=64),
        Target("npz", datasets.npz, _npz_seeds, _mutate_npz, factor=3 * INFLATION),
        Target("idx", datasets.idx, _idx_seeds, _mutate_idx, factor=3 * INFLATION),
        Target("csv", _read_csv, _csv_seeds, _mutate_csv, factor=400),
    )
}
