"""Plans: as they print, what is fused, where values lie, and how large networks fare.

Golden prints are in tests/golden; GDCORE_GOLDEN=write writes them anew: read the difference.
"""

import os
from pathlib import Path

import numpy as np
import pytest
from by_hand import attention, by_steps

import gdcore as gd
from gdcore.data.dataset import TargetSpec as Target
from gdcore.graph.dims import at_batch, size
from gdcore.graph.plan import check
from gdcore.training.evaluate import training_step
from gdcore.training.prepare import prepare

GOLDEN = Path(__file__).parent / "golden"


def mlp():
    return gd.Sequential(
        [gd.Input(12), gd.Dense(16, activation="relu"), gd.Dense(8, activation="tanh"), gd.Dense(4)]
    )


def noisy():
    return gd.Sequential(
        [
            gd.Input(12),
            gd.Dense(16, activation="relu"),
            gd.Dropout(0.2),
            gd.Dense(8),
            gd.BatchNorm(),
            gd.Dense(4),
        ]
    )


def regression():
    return gd.Sequential(
        [gd.Input(12), gd.Dense(16, activation="gelu", kernel_l2=1e-3), gd.Dense(1)]
    )


def softmaxed():
    return gd.Sequential(
        [gd.Input(12), gd.Dense(16, activation="tanh"), gd.Dense(4, activation="softmax")]
    )


def sigmoid():
    return gd.Sequential(
        [gd.Input(12), gd.Dense(16, activation="tanh"), gd.Dense(1, activation="sigmoid")]
    )


def residual():
    x = gd.Input(12)
    h = gd.Dense(12, activation="silu")(x)
    return gd.Model(x, gd.Dense(4)(gd.Concatenate()([x + h, h * x])))


def conv():
    return gd.Sequential(
        [
            gd.Input((8, 8, 2)),
            gd.Conv2D(3, 3, padding="same", activation="relu"),
            gd.MaxPool2D(2),
            gd.Flatten(),
            gd.Dense(4),
        ]
    )


def recurrent():
    return gd.Sequential(
        [gd.Input((5, 3)), gd.LSTM(4, return_sequences=True), gd.LSTM(3), gd.Dense(4)]
    )


CLASSES, REALS = Target((), "int"), Target((1,), "real")

TRAINED = {  # model, optimizer, loss, target
    "mlp_adam": (mlp, lambda: gd.Adam(), "cross_entropy", CLASSES),
    "noisy_momentum": (
        noisy,
        lambda: gd.SGD(momentum=0.9, clip_norm=1.0),
        "cross_entropy",
        CLASSES,
    ),
    "regression_adamw": (regression, lambda: gd.AdamW(no_decay="biases_and_norms"), "mse", REALS),
    "softmax_sgd": (softmaxed, lambda: gd.SGD(), "cross_entropy", CLASSES),
    "sigmoid_rmsprop": (sigmoid, lambda: gd.RMSprop(centered=True), "binary_cross_entropy", REALS),
    "residual_nadam": (residual, lambda: gd.Nadam(clip_value=1.0), "cross_entropy", CLASSES),
    "conv_adam": (conv, lambda: gd.AMSGrad(), "cross_entropy", CLASSES),
    "lstm_adagrad": (recurrent, lambda: gd.Adagrad(), "cross_entropy", CLASSES),
    "attention_sgd": (attention, lambda: gd.SGD(), "cross_entropy", CLASSES),
    "steps_sgd": (by_steps, lambda: gd.SGD(), "cross_entropy", CLASSES),
}
PRINTED = ["mlp_adam", "noisy_momentum", "regression_adamw", "attention_sgd", "steps_sgd"]


def builder(name, dtype="float32"):
    make, optimizer, loss, target = TRAINED[name]
    model = make().compile(optimizer(), loss, dtype=dtype)
    return model._engine.builder(), model.optimizer, (target,)


def train_plan(name, batch=32, dtype="float32", weighted=False, kept=False):
    built, optimizer, targets = builder(name, dtype)
    return built.train(batch, targets, weighted, optimizer, kept).session.plan


def rows(plan):
    """Each instruction as the print names it: kernel, ops in order."""
    return [
        (
            i.kernel,
            i.text,
            i.then.text.split("·") if i.then else i.text.split("·") if i.kernel == "map" else [],
        )
        for i in plan.instructions
    ]


def products(plan):
    return [i for i in plan.instructions if i.kernel == "gemm"]


# --- golden prints -----------------------------------------------------------------


@pytest.mark.parametrize("name", [*PRINTED, "predict", "attention_predict"])
def test_golden(name):
    if name == "attention_predict":
        plan = attention()._engine.builder().predict(8).session.plan
    elif name == "predict":
        model = gd.Sequential(
            [
                gd.Input(12),
                gd.Dense(16, activation="gelu"),
                gd.BatchNorm(),
                gd.Dropout(0.5),
                gd.Dense(4, activation="softmax"),
            ]
        )
        plan = model._engine.builder().predict(8).session.plan
    else:
        plan = train_plan(name)
    path = GOLDEN / f"{name}.txt"
    text = str(plan) + "\n"
    if os.environ.get("GDCORE_GOLDEN") == "write":
        path.write_text(text, encoding="utf-8")
    assert text == path.read_text(encoding="utf-8"), (
        "the plan has changed: GDCORE_GOLDEN=write, and read the difference"
    )


