"""The safetensors reader and writer."""

import contextlib
import gc
import json
import os
import random
import re
import tracemalloc

import numpy as np
import pytest

from gdcore.io import FileFormatError
from gdcore.io.safetensors import load, save

DTYPES = {
    "F64": "f8", "F32": "f4", "F16": "f2", "BOOL": "?",
    "I64": "i8", "I32": "i4", "I16": "i2", "I8": "i1",
    "U64": "u8", "U32": "u4", "U16": "u2", "U8": "u1",
}  # fmt: skip
SHAPES = [(), (1,), (7,), (0,), (3, 0, 2), (2, 3), (2, 1, 3, 2)]


def values(dtype, shape):
    count = int(np.prod(shape))
    return (np.arange(count) * 37 % 101).reshape(shape).astype(dtype)


def pack(header, data=b"", length=None):
    """A file from a header as an object, text or bytes."""
    if not isinstance(header, (str, bytes)):
        header = json.dumps(header)
    if isinstance(header, str):
        header = header.encode()
    return (len(header) if length is None else length).to_bytes(8, "little") + header + data


def entry(dtype="F32", shape=(2,), offsets=(0, 8), **more):
    return {"dtype": dtype, "shape": list(shape), "data_offsets": list(offsets), **more}


def header_of(path):
    raw = path.read_bytes()
    return json.loads(raw[8 : 8 + int.from_bytes(raw[:8], "little")])


@pytest.fixture
def path(tmp_path):
    return tmp_path / "model.safetensors"


def all_tensors():
    return {
        f"{name}/{'x'.join(map(str, shape))}": values(dtype, shape)
        for shape in SHAPES
        for name, dtype in DTYPES.items()
    }


def assert_same(got, expected):
    assert list(got) == list(expected)
    for name, array in expected.items():
        assert got[name].dtype == array.dtype, name
        assert got[name].shape == array.shape, name
        np.testing.assert_array_equal(got[name], array)


def test_round_trip(path):
    metadata = {"z": "last first", "a": "", "": "é\n\0\"'\U0001f600"}
    save(path, all_tensors(), metadata)
    tensors, got = load(path)
    assert_same(tensors, all_tensors())
    assert list(got.items()) == list(metadata.items())
    for array in tensors.values():
        assert type(array) is np.ndarray
        assert array.flags.writeable and array.flags.owndata and array.flags.c_contiguous
        assert array.dtype.isnative


@pytest.mark.parametrize("metadata", [None, {}, {"a": "b"}])
def test_no_tensors(path, metadata):
    save(path, {}, metadata)
    assert load(path) == ({}, metadata or {})


def test_special_values_keep_their_bits(path):
    bits = np.array([0x7FC00001, 0xFF800000, 0x80000000, 1, 0x7F800001], np.uint32)
    save(path, {"x": bits.view(np.float32)}, {})
    np.testing.assert_array_equal(load(path)[0]["x"].view(np.uint32), bits)


def test_memory_and_byte_order_do_not_matter(path):
    base = values("f4", (3, 4, 5))
    tensors = {
        "fortran": np.asfortranarray(base),
        "transposed": base.transpose(2, 0, 1),
        "strided": base[::2, ::-1, 1::3],
        "big": base.astype(">f4"),
        "scalar": np.array(2.5, ">f8"),
        "flag": np.array([0, 1, 200], np.uint8).view(np.bool_),
        "alias": base,
        "same": base,
        "read-only": np.broadcast_to(np.int8(3), (2, 2)),
        "long": np.arange(3, dtype=np.longlong),
    }
    save(path, tensors, {})
    got, _ = load(path)
    assert list(got) == list(tensors)
    for name in set(tensors) - {"flag"}:
        np.testing.assert_array_equal(got[name], tensors[name])
    assert got["flag"].view(np.uint8).tolist() == [0, 1, 1]
    assert not np.shares_memory(got["alias"], got["same"])


def test_many_dimensions(path):
    save(path, {"x": np.zeros((1,) * 32)}, {})
    assert load(path)[0]["x"].ndim == 32


