"""Readers: what they return, and that no damaged or hostile file gets past them."""

import gzip
import io
import struct
import tracemalloc
import zipfile
from pathlib import Path

import numpy as np
import pytest

from gdcore import datasets as d
from gdcore.datasets import npz_files
from gdcore.datasets.npz_files import one_array

DATA = Path(__file__).resolve().parents[2] / "shared" / "data"


def needs(path):
    return pytest.mark.skipif(not path.exists(), reason=f"needs {path.name} beside the checkout")


def one_line(caught):
    assert "\n" not in str(caught.value)


# --- digits ---------------------------------------------------------------------------------


def test_digits():
    (x, y), (xt, yt) = d.digits()
    assert x.shape == (1442, 64) and xt.shape == (355, 64)
    assert x.dtype == np.float32 and y.dtype == np.int64
    assert x.min() == 0 and x.max() == 1
    everyone = np.bincount(np.concatenate([y, yt]))
    assert everyone.tolist() == [178, 182, 177, 183, 181, 182, 181, 179, 174, 180]
    assert np.bincount(yt).tolist() == (everyone // 5).tolist()
    again = d.digits()
    assert (again[0][0] == x).all() and (again[1][1] == yt).all()
    assert len(d.digits(0.0)[1][0]) == 0
    for bad in (-0.1, 1.0, float("nan")):
        with pytest.raises(ValueError, match="test_fraction must be at least 0 and below 1"):
            d.digits(bad)


def test_digits_are_those_of_scikit_learn():
    sets = pytest.importorskip("sklearn.datasets").load_digits()
    (x, y), _ = d.digits(0.0)
    assert (x * 16 == sets.data).all() and (y == sets.target).all()


def test_digits_are_small():
    assert (Path(d.__file__).parent / "digits.npz").stat().st_size < 80_000


# --- idx ------------------------------------------------------------------------------------


def idx_bytes(array, code):
    head = bytes([0, 0, code, array.ndim]) + struct.pack(f">{array.ndim}I", *array.shape)
    return head + array.astype(array.dtype.newbyteorder(">")).tobytes()


@pytest.mark.parametrize("zipped", [False, True])
@pytest.mark.parametrize(
    ("code", "dtype"),
    [(8, "u1"), (9, "i1"), (11, "i2"), (12, "i4"), (13, "f4"), (14, "f8")],
)
def test_idx_of_every_type(tmp_path, code, dtype, zipped):
    array = (np.arange(24) - 4 * (dtype != "u1")).astype(dtype).reshape(2, 3, 4)
    body = idx_bytes(array, code)
    path = tmp_path / "file"
    path.write_bytes(gzip.compress(body) if zipped else body)
    got = d.idx(path)
    assert got.dtype == np.dtype(dtype) and (got == array).all() and got.dtype.isnative
    got[0] = 1  # belongs to the caller
    empty = np.zeros((0, 5), dtype)
    path.write_bytes(idx_bytes(empty, code))
    assert d.idx(path).shape == (0, 5)


@pytest.mark.parametrize("zipped", [False, True])
def test_idx_cut_short_at_every_length(tmp_path, zipped):
    body = idx_bytes(np.arange(40, dtype="i4").reshape(5, 8), 12)
    body = gzip.compress(body) if zipped else body
    path = tmp_path / "cut"
    for length in range(len(body)):
        path.write_bytes(body[:length])
        with pytest.raises(ValueError, match=r"cut.*got .*bytes") as caught:
            d.idx(path)
        one_line(caught)
        assert str(path) in str(caught.value)


def test_idx_with_any_byte_changed_never_fails_otherwise(tmp_path):
    body = idx_bytes(np.arange(12, dtype="u1").reshape(3, 4), 8)
    path = tmp_path / "changed"
    for content in (body, gzip.compress(body)):
        for place in range(len(content)):
            for flip in (1, 0x80, 0xFF):
                changed = bytearray(content)
                changed[place] ^= flip
                path.write_bytes(bytes(changed))
                try:
                    assert isinstance(d.idx(path), np.ndarray)
                except ValueError as error:
                    assert "\n" not in str(error) and str(path) in str(error)


def test_idx_says_what_is_wrong(tmp_path):
    path = tmp_path / "bad"
    body = idx_bytes(np.arange(12, dtype="u1"), 8)
    path.write_bytes(body[:-2])
    with pytest.raises(ValueError, match="cut short, got 18 bytes at most, expected 20"):
        d.idx(path)
    path.write_bytes(gzip.compress(body[:-2]))
    with pytest.raises(ValueError, match=r"cut short, got 18 bytes, expected 20 for shape \(12,\)"):
        d.idx(path)
    for content in (body + b"x", gzip.compress(body + b"x" * 50_000_000)):
        path.write_bytes(content)
        with pytest.raises(ValueError, match="more than the 20 bytes expected"):
            d.idx(path)
    for start in (b"\x89PNG1234", b"\0\0\x0a\1\0\0\0\0", b"\0\0\x08\0", b"\0\0\x08\x40"):
        path.write_bytes(start)
        with pytest.raises(ValueError, match="not an idx file: starts with"):
            d.idx(path)
    huge = bytes([0, 0, 14, 4]) + b"\xff" * 16
    for content in (huge, gzip.compress(huge)):
        path.write_bytes(content)
        with pytest.raises(ValueError, match="cut short"):
            d.idx(path)
    with pytest.raises(FileNotFoundError):
        d.idx(tmp_path / "none")


def write_folder(folder, mark="-", end="", labels=5):
    images = np.arange(5 * 4, dtype="u1").reshape(5, 2, 2)
    pack = gzip.compress if end else bytes
    for stem in ("train", "t10k"):
        name = f"{stem}-images{mark}idx3-ubyte{end}"
        (folder / name).write_bytes(pack(idx_bytes(images, 8)))
        name = f"{stem}-labels{mark}idx1-ubyte{end}"
        (folder / name).write_bytes(pack(idx_bytes(np.arange(labels, dtype="u1"), 8)))


@pytest.mark.parametrize("end", ["", ".gz"])
@pytest.mark.parametrize("mark", ["-", "."])
def test_idx_folder(tmp_path, mark, end):
    write_folder(tmp_path, mark, end)
    (x, y), (xt, _) = d.idx_folder(tmp_path)
    assert x.dtype == np.float32 and x.shape == (5, 4) and y.dtype == np.int64
    assert x[4, 3] == np.float32(19) / np.float32(255) and (x == xt).all()
    (x, _), _ = d.mnist(tmp_path, flatten=False, scale=False)
    assert x.dtype == np.uint8 and x.shape == (5, 2, 2)


def test_idx_folder_says_what_is_wrong(tmp_path):
    with pytest.raises(FileNotFoundError, match="no train-images-idx3-ubyte, expected it, or"):
        d.idx_folder(tmp_path)
    with pytest.raises(FileNotFoundError, match="no such folder"):
        d.idx_folder(tmp_path / "none")
    write_folder(tmp_path, labels=4)
    with pytest.raises(ValueError, match="got 5 images and 4 labels for 'train'"):
        d.idx_folder(tmp_path)
    (tmp_path / "train-images-idx3-ubyte").write_bytes(idx_bytes(np.zeros(3, "u1"), 8))
    with pytest.raises(ValueError, match=r"got shape \(3,\) of uint8, expected \(n, rows"):
        d.idx_folder(tmp_path)


@needs(DATA / "mnist")
def test_mnist_itself():
    (x, y), (xt, yt) = d.mnist(DATA / "mnist")
    assert x.shape == (60000, 784) and xt.shape == (10000, 784)
    assert x.mean(dtype=np.float64) == pytest.approx(0.13066, abs=1e-5)
    assert x.std(dtype=np.float64) == pytest.approx(0.30811, abs=1e-5)
    assert y[:5].tolist() == [5, 0, 4, 1, 9] and yt[:3].tolist() == [7, 2, 1]


# --- npz ------------------------------------------------------------------------------------


def test_npz(tmp_path):
    path = tmp_path / "a.npz"
    x, y = np.asfortranarray(np.arange(6.0).reshape(3, 2)), np.array(["a", "b", "a"])
    for save in (np.savez, np.savez_compressed):
        save(path, X=x, Y=y)
        (gx, gy), test = d.npz(path)
        assert (gx == x).all() and (gy == y).all() and test is None
        save(path, x_train=x, y_train=y, x_test=x[:1], y_test=y[:1], other=y)
        (gx, _), (tx, ty) = d.npz(path)
        assert (gx == x).all() and tx.shape == (1, 2) and ty.tolist() == ["a"]
    np.savez(path, x_train=x, y_train=y)
    assert d.npz(path)[1] is None


def npz_with(path, header, body=b"", declared=None, method=zipfile.ZIP_STORED):
    head = repr(header).encode()
    raw = b"\x93NUMPY\x01\x00" + struct.pack("<H", len(head)) + head + body
    with zipfile.ZipFile(path, "w", method) as archive:
        archive.writestr("x.npy", raw)
        ok = io.BytesIO()
        np.lib.format.write_array(ok, np.zeros(1))
        archive.writestr("y.npy", ok.getvalue())


@pytest.mark.parametrize("shape", [(2**40,), (2**62, 2**62), (3,), (-1,), (2**64, 0)])
def test_npz_declared_shape_must_fit(tmp_path, shape):
    path = tmp_path / "bad.npz"
    npz_with(path, {"descr": "<f8", "fortran_order": False, "shape": shape}, b"\0" * 8)
    with pytest.raises(ValueError, match=r"x\.npy declares shape") as caught:
        d.npz(path)
    one_line(caught)


@pytest.mark.parametrize(
    "descr, shape",
    [("<f8", "(2L,)"), ("<f8", "(2,)"), ("<f8", "2,"), ("f8", "(2)"), ("<U2", "(2,)")],
)
def test_npz_headers_are_read_without_evaluating_them(tmp_path, descr, shape, monkeypatch):
    """As other versions of NumPy, and Python 2, wrote them; nothing of a file becomes code."""
    monkeypatch.setattr("builtins.compile", lambda *_, **__: pytest.fail("compiled the header"))
    path = tmp_path / "a.npz"
    size = 2 * np.dtype(descr).itemsize
    raw = f"{{'descr': '{descr}', 'fortran_order': False, 'shape': {shape}, }}   \n".encode()
    with zipfile.ZipFile(path, "w") as archive:
        for name in ("x.npy", "y.npy"):
            head = b"\x93NUMPY\x01\x00" + struct.pack("<H", len(raw)) + raw
            archive.writestr(name, head + bytes(size))
    if shape.startswith("("):
        assert d.npz(path)[0][0].shape == (2,)
    else:
        with pytest.raises(ValueError, match="no sound array header"):
            d.npz(path)


@pytest.mark.parametrize(
    "header",
    ["[" * 5000, "(" * 90 + ")" * 90, "1" * 9000, "{'descr': [" + "'" * 4000, "__import__('os')"],
)
def test_npz_hostile_headers_take_neither_time_nor_memory(tmp_path, header):
    path = tmp_path / "a.npz"
    with zipfile.ZipFile(path, "w") as archive:
        raw = header.encode()
        for name in ("x.npy", "y.npy"):
            archive.writestr(name, b"\x93NUMPY\x01\x00" + struct.pack("<H", len(raw)) + raw)
    tracemalloc.start()
    try:
        with pytest.raises(ValueError, match="no sound array header") as caught:
            d.npz(path)
        assert tracemalloc.get_traced_memory()[1] < 1 << 20
    finally:
        tracemalloc.stop()
    one_line(caught)


def test_npz_says_what_is_wrong(tmp_path):
    path = tmp_path / "bad.npz"
    np.savez(path, a=np.zeros(2))
    with pytest.raises(ValueError, match="got arrays a, expected x and y"):
        d.npz(path)
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("a\nb\x1b" + "c" * 500, b"")
    with pytest.raises(ValueError, match=r"got arrays 'a.*expected x and y") as caught:
        d.npz(path)
    one_line(caught)
    np.savez(path, x=np.zeros(2))
    with pytest.raises(ValueError, match="only one of x and y, expected both"):
        d.npz(path)
    np.savez(path, x=np.zeros(2), y=np.zeros(3))
    with pytest.raises(ValueError, match=r"shape \(2,\) and y of shape \(3,\)"):
        d.npz(path)
    np.savez(path, x=np.array([{}, 1], dtype=object), y=np.zeros(2))
    with pytest.raises(ValueError, match="holds Python objects, which are never unpickled"):
        d.npz(path)
    np.savez(path, x=np.zeros(2, "f4,i4"), y=np.zeros(2))
    with pytest.raises(ValueError, match="expected numbers or text"):
        d.npz(path)
    npz_with(path, {"descr": "<f8", "shape": 3})
    with pytest.raises(ValueError, match="no sound array header") as caught:
        d.npz(path)
    one_line(caught)
    path.write_bytes(b"PK nonsense")
    with pytest.raises(ValueError, match=r"not a sound \.npz file"):
        d.npz(path)
    npz_with(path, {"descr": "<f8", "fortran_order": False, "shape": (1,)}, b"\0" * 8,
             method=zipfile.ZIP_LZMA)  # fmt: skip
    with pytest.raises(ValueError, match="compressed by method 14"):
        d.npz(path)
    with pytest.raises(FileNotFoundError):
        d.npz(tmp_path / "none")


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
def test_npz_with_any_byte_changed_never_fails_otherwise(tmp_path, save):
    path = tmp_path / "changed.npz"
    save(path, x=np.arange(3), y=np.arange(3))
    content = path.read_bytes()
    for place in range(len(content)):
        for flip in (1, 0x80, 0xFF):
            changed = bytearray(content)
            changed[place] ^= flip
            path.write_bytes(bytes(changed))
            try:
                d.npz(path)
            except ValueError as error:
                assert "\n" not in str(error) and str(path) in str(error)
    for length in range(0, len(content), 3):
        path.write_bytes(content[:length])
        with pytest.raises(ValueError):
            d.npz(path)


def test_npz_cannot_declare_more_than_deflate_can_hold(tmp_path):
    path = tmp_path / "lie.npz"
    np.savez_compressed(path, x=np.zeros(3), y=np.zeros(3))
    content = path.read_bytes()
    with zipfile.ZipFile(path) as archive:
        info = archive.getinfo("x.npy")
    true = struct.pack("<II", info.compress_size, info.file_size)
    place = content.rindex(true, 0, content.rindex(b"PK\x01\x02"))
    for sizes in ((info.compress_size, 2**31), (2**30, info.file_size)):
        path.write_bytes(content[:place] + struct.pack("<II", *sizes) + content[place + 8 :])
        with pytest.raises(ValueError, match="expected sizes that can be true"):
            d.npz(path)
    assert npz_files.MOST_INFLATION == 1032


def test_the_size_that_an_npy_file_declares_is_not_believed(tmp_path):
    path = tmp_path / "large.npy"
    np.save(path, np.zeros(4))
    declared = path.read_bytes().replace(b"(4,), }" + b" " * 12, b"(4000000000000,), }")
    path.write_bytes(declared)
    with pytest.raises(ValueError, match=r"declares shape \(4000000000000,\) of float64, which is"):
        one_array(path, ["x"])
