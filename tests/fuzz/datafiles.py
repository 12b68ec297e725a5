"""Data as files: NumPy's arrays, idx, delimited text. Sound ones are made here, not stored."""

import gzip
import io
import struct
import warnings
import zipfile

import numpy as np

from gdcore import datasets
from gdcore.datasets.npz_files import one_array
from gdcore.tabular.column import TableWarning
from gdcore.tabular.encoding import Encoder
from gdcore.tabular.reading import read as read_table
from gdcore.tabular.rows import with_target
from gdcore.tabular.table import SettingError
from gdcore.tabular.target import Target as Answers

from .mutate import NUMBERS, mutate_bytes, mutate_rows
from .target import INFLATION, Target, files


def _npz_seeds():
    x, y = np.arange(6.0).reshape(3, 2), np.arange(3)
    return [
        *files(lambda a, p: np.savez(p, **a), {"x": x, "y": y}, {"x_train": x, "y_train": y}),
        *files(lambda a, p: np.savez_compressed(p, **a), {"X": x.T.copy().T, "y": y.astype("U3")}),
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


def _npy_seeds():
    out = []
    for array in (np.arange(6.0).reshape(3, 2), np.arange(4, dtype=">i2"), np.array(["a", "bc"])):
        file = io.BytesIO()
        np.save(file, array)
        out.append(file.getvalue())
    return out + _npz_seeds()


def _read_npy(path):
    """As `gdcore predict` does."""
    return one_array(path, ("x_test", "x", "X", "x_train"))


def _mutate_array(rng, data, other):
    return (_mutate_npz if data[:2] == b"PK" else _mutate_npy_file)(rng, data, other)


def _mutate_npy_file(rng, data, other):
    return mutate_bytes(rng, data, other) if rng.random() < 0.3 else _mutate_npy(rng, data)


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
    """As `gdcore train` does: the table, what is to be predicted, what the columns become."""
    try:
        found = read_table(path)
    except SettingError:  # the first line holds numbers, and we are asked what it is
        found = read_table(path, header=False)
    table, _ = with_target(found, [found.names[-1]])
    with warnings.catch_warnings(record=True) as told:  # a doubt is told in one line, and no fault
        warnings.simplefilter("always")
        target = Answers.learn(table, found.names[-1], None)
        Encoder.learn(table, target).encode(table)
        target.values(table)
    for w in told:
        assert issubclass(w.category, TableWarning) and "\n" not in str(w.message), w


DATA = [
    Target("npz", datasets.npz, _npz_seeds, _mutate_npz, factor=3 * INFLATION),
    Target("npy", _read_npy, _npy_seeds, _mutate_array, factor=3 * INFLATION),
    Target("idx", datasets.idx, _idx_seeds, _mutate_idx, factor=3 * INFLATION),
    Target("csv", _read_csv, _csv_seeds, _mutate_csv, factor=400),
]
