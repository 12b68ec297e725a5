"""Every loss: against its definition in NumPy, against central differences, and against torch."""

import numpy as np
import pytest
from differences import assert_gradient, central_differences
from harness import ISAS, TOLERANCE, close, gradients, ops, run_graph
from numpy_losses import FORMULAS, cross_entropy, mse, sigmoid, softmax

import gdcore as gd
from gdcore import losses
from gdcore.graph.ir import INT, REAL
from gdcore.graph.registry import input_value
from gdcore.losses import LOSSES

SHAPES = [(1, 1), (6,), (7, 3), (4, 5, 3), (33, 17)]


def real_targets(rng, pred):
    off = rng.normal(size=pred.shape) * 2
    near_a_kink = (np.abs(off) < 0.05) | (np.abs(np.abs(off) - 1) < 0.05)
    return pred + np.where(near_a_kink, off + 0.2, off)


def signs(rng, pred):
    return rng.choice([-1.0, 1.0], pred.shape)


def off_the_hinge(x):
    return np.where(np.abs(np.abs(x) - 1) < 0.05, x * 1.2, x)


def distributions(rng, pred):
    return softmax(rng.normal(size=pred.shape))


# name → (settings, how predictions come from normal numbers, how targets are drawn, least number of dimensions)
CASES = [
    ("mse", {}, None, real_targets, 1),
    ("mae", {}, None, real_targets, 1),
    ("huber", {}, None, real_targets, 1),
    ("huber", {"delta": 0.3}, None, lambda r, p: p + r.choice([-0.2, 0.2, 0.5, -3], p.shape), 1),
    ("log_cosh", {}, None, real_targets, 1),
    ("cross_entropy", {}, None, lambda r, p: r.integers(0, p.shape[-1], p.shape[:-1]), 2),
    ("cross_entropy", {}, None, distributions, 2),
    (
        "cross_entropy",
        {"label_smoothing": 0.1},
        None,
        lambda r, p: r.integers(0, p.shape[-1], p.shape[:-1]),
        2,
    ),
    (
        "cross_entropy",
        {"label_smoothing": 0.3},
        None,
        lambda r, p: 0.9 * distributions(r, p),
        2,
    ),  # need not sum to 1
    ("binary_cross_entropy", {}, None, lambda r, p: r.integers(0, 2, p.shape).astype(float), 1),
    ("binary_cross_entropy", {}, None, lambda r, p: r.random(p.shape), 1),
    (
        "binary_cross_entropy",
        {"label_smoothing": 0.2},
        None,
        lambda r, p: r.integers(0, 2, p.shape).astype(float),
        1,
    ),
    ("hinge", {}, off_the_hinge, signs, 1),
    ("squared_hinge", {}, off_the_hinge, signs, 1),
    ("poisson", {}, lambda x: np.exp(x / 4), lambda r, p: r.poisson(2.0, p.shape).astype(float), 1),
    ("kl_divergence", {}, lambda x: softmax(x / 4), distributions, 2),
    ("cosine_similarity", {}, None, lambda r, p: r.normal(size=p.shape), 2),
]
IDS = [
    f"{i}-{row[0]}-{'-'.join(f'{k}={v}' for k, v in row[1].items())}" for i, row in enumerate(CASES)
]


def sample(case, shape, seed):
    """(loss, formula, predictions, targets, whether targets are class numbers); exact in float32."""
    name, settings, make, draw, _ = CASES[case]
    rng = np.random.default_rng(seed)
    pred = rng.normal(size=shape) * 2
    pred = (pred if make is None else make(pred)).astype(np.float32).astype(np.float64)
    target = draw(rng, pred)
    labels = target.dtype.kind == "i"
    target = target if labels else target.astype(np.float32).astype(np.float64)
    return (
        LOSSES[name](**settings),
        lambda p, t: FORMULAS[name](p, t, **settings),
        pred,
        target,
        labels,
    )


def leaves(pred, target, labels):
    return [
        input_value(pred.shape, "pred", REAL),
        input_value(target.shape, "y", INT if labels else REAL),
    ]


def test_the_table_has_every_loss():
    assert {row[0] for row in CASES} == set(LOSSES) == set(FORMULAS)


