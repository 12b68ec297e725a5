"""Muon: steps of matrices against NumPy and torch, the optimizer of the rest, and what is refused."""

import json

import numpy as np
import pytest

import gdcore as gd
from gdcore.optimizers import from_config

RNG = np.random.default_rng(0)
X = RNG.normal(size=(40, 6, 6, 2))
Y = RNG.normal(size=(40, 3))
STEPS = 4


def network(optimizer, dtype="float64", start=None):
    """A convolution of 18 × 4, a wide layer of 16 × 20, a narrow one of 20 × 3, with biases and a norm."""
    model = gd.Sequential(
        [
            gd.Input((6, 6, 2)),
            gd.Conv2D(4, 3, strides=2, activation="tanh"),
            gd.BatchNorm(),
            gd.Flatten(),
            gd.Dense(20, activation="tanh"),
            gd.Dense(3, name="head"),
        ]
    ).compile(optimizer, "mse", dtype=dtype)
    if start is not None:
        model.load_state_dict(start)
    return model


def path(optimizer, **more):
    """The weights before each step and after the last one, and the gradients of each step."""
    model = network(optimizer, **more)
    model.fit(X[:1], Y[:1], epochs=1, batch_size=1, seed=0, verbose=0) if not more else None
    weights, gradients = [model.state_dict()], []
    for i in range(STEPS):
        x, y = X[10 * i : 10 * i + 10], Y[10 * i : 10 * i + 10]
        gradients.append(model.gradients(x, y))
        model.train_on_batch(x, y)
        weights.append(model.state_dict())
    return weights, gradients


START = path(gd.SGD(0.0))[0][0]


