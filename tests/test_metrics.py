"""Metrics against values worked out by hand and against scikit-learn, in batches of any size."""

import copy

import numpy as np
import pytest

from gdcore import metrics as m

RNG = np.random.default_rng(0)
N = 211


def in_batches(metric, y, p, w=None, sizes=(1, 50, 7, 150, 1000)):
    """Feed the rows in uneven batches."""
    start = 0
    for size in sizes:
        rows = slice(start, start + size)
        if start < len(p):
            metric.update(y[rows], p[rows], None if w is None else w[rows])
        start += size
    return metric.result()


def softmax(z):
    e = np.exp(z - z.max(axis=1, keepdims=True))
    return e / e.sum(axis=1, keepdims=True)


def test_accuracy_by_hand():
    p = [[0.1, 0.9], [0.8, 0.2], [0.5, 0.5]]
    assert m.evaluate("accuracy", [1, 1, 0], p, "multiclass_probs") == pytest.approx(2 / 3)
    assert m.evaluate("acc", np.eye(2)[[1, 1, 0]], p, "multiclass_probs") == pytest.approx(2 / 3)
    assert m.evaluate("acc", [[1], [1], [0]], p, "multiclass_probs") == pytest.approx(2 / 3)
    assert m.evaluate("acc", [1.0, 1.0, 0.0], p, "multiclass_probs", [2, 1, 1]) == 0.75
    # Exactly one half is a no.
    assert m.evaluate("acc", [1, 0, 1], [0.6, 0.5, 0.5], "binary_probs") == pytest.approx(2 / 3)
    assert m.evaluate("acc", [1, 0, 1], [[0.1], [-2], [0.0]], "binary_logits") == pytest.approx(
        2 / 3
    )
    y, p = [[1, 0], [0, 1]], [[0.9, 0.9], [0.1, 0.9]]
    assert m.evaluate("acc", y, p, "multilabel_probs") == 0.75
    assert m.evaluate("acc", y, p, "multilabel_probs", [3, 1]) == 0.625


def test_sequences_are_long_batches():
    p = RNG.normal(size=(4, 6, 3))
    y = RNG.integers(3, size=(4, 6))
    assert m.evaluate("acc", y, p, "multiclass_logits") == (p.argmax(-1) == y).mean()
    w = np.array([1.0, 0, 0, 2])
    expected = (w @ (p.argmax(-1) == y).mean(axis=1)) / 3
    assert m.evaluate("acc", y, p, "multiclass_logits", w) == pytest.approx(expected)


def test_top_k_by_hand():
    p = [[0.1, 0.2, 0.3, 0.4], [0.25, 0.25, 0.25, 0.25], [np.nan, 1, 2, 3]]
    y = [1, 2, 0]
    hits = [m.evaluate(m.TopK(k), y, p, "multiclass_probs") * 3 for k in (1, 2, 3, 4)]
    assert hits == pytest.approx([0, 0, 2, 2])
    p = RNG.integers(3, size=(100, 4)).astype(float)
    y = RNG.integers(4, size=100)
    top_1 = m.evaluate("top_1_accuracy", y, p, "multiclass_logits")
    assert top_1 == m.evaluate("accuracy", y, p, "multiclass_logits")


def test_precision_recall_f1_by_hand():
    y, p = [1, 1, 1, 0, 0], [0.9, 0.8, 0.1, 0.7, 0.2]
    assert m.evaluate("precision", y, p, "binary_probs") == pytest.approx(2 / 3)
    assert m.evaluate("recall", y, p, "binary_probs") == pytest.approx(2 / 3)
    y, p = [0, 1, 2, 2], np.eye(4)[[0, 2, 2, 1]]  # class 3 never turns up
    assert m.evaluate("precision", y, p, "multiclass_probs") == pytest.approx(1.5 / 3)
    assert m.evaluate("recall_weighted", y, p, "multiclass_probs") == pytest.approx(0.5)
    assert m.evaluate("f1_micro", y, p, "multiclass_probs") == 0.5


