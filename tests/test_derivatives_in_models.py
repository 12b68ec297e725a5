"""Derivatives in networks and losses: trained through, saved, drawn at random, and computed once."""

import pickle

import numpy as np
import pytest
from harness import run_graph

import gdcore as gd
from gdcore import ops
from gdcore.data.dataset import TargetSpec
from gdcore.engine.engine import engine_of
from gdcore.graph.ir import REAL, topological
from gdcore.graph.ops.draws import number_streams
from gdcore.graph.passes.phases import specialize

RNG = np.random.default_rng(0)
X = RNG.normal(size=(24, 3))
Y = RNG.normal(size=(24, 1))


def network(x, width=8, out=1):
    """Two layers that bend smoothly."""
    return gd.Dense(out)(gd.Dense(width, activation="tanh")(x))


class Field(gd.Model):
    """An energy and the force that it exerts, -∂energy/∂x."""

    def __init__(self, width=8, between=()):
        self.layers = [gd.Dense(width, activation="softplus"), *between, gd.Dense(1)]

    def forward(self, x):
        e = x
        for layer in self.layers:
            e = layer(e)
        return {"energy": e, "force": -ops.gradient(e, x)}


# --- trained through, against torch ------------------------------------------------


def in_torch(torch, model, x):
    """The output of `network` in PyTorch, with its parameters by name."""
    w = {k: torch.tensor(v, requires_grad=True) for k, v in model.state_dict().items()}
    first, bias, second, last = w.values()
    return torch.tanh(x @ first + bias) @ second + last, w


def compare(torch, model, loss, w, arguments):
    """Loss and gradients of a model with those of PyTorch."""
    got = model.gradients(*arguments)
    want = torch.autograd.grad(loss, list(w.values()), allow_unused=True)
    for name, g in zip(w, want, strict=True):
        g = torch.zeros_like(w[name]) if g is None else g
        np.testing.assert_allclose(got[name], g.numpy(), rtol=1e-9, atol=1e-11, err_msg=name)
    np.testing.assert_allclose(model.evaluate(*arguments)["loss"], loss.item(), rtol=1e-10)


def test_gradient_penalty():
    """WGAN-GP (Gulrajani et al. 2017): the critic's slope is drawn to 1."""
    torch = pytest.importorskip("torch")
    x = gd.Input(3)
    score = network(x)
    length = ops.sqrt(ops.sum(ops.square(ops.gradient(score, x)), -1) + 1e-12)
    model = gd.Model(x, [score, length])
    model.compile(
        "adam",
        [lambda p, t: ops.mean(p * t, -1), lambda p, t: 10 * ops.square(p - t)],
        dtype="float64",
    )
    side, one = np.sign(Y), np.ones(len(X))
    data = torch.tensor(X, requires_grad=True)
    s, w = in_torch(torch, model, data)
    (slope,) = torch.autograd.grad(s.sum(), data, create_graph=True)
    norm = (slope.square().sum(-1) + 1e-12).sqrt()
    loss = (s * torch.tensor(side)).mean() + 10 * (norm - 1).square().mean()
    compare(torch, model, loss, w, (X, (side, one)))


def test_pde_loss():
    """A loss of second derivatives: u_0 = u_11 + u_22 + u (an equation of reaction and diffusion)."""
    torch = pytest.importorskip("torch")
    x = gd.Input(3)
    u = network(x)

    def residual(pred, target):
        slope = ops.gradient(pred, x)
        bends = [ops.gradient(slope[:, i], x)[:, i] for i in (1, 2)]
        return ops.square(slope[:, 0] - bends[0] - bends[1] - pred[:, 0] - target[:, 0])

    model = gd.Model(x, u).compile("adam", residual, dtype="float64")
    data = torch.tensor(X, requires_grad=True)
    v, w = in_torch(torch, model, data)
    (slope,) = torch.autograd.grad(v.sum(), data, create_graph=True)
    bends = [
        torch.autograd.grad(slope[:, i].sum(), data, create_graph=True)[0][:, i] for i in (1, 2)
    ]
    loss = (slope[:, 0] - sum(bends) - v[:, 0] - torch.tensor(Y[:, 0])).square().mean()
    compare(torch, model, loss, w, (X, Y))
    # The Laplacian by jvp: the same.
    pushed = [ops.jvp(ops.jvp(u, x, e), x, e)[:, 0] for e in np.eye(3)[1:]]
    both = gd.Model(x, [sum(pushed), ops.gradient(ops.gradient(u, x)[:, 1], x)[:, 1]])
    both.compile("sgd", ["mse", "mse"], dtype="float64")
    got, _ = both.predict(X)
    np.testing.assert_allclose(got, sum(bends).detach().numpy(), rtol=1e-9)


