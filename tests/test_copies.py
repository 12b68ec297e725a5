"""A model that was pickled or copied is the same model: its answers, and its further training."""

import copy
import pickle

import numpy as np
import pytest
from layer_table import CASES as LAYERS
from layer_table import data, network

import gdcore as gd

X = np.random.default_rng(0).normal(size=(40, 6)).astype(np.float32)
Y = (X[:, :1] > 0).astype(np.float32)


class Residual(gd.Model):
    def __init__(self, width):
        self.inner = gd.Sequential([gd.Dense(width, activation="gelu"), gd.Dense(width)])

    def forward(self, x):
        y = x + self.inner(x)
        return y @ self.param("out", (y.shape[-1], 1))


def functional():
    x = gd.Input(6, name="x")
    shared = gd.Dense(6, activation="tanh")
    h = gd.Dropout(0.3)(shared(shared(x)))
    return gd.Model(x, gd.Dense(1)(gd.Add()([h, x])))


MODELS = {
    "sequential": lambda: gd.Sequential(
        [gd.Dense(8, activation="relu"), gd.BatchNorm(), gd.Dropout(0.2), gd.Dense(1)]
    ),
    "with an input": lambda: gd.Sequential([gd.Input(6), gd.Dense(1, kernel_l2=0.1)]),
    "subclass": lambda: Residual(6),
    "functional": functional,
}
COPIES = {"pickle": lambda m: pickle.loads(pickle.dumps(m)), "deepcopy": copy.deepcopy}


def trained(model, epochs):
    return model.fit(X, Y, batch_size=8, epochs=epochs, seed=3, verbose=0)


def compiled(make):
    return make().compile(gd.Adam(gd.schedules.Cosine(0.01, 100)), "mse", metrics=["mae"])


def same(a, b):
    assert list(a.state_dict()) == list(b.state_dict())
    for name, array in a.state_dict().items():
        np.testing.assert_array_equal(array, b.state_dict()[name], name)


@pytest.mark.parametrize("way", COPIES)
@pytest.mark.parametrize("name", LAYERS)
def test_every_layer_can_be_copied(name, way):
    made = network(LAYERS[name])
    model = gd.Model(
        made._engine.definition.inputs, made._engine.definition.outputs
    )  # its loss is a lambda
    arrays = data(LAYERS[name], 3)
    given = tuple(arrays) if len(arrays) > 1 else arrays[0]
    want = model.predict(given)
    twin = COPIES[way](model)
    np.testing.assert_array_equal(twin.predict(given), want)
    same(model, twin)


@pytest.mark.parametrize("way", COPIES)
@pytest.mark.parametrize("kind", MODELS)
def test_copy_goes_on_with_the_same_bits(kind, way):
    model = compiled(MODELS[kind])
    trained(model, 2)
    twin = COPIES[way](model)
    assert type(twin) is type(model)
    same(model, twin)
    np.testing.assert_array_equal(model.predict(X), twin.predict(X))
    assert twin.history["loss"] == model.history["loss"]
    before = model.state_dict()
    one, other = trained(twin, 3), None
    for name, array in model.state_dict().items():  # the first did not learn with its copy
        np.testing.assert_array_equal(array, before[name])
    other = trained(model, 3)
    assert one["loss"] == other["loss"]
    same(model, twin)


@pytest.mark.parametrize("way", COPIES)
@pytest.mark.parametrize("kind", MODELS)
def test_copy_of_what_is_not_built(kind, way):
    model = MODELS[kind]()
    twin = COPIES[way](model)
    for m in (model, twin):
        m.compile("sgd", "mse")
        trained(m, 1)
    same(model, twin)


def test_copy_of_several_outputs_and_names():
    x = gd.Input(6, name="x")
    model = gd.Model(x, {"a": gd.Dense(2)(x), "b": gd.Dense(3)(x)})
    twin = pickle.loads(pickle.dumps(model))
    one, other = model.predict(X), twin.predict(X)
    assert list(other) == ["a", "b"]
    assert {k: v.shape for k, v in other.items()} == {k: v.shape for k, v in one.items()}
    model.set_weights(twin.get_weights())
    np.testing.assert_array_equal(model.predict(X)["b"], twin.predict(X)["b"])


def test_frozen_stays_frozen():
    model = compiled(MODELS["sequential"])
    trained(model, 1)
    model.freeze("0.*")
    model.compile(model.optimizer, "mse")
    twin = pickle.loads(pickle.dumps(model))
    before = twin.state_dict()["0.kernel"]
    trained(twin, 1)
    np.testing.assert_array_equal(twin.state_dict()["0.kernel"], before)


def test_long_chain_does_not_exhaust_the_stack():
    x = gd.Input(2)
    y = x
    for _ in range(3000):
        y = y * 1.0001
    twin = pickle.loads(pickle.dumps(gd.Model(x, y)))
    np.testing.assert_allclose(twin.predict([[1.0, 2.0]]), [[1.35, 2.70]], atol=0.01)


def test_what_shares_layers_shares_their_numbers_now():
    """A variable holds the numbers of the model that was built last; a copy takes the model's own."""
    model = compiled(MODELS["with an input"])
    trained(model, 1)
    gd.Sequential(model.layers).predict(X)
    trained(model, 1)
    same(model, copy.deepcopy(model))


def test_uncopyable_says_so():
    model = gd.Sequential([gd.Dense(2, activation=lambda x: x * 2)])
    assert copy.deepcopy(model).predict(X).shape == (40, 2)
    with pytest.raises((pickle.PicklingError, AttributeError), match="lambda"):
        pickle.dumps(model)