def test_layout(path):
    tensors = {
        "b": np.ones(3, np.int8),
        "e": np.ones(5, np.float16),
        "c": np.ones(3, np.float64),
        "a": np.ones(1, np.int64),
        "d": np.ones(0, np.float32),
    }
    save(path, tensors, {"k": "v"})
    raw = path.read_bytes()
    length = int.from_bytes(raw[:8], "little")
    assert length % 8 == 0
    assert raw[8 : 8 + length].rstrip(b" ").endswith(b"}")
    header = header_of(path)
    assert list(header) == ["__metadata__", *tensors]
    places = {name: header[name]["data_offsets"] for name in tensors}
    assert places == {"c": [0, 24], "a": [24, 32], "d": [32, 32], "e": [32, 42], "b": [42, 45]}
    assert all(places[name][0] % array.itemsize == 0 for name, array in tensors.items())
    assert len(raw) == 8 + length + 45


def test_bytes_are_deterministic(tmp_path):
    save(tmp_path / "a", all_tensors(), {"one": "1", "two": "2"})
    again = {name: array.copy(order="F") for name, array in all_tensors().items()}
    save(tmp_path / "b", again, {"one": "1", "two": "2"})
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()
    expected = pack(
        '{"__metadata__":{"n":"é"},"w":{"dtype":"U8","shape":[2],"data_offsets":[0,2]}} ', b"\1\2"
    )
    save(tmp_path / "c", {"w": np.array([1, 2], np.uint8)}, {"n": "é"})
    assert (tmp_path / "c").read_bytes() == expected


def bfloat16(x):
    return (np.asarray(x, np.float32).view(np.uint32) >> 16).astype("<u2")


@pytest.mark.parametrize("shape", [(), (0,), (3, 2)])
def test_bfloat16_is_read_as_float32(path, shape):
    count = int(np.prod(shape))
    expected = np.array([1.5, -2.0, np.inf, -0.0, 2.0**-133, 3.0], np.float32)[:count]
    data = bfloat16(expected).tobytes()
    path.write_bytes(pack({"x": entry("BF16", shape, (0, 2 * count))}, data))
    got = load(path)[0]["x"]
    assert got.dtype == np.float32 and got.shape == shape and got.flags.owndata
    np.testing.assert_array_equal(got.ravel().view(np.uint32), expected.view(np.uint32))


def test_every_bfloat16(path):
    bits = np.arange(1 << 16, dtype="<u2")
    path.write_bytes(pack({"x": entry("BF16", bits.shape, (0, bits.nbytes))}, bits.tobytes()))
    np.testing.assert_array_equal(load(path)[0]["x"].view(np.uint32) >> 16, bits)


def test_reference_reads_ours(path):
    reference = pytest.importorskip("safetensors.numpy")
    safe_open = pytest.importorskip("safetensors").safe_open
    save(path, all_tensors(), {"a": "é", "b": "2"})
    got = reference.load_file(path)
    assert_same({name: got[name] for name in all_tensors()}, all_tensors())
    assert set(got) == set(all_tensors())
    with safe_open(path, framework="np") as file:
        assert file.metadata() == {"a": "é", "b": "2"}
    save(path, {}, {})
    assert reference.load_file(path) == {}


def test_ours_reads_the_reference(path):
    reference = pytest.importorskip("safetensors.numpy")
    reference.save_file(all_tensors(), path, {"a": "é"})
    got, metadata = load(path)
    assert_same({name: got[name] for name in all_tensors()}, all_tensors())
    assert set(got) == set(all_tensors()) and metadata == {"a": "é"}
    reference.save_file({}, path)
    assert load(path) == ({}, {})


def test_ours_reads_bfloat16_of_the_reference(path):
    reference = pytest.importorskip("safetensors.numpy")
    ml_dtypes = pytest.importorskip("ml_dtypes")
    expected = np.array([[1.5, -3.0, 0.1]], ml_dtypes.bfloat16)
    reference.save_file({"x": expected}, path)
    np.testing.assert_array_equal(load(path)[0]["x"], expected.astype(np.float32))


