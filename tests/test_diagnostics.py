"""Diagnostics: numbers that are right, verdicts that are right, and training that is left alone."""

import pickle

import numpy as np
import pytest

import gdcore as gd
from gdcore.diagnostics import THRESHOLDS, Monitor, Report, diagnose
from gdcore.diagnostics.statistics import LayerStatistics, ParameterStatistics, Snapshot
from gdcore.engine import thread_count


@pytest.fixture(scope="module")
def digits():
    (x, y), _ = gd.datasets.digits()
    return x, y


def chain(activation, depth, width=64, **options):
    hidden = [gd.Dense(width, activation=activation, **options) for _ in range(depth)]
    return gd.Sequential([*hidden, gd.Dense(10)])


def tiny(shape, stream):
    return stream.normal(shape, std=0.02)


def residual(depth):
    x = gd.Input(64)
    h = gd.Dense(32)(x)
    for _ in range(depth):
        h = h + gd.Dense(32, activation="sigmoid")(h)
    return gd.Model(x, gd.Dense(10)(h))


def everything(width=24):
    """Layers with masks and with states."""
    return gd.Sequential(
        [
            gd.Dense(width, activation="relu"),
            gd.BatchNorm(),
            gd.Dropout(0.3),
            gd.Dense(width, activation="tanh"),
            gd.Dense(10),
        ]
    )


# --- verdicts ----------------------------------------------------------------------

VERDICTS = [
    ("vanishing", lambda: chain("sigmoid", 10), gd.SGD(0.1)),
    ("vanishing", lambda: chain("sigmoid", 8), gd.Adam(1e-3)),
    ("vanishing", lambda: chain("tanh", 6, kernel_initializer=tiny), gd.SGD(0.1)),
    ("dead units", lambda: chain("relu", 4, bias_initializer=-5.0), gd.Adam(1e-3)),
    ("dead units", lambda: chain("relu", 2, bias_initializer=-2.0), gd.SGD(0.1)),
    ("dead units", lambda: chain("sigmoid", 2, bias_initializer=30.0), gd.SGD(0.1)),
    ("exploding", lambda: chain("relu", 4), gd.SGD(30.0)),
    ("exploding", lambda: chain("relu", 2), gd.Adam(1.0)),
    ("healthy", lambda: chain("relu", 3, kernel_initializer="he_normal"), gd.Adam(1e-3)),
    ("healthy", lambda: chain("relu", 1, width=32), gd.Adam(1e-2)),
    ("healthy", lambda: chain("relu", 20, kernel_initializer="he_normal"), gd.SGD(0.01)),
    ("healthy", lambda: chain("tanh", 10), gd.Adam(1e-3)),
    ("healthy", lambda: chain("sigmoid", 2), gd.Adam(1e-3)),
    ("healthy", lambda: chain("gelu", 3), gd.AdamW(1e-3)),
    ("healthy", lambda: residual(8), gd.Adam(1e-3)),
    ("healthy", everything, gd.Adam(1e-3)),
]


@pytest.mark.parametrize(("verdict", "make", "optimizer"), VERDICTS)
def test_a_fresh_network_is_told_what_ails_it(digits, verdict, make, optimizer):
    model = make().compile(optimizer, "cross_entropy")
    report = diagnose(model, digits[0][:256], digits[1][:256], seed=1)
    assert report.verdict == verdict, str(report)
    assert str(report).startswith(f"verdict: {verdict} (step 0, loss ")
    assert [f.kind for f in report.findings][:1] == ([] if verdict == "healthy" else [verdict])


@pytest.mark.parametrize(
    ("verdict", "make", "optimizer"),
    VERDICTS[1::2],
)
@pytest.mark.parametrize("every", [None, 7])
def test_a_training_is_told_the_same(digits, verdict, make, optimizer, every):
    watch = Monitor(every=every)
    model = make().compile(optimizer, "cross_entropy")
    try:
        model.fit(*digits, epochs=2, callbacks=[watch], seed=1, verbose=0)
    except gd.NonFiniteError:
        assert verdict == "exploding"
    assert watch.report().verdict == verdict, str(watch.report())


