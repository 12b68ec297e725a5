"""Every loss: against its definition in NumPy, against central differences, and against torch."""

import numpy as np
import pytest
from differences import assert_gradient, central_differences
from harness import ISAS, TOLERANCE, close, gradients, ops, run_graph
from numpy_losses import FORMULAS, softmax

from gdcore import losses
from gdcore.graph.ir import INT, REAL
from gdcore.graph.ops.leaves import input_value
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
    ("quantile", {"q": 0.8}, None, real_targets, 1),
    ("kl_divergence", {}, lambda x: softmax(x / 4), distributions, 2),
    ("cosine_similarity", {}, None, lambda r, p: r.normal(size=p.shape), 2),
]


def drawn_alike(name):
    """The case of a loss that is not in the table: between 0.1 and 0.9, where every loss is defined."""
    share = lambda x: 0.1 + 0.8 / (1 + np.exp(-x))  # noqa: E731
    if LOSSES[name].classes:
        return name, {}, share, lambda r, p: r.integers(0, p.shape[-1], p.shape[:-1]), 2
    return name, {}, share, lambda r, p: r.uniform(0.1, 0.9, p.shape), 2


CASES += [drawn_alike(name) for name in LOSSES if name not in {row[0] for row in CASES}]
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


def test_every_loss_is_public():
    assert set(LOSSES.modules) <= set(losses.__all__)


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
        losses.get("crosentropy")
    with pytest.raises(TypeError, match="expected a name"):
        losses.get(3)


def test_quantiles_have_a_column_each():
    """The target has none, and each column its own share."""
    loss, pred = losses.Quantile((0.1, 0.5, 0.9)), np.array([[1.0, 2.0, 3.0], [0.0, 0.0, 0.0]])
    target = np.array([2.0, -1.0])
    p, t = leaves(pred, target, False)
    got, slope = run_graph(
        [p, t], [pred, target], [loss(p, t), *gradients(ops.mean(loss(p, t)), [p])], 64
    )
    close(got, np.array([0.1 + 0.1, 0.9 + 0.5 + 0.1]) / 3, 1e-6)
    assert slope[1] == pytest.approx(np.array([0.9, 0.5, 0.1]) / 6)
    with pytest.raises(ValueError, match="for 3 quantiles: expected"):
        loss(leaves(pred[:, :2], target, False)[0], t)
    for q in (0.0, 1.0, (), (0.5, 1.5)):
        with pytest.raises(ValueError, match="expected numbers above 0 and below 1"):
            losses.Quantile(q)
