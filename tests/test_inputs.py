"""What batches are gathered from: every type, rows that lie apart, sparse rows, mapped files.

The same numbers in another dress give the same bits, in `fit`, `evaluate` and `predict`, whatever the
plan computes with.
"""

import numpy as np
import pytest

import gdcore as gd
from gdcore import _core, runtime
from gdcore.data import arrays
from gdcore.data import read_ahead as readahead
from gdcore.data import shuffle as order
from gdcore.data.arrays import GATHERED, as_rows
from gdcore.data.sparse import SparseRows
from gdcore.engine import session

ROWS, WIDTH, CLASSES, BATCH = 150, 37, 3, 16
RNG = np.random.default_rng(4)
WHOLE = RNG.integers(0, 100, (ROWS, WIDTH)) * (RNG.random((ROWS, WIDTH)) < 0.3)
Y = RNG.integers(0, CLASSES, ROWS)


def model(dtype="float32", layers=()):
    net = gd.Sequential(
        [
            gd.Input(WIDTH),
            gd.Rescaling(1 / 64),
            *layers,
            gd.Dense(24, activation="tanh"),
            gd.Dense(CLASSES),
        ]
    )
    return net.compile("adam", "cross_entropy", metrics=["accuracy"], dtype=dtype)


def results(x, dtype="float32", shuffle=True, **options):
    """Everything that training, evaluation and prediction say of some inputs, as bytes."""
    net = model(dtype)
    history = net.fit(
        x, Y, batch_size=BATCH, epochs=2, seed=1, shuffle=shuffle, verbose=0, **options
    )
    out = {k: v.tobytes() for k, v in net.state_dict().items()}
    out["history"] = str(history.history)
    out["evaluate"] = str(net.evaluate(x, Y))
    out["predict"] = net.predict(x, batch_size=BATCH).tobytes()
    out["step"] = str(net.train_on_batch(x[:BATCH], Y[:BATCH]))
    return out


def mapped(array, tmp_path, kind="memmap"):
    path = tmp_path / "x.npy"
    np.save(path, array)
    return np.load(path, mmap_mode="r")


def test_every_type_of_c_is_known_to_python():
    assert set(session.SOURCES) == GATHERED == set(_core.source_names())


@pytest.mark.parametrize("shuffle", [True, False])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("kind", sorted(GATHERED))
def test_types(kind, dtype, shuffle):
    x = WHOLE.astype(kind)
    assert as_rows(x, "X") is x
    assert results(x, dtype, shuffle) == results(WHOLE.astype(dtype), dtype, shuffle)


@pytest.mark.parametrize("isa", runtime.isas_here())
@pytest.mark.parametrize("scale", [1.0, 1 / 255])
@pytest.mark.parametrize("kind", sorted(GATHERED))
def test_converters(kind, scale, isa, monkeypatch):
    """Every number there is of the small types, and the edges of the large ones, as NumPy converts them."""
    monkeypatch.setattr(runtime, "ISA", runtime.isa_number(isa))
    info = np.iinfo(kind) if np.dtype(kind).kind in "iu" else np.finfo(kind)
    if np.dtype(kind).itemsize <= 2:
        every = np.arange(2 ** (8 * np.dtype(kind).itemsize), dtype=np.uint32)
        x = every.astype(f"uint{8 * np.dtype(kind).itemsize}").view(kind)
    else:
        x = np.concatenate(
            [
                np.array([info.min, info.max, 0, 1, 77], kind),
                RNG.normal(size=4095).astype(kind),
                RNG.integers(0, 2**31, 4096).astype(kind),
            ]
        )
    with np.errstate(invalid="ignore"):  # some processors signal a NaN that is converted
        x = x[np.isfinite(x.astype(np.float64))].reshape(1, -1)
    for dtype in ("float32", "float64"):
        net = gd.Sequential([gd.Input(x.shape[1]), gd.Rescaling(scale)])
        net.set_dtype(dtype)
        with np.errstate(over="ignore"):
            want = x.astype(dtype) * np.dtype(dtype).type(scale)
        tiny = np.abs(want) < np.finfo(dtype).tiny  # flushed to zero by design
        got = net.predict(x)
        assert np.array_equal(got[~tiny], want[~tiny])


def test_halves_that_are_not_finite():
    """Infinity and NaN stay what they are: they are found in the step, not turned into numbers."""
    x = np.array([[np.inf, -np.inf, np.nan, 6e-8]], np.float16)
    got = gd.Sequential([gd.Input(4), gd.Rescaling(2.0)]).predict(x)
    assert np.array_equal(got, x.astype("f") * 2, equal_nan=True)


