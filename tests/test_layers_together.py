"""Layers in company: shared weights, residuals, several inputs and outputs, what they add to the loss."""

import numpy as np
import numpy_layers as reference
import pytest
from differences import assert_gradient, central_differences
from harness import close
from layer_table import CASES, network, set_random_weights

import gdcore as gd


def test_embedding_adds_up_repeated_numbers(isa):
    model = network(CASES["Embedding"])
    x = np.array([[2, 2, 2, 0, 2], [0, 0, 6, 2, 2]])
    factor = np.random.default_rng(4).normal(size=(2, 5, 3))
    want = np.zeros((7, 3))
    np.add.at(want, x, factor)
    np.testing.assert_allclose(
        model.gradients(x, factor)["embedding.table"], want, rtol=1e-14, atol=1e-15
    )


def test_shared_weights():
    """A layer that is called twice has one kernel, whose gradient is the sum of both uses."""

    class Twice(gd.Model):
        def __init__(self):
            self.inner = gd.Dense(4, activation="tanh")

        def forward(self, a, b):
            return self.inner(a) + self.inner(self.inner(b))

    rng = np.random.default_rng(5)
    a, b = rng.normal(size=(2, 6, 4))
    factor = rng.normal(size=(6, 4))
    model = Twice().compile(loss=lambda pred, t: gd.ops.sum(pred * t), dtype="float64")
    model._engine.network([a, b])
    weights = set_random_weights(model)
    assert [w.shape for w in weights] == [(4, 4), (4,)]

    def formula():
        inner = lambda x: np.tanh(reference.dense(x, *weights))  # noqa: E731
        return ((inner(a) + inner(inner(b))) * factor).sum()

    for g, w in zip(
        model.gradients((a, b), factor).values(), central_differences(formula, weights), strict=True
    ):
        assert_gradient(g, w)


def test_residual_and_several_outputs():
    class Fork(gd.Model):
        def __init__(self):
            self.inner = gd.Sequential([gd.Dense(8, activation="gelu"), gd.Dense(5)])
            self.head = gd.Dense(2)

        def forward(self, left, right):
            x = left + self.inner(left)
            return x, self.head(gd.ops.concatenate([x * right, right]))

    rng = np.random.default_rng(6)
    left, right = rng.normal(size=(2, 3, 5))
    factors = rng.normal(size=(3, 5)), rng.normal(size=(3, 2))
    weighted = lambda pred, t: gd.ops.sum(pred * t)  # noqa: E731
    model = Fork().compile(loss=[weighted, weighted], loss_weights=[1.0, 0.5], dtype="float64")
    model._engine.network([left, right])
    w = set_random_weights(model)

    def formula():
        x = left + reference.dense(
            reference.ACTIVATION["gelu"](reference.dense(left, w[0], w[1])), w[2], w[3]
        )
        return x, reference.dense(np.concatenate([x * right, right], 1), w[4], w[5])

    for got, want in zip(model.predict({"right": right, "left": left}), formula(), strict=True):
        close(got, want, 1e-13)
    want = central_differences(
        lambda: (formula()[0] * factors[0]).sum() + 0.5 * (formula()[1] * factors[1]).sum(), w
    )
    for g, d in zip(model.gradients((left, right), factors).values(), want, strict=True):
        assert_gradient(g, d)


def test_regularization():
    """L1 and L2 of kernel and bias in the loss and in the gradients, of training and of evaluation."""
    model = gd.Sequential(
        [gd.Input(3), gd.Dense(2, kernel_l1=0.1, kernel_l2=0.2, bias_l1=0.3, bias_l2=0.4)]
    )
    model.compile(loss="mse", dtype="float64")
    w, b = set_random_weights(model)
    rng = np.random.default_rng(7)
    x, y = rng.normal(size=(5, 3)), rng.normal(size=(5, 2))

    def formula():
        return (
            ((x @ w + b - y) ** 2).mean()
            + 0.1 * np.abs(w).sum()
            + 0.2 * (w**2).sum()
            + 0.3 * np.abs(b).sum()
            + 0.4 * (b**2).sum()
        )

    assert model.evaluate(x, y)["loss"] == pytest.approx(formula(), rel=1e-13)
    for g, d in zip(
        model.gradients(x, y).values(), central_differences(formula, [w, b]), strict=True
    ):
        assert_gradient(g, d)


def test_a_model_needs_no_init_of_its_own():
    """A forward alone will do; and who is used to super().__init__() may call it."""

    class Scale(gd.Model):
        def forward(self, x):
            return x * self.param("scale", x.shape[1:], 3.0)

    class Called(Scale):
        def __init__(self):
            super().__init__()
            self.more = gd.Dense(1)

    assert Scale().predict([[1.0, 2.0]]).tolist() == [[3.0, 6.0]]
    assert Called().predict([[1.0, 2.0]]).tolist() == [[3.0, 6.0]]
    with pytest.raises(TypeError, match="needs inputs and outputs"):
        gd.Model()


def test_ints_become_reals_where_they_are_put_out_or_folded():
    """Kernels that read reals, and outputs, get them converted, not reinterpreted."""
    i = gd.Input(4, name="i", dtype="int")
    x = np.array([[1, 2, 3, 4], [0, 0, 2, 7]])
    for made, want in [
        (i, x),
        (i[:, ::2], x[:, ::2]),
        (gd.ops.transpose(i[:, None], (0, 2, 1)), x[:, :, None]),
        (gd.ops.sum(i, 1), x.sum(1)),
        (gd.ops.max(i, 1), x.max(1)),
        (gd.ops.reshape(i, (i.shape[0], 2, 2)), x.reshape(2, 2, 2)),
        (i @ np.eye(4), x),
    ]:
        np.testing.assert_array_equal(gd.Model(i, made).predict(x), want)


def test_a_number_is_repeated_over_the_batch():
    """What is known beforehand is computed beforehand, but not where the batch decides its size."""
    x = gd.Input(3)
    data = np.arange(6, dtype=np.float32).reshape(2, 3)
    ones = gd.ops.broadcast_to(1.0, x.shape)
    np.testing.assert_array_equal(gd.Model(x, x + ones).predict(data), data + 1)
    np.testing.assert_array_equal(
        gd.Model(x, x * 0 + gd.ops.exp(ones - 1.0)).predict(data), data * 0 + 1
    )


@pytest.mark.parametrize("outputs", [1, 2, 7, 10, 33])
@pytest.mark.parametrize("inputs", [5, 64, 130])
def test_a_row_is_predicted_alike_among_any_others(inputs, outputs, isa):
    """Few columns are computed the other way round, one by dot products, few rows without packing."""
    x = np.random.default_rng(6).normal(size=(70, inputs)).astype(np.float32)
    model = gd.Sequential([gd.Input(inputs), gd.Dense(19, "tanh"), gd.Dense(outputs)])
    want = model.predict(x, batch_size=70)
    for batch in (1, 2, 3, 6, 13, 14, 16, 17, 40):
        assert model.predict(x, batch_size=batch).tobytes() == want.tobytes(), batch
