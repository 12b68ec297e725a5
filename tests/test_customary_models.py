"""What people who come from Keras call on a model, and what those calls give."""

import copy
import pickle

import numpy as np
import pytest

import gdcore as gd
from gdcore.scores import Scores

X = np.random.default_rng(0).normal(size=(40, 3)).astype(np.float32)
Y = X[:, :1] * 2


# --- what evaluate gives, and what evaluate and predict take ---------------------------------------


def test_scores():
    scores = Scores(loss=0.5, accuracy=0.75)
    loss, accuracy = scores
    assert (loss, accuracy) == (0.5, 0.75) == tuple(scores) == (scores[0], scores[-1])
    assert scores == {"loss": 0.5, "accuracy": 0.75} == dict(scores) == {**scores}
    assert isinstance(scores, dict)
    assert "accuracy" in scores
    assert 0.5 not in scores
    assert list(scores.keys()) == ["loss", "accuracy"]
    assert list(scores.items()) == [("loss", 0.5), ("accuracy", 0.75)]
    assert scores.get("auc") is None
    assert (scores | {"auc": 1.0})["auc"] == 1.0
    assert list(reversed(scores)) == [0.75, 0.5]
    for again in (copy.copy(scores), copy.deepcopy(scores), pickle.loads(pickle.dumps(scores))):
        assert again == scores
        assert tuple(again) == (0.5, 0.75)
    with pytest.raises(KeyError, match="no 'acc' among the numbers: loss, accuracy"):
        scores["acc"]
    with pytest.raises(IndexError, match=r"\[2\] of 2 numbers: loss, accuracy"):
        scores[2]


def test_evaluate_unpacks_to_values():
    model = gd.Sequential([gd.Dense(1)]).compile("sgd", "mse", metrics=["mae", "r2"])
    loss, mae, r2 = got = model.evaluate(X, Y)
    assert got == {"loss": loss, "mae": mae, "r2": r2}
    with pytest.raises(ValueError, match=r"no 'r3' among the epoch's numbers: .*loss, mae, r2"):
        gd.callbacks.monitored(got, "r3")


def test_verbose(capfd):
    model = gd.Sequential([gd.Dense(1)]).compile("sgd", "mse", metrics=["mae"])
    want = model.predict(X)
    assert np.array_equal(model.predict(X, verbose=0), want)
    assert np.array_equal(model.predict(X, verbose=1), want)
    model.evaluate(X, Y, verbose=0)
    assert capfd.readouterr() == ("", "")
    model.evaluate(X, Y, verbose=2)
    assert capfd.readouterr().err.startswith("loss ")
    for call in (lambda v: model.predict(X, verbose=v), lambda v: model.evaluate(X, Y, verbose=v)):
        with pytest.raises(ValueError, match="verbose=7: expected 0, 1, 2 or 'auto'"):
            call(7)


# --- models ----------------------------------------------------------------------------------------


def test_layers_are_added():
    model = gd.Sequential()
    model.add(gd.Input(3))
    model.add(gd.Dense(4, activation="relu"))
    model.add(gd.Dense(1))
    whole = gd.Sequential([gd.Input(3), gd.Dense(4, activation="relu"), gd.Dense(1)])
    for m in (model, whole):
        m.compile("adam", "mse").fit(X, Y, epochs=2, seed=1)
    assert np.array_equal(model.predict(X), whole.predict(X))
    learned = model.get_weights()
    model.add(gd.Dense(2, kernel_initializer="ones"))
    np.testing.assert_allclose(model.predict(X), np.repeat(whole.predict(X), 2, 1), rtol=1e-6)
    assert all(np.array_equal(a, b) for a, b in zip(learned, model.get_weights(), strict=False))
    model.fit(X, np.repeat(Y, 2, 1))
    for wrong, says in ((gd.Dense, "not the class"), (gd.Input(3), "the first"), (3, "a layer")):
        with pytest.raises(TypeError, match=says):
            model.add(wrong)