def test_any_order_of_keys_and_entries_and_white_space(path):
    text = (
        '{ "b" : {"data_offsets":[4,6], "shape":[2], "dtype":"U8"},\n'
        ' "e":{"dtype":"F64","shape":[0,9],"data_offsets":[4,4]},\t'
        ' "":{"dtype":"U8","shape":[4],"data_offsets":[0,4]}}   '
    )
    path.write_bytes(pack(text, b"\1\2\3\4\5\6"))
    got, _ = load(path)
    assert list(got) == ["b", "e", ""]
    assert got["b"].tolist() == [5, 6] and got[""].tolist() == [1, 2, 3, 4]
    assert got["e"].shape == (0, 9)


@pytest.mark.parametrize(
    ("tensors", "metadata", "kind", "message"),
    [
        ({"": np.zeros(1)}, {}, ValueError, "tensor '': expected a name"),
        ({"__metadata__": np.zeros(1)}, {}, ValueError, "tensor '__metadata__': expected a name"),
        ({"\ud800": np.zeros(1)}, {}, ValueError, r"tensor '\\ud800': expected a name"),
        ({3: np.zeros(1)}, {}, TypeError, "tensor 3: got a name of int, expected a str"),
        ({"x": [1.0]}, {}, TypeError, "tensor 'x': got a list, expected a numpy.ndarray"),
        ({"x": np.float32(1)}, {}, TypeError, "got a float32, expected a numpy.ndarray"),
        ({"x": np.ma.array([1.0], mask=[1])}, {}, TypeError, "got a MaskedArray"),
        ({"x": np.array([None])}, {}, ValueError, "got dtype 'object', expected float64"),
        ({"x": np.zeros(1, complex)}, {}, ValueError, "got dtype 'complex128'"),
        ({"x": np.array(["a"])}, {}, ValueError, "got dtype '<U1'"),
        ({"x": np.array([b"a"])}, {}, ValueError, "got dtype '|S1'"),
        ({"x": np.zeros(1, "m8[s]")}, {}, ValueError, "got dtype 'timedelta64"),
        ({"x": np.zeros(1, [("a", "f4")])}, {}, ValueError, r"got dtype \"\[\('a'"),
        ({"x": np.zeros(1, "V4")}, {}, ValueError, "got dtype '|V4'"),
        ({}, {"a": 1}, TypeError, "metadata: got 1, expected a str"),
        ({}, {1: "a"}, TypeError, "metadata: got 1, expected a str"),
        ({}, {"a": "\udfff"}, ValueError, r"metadata: got '\\udfff', expected a str"),
    ],
)
def test_writer_refuses(path, tensors, metadata, kind, message):
    path.write_bytes(b"old")
    with pytest.raises(kind, match=message) as caught:
        save(path, tensors, metadata)
    assert repr(str(path)) in str(caught.value) and "\n" not in str(caught.value)
    assert path.read_bytes() == b"old" and os.listdir(path.parent) == [path.name]


@pytest.mark.parametrize("name", ["bfloat16", "float8_e4m3fn", "int4"])
def test_writer_refuses_dtypes_of_extensions(path, name):
    dtype = getattr(pytest.importorskip("ml_dtypes"), name)
    with pytest.raises(ValueError, match=f"got dtype '{name}'"):
        save(path, {"x": np.zeros(1, dtype)}, {})


def test_writer_refuses_a_header_that_no_reader_takes(path):
    with pytest.raises(ValueError, match=r"got a header of 1000000\d\d bytes, expected"):
        save(path, {}, {"a": "b" * 100_000_000})
    assert not path.exists()