@pytest.mark.parametrize("name", ["attention_sgd", "steps_sgd"])
def test_nothing_is_copied(name):
    """Heads and steps are read, written and given gradients where they lie, all zeros left out."""
    assert not {"copy", "fill"} & {i.kernel for i in train_plan(name).instructions}


def test_print_names_everything():
    text = str(train_plan("mlp_adam"))
    head, titles, *lines = text.splitlines()
    assert "batch ≤ 32" in head and "arena" in head and "FLOPs" in head
    assert titles.split() == ["op", "writes", "reads", "FLOPs", "bytes"]
    for word in (
        "0.kernel params+",
        "d 2.bias grads+",
        "x in0+",
        "y in1+",
        "hyper+",
        "m slots+",
        "— update —",
    ):
        assert any(word in line for line in lines), word


# --- fusion ------------------------------------------------------------------------


def test_bias_and_activation_ride_on_the_product():
    forward = [r for r in rows(train_plan("mlp_adam")) if r[0] == "gemm"][:3]
    assert forward[0][2][:2] == ["add", "relu"]
    assert forward[1][2][:2] == ["add", "tanh"]
    assert forward[2][2][0] == "add"


def test_activation_gradient_rides_on_the_backward_product():
    plan = train_plan("mlp_adam")
    assert [i.text for i in plan.instructions if i.kernel == "map" and "where" in i.text] == []
    backward = [r[2] for r in rows(plan) if r[0] == "gemm"]
    assert sum("where" in ops and "less" in ops for ops in backward) == 1  # relu's
    assert sum("square" in ops and "sub" in ops for ops in backward) == 1  # tanh's


def test_dropout_mask_rides_on_the_products():
    plan = train_plan("noisy_momentum")
    first, *_ = products(plan)
    assert (
        first.then is not None and "random_uniform" in first.then.text
    )  # drawn where the activation is
    assert [
        i.text for i in plan.instructions if i.kernel == "map" and "random_uniform" in i.text
    ] == []
    masked = [
        i.then.text for i in products(plan)[1:] if i.then is not None and "where" in i.then.text
    ]
    assert masked and all("mul" in text for text in masked)


def test_bias_gradient_is_inside_the_weight_product():
    plan = train_plan("mlp_adam")
    for n in range(3):
        (product,) = [i for i in products(plan) if any(v.name == f"d {n}.kernel" for v in i.writes)]
        assert any(v.name == f"d {n}.bias" for v in product.writes)
    assert "sum" not in [
        i.text for i in plan.instructions if any(v.name.startswith("d ") for v in i.writes)
    ]


@pytest.mark.parametrize(
    "name", [n for n in TRAINED if n != "noisy_momentum"]
)  # clipping reads all gradients first
def test_optimizer_and_decay_are_one_pass(name):
    plan = train_plan(name)
    passes = [
        i
        for i in plan.instructions[plan.n_compute :]
        if any(at_batch(size(v.shape), 1) > 1 for v in i.writes)
    ]
    groups = 2 if name == "regression_adamw" else 1  # biases have no decay: a range of their own
    assert len(passes) == groups
    assert all(
        v.name in ("p", "g", "m", "v", "v_max", "sum", "mean")
        for i in passes
        for v in i.reads
        if v.shape != ()
    )


def test_gradient_of_the_input_is_not_computed():
    """Three layers: three forward products, three for weights, two for what lies between."""
    assert len(products(train_plan("mlp_adam"))) == 8
    model = mlp()
    model.layers[0].trainable = False  # then nobody needs the gradient of its output either
    model.compile("sgd", "cross_entropy")
    step = model._engine.builder().train(32, (CLASSES,), False, model.optimizer, False)
    assert len(products(step.session.plan)) == 6


def test_softmax_with_cross_entropy_is_never_computed():
    """The network ends in a softmax; training sees through it and plans as for logits."""
    texts = [
        t
        for i in train_plan("softmax_sgd").instructions
        for t in [i.text, i.then.text if i.then else ""]
    ]
    assert not [t for t in texts if "softmax" in t]
    bare = gd.Sequential([gd.Input(12), gd.Dense(16, activation="tanh"), gd.Dense(4)]).compile(
        gd.SGD(), "cross_entropy"
    )
    other = bare._engine.builder().train(32, (CLASSES,), False, bare.optimizer, False).session.plan
    assert texts == [t for i in other.instructions for t in [i.text, i.then.text if i.then else ""]]


def test_sigmoid_with_binary_cross_entropy_sees_the_logits():
    plan = train_plan("sigmoid_rmsprop")
    head = next(i for i in products(plan) if i.then is not None and "softplus" in i.then.text)
    assert "log" not in head.then.text.split("·")
    assert not [i.text for i in plan.instructions if i.kernel == "map" and "sigmoid" in i.text]


