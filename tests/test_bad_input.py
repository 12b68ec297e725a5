"""Bad input: refused in one line that says what is wrong and how to mend it; nothing is lost."""

import numpy as np
import pytest
from refusals import (
    CLASSES,
    ROWS,
    X,
    Y,
    classifier,
    one_line,
    pattern,
    spoiled,
)

import gdcore as gd


class Sparse:
    """What a SciPy matrix looks like from here."""

    nnz, shape = 3, X.shape

    def toarray(self):
        return X


def fit(x=X, y=Y, **options):
    return lambda m: m.fit(x, y, **options)


# name: (what is done with a trained classifier, the error, what its line says)
REFUSED = {
    # X
    "x of one dimension": (fit(X[:, 0]), ValueError, "'x'.*shape (40,).*expected (n, 5)"),
    "x of three dimensions": (fit(X[None], Y[:1]), ValueError, "shape (1, 40, 5).*expected (n, 5)"),
    "x too narrow": (fit(X[:, :4]), ValueError, "shape (40, 4).*expected (n, 5)"),
    "x without columns": (fit(X[:, :0]), ValueError, "shape (40, 0).*expected (n, 5)"),
    "x without rows": (
        fit(X[:0], Y[:0]),
        ValueError,
        "X has no rows: expected at least one sample",
    ),
    "x a number": (fit(3.0), ValueError, "X is a single number.*one row for each sample"),
    "x None": (fit(None), TypeError, "X holds objects such as None: expected numbers"),
    "x text": (
        fit(np.full(X.shape, "red")),
        TypeError,
        "X holds text such as 'red': expected numbers.*np.unique",
    ),
    "x objects": (
        fit(np.full(X.shape, {})),
        TypeError,
        "X holds objects such as {}: expected numbers",
    ),
    "x complex": (
        fit(X.astype(np.complex64)),
        TypeError,
        "X is complex (complex64).*take .real or .imag",
    ),
    "x dates": (
        fit(np.zeros(X.shape, "M8[s]")),
        TypeError,
        "X has the dtype datetime64[s]: expected real numbers",
    ),
    "x ragged": (
        fit([[1.0, 2.0], [3.0]]),
        ValueError,
        "X is not a rectangular array.*every row the same length",
    ),
    "x masked": (
        fit(np.ma.masked_less(X, 0)),
        ValueError,
        "X has masked elements: fill them.*or drop their rows",
    ),
    "x sparse": (
        fit(Sparse()),
        TypeError,
        "X is a sparse matrix: expected a dense array; call .toarray()",
    ),
    "x NaN": (
        fit(spoiled(X, np.nan)),
        ValueError,
        "X holds nan at row 7, column 2: replace or drop",
    ),
    "x infinite": (
        fit(spoiled(X, -np.inf)),
        ValueError,
        "X holds -inf at row 7, column 2: replace or drop",
    ),
    "x of another name": (fit({"z": X}), ValueError, "X has the inputs ['z']: expected ['x']"),
    # y
    "fewer rows of x": (fit(X[:39]), ValueError, "X has 39 rows and y has 40 rows"),
    "fewer rows of y": (fit(X, Y[:39]), ValueError, "X has 40 rows and y has 39 rows"),
    "y a number": (fit(X, 1), ValueError, "X has 40 rows and y has a single number"),
    "y None": (fit(X, None), TypeError, "y holds objects such as None: expected numbers"),
    "y text": (
        fit(X, np.array(["cat", "dog"] * 20)),
        TypeError,
        "y holds text such as 'cat': expected numbers; number the categories first.*np.unique",
    ),
    "y text in objects": (
        fit(X, np.array(["cat", "dog"] * 20, object)),
        TypeError,
        "y holds text such as 'cat'",
    ),
    "y a list of text": (fit(X, ["cat"] * ROWS), TypeError, "y holds text such as 'cat'"),
    "y from 1": (
        fit(X, Y + 1),
        ValueError,
        "class number 3.*3 classes: expected 0 to 2.*from 0, or.*4 units",
    ),
    "y below 0": (
        fit(X, Y - 1),
        ValueError,
        "class number -1.*expected 0 to 2; number the classes from 0$",
    ),
    "y between": (
        fit(X, Y + 0.5),
        ValueError,
        "class numbers, but hold fractions such as \\d.5: expected whole numbers 0 to 2",
    ),
    "y NaN": (fit(X, spoiled(Y, np.nan)), ValueError, "y holds nan at row 7: replace or drop"),
    "y of two columns": (
        fit(X, np.zeros((ROWS, 2))),
        ValueError,
        "targets have the shape (40, 2).*puts out (n, 3).*one-hot",
    ),
    "y of three dimensions": (
        fit(X, np.zeros((ROWS, 3, 2))),
        ValueError,
        "targets have the shape (40, 3, 2).*one-hot",
    ),
    "y no probabilities": (
        fit(X, 2 * np.eye(3)[Y]),
        ValueError,
        "taken for probabilities.*between 0 and 2: expected 0 to 1",
    ),
    # weights
    "weights too few": (
        fit(sample_weight=np.ones(39)),
        ValueError,
        "X has 40 rows and sample_weight has 39 rows",
    ),
    "weights negative": (
        fit(sample_weight=-np.ones(ROWS)),
        ValueError,
        "sample_weight holds -1: expected at least 0",
    ),
    "weights NaN": (
        fit(sample_weight=spoiled(np.ones(ROWS), np.nan)),
        ValueError,
        "sample_weight holds nan at row 7",
    ),
    "weights of two columns": (
        fit(sample_weight=np.ones((ROWS, 2))),
        ValueError,
        "sample_weight has the shape (40, 2).*one number for each",
    ),
    "weights text": (
        fit(sample_weight=["a"] * ROWS),
        TypeError,
        "sample_weight holds text such as 'a'",
    ),
    "class weight for no class": (
        fit(class_weight={5: 1.0}),
        ValueError,
        "class_weight gives class 5.*classes 0 to 2",
    ),
    "class weight by text": (
        fit(class_weight={"a": 1.0}),
        ValueError,
        "class_weight gives class 'a'.*classes 0 to 2",
    ),
    "class weight negative": (
        fit(class_weight={0: -1}),
        ValueError,
        "class 0 the weight -1.*at least 0",
    ),
    "class weight text": (
        fit(class_weight={0: "x"}),
        ValueError,
        "class 0 the weight 'x'.*at least 0",
    ),
    "class weight word": (
        fit(class_weight="balance"),
        ValueError,
        "class_weight='balance': expected 'balanced', or a dict",
    ),
    "class weight number": (
        fit(class_weight=3),
        TypeError,
        "class_weight=3: expected 'balanced', or a dict",
    ),
    # settings of fit
    **{
        f"batch_size {b!r}": (
            fit(batch_size=b),
            ValueError,
            f"fit batch_size={b!r}: expected a whole number of at least 1.*None",
        )
        for b in (0, -1, 1.5, "a")
    },
    **{
        f"epochs {e!r}": (
            fit(epochs=e),
            ValueError,
            f"fit epochs={e!r}: expected a whole number of at least 0",
        )
        for e in (-1, 1.5, "a", None)
    },
    **{
        f"validation_split {v!r}": (
            fit(validation_split=v),
            ValueError,
            f"fit validation_split={v!r}: expected at least 0 and below 1",
        )
        for v in (1, -0.1, float("nan"), "a", None)
    },
    "validation_split of nothing": (
        fit(validation_split=0.001),
        ValueError,
        "0.001 of 40 samples leaves a part empty",
    ),
    **{
        f"seed {s!r}": (
            fit(seed=s),
            ValueError,
            f"fit seed={s!r}: expected a whole number from 0 to 2\\*\\*64 - 1",
        )
        for s in ("a", -1, 1.5, 2**64, True)
    },
    "verbose": (fit(verbose=7), ValueError, "verbose=7: expected 0, 1, 2 or 'auto'"),
    "callbacks None": (
        fit(callbacks=None),
        TypeError,
        "fit callbacks=None: expected a list of gd.Callback",
    ),
    "callback alone": (
        fit(callbacks=gd.EarlyStopping("loss")),
        TypeError,
        "expected a list of gd.Callback",
    ),
    "callback class": (
        fit(callbacks=[gd.EarlyStopping]),
        TypeError,
        "expected a list of gd.Callback instances",
    ),
    "validation alone": (
        fit(validation_data=X),
        ValueError,
        "validation_data: expected (x, y) or (x, y, sample_weight)",
    ),
    "validation too short": (
        fit(validation_data=(X, Y[:3])),
        ValueError,
        "40 rows and .* has 3 rows",
    ),
    "validation too narrow": (
        fit(validation_data=(X[:, :2], Y)),
        ValueError,
        "shape (40, 2).*expected (n, 5)",
    ),
    "validation NaN": (
        fit(validation_data=(spoiled(X, np.nan), Y)),
        ValueError,
        "validation_data holds nan at row 7",
    ),
    "validation of another kind": (
        fit(validation_data=(X, np.eye(3)[Y])),
        ValueError,
        "expected the same kind",
    ),
    # asking, weights
    "predict too narrow": (
        lambda m: m.predict(X[:, :3]),
        ValueError,
        "shape (40, 3).*expected (n, 5)",
    ),
    "predict text": (lambda m: m.predict(["a"]), TypeError, "X holds text such as 'a'"),
    "predict batch_size": (
        lambda m: m.predict(X, batch_size=0),
        ValueError,
        "predict batch_size=0: expected",
    ),
    "evaluate batch_size": (
        lambda m: m.evaluate(X, Y, batch_size=-3),
        ValueError,
        "evaluate batch_size=-3: expected",
    ),
    "evaluate nothing": (lambda m: m.evaluate(X[:0], Y[:0]), ValueError, "X has no rows"),
    "one batch too short": (
        lambda m: m.train_on_batch(X, Y[:3]),
        ValueError,
        "40 rows and y has 3 rows",
    ),
    "gradients of bad labels": (lambda m: m.gradients(X, Y + 1), ValueError, "class number 3"),
    "too few weights": (
        lambda m: m.set_weights([np.zeros(3)]),
        ValueError,
        "set_weights got 1 arrays: expected 4.*kernel",
    ),
    "weights of wrong shape": (
        lambda m: m.set_weights([np.zeros(3)] * 4),
        ValueError,
        "'0.kernel' has the shape (3,), expected (5, 8)",
    ),
    "state missing": (
        lambda m: m.load_state_dict({}),
        ValueError,
        "missing '0.kernel'.*strict=False",
    ),
    "state unknown": (
        lambda m: m.load_state_dict({**m.state_dict(), "old": X}),
        ValueError,
        "unknown 'old'.*strict=False",
    ),
    "state text": (
        lambda m: m.load_state_dict({**m.state_dict(), "0.bias": "a"}),
        TypeError,
        "'0.bias' holds text",
    ),
    "freeze nothing": (
        lambda m: m.freeze("head*"),
        ValueError,
        "no parameter's name fits 'head\\*': they are 0.kernel",
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_refused(name):
    action, error, words = REFUSED[name]
    model, calm = classifier(), classifier()
    for m in (model, calm):
        m.fit(X, Y, epochs=2, seed=3)
    before = model.state_dict()
    with pytest.raises(error, match=pattern(words)) as caught:
        action(model)
    one_line(caught.value)
    after = model.state_dict()
    assert all(np.array_equal(before[k], after[k]) for k in before)
    again, want = model.fit(X, Y, epochs=2, seed=3), calm.fit(X, Y, epochs=2, seed=3)
    assert again["loss"] == want["loss"]  # to the bit: nothing was lost
    assert all(
        np.array_equal(w, v) for w, v in zip(model.get_weights(), calm.get_weights(), strict=True)
    )


def test_refused_before_the_first_fit():
    """What a refused call saw does not settle what the network is."""
    model = gd.Sequential([gd.Dense(8), gd.Dense(CLASSES)]).compile("adam", "cross_entropy")
    for x, y in ((X[:, :3], Y[:5]), (X[:0], Y[:0]), (spoiled(X, np.nan), Y)):
        with pytest.raises(ValueError):
            model.fit(x, y)
    assert len(model.fit(X, Y, seed=0)["loss"]) == 1
