"""Models that share layers: any number of them see one set of numbers, whichever trains."""

import copy
import itertools
import pickle
import threading

import numpy as np
import pytest

import gdcore as gd

RNG = np.random.default_rng(0)
X = RNG.normal(size=(48, 6)).astype(np.float32)
H = RNG.normal(size=(48, 3)).astype(np.float32)
Y = RNG.normal(size=(48, 1)).astype(np.float32)


def autoencoder():
    """An encoder, a decoder and both in a row; all three lists name what is asked and learned."""
    encoder = gd.Sequential(
        [gd.Input(6), gd.Dense(5, activation="tanh"), gd.BatchNorm(), gd.Dense(3)]
    )
    decoder = gd.Sequential([gd.Input(3), gd.Dense(5, activation="tanh"), gd.Dense(6)])
    both = gd.Sequential([encoder, decoder])
    return {"encoder": (encoder, X, H), "decoder": (decoder, H, X), "both": (both, X, X)}


def base():
    """Two heads on a base, as models that are given as graphs, and the base alone."""
    x = gd.Input(6)
    h = gd.Dense(4, activation="relu")(gd.Dense(5, activation="gelu")(x))
    left, right = gd.Dense(1)(h), gd.Dense(3)(h)
    return {
        "base": (gd.Model(x, h), X, X[:, :4]),
        "left": (gd.Model(x, left), X, Y),
        "right": (gd.Model(x, right), X, H),
        "heads": (gd.Model(x, [left, right]), X, (Y, H)),
    }


def adversaries():
    """A generator, a discriminator, and both in a row with the discriminator frozen."""
    generator = gd.Sequential([gd.Input(3), gd.Dense(8, activation="relu"), gd.Dense(6)])
    discriminator = gd.Sequential([gd.Input(6), gd.Dense(8, activation="relu"), gd.Dense(1)])
    both = gd.Sequential([generator, discriminator])
    return {
        "generator": (generator, H, X),
        "discriminator": (discriminator, X, Y),
        "both": (both, H, Y),
    }


FAMILIES = {f.__name__: f for f in (autoencoder, base, adversaries)}


def compiled(family, optimizer="adam"):
    for model, _, target in family.values():
        losses = ["mse"] * len(target) if isinstance(target, tuple) else "mse"
        model.compile(optimizer, losses)
    return family


def one_set_of_numbers(family):
    """Every two models have the same numbers for each variable that both have."""
    found = {}
    for name, (model, *_) in family.items():
        memory = model._engine.parameters()
        for v in memory.variables:
            array = found.setdefault(v, memory.view(v))
            assert np.shares_memory(array, memory.view(v)), (name, v.local_name)
            assert v.data is not None and np.shares_memory(v.data, array)


def of(answer):
    return answer if isinstance(answer, list) else [answer]


def check_composition(name, family):
    """What the models put out fits together: one is the others in a row, or their outputs."""
    ask = {k: of(model.predict(x)) for k, (model, x, _) in family.items()}
    if name == "base":
        np.testing.assert_array_equal(ask["heads"][0], ask["left"][0])
        np.testing.assert_array_equal(ask["heads"][1], ask["right"][0])
    else:
        first, second = [model for model, *_ in family.values()][:2]
        x = family["both"][1]
        np.testing.assert_allclose(
            ask["both"][0], second.predict(first.predict(x)), rtol=1e-5, atol=1e-6
        )


def load(model, x, y):
    model.load_state_dict({k: v * 0.5 for k, v in model.state_dict().items()})


ACTIONS = {
    "predict": lambda model, x, y: model.predict(x),
    "fit": lambda model, x, y: model.fit(x, y, epochs=1, batch_size=16, verbose=0),
    "train_on_batch": lambda model, x, y: [model.train_on_batch(x, y) for _ in range(3)],
    "evaluate": lambda model, x, y: model.evaluate(x, y),
    "load": load,
    "freeze": lambda model, x, y: (model.freeze("*"), model.freeze("*", False)),
    "recompile": lambda model, x, y: model.compile("sgd", model.losses),
}


