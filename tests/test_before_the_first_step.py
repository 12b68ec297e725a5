"""What does not go together is said in one line before anything is trained: weights, metrics, names."""

import numpy as np
import pytest
from refusals import one_line

import gdcore as gd
from gdcore import losses, metrics

RNG = np.random.default_rng(0)
X = RNG.normal(size=(40, 3))
CLASS = np.arange(40) % 2


def binary(**options):
    model = gd.Sequential([gd.Dense(1)])
    return model.compile("sgd", "binary_cross_entropy", dtype="float64", **options)


def refused(model, match, call, kind=ValueError):
    with pytest.raises(kind, match=match) as error:
        call()
    one_line(error.value)
    assert model.steps_done == 0


@pytest.mark.parametrize(
    ("options", "match"),
    [
        ({"sample_weight": np.zeros(40)}, "^sample_weight: every sample that is trained on gets"),
        ({"class_weight": {0: 0, 1: 0}}, "^class_weight: every sample that is trained on gets"),
        (
            {"class_weight": {0: 0}, "sample_weight": 1 - (CLASS == 1)},
            "^sample_weight and class_weight: every",
        ),
        (
            {"sample_weight": np.arange(40) >= 30, "validation_split": 0.25},
            "^sample_weight: every sample that is trained on",
        ),
        (
            {"sample_weight": np.arange(40) < 30, "validation_split": 0.25},
            "^sample_weight: every sample that is held out",
        ),
        ({"validation_data": (X, CLASS, np.zeros(40))}, "^sample_weight: every sample"),
    ],
)
def test_weights_that_are_all_zero(options, match):
    model = binary()
    refused(model, match, lambda: model.fit(X, CLASS, verbose=0, **options))
    x = X if "validation_data" in options else X[:, :2]  # refused data has settled nothing
    assert model.fit(x, CLASS, verbose=0).history["loss"]


def test_weights_of_zero_elsewhere():
    """`evaluate` and lbfgs refuse them; one batch of many may weigh nothing."""
    model = binary()
    refused(
        model, "sample_weight: every", lambda: model.evaluate(X, CLASS, sample_weight=np.zeros(40))
    )
    assert model.train_on_batch(X, CLASS, sample_weight=np.zeros(40)) == 0
    some = np.zeros(40)
    some[3] = 1.0
    assert model.evaluate(X, CLASS, sample_weight=some)["loss"] > 0
    pytest.importorskip("scipy")
    with pytest.raises(ValueError, match="sample_weight: every"):
        gd.lbfgs(binary(), X, CLASS, sample_weight=np.zeros(40))


@pytest.mark.parametrize("weights", [None, RNG.uniform(0.5, 2, 40)])
@pytest.mark.parametrize("spec", [{1: 5.0}, "balanced"])
def test_class_weights_count_in_training_alone(spec, weights):
    """The loss and accuracy of held-out samples are those that `validation_data` gives."""
    y = (np.arange(40) % 3 == 0).astype(int)
    histories = []
    for held in (False, True):
        model = binary(metrics=["accuracy"])
        train, rest = (slice(0, 30), slice(30, None)) if held else (slice(None), None)
        options = {"class_weight": spec, "seed": 0, "verbose": 0, "shuffle": False, "epochs": 2}
        if weights is not None:
            options["sample_weight"] = weights[train]
        if held:
            own = () if weights is None else (weights[rest],)
            options["validation_data"] = (X[rest], y[rest], *own)
        else:
            options["validation_split"] = 0.25
        histories.append(model.fit(X[train], y[train], **options).history)
    assert histories[0] == histories[1]


@pytest.mark.parametrize("metric", ["accuracy", "f1", "roc_auc", "confusion_matrix"])
def test_targets_that_a_metric_cannot_take(metric):
    soft = np.where(CLASS == 1, 0.9, 0.1)
    model = binary(metrics=["mae", metric])
    match = f"compile metrics: '{metric}' cannot be computed of the targets y .*0.[19]"
    refused(model, match, lambda: model.fit(X, soft, verbose=0))
    refused(model, match, lambda: model.evaluate(X, soft))
    assert len(model.fit(X[:, :2], CLASS, verbose=0).history[metric]) == 1  # nothing was settled
    model = binary(metrics=[metric])
    match = match.replace("targets y", "targets validation_data")
    refused(model, match, lambda: model.fit(X, CLASS, validation_data=(X, soft), verbose=0))


def test_metrics_that_do_not_go_with_the_loss():
    model = gd.Sequential([gd.Dense(1)]).compile("sgd", "mse", ["accuracy"])
    match = "compile metrics: 'accuracy' does not go with loss='mse' .*regression"
    refused(model, match, lambda: model.fit(X, CLASS, verbose=0))


