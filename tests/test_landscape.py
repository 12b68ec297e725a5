"""The loss over directions from a solution, and between two networks."""

import numpy as np
import pytest

import gdcore as gd
from gdcore.diagnostics import interpolate, loss_landscape
from gdcore.diagnostics.landscape import LossLine, _direction
from gdcore.diagnostics.shadow import Shadow


@pytest.fixture(scope="module")
def trained():
    (x, y), _ = gd.datasets.digits()
    model = gd.Sequential([gd.Dense(24, activation="relu"), gd.BatchNorm(), gd.Dense(10)])
    model.compile("adam", "cross_entropy").fit(x, y, epochs=0, seed=0)
    start = model.state_dict()
    model.fit(x, y, epochs=8, verbose=0)
    return model, start, x[:300], y[:300]


def test_the_grid_holds_the_loss_of_moved_weights(trained):
    """Each point is what evaluate says of a model whose weights were moved by hand."""
    model, _, x, y = trained
    around = loss_landscape(model, x, y, points=5, span=0.5, seed=3)
    assert around.losses.shape == (5, 5)
    assert around.a.tolist() == [-0.5, -0.25, 0, 0.25, 0.5]
    assert around.losses[2, 2] == around.centre == pytest.approx(model.evaluate(x, y)["loss"])
    shadow = Shadow(model, x, y)
    first, second = (_direction(shadow, 3, which) for which in "ab")
    moved = gd.Sequential([gd.Dense(24, activation="relu"), gd.BatchNorm(), gd.Dense(10)])
    moved.compile("adam", "cross_entropy").fit(x, y, epochs=0)
    moved.load_state_dict(model.state_dict())
    moved._engine.parameters().params[...] += -0.25 * first + 0.5 * second
    assert moved.evaluate(x, y)["loss"] == pytest.approx(around.losses[4, 1], rel=1e-5)


def test_a_solution_lies_in_a_valley(trained):
    model, _, x, y = trained
    around = loss_landscape(model, x, y, points=5)
    assert around.losses.min() == around.losses[2, 2]
    assert around.losses[0, 0] > 2 * around.centre


def test_directions_are_normalised_by_filter():
    """Every unit's column, every channel's window, every row of a table: as long as the weights."""
    rng = np.random.default_rng(0)
    model = gd.Sequential([gd.Conv2D(3, 2), gd.LayerNorm(), gd.Flatten(), gd.Dense(4)])
    x = rng.normal(size=(8, 5, 5, 2))
    shadow = Shadow(model.compile("sgd", "mse"), x, np.zeros((8, 4)), seed=0)
    direction = _direction(shadow, 0, "a")
    memory, names = shadow.memory, shadow.network.names
    for p in shadow.network.parameters:
        at = memory.offsets[p]
        part, own = direction[at : at + p.size].reshape(p.shape), memory.view(p)
        if p.role != "kernel":
            assert not part.any(), names[p]
            continue
        axes = tuple(range(part.ndim - 1))
        np.testing.assert_allclose(
            np.sqrt((part**2).sum(axis=axes)), np.sqrt((own**2).sum(axis=axes)), rtol=1e-5
        )
    table = gd.Sequential([gd.Embedding(6, 3), gd.Flatten(), gd.Dense(1)]).compile("sgd", "mse")
    shadow = Shadow(table, rng.integers(0, 6, (4, 2)), np.zeros(4), seed=0)
    p = next(p for p in shadow.network.parameters if p.role == "embedding")
    at = shadow.memory.offsets[p]
    part = _direction(shadow, 0, "a")[at : at + p.size].reshape(p.shape)
    own = np.linalg.norm(shadow.memory.view(p), axis=1)
    np.testing.assert_allclose(np.linalg.norm(part, axis=1), own, rtol=1e-5)


def test_scaling_a_relu_network_does_not_change_the_picture():
    """What the normalisation is for: the same function, with one layer doubled and one halved."""
    (x, y), _ = gd.datasets.digits()
    x, y = x[:200], y[:200]

    def network():
        model = gd.Sequential([gd.Dense(16, activation="relu", use_bias=False), gd.Dense(10)])
        return model.compile("adam", "cross_entropy", dtype="float64")

    model, scaled = network(), network()
    model.fit(x, y, epochs=5, seed=0, verbose=0)
    scaled.fit(x, y, epochs=0, seed=0)
    w, v, b = model.get_weights()
    scaled.set_weights([w * 4, v / 4, b])
    one, other = (loss_landscape(m, x, y, points=3) for m in (model, scaled))
    np.testing.assert_allclose(one.losses, other.losses, rtol=1e-9)


def test_repeatable_and_seeded(trained):
    model, _, x, y = trained
    one, same, other = (loss_landscape(model, x, y, points=3, seed=s).losses for s in (0, 0, 1))
    assert one.tobytes() == same.tobytes()
    assert (one != other).any()


def test_a_loss_that_is_not_finite_is_left_out():
    x = np.full((4, 1), 1e18)
    model = gd.Sequential([gd.Dense(1, kernel_initializer="ones")]).compile("sgd", "mse")
    model.fit(x, np.zeros(4), epochs=0, seed=0)
    around = loss_landscape(model, x, np.full(4, 1e18), points=3, span=1e12)
    assert np.isinf(around.losses).any()
    assert not np.isnan(around.losses).any()


def test_the_line_meets_both_networks(trained):
    model, start, x, y = trained
    line = interpolate(model, start, x, y, points=9, beyond=0)
    assert line.t.tolist() == np.linspace(0, 1, 9).tolist()
    here = model.evaluate(x, y)["loss"]
    other = gd.Sequential([gd.Dense(24, activation="relu"), gd.BatchNorm(), gd.Dense(10)])
    other.compile("adam", "cross_entropy").fit(x, y, epochs=0)
    other.load_state_dict(start)
    assert line.losses[0] == pytest.approx(here, rel=1e-6)
    assert line.losses[-1] == pytest.approx(other.evaluate(x, y)["loss"], rel=1e-6)
    again = interpolate(model, other, x, y, points=9, beyond=0)
    assert again.losses.tobytes() == line.losses.tobytes()


def test_barrier():
    t = np.linspace(-0.5, 1.5, 21)
    bump = 1 + t + np.where((t > 0) & (t < 1), 3.0 * np.sin(np.pi * t), 0.0)
    assert LossLine(t, bump).barrier == pytest.approx(3.0)
    assert LossLine(t, 1 + t).barrier == pytest.approx(0.0, abs=1e-12)
    assert LossLine(t, (t - 0.5) ** 2).barrier == 0.0


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda m, s, x, y: loss_landscape(m, x, y, span=0), "span=0: expected a positive"),
        (lambda m, s, x, y: loss_landscape(m, x, y, points=2), "expected at least 3"),
        (lambda m, s, x, y: interpolate(m, s, x, y, points=1), "expected at least 2"),
        (lambda m, s, x, y: interpolate(m, s, x, y, beyond=-1), "beyond=-1"),
        (lambda m, s, x, y: interpolate(m, {}, x, y), "different parameters"),
        (
            lambda m, s, x, y: interpolate(m, s | {"0.bias": np.zeros(3)}, x, y),
            r"'0.bias' has the shape \(3,\), expected \(24,\)",
        ),
    ],
)
def test_bad_options(trained, call, message):
    with pytest.raises(ValueError, match=message):
        call(*trained)
