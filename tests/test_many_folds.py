"""Many models over the folds of a cross-validation."""

import numpy as np
import pytest
from test_many import CLASSES, ROWS, WEIGHTS, WIDTH, X, Y, bits, make

import gdcore as gd
from gdcore.many.settings import make_folds

# --- folds -------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["array", "sparse", "several", "pandas"])
def test_folds_are_fits_on_their_rows(kind):
    folds = make_folds(3, X, ROWS, Y, Y)
    x, take, maker = X, lambda rows: X[rows], make
    if kind == "sparse":
        x = pytest.importorskip("scipy.sparse").csr_array(X)
    if kind == "pandas":
        x = pytest.importorskip("pandas").DataFrame(X)
    if kind == "several":
        x, take = {"a": X, "b": X}, lambda rows: {"a": X[rows], "b": X[rows]}

        def maker(width):
            a, b = gd.Input(WIDTH, "a"), gd.Input(WIDTH, "b")
            net = gd.Model([a, b], gd.Dense(CLASSES)(gd.Dense(width)(a) + gd.Dense(width)(b)))
            return net.compile("adam", "cross_entropy")

    got = gd.fit_many(
        maker, {"width": [4, 9]}, x, Y.tolist(), cv=3, epochs=2, sample_weight=WEIGHTS
    )
    assert [(r.setting["width"], r.fold) for r in got] == [(w, k) for w in (4, 9) for k in range(3)]
    for run in got:
        assert run.error == ""
        train, test = folds[run.fold]
        net = maker(width=run.setting["width"])
        history = net.fit(
            take(train),
            Y[train],
            epochs=2,
            seed=0,
            sample_weight=WEIGHTS[train],
            validation_data=(take(test), Y[test], WEIGHTS[test]),
        )
        assert bits(run.model) == bits(net)
        assert run.history.history == history.history


def test_folds_deal_rows_and_classes_evenly():
    folds = make_folds(4, X, ROWS, Y, Y)
    held = np.concatenate([test for _, test in folds])
    assert sorted(held) == list(range(ROWS))
    for train, test in folds:
        assert not set(train) & set(test) and len(train) + len(test) == ROWS
        for k in range(CLASSES):
            assert abs((Y[test] == k).sum() - (k == Y).sum() / 4) < 1
    without = make_folds(4, X, ROWS, Y, None)
    assert not np.array_equal(without[0][1], np.arange(30)), "rows are shuffled"


def test_splitters_of_scikit_learn():
    selection = pytest.importorskip("sklearn.model_selection")
    cv = selection.ShuffleSplit(2, test_size=0.3, random_state=0)
    got = gd.fit_many(make, {"seed": [1, 2]}, X, Y, cv=cv)
    assert [(r.seed, r.fold, r.error) for r in got] == [
        (1, 0, ""),
        (1, 1, ""),
        (2, 0, ""),
        (2, 1, ""),
    ]