def orthogonal(g, steps):
    x = g / max(np.linalg.norm(g), 1e-7)
    for _ in range(steps):
        a = x @ x.T
        x = 3.4445 * x + (-4.7750 * a + 2.0315 * a @ a) @ x
    return x


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"momentum": 0.6, "steps": 3, "normalize": True, "adjust": None},
        {"momentum": 0.0, "nesterov": False, "adjust": "original", "weight_decay": 0.1},
    ],
    ids=["default", "airbench", "original"],
)
def test_kernels_follow_the_formula(settings):
    """Tall and wide matrices, in the layout of the formula: outputs × inputs, as the authors write it."""
    optimizer = gd.Muon(0.05, rest=gd.SGD(0.1, momentum=0.9), others=["head.*"], **settings)
    weights, gradients = path(optimizer, start=START)
    momentum, steps = settings.get("momentum", 0.95), settings.get("steps", 5)
    for name in ("0.kernel", "3.kernel"):
        p, v = START[name], 0.0
        for i, g in enumerate(gradients):
            v = momentum * v + g[name]
            ahead = v if settings.get("nesterov") is False else g[name] + momentum * v
            matrix = ahead.reshape(-1, p.shape[-1]).T
            factor = {
                "match_rms_adamw": 0.2 * np.sqrt(max(matrix.shape)),
                "original": np.sqrt(max(1, matrix.shape[0] / matrix.shape[1])),
                None: 1.0,
            }[optimizer.adjust]
            p = p * (1 - 0.05 * optimizer.weight_decay)
            if optimizer.normalize:
                p = p * np.sqrt(p.shape[-1]) / np.linalg.norm(p)
            p = p - 0.05 * factor * orthogonal(matrix, steps).T.reshape(p.shape)
            np.testing.assert_allclose(weights[i + 1][name], p, rtol=1e-9, atol=1e-11)
    for name in ("head.kernel", "head.bias", "0.bias", "1.gamma"):
        p, v = START[name], 0.0
        for i, g in enumerate(gradients):
            v = 0.9 * v + g[name]
            p = p - 0.1 * v
            np.testing.assert_allclose(weights[i + 1][name], p, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("adjust", ["match_rms_adamw", "original"])
def test_torch(adjust, monkeypatch):
    """Its own Muon on dense kernels, without the rounding to bfloat16 within it."""
    torch = pytest.importorskip("torch")
    if not hasattr(torch.optim, "Muon"):
        pytest.skip("this torch has no Muon")
    monkeypatch.setattr(torch.Tensor, "bfloat16", lambda t: t.clone())
    weights, gradients = path(gd.Muon(0.05, weight_decay=0.1, adjust=adjust), start=START)
    names = ["3.kernel", "head.kernel"]
    theirs = [torch.tensor(START[n].T.copy(), requires_grad=True) for n in names]
    muon = torch.optim.Muon(theirs, lr=0.05, weight_decay=0.1, adjust_lr_fn=adjust)
    for g in gradients:
        for p, name in zip(theirs, names, strict=True):
            p.grad = torch.tensor(g[name].T.copy())
        muon.step()
    for p, name in zip(theirs, names, strict=True):
        np.testing.assert_allclose(weights[-1][name], p.detach().numpy().T, rtol=1e-6, atol=1e-8)


def test_the_rest_is_adam_of_the_same_settings():
    """Also when the rate changes while training goes on, and in a group."""
    groups = [{"match": "*.bias", "lr_scale": 3.0, "weight_decay": 0.0}]
    settings = {"weight_decay": 0.2, "groups": groups}
    halve = gd.LearningRateScheduler(lambda epoch: 0.05 / (epoch + 1))
    found = []
    for optimizer in (gd.Muon(0.05, **settings), gd.Adam(0.05, **settings)):
        model = network(optimizer, start=START)
        model.freeze("*.kernel")
        model.compile(optimizer, "mse", dtype="float64")
        model.fit(X, Y, batch_size=20, epochs=3, seed=0, callbacks=[halve], verbose=0)
        found.append(model.state_dict())
    for name, w in found[0].items():
        assert w.tobytes() == found[1][name].tobytes(), name


def test_bits_resumed_and_saved(tmp_path):
    """The same on two threads, after resuming, and after a file: the rest's settings and slots included."""
    optimizer = lambda: gd.Muon(0.02, rest=gd.RMSprop(0.01, momentum=0.5), clip_norm=0.5)  # noqa: E731

    def run(epochs, folder, threads=1, **more):
        before = gd.get_num_threads()
        gd.set_num_threads(threads)
        model = network(optimizer(), "float32", START)
        saved = gd.Checkpoint(tmp_path / folder)
        model.fit(X, Y, batch_size=8, epochs=epochs, seed=0, verbose=0, callbacks=[saved], **more)
        gd.set_num_threads(before)
        return model

    def bits(model):
        return [w.tobytes() for w in model.get_weights()]

    whole = run(3, "whole")
    assert bits(run(3, "two", 2)) == bits(whole)
    run(1, "half")
    assert bits(run(3, "half", resume_from=tmp_path / "half")) == bits(whole)
    whole.save(tmp_path / "model.safetensors")
    again = gd.load(tmp_path / "model.safetensors").optimizer
    assert again.config() == whole.optimizer.config() and again.rest.momentum == 0.5
    assert from_config(json.loads(json.dumps(again.config()))).config() == again.config()


def test_what_is_no_matrix_goes_to_the_rest():
    muon = gd.Muon(others=["head*"])
    cases = {("a", "kernel", (3, 2)): 0, ("a", "kernel", (3, 3, 1, 8)): 0}
    cases |= {("head.kernel", "kernel", (3, 2)): 1, ("a", "kernel", (5, 1)): 1}
    cases |= {("a", "kernel", (1, 5)): 1, ("a", "embedding", (9, 4)): 1, ("a", "bias", (3, 2)): 1}
    for parameter, member in cases.items():
        assert muon.member_of(*parameter) == member, parameter


def test_refused():
    for make, error, message in (
        (lambda: gd.Muon(steps=0), ValueError, "steps=0: expected a whole number of at least 1"),
        (lambda: gd.Muon(momentum=0.0), ValueError, "needs momentum"),
        (lambda: gd.Muon(adjust="x"), ValueError, "adjust='x': expected 'match_rms_adamw', 'orig"),
        (lambda: gd.Muon(sparse="lazy"), ValueError, "updates whole matrices: leave sparse=None"),
        (lambda: gd.Muon(others="head"), TypeError, "others='head': expected a list of patterns"),
        (lambda: gd.Muon(rest="adam"), TypeError, "rest='adam': expected another optimizer such"),
        (lambda: gd.Muon(rest=gd.Muon()), TypeError, "expected another optimizer such as gd.Adam"),
        (lambda: gd.Muon(rest=gd.SGD(clip_norm=1.0)), ValueError, "clip_norm=1.0 .*: expected nei"),
        (
            lambda: gd.Muon(rest=gd.SGD(gd.schedules.ReduceOnPlateau(0.1))),
            TypeError,
            "rest with lr=ReduceOnPlateau.*: expected a number or a schedule of the step",
        ),
    ):
        with pytest.raises(error, match=message) as caught:
            make()
        assert "\n" not in str(caught.value)
