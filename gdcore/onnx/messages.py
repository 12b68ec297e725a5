"""Reads the bytes of an untrusted ONNX file: validates sizes, then the message, then its tensors.

Protobuf gives every nested message some 200 bytes of memory, and two bytes of a file are enough to
declare one. So the messages are counted before any is made, and files with more of them than a
model can have are refused. Tensors kept in other files are refused as well: nothing but the file
itself is opened.
"""

from __future__ import annotations

import math
import os
import stat
from typing import Any

import numpy as np

from gdcore.io import FileFormatError
from gdcore.onnx.library import KNOWN_LATER, OPSET_KNOWN, require_onnx

MOST_BYTES = 2**31 - 1  # of a protobuf message
SPARE_MESSAGES = 200_000  # allowed in any file,
BYTES_A_MESSAGE = 24  # plus one for this many bytes: a real node takes twice that

_TYPES = {
    1: "f4", 2: "u1", 3: "i1", 4: "u2", 5: "i2", 6: "i4", 7: "i8", 9: "b1", 10: "f2", 11: "f8",
    12: "u4", 13: "u8",
}  # fmt: skip
_TEXT, _BFLOAT16 = 8, 16
MOST_TEXT = 1 << 22  # characters of a string constant, shorter strings padded


def read_message(path: str | os.PathLike[str]) -> Any:
    """The `onnx.ModelProto` of a file, validated but for its nodes.

    Raises
    ------
    FileFormatError
        If it is not one, or what it declares cannot be.
    OSError
        If it cannot be read.
    """
    onnx = require_onnx()
    data = _read(path)
    room = SPARE_MESSAGES + len(data) // BYTES_A_MESSAGE
    if (  # two bytes are the least that a message takes
        len(data) > 2 * room and _count(memoryview(data), onnx.ModelProto.DESCRIPTOR, room) > room
    ):
        raise FileFormatError(
            f"more than {room} messages in {len(data)} bytes, expected a model: the file is damaged"
        )
    try:
        model = onnx.ModelProto.FromString(data)
    except Exception as error:  # the class depends on the implementation of protobuf
        raise FileFormatError(
            f"not an ONNX file ({str(error).splitlines()[0] if str(error) else 'damaged'})"
        ) from None
    if not model.HasField("graph") or not model.opset_import:
        raise FileFormatError("not an ONNX file: got no graph and opset, expected both")
    if len(model.functions):
        raise FileFormatError(
            f"{len(model.functions)} functions of its own, which gdcore does not read: inline them "
            "with onnx.inliner.inline_local_functions"
        )
    return model


def one_line(error: BaseException) -> str:
    """What an error says, in one line whatever names a file has."""
    text = " ".join(str(error).split()) or type(error).__name__
    return "".join(c if c.isprintable() else "?" for c in text[:500])


def opset_of(model: Any) -> int:
    """The version of the standard operators that a model was written for."""
    versions = {o.version for o in model.opset_import if o.domain in ("", "ai.onnx")}
    newest = max(OPSET_KNOWN, require_onnx().defs.onnx_opset_version())
    if len(versions) != 1 or not 1 <= min(versions) <= newest:
        got = ", ".join(map(str, sorted(versions))) or "none"
        raise FileFormatError(
            f"opset {got}, expected one from 1 to {newest}: "
            "convert it with onnx.version_converter.convert_version"
        )
    return int(versions.pop())


def check_known(kind: str, opset: int) -> None:
    """Raises ValueError if a later opset has changed an operator since those that gdcore knows."""
    if opset > OPSET_KNOWN:
        since = require_onnx().defs.get_schema(kind, opset, "").since_version
        if since > KNOWN_LATER.get(kind, OPSET_KNOWN):
            raise ValueError(
                f"as opset {since} has it: expected one of up to {OPSET_KNOWN}; "
                "convert the file with onnx.version_converter.convert_version"
            )


def _read(path: str | os.PathLike[str]) -> bytes:
    # Without O_NONBLOCK, opening a pipe would block until there is a writer.
    flag = getattr(os, "O_NONBLOCK", 0)
    with open(path, "rb", opener=lambda p, flags: os.open(p, flags | flag)) as file:
        status = os.fstat(file.fileno())
        if not stat.S_ISREG(status.st_mode):
            raise FileFormatError("a device or pipe, expected a file")
        if status.st_size > MOST_BYTES:
            raise FileFormatError(f"{status.st_size} bytes, expected at most {MOST_BYTES}")
        return file.read()


