"""What people write: the tutorial's spellings as they stand, and every way to build a model."""

import subprocess
import sys

import numpy as np
import pytest

import gdcore as gd

X = np.random.default_rng(0).normal(size=(60, 6)).astype(np.float32)
Y = np.random.default_rng(1).integers(0, 3, 60)


def test_the_page_that_people_copy(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (x, y), (xt, yt) = gd.datasets.digits()
    model = gd.Sequential([gd.Dense(128, activation="relu"), gd.Dropout(0.2), gd.Dense(10)])
    model.compile(optimizer=gd.Adam(1e-3), loss="cross_entropy", metrics=["accuracy"])
    history = model.fit(x, y, epochs=30, batch_size=32, validation_data=(xt, yt), seed=0)
    measured = model.evaluate(xt, yt)
    proba = model.predict_proba(xt[:3])
    model.save("digits.safetensors")
    again = gd.load("digits.safetensors")
    assert history["val_accuracy"][-1] == measured["accuracy"] > 0.95
    assert proba.shape == (3, 10)
    np.testing.assert_allclose(proba.sum(1), 1, rtol=1e-6)
    assert np.array_equal(again.predict(xt), model.predict(xt))


class Residual(gd.Model):
    def __init__(self, width):
        self.inner = gd.Sequential([gd.Dense(width, activation="gelu"), gd.Dense(width)])

    def forward(self, x):
        return x + self.inner(x)


def log_ratio(pred, target):  # a loss of one's own
    return gd.ops.mean(gd.ops.square(gd.ops.log(pred / target)))


def test_a_model_of_ones_own_alone():
    model = Residual(6)
    model.compile(optimizer="adam", loss="mse")
    history = model.fit(X, -X, epochs=20, seed=0)
    assert history["loss"][-1] < history["loss"][0]
    assert list(model.state_dict()) == [
        "inner.0.kernel",
        "inner.0.bias",
        "inner.1.kernel",
        "inner.1.bias",
    ]
    by_hand = X + model.inner.predict(X)
    np.testing.assert_allclose(model.predict(X), by_hand, rtol=1e-5, atol=1e-6)


def test_a_model_of_ones_own_in_a_sequential():
    model = gd.Sequential([Residual(6), Residual(6), gd.Dense(3)])
    model.compile(optimizer="adam", loss="cross_entropy", metrics=["accuracy"])
    history = model.fit(X, Y, epochs=30, seed=0)
    assert history["accuracy"][-1] > history["accuracy"][0]
    assert len(model.get_weights()) == 10
    assert list(model.state_dict())[4] == "1.inner.0.kernel"


def test_a_loss_of_ones_own():
    model = gd.Sequential([gd.Dense(8, activation="relu"), gd.Dense(1, activation="softplus")])
    model.compile(optimizer=gd.Adam(1e-2), loss=log_ratio, dtype="float64")
    target = np.exp(X[:, :1]).astype(np.float64)
    history = model.fit(X, target, batch_size=None, epochs=60, seed=0)
    assert history["loss"][-1] < 0.3 * history["loss"][0]
    want = np.mean(np.log(model.predict(X) / target) ** 2)
    assert model.evaluate(X, target)["loss"] == pytest.approx(want, rel=1e-10)


def test_threads():
    before = gd.get_num_threads()
    gd.set_num_threads(2)
    assert gd.get_num_threads() == 2
    gd.set_num_threads(before)


def test_loss_of_ones_own_for_each_sample_can_be_weighted():
    def each(pred, target):
        return gd.ops.mean(gd.ops.abs(pred - target), 1)

    named, own = (gd.Sequential([gd.Dense(2)]).compile("sgd", loss) for loss in ("mae", each))
    weights = np.linspace(0, 2, 60)
    for m in (named, own):
        m.fit(X, X[:, :2], epochs=2, sample_weight=weights, seed=0)
    assert np.array_equal(named.predict(X), own.predict(X))


def test_activation_of_ones_own():
    def cubed(x):
        return x * x * x

    model = gd.Sequential(
        [
            gd.Input(6),
            gd.Dense(4, activation=cubed),
            gd.Activation(lambda x: gd.ops.maximum(x, -1.0)),
        ]
    )
    linear = model.layers[0].param("kernel", (6, 4))
    assert linear.shape == (6, 4)
    got = model.predict(X)
    kernel, bias = model.get_weights()
    np.testing.assert_allclose(got, np.maximum((X @ kernel + bias) ** 3, -1), rtol=1e-4, atol=1e-5)


def test_named_inputs_and_outputs():
    a, b = gd.Input(4, name="a"), gd.Input(2, name="b")
    h = gd.Dense(8, activation="tanh")(gd.Concatenate()([a, b]))
    model = gd.Model([a, b], {"kind": gd.Dense(3)(h), "size": gd.Dense(1)(h)})
    model.compile("adam", ["cross_entropy", "mse"], loss_weights=[1.0, 0.5])
    parts = {"a": X[:, :4], "b": X[:, 4:]}
    model.fit(
        parts, {"kind": Y, "size": X[:, 0]}, epochs=2, seed=0, validation_data=(parts, (Y, X[:, 0]))
    )
    out = model.predict((X[:, :4], X[:, 4:]))
    assert {k: v.shape for k, v in out.items()} == {"kind": (60, 3), "size": (60, 1)}
    p = np.exp(out["kind"] - out["kind"].max(1, keepdims=True))
    p /= p.sum(1, keepdims=True)
    want = -np.log(p[np.arange(60), Y]).mean() + 0.5 * np.mean((out["size"][:, 0] - X[:, 0]) ** 2)
    assert model.evaluate(parts, (Y, X[:, 0]))["loss"] == pytest.approx(want, rel=1e-5)


def test_several_inputs_of_a_forward():
    class Gate(gd.Model):
        def __init__(self):
            self.left, self.right = gd.Dense(5), gd.Dense(5, activation="sigmoid")

        def forward(self, x, z):
            y = self.left(x) * self.right(z)
            return y, gd.ops.sum(y, 1)

    model = Gate().compile("adam", ["mse", "mse"])
    model.fit((X, X[:, :2]), (X[:, :5], X[:, 0]), epochs=2, seed=0)
    first, second = model.predict({"x": X, "z": X[:, :2]})
    np.testing.assert_allclose(first.sum(1), second, rtol=1e-4, atol=1e-5)


def test_shared_weights():
    class Twice(gd.Model):
        def __init__(self):
            self.step = gd.Dense(6, activation="tanh")

        def forward(self, x):
            return self.step(self.step(x))

    model = Twice().compile("sgd", "mse", dtype="float64")
    model.fit(X, X, seed=0)
    kernel, bias = model.get_weights()
    np.testing.assert_allclose(
        model.predict(X), np.tanh(np.tanh(X @ kernel + bias) @ kernel + bias), rtol=1e-9
    )


def test_one_layer_in_two_models():
    """A trained part is part of another model, with its weights."""
    body = gd.Sequential([gd.Input(6), gd.Dense(8, activation="relu")])
    first = gd.Sequential([body, gd.Dense(3)]).compile("adam", "cross_entropy")
    first.fit(X, Y, epochs=2, seed=0)
    body.trainable = False
    second = gd.Sequential([body, gd.Dense(1)]).compile("adam", "mse")
    learned = [w.copy() for w in first.get_weights()[:2]]
    second.fit(X, X[:, 0], epochs=2, seed=1)
    assert all(np.array_equal(a, b) for a, b in zip(second.get_weights()[:2], learned, strict=True))


def test_probabilities_and_outputs():
    """`predict` gives what the network puts out, `predict_proba` what the loss takes it for."""
    logits = gd.Sequential([gd.Input(6), gd.Dense(3)]).compile("sgd", "cross_entropy")
    logits.fit(X, Y, seed=0)
    probs = gd.Sequential([*logits.layers, gd.Activation("softmax")]).compile(
        "sgd", "cross_entropy"
    )
    z = logits.predict(X)
    e = np.exp(z - z.max(1, keepdims=True))
    np.testing.assert_allclose(logits.predict_proba(X), e / e.sum(1, keepdims=True), rtol=1e-5)
    np.testing.assert_allclose(probs.predict(X), logits.predict_proba(X), rtol=1e-5)
    assert np.array_equal(probs.predict(X), probs.predict_proba(X))
    binary = gd.Sequential([gd.Dense(1)]).compile("sgd", "binary_cross_entropy")
    binary.fit(X, Y % 2, seed=0)
    np.testing.assert_allclose(
        binary.predict_proba(X), 1 / (1 + np.exp(-binary.predict(X))), rtol=1e-5
    )


def test_predict_on_batch_is_predict():
    model = gd.Sequential([gd.Dense(3)])
    assert np.array_equal(model.predict_on_batch(X), model.predict(X))


def test_predicting_needs_no_compiling_and_settles_the_weights():
    model = gd.Sequential([gd.Dense(3)])
    first = model.predict(X)
    model.compile("sgd", "cross_entropy")
    assert np.array_equal(model.predict(X), first)


def test_plan_and_summary_can_be_printed():
    model = gd.Sequential([gd.Dense(4, activation="relu", name="body"), gd.Dense(3)]).compile(
        "adam", "cross_entropy"
    )
    model.fit(X, Y, seed=0)
    text = str(model.plan)
    assert text.startswith("plan: ") and "body.kernel" in text
    summary = model.summary()
    assert "body" in summary and f"{6 * 4 + 4 + 4 * 3 + 3:,}" in summary


PROMISED = """
    Sequential Model Layer Input Dense Activation Dropout BatchNorm LayerNorm Flatten Reshape
    Concatenate Add Conv2D MaxPool2D Embedding LSTM SGD Adam AdamW AMSGrad Nadam RMSprop Adagrad
    Adadelta EarlyStopping Callback History NonFiniteError set_num_threads get_num_threads load
    datasets ops losses metrics initializers schedules optimizers layers activations
"""
OPS = """
    sigmoid tanh relu leaky_relu elu selu gelu gelu_tanh silu softplus softsign hard_sigmoid
    hard_swish mish softmax log_softmax exp log sqrt abs power sum mean max min where minimum
    maximum reshape transpose concatenate matmul
"""
LOSSES = """
    mse mae huber log_cosh cross_entropy binary_cross_entropy hinge squared_hinge poisson
    quantile kl_divergence cosine_similarity
"""


def test_everything_promised_is_there():
    for name in PROMISED.split():
        assert name in gd.__all__ and getattr(gd, name) is not None
    for name in OPS.split():
        assert callable(getattr(gd.ops, name))
    assert set(LOSSES.split()) <= set(gd.losses.LOSSES)


def test_expressions_read_as_numpy():
    a, b = gd.Input(3, name="a"), gd.Input(3, name="b")
    cases = {
        "arithmetic": lambda x, y, m: 2 * x + y / 3 - x * y + 1 / (4 + y**2) - (-x),
        "powers": lambda x, y, m: (x**2 + 1) ** 0.5 + 2.0**y,
        "compare": lambda x, y, m: (
            m.where(x > y, x, y) + m.where(x <= 0.1, 1.0, 0.0) + (x != y) * 1.0
        ),
        "reduce": lambda x, y, m: (
            m.sum(x, 1, keepdims=True)
            + m.mean(y, axis=1, keepdims=True)
            - m.max(x * y, 1, keepdims=True)
            + 0 * x
        ),
        "slices": lambda x, y, m: (
            m.concatenate([x[:, 1:], y[:, :1]], 1) + x[..., 0:3:1] + y[:, -1:]
        ),
        "matmul": lambda x, y, m: x @ np.arange(9.0).reshape(3, 3) + abs(y),
    }
    rng = np.random.default_rng(3)
    u, v = rng.normal(size=(7, 3)), rng.normal(size=(7, 3))
    for name, f in cases.items():
        model = gd.Model([a, b], f(a, b, gd.ops)).compile("sgd", "mse", dtype="float64")
        np.testing.assert_allclose(
            model.predict((u, v)), f(u, v, np), rtol=1e-10, atol=1e-12, err_msg=name
        )


def test_docstring_of_the_package_runs():
    done = subprocess.run(
        [sys.executable, "-W", "error", "-m", "doctest", gd.__file__],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("way", ["load_state_dict", "set_weights", "compile", "set_dtype"])
def test_numbers_that_float32_does_not_hold_are_refused(way):
    """They would become infinite; what was there stays."""
    model = gd.Sequential([gd.Input(1), gd.Dense(1, use_bias=False)])
    if way in ("compile", "set_dtype"):
        model.set_dtype("float64")
        model.set_weights([[[1e300]]])
    before = model.get_weights()[0]
    acts = {
        "load_state_dict": lambda: model.load_state_dict({"0.kernel": [[1e300]]}),
        "set_weights": lambda: model.set_weights([[[1e300]]]),
        "compile": lambda: model.compile("sgd", "mse").predict([[1.0]]),
        "set_dtype": lambda: (model.set_dtype("float32"), model.predict([[1.0]])),
    }
    with pytest.raises(ValueError, match=r"'0.kernel' holds 1e\+300, which float32 does not hold"):
        acts[way]()
    model.set_dtype(before.dtype.name)
    np.testing.assert_array_equal(model.get_weights()[0], before)