APART = {
    "columns of a table": lambda x: np.hstack([x, x])[:, :WIDTH],
    "every second row": lambda x: np.repeat(x, 2, axis=0)[::2],
    "backwards": lambda x: x[::-1].copy()[::-1],
    "one row, repeated": None,
}


@pytest.mark.parametrize("kind", ["float32", "float64", "uint8"])
@pytest.mark.parametrize("shuffle", [True, False])
@pytest.mark.parametrize("way", APART)
def test_rows_that_lie_apart(way, shuffle, kind):
    x = WHOLE.astype(kind)
    if APART[way] is None:
        x = np.broadcast_to(x[:1], x.shape).copy()
        given = np.broadcast_to(x[:1], x.shape)
    else:
        given = APART[way](x)
    assert not given.flags.c_contiguous
    assert as_rows(given, "X") is given
    assert results(given, shuffle=shuffle) == results(x, shuffle=shuffle)


def test_rescaling_costs_no_pass():
    """The factor of an input is part of the gathering; an offset, or another reader, is not."""
    net, plain = model(), gd.Sequential([gd.Input(WIDTH), gd.Dense(24, "tanh"), gd.Dense(CLASSES)])
    x = WHOLE.astype(np.uint8)
    for m in (net, plain.compile("adam", "cross_entropy", metrics=["accuracy"])):
        m.fit(x, Y, batch_size=BATCH, seed=0)
    assert len(net.plan.instructions) == len(plain.plan.instructions)
    twice = gd.Input(WIDTH)
    both = gd.Model(twice, gd.Concatenate()([gd.Rescaling(0.5)(twice), twice]))
    assert np.array_equal(both.predict(x), np.hstack([x * np.float32(0.5), x]))
    same = gd.Model(twice, gd.Concatenate()([gd.Rescaling(0.5)(twice), gd.Rescaling(0.5)(twice)]))
    assert np.array_equal(same.predict(x), np.hstack([x, x]) * np.float32(0.5))
    moved = gd.Sequential([gd.Input(WIDTH), gd.Rescaling(0.5, -1)])
    assert np.array_equal(moved.predict(x), x * np.float32(0.5) - 1)
    assert np.array_equal(gd.Sequential([gd.Rescaling(0.5)]).predict(x), x * np.float32(0.5))


def test_rescaling_is_saved(tmp_path):
    net = model()
    x = WHOLE.astype(np.uint8)
    net.fit(x, Y, seed=0)
    net.save(tmp_path / "m.safetensors")
    assert np.array_equal(gd.load(tmp_path / "m.safetensors").predict(x), net.predict(x))


def test_diagnosis_knows_the_factor():
    """A step that is run again to find the bad tensor sees what the first run saw."""
    net = model(layers=[gd.Activation(lambda v: gd.ops.log(v - 0.1))])
    with pytest.raises(gd.NonFiniteError, match="log"):
        net.fit(WHOLE.astype(np.uint8), Y, seed=0, verbose=0)


# --- sparse rows -------------------------------------------------------------------


def csr(array, **options):
    sparse = pytest.importorskip("scipy.sparse")
    return sparse.csr_array(array, **options)


FORMATS = ("csr_array", "csr_matrix", "csc_array", "coo_array", "lil_array")


@pytest.mark.parametrize("name", FORMATS)
@pytest.mark.parametrize("kind", ["float32", "float64", "uint8", "int64", "bool"])
def test_sparse(name, kind):
    sparse = pytest.importorskip("scipy.sparse")
    x = WHOLE.astype(kind)
    given = getattr(sparse, name)(x)
    want = results(x)
    if given.format == "coo":  # cannot be sliced, so there is no train_on_batch for it here
        assert np.array_equal(
            model().fit(given, Y, seed=0)["loss"], model().fit(x, Y, seed=0)["loss"]
        )
        return
    assert results(given) == want
    assert results(given, shuffle=False) == results(x, shuffle=False)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("wide", [np.int32, np.int64])
def test_sparse_index_types(wide, dtype):
    given = csr(WHOLE.astype(np.float32))
    given.indices, given.indptr = given.indices.astype(wide), given.indptr.astype(wide)
    assert results(given, dtype) == results(WHOLE.astype(np.float32), dtype)


