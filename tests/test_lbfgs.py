"""L-BFGS: gradients over stretches of rows, a minimum that is one, and errors."""

import numpy as np
import pytest

import gdcore as gd
from gdcore.engine.engine import engine_of
from gdcore.training import lbfgs as quasi_newton
from gdcore.training.prepare import prepare

pytest.importorskip("scipy")

RNG = np.random.default_rng(0)
X = RNG.normal(size=(300, 5))
Y = np.sin(X[:, :2]) + 0.1 * RNG.normal(size=(300, 2))


def task_of(model):
    engine = engine_of(model)
    return quasi_newton._Task(engine, prepare(engine, X, Y))


def network(seed=0, **compiled):
    model = gd.Sequential([gd.Input(5), gd.Dense(8, activation="tanh"), gd.Dense(2)])
    model.compile(**{"optimizer": "sgd", "loss": "mse", "dtype": "float64"} | compiled)
    model.resume(seed, 0, 0)
    return model


def test_linear_regression_is_solved_exactly():
    model = gd.Sequential([gd.Input(5), gd.Dense(2, kernel_l2=0.1)])
    model.compile("sgd", "mse", dtype="float64")
    model.resume(0, 0, 0)
    weights = RNG.uniform(1, 2, 300)
    result = gd.lbfgs(model, X, Y, sample_weight=weights, tol=1e-9, ftol=0, max_iter=500)
    assert result.converged and result.evaluations >= result.iterations > 1
    # the normal equations of Σ w |x W + b - y|² / (2 n) + 0.1 |W|²
    A = np.hstack([X, np.ones((300, 1))]) * np.sqrt(weights / 600)[:, None]
    penalty = np.diag([0.1] * 5 + [0.0])
    exact = np.linalg.solve(A.T @ A + penalty, A.T @ (Y * np.sqrt(weights / 600)[:, None]))
    kernel, bias = model.get_weights()
    np.testing.assert_allclose(np.vstack([kernel, bias]), exact, atol=1e-7)
    assert result.loss == pytest.approx(model.evaluate(X, Y, sample_weight=weights)["loss"])


@pytest.mark.parametrize("settings", [{}, {"tol": 0.0}], ids=["tol", "ftol"])
@pytest.mark.parametrize("scale", [1e-6, 1e-4, 1.0])
def test_stops_at_the_same_fit_whatever_the_targets_scale(scale, settings):
    """A share of the loss is one below 1, too; targets of 1e-4 are fitted as those of 1 are."""
    x = np.linspace(-1, 1, 200)[:, None]
    y = scale * np.sin(6 * x)
    model = gd.Sequential([gd.Input(1), gd.Dense(20, activation="tanh"), gd.Dense(1)])
    model.compile("sgd", "mse", dtype="float64")
    model.resume(0, 0, 0)
    gd.lbfgs(model, x, y, **settings)
    assert 1 - ((model.predict(x) - y) ** 2).mean() / y.var() > 0.95


def test_scipys_rules():
    """Not relative: scikit-learn's path and end, where a loss below 1 counts as 1."""
    from scipy.optimize import minimize

    result = gd.lbfgs(network(), X, Y, tol=1e-3, ftol=1e-6, relative=False)
    task = task_of(network())
    theirs = minimize(
        task, task.read(), method="L-BFGS-B", jac=True, options={"gtol": 1e-3, "ftol": 1e-6}
    )
    assert result.iterations == theirs.nit
    assert result.loss == theirs.fun


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("noise", [0.0, 1.0])
def test_an_exact_minimum_has_converged(noise, dtype):
    """Reached, and begun at: the line search finds nothing lower, since there is nothing lower."""
    rng = np.random.default_rng(1)
    y = X @ rng.normal(size=(5, 2)) + noise * rng.normal(size=(300, 2))
    model = gd.Sequential([gd.Input(5), gd.Dense(2)]).compile("sgd", "mse", dtype=dtype)
    model.resume(0, 0, 0)
    for _ in range(3):
        result = gd.lbfgs(model, X, y, tol=0.0, ftol=0.0, max_iter=500)
        assert result.converged, result.message
        assert "ABNORMAL" not in result.message
    assert noise or result.loss < 1e-12