BAD_HEADERS = {
    # what is wrong: (header, data, message)
    "empty header": ("", b"", "header start: got b'', expected b'{'"),
    "list": ("[]", b"", r"header start: got b'\[', expected b'{'"),
    "leading space": (" {}", b"", "header start: got b' '"),
    "byte order mark": (b"\xef\xbb\xbf{}", b"", "header start"),
    "not UTF-8": (b'{"\xff":1}', b"", "header: got 'utf-8' codec .* expected JSON in UTF-8"),
    "not JSON": ("{oops}", b"", "header: got .*column 2.*, expected JSON in UTF-8"),
    "cut JSON": ('{"a":', b"", "header: got Expecting value.*, expected JSON"),
    "tail": ("{}x", b"", "header: got Extra data"),
    "NUL padding": ("{}\0", b"", "header: got Extra data"),
    "line end in string": ('{"a\n":1}', b"", "header: got Invalid control character"),
    "NaN": ('{"a":NaN}', b"", "header number: got NaN, expected an integer"),
    "infinity": ('{"a":-Infinity}', b"", "header number: got -Infinity"),
    "float": (
        '{"a":{"dtype":"U8","shape":[1.0],"data_offsets":[0,1]}}', b"1",
        "header number: got 1.0, expected an integer",
    ),
    "exponent": ('{"a":1e3}', b"", "header number: got 1e3"),
    "minus zero": (
        '{"a":{"dtype":"U8","shape":[-0],"data_offsets":[0,0]}}', b"", "header number: got -0"
    ),
    "many digits": ('{"a":%s}' % ("9" * 5000), b"", "header number: got 9{40}, expected an int"),
    "deep list": ('{"a":' + "[" * 200_000, b"", "header: got deep nesting"),
    "deep object": ('{"a":' * 200_000, b"", "header: got deep nesting"),
    "name twice": (
        '{"a":{"dtype":"U8","shape":[0],"data_offsets":[0,0]},'
        '"a":{"dtype":"U8","shape":[0],"data_offsets":[0,0]}}', b"",
        "header key: got 'a' twice, expected each key once",
    ),
    "metadata twice": ('{"__metadata__":{},"__metadata__":{}}', b"", "got '__metadata__' twice"),
    "metadata key twice": ('{"__metadata__":{"k":"","\\u006b":""}}', b"", "got 'k' twice"),
    "dtype twice": (
        '{"a":{"dtype":"U8","dtype":"U8","shape":[0],"data_offsets":[0,0]}}', b"",
        "header key: got 'dtype' twice",
    ),
    "metadata a list": ({"__metadata__": []}, b"", r"__metadata__: got \[\], expected an object"),
    "metadata null": ({"__metadata__": None}, b"", "__metadata__: got None"),
    "metadata number": ({"__metadata__": {"a": 1}}, b"", "__metadata__: got {'a': 1}"),
    "metadata nested": ({"__metadata__": {"a": {}}}, b"", "__metadata__: got"),
    "metadata surrogate": ({"__metadata__": {"a": "\ud800"}}, b"", "__metadata__: got"),
    "name a surrogate": ({"\udc00": entry()}, b"8" * 8, r"tensor name: got '\\udc00'"),
    "entry a list": ({"a": []}, b"", r"tensor 'a': got \[\], expected an object of exactly"),
    "entry null": ({"a": None}, b"", "tensor 'a': got None"),
    "no dtype": ({"a": {"shape": [], "data_offsets": [0, 0]}}, b"", "exactly dtype, shape, data_"),
    "more keys": ({"a": entry(x=1)}, b"8" * 8, "exactly dtype, shape, data_offsets"),
    "unknown dtype": (
        {"a": entry("F8_E4M3")}, b"8" * 8, "tensor 'a' dtype: got 'F8_E4M3', expected one of BF16"
    ),
    "dtype in lower case": ({"a": entry("f32")}, b"8" * 8, "dtype: got 'f32'"),
    "dtype a number": ({"a": entry(4)}, b"8" * 8, "dtype: got 4"),
    "dtype a list": ({"a": entry([])}, b"8" * 8, r"dtype: got \[\]"),
    "shape null": ({"a": {**entry(), "shape": None}}, b"8" * 8, "shape: got None"),
    "shape a number": ({"a": {**entry(), "shape": 2}}, b"8" * 8, "shape: got 2, expected at most"),
    "shape negative": ({"a": entry(shape=[-2])}, b"8" * 8, r"shape: got \[-2\], .*non-neg"),
    "shapes negative": ({"a": entry(shape=[-2, -1])}, b"8" * 8, r"shape: got \[-2, -1\]"),
    "shape bool": ({"a": entry(shape=[True, 2])}, b"8" * 8, r"shape: got \[True, 2\]"),
    "shape string": ({"a": entry(shape=["2"])}, b"8" * 8, r"shape: got \['2'\]"),
    "65 dimensions": ({"a": entry(shape=[1] * 64 + [2])}, b"8" * 8, "shape: got .*, expected at m"),
    "offsets null": ({"a": {**entry(), "data_offsets": None}}, b"8" * 8, "data_offsets: got None"),
    "one offset": ({"a": entry(offsets=[8])}, b"8" * 8, r"data_offsets: got \[8\]"),
    "three offsets": ({"a": entry(offsets=[0, 4, 8])}, b"8" * 8, "data_offsets: got"),
    "offsets bool": ({"a": entry("U8", [1], [False, True])}, b"8", "data_offsets: got"),
    "offsets negative": ({"a": entry(offsets=[-8, 0])}, b"8" * 8, r"data_offsets: got \[-8, 0\]"),
    "offsets reversed": ({"a": entry(offsets=[8, 0])}, b"8" * 8, "0 <= begin <= end"),
    "wrong length": (
        {"a": entry(shape=[3])}, b"8" * 8,
        r"data_offsets: got \[0, 8\], expected 12 bytes for F32 of shape \[3\]",
    ),
    "length of another dtype": ({"a": entry("BF16")}, b"8" * 8, "expected 4 bytes for BF16"),
    "product past 64 bits": ({"a": entry(shape=[2**33, 2**33])}, b"8" * 8, "tensor of at most"),
    "product wraps to 8 bytes": (
        {"a": entry("U8", [2**63 + 4, 2])}, b"8" * 8, "shape: got .*, expected a tensor of at most"
    ),
    "huge and empty": ({"a": entry(shape=[0, 2**62, 4], offsets=[0, 0])}, b"", "tensor of at most"),
    "hole at the start": (
        {"a": entry(offsets=[8, 16])}, b"8" * 16,
        "tensor 'a' begin: got 8, expected 0, so that there is no hole",
    ),
    "hole": (
        {"a": entry(), "b": entry(offsets=[9, 17])}, b"8" * 17,
        "tensor 'b' begin: got 9, expected 8, so that there is no hole",
    ),
    "overlap": (
        {"a": entry(), "b": entry(offsets=[7, 15])}, b"8" * 15,
        "tensor 'b' begin: got 7, expected 8, so that there is no overlap",
    ),
    "same place": ({"a": entry(), "b": entry()}, b"8" * 8, "no overlap"),
    "empty tensor inside another": (
        {"a": entry(), "b": entry("U8", [0], [4, 4])}, b"8" * 8, "tensor 'b' begin: got 4"
    ),
    "empty tensor past the end": ({"b": entry("U8", [0], [4, 4])}, b"", "no hole"),
    "data missing": (
        {"a": entry()}, b"8" * 7, "buffer size: got 7 bytes, expected 8, the end of the last tensor"
    ),
    "data left over": ({"a": entry()}, b"8" * 9, "buffer size: got 9 bytes, expected 8"),
    "data without tensors": ({}, b"8", "buffer size: got 1 bytes, expected 0"),
    "bool of 2": ({"a": entry("BOOL", [2], [0, 2])}, b"\1\2", "of BOOL: got a byte above 1"),
}  # fmt: skip