def test_initial_epoch():
    model = gd.Sequential([gd.Dense(1)]).compile("sgd", "mse")
    seen = []
    tell = gd.LambdaCallback(lambda epoch, logs: seen.append(epoch))
    history = model.fit(X, Y, epochs=5, initial_epoch=3, callbacks=[tell])
    assert seen == history.epoch == [3, 4]
    assert model.epochs_done == len(history["loss"]) == 2
    for wrong in (-1, 6, 1.5, "2"):
        with pytest.raises(ValueError, match=r"initial_epoch=.*: expected 0 to epochs=5"):
            model.fit(X, Y, epochs=5, initial_epoch=wrong)


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("to_json", "gd.load"),
        ("load_weights", "load_state_dict"),
        ("trainable_variables", "get_weights"),
        ("eval", "by themselves"),
        ("predct", "did you mean 'predict'"),
        ("xyzzy", "no attribute 'xyzzy'$"),
    ],
)
def test_attributes_that_a_model_does_not_have(name, says):
    model = gd.Sequential([gd.Dense(1)])
    assert not hasattr(model, name)
    with pytest.raises(AttributeError, match=says):
        getattr(model, name)


def test_a_model_with_a_call():
    class Theirs(gd.Model):
        def __init__(self):
            self.inner = gd.Dense(1)

        def call(self, x):
            return self.inner(x)

    with pytest.raises(TypeError, match=r"Theirs has call\(self, ...\): .* as forward"):
        Theirs()

    class Both(gd.Model):
        def call(self, x):
            return x

        def forward(self, x):
            return self.call(x)

    assert Both().predict(X).shape == X.shape

    class Helped(gd.Dense):
        def call(self):
            return self.units

    assert Helped(3).call() == 3


def test_a_property_that_fails_keeps_its_own_error():
    class Broken(gd.Model):
        def forward(self, x):
            return x

        @property
        def width(self):
            return self.units_that_nobody_set

    with pytest.raises(AttributeError, match="units_that_nobody_set"):
        _ = Broken().width


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("BatchNormalization", "use gd.BatchNorm"),
        ("load_model", "use gd.load"),
        ("Dens", "'Dense'"),
    ],
)
def test_names_that_the_package_does_not_have(name, says):
    assert not hasattr(gd, name)
    with pytest.raises(AttributeError, match=says):
        getattr(gd, name)


def test_names_that_its_modules_do_not_have():
    for module, name, says in (
        (gd.layers, "MaxPooling2D", "use gd.MaxPool2D"),
        (gd.callbacks, "ReduceLROnPlateau", "gd.schedules.ReduceOnPlateau"),
        (gd.losses, "CategoricalCrossentropy", "use gd.losses.CrossEntropy"),
    ):
        with pytest.raises(AttributeError, match=says):
            getattr(module, name)


@pytest.mark.parametrize("name", ["predict", "fit", "evaluate", "save", "forward", "summary"])
def test_an_attribute_that_hides_a_method_of_a_model(name):
    class Own(gd.Model):
        def __init__(self):
            setattr(self, name, gd.Dense(1))

        def forward(self, x):
            return x

    with pytest.raises(AttributeError, match=f"self.{name} = Dense.* in Own hides its method"):
        Own()


@pytest.mark.parametrize("name", ["param", "state", "walk"])
def test_an_attribute_that_hides_a_method_of_a_layer(name):
    class Own(gd.Layer):
        def forward(self, x):
            setattr(self, name, self.param("w", (3,)))
            return x

    with pytest.raises(AttributeError, match=f"self.{name} = Value.* in Own hides its method"):
        gd.Sequential([gd.Input(3), Own()]).predict(X)


def test_a_function_may_take_the_place_of_a_method():
    class Counted(gd.Model):
        def __init__(self):
            self.inner, self.calls = gd.Dense(1), 0
            predict = self.predict

            def counted(x):
                self.calls += 1
                return predict(x)

            self.predict = counted

        def forward(self, x):
            return self.inner(x)

    model = Counted()
    model.predict(X)
    assert model.calls == 1


# --- files -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["m.h5", "m.keras", "m.pt", "M.PKL", "m.onnx", "m.npz", "m.json"])
def test_a_file_is_not_named_as_one_of_another_format(name, tmp_path):
    model = gd.Sequential([gd.Input(3), gd.Dense(1)])
    with pytest.raises(ValueError, match=r"safetensors"):
        model.save(tmp_path / name)
    assert not list(tmp_path.iterdir())
    for fine in ("m.safetensors", "m", "m.v1.2", "m.model"):
        model.save(tmp_path / fine)
        gd.load(tmp_path / fine)
