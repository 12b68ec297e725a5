"""Published numbers, digit by digit: micrograd's demo, Mazur's worked example, ONNX's training operators."""

import importlib
import random

import numpy as np
import pytest
from given_gradients import given

import gdcore as gd
from gdcore import schedules


def moons():
    """The data and the first weights of micrograd's demo, from NumPy's and Python's old generators."""
    noise, order = np.random.RandomState(1337), random.Random(1337)
    t = np.linspace(0, np.pi, 50)
    x = np.concatenate(
        [np.stack([np.cos(t), np.sin(t)], 1), np.stack([1 - np.cos(t), 0.5 - np.sin(t)], 1)]
    )
    y = np.repeat([-1.0, 1.0], 50)
    shuffled = np.arange(100)
    noise.shuffle(shuffled)
    x = x[shuffled] + noise.normal(scale=0.1, size=(100, 2))
    weights = []
    for ins, outs in ((2, 16), (16, 16), (16, 1)):
        kernel = [[order.uniform(-1, 1) for _ in range(ins)] for _ in range(outs)]
        weights += [np.array(kernel).T, np.zeros(outs)]
    return x, y[shuffled][:, None], weights


def test_micrograd(shared_data, isa):
    """100 steps of full-batch descent in float64: the loss of each to 1e-12 relative, and the accuracy."""
    published = np.loadtxt(shared_data("reference/micrograd_curve.txt"))
    assert published.shape == (100, 3)
    x, y, weights = moons()
    decay = {"kernel_l2": 1e-4, "bias_l2": 1e-4}
    model = gd.Sequential(
        [
            gd.Input(2),
            gd.Dense(16, "relu", **decay),
            gd.Dense(16, "relu", **decay),
            gd.Dense(1, **decay),
        ]
    )
    # the rate falls by 0.009 a step: from 1 to 0.109 at step 99, to 0.1 at step 100
    model.compile(
        optimizer=gd.SGD(schedules.Polynomial(1.0, 100, 0.1)), loss="hinge", dtype="float64"
    )
    model.set_weights(weights)
    losses, right = [], []
    for _ in range(100):
        right.append(((model.predict(x) > 0) == (y > 0)).mean() * 100)
        losses.append(model.train_on_batch(x, y))
    np.testing.assert_allclose(losses, published[:, 1], rtol=1e-12)
    np.testing.assert_array_equal(np.round(right, 6), published[:, 2])


def mazur():
    """The 2-2-2 network of the example, its biases frozen."""
    model = gd.Sequential([gd.Input(2), gd.Dense(2, "sigmoid"), gd.Dense(2, "sigmoid")])
    error = lambda out, target: gd.ops.sum(gd.ops.square(target - out)) * 0.5  # noqa: E731
    model.freeze("*bias")
    model.compile(optimizer=gd.SGD(0.5), loss=error, dtype="float64")
    model.set_weights(
        [[[0.15, 0.25], [0.20, 0.30]], [0.35, 0.35], [[0.40, 0.50], [0.45, 0.55]], [0.60, 0.60]]
    )
    return model, np.array([[0.05, 0.10]]), np.array([[0.01, 0.99]])


def test_mazur_one_update(isa):
    """Every number of the worked example to 1e-14."""
    model, x, y = mazur()
    np.testing.assert_allclose(
        model.predict(x)[0], [0.7513650695523157, 0.7729284653214625], rtol=1e-14
    )
    slopes = model.gradients(x, y)[
        "1.kernel"
    ]  # hidden · δ, so that their ratio is that of the hidden units
    np.testing.assert_allclose(
        slopes[0] / slopes[1], np.full(2, 0.5932699921071872 / 0.596884378259767), rtol=1e-14
    )
    assert model.train_on_batch(x, y) == pytest.approx(0.29837110876000272, rel=1e-14)
    first, b1, last, b2 = model.get_weights()
    np.testing.assert_allclose(
        first.T.ravel(),
        [0.1497807161327628, 0.19956143226552567, 0.24975114363236958, 0.29950228726473915],
        rtol=1e-14,
    )
    np.testing.assert_allclose(
        last.T.ravel(),
        [0.35891647971788465, 0.4086661860762334, 0.5113012702387375, 0.5613701211079891],
        rtol=1e-14,
    )
    np.testing.assert_array_equal([*b1, *b2], [0.35, 0.35, 0.60, 0.60])
    assert model.evaluate(x, y)["loss"] == pytest.approx(0.29102777369359933, rel=1e-14)