def test_the_first_epoch_that_blows_up_is_reported_from_the_last_good_weights(digits):
    """fit raises before on_epoch_end: what was seen is the start, and what can be seen now."""
    watch = Monitor()
    model = chain("relu", 3).compile(gd.SGD(1.5, momentum=0.9), "mse")
    y = np.eye(10, dtype="f")[digits[1]] * 100
    with pytest.raises(gd.NonFiniteError):
        model.fit(digits[0], y, epochs=3, callbacks=[watch], seed=0, verbose=0)
    assert watch.report().verdict == "exploding"
    assert watch.snapshots[-1].step == model.steps_done


def test_a_gradient_that_grows_on_its_way_back(digits):
    model = chain("relu", 8, kernel_initializer=lambda s, stream: stream.normal(s, std=0.8))
    model.compile(gd.SGD(1e-30), "cross_entropy")
    report = diagnose(model, digits[0][:64], digits[1][:64], seed=0)
    (finding,) = report.findings
    assert (finding.kind, finding.where) == ("exploding", "0")
    assert "times the gradient of the output" in finding.text


def test_the_first_layer_is_blamed_and_the_factor_is_told(digits):
    model = chain("sigmoid", 10).compile("sgd", "cross_entropy")
    (finding,) = diagnose(model, digits[0][:64], digits[1][:64], seed=0).findings
    assert finding.where == "0"
    assert "each of 10 layers takes a factor of 3." in finding.text


def snapshot(step, loss, after=None, layers=(), ratio=1e-3, rows=64):
    return Snapshot(
        step,
        rows,
        loss,
        loss * 0.99 if after is None else after,
        layers or (LayerStatistics("out", "Dense", 0.0, 1.0, np.nan, np.nan, 1.0, True),),
        (ParameterStatistics("out.kernel", "kernel", 1.0, 1.0, ratio),),
    )


def hidden(gradient=1.0, dead=np.nan):
    return (
        LayerStatistics("a", "Dense", 0.0, 1.0, dead, dead, gradient),
        LayerStatistics("out", "Dense", 0.0, 1.0, np.nan, np.nan, 1.0, True),
    )


@pytest.mark.parametrize(
    ("snapshots", "verdict"),
    [
        ([snapshot(0, 2.0)], "healthy"),
        ([snapshot(0, 2.0), snapshot(9, 0.5), snapshot(20, 1.9)], "healthy"),
        ([snapshot(0, 2.0), snapshot(9, 0.5), snapshot(20, 2.1)], "exploding"),
        ([snapshot(0, 2.0), snapshot(9, 1.9), snapshot(20, 2.1)], "healthy"),
        ([snapshot(0, 2.0, after=3.9)], "healthy"),
        ([snapshot(0, 2.0, after=4.1)], "exploding"),
        ([snapshot(0, 2.0), snapshot(9, 1e-6, after=1e-4)], "healthy"),
        ([snapshot(0, 2.0), snapshot(9, float("nan"))], "exploding"),
        ([snapshot(0, 2.0, after=float("inf"))], "exploding"),
        ([snapshot(0, 2.0, layers=hidden(1.1e-3))], "healthy"),
        ([snapshot(0, 2.0, layers=hidden(0.9e-3))], "vanishing"),
        ([snapshot(0, 2.0, layers=hidden(0.0))], "vanishing"),
        ([snapshot(0, 2.0, layers=hidden(0.9e3))], "healthy"),
        ([snapshot(0, 2.0, layers=hidden(1.1e3))], "exploding"),
        ([snapshot(0, 2.0, layers=hidden(1.0, dead=0.49))], "healthy"),
        ([snapshot(0, 2.0, layers=hidden(1.0, dead=0.51))], "dead units"),
        ([snapshot(0, 2.0, layers=hidden(0.0, dead=1.0))], "dead units"),
        ([snapshot(0, 2.0, layers=hidden(1.0, dead=1.0), rows=31)], "healthy"),
    ],
)
def test_thresholds_are_where_they_are_said_to_be(snapshots, verdict):
    assert Report(snapshots).verdict == verdict


def test_an_advice_goes_with_the_cause():
    slow = Report([snapshot(0, 2.0, layers=hidden(1.0, dead=1.0))]).findings[0]
    fast = Report([snapshot(0, 2.0, layers=hidden(1.0, dead=1.0), ratio=0.5)]).findings[0]
    assert "he_normal" in slow.advice
    assert "learning rate" in fast.advice
    assert "usual" in str(Report([snapshot(0, 2.0, layers=hidden(), ratio=0.2)]))
    assert set(THRESHOLDS) > {"vanishing", "exploding", "dead"}