def test_sparse_rows_that_are_long_empty_or_twofold():
    sparse = pytest.importorskip("scipy.sparse")
    full = RNG.normal(size=(5, 1000)).astype("f")  # more than C turns over at a time
    full[2] = 0
    net = gd.Sequential([gd.Input(1000), gd.Rescaling(0.5)])
    assert np.array_equal(net.predict(sparse.csr_array(full)), full * np.float32(0.5))
    twice = sparse.csr_array(
        (np.array([1.0, 2, 4]), np.array([3, 3, 0]), np.array([0, 2, 2, 3])), shape=(3, 5)
    )
    assert np.array_equal(
        gd.Sequential([gd.Input(5), gd.Rescaling(1.0)]).predict(twice), twice.toarray()
    )


def test_sparse_validation_and_weights():
    x = WHOLE.astype("f")
    weights = RNG.random(ROWS)
    options = {"sample_weight": weights, "validation_split": 0.2}
    assert results(csr(x), **options) == results(x, **options)
    a, b = model(), model()
    one = a.fit(csr(x), Y, validation_data=(csr(x[:50]), Y[:50]), seed=0)
    two = b.fit(x, Y, validation_data=(x[:50], Y[:50]), seed=0)
    assert one["val_loss"] == two["val_loss"]


def test_sparse_beside_dense():
    a, b = gd.Input(WIDTH, "a"), gd.Input(WIDTH, "b")
    net = gd.Model([a, b], gd.Concatenate()([a, b]))
    x = WHOLE.astype("f")
    assert np.array_equal(net.predict({"a": csr(x), "b": x}), np.hstack([x, x]))


def broken(change):
    given = csr(WHOLE.astype("f"))
    change(given)
    return given


def set_last(array, value):
    array[-1] = value


BROKEN = {
    "column beyond": (lambda m: set_last(m.indices, WIDTH), f"columns 0 to {WIDTH}: expected 0 to"),
    "column below": (lambda m: set_last(m.indices, -1), "columns -1 to"),
    "rows beyond": (lambda m: set_last(m.indptr, 10**6), "row pointers do not fit"),
    "rows backwards": (lambda m: m.indptr.__setitem__(3, 10**6), "row pointers do not fit"),
    "rows below": (lambda m: m.indptr.__setitem__(0, -5), "row pointers do not fit"),
    "NaN": (lambda m: m.data.__setitem__(7, np.nan), r"X holds nan at row \d+, column \d+"),
}


@pytest.mark.parametrize("what", BROKEN)
def test_sparse_that_is_broken(what):
    change, message = BROKEN[what]
    given = broken(change)
    with pytest.raises(ValueError, match=message):
        model().fit(given, Y, verbose=0)


def test_sparse_that_is_changed_while_it_is_used():
    """Columns that come to lie outside after the check are left out: C writes nowhere else."""
    given = SparseRows(np.ones(3, "f"), np.array([0, 1, 2]), np.array([0, 3]), (1, 4))
    net = gd.Sequential([gd.Input(4), gd.Rescaling(1.0)])
    net.predict(np.zeros((1, 4)))
    step = next(iter(net._engine.steps.values()))
    out = np.empty((1, 4), "f")
    given.columns[1:] = [10**6, -1]
    step.session.run([(given, 1.0)], 1, 1, outputs=[out])
    assert out.tolist() == [[1, 0, 0, 0]]


def test_sparse_targets_are_refused():
    with pytest.raises(TypeError, match="y is a sparse matrix: expected a dense array"):
        model().fit(WHOLE.astype("f"), csr(np.eye(CLASSES)[Y]))


def test_sparse_rows_are_an_array():
    x = WHOLE.astype("f")
    m = csr(x)
    rows = as_rows(m, "X")
    assert isinstance(rows, SparseRows) and rows.dtype == x.dtype and rows.size == x.size
    assert np.array_equal(np.asarray(rows), x)
    assert (rows.min(), rows.max(), len(rows)) == (x.min(), x.max(), ROWS)
    for pick in (
        slice(3, 90, 2),
        slice(None, None, -1),
        Y == 1,
        RNG.integers(0, ROWS, 40),
        slice(0, 0),
    ):
        assert np.array_equal(np.asarray(rows[pick]), x[pick])


# --- mapped files ------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["float32", "float64", "uint8", "float16"])
def test_mapped(kind, tmp_path):
    x = WHOLE.astype(kind)
    given = mapped(x, tmp_path)
    assert as_rows(given, "X") is given
    assert results(given) == results(x)
    assert results(given[:, :WIDTH], shuffle=False) == results(x, shuffle=False)