@pytest.mark.parametrize("family", FAMILIES)
def test_every_order_of_first_use(family):
    """Whichever model is used first, second, ... and how: all see what one of them has learned."""
    names = list(FAMILIES[family]())
    for order, action in itertools.product(itertools.permutations(names), ("predict", "fit")):
        made = compiled(FAMILIES[family]())
        for name in order:
            ACTIONS[action](*made[name])
        one_set_of_numbers(made)
        check_composition(family, made)


@pytest.mark.parametrize("action", ACTIONS)
@pytest.mark.parametrize("family", FAMILIES)
def test_what_one_does_the_others_see(family, action):
    made = compiled(FAMILIES[family]())
    for name in made:
        for model, x, _ in made.values():
            model.predict(x)
        ACTIONS[action](*made[name])
        one_set_of_numbers(made)
        check_composition(family, made)


@pytest.mark.parametrize("seed", range(12))
@pytest.mark.parametrize("family", FAMILIES)
def test_random_orders(family, seed):
    rng = np.random.default_rng(seed)
    made = FAMILIES[family]()
    names, actions = list(made), list(ACTIONS)
    compiled(made, ["sgd", "adam", gd.AdamW(0.01, no_decay="biases_and_norms")][seed % 3])
    for _ in range(12):
        ACTIONS[rng.choice(actions)](*made[rng.choice(names)])
    one_set_of_numbers(made)
    check_composition(family, made)


def test_training_both_is_training_the_encoder():
    """The same bits as a model of plain layers that nobody shares."""
    torn, whole = autoencoder(), autoencoder()["both"][0]
    torn["encoder"][0].predict(X)
    torn["decoder"][0].predict(H)
    whole.predict(X)
    whole.load_state_dict(torn["both"][0].state_dict())
    for model in (torn["both"][0], whole):
        model.compile(gd.AdamW(0.01, weight_decay=0.1, no_decay="biases_and_norms"), "mse")
        model.fit(X, X, epochs=3, batch_size=16, seed=5, verbose=0)
    for name, array in whole.state_dict().items():
        np.testing.assert_array_equal(torn["both"][0].state_dict()[name], array, name)
    np.testing.assert_allclose(
        torn["decoder"][0].predict(torn["encoder"][0].predict(X)), whole.predict(X), atol=1e-6
    )


def test_a_frozen_part_is_kept_by_the_model_that_froze_it_alone():
    made = adversaries()
    generator, discriminator, both = (model for model, *_ in made.values())
    discriminator.compile("adam", "mse")
    discriminator.trainable = False
    both.compile("adam", "mse")
    discriminator.trainable = True
    before = {k: m.state_dict() for k, (m, *_) in made.items()}
    both.fit(H, Y, seed=0, verbose=0)

    def changed(name):
        now = made[name][0].state_dict()
        return [k for k, v in before[name].items() if not np.array_equal(v, now[k])]

    assert changed("generator") == list(generator.state_dict()) and changed("discriminator") == []
    discriminator.fit(X, Y, verbose=0)
    assert changed("discriminator") == list(discriminator.state_dict())
    assert list(both.gradients(H, Y)) == ["0.0.kernel", "0.0.bias", "0.1.kernel", "0.1.bias"]


def test_freezing_a_model_that_is_a_graph_freezes_its_layers():
    made = base()
    bottom = made["base"][0]
    bottom.trainable = False
    made["left"][0].compile("sgd", "mse")
    assert len(made["left"][0].gradients(X, Y)) == 2


def test_slots_stay_with_the_model_that_compiled_them():
    made = compiled(autoencoder())
    encoder, decoder, both = (model for model, *_ in made.values())
    encoder.fit(X, H, seed=0, verbose=0)
    slots = encoder._engine.parameters().slots.copy()
    assert slots.any()
    both.fit(X, X, verbose=0)  # the encoder's layers move into a store with the decoder's
    decoder.fit(H, X, verbose=0)
    assert np.array_equal(encoder._engine.parameters().slots, slots)
    assert encoder.steps_done == 2 and both.steps_done == 2


