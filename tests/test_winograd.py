"""Convolutions in tiles by Winograd's algorithm: their error, their bits, which are chosen, and who refuses them."""

import numpy as np
import pytest
from harness import ISAS, gradients, graph_runner, ops, run_graph

import gdcore as gd
from gdcore.data.dataset import TargetSpec as Target
from gdcore.engine.engine import engine_of
from gdcore.graph.dims import Batch
from gdcore.graph.ir import OPS
from gdcore.graph.ops.leaves import apply, input_value
from gdcore.graph.passes.winograd import winograd_products

ERROR = 5e-6  # beside the largest result, in float32

# images, kernel, padding: before and after, down and across
CASES = {
    "whole tiles": ((16, 8, 8, 32), (3, 3, 32, 32), (1, 1, 1, 1)),
    "rims": ((16, 9, 15, 17), (3, 3, 17, 33), (1, 1, 1, 1)),
    "valid": ((16, 13, 11, 40), (3, 3, 40, 24), (0, 0, 0, 0)),
    "uneven padding": ((16, 8, 9, 16), (3, 3, 16, 48), (2, 0, 0, 2)),
    "wide": ((1, 6, 700, 16), (3, 3, 16, 16), (1, 1, 1, 1)),
    "deep": ((10, 8, 8, 530), (3, 3, 530, 20), (1, 1, 1, 1)),
    "many filters": ((20, 8, 7, 24), (3, 3, 24, 300), (1, 1, 1, 1)),
    "one tile": ((64, 3, 3, 130), (3, 3, 130, 40), (1, 1, 1, 1)),
}


def traced(case):
    images, kernel, padding = CASES[case]
    leaves = [input_value(images, "x"), input_value(kernel, "w")]
    return leaves, ops.conv(*leaves, padding=padding)


def arrays(case, seed=0):
    rng = np.random.default_rng(seed)
    return [rng.normal(size=shape).astype(np.float32) for shape in CASES[case][:2]]


def all_three(case, exact=False):
    """Convolution, and its gradients by the image and the kernel, of a given dy."""
    images, _, padding = CASES[case]
    leaves, y = traced(case)
    leaves.append(input_value(y.shape, "dy"))
    how = {"strides": (1, 1), "padding": padding, "dilation": (1, 1), "groups": 1}
    how |= {"exact": True} if exact else {}
    x, w, dy = leaves
    outs = [
        apply(OPS["conv"], x, w, **how),
        apply(OPS["conv_dx"], dy, w, **how, image=images[1:3]),
        apply(OPS["conv_dw"], x, dy, **how, kernel=(3, 3)),
    ]
    return leaves, outs


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("isa", ISAS)
def test_error_and_bits(case, isa):
    leaves, outs = all_three(case)
    assert all(v.attrs["winograd"] for v in winograd_products(outs, 1, 0).values() if v.inputs)
    given = [*arrays(case), np.random.default_rng(1).normal(size=leaves[2].shape)]
    got = [run_graph(leaves, given, outs, 32, isa, threads) for threads in (1, 2, 7)]
    for many in got[1:]:
        assert all(np.array_equal(a, b) for a, b in zip(got[0], many, strict=True))
    given[2] = given[2].astype(np.float32)
    want = run_graph(leaves, [g.astype(np.float64) for g in given], outs, 64)
    others, sums = all_three(case, exact=True)
    summed = run_graph(others, given, sums, 32, isa)
    for have, taps, true in zip(got[0], summed, want, strict=True):
        assert np.abs(have - true).max() <= ERROR * np.abs(true).max()
        assert np.abs(taps - true).max() <= ERROR * np.abs(true).max()
        assert not np.array_equal(have, taps)  # they are two ways indeed