def _varint(data: memoryview, at: int) -> tuple[int, int]:
    """A varint (7 bits per byte), and the offset after it."""
    value = shift = 0
    while at < len(data) and shift < 70:
        byte = data[at]
        value |= (byte & 127) << shift
        at, shift = at + 1, shift + 7
        if byte < 128:
            return value, at
    raise FileFormatError("not an ONNX file: it ends within a number, or is damaged")


def _count(data: memoryview, descriptor: Any, room: int) -> int:
    """Number of messages nested in one; stops counting soon after `room` is exceeded."""
    found = 0
    todo = [(data, descriptor)]
    schema: dict[str, dict[int, Any]] = {}
    while todo:
        part, kind = todo.pop()
        at, name = 0, kind.full_name
        if name not in schema:
            schema[name] = {f.number: f.message_type for f in kind.fields if f.message_type}
        nested = schema[name]
        while at < len(part):
            if found > room:
                return found
            key, at = _varint(part, at)
            wire = key & 7
            if wire == 0:
                _, at = _varint(part, at)
            elif wire == 2:
                length, at = _varint(part, at)
                inner = nested.get(key >> 3)
                if inner is not None:
                    found += 1
                    todo.append((part[at : at + length], inner))
                at += length
            elif wire in (1, 5):
                at += 8 if wire == 1 else 4
            else:  # groups, which ONNX does not have
                raise FileFormatError("not an ONNX file: it does not follow the format")
        if at > len(part):
            raise FileFormatError("not an ONNX file: it was cut short, or is damaged")
    return found


def names_read(node: Any) -> list[str]:
    """The names that a node reads, those of graphs within it included."""
    found = [name for name in node.input if name]
    for attribute in node.attribute:
        for inner in attribute.g.node:
            found.extend(names_read(inner))
        found.extend(v.name for v in attribute.g.output)  # which may be those of values around it
    return found


def tensor(proto: Any) -> np.ndarray:
    """The numbers of a `TensorProto`; only those that lie in it, as many as its shape declares."""
    if proto.data_location != 0 or len(proto.external_data):
        raise FileFormatError(
            "keeps its numbers in another file, which is not opened: save the model in one file, "
            "with onnx.save(onnx.load(path), new_path)"
        )
    shape = tuple(proto.dims)
    if proto.HasField("segment") or len(shape) > 16 or any(d < 0 for d in shape):
        raise FileFormatError(f"has the shape {shape[:17]}: expected at most 16 sizes from 0")
    kind = proto.data_type
    if kind == _TEXT:
        return _texts(proto.string_data, shape)
    if kind not in _TYPES and kind != _BFLOAT16:
        raise FileFormatError(f"has the element type {kind}: expected numbers that gdcore knows")
    count = math.prod(shape)
    stored = np.dtype(_TYPES.get(kind, "u2")).newbyteorder("<")
    raw = proto.raw_data
    if raw or not count:
        if len(raw) != count * stored.itemsize:
            raise FileFormatError(
                f"has {len(raw)} bytes: expected {count * stored.itemsize} for the shape {shape}"
            )
        flat = np.frombuffer(raw, stored)
    else:
        flat = _listed(proto, kind, count, stored)
    if kind == _BFLOAT16:  # the upper half of a float32
        return (flat.astype(np.uint32) << 16).view(np.float32).reshape(shape)
    native = flat.astype(stored.newbyteorder("="), copy=True)
    return native.reshape(shape)


def _texts(found: Any, shape: tuple[int, ...]) -> np.ndarray:
    """A constant of texts."""
    texts = [t.decode("utf-8", "replace") for t in found]
    if len(texts) != math.prod(shape) or len(texts) * max(map(len, texts), default=0) > MOST_TEXT:
        raise FileFormatError(
            f"has {len(texts)} texts: expected {math.prod(shape)}, and short ones"
        )
    return np.array(texts, np.str_).reshape(shape)


def _listed(proto: Any, kind: int, count: int, stored: np.dtype[Any]) -> np.ndarray:
    """Numbers that stand in the field of their type."""
    field = {1: "float_data", 11: "double_data", 7: "int64_data", 12: "uint64_data",
             13: "uint64_data"}.get(kind, "int32_data")  # fmt: skip
    numbers = getattr(proto, field)
    if len(numbers) != count:
        raise FileFormatError(f"has {len(numbers)} numbers: expected {count} for its shape")
    if kind in (10, _BFLOAT16):  # bit patterns
        return np.array(numbers, np.int64).astype(np.uint16).view(stored)
    wide = np.array(numbers, {1: "f4", 11: "f8", 12: "u8", 13: "u8"}.get(kind, "i8"))
    return wide.astype(stored)