def test_elementwise_chains_are_one_pass():
    x = gd.Input(64)
    model = gd.Model(x, gd.ops.tanh(gd.ops.exp(-gd.ops.square(x) * 0.5 + 1.0)) * gd.ops.sigmoid(x))
    plan = model._engine.builder().predict(4).session.plan
    assert len(plan.instructions) == 1
    assert plan.placement.arena_bytes == 4 * 64 * 4  # the result, and nothing between


# --- one plan for every batch ------------------------------------------------------


@pytest.mark.parametrize("name", TRAINED)
def test_one_plan_serves_every_smaller_batch(name):
    """For each number of samples a plan for 32 gives what a plan for that number gives."""
    make, _, loss, target = TRAINED[name]
    rng = np.random.default_rng(0)
    large, exact = (
        make().compile("sgd", loss, dtype="float64"),
        make().compile("sgd", loss, dtype="float64"),
    )
    shape = [d for d in large._engine.network().inputs[0].shape if isinstance(d, int)]
    x = rng.normal(size=(32, *shape))
    y = rng.integers(0, 4, 32) if target is CLASSES else rng.integers(0, 2, (32, 1)).astype(float)
    for m in (large, exact):
        m.fit(x, y, epochs=1, seed=1)
    step = training_step(
        large._engine, prepare(large._engine, x, y), 32, False, update=False
    ).session
    for n in range(1, 33):
        want = exact.gradients(x[:n], y[:n])
        exact._engine.steps.clear()
        step.run(prepare(large._engine, x[:n], y[:n]).feeds(), n, n, seed=1, counter=1)
        memory = large._engine.parameters()
        for p in memory.network.parameters:
            assert np.array_equal(memory.gradient(p), want[memory.network.names[p]]), (
                n,
                memory.network.names[p],
            )


def test_a_larger_batch_is_refused():
    model = mlp().compile("sgd", "cross_entropy")
    x, y = np.zeros((40, 12), "f"), np.zeros(40, int)
    session = training_step(model._engine, prepare(model._engine, x, y), 32, False).session
    with pytest.raises(ValueError, match="a batch of 40 for a plan of at most 32"):
        session.run(prepare(model._engine, x, y).feeds(), 40, 40)


# --- size --------------------------------------------------------------------------


@pytest.mark.slow
def test_two_hundred_layers():
    """Traces, plans and learns without a word about recursion."""
    layers = [gd.Dense(8, activation="tanh") for _ in range(200)]
    model = gd.Sequential([gd.Input(8), *layers, gd.Dense(2)]).compile(
        gd.SGD(1e-3), "cross_entropy"
    )
    x = np.random.default_rng(0).normal(size=(64, 8)).astype("f")
    history = model.fit(x, (x[:, 0] > 0).astype(int), epochs=2, seed=0)
    assert np.isfinite(history["loss"]).all()
    plan = model.plan
    assert len(products(plan)) == 3 * 201 - 1


@pytest.mark.slow
def test_a_thousand_small_layers():
    """A network of many branches, each a layer, all joined."""
    x = gd.Input(4)
    parts = [gd.Dense(3, activation="relu")(x) for _ in range(1000)]
    model = gd.Model(x, gd.Dense(2)(gd.Concatenate()(parts))).compile("adam", "cross_entropy")
    data = np.random.default_rng(0).normal(size=(64, 4)).astype("f")
    history = model.fit(data, (data[:, 0] > 0).astype(int), epochs=2, seed=0)
    assert np.isfinite(history["loss"]).all()
    check(model.plan)


def test_a_reshape_does_not_break_a_pass():
    """What follows rides on the product, whatever shapes stand in between; a bias is walked in its own."""
    x = gd.Input((6, 6, 2))
    layers = [gd.Conv2D(4, 3), gd.Flatten(), gd.Activation("relu"), gd.Reshape((16, 4))]
    y = x
    for layer in layers:
        y = layer(y)
    model = gd.Model(x, y * np.arange(4.0) + 1.0)
    (only,) = model.plan.instructions
    assert only.kernel == "conv" and only.then.text == "add·relu·mul·add"
    images = np.random.default_rng(0).normal(size=(5, 6, 6, 2)).astype(np.float32)
    inner = np.maximum(gd.Model(x, layers[0](x)).predict(images), 0).reshape(5, 16, 4)
    np.testing.assert_allclose(model.predict(images), inner * np.arange(4.0) + 1.0, rtol=1e-6)


def test_shapes_that_cut_across_each_other_are_passes_of_their_own():
    x = gd.Input(24)
    half = gd.ops.tanh(gd.ops.reshape(x, (x.shape[0], 6, 4)) * np.arange(4.0))
    y = gd.ops.reshape(half, (x.shape[0], 8, 3)) + np.arange(3.0)
    model = gd.Model(x, y)
    assert [i.text for i in model.plan.instructions] == ["mul·tanh", "add"]
    rows = np.random.default_rng(0).normal(size=(5, 24)).astype(np.float32)
    want = np.tanh(rows.reshape(5, 6, 4) * np.arange(4.0)).reshape(5, 8, 3) + np.arange(3.0)
    np.testing.assert_allclose(model.predict(rows), want, atol=1e-6)