def test_zero_division_is_zero_and_nothing_is_nan():
    for name in ("precision", "recall", "f1"):
        assert m.evaluate(name, [0, 0], [0.1, 0.2], "binary_probs") == 0.0
    for name in ("accuracy", "f1", "roc_auc", "top_k", "confusion_matrix"):
        assert np.isnan(m.get(name).bind("multiclass_probs").result())
    for name in ("mse", "mae", "rmse", "r2"):
        metric = m.get(name).bind("regression")
        assert np.isnan(metric.result())
        metric.update(np.zeros(0), np.zeros(0))
        assert np.isnan(metric.result())
        assert m.evaluate(name, [1.0, 2.0], [2.0, 1.0], "regression", [0, 0]) in (0.0, 1.0)


def test_auc_by_hand():
    assert m.evaluate("auc", [0, 0, 1, 1], [0.1, 0.4, 0.35, 0.8], "binary_probs") == 0.75
    assert m.evaluate("auc", [0, 1, 0, 1], [1, 1, 1, 1], "binary_logits") == 0.5
    assert m.evaluate("auc", [0, 1], [50.0, 60.0], "binary_logits") == 1.0  # a sigmoid would tie
    assert np.isnan(m.evaluate("auc", [1, 1], [0.1, 0.2], "binary_probs"))


def test_confusion_by_hand():
    p = np.eye(3)[[0, 2, 2, 1]]
    table = m.evaluate("confusion_matrix", [0, 1, 2, 2], p, "multiclass_probs")
    assert table.dtype == np.int64
    assert table.tolist() == [[1, 0, 0], [0, 0, 1], [0, 1, 1]]
    table = m.evaluate("confusion_matrix", [[1, 0], [0, 0]], [[0.9, 0.9], [0.1, 0.1]],
                       "multilabel_probs")  # fmt: skip
    assert table.tolist() == [[[1, 0], [0, 1]], [[1, 1], [0, 0]]]


def test_regression_by_hand():
    y, p = [1.0, 2.0, 3.0, 6.0], [1.0, 4.0, 3.0, 4.0]
    assert m.evaluate("mse", y, p, "regression") == 2.0
    assert m.evaluate("rmse", y, p, "regression") == np.sqrt(2.0)
    assert m.evaluate("mae", y, p, "regression") == 1.0
    assert m.evaluate("r2", y, p, "regression") == pytest.approx(1 - 8 / 14)
    assert m.evaluate("r2", [2.0, 2.0], [2.0, 2.0], "regression") == 1.0
    assert m.evaluate("r2", [2.0, 2.0], [2.0, 2.5], "regression") == 0.0
    assert m.evaluate("mse", [1, 0], [0.0, 0.0], "binary_logits") == 0.25
    assert m.evaluate("mae", [0], [[0.5, 0.25, 0.25]], "multiclass_probs") == pytest.approx(1 / 3)
    far = 1e8 + np.arange(100.0)
    assert in_batches(m.R2().bind("regression"), far, far + 1) == pytest.approx(1 - 100 / 83325)


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("kind", ["multiclass_probs", "multiclass_logits"])
def test_multiclass_against_scikit_learn(kind, weighted):
    sk = pytest.importorskip("sklearn.metrics")
    z = np.round(RNG.normal(size=(N, 5)), 1)  # rounded, for ties
    y = RNG.integers(5, size=N)
    z[np.arange(N), y] += 0.7
    z += 1e-9 * np.arange(5)[::-1]  # scikit-learn breaks ties inside a row the other way
    w = RNG.integers(0, 4, N) / 2 if weighted else None
    p = softmax(z)
    out = p if kind.endswith("probs") else z
    guess = out.argmax(1)

    def ours(name):
        values = [in_batches(m.get(name).bind(kind), truth, out, w) for truth in (y, np.eye(5)[y])]
        assert np.all(values[0] == values[1])
        return values[0]

    assert ours("accuracy") == pytest.approx(sk.accuracy_score(y, guess, sample_weight=w))
    for k in (2, 4):
        expected = sk.top_k_accuracy_score(y, out, k=k, sample_weight=w)
        assert ours(f"top_{k}_accuracy") == pytest.approx(expected)
    for name in ("precision", "recall", "f1"):
        for average in ("macro", "micro", "weighted"):
            expected = getattr(sk, f"{name}_score")(y, guess, average=average, sample_weight=w)
            assert ours(f"{name}_{average}") == pytest.approx(expected)
        assert ours(name) == ours(f"{name}_macro")
    each = [sk.roc_auc_score(y == c, p[:, c], sample_weight=w) for c in range(5)]
    assert ours("auc") == pytest.approx(np.mean(each))
    if w is None:
        assert ours("auc") == pytest.approx(sk.roc_auc_score(y, p, multi_class="ovr"))
    expected = sk.confusion_matrix(y, guess, sample_weight=w)
    assert np.allclose(ours("confusion_matrix"), expected)


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("kind", ["binary_probs", "binary_logits"])
def test_binary_against_scikit_learn(kind, weighted):
    sk = pytest.importorskip("sklearn.metrics")
    y = RNG.integers(2, size=N)
    z = np.round(RNG.normal(size=N) + y, 1)
    out = 1 / (1 + np.exp(-z)) if kind.endswith("probs") else z
    w = RNG.integers(0, 4, N) / 2 if weighted else None
    guess = z > 0

    def ours(name):
        values = [
            in_batches(m.get(name).bind(kind), truth, scores, w)
            for truth in (y, y[:, None], y.astype(bool), y.astype(np.float32))
            for scores in (out, out[:, None])
        ]
        assert all(np.all(v == values[0]) for v in values)
        return values[0]

    assert ours("accuracy") == pytest.approx(sk.accuracy_score(y, guess, sample_weight=w))
    assert ours("auc") == pytest.approx(sk.roc_auc_score(y, out, sample_weight=w))
    for name in ("precision", "recall", "f1"):
        for average in ("binary", "macro", "micro", "weighted"):
            expected = getattr(sk, f"{name}_score")(y, guess, average=average, sample_weight=w)
            assert ours(f"{name}_{average}") == pytest.approx(expected)
        assert ours(name) == ours(f"{name}_binary")
    expected = sk.confusion_matrix(y, guess, sample_weight=w)
    assert np.allclose(ours("confusion_matrix"), expected)


