"""The gradient check: it passes what is right, and names what is wrong."""

import numpy as np
import pytest

import gdcore as gd
from gdcore.activations import ACTIVATIONS
from gdcore.diagnostics import check_gradient
from gdcore.graph.ir import Op
from gdcore.graph.ops.leaves import apply
from gdcore.losses import LOSSES

LAYERS = {
    "dense": (lambda: gd.Dense(5, activation="tanh"), (4,)),
    "relu": (lambda: gd.Dense(5, activation="relu"), (4,)),
    "time distributed": (lambda: gd.Dense(3), (4, 2)),
    "convolution": (lambda: gd.Conv2D(3, 3, strides=2, padding="same"), (6, 5, 2)),
    "pooling": (lambda: gd.MaxPool2D(2), (4, 4, 2)),
    "batch norm": (gd.BatchNorm, (5,)),
    "batch norm of images": (gd.BatchNorm, (3, 3, 2)),
    "layer norm": (gd.LayerNorm, (5,)),
    "dropout": (lambda: gd.Dropout(0.5), (6,)),
    "noise": (lambda: gd.GaussianNoise(0.5), (6,)),
    "lstm": (lambda: gd.LSTM(3), (4, 2)),
    "lstm sequences": (lambda: gd.LSTM(3, return_sequences=True), (3, 2)),
    "flatten": (gd.Flatten, (2, 3)),
    "sequential": (lambda: gd.Sequential([gd.Dense(4), gd.BatchNorm(), gd.Dense(2)]), (3,)),
}


@pytest.mark.parametrize("name", LAYERS)
def test_layers_are_right(name):
    make, shape = LAYERS[name]
    check = check_gradient(make(), shape)
    assert check, str(check)
    assert check.worst.error < 1e-6
    assert check.tensors[-1].name == "x"
    assert not check.tensors[-1].zero
    assert str(check).startswith("gradients are right: the largest error is")


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_activations_are_right(name):
    assert check_gradient(ACTIVATIONS[name], (7,))


@pytest.mark.parametrize("name", LOSSES)
def test_losses_are_right(name):
    check = check_gradient(name, (3,))
    assert check, str(check)
    assert not check.worst.zero


def test_several_inputs_and_whole_numbers():
    both = check_gradient(lambda a, b: gd.ops.tanh(a) * b, [3, 3])
    assert both
    assert [t.name for t in both.tensors] == ["x0", "x1"]
    table = check_gradient(gd.Embedding(6, 3), x=np.array([0, 5, 5, 2]))
    assert table
    assert [t.name for t in table.tensors] == ["embedding.table"] or len(table.tensors) == 1


@pytest.mark.parametrize("scalar", [True, False])
def test_a_loss_of_ones_own(scalar):
    def loss(pred, target):
        each = gd.ops.square(pred - target)
        return gd.ops.mean(each) if scalar else gd.ops.mean(each, axis=1)

    check = check_gradient(loss, (3,), target=np.zeros((4, 3)))
    assert check
    assert [t.name for t in check.tensors] == ["x"]


def _wrong(factor):
    """An op of one's own, the square, with a gradient that is off by a factor."""
    square = gd.ops.square(gd.Input(1)).op
    return Op(
        f"square_{factor}",
        "map",
        square.shape,
        lambda y, d: [d * y.inputs[0] * factor],
        square.reference,
        expand=lambda v: gd.ops.square(v.inputs[0]),
    )


@pytest.mark.parametrize("factor", [1.999, 2.1, -2.0, 0.0])
def test_a_wrong_gradient_is_named(factor):
    op = _wrong(factor)
    composite = Op(op.name, "composite", op.shape, op.grad, expand=op.expand)

    class Own(gd.Layer):
        def forward(self, x):
            return apply(composite, x * self.param("scale", x.shape[-1:], "ones")) + self.param(
                "offset", x.shape[-1:], "zeros", "bias"
            )

    check = check_gradient(Own(), (3,))
    assert not check
    wrong = {t.name for t in check.tensors if t.error > check.tolerance}
    assert wrong == {"own.scale", "x"}
    w = check.worst
    assert w.gradient == pytest.approx(w.difference * factor / 2, rel=1e-4, abs=1e-9)
    text = str(check)
    assert text.startswith(f"the gradient of {w.name} is wrong: ")
    assert f"{w.name}[{', '.join(map(str, w.index))}]" in text.splitlines()[0]


def test_what_gets_no_gradient_is_told():
    class Gate(gd.Layer):
        def forward(self, x):
            return x * (self.param("gate", x.shape[-1:], "ones") > 0.5)

    check = check_gradient(Gate(), (3,))
    assert check
    assert "no gradient reaches gate.gate: nothing is learned there" in str(check)
    assert [t.zero for t in check.tensors] == [True, False]


def test_kinks_are_left_out():
    x = np.array([[0.0, 1.0, -1.0, 1e-9]])
    (tensor,) = check_gradient(gd.ops.relu, x=x).tensors
    assert (tensor.checked, tensor.skipped) == (4, 2)
    assert tensor.error < 1e-6


def test_a_layer_is_not_changed():
    layer = gd.Dense(3)
    check_gradient(layer, (4,))
    assert not layer.variables
    assert check_gradient(layer, (6,))  # of another input, too
    model = gd.Sequential([layer]).compile("sgd", "mse")
    model.fit(np.ones((2, 4)), np.ones((2, 3)), epochs=1, seed=0, verbose=0)
    before = model.state_dict()
    assert check_gradient(layer, (4,))
    for name, weights in model.state_dict().items():
        assert weights.tobytes() == before[name].tobytes()
    model.fit(np.ones((2, 4)), np.ones((2, 3)), epochs=1, verbose=0)


def test_at_most_so_many_elements():
    check = check_gradient(gd.Dense(30), (30,), samples=7)
    assert {t.checked for t in check.tensors} == {7}


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: check_gradient(gd.Dense(3), (0,)), ValueError, "input_shape=0"),
        (lambda: check_gradient(gd.Dense(3), np.ones((4, 2))), TypeError, "data is given as x="),
        (
            lambda: gd.Dense(np.ones((2, 2))),
            ValueError,
            r"units=array\(\[\[1., 1.\], \[1., 1.\]\]\): exp",
        ),
        (lambda: check_gradient(gd.Dense(3), 4, tolerance=0), ValueError, "tolerance=0"),
        (lambda: check_gradient(gd.Dense(3), 4, samples=0), ValueError, "samples=0"),
        (lambda: check_gradient(3, 4), TypeError, "expected a layer, a loss or a function"),
        (lambda: check_gradient("mse2", 4), ValueError, "unknown loss"),
        (lambda: check_gradient(gd.ops.log, x=-np.ones((2, 2))), ValueError, "not finite"),
        (
            lambda: check_gradient("mse", 3, target=np.zeros((2, 3))),
            ValueError,
            "target has 2 rows and x has 4",
        ),
        (lambda: check_gradient(gd.Dense(3), ()), ValueError, "Dense got an input of shape"),
    ],
)
def test_bad_arguments(call, error, message):
    with pytest.raises(error, match=message):
        call()
