"""Plans: as they print, what is fused, where values lie, and how large networks fare.

Golden prints are in tests/golden; GDCORE_GOLDEN=write writes them anew: read the difference.
"""

import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import gdcore as gd
from gdcore.graph.fuse import base
from gdcore.graph.ir import at_batch, size
from gdcore.graph.place import ARENA, Place, element_bytes
from gdcore.graph.plan import PlanError, check
from gdcore.steps import Target

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
}
PRINTED = ["mlp_adam", "noisy_momentum", "regression_adamw"]


def builder(name, dtype="float32"):
    make, optimizer, loss, target = TRAINED[name]
    model = make().compile(optimizer(), loss, dtype=dtype)
    return model._builder(), model.optimizer, (target,)


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


@pytest.mark.parametrize("name", [*PRINTED, "predict"])
def test_golden(name):
    if name == "predict":
        model = gd.Sequential(
            [
                gd.Input(12),
                gd.Dense(16, activation="gelu"),
                gd.BatchNorm(),
                gd.Dropout(0.5),
                gd.Dense(4, activation="softmax"),
            ]
        )
        plan = model._builder().predict(8).session.plan
    else:
        plan = train_plan(name)
    path = GOLDEN / f"{name}.txt"
    text = str(plan) + "\n"
    if os.environ.get("GDCORE_GOLDEN") == "write":
        path.write_text(text, encoding="utf-8")
    assert text == path.read_text(encoding="utf-8"), (
        "the plan has changed: GDCORE_GOLDEN=write, and read the difference"
    )


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
    model = mlp().compile("sgd", "cross_entropy")
    model.layers[0].trainable = False  # then nobody needs the gradient of its output either
    step = model._builder().train(32, (CLASSES,), False, model.optimizer, False)
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
    other = bare._builder().train(32, (CLASSES,), False, bare.optimizer, False).session.plan
    assert texts == [t for i in other.instructions for t in [i.text, i.then.text if i.then else ""]]


def test_sigmoid_with_binary_cross_entropy_sees_the_logits():
    plan = train_plan("sigmoid_rmsprop")
    head = next(i for i in products(plan) if i.then is not None and "softplus" in i.then.text)
    assert "log" not in head.then.text.split("·")
    assert not [i.text for i in plan.instructions if i.kernel == "map" and "sigmoid" in i.text]


def test_elementwise_chains_are_one_pass():
    x = gd.Input(64)
    model = gd.Model(x, gd.ops.tanh(gd.ops.exp(-gd.ops.square(x) * 0.5 + 1.0)) * gd.ops.sigmoid(x))
    plan = model._builder().predict(4).session.plan
    assert len(plan.instructions) == 1
    assert plan.placement.arena_bytes == 4 * 64 * 4  # the result, and nothing between


# --- memory ------------------------------------------------------------------------


def spans(plan):
    """By a road of its own: for each instruction, the arena's values it reads and writes."""

    def lies(v):
        at = plan.placement.places[v]
        return at.buffer == ARENA and v.op.kind != "leaf"

    for ins in plan.instructions:
        for k, part in enumerate((ins, ins.then)):
            if part is not None:
                own = {id(v) for v in ins.writes} if k else set()
                yield (
                    [base(v) for v in part.reads if lies(base(v)) and id(v) not in own],
                    [v for v in part.writes if lies(v)],
                )


def overlapping(plan):
    """Pairs of values that are alive at once and share bytes.

    A value lives from the instruction that writes it to the last that reads it. In the instruction
    where one ends and another begins they may share exactly the same place, walked element by
    element.
    """
    begin, end = {}, {}
    steps = list(spans(plan))
    for t, (reads, writes) in enumerate(steps):
        for v in reads:
            assert v in begin, f"{v!r} is read before it is written"
            end[v] = t
        for v in writes:
            begin.setdefault(v, t)
            end.setdefault(v, t)
    for v in map(base, plan.values.values()):
        if v in begin:
            end[v] = len(steps)
    place = {
        v: (
            at := plan.placement.places[v].offset,
            at + at_batch(size(v.shape), plan.batch) * element_bytes(v, plan.bits),
        )
        for v in begin
    }
    wrong = []
    for v in begin:
        for u in begin:
            if v is u or begin[u] > begin[v]:
                continue
            shares = place[v][0] < place[u][1] and place[u][0] < place[v][1]
            if (
                shares
                and (end[u] > begin[v] or (end[u] == begin[v] and place[u][0] != place[v][0]))
                and u is not v
            ):
                wrong.append((u, v))
    return wrong


