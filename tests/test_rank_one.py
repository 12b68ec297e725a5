"""Training on single samples: the gradient x' dy is not written, and nothing else changes."""

import numpy as np
import pytest

import gdcore as gd
from gdcore.engine import steps
from gdcore.optimizers import OPTIMIZERS

RNG = np.random.default_rng(0)
X, Y = RNG.normal(size=(40, 9)), RNG.integers(0, 3, 40)


class Normalized(gd.optimizers.Optimizer):
    """Looks at all gradients of a group at once, so that its update cannot be made in pieces."""

    name = "normalized"

    def update(self, p, g, slots, n):
        return p - n["lr"] * g / gd.ops.sqrt(gd.ops.sum(gd.ops.square(g)) + 1e-12), {}


class Averaged(gd.optimizers.Optimizer):
    """Divides by how many weights there are in a group."""

    name = "averaged"

    def update(self, p, g, slots, n):
        return p - n["lr"] * g / p.shape[0], {}


class OfVectors(gd.optimizers.Optimizer):
    """Knows that it is given a vector."""

    name = "of_vectors"

    def update(self, p, g, slots, n):
        (_,) = p.shape
        return p - n["lr"] * g, {}


WHOLE = {"norm", "normalized", "averaged", "of_vectors", "muon"}  # not made in pieces
MADE = {
    **{name: OPTIMIZERS[name] for name in OPTIMIZERS},
    "momentum": lambda: gd.SGD(0.1, momentum=0.9, nesterov=True),
    "decay": lambda: gd.AdamW(1e-2, clip_value=0.1),
    "groups": lambda: gd.Adam(1e-2, groups=[{"match": "0.*", "lr": 1e-3}]),
    "norm": lambda: gd.SGD(0.1, clip_norm=0.5),
    "normalized": Normalized,
    "averaged": Averaged,
    "of_vectors": OfVectors,
}


def trained(make, dtype="float32", **layer):
    model = gd.Sequential(
        [gd.Input(9), gd.Dense(17, "tanh", **layer), gd.Dense(33, "relu"), gd.Dense(3)]
    ).compile(make(), "cross_entropy", dtype=dtype)
    model.fit(X, Y, batch_size=1, epochs=2, seed=1, verbose=0)
    return model


def written(model):
    """The parameters whose gradients a step on one sample writes."""
    step = next(s for key, s in model._engine.steps.items() if key[:2] == ("train", 1))
    plan = step.session.plan
    return {v.name for v in plan.values.values() if v.name.startswith("d ") and v.shape != ()}


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", MADE)
def test_the_weights_are_those_of_gradients_that_are_written(name, dtype, isa, monkeypatch):
    got = trained(MADE[name], dtype)
    with monkeypatch.context() as patch:
        patch.setattr(steps, "column_and_row", lambda gradient: None)
        want = trained(MADE[name], dtype)
    assert len(written(want)) == 6
    assert len(written(got)) == (6 if name in WHOLE else 3)
    assert got._engine.parameters().params.tobytes() == want._engine.parameters().params.tobytes()
    assert got._engine.parameters().slots.tobytes() == want._engine.parameters().slots.tobytes()


def test_a_gradient_of_more_than_one_product_is_written():
    assert len(written(trained(gd.SGD, kernel_l2=1e-3))) == 4


@pytest.mark.parametrize("optimizer", [gd.SGD(0.1), gd.Adam(1e-3)], ids=lambda o: o.name)
@pytest.mark.parametrize("huge", [1e25, 1e38])
def test_a_gradient_beyond_all_bounds_is_refused(optimizer, huge, isa):
    """x' dy overflows (or its square, where the optimizer takes it), though x and dy do not."""
    model = gd.Sequential([gd.Input(4), gd.Dense(2, kernel_initializer="zeros")])
    model.compile(optimizer, lambda pred, target: gd.ops.mean(pred * 1e5 * target))
    model.predict(np.ones((1, 4)))
    before = model._engine.parameters().params.copy()
    x = np.array([[0.0, 1.0, -huge, 0.0]])
    if huge * 1e5 < 3e38 and not optimizer.squares:
        model.train_on_batch(x, np.ones((1, 2)))
        assert np.isfinite(model._engine.parameters().params).all()
        return
    with pytest.raises(gd.NonFiniteError, match=r"0\.kernel"):
        model.train_on_batch(x, np.ones((1, 2)))
    assert model._engine.parameters().params.tobytes() == before.tobytes()
    assert np.isfinite(model.train_on_batch(np.ones((1, 4)), np.ones((1, 2))))


def test_diagnostics_see_the_gradients_of_one_sample():
    model = gd.Sequential([gd.Input(9), gd.Dense(3)]).compile("sgd", "cross_entropy")
    report = gd.diagnostics.diagnose(model, X[:1], Y[:1])
    assert all(p.gradient > 0 for shot in report.snapshots for p in shot.parameters)