def test_nothing_to_report():
    with pytest.raises(ValueError, match="no snapshot was taken"):
        Report([])


# --- numbers -----------------------------------------------------------------------


def test_statistics_are_those_of_numpy():
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(50, 6)), rng.normal(size=(50, 3))
    model = gd.Sequential([gd.Input(6), gd.Dense(4, activation="relu"), gd.Dense(3)])
    model.compile(gd.SGD(0.1), "mse", dtype="float64")
    model.fit(x, y, epochs=1, seed=0, verbose=0)
    w, b, v, c = model.get_weights()
    h = np.maximum(x @ w + b, 0)
    d_out = 2 * (h @ v + c - y) / 3  # of each sample's loss
    first, last = diagnose(model, x, y).last.layers
    assert (first.name, first.kind, last.output, first.output) == ("0", "Dense", True, False)
    np.testing.assert_allclose([first.mean, first.std], [h.mean(), h.std()])
    np.testing.assert_allclose(first.inactive, (h == 0).mean())
    np.testing.assert_allclose(first.dead, (h == 0).all(axis=0).mean())
    np.testing.assert_allclose(last.gradient, np.sqrt((d_out**2).sum(axis=1).mean()))
    np.testing.assert_allclose(first.gradient, np.sqrt(((d_out @ v.T) ** 2).sum(axis=1).mean()))
    assert np.isnan(last.dead)


@pytest.mark.parametrize("optimizer", [gd.SGD(0.1, momentum=0.9), gd.Adam(1e-2), gd.AdamW(1e-2)])
def test_updates_are_those_that_training_would_make(digits, optimizer):
    x, y = digits[0][:64], digits[1][:64]
    model = everything().compile(optimizer, "cross_entropy")
    model.fit(*digits, epochs=1, seed=0, verbose=0)
    seen = diagnose(model, x, y).last
    gradients, before = model.gradients(x, y), model.state_dict()
    loss = model.train_on_batch(x, y)
    after = model.state_dict()
    assert seen.loss == pytest.approx(loss, rel=1e-6)
    assert [p.name for p in seen.parameters] == list(gradients)
    for p in seen.parameters:
        moved = after[p.name].astype(float) - before[p.name]
        assert p.update == pytest.approx(np.linalg.norm(moved), rel=1e-6)
        assert p.gradient == pytest.approx(np.linalg.norm(gradients[p.name].astype(float)), 1e-5)
        assert p.weight == pytest.approx(np.linalg.norm(before[p.name].astype(float)), rel=1e-6)
        if p.weight:
            assert p.ratio == pytest.approx(p.update / p.weight)


def test_activations_right_on_a_layer_are_looked_at(digits):
    class Own(gd.Model):
        def __init__(self):
            self.first, self.last = gd.Dense(16), gd.Dense(10)

        def forward(self, x):
            return self.last(gd.ops.relu(self.first(x)))

    model = Own().compile("adam", "cross_entropy")
    layers = diagnose(model, digits[0][:64], digits[1][:64], seed=0).last.layers
    assert [s.name for s in layers] == ["first", "first relu", "last"]
    assert 0 < layers[1].inactive < 1
    assert np.isnan(layers[0].inactive)


def test_a_shared_layer_is_looked_at_each_time(digits):
    layer = gd.Dense(64, activation="tanh")
    model = gd.Sequential([layer, layer, gd.Dense(10)]).compile("adam", "cross_entropy")
    layers = diagnose(model, digits[0][:64], digits[1][:64], seed=0).last.layers
    assert [s.name for s in layers] == ["0", "0 #2", "2"]


@pytest.mark.parametrize("ending", ["softmax", None])
def test_a_softmax_that_the_loss_looks_through(digits, ending):
    model = gd.Sequential([gd.Dense(16, activation="relu"), gd.Dense(10, activation=ending)])
    model.compile("adam", "cross_entropy")
    report = diagnose(model, digits[0][:64], digits[1][:64], seed=0)
    assert [(s.name, s.output) for s in report.last.layers] == [("0", False), ("1", True)]
    assert report.verdict == "healthy"