def test_resumed_run_of_a_model_whose_layers_others_use(tmp_path):
    """A checkpoint holds the model's own numbers; the same bits with or without the others."""

    def run(epochs, shared, folder):
        made = compiled(autoencoder())
        if shared:
            for model, x, _ in made.values():
                model.predict(x)
        both = made["both"][0]
        both.load_state_dict({k: np.full(v.shape, 0.1) for k, v in both.state_dict().items()})
        both.fit(
            X,
            X,
            epochs=epochs,
            seed=1,
            verbose=0,
            callbacks=[gd.Checkpoint(folder)],
            resume_from=folder,
        )
        return both.state_dict()

    run(2, True, tmp_path / "a")
    resumed, straight = run(4, True, tmp_path / "a"), run(4, False, tmp_path / "b")
    for name, array in straight.items():
        np.testing.assert_array_equal(resumed[name], array, name)


@pytest.mark.parametrize("way", ["pickle", "deepcopy", "file"])
def test_a_copy_takes_its_own_numbers_along(way, tmp_path):
    made = compiled(autoencoder())
    both, encoder = made["both"][0], made["encoder"][0]
    both.fit(X, X, seed=0, verbose=0)
    encoder.predict(X)
    if way == "file":
        both.save(tmp_path / "both.safetensors")
        twin = gd.load(tmp_path / "both.safetensors")
    else:
        twin = pickle.loads(pickle.dumps(both)) if way == "pickle" else copy.deepcopy(both)
    answer = encoder.predict(X)
    twin.fit(X, X, verbose=0)
    np.testing.assert_array_equal(encoder.predict(X), answer)  # the copy is apart
    if way != "file":  # within the copy, layers are shared as they were
        first, second = twin.layers
        np.testing.assert_allclose(
            twin.predict(X), second.predict(first.predict(X)), rtol=1e-5, atol=1e-6
        )


def test_precision_belongs_to_the_layers():
    """Models over the same layers compute in one precision: that of the last who asked for one."""
    made = autoencoder()
    encoder, _, both = (model for model, *_ in made.values())
    both.compile("sgd", "mse", dtype="float64")
    assert both.predict(X).dtype == np.float64 and encoder.predict(X).dtype == np.float64
    encoder.set_dtype("float32")
    assert encoder.predict(X).dtype == np.float32 and both.predict(X).dtype == np.float32
    one_set_of_numbers(made)


class Within(gd.LambdaCallback):
    """Calls a function once within an epoch, and keeps what it raised."""

    def __init__(self, act):
        super().__init__(lambda epoch, logs: None)
        self.act, self.error = act, None

    def on_batch_end(self, batch, logs):
        if batch == 0 and self.model.epochs_done == 0:
            try:
                self.act(self.model)
            except RuntimeError as error:
                self.error = error


def test_a_new_model_within_fit():
    made = compiled(autoencoder())
    both, encoder = made["both"][0], made["encoder"][0]
    seen = []
    watch = Within(lambda model: seen.append(encoder.predict(X)))
    both.fit(X, X, batch_size=16, seed=0, callbacks=[watch], verbose=0)
    assert watch.error is None and len(seen) == 1
    probe = gd.Sequential([encoder, gd.Dense(2)])
    watch = Within(lambda model: probe.predict(X))
    before = encoder.predict(X)
    both.epochs_done  # noqa: B018
    both.compile("adam", "mse")
    both.fit(X, X, batch_size=16, callbacks=[watch], verbose=0)
    assert "use the new model once before fit" in str(watch.error)
    assert not np.array_equal(encoder.predict(X), before)
    assert probe.predict(X).shape == (48, 2)
    one_set_of_numbers(made | {"probe": (probe, X, H[:, :2])})


@pytest.mark.parametrize("act", ["compile", "set_dtype"])
def test_compile_within_fit_is_refused(act):
    model = gd.Sequential([gd.Dense(1)]).compile("sgd", "mse")
    acts = {
        "compile": lambda m: m.compile("adam", "mse"),
        "set_dtype": lambda m: m.set_dtype("float64"),
    }
    watch = Within(acts[act])
    model.fit(X, Y, callbacks=[watch], verbose=0)
    assert f"{act} was called within fit of the same model" in str(watch.error)
    assert model.steps_done == 2