def refused(path):
    with pytest.raises(FileFormatError) as caught:
        load(path)
    message = str(caught.value)
    assert isinstance(caught.value, ValueError)
    assert len(message.splitlines()) == 1 and len(message) < len(str(path)) + 600
    assert message.startswith(f"cannot read {str(path)!r} as safetensors: ")
    assert ": got " in message and ", expected " in message
    return message


@pytest.mark.parametrize("case", BAD_HEADERS)
def test_malformed_header(path, case):
    header, data, message = BAD_HEADERS[case]
    path.write_bytes(pack(header, data))
    assert re.search(message, refused(path)), refused(path)


@pytest.mark.parametrize(
    ("raw", "message"),
    [
        (b"", "file size: got 0 bytes, expected at least 8"),
        (b"1234567", "file size: got 7 bytes, expected at least 8"),
        (pack("{}", length=3), "header length: got 3, expected at most 2"),
        (pack("{}", length=2**64 - 1), f"header length: got {2**64 - 1}, expected at most 2"),
        (pack("{}", length=2**63), "header length: got"),
        (b"\x80\x04\x95" + b"pickle" * 9, "no safetensors file"),
    ],
)
def test_malformed_length(path, raw, message):
    path.write_bytes(raw)
    assert message in refused(path)


def test_header_past_100_mb(path):
    with open(path, "wb") as file:
        file.write((100_000_001).to_bytes(8, "little") + b"{")
        file.truncate(300_000_000)  # sparse: takes no room
    assert "header length: got 100000001, expected at most 100000000" in refused(path)