def test_a_model_from_a_file(digits, tmp_path):
    model = chain("sigmoid", 9).compile("adam", "cross_entropy")
    model.fit(*digits, epochs=1, seed=0, verbose=0)
    model.save(tmp_path / "m.safetensors")
    loaded = gd.load(tmp_path / "m.safetensors")
    ours, theirs = (diagnose(m, digits[0][:64], digits[1][:64]) for m in (model, loaded))
    assert [(s.name, s.gradient) for s in ours.last.layers] == [
        (s.name, s.gradient) for s in theirs.last.layers
    ]
    assert theirs.verdict == "vanishing"


@pytest.mark.parametrize(
    ("make", "data"),
    [
        (
            lambda: [gd.Embedding(20, 4), gd.LSTM(6), gd.Dense(1)],
            lambda r: r.integers(0, 20, (40, 5)),
        ),
        (
            lambda: [
                gd.Conv2D(4, 3, activation="relu"),
                gd.MaxPool2D(2),
                gd.Flatten(),
                gd.Dense(1),
            ],
            lambda r: r.normal(size=(40, 8, 8, 1)),
        ),
    ],
    ids=["lstm", "convolution"],
)
def test_other_kinds_of_layers(make, data):
    rng = np.random.default_rng(0)
    x, y = data(rng), rng.normal(size=40)
    report = diagnose(gd.Sequential(make()).compile("adam", "mse"), x, y, seed=0)
    assert report.verdict == "healthy", str(report)
    assert all(s.gradient > 0 for s in report.last.layers)


def test_frozen_layers_have_no_updates(digits):
    model = chain("relu", 2)
    model.layers[0].trainable = False
    model.compile("adam", "cross_entropy")
    seen = diagnose(model, digits[0][:64], digits[1][:64], seed=0).last
    assert {p.name for p in seen.parameters} == {"1.kernel", "1.bias", "2.kernel", "2.bias"}


# --- training is left alone --------------------------------------------------------