def test_mazur_ten_thousand_updates(isa):
    """Each step carries on the rounding of all before it; they come to about 2e-14."""
    model, x, y = mazur()
    model.fit(
        np.repeat(x, 10_000, axis=0), np.repeat(y, 10_000, axis=0), batch_size=1, seed=0, verbose=0
    )
    assert model.steps_done == 10_000
    assert model.evaluate(x, y)["loss"] == pytest.approx(3.510187782978859e-05, rel=1e-12)


def onnx_cases():
    """The node tests of ai.onnx.preview.training: (name, operator, attributes, inputs, outputs)."""
    onnx = pytest.importorskip("onnx", reason="onnx is not installed: no cases to compare with")
    cases = importlib.import_module("onnx.backend.test.case.node")
    for module in ("adagrad", "adam", "momentum"):
        importlib.import_module(f"onnx.backend.test.case.node.{module}")
    for case in cases._NodeTestCases:
        node = case.model.graph.node[0]
        if node.domain == "ai.onnx.preview.training":
            ((inputs, outputs),) = case.data_sets
            yield (
                case.name,
                node.op_type,
                {a.name: onnx.helper.get_attribute_value(a) for a in node.attribute},
                inputs,
                outputs,
            )


def same_formula(operator, a, rate):
    """Our optimizer for an ONNX operator at its iteration 0, and the names of its states.

    The regularization `norm_coefficient` is added to the gradient. At T = 0, ONNX's Adam corrects no bias
    and its ε stands beside the uncorrected √H, so the factors that our first step puts on m and √v are
    taken out of the rate and of ε; its momentum takes β for 1, and 1 is what ours always has; its Adagrad
    has no decay of the rate yet.
    """
    if operator == "Adagrad":
        return gd.Adagrad(rate, epsilon=a["epsilon"]), ("sum",)
    if operator == "Momentum":
        return gd.SGD(rate, momentum=a["alpha"], nesterov=a["mode"] == b"nesterov"), ("velocity",)
    assert a.get("norm_coefficient_post", 0) == 0
    m, v = 1 - a["alpha"], np.sqrt(1 - a["beta"])
    return gd.Adam(rate * m / v, betas=(a["alpha"], a["beta"]), epsilon=a["epsilon"] / v), (
        "m",
        "v",
    )


@pytest.mark.parametrize("bits", [32, 64])
def test_onnx_training_operators(bits, isa):
    """Every case: parameters and states after the step, for each of the tensors."""
    seen = []
    for name, operator, attributes, inputs, outputs in onnx_cases():
        seen.append(name)
        rate, iteration, *tensors = (np.asarray(i, np.float64) for i in inputs)
        assert iteration == 0
        optimizer, slots = same_formula(operator, attributes, float(rate))
        count = len(tensors) // (2 + len(slots))
        groups = [
            tensors[i * count : (i + 1) * count] for i in range(2 + len(slots))
        ]  # X, G and the states
        x, g, *_ = (np.concatenate(group) for group in groups)
        model = given(optimizer, bits, tuple(len(t) for t in groups[0]))
        regularized = (g + attributes["norm_coefficient"] * x)[None]
        model._engine.network([regularized])
        names = list(model.state_dict())
        model.load_state_dict(dict(zip(names, groups[0], strict=True)))
        memory = model._engine.parameters()
        for slot, values in zip(slots, groups[2:], strict=True):
            for p, value in zip(memory.network.parameters, values, strict=True):
                memory.slot(p, slot)[...] = value
        model.train_on_batch(regularized, np.zeros(1))
        got = [
            *model.get_weights(),
            *(memory.slot(p, s) for s in slots for p in memory.network.parameters),
        ]
        assert len(got) == len(outputs)
        for ours, theirs in zip(got, outputs, strict=True):  # theirs are of float32
            np.testing.assert_allclose(
                ours, theirs, rtol=1e-6 if bits == 32 else 3e-7, err_msg=name
            )
    assert set(seen) >= {
        "test_adam",
        "test_adam_multiple",
        "test_adagrad",
        "test_adagrad_multiple",
        "test_momentum",
        "test_momentum_multiple",
        "test_nesterov_momentum",
    }