@pytest.mark.parametrize("weighted", [False, True])
def test_multilabel_against_scikit_learn(weighted):
    sk = pytest.importorskip("sklearn.metrics")
    y = RNG.integers(2, size=(N, 3))
    z = np.round(RNG.normal(size=(N, 3)) + y, 1)
    w = RNG.integers(0, 4, N) / 2 if weighted else None
    guess = (z > 0).astype(int)

    def ours(name):
        return in_batches(m.get(name).bind("multilabel_logits"), y, z, w)

    for name in ("precision", "recall", "f1"):
        for average in ("macro", "micro", "weighted"):
            expected = getattr(sk, f"{name}_score")(y, guess, average=average, sample_weight=w)
            assert ours(f"{name}_{average}") == pytest.approx(expected)
    assert ours("auc") == pytest.approx(sk.roc_auc_score(y, z, sample_weight=w))
    expected = sk.multilabel_confusion_matrix(y, guess, sample_weight=w)
    assert np.allclose(ours("confusion_matrix"), expected)
    if w is None:
        assert ours("accuracy") == (y == guess).mean()


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("outputs", [1, 3])
def test_regression_against_scikit_learn(outputs, weighted):
    sk = pytest.importorskip("sklearn.metrics")
    y = RNG.normal(size=(N, outputs)) * [1, 5, 20][:outputs] + 100
    p = (y + RNG.normal(size=y.shape)).astype(np.float32)
    w = RNG.integers(0, 4, N) / 2 if weighted else None
    for name, function in (
        ("mse", sk.mean_squared_error),
        ("mae", sk.mean_absolute_error),
        ("rmse", sk.root_mean_squared_error),
        ("r2", sk.r2_score),
    ):
        got = in_batches(m.get(name).bind("regression"), y, p, w)
        assert got == pytest.approx(function(y, p, sample_weight=w), rel=1e-9)


def test_functions():
    def spread(y_true, y_pred):
        assert y_true.shape == y_pred.shape == (N,)
        return np.abs(y_true - y_pred).max()

    y = RNG.normal(size=N)
    metric = m.get(spread).bind("regression")
    assert metric.name == "spread"
    assert in_batches(metric, y[:, None], y[:, None] + 0.5) == pytest.approx(0.5)
    seen = m.get(lambda t, p: p.sum()).bind("multiclass_logits")
    assert in_batches(seen, np.zeros(N, int), np.full((N, 4), 3.0)) == pytest.approx(N)


