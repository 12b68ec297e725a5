"""Names and orders of arguments that people bring from Keras, PyTorch and scikit-learn."""

import copy
import functools
import inspect
import pickle

import numpy as np
import pytest

import gdcore as gd
from gdcore import losses, metrics, optimizers
from gdcore.optimizers.base import Optimizer
from gdcore.signatures import reversed_arguments

X = np.random.default_rng(0).normal(size=(40, 3)).astype(np.float32)
Y = X[:, :1] * 2


def asked(value, *inputs):
    """What a loss of traced values is for numbers: one prediction and one target."""
    return gd.Sequential([gd.Input(1), gd.Dense(1, kernel_initializer="ones")]).compile(
        "sgd", value, dtype="float64"
    ).evaluate(*inputs)["loss"]  # fmt: skip


# --- the order of a function's arguments -----------------------------------------------------------


def relu(v):
    return gd.ops.mean(gd.ops.maximum(v, 0.0))


ORDERS = [  # a loss that is 2 for a prediction of 1 and a target of 3, and 0 the other way round
    lambda pred, target: relu(target - pred),
    lambda a, b: relu(b - a),
    lambda y_true, y_pred: relu(y_true - y_pred),
    lambda target, output: relu(target - output),
    lambda labels, logits: relu(labels - logits),
    lambda y, y_hat: relu(y - y_hat),
    lambda t, predicted: relu(t - predicted),
    lambda y_true, z: relu(y_true - z),
    lambda input, target: relu(target - input),
    lambda y, t: relu(t - y),
    lambda logits, label_smoothed, scale=1.0: relu(label_smoothed - logits) * scale,
    lambda *both: relu(both[1] - both[0]),
    functools.partial(lambda slope, y_true, y_pred: relu(y_true - y_pred) * slope, 1.0),
    functools.partial(lambda y_true, y_pred, slope: relu(y_true - y_pred) * slope, slope=1.0),
]


@pytest.mark.parametrize("loss", ORDERS)
def test_a_loss_is_called_in_the_order_of_its_names(loss):
    assert asked(loss, [[1.0]], [3.0]) == 2.0
    assert asked(loss, [[3.0]], [1.0]) == 0.0


def test_a_method_and_an_object_as_a_loss():
    class Asymmetric:
        def __call__(self, y_true, y_pred):
            return relu(y_true - y_pred)

        def named(self, target, prediction):
            return self(target, prediction)

    assert asked(Asymmetric(), [[1.0]], [3.0]) == asked(Asymmetric().named, [[1.0]], [3.0]) == 2.0


def test_a_loss_class_of_the_other_order_is_refused():
    class Turned(losses.Loss):
        def __call__(self, y_true, y_pred):
            return relu(y_true - y_pred)

    for spec in (Turned, Turned()):
        with pytest.raises(TypeError, match=r"Turned.__call__ .*expected \(prediction, target\)"):
            losses.get(spec)


@pytest.mark.parametrize("function", [lambda a: a, lambda a, b, c: a, lambda a, *, b: a])
def test_other_numbers_of_arguments(function):
    with pytest.raises(TypeError, match=r"expected a function of \(prediction, target\)"):
        losses.get(function)
    with pytest.raises(TypeError, match=r"expected a function of \(target, prediction\)"):
        metrics.get(function)


@pytest.mark.parametrize(
    "metric",
    [
        lambda y_true, y_pred: (y_true - y_pred).mean(),
        lambda a, b: (a - b).mean(),
        lambda pred, target: (target - pred).mean(),
        lambda outputs, y: (y - outputs).mean(),
    ],
)
def test_a_metric_is_called_in_the_order_of_its_names(metric):
    assert metrics.evaluate(metric, [3.0, 5.0], [1.0, 1.0], "regression") == 3.0


def test_what_says_nothing_of_its_arguments():
    assert not reversed_arguments(max, ("prediction", "target"))
    assert not reversed_arguments(lambda y_true, target: 0, ("prediction", "target"))


# --- names of losses, metrics, optimizers ----------------------------------------------------------

NAMES = {
    losses.get: {
        "binary_crossentropy": losses.BinaryCrossEntropy,
        "BinaryCrossentropy": losses.BinaryCrossEntropy,
        "bce": losses.BinaryCrossEntropy,
        "categorical_crossentropy": losses.CrossEntropy,
        "sparse_categorical_crossentropy": losses.CrossEntropy,
        "SparseCategoricalCrossentropy": losses.CrossEntropy,
        "mean_squared_error": losses.MeanSquaredError,
        "MSE": losses.MeanSquaredError,
        "mean_absolute_error": losses.MeanAbsoluteError,
        "kullback_leibler_divergence": losses.KLDivergence,
        "kld": losses.KLDivergence,
        "logcosh": losses.LogCosh,
        "Huber": losses.Huber,
    },
    metrics.get: {
        "binary_accuracy": metrics.Accuracy,
        "categorical_accuracy": metrics.Accuracy,
        "sparse_categorical_accuracy": metrics.Accuracy,
        "top_k_categorical_accuracy": metrics.TopK,
        "AUC": metrics.ROCAUC,
        "Precision": metrics.Precision,
        "RootMeanSquaredError": metrics.RMSE,
    },
    optimizers.get: {"Adam": gd.Adam, "RMSprop": gd.RMSprop, "SGD": gd.SGD, "AdamW": gd.AdamW},
}