def test_joining_while_another_thread_trains():
    """Layers move only between runs: no step of the other model is lost."""
    model = gd.Sequential([gd.Input(6), gd.Dense(1, kernel_initializer="zeros")])
    model.compile(gd.SGD(1e-3), "mse")
    alone = copy.deepcopy(model)
    stop, errors = threading.Event(), []

    def train():
        try:
            for _ in range(400):
                model.train_on_batch(X, Y)
        except Exception as error:
            errors.append(error)
        stop.set()

    thread = threading.Thread(target=train)
    thread.start()
    joined = [model]
    while not stop.is_set():
        joined.append(gd.Sequential([model, gd.Dense(1)]))
        joined[-1].predict(X)
    thread.join()
    for _ in range(400):
        alone.train_on_batch(X, Y)
    assert not errors and model.steps_done == 400
    for name, array in alone.state_dict().items():
        np.testing.assert_array_equal(model.state_dict()[name], array)


class Net(gd.Model):
    """Its attributes have the names of properties and methods that every model has."""

    def __init__(self):
        self.losses, self.metrics, self.memory = [gd.Dense(4)], {"a": 1}, gd.Dense(3)
        self.steps = self.network = self.engine = self.optimizer = gd.Dense(1)
        self.seed = self.compiled = self.plan = self.steps_done = 3

    def forward(self, x):
        return self.steps(self.memory(self.losses[0](x)))


def test_a_subclass_may_call_its_attributes_what_it_likes():
    net = Net().compile("adam", "mse", metrics=["mae"])
    net.fit(X, Y, epochs=2, seed=0, validation_split=0.25, verbose=0)
    net.train_on_batch(X, Y)
    assert set(net.evaluate(X, Y).keys()) == {"loss", "mae"} and "parameters" in net.summary()
    twin = pickle.loads(pickle.dumps(net))
    np.testing.assert_array_equal(twin.predict(X), net.predict(X))
    net.set_weights(net.get_weights())


def test_a_gan_learns_a_mixture():
    """A generator learns both modes of a distribution. The discriminator sees noise, lest it knows one alone."""
    rng, rows = np.random.default_rng(0), 64

    def real():
        x = rng.choice([-1.0, 1.0], size=(rows, 1)) + 0.2 * rng.normal(size=(rows, 1))
        return x.astype(np.float32)

    hidden = [gd.Dense(16, activation="relu"), gd.Dense(16, activation="relu")]
    generator = gd.Sequential([gd.Input(4), *hidden, gd.Dense(1)])
    hidden = [gd.Dense(32, activation="leaky_relu"), gd.Dense(32, activation="leaky_relu")]
    discriminator = gd.Sequential([gd.Input(1), gd.GaussianNoise(0.6), *hidden, gd.Dense(1)])
    discriminator.compile(gd.Adam(2e-3, betas=(0.5, 0.999)), "binary_cross_entropy")
    discriminator.trainable = False
    both = gd.Sequential([generator, discriminator])
    both.compile(gd.Adam(1e-3, betas=(0.5, 0.999)), "binary_cross_entropy")
    discriminator.resume(0, 0, 0)
    both.resume(1, 0, 0)
    true, false = np.ones((rows, 1), "f"), np.zeros((rows, 1), "f")
    for _ in range(1200):
        noise = rng.normal(size=(rows, 4)).astype(np.float32)
        x = np.concatenate([real(), generator.predict(noise)])
        discriminator.train_on_batch(x, np.concatenate([true, false]))
        both.train_on_batch(noise, true)
    made = generator.predict(rng.normal(size=(2000, 4)).astype(np.float32))[:, 0]
    low, high = np.abs(made + 1) < 0.5, np.abs(made - 1) < 0.5
    assert low.mean() > 0.25 and high.mean() > 0.25 and (low | high).mean() > 0.7