def test_energies_and_forces():
    model = Field().compile("adam", {"energy": "mse", "force": "mse"}, dtype="float64")
    energy, force = Y, X * 0.5
    model.fit(X, {"energy": energy, "force": force}, epochs=1, seed=0)
    got = model.predict(X)
    h = 1e-5
    for i in range(3):
        up, down = (model.predict(X + s * h * np.eye(3)[i])["energy"][:, 0] for s in (1, -1))
        np.testing.assert_allclose(got["force"][:, i], -(up - down) / (2 * h), atol=1e-8)
    exact = model.gradients(X, {"energy": energy, "force": force})
    state, name = model.state_dict(), "layers.0.kernel"
    for at in np.ndindex(3, 2):
        ends = []
        for side in (h, -h):
            moved = {k: v.copy() for k, v in state.items()}
            moved[name][at] += side
            model.load_state_dict(moved)
            ends.append(model.evaluate(X, {"energy": energy, "force": force})["loss"])
        np.testing.assert_allclose(exact[name][at], (ends[0] - ends[1]) / (2 * h), atol=1e-8)


def test_a_loss_of_the_derivative_by_the_prediction():
    """Any number of times in one loss, of a value for each sample and of a scalar."""

    def loss(pred, target):
        each = ops.mean(ops.square(pred - target) ** 2, -1)
        by_rows = ops.gradient(each, pred)  # 4 (p - t)³
        by_mean = ops.gradient(ops.mean(each), pred) * ops.count(pred.shape[0])
        return ops.sum(by_rows * by_mean, -1)

    model = gd.Sequential([gd.Input(3), gd.Dense(1)]).compile("sgd", loss, dtype="float64")
    off = model.predict(X) - Y
    np.testing.assert_allclose(model.evaluate(X, Y)["loss"], np.mean((4 * off**3) ** 2))
    slope = np.mean(96 * off**5, axis=0)
    np.testing.assert_allclose(model.gradients(X, Y)["0.bias"], slope)


def layers():
    """Every kind of layer that changes reals, with the shape of its input."""
    return {
        "dense": (gd.Dense(3, activation="gelu"), (4,)),
        "conv": (gd.Conv2D(2, 3, activation="mish"), (5, 5, 2)),
        "pool": (gd.MaxPool2D(2), (4, 4, 2)),
        "batch norm": (gd.BatchNorm(), (4,)),
        "layer norm": (gd.LayerNorm(), (4,)),
        "recurrent": (gd.LSTM(3), (4, 2)),
        "dropout": (gd.Dropout(0.5), (4,)),
        "noise": (gd.GaussianNoise(0.1), (4,)),
        "rescaled": (gd.Rescaling(0.5, 1.0), (4,)),
        "softmax": (gd.Activation("softmax"), (4,)),
    }


@pytest.mark.parametrize("name", layers())
def test_layers_to_second_order(name):
    layer, shape = layers()[name]
    x = gd.Input(shape)
    made = layer(x)
    y = ops.mean(ops.tanh(made) ** 3, range(1, made.ndim))
    rng = np.random.default_rng(1)
    v, data, h = rng.normal(size=shape), rng.normal(size=(6, *shape)), 1e-5
    slope = ops.gradient(y, x)
    model = gd.Model(x, [slope, ops.jvp(slope, x, v)])
    model.compile("sgd", ["mse", "mse"], dtype="float64")
    up, down = (model.predict(data + s * h * v)[0] for s in (1, -1))
    got = model.predict(data)[1]
    assert got.any()
    np.testing.assert_allclose(got, (up - down) / (2 * h), atol=1e-8)