def test_gradients_are_those_of_what_is_computed():
    """Beside central differences, in float32: the three instructions belong together."""
    leaves, y = traced("rims")
    loss = ops.sum(ops.sin(y))
    run = graph_runner(leaves, [loss, *gradients(loss, leaves)], 32)
    at = arrays("rims")
    _, dx, dw = run(at)
    rng = np.random.default_rng(3)
    for i, d in ((0, dx), (1, dw)):
        way = rng.normal(size=at[i].shape).astype(np.float32)
        step = 1e-3 / np.sqrt(CASES["rims"][1][2])
        ends = [[a + s * step * way if j == i else a for j, a in enumerate(at)] for s in (-1, 1)]
        low, high = (float(run_graph(leaves, e, [loss], 64)[0].ravel()[0]) for e in ends)
        want = (high - low) / (2 * step)
        assert abs(float(np.sum(d * way)) - want) <= 1e-2 * np.linalg.norm(d) * np.linalg.norm(way)


def network(**settings):
    return gd.Sequential(
        [
            gd.Input((8, 8, 32)),
            gd.Conv2D(48, 3, padding="same", activation="relu", **settings),
            gd.Conv2D(64, 3, padding="same", activation="relu", **settings),
            gd.Flatten(),
            gd.Dense(3),
        ]
    )


def train_plan(model, batch=32, **settings):
    model.compile("adam", "cross_entropy", **settings)
    engine = engine_of(model)
    step = engine.builder().train(batch, (Target((), "int"),), False, model.optimizer, False)
    return step.session.plan


@pytest.mark.filterwarnings("ignore:compute='bfloat16' is no faster")
def test_the_print_names_them():
    plan = train_plan(network())
    kernels = [i.kernel for i in plan.instructions]
    assert kernels.count("winograd") == 3 and kernels.count("winograd_dw") == 2
    assert not {"conv", "conv_dw"} & set(kernels)
    assert str(plan).count("conv winograd ") == 2 + 2  # with the kernels they turn
    assert [i.then.text for i in plan.instructions if i.text == "conv winograd" and i.then] == [
        "add·relu"
    ] * 2
    for refusing in (network(exact=True), network(strides=2), network(dilation=2)):
        assert "winograd" not in str(train_plan(refusing))
    assert "winograd" not in str(train_plan(network(), dtype="float64"))
    few = train_plan(network(), batch=1)  # tiles, for which the kernel is turned
    assert "winograd" not in str(few)
    rounding = str(train_plan(network(), compute="bfloat16"))
    assert "conv winograd" in rounding and "conv bfloat16" not in rounding
    assert "matmul bfloat16" in rounding


def test_a_model_learns_what_the_exact_one_learns(tmp_path):
    """Rows of any number, files and copies; the setting of a layer is kept."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(75, 8, 8, 32)).astype(np.float32)
    y = (x.mean((1, 2, 3)) > 0).astype(np.int32)
    models = [network(), network(exact=True)]
    models[1].load_state_dict(models[0].state_dict())
    for most in (
        2 * ERROR,
        1e-3,
    ):  # before training, and after six steps, in which differences grow
        for model in models:
            model.compile("sgd", "cross_entropy")
        ours, sums = (m.predict(x) for m in models)
        assert 0 < np.abs(ours - sums).max() <= most * np.abs(sums).max()
        for model in models:
            model.fit(x, y, epochs=2, batch_size=32, seed=0, verbose=0)
    for model in models:
        model.save(tmp_path / "m.safetensors")
        loaded = gd.load(tmp_path / "m.safetensors")
        assert np.array_equal(loaded.predict(x), model.predict(x))
    assert "winograd" not in str(train_plan(loaded))


def test_a_batch_that_is_shorter_than_the_plan():
    x = input_value((Batch(1), 9, 9, 20), "x")
    w = np.random.default_rng(0).normal(size=(3, 3, 20, 20))
    y = ops.conv(x, w, padding=1)
    data = np.random.default_rng(1).normal(size=(7, 9, 9, 20)).astype(np.float32)
    (got,) = run_graph([x], [data], [y], 32, rows=7)
    (want,) = run_graph([x], [data], [y], 64, rows=7)
    assert np.abs(got - want).max() <= ERROR * np.abs(want).max()


def test_what_is_refused():
    with pytest.raises(ValueError, match="Conv2D exact=2: expected True or False"):
        gd.Conv2D(4, 3, exact=2)