@pytest.mark.parametrize("isa_name", ISAS)
@pytest.mark.parametrize("bits", [32, 64])
@pytest.mark.parametrize("case", range(len(CASES)), ids=IDS)
def test_formula(case, bits, isa_name):
    """One number for each sample, and the gradient of their mean, for shapes of every rank."""
    for k, shape in enumerate(s for s in SHAPES if len(s) >= CASES[case][4]):
        loss, formula, pred, target, labels = sample(case, shape, k)
        p, t = leaves(pred, target, labels)
        each = loss(p, t)
        assert each.shape == shape[:1]
        (dp,) = gradients(ops.mean(each), [p])
        got, slope = run_graph([p, t], [pred, target], [each, dp], bits, isa_name)
        close(got, formula(pred, target), TOLERANCE[bits] * 2)
        if bits == 64:
            (want,) = central_differences(lambda: formula(pred, target).mean(), [pred], at_most=60)  # noqa: B023
            # of the order of 1/n, also where all of it is 0 (a hinge that is met)
            assert_gradient(slope, want, floor=1e-3 / pred.size, what=f"{shape}")


EXTREME = ["cross_entropy", "binary_cross_entropy", "hinge", "mae", "huber", "log_cosh"]


@pytest.mark.parametrize("bits", [32, 64])
@pytest.mark.parametrize("name", EXTREME)
def test_extreme_outputs(name, bits, isa):
    """±1e4 gives finite losses of the size that the formulas tend to, and finite gradients."""
    pred = np.array([[1e4, -1e4], [-1e4, 1e4], [1e4, 1e4], [0, -1e4]])
    target = np.array([[0.0, 1.0]] * 4) if "entropy" in name else np.array([[-1.0, 1.0]] * 4)
    want = {
        "cross_entropy": [2e4, 0, np.log(2), 1e4],
        "binary_cross_entropy": [1e4, 0, 5e3, 5e3 + np.log(2) / 2],
        "hinge": [10001, 0, 5000.5, 5001],
        "mae": [10001, 9999, 1e4, 5001],
        "huber": [10000.5, 9998.5, 9999.5, 5000.5],
        "log_cosh": [
            10001 - np.log(2),
            9999 - np.log(2),
            1e4 - np.log(2),
            (np.log(np.cosh(1)) + 10001 - np.log(2)) / 2,
        ],
    }[name]
    p, t = leaves(pred, target, False)
    each = LOSSES[name]()(p, t)
    got, slope = run_graph(
        [p, t], [pred, target], [each, *gradients(ops.mean(each), [p])], bits, isa
    )
    np.testing.assert_allclose(
        got, want, atol=1e4 * (1.2e-7 if bits == 32 else 2.2e-16)
    )  # one rounding of 1e4
    assert np.isfinite(slope).all() and np.abs(slope).max() > 0


@pytest.mark.parametrize("bits", [32, 64])
@pytest.mark.parametrize(
    ("name", "activation"),
    [
        ("cross_entropy", "softmax"),
        ("binary_cross_entropy", "sigmoid"),
        ("kl_divergence", "softmax"),
    ],
)
def test_probabilities_are_seen(name, activation, bits, isa):
    """A loss on a softmax or sigmoid is the loss on what went into it: also at ±1e4, where log(p) is lost."""
    logits = np.array([[1e4, -1e4, 3], [1.5, 0.25, -2], [-1e4, 1e4, 1e4]])
    target = np.array([[0.0, 1, 0], [0.25, 0.5, 0.25], [1, 0, 0]])
    x, t = leaves(logits, target, False)
    out = getattr(ops, activation)(x)
    seen = LOSSES[name]()(out, t)
    got = run_graph([x, t], [logits, target], [seen, *gradients(ops.mean(seen), [x])], bits, isa)
    assert all(np.isfinite(g).all() for g in got)
    if name == "kl_divergence":
        assert got[0][0] > 1e4  # not cut at log(1e-7)
        return
    plain = LOSSES[name]()(x, t)
    want = run_graph([x, t], [logits, target], [plain, *gradients(ops.mean(plain), [x])], bits, isa)
    for a, b in zip(got, want, strict=True):
        np.testing.assert_array_equal(a, b)


class Affine(gd.Model):
    """An output whose gradient can be read off: x times a gain, plus a bias."""

    def __init__(self, shape, activation=None):
        self.shape, self.activation = shape, gd.activations.get(activation)

    def forward(self, x):
        return self.activation(
            x * self.param("gain", self.shape, "ones") + self.param("bias", self.shape, "zeros")
        )


def affine(shape, loss, activation=None, **options):
    model = Affine(shape, activation)
    model.compile(optimizer=gd.SGD(1.0), loss=loss, dtype="float64", **options)
    return model