# --- training and prediction -------------------------------------------------------


def test_dropout_draws_once():
    """The derivative holds the mask of the value that it is the derivative of."""
    x = gd.Input(3)
    dropped = gd.Dropout(0.5)(x)
    slope = ops.gradient(ops.sum(ops.square(dropped), -1), x)
    bend = ops.gradient(ops.sum(slope, -1), x)
    push = ops.jvp(dropped, x, 1.0)
    values = number_streams([dropped, slope, bend, push], {})
    for training in (True, False):
        chosen, _ = specialize(values, training)
        d, s, b, p = run_graph([x], [np.abs(X)], chosen, 64, rows=len(X))
        mask = np.where(d != 0, 2.0, 0.0) if training else np.ones_like(X)
        assert (0 < (d == 0).mean() < 1) if training else (d != 0).all()
        np.testing.assert_allclose(s, 2 * mask * d)
        np.testing.assert_allclose(b, 2 * mask**2)
        np.testing.assert_allclose(p, mask)


def test_a_loss_by_what_lies_behind_dropout():
    """The prediction that a loss gets is the value that the layers made, whose parts it may know."""
    x = gd.Input(3)
    h = gd.Dense(4)(gd.Dropout(0.5)(x))
    y = gd.Dense(1)(h)
    model = gd.Model(x, y)
    model.compile("sgd", lambda p, t: ops.sum(ops.gradient(p, h), -1), dtype="float64")
    want = model.state_dict()["dense_1.kernel"].sum()
    np.testing.assert_allclose(model.evaluate(X, Y)["loss"], want)
    np.testing.assert_allclose(model.gradients(X, Y)["dense_1.kernel"], 1.0)


def test_draws_of_a_loss(tmp_path):
    """Between two samples, as WGAN-GP draws: other numbers than those of dropout in the network."""
    seen = []

    def loss(pred, target):
        eps = ops.random_uniform(pred.shape)
        return ops.mean(ops.square(pred - eps * target), -1)

    model = gd.Sequential([gd.Input(3), gd.Dropout(0.5), gd.Dense(1)])
    for made in (model, None):
        if made is None:
            model.save(tmp_path / "model.gd")
            made = gd.load(tmp_path / "model.gd")
        made.compile(gd.SGD(0.0), loss)
        made.resume(seed=3, steps_done=0, epochs_done=0)
        seen.append([made.train_on_batch(X, Y) for _ in range(3)])
        _, total, _ = engine_of(made).builder().traced([TargetSpec((1,), REAL)], False, True)
        streams = {v.attrs["stream"] for v in topological([total]) if v.op.name == "random_uniform"}
        assert len(streams) == 2
    assert seen[0] == seen[1] and len(set(seen[0])) == 3
    pytest.importorskip("scipy")
    plain = gd.Sequential([gd.Input(3), gd.Dense(1)]).compile("sgd", loss)
    with pytest.raises(ValueError, match="draws of a loss"):
        gd.lbfgs(plain, X, Y)


def test_a_way_not_taken_leaves_no_trace():
    """What only training computes, however far from finite, is not in the derivative of prediction."""
    x = gd.Input(3)
    y = ops.sum(ops.when_training(ops.log(x * 0.0), ops.square(x)), -1)
    for value, want in ((ops.gradient(y, x), 2 * X), (ops.jvp(y, x, 1.0), 2 * X.sum(1))):
        (value,), _ = specialize([value], training=False)
        np.testing.assert_allclose(run_graph([x], [X], [value], 64, rows=len(X))[0], want)


@pytest.mark.parametrize("kept", [("force",), ("energy", "force")])
def test_updates_of_states(kept):
    """Batch norm within an energy follows its input once a step, whether the energy is put out or not."""
    norm = gd.BatchNorm(momentum=0.5)

    class Only(Field):
        def forward(self, x):
            made = super().forward(norm(x) * 2)
            return {k: made[k] for k in kept}

    model = Only(between=[gd.BatchNorm(momentum=0.5)])
    model.compile("sgd", dict.fromkeys(kept, "mse"), dtype="float64")
    targets = {"energy": Y, "force": X}
    model.train_on_batch(X, {k: targets[k] for k in kept})
    means = [v for k, v in model.state_dict().items() if "running_mean" in k]
    assert len(means) == 2 and all(m.any() for m in means)
    outer = next(m for m in means if m.shape == (3,))
    np.testing.assert_allclose(outer, 0.5 * X.mean(0))