def test_mapped_is_not_read_up_front(tmp_path, monkeypatch):
    """No pass over a mapped file before training, not through its views either."""
    x = WHOLE.astype("f")
    x[7, 3] = np.nan
    given = mapped(x, tmp_path)
    for view in (given, given[1:], np.asarray(given), given[:, 2:]):
        assert arrays.mapping_of(view) is not None
        arrays.check_finite(view, "X")
    assert arrays.mapping_of(x) is None and arrays.mapping_of(x[1:]) is None
    with pytest.raises(gd.NonFiniteError, match="input x"):
        model().fit(given, Y, seed=0, verbose=0)


@pytest.mark.parametrize(("rows", "width"), [(1, 1), (5, 10**6), (1000, 500), (99_999, 7)])
def test_blocks(rows, width, monkeypatch):
    """Every row once; neighbours stay within a window, and are mixed within it."""
    monkeypatch.setattr(order, "WINDOW", 8)
    got = order.epoch_order("blocks", rows, width, 3, 0)
    assert sorted(got) == list(range(rows))
    size = max(1, order.BLOCK // width)
    for start in range(0, rows, 8 * size):
        assert len(set(got[start : start + 8 * size] // size)) <= 9
    if rows > 2:
        assert not np.array_equal(got, np.arange(rows))
        assert not np.array_equal(got, order.epoch_order("blocks", rows, width, 3, 1))
        assert not np.array_equal(got, order.epoch_order("blocks", rows, width, 4, 0))
    assert np.array_equal(got, order.epoch_order("blocks", rows, width, 3, 0))
    if rows > 16 * size:
        assert np.abs(np.diff(got)[: 8 * size - 1]).mean() > size  # not merely one after another


def test_blocks_train_as_the_order_says(tmp_path):
    """The same bits whatever the numbers' type and place."""
    want = results(WHOLE.astype("f"), shuffle="blocks")
    assert results(WHOLE.astype(np.uint8), shuffle="blocks") == want
    assert results(mapped(WHOLE.astype(np.float64), tmp_path), shuffle="blocks") == want
    with pytest.raises(
        ValueError, match="fit shuffle='rows': expected True, False, 'blocks' or a function"
    ):
        model().fit(WHOLE, Y, shuffle="rows")


class Told:
    """A mapping that notes what it is told to read."""

    def __init__(self):
        self.calls = []

    def madvise(self, option, start, length):
        assert option == readahead.mmap.MADV_WILLNEED and start % readahead.mmap.PAGESIZE == 0
        self.calls.append((start, start + length))


@pytest.mark.skipif(not hasattr(readahead.mmap, "MADV_WILLNEED"), reason="no madvise here")
def test_reading_ahead(tmp_path, monkeypatch):
    """Once a step has waited for the disk, and no sooner, every row is asked for before its turn."""
    monkeypatch.setattr(readahead, "LEAD", 1 << 16)
    waits = [0]
    monkeypatch.setattr(readahead, "_faults", lambda: waits[0])
    x = mapped(RNG.normal(size=(4000, 100)).astype("f"), tmp_path)[:, 3:]
    turns = RNG.permutation(len(x))
    ahead = readahead.ReadAhead([x, np.zeros((4000, 2))], turns)
    (array, file, start), *more = ahead.files
    assert array is x and file is arrays.mapping_of(x) and more == []
    assert start == x.offset - x.offset % readahead.mmap.ALLOCATIONGRANULARITY + 128 + 12
    told = Told()
    ahead.files[0] = (array, told, start)
    ahead.before(0)
    assert told.calls == []
    waits[0] = 1
    for row in range(0, 4000, 50):
        ahead.before(row)
        for turn in turns[row : row + 50]:
            at = start + int(turn) * 400
            assert any(low <= at and at + 388 <= high for low, high in told.calls)
    assert len(told.calls) < 4000  # near ones together
    assert readahead.ReadAhead([np.zeros((9, 2))], np.arange(9)).files == []


def test_whole_numbers_beyond_int32():
    """They would wrap around in silence."""
    x = np.array([[2**31, 5]])
    with pytest.raises(ValueError, match=r"input 'x' holds 2147483648.*convert it with \.astype"):
        gd.Sequential([gd.Dense(2)]).predict(x)
    gd.Sequential([gd.Input(2), gd.Dense(2)]).predict(
        x
    )  # declared real: converted as it is gathered