def test_strange_names_stay_on_one_line(path):
    strange = path.with_name("a\nb\u2028c")
    strange.write_bytes(pack({"x\r\n\u2028\x1b[31m" + "y" * 5000: entry("?")}, b"8" * 8))
    refused(strange)


def test_missing_file_and_folder(tmp_path):
    with pytest.raises(FileNotFoundError):
        load(tmp_path / "none")
    with pytest.raises(IsADirectoryError):
        load(tmp_path)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs pipes")
def test_pipe_is_refused_without_waiting(path):
    os.mkfifo(path)
    assert "kind of file: got a device or pipe" in refused(path)


def small_file(path):
    tensors = {
        "weight": values("f4", (2, 3)),
        "bias": values("f8", (2,)),
        "mask": np.array([True, False, True]),
        "step": np.array(7, np.int64),
        "none": np.zeros((0, 4), np.float16),
    }
    save(path, tensors, {"format": "test", "epoch": "3"})
    return path.read_bytes()


def test_every_truncation_is_refused(path):
    raw = small_file(path)
    for length in range(len(raw)):
        path.write_bytes(raw[:length])
        refused(path)


WORDS = (b"null", b"true", b"-1", b"1e9", b"9" * 20, b"NaN", b"[]", b"{}", b'"F64"', b"\\ud800")


def change(rng, part):
    """Change a part of a file in one place."""
    at = rng.randrange(len(part) + 1)
    kind = rng.randrange(7)
    if kind == 0:
        part[at : at + 1] = rng.randbytes(1)
    elif kind == 1 and at < len(part):
        part[at] ^= 1 << rng.randrange(8)
    elif kind == 2:
        del part[at : at + rng.randrange(1, 9)]
    elif kind == 3:
        part[at:at] = rng.randbytes(rng.randrange(1, 9))
    elif kind == 4:
        part[at : at + 1] = bytes([rng.choice(b'{}[]",:0123456789-.eE\\ ')])
    elif kind == 5:
        part[at:at] = rng.choice(WORDS)
    else:
        part[at:at] = part[at : at + rng.randrange(1, 60)]


def mutated(rng, raw):
    end = 8 + int.from_bytes(raw[:8], "little")
    length, header, data = bytearray(raw[:8]), bytearray(raw[8:end]), bytearray(raw[end:])
    for _ in range(rng.choice((1, 1, 1, 2, 5))):
        change(rng, rng.choice((length, header, header, header, header, data)))
    if rng.random() < 0.7:  # a right length, so that the JSON is what is tried
        length = len(header).to_bytes(8, "little")
    return bytes(length + header + data)