VARIANTS = [
    (n, b, d, w)
    for n in TRAINED
    for b, d, w in ((1, "float32", False), (32, "float64", True), (50, "float32", True))
]


@pytest.mark.parametrize(("name", "batch", "dtype", "weighted"), VARIANTS)
def test_no_two_live_values_overlap(name, batch, dtype, weighted):
    plan = train_plan(name, batch, dtype, weighted, kept=True)
    assert overlapping(plan) == []
    for v, at in plan.placement.places.items():
        if at.buffer == ARENA and v.op.kind != "leaf":
            assert at.offset % 64 == 0
            assert (
                at.offset + at_batch(size(v.shape), batch) * element_bytes(v, plan.bits)
                <= plan.placement.arena_bytes
            )


def test_memory_is_used_again():
    """Ten layers deep in prediction: two layers' worth of activations at most."""
    model = gd.Sequential([gd.Input(256), *[gd.Dense(256, activation="relu") for _ in range(10)]])
    plan = model._builder().predict(64).session.plan
    assert plan.placement.arena_bytes <= 2 * 64 * 256 * 4


def moved(plan, to):
    """The plan with some values elsewhere."""
    return replace(plan, placement=replace(plan.placement, places={**plan.placement.places, **to}))


@pytest.mark.parametrize("name", ["mlp_adam", "noisy_momentum", "lstm_adagrad"])
def test_check_finds_a_value_laid_over_another(name):
    """Each value of the arena over each other: found out wherever the two are alive at once."""
    plan = train_plan(name)
    check(plan)
    read = {id(v) for reads, _ in spans(plan) for v in reads}
    values = [
        v for v in dict.fromkeys(v for _, writes in spans(plan) for v in writes) if id(v) in read
    ][:16]
    found = 0
    for v in values:
        for other in values:
            broken = moved(plan, to={v: plan.placement.places[other]})
            if v is not other and overlapping(broken):
                with pytest.raises(
                    PlanError, match=r"instruction \d+ \(.*\) (reads|writes)|is wanted but"
                ):
                    check(broken)
                found += 1
    assert found > 15


def test_check_finds_a_place_beyond_the_arena():
    plan = train_plan("mlp_adam")
    v = next(w for _, writes in spans(plan) for w in writes)
    with pytest.raises(PlanError, match="beyond the arena"):
        check(moved(plan, to={v: Place(ARENA, plan.placement.arena_bytes)}))


def test_check_finds_a_read_that_nobody_wrote():
    plan = train_plan("mlp_adam")
    with pytest.raises(PlanError, match=r"instruction \d+ .*reads .*which is not there"):
        check(replace(plan, instructions=plan.instructions[1:]))
    swapped = [*plan.instructions[:2][::-1], *plan.instructions[2:]]
    with pytest.raises(PlanError, match="which is not there"):
        check(replace(plan, instructions=swapped))


def test_check_finds_a_result_that_is_overwritten():
    plan = train_plan("mlp_adam", kept=True)
    loss = next(iter(plan.values.values()))
    last = [
        v
        for _, writes in spans(replace(plan, instructions=plan.instructions[: plan.n_compute]))
        for v in writes
    ][-1]
    with pytest.raises(PlanError):
        check(moved(plan, to={last: plan.placement.places[base(loss)]}))


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
    shape = [d for d in large.network().inputs[0].shape if isinstance(d, int)]
    x = rng.normal(size=(32, *shape))
    y = rng.integers(0, 4, 32) if target is CLASSES else rng.integers(0, 2, (32, 1)).astype(float)
    for m in (large, exact):
        m.fit(x, y, epochs=1, seed=1)
    step = large.train_step(32, large._prepare(x, y), False, update=False).session
    for n in range(1, 33):
        want = exact.gradients(x[:n], y[:n])
        exact._steps.clear()
        step.run(large._prepare(x[:n], y[:n]).feeds(), n, n, seed=1, counter=1)
        memory = large.memory()
        for p in memory.network.parameters:
            assert np.array_equal(memory.gradient(p), want[memory.network.names[p]]), (
                n,
                memory.network.names[p],
            )


def test_a_larger_batch_is_refused():
    model = mlp().compile("sgd", "cross_entropy")
    x, y = np.zeros((40, 12), "f"), np.zeros(40, int)
    session = model.train_step(32, model._prepare(x, y), False).session
    with pytest.raises(ValueError, match="a batch of 40 for a plan of at most 32"):
        session.run(model._prepare(x, y).feeds(), 40, 40)


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
