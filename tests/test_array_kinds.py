"""Arrays of every kind that work: the same numbers in another dress give the same bits."""

import numpy as np
import pytest
from refusals import CLASSES, ROWS, WIDTH, X, Y, classifier, network

import gdcore as gd

WHOLE = np.random.default_rng(1).integers(0, 100, X.shape)


def readonly(a):
    out = a.copy()
    out.flags.writeable = False
    return out


def within_larger(a):
    wide = np.zeros((a.shape[0] * 2, a.shape[1] * 3), a.dtype)
    wide[::2, 1::3] = a
    return wide[::2, 1::3]


def misaligned(a):
    raw = np.zeros(a.nbytes + 1, np.uint8)
    out = raw[1:].view(a.dtype).reshape(a.shape)
    out[...] = a
    return out


class Holder:
    def __array__(self, dtype=None, copy=None):
        return WHOLE.astype(np.float32)


class Capsule:
    """An array of another library, known by the exchange protocol alone."""

    def __init__(self):
        self.inner = WHOLE.astype(np.float32)

    def __dlpack__(self, **options):
        return self.inner.__dlpack__(**options)

    def __dlpack_device__(self):
        return self.inner.__dlpack_device__()


def from_pandas(a):
    pd = pytest.importorskip("pandas")
    return pd.DataFrame(a, columns=list("abcde"))


def from_torch(a):
    return pytest.importorskip("torch").tensor(a)


KINDS = {
    "float64": lambda a: a.astype(np.float64),
    "float16": lambda a: a.astype(np.float16),
    "longdouble": lambda a: a.astype(np.longdouble),
    **{
        t: (lambda a, t=t: a.astype(t))
        for t in ("uint8", "int8", "int16", "uint16", "int32", "uint32", "int64", "uint64")
    },
    "big-endian": lambda a: a.astype(">f8"),
    "big-endian int": lambda a: a.astype(">i4"),
    "Fortran": np.asfortranarray,
    "reversed": lambda a: a[::-1].copy()[::-1],
    "strided": within_larger,
    "misaligned": misaligned,
    "read-only": readonly,
    "transposed": lambda a: a.T.copy().T,
    "list": lambda a: a.tolist(),
    "tuple of arrays": lambda a: tuple(a),
    "matrix of no mask": np.ma.array,
    "__array__": lambda a: Holder(),
    "__dlpack__": lambda a: Capsule(),
    "pandas": from_pandas,
    "torch": from_torch,
    "torch float64": lambda a: from_torch(a).double(),
}


@pytest.mark.parametrize("shuffle", [True, False])
@pytest.mark.parametrize("kind", KINDS)
def test_arrays_of_every_kind(kind, shuffle):
    """The same numbers in another dress give the same training, to the bit."""
    clean = WHOLE.astype(np.float32)
    given = KINDS[kind](clean)
    got, want = classifier(), classifier()
    real = gd.Sequential([gd.Input(WIDTH), gd.Activation(lambda x: x / 100.0)])
    for m, x in ((got, given), (want, clean)):
        m.layers.insert(0, gd.Activation(lambda x: x / 100.0))
        history = m.fit(x, Y, batch_size=16, epochs=2, seed=3, shuffle=shuffle)
        assert np.isfinite(history["loss"]).all()
    assert all(
        np.array_equal(w, v) for w, v in zip(got.get_weights(), want.get_weights(), strict=True)
    )
    assert np.array_equal(got.predict(given), want.predict(clean))
    assert np.array_equal(real.predict(given), clean / np.float32(100))


def test_bool():
    flags = WHOLE > 50
    got, want = classifier(), classifier()
    for m, x in ((got, flags), (want, flags.astype(np.float32))):
        m.fit(x, Y, epochs=2, seed=3)
    assert all(
        np.array_equal(w, v) for w, v in zip(got.get_weights(), want.get_weights(), strict=True)
    )


LABELS = {
    **{
        t: (lambda y, t=t: y.astype(t))
        for t in ("uint8", "int8", "int32", "int64", "uint64", "float32", "float64", ">i4", ">f4")
    },
    "list": lambda y: y.tolist(),
    "column": lambda y: y[:, None],
    "strided": lambda y: np.repeat(y, 2)[::2],
    "read-only": readonly,
    "torch": lambda y: pytest.importorskip("torch").tensor(y),
}


@pytest.mark.parametrize("kind", LABELS)
def test_labels_of_every_kind(kind):
    got, want = classifier(), classifier()
    for m, y in ((got, LABELS[kind](Y)), (want, Y)):
        m.fit(X, y, epochs=2, seed=3)
    assert all(
        np.array_equal(w, v) for w, v in zip(got.get_weights(), want.get_weights(), strict=True)
    )


def test_data_is_never_written_to():
    x, y, w = X.copy(), Y.copy(), np.ones(ROWS)
    model = classifier()
    model.fit(x, y, epochs=2, sample_weight=w, seed=0)
    model.predict(x)
    assert np.array_equal(x, X) and np.array_equal(y, Y) and (w == 1).all()


def test_large_copies_are_told(monkeypatch):
    from gdcore.data import arrays

    monkeypatch.setattr(arrays, "LARGE", 100)
    with pytest.warns(
        UserWarning, match=r"X \(.*\) is copied to C-contiguous float32: pass it that way"
    ):
        network().predict(np.asfortranarray(X))
    network().predict(X)  # no warning, or it would be an error


def test_nothing_to_predict():
    assert classifier().predict(X[:0]).shape == (0, CLASSES)


def test_batch_of_one():
    model = classifier()
    assert np.isfinite(model.train_on_batch(X[:1], Y[:1]))
    assert model.predict(X[:1]).shape == (1, CLASSES)