def test_labels_of_every_kind():
    """Class numbers as ints, floats, a column; one-hot rows; probabilities: one loss."""
    x = np.random.default_rng(0).normal(size=(9, 4))
    y = np.arange(9) % 4
    want = cross_entropy(x, y).mean()
    for labels in (
        y,
        y.astype(np.int8),
        y.astype(float),
        y[:, None],
        np.eye(4)[y],
        np.eye(4, dtype=bool)[y],
        y.tolist(),
    ):
        assert affine((4,), "cross_entropy").evaluate(x, labels)["loss"] == pytest.approx(
            want, rel=1e-12
        )
    assert affine((4,), "cross_entropy", "softmax").evaluate(x, y)["loss"] == pytest.approx(
        want, rel=1e-12
    )
    hinges = [
        affine((4,), "hinge").evaluate(x, t)["loss"] for t in (np.eye(4)[y], np.eye(4)[y] * 2 - 1)
    ]
    assert hinges[0] == hinges[1]


@pytest.mark.parametrize("name", LOSSES)
def test_sample_weights(name):
    """Σ w loss / n, over uneven batches; weight 0 is as if the sample gave nothing."""
    case = [row[0] for row in CASES].index(name)
    loss, formula, pred, target, _ = sample(case, (7, 3), 5)
    weights = np.array([0.0, 1, 2, 0.5, 3, 0, 1])
    model = affine((3,), loss)
    want = (formula(pred, target) * weights).sum() / 7
    assert model.evaluate(pred, target, batch_size=3, sample_weight=weights)[
        "loss"
    ] == pytest.approx(want, rel=1e-10)
    moved = pred.copy()
    moved[weights == 0] = pred[1]
    bias = model.gradients(pred, target, weights)["bias"]
    np.testing.assert_array_equal(bias, model.gradients(moved, target, weights)["bias"])
    each = [
        model.gradients(pred[i : i + 1], target[i : i + 1])["bias"] * w / 7
        for i, w in enumerate(weights)
    ]
    np.testing.assert_allclose(bias, np.sum(each, axis=0), rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("one_hot", [False, True])
@pytest.mark.parametrize(
    ("spec", "weights"),
    [
        ({0: 3.0, 2: 0.5}, [3, 1, 0.5]),
        ([1.0, 2.0, 0.25], [1, 2, 0.25]),
        (np.array([2, 0, 1]), [2, 0, 1]),
        ("balanced", [9 / 12, 9 / 6, 9 / 9]),
    ],
)
def test_class_weights(spec, weights, one_hot):
    x = np.random.default_rng(1).normal(size=(9, 3))
    y = np.array([0, 0, 0, 0, 1, 1, 2, 2, 2])
    labels = np.eye(3)[y] if one_hot else y
    a, b = affine((3,), "cross_entropy"), affine((3,), "cross_entropy")
    options = {"batch_size": None, "seed": 0, "verbose": 0, "shuffle": False}
    one = a.fit(x, labels, class_weight=spec, **options)
    two = b.fit(x, labels, sample_weight=np.array(weights)[y], **options)
    assert one.history["loss"] == two.history["loss"]
    assert one.history["loss"][0] == pytest.approx(
        (cross_entropy(x, y) * np.array(weights)[y]).mean(), rel=1e-12
    )
    for u, v in zip(a.get_weights(), b.get_weights(), strict=True):
        np.testing.assert_array_equal(u, v)


def test_class_and_sample_weights_multiply():
    x, y = np.random.default_rng(2).normal(size=(6, 1)), np.array([0, 1, 1, 1, 0, 1])
    s = np.arange(6.0)
    history = affine((1,), "binary_cross_entropy").fit(
        x, y, batch_size=None, sample_weight=s, class_weight={1: 4.0}, seed=0, verbose=0
    )
    want = (FORMULAS["binary_cross_entropy"](x, y[:, None]) * s * np.where(y == 1, 4, 1)).mean()
    assert history.history["loss"][0] == pytest.approx(want, rel=1e-12)


def test_losses_of_ones_own():
    """A scalar, and one number for each sample; only the second can be weighted."""
    x, y = np.random.default_rng(3).uniform(1, 2, (2, 8, 2))

    def log_ratio(pred, target):
        return gd.ops.mean(gd.ops.square(gd.ops.log(pred / target)))

    def each(pred, target):
        return gd.ops.sum(gd.ops.abs(pred - target) ** 3, 1)

    assert affine((2,), log_ratio).evaluate(x, y)["loss"] == pytest.approx(
        (np.log(x / y) ** 2).mean(), rel=1e-12
    )
    want = (np.abs(x - y) ** 3).sum(axis=1)
    assert affine((2,), each).evaluate(x, y, batch_size=3)["loss"] == pytest.approx(
        want.mean(), rel=1e-12
    )
    w = np.arange(8.0)
    assert affine((2,), each).evaluate(x, y, sample_weight=w)["loss"] == pytest.approx(
        (want * w).mean(), rel=1e-12
    )
    with pytest.raises(ValueError, match="one number for each sample"):
        affine((2,), log_ratio).evaluate(x, y, sample_weight=w)
    slope = affine((2,), log_ratio).gradients(x, y)["bias"]
    np.testing.assert_allclose(slope, (2 * np.log(x / y) / x).sum(axis=0) / x.size, rtol=1e-12)


def test_several_outputs_with_loss_weights():
    class Two(gd.Model):
        def __init__(self):
            self.a, self.b = gd.Dense(2), gd.Dense(3)

        def forward(self, x):
            return {"a": self.a(x), "b": self.b(x)}

    rng = np.random.default_rng(4)
    x, ya, yb = rng.normal(size=(5, 4)), rng.normal(size=(5, 2)), rng.integers(0, 3, 5)
    model = Two().compile(loss=["mse", "cross_entropy"], loss_weights=[0.25, 2.0], dtype="float64")
    out = model.predict(x)
    want = 0.25 * mse(out["a"], ya).mean() + 2 * cross_entropy(out["b"], yb).mean()
    assert model.evaluate(x, {"a": ya, "b": yb})["loss"] == pytest.approx(want, rel=1e-12)
    assert model.evaluate(x, (ya, yb))["loss"] == pytest.approx(want, rel=1e-12)
    slopes = model.gradients(x, (ya, yb))
    np.testing.assert_allclose(
        slopes["a.bias"], 0.25 * 2 * (out["a"] - ya).sum(axis=0) / 10, rtol=1e-10
    )
    np.testing.assert_allclose(
        slopes["b.bias"], 2 * (softmax(out["b"]) - np.eye(3)[yb]).sum(axis=0) / 5, rtol=1e-10
    )


def test_predict_proba_is_what_the_loss_takes_the_output_for():
    x = np.random.default_rng(5).normal(size=(6, 3)) * 50
    for activation in (None, "softmax"):
        model = affine((3,), "cross_entropy", activation)
        np.testing.assert_allclose(model.predict_proba(x), softmax(x), rtol=1e-10, atol=1e-300)
    for activation in (None, "sigmoid"):
        model = affine((3,), "binary_cross_entropy", activation)
        np.testing.assert_allclose(model.predict_proba(x), sigmoid(x), rtol=1e-10)


TORCH = {
    "mse": lambda f, p, t: f.mse_loss(p, t),
    "mae": lambda f, p, t: f.l1_loss(p, t),
    "huber": lambda f, p, t, delta=1.0: f.huber_loss(p, t, delta=delta),
    "cross_entropy": lambda f, p, t, **s: f.cross_entropy(p, t, **s),
    "binary_cross_entropy": lambda f, p, t: f.binary_cross_entropy_with_logits(p, t),
    "poisson": lambda f, p, t: f.poisson_nll_loss(p, t, log_input=False, eps=1e-7),
    "kl_divergence": lambda f, p, t: f.kl_div(p.log(), t, reduction="batchmean"),
    "cosine_similarity": lambda f, p, t: -f.cosine_similarity(p, t, dim=-1).mean(),
}
WITH_TORCH = [
    i
    for i, row in enumerate(CASES)
    if row[0] in TORCH
    and i != 8  # torch smooths only what sums to 1
    and not (row[0] == "binary_cross_entropy" and row[1])
]


@pytest.mark.parametrize("bits", [32, 64])
@pytest.mark.parametrize("case", WITH_TORCH, ids=[IDS[i] for i in WITH_TORCH])
def test_torch(case, bits):
    """The mean and its gradient."""
    torch = pytest.importorskip("torch")
    loss, _, pred, target, labels = sample(case, (33, 17), 6)
    real = {32: torch.float32, 64: torch.float64}[bits]
    q = torch.tensor(pred, dtype=real, requires_grad=True)
    goal = torch.tensor(target, dtype=None if labels else real)
    value = TORCH[CASES[case][0]](torch.nn.functional, q, goal, **CASES[case][1])
    value.backward()
    p, t = leaves(pred, target, labels)
    mean = ops.mean(loss(p, t))
    got, slope = run_graph([p, t], [pred, target], [mean, *gradients(mean, [p])], bits)
    assert float(got) == pytest.approx(value.item(), rel=TOLERANCE[bits])
    assert_gradient(slope, q.grad.numpy().astype(np.float64), TOLERANCE[bits])


def test_names_and_kinds():
    assert losses.get("huber") == losses.get(losses.Huber) == losses.get(losses.Huber(1.0))
    with pytest.raises(ValueError, match="did you mean 'cross_entropy'"):
        losses.get("crossentropy")
    with pytest.raises(TypeError, match="expected a name"):
        losses.get(3)