# --- how it is computed ------------------------------------------------------------


def count(plan, word):
    """How often an op stands in a plan's instructions."""
    parts = [p.text for i in plan.instructions for p in (i, i.then) if p is not None]
    return sum(text.split("·").count(word) for text in parts)


def test_what_is_shared_is_computed_once():
    x = gd.Input(3)
    u = network(x)
    slope = ops.gradient(u, x)
    again = ops.gradient(slope[:, 0], x)
    model = gd.Model(x, [u, slope, again, ops.gradient(u, x)])
    model.compile("sgd", ["mse"] * 4)
    model.train_on_batch(X, (Y, X, X, X))
    assert count(model.plan, "tanh") == 1


def test_an_index_out_of_range_is_found_though_its_row_is_not_read():
    i = gd.Input(2, dtype="int")
    rows = gd.Embedding(5, 3)(i)
    model = gd.Model(i, ops.gradient(ops.sum(rows, (1, 2)), rows) + rows)
    assert model.predict([[0, 4]]).shape == (1, 2, 3)
    with pytest.raises(ValueError, match="index 5"):
        model.predict([[0, 5]])


# --- kept, and taken elsewhere -----------------------------------------------------


def derivatives():
    """Models of which derivatives are put out: of images, rows of a table, and what all may stand in."""
    x = gd.Input(3)
    plain = gd.Dense(1)(gd.Dropout(0.2)(gd.Dense(8, activation="gelu")(x)))
    image = gd.Input((6, 6, 2))
    conv = gd.Conv2D(4, 3, activation="silu")(gd.MaxPool2D(2, strides=1)(image))
    seen = gd.Dense(1)(gd.Flatten()(gd.MaxPool2D(2)(conv)))
    word = gd.Input(4, dtype="int")
    rows = gd.Embedding(7, 3)(word)
    score = ops.sum(ops.log_softmax(rows, -1)[:, 1:, 0] * ops.max(rows, (1, 2), True)[:, 0], -1)
    images = RNG.normal(size=(5, 6, 6, 2))
    words = RNG.integers(0, 7, (5, 4))
    return {
        "plain": (gd.Model(x, [plain, ops.gradient(plain, x)]), X),
        "field": (Field(between=[gd.BatchNorm()]), X),
        "second": (gd.Model(x, ops.jvp(ops.gradient(plain, x), x, [1.0, 0.0, 2.0])), X),
        "image": (gd.Model(image, ops.gradient(seen, image)), images),
        "rows": (gd.Model(word, ops.gradient(score, rows)), words),
    }


def flat(result):
    """Whatever predict returns, as a list of arrays."""
    if isinstance(result, dict):
        return list(result.values())
    return result if isinstance(result, list | tuple) else [result]


@pytest.mark.parametrize("name", ["plain", "field", "second", "image", "rows"])
def test_saved_and_pickled(name, tmp_path):
    model, data = derivatives()[name]
    want = flat(model.predict(data))
    model.save(tmp_path / "model.gd")
    for again in (gd.load(tmp_path / "model.gd"), pickle.loads(pickle.dumps(model))):
        for a, b in zip(flat(again.predict(data)), want, strict=True):
            np.testing.assert_array_equal(a, b)
    assert model.summary()


@pytest.mark.parametrize("name", ["plain", "field", "second", "image", "rows"])
def test_in_onnx(name, tmp_path):
    pytest.importorskip("onnx")
    runtime = pytest.importorskip("onnxruntime")
    model, data = derivatives()[name]
    want = flat(model.predict(data))
    gd.onnx.save(model, tmp_path / "model.onnx")
    session = runtime.InferenceSession(tmp_path / "model.onnx")
    (given,) = session.get_inputs()
    kind = np.int64 if "int" in given.type else np.float32
    got = session.run(None, {given.name: data.astype(kind)})
    for a, b in zip(got, want, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-5)