@pytest.mark.parametrize(("get", "name"), [(g, n) for g, names in NAMES.items() for n in names])
def test_names(get, name):
    found = get(name)
    assert type(found) is NAMES[get][name]
    if get is metrics.get:
        assert found.name == name


@pytest.mark.parametrize(
    ("call", "says"),
    [
        (lambda: losses.get("mape"), "no loss 'mape': write it as a function"),
        (lambda: losses.get("RootMeanSquaredError"), "use 'mse'"),
        (lambda: losses.get("binary_cross_entrpy"), "did you mean 'binary_cross_entropy'"),
        (lambda: losses.get("categorical_crosentropy"), "did you mean 'cross_entropy'"),
        (lambda: metrics.get("binary_crossentropy"), "already, as 'loss'"),
        (lambda: optimizers.get("Adamax"), "subclass of gd.Optimizer"),
        (lambda: optimizers.get("LBFGS"), "gd.lbfgs"),
    ],
)
def test_what_is_not_there_says_what_to_do(call, says):
    with pytest.raises(ValueError, match=says):
        call()


def test_names_last_in_a_file(tmp_path):
    model = gd.Sequential([gd.Input(3), gd.Dense(2)])
    model.compile("Adam", "categorical_crossentropy", metrics=["categorical_accuracy"])
    model.save(tmp_path / "m.safetensors")
    again = gd.load(tmp_path / "m.safetensors")
    y = np.zeros(40, int)
    assert again.evaluate(X, y) == model.evaluate(X, y)
    assert list(again.evaluate(X, y).keys()) == ["loss", "categorical_accuracy"]


# --- optimizers ------------------------------------------------------------------------------------


def test_arguments_of_optimizers():
    assert gd.Adam(learning_rate=0.1, beta_1=0.8, beta_2=0.99, clipvalue=2.0, eps=1e-7) == gd.Adam(
        0.1, (0.8, 0.99), 1e-7, clip_value=2.0
    )
    assert gd.Adam(beta_2=0.99).betas == (0.9, 0.99)
    assert gd.RMSprop(learning_rate=0.1, alpha=0.9).rho == 0.9
    assert gd.SGD(global_clipnorm=1.0).clip_norm == 1.0
    assert gd.Adagrad(initial_accumulator_value=0.1).initial_accumulator == 0.1
    with pytest.warns(UserWarning, match="global_clipnorm"):
        assert gd.SGD(clipnorm=1.0).clip_norm == 1.0
    assert optimizers.get("Adam", learning_rate=0.5).lr == 0.5
    assert next(iter(inspect.signature(gd.Adam).parameters)) == "lr"


@pytest.mark.parametrize(
    ("call", "says"),
    [
        (lambda: gd.Adam(lr=0.1, learning_rate=0.1), "lr and learning_rate"),
        (lambda: gd.Adam(betas=(0.9, 0.9), beta_1=0.1), "betas and parts of it"),
        (lambda: gd.Adam(use_ema=True), "no averaging of weights"),
        (lambda: gd.SGD(beta_1=0.9), "beta_1"),
        (lambda: gd.Adam(learnig_rate=0.9), "learnig_rate"),
        (lambda: gd.Dense(3, kernel_constraint="max_norm"), "gd.ops.clip"),
        (lambda: gd.Dense(3, kernel_regularizer="l2"), "kernel_l2"),
        (lambda: gd.Conv2D(3, 3, input_shape=(8, 8, 1)), "gd.Input"),
    ],
)
def test_arguments_that_are_not_there(call, says):
    with pytest.raises(TypeError, match=says):
        call()


def test_the_learning_rate_by_its_other_name():
    model = gd.Sequential([gd.Input(1), gd.Dense(1, use_bias=False, kernel_initializer="ones")])
    model.compile(gd.SGD(0.0), "mse")
    model.fit([[1.0]], [0.0])
    model.optimizer.learning_rate = 0.25
    assert model.optimizer.lr == model.optimizer.learning_rate == 0.25
    model.fit([[1.0]], [0.0])
    assert model.get_weights()[0].item() == 0.5


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("learning_rat", "did you mean 'learning_rate'"),
        ("beta_1", "'betas'"),
        ("clipnorm", "'clip_norm'"),
        ("momentm", "it has lr"),
    ],
)
def test_an_attribute_that_an_optimizer_does_not_have(name, says):
    for optimizer in (gd.Adam(), copy.deepcopy(gd.Adam()), pickle.loads(pickle.dumps(gd.Adam()))):
        with pytest.raises(AttributeError, match=says):
            setattr(optimizer, name, 0.5)
        assert not hasattr(optimizer, name)


def test_a_setting_that_steps_are_made_of():
    """It can be set until a step is planned; setting it afterwards would change nothing."""
    optimizer = gd.SGD(0.1)
    optimizer.momentum = 0.9
    model = gd.Sequential([gd.Input(3), gd.Dense(1)]).compile(optimizer, "mse")
    model.train_on_batch(X, Y)
    for name in ("momentum", "nesterov", "weight_decay", "clip_norm", "groups"):
        with pytest.raises(AttributeError, match=f"SGD.{name} .*compile the model"):
            setattr(model.optimizer, name, 0.5)


def test_an_optimizer_of_ones_own_sets_what_it_likes():
    class Own(Optimizer):
        def __init__(self, lr):
            super().__init__(lr)
            self.more = 1

        def update(self, p, g, slots, n):
            return p - n["lr"] * g * self.more, {}

    own = Own(0.1)
    own.more = 2
    with pytest.raises(AttributeError, match="'les'"):
        own.les = 2