def test_a_kink_is_no_minimum():
    """Where the line search fails at a kink with a slope beside it, that is said, and not converged."""
    task = task_of(network())
    at = task.read()
    jump = np.ones(len(at))
    task.lowest, task.best = 1.0, at

    def kinked(vector):
        away = float((vector - at) @ jump)
        return 1.0 + abs(away), jump * (1.0 if away >= 0 else -1.0)

    task.computed = kinked
    task.last = None
    assert not task.lost_in_rounding()


@pytest.mark.parametrize("rows", [7, 100, 299])
def test_stretches_of_rows_give_the_whole_gradient(rows, monkeypatch):
    whole = task_of(network())
    loss, gradient = whole(whole.read())
    monkeypatch.setattr(quasi_newton, "STRETCH", rows)
    cut = task_of(network())
    assert len(cut.parts) > 1
    again, pieces = cut(cut.read())
    assert again == pytest.approx(loss, rel=1e-12)
    np.testing.assert_allclose(pieces, gradient, rtol=1e-10, atol=1e-14)


def test_gradient_is_that_of_the_loss():
    task = task_of(network())
    at = task.read()
    _, gradient = task(at)
    for i in range(0, len(at), 5):
        step = np.zeros(len(at))
        step[i] = 1e-6
        slope = (task(at + step)[0] - task(at - step)[0]) / 2e-6
        assert gradient[i] == pytest.approx(slope, abs=1e-8)


def test_loss_falls_at_every_iteration_and_calls_back():
    seen = []
    model = network()
    result = gd.lbfgs(model, X, Y, max_iter=30, callback=lambda i, loss: seen.append((i, loss)))
    assert [loss for _, loss in seen] == result.losses
    assert [i for i, _ in seen] == list(range(1, len(seen) + 1))
    assert (np.diff(result.losses) <= 0).all()
    assert result.loss == pytest.approx(model.evaluate(X, Y)["loss"])
    stopped = gd.lbfgs(network(), X, Y, callback=lambda i, loss: i == 3)
    assert stopped.iterations == 3


@pytest.mark.parametrize("threads", [2, 7])
def test_same_bits_on_any_number_of_threads(threads, monkeypatch):
    from gdcore.engine import thread_count

    monkeypatch.setattr(thread_count, "MIN_WORK", 0)
    losses = []
    for n in (1, threads):
        gd.set_num_threads(n)
        losses.append(gd.lbfgs(network(), X, Y, max_iter=20).losses)
    assert losses[0] == losses[1]


def test_frozen_parameters_stay():
    model = network()
    model.freeze("0.*")
    model.compile("sgd", "mse", dtype="float64")
    before = model.get_weights()
    gd.lbfgs(model, X, Y, max_iter=5)
    after = model.get_weights()
    assert [np.array_equal(a, b) for a, b in zip(before, after, strict=True)] == [1, 1, 0, 0]


@pytest.mark.parametrize("layer", [gd.Dropout(0.5), gd.BatchNorm(), gd.GaussianNoise(0.1)])
def test_what_is_not_deterministic_is_refused(layer):
    model = gd.Sequential([gd.Dense(4), layer, gd.Dense(2)]).compile("sgd", "mse")
    with pytest.raises(ValueError, match="expected the same loss from the same weights"):
        gd.lbfgs(model, X, Y)


def test_no_finite_start():
    model = gd.Sequential([gd.Input(5), gd.Dense(2, activation="exp")])
    model.compile("sgd", "mse")
    with pytest.raises(gd.NonFiniteError):
        gd.lbfgs(model, X * 1e4, Y)


def test_a_step_too_far_is_taken_back():
    """Where the loss overflows on the way, the weights are the best ones seen, and finite."""
    model = gd.Sequential([gd.Input(5), gd.Dense(2, activation="exp")])
    model.compile("sgd", "mse")
    first = prepare(model._engine, X * 20, Y) and model.evaluate(X * 3, Y)["loss"]
    result = gd.lbfgs(model, X * 3, Y)
    assert np.isfinite(result.loss) and result.loss <= first
    assert all(np.isfinite(w).all() for w in model.get_weights())