def test_names_and_state():
    for name in ("accuracy", "acc", "auc", "top_3_accuracy", "top_k", "f1_macro", "rmse", "r2"):
        assert m.get(name).name == name
    assert m.get("acc") is not m.get("acc")
    metric = m.F1(average="macro", name="mine")
    assert m.get(metric) is metric and m.get(m.F1).name == "f1"
    metric.bind("binary_probs").update([1, 0], [0.9, 0.1])
    twin = copy.deepcopy(metric)
    twin.reset()
    assert metric.result() == 1.0 and np.isnan(twin.result())


def test_gathered_batches_are_copies():
    scores, labels = np.array([0.1, 0.9]), np.array([0, 1])
    metric = m.get("auc").bind("binary_probs")
    metric.update(labels, scores)
    scores[:], labels[:] = 0, 0
    assert metric.result() == 1.0


@pytest.mark.parametrize(
    ("run", "error", "message"),
    [
        (lambda: m.get("acuracy"), ValueError, "unknown metric 'acuracy': did you mean 'accuracy"),
        (lambda: m.get("top_0_accuracy"), ValueError, "unknown metric 'top_0_accuracy'"),
        (lambda: m.get("mse_macro"), ValueError, "unknown metric 'mse_macro'"),
        (lambda: m.get(3), TypeError, "a metric must be a name.*got int"),
        (lambda: m.TopK(0), ValueError, "k must be at least 1, got 0"),
        (lambda: m.F1("macr"), ValueError, "unknown average 'macr': did you mean 'macro'"),
        (lambda: m.evaluate("acc", [1], [1]), ValueError, "'acc' does not know how to read"),
        (lambda: m.get("acc").bind("logits"), ValueError, "unknown kind of output 'logits'"),
        (lambda: m.get("acc").bind("regression"), ValueError, "not defined for regression outp"),
        (lambda: m.get("top_k").bind("binary_probs"), ValueError, "expected multiclass"),
        (lambda: m.F1("binary").bind("multiclass_probs"), ValueError, "averages 'binary'"),
        (
            lambda: m.evaluate("acc", [0, 3], np.eye(2), "multiclass_probs"),
            ValueError,
            "holds label 3, expected 0 to 1",
        ),
        (
            lambda: m.evaluate("acc", [0, -1], np.eye(2), "multiclass_probs"),
            ValueError,
            "holds label -1",
        ),
        (
            lambda: m.evaluate("acc", [0, 0.5], np.eye(2), "multiclass_probs"),
            ValueError,
            "holds 0.5, expected whole class labels",
        ),
        (
            lambda: m.evaluate("acc", [0], np.eye(2), "multiclass_probs"),
            ValueError,
            r"y_true has shape \(1,\), expected 2 labels",
        ),
        (
            lambda: m.evaluate("acc", ["a", "b"], np.eye(2), "multiclass_probs"),
            TypeError,
            "y_true must be class labels, got dtype <U1",
        ),
        (
            lambda: m.evaluate("acc", [0, 1], [0.1, 0.2], "multiclass_probs"),
            ValueError,
            "at least 2 columns",
        ),
        (lambda: m.evaluate("acc", [0, 2], [0.1, 0.2], "binary_probs"), ValueError, "holds 2, exp"),
        (
            lambda: m.evaluate("acc", [0, 1, 1], [0.1, 0.2], "binary_probs"),
            ValueError,
            "expected 2 values of 0 or 1",
        ),
        (
            lambda: m.evaluate("mse", [0, 1, 1], [0.1, 0.2], "regression"),
            ValueError,
            "expected as many values",
        ),
        (
            lambda: m.evaluate("mse", [0, 1], ["a", "b"], "regression"),
            TypeError,
            "y_pred must be numbers",
        ),
        (
            lambda: m.evaluate("mse", ["a", "b"], [0, 1], "regression"),
            TypeError,
            "y_true must be numbers",
        ),
        (
            lambda: m.evaluate("mse", [0, 1], [0, 1], "regression", [1, 1, 1]),
            ValueError,
            "sample_weight has 3 values, expected 2",
        ),
    ],
)
def test_errors_are_one_clear_line(run, error, message):
    with pytest.raises(error, match=message) as caught:
        run()
    assert "\n" not in str(caught.value)