def fitted(digits, callbacks, epochs=2, threads=1):
    gd.set_num_threads(threads)
    model = everything().compile(gd.Adam(3e-3), "cross_entropy", ["accuracy"])
    weight = np.linspace(0.5, 1.5, len(digits[0]))
    history = model.fit(
        *digits, epochs=epochs, sample_weight=weight, callbacks=callbacks, seed=3, verbose=0
    )
    return model, history


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("every", [None, 1, 10])
def test_training_computes_the_same_bits(digits, monkeypatch, threads, every):
    monkeypatch.setattr(thread_count, "MIN_WORK", 0)
    plain, history = fitted(digits, [])
    watch = Monitor(every=every, rows=40)
    watched, seen = fitted(digits, [watch], threads=threads)
    assert seen["loss"] == history["loss"]
    for name, weights in plain.state_dict().items():
        assert weights.tobytes() == watched.state_dict()[name].tobytes(), name
    assert np.array_equal(*(m._engine.parameters().slots for m in (plain, watched)))
    steps = -(-len(digits[0]) // 32)
    wanted = [0, steps, 2 * steps] if every is None else [0, *range(every, 2 * steps + 1, every)]
    assert watch.steps.tolist() == wanted


def test_without_every_training_stays_in_c():
    from gdcore.callbacks import wants_batches

    assert not wants_batches(Monitor())
    assert wants_batches(Monitor(every=5))
    assert not wants_batches(Monitor())


@pytest.mark.parametrize("seeded", [True, False])
def test_looking_at_a_fresh_model_leaves_it_fresh(digits, seeded):
    x, y = digits[0][:100], digits[1][:100]
    plain, looked = everything(), everything()
    for model in (plain, looked):
        model.compile("adam", "cross_entropy")
    diagnose(looked, x, y, seed=7 if seeded else None)
    gd.lr_find(looked, x, y, steps=10)
    assert looked._engine.traced is False
    for model in (plain, looked):
        model.fit(x, y, epochs=2, seed=5, verbose=0)
    for name, weights in plain.state_dict().items():
        assert weights.tobytes() == looked.state_dict()[name].tobytes()


LOOKS = {
    "diagnose": lambda m, x, y: diagnose(m, x, y),
    "lr_find": lambda m, x, y: gd.lr_find(m, x, y, steps=20),
    "loss_landscape": lambda m, x, y: gd.diagnostics.loss_landscape(m, x, y, points=3),
    "interpolate": lambda m, x, y: gd.diagnostics.interpolate(
        m, {k: v * 0 for k, v in m.state_dict().items()}, x, y, points=3
    ),
    "input_gradients": lambda m, x, y: gd.diagnostics.input_gradients(m, x),
    "integrated_gradients": lambda m, x, y: gd.diagnostics.integrated_gradients(m, x, steps=3),
    "permutation_importance": lambda m, x, y: gd.diagnostics.permutation_importance(
        m, x, y, repeats=1
    ),
    "check_gradient": lambda m, x, y: gd.diagnostics.check_gradient(m, 64, samples=3),
    "draw": lambda m, x, y: m.draw(),
    "html": lambda m, x, y: m._repr_html_() + m.plan._repr_html_(),
}


@pytest.mark.parametrize("look", LOOKS)
def test_no_look_changes_a_model(digits, look):
    x, y = digits[0][:64], digits[1][:64]
    model, twin = (fitted(digits, [], epochs=1)[0] for _ in range(2))
    memory = model._engine.parameters()
    before = [v.tobytes() for v in (memory.params, memory.slots, memory.states)]
    counts = model.steps_done, model.epochs_done, model.seed
    LOOKS[look](model, x, y)
    assert model._engine.parameters() is memory
    assert [v.tobytes() for v in (memory.params, memory.slots, memory.states)] == before
    assert (model.steps_done, model.epochs_done, model.seed) == counts
    for m in (model, twin):
        m.fit(x, y, epochs=1, verbose=0)
    for name, weights in twin.state_dict().items():
        assert weights.tobytes() == model.state_dict()[name].tobytes()


# --- the callback ------------------------------------------------------------------


def test_a_batch_of_its_own(digits):
    x, y = digits
    watch = Monitor(x[-50:], y[-50:])
    model = chain("relu", 1).compile("adam", "cross_entropy")
    model.fit(x, y, epochs=1, callbacks=[watch], seed=0, verbose=0)
    assert watch.snapshots[-1].rows == 50
    assert watch.snapshots[-1].loss == pytest.approx(model.evaluate(x[-50:], y[-50:])["loss"], 1e-5)


def test_series_by_layer_and_parameter(digits):
    watch = Monitor(every=20)
    model = chain("relu", 2).compile("adam", "cross_entropy")
    model.fit(*digits, epochs=2, callbacks=[watch], seed=0, verbose=0)
    assert list(watch.layers("gradient")) == ["0", "1", "2"]
    assert watch.layers("std")["1"].shape == watch.steps.shape
    assert (watch.parameters("ratio")["1.kernel"] > 0).all()


def test_a_monitor_can_be_pickled_and_used_again(digits):
    watch = Monitor()
    model = chain("relu", 1).compile("adam", "cross_entropy")
    model.fit(*digits, epochs=1, callbacks=[watch], seed=0, verbose=0)
    first = watch.report().verdict
    model.fit(*digits, epochs=2, callbacks=[watch], verbose=0)
    assert len(watch.snapshots) == 3
    assert first == "healthy"
    assert repr(pickle.loads(pickle.dumps(watch.snapshots))) == repr(watch.snapshots)
    again = pickle.loads(pickle.dumps(Monitor(every=23)))
    model.fit(*digits, epochs=1, callbacks=[again], verbose=0)
    assert len(again.snapshots) == 3


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"x": np.zeros((4, 2))}, "give both"),
        ({"every": 0}, "Monitor every=0: expected a whole number of at least 1"),
        ({"rows": -1}, "Monitor rows=-1"),
    ],
)
def test_bad_arguments(arguments, message):
    with pytest.raises(ValueError, match=message):
        Monitor(**arguments)


def test_a_monitor_that_was_never_used():
    with pytest.raises(ValueError, match="no snapshot was taken"):
        Monitor().report()
    with pytest.raises(ValueError, match="has seen no data"):
        Monitor().look()


def test_a_model_that_is_not_compiled(digits):
    with pytest.raises(ValueError, match="not compiled"):
        diagnose(chain("relu", 1), *digits)