def test_random_mutations_are_refused_or_read(path):
    raw = small_file(path)
    rng = random.Random(20240607)
    counts = {True: 0, False: 0}
    for number in range(5000):
        path.write_bytes(mutated(rng, raw))
        try:
            tensors, metadata = load(path)
        except FileFormatError as error:
            assert "\n" not in str(error) and len(str(error)) < 1000, number
            counts[False] += 1
        else:
            counts[True] += 1
            assert sum(array.nbytes for array in tensors.values()) <= 2 * path.stat().st_size
            assert all(isinstance(text, str) for text in metadata.values())
            if "" not in tensors:
                save(path, tensors, metadata)  # what was read is sound enough to be written
    assert min(counts.values()) > 100


def peak_of(action):
    gc.collect()
    tracemalloc.start()
    try:
        action()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize(
    ("shape", "size"),
    [([2**40], 2**42), ([2**20, 2**20], 2**42), ([2**61], 2**63), ([2**31, 2**31], 2**64)],
)
def test_huge_shape_takes_no_memory(path, shape, size):
    path.write_bytes(pack({"x": entry("F32", shape, (0, size))}, b"8" * 64))
    assert peak_of(lambda: refused(path)) < 1 << 20


def test_one_bad_tensor_is_found_before_memory_is_taken_for_others(path):
    size = 50_000_000
    header = {"x": entry("U8", [size], [0, size]), "y": entry("U8", [2], [size, size + 1])}
    path.write_bytes(pack(header))
    os.truncate(path, path.stat().st_size + size + 1)
    assert peak_of(lambda: refused(path)) < 1 << 20


def test_memory_is_that_of_the_tensors(path):
    array = np.ones((2048, 4096), np.float32)  # 32 MiB
    assert peak_of(lambda: save(path, {"a": array, "b": array.T}, {})) < 16 << 20
    assert peak_of(lambda: load(path)) < 2 * array.nbytes + (1 << 20)


def test_file_that_shrinks_while_it_is_read(path, monkeypatch):
    save(path, {"x": np.zeros(100)}, {})
    real, before = os.fstat, path.stat()

    def fstat(descriptor):
        status = real(descriptor)
        if os.path.samestat(status, before):
            os.truncate(path, before.st_size - 1)
        return status

    monkeypatch.setattr("gdcore.io.safetensors.os.fstat", fstat)
    with pytest.raises(FileFormatError, match="array data: got 799 bytes, expected 800"):
        load(path)


def test_failed_save_keeps_the_old_file(path, monkeypatch):
    save(path, {"x": np.arange(3)}, {})

    def fail(_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(OSError, match="No space left"):
        save(path, {"x": np.arange(4)}, {})
    assert load(path)[0]["x"].tolist() == [0, 1, 2]
    assert os.listdir(path.parent) == [path.name]


MANY = 20_000
HUNGRY = {  # headers made to take far more memory than they have bytes
    "lists": '{"a":[%s[]]}' % ("[]," * MANY),
    "entries that are none": "{{{}}}".format(",".join(f'"{i}":[]' for i in range(MANY))),
    "objects": '{"a":[{},%s{}]}' % ("{}," * MANY),
    "metadata": '{{"__metadata__":{{{}}}}}'.format(",".join(f'"{i:x}":""' for i in range(MANY))),
    "empty tensors": "{{{}}}".format(
        ",".join(f'"{i:x}":{{"dtype":"U8","shape":[0],"data_offsets":[0,0]}}' for i in range(MANY))
    ),
    "a long name": '{"%s\U0001f600":[]}' % ("é" * MANY),
    "a long shape": '{"a":{"dtype":"U8","shape":[%s1],"data_offsets":[0,0]}}' % ("1," * MANY),
    "blanks": "{%s}" % (" " * MANY),
}


@pytest.mark.parametrize("case", HUNGRY)
def test_memory_is_bounded_by_the_size_of_the_header(path, case):
    path.write_bytes(pack(HUNGRY[case], b""))
    tracemalloc.start()
    try:
        with contextlib.suppress(FileFormatError):
            load(path)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    # 2 MB: one entry of the longest length that is decoded at once
    assert peak < 12 * path.stat().st_size + 2_000_000