def test_metrics_written_with_ops():
    """A metric gets arrays; what gd.ops makes of them is no number."""

    def off(y_true, y_pred):
        return gd.ops.mean(gd.ops.abs(y_true - y_pred))

    with pytest.raises(
        TypeError, match=r"metric function 'off' returned Value: .*NumPy, not gd\.ops"
    ):
        metrics.evaluate(off, [1.0, 2.0], [1.5, 2.0], "regression")

    def largest(y_true, y_pred):
        assert (
            isinstance(y_true, np.ndarray) and len(y_true) == 40
        )  # called with the whole epoch alone
        return abs(y_true - y_pred).max()

    model = gd.Sequential([gd.Dense(1)]).compile("sgd", "mse", [off])
    match = r"'off' returned Value: .*NumPy, not gd\.ops"
    refused(model, match, lambda: model.fit(X, X[:, :1], verbose=0), TypeError)
    model.compile("sgd", "mse", [largest]).fit(X, X[:, :1], verbose=0)


class Two(gd.Model):
    def __init__(self):
        self.kind, self.size = gd.Dense(2), gd.Dense(1)

    def forward(self, x):
        return {"kind": self.kind(x), "size": self.size(x)}


def test_losses_by_the_names_of_outputs():
    """In whatever order they are named, factors too."""
    y = {"size": X[:, 0], "kind": CLASS}
    found = []
    for loss, weights in (
        (["cross_entropy", "mse"], [2.0, 0.5]),
        ({"kind": "cross_entropy", "size": "mse"}, [2.0, 0.5]),
        ({"size": "mse", "kind": "cross_entropy"}, {"kind": 2.0, "size": 0.5}),
    ):
        model = Two().compile("sgd", loss, ["accuracy"], loss_weights=weights)
        found.append(model.fit(X, y, seed=0, verbose=0).history)
        assert [f.name for f in model.losses] == ["cross_entropy", "mse"]
    assert found[0] == found[1] == found[2]
    model = Two().compile("sgd", {"kind": "cross_entropy", "length": "mse"})
    refused(
        model, "names losses of the outputs 'kind', 'length'", lambda: model.fit(X, y, verbose=0)
    )
    model = gd.Sequential([gd.Dense(1)]).compile("sgd", {"out": "mse"})
    assert model.fit(X, X[:, 0], verbose=0).history["loss"]
    with pytest.raises(ValueError, match="loss_weights name the outputs"):
        Two().compile("sgd", ["cross_entropy", "mse"], loss_weights={"kind": 1.0, "size": 1.0})
    with pytest.raises(TypeError, match="metrics are of the first output") as error:
        Two().compile("sgd", ["cross_entropy", "mse"], metrics={"kind": ["accuracy"]})
    one_line(error.value)


def test_targets_by_the_names_of_outputs():
    one = gd.Input(3)
    named = gd.Model(one, {"size": gd.Dense(1)(one)}).compile("sgd", "mse")
    assert named.fit(X, {"size": X[:, 0]}, verbose=0).history["loss"]
    refused(
        gd.Model(one, {"size": gd.Dense(1)(one)}).compile("sgd", "mse"),
        r"y has the outputs \['sise'\]: expected \['size'\]",
        lambda: (
            gd.Model(one, {"size": gd.Dense(1)(one)})
            .compile("sgd", "mse")
            .fit(X, {"sise": X[:, 0]}, verbose=0)
        ),
    )


@pytest.mark.parametrize(
    "make",
    [
        lambda: gd.Dense(2, kernel_initializer="glorotuniform"),
        lambda: gd.Dense(2, bias_initializer="glorotuniform"),
        lambda: gd.Conv2D(2, 3, kernel_initializer="glorotuniform"),
        lambda: gd.Conv2D(2, 3, bias_initializer="glorotuniform"),
        lambda: gd.Embedding(2, 3, initializer="glorotuniform"),
        lambda: gd.LSTM(2, kernel_initializer="glorotuniform"),
        lambda: gd.LSTM(2, recurrent_initializer="glorotuniform"),
    ],
)
def test_initializers_are_known_at_once(make):
    with pytest.raises(ValueError, match=r"unknown initializer .*did you mean 'glorot_uniform'"):
        make()


def test_compile_changes_nothing_when_it_refuses():
    model = binary()
    for bad in ({"loss": "msee"}, {"metrics": ["acuracy"]}, {"optimizer": "adm"}):
        with pytest.raises(ValueError, match="unknown"):
            model.compile(**{"optimizer": "adam", "loss": "mse", **bad})
        assert model.losses == [losses.BinaryCrossEntropy()] and model.optimizer.name == "sgd"
