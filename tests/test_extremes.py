"""Numbers at the edge: huge, subnormal, infinite, not a number, -0, and no variance at all.

What comes out is finite, or an error that names the tensor and leaves the weights as they were.
"""

import numpy as np
import pytest
from by_reference import numpy_of
from refusals import one_line

import gdcore as gd
from gdcore.activations import ACTIVATIONS
from gdcore.losses import LOSSES
from gdcore.optimizers import OPTIMIZERS

ROWS, WIDTH = 6, 3
EDGES = {
    "zero": 0.0,
    "minus zero": -0.0,
    "subnormal": 1e-41,
    "least normal": 1.2e-38,
    "large": 1e4,
    "huge": 1e30,
    "largest": 3.4e38,
    "inf": np.inf,
    "minus inf": -np.inf,
    "nan": np.nan,
}
PLAIN = ("zero", "minus zero", "subnormal", "least normal", "large")
REFUSED = ("inf", "minus inf", "nan")
POWERS = {"poisson", "exp"}  # of e, of 1e4 are beyond float32


def rows_of(value):
    """Rows with the value in the first, the last, every and no place, with either sign."""
    x = np.full((ROWS, WIDTH), 0.5, np.float32)
    x[0, 0], x[1, -1], x[2], x[3] = value, -value, value, -value
    x[4] = [value, -value, 1]
    return x


def identity(loss, optimizer="sgd", **settings):
    """A model whose predictions are its input."""
    layer = gd.Dense(WIDTH, use_bias=False)
    model = gd.Sequential([gd.Input(WIDTH), layer]).compile(optimizer, loss, **settings)
    model.set_weights([np.eye(WIDTH, dtype=np.float32)])
    return model


def steps_or_names(model, x, y, count=3):
    """Train some steps; whether all was finite. If not, the error names a tensor and nothing moved."""
    for _ in range(count):
        before = [w.copy() for w in model.get_weights()]
        try:
            logs = model.train_on_batch(x, y)
        except (gd.NonFiniteError, ValueError) as error:
            one_line(error)
            assert getattr(error, "tensor", "input") != ""
            for was, now in zip(before, model.get_weights(), strict=True):
                assert np.array_equal(was, now)
            return False
        assert np.isfinite(logs)
        assert all(np.isfinite(w).all() for w in model.get_weights())
    return True


def targets_of(loss):
    if loss == "cross_entropy":
        return np.arange(ROWS) % WIDTH
    return (np.arange(ROWS * WIDTH).reshape(ROWS, WIDTH) % 2).astype("f")


def judge(fine, edge, powers=False):
    """NaN and infinity are refused; what fits is computed. In between either will do."""
    if edge in REFUSED:
        assert not fine
    if edge in PLAIN and not (powers and edge == "large"):
        assert fine


@pytest.mark.parametrize("edge", EDGES)
@pytest.mark.parametrize("loss", LOSSES)
def test_losses(loss, edge):
    x = rows_of(EDGES[edge])
    fine = steps_or_names(identity(loss, gd.SGD(1e-40)), x, targets_of(loss), 1)
    judge(fine, edge, loss in POWERS)
    if edge == "huge":  # logits of 1e30 too
        with np.errstate(invalid="ignore"):
            each = numpy_of(LOSSES[loss]())(x.astype(np.float64), targets_of(loss))
        assert fine == bool((abs(each) < np.finfo("f").max).all())


@pytest.mark.parametrize("edge", EDGES)
@pytest.mark.parametrize("name", OPTIMIZERS)
def test_optimizers(name, edge):
    """The gradient of each weight is the edge itself, or its negative."""
    model = gd.Sequential([gd.Input(WIDTH), gd.Dense(1, use_bias=False)])
    model.compile(name, lambda p, t: gd.ops.mean(p * t))
    value = EDGES[edge]
    x = np.tile(np.array([value, -value, 0.5], np.float32), (ROWS, 1))
    fine = steps_or_names(model, x, np.ones((ROWS, 1), "f"), 5)
    judge(fine, edge)


@pytest.mark.parametrize("edge", EDGES)  # no variance in any column or row
@pytest.mark.parametrize("norm", [gd.BatchNorm, gd.LayerNorm])
def test_norms(norm, edge):
    x = np.full((ROWS, WIDTH), EDGES[edge], np.float32)
    model = gd.Sequential([gd.Input(WIDTH), norm(), gd.Dense(2)]).compile("sgd", "mse")
    fine = steps_or_names(model, x, np.ones((ROWS, 2), "f"), 3)
    judge(fine, edge)
    if edge not in (*REFUSED, "largest"):
        assert np.isfinite(model.predict(x)).all()


@pytest.mark.parametrize("edge", EDGES)
@pytest.mark.parametrize("name", ACTIVATIONS)
def test_activations(name, edge):
    x = rows_of(EDGES[edge])
    model = gd.Sequential([gd.Input(WIDTH), gd.Activation(name), gd.Dense(2)]).compile("sgd", "mae")
    fine = steps_or_names(model, x, np.ones((ROWS, 2), "f"), 2)
    judge(fine, edge, name in POWERS)


@pytest.mark.parametrize("edge", (*PLAIN, "huge", "largest"))
def test_probabilities(edge):
    """However large logits are, probabilities are, and add up to 1."""
    x = rows_of(EDGES[edge])
    p = identity("cross_entropy").predict_proba(x)
    assert np.isfinite(p).all()
    np.testing.assert_allclose(p.sum(axis=1), 1, rtol=1e-6)
