"""What all optimizers take: clipping, decay, groups, schedules."""

import json
from itertools import pairwise

import numpy as np
import pytest
from given_gradients import LR, STEPS, WIDTH, close, feed, first_values, given, gradients_of
from harness import TOLERANCE
from numpy_optimizers import LOOPS

import gdcore as gd
from gdcore import schedules
from gdcore.optimizers import OPTIMIZERS, Optimizer, from_config
from gdcore.optimizers.groups import held


@pytest.mark.parametrize("bits", [32, 64])
def test_clip_value(bits, isa):
    g = gradients_of(3)
    got = feed(given(gd.SGD(LR, momentum=0.5, clip_value=0.25), bits), g)
    want = LOOPS["sgd"](first_values(1.0, (WIDTH,), 0), np.clip(g, -0.25, 0.25), LR, momentum=0.5)[
        -1
    ]
    close(got, want, TOLERANCE[bits] * 10)


@pytest.mark.parametrize("bits", [32, 64])
def test_clip_norm_is_of_all_gradients_together(bits, isa):
    """Over several tensors, in groups of their own; gradients that are short enough stay as they are."""
    g = gradients_of(4, WIDTH + 5 + 3)
    g[::2] /= 100
    norms = np.sqrt((g**2).sum(axis=1, keepdims=True))
    assert (norms < 0.5).any() and (norms > 0.5).any()
    optimizer = gd.SGD(LR, clip_norm=0.5, groups=[{"match": "bias", "lr": LR}])
    got = feed(given(optimizer, bits, (WIDTH, 5, 3)), g)
    clipped = g * np.minimum(1, 0.5 / norms)
    want = LOOPS["sgd"](first_values(1.0, (WIDTH + 8,), 0), clipped, LR)[-1]
    close(got, want, max(3e-6, TOLERANCE[bits] * 10))  # the norm has 1e-6 added, as torch has it


def test_clip_norm_like_torch():
    torch = pytest.importorskip("torch")
    g = gradients_of(5)
    got = feed(given(gd.Adam(LR, clip_norm=1.0), 64), g)
    p = torch.tensor(first_values(1.0, (WIDTH,), 0), requires_grad=True)
    theirs = torch.optim.Adam([p], lr=LR)
    for row in g:
        p.grad = torch.tensor(row)
        torch.nn.utils.clip_grad_norm_([p], 1.0)
        theirs.step()
    close(got, p.detach().numpy(), 1e-10)


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_decay_is_decoupled(name):
    """Without a gradient, only the decay moves a parameter; and it leaves the slots alone."""
    p = first_values(1.0, (WIDTH,), 0)
    got = feed(given(OPTIMIZERS[name](LR, weight_decay=0.5), 64), np.zeros((10, WIDTH)))
    close(got, p * (1 - LR * 0.5) ** 10, 1e-13)


def test_coupled_decay_by_group():
    """It is added to the clipped gradient, by each group's own factor and by none, and is kept in files."""
    sizes = (WIDTH, 5, 3)
    g = gradients_of(8, sum(sizes))
    decay = schedules.FlatCosine(0.4, STEPS)
    groups = [{"match": "bias", "lr_scale": 64.0, "weight_decay": decay}]
    optimizer = gd.SGD(
        LR / 64,
        weight_decay=0.1,
        no_decay=None,
        clip_value=0.25,
        coupled=True,
        groups=[*groups, {"match": "gain", "weight_decay": 0.0}],
    )
    got = feed(given(optimizer, 64, sizes), g)
    p, at = first_values(1.0, (sum(sizes),), 0), np.cumsum((0, *sizes))
    each = [(1, np.full(STEPS, 0.1)), (64, decay(np.arange(STEPS))), (1, np.zeros(STEPS))]
    for (i, k), (scale, own) in zip(pairwise(at), each, strict=True):
        want = p[i:k]
        for row, factor in zip(np.clip(g[:, i:k], -0.25, 0.25), own, strict=True):
            want = want - scale * LR / 64 * (row + factor * want)
        close(got[i:k], want, 1e-12)
    assert from_config(json.loads(json.dumps(optimizer.config()))).coupled
    with pytest.raises(ValueError, match="coupled='yes': expected True or False"):
        gd.SGD(coupled="yes")
    with pytest.raises(ValueError, match="AdamW is the one whose decay is not coupled: use Adam"):
        gd.AdamW(coupled=True)


def test_no_decay_on_biases_and_norms(isa):
    sizes = (WIDTH, 5, 3)
    g = gradients_of(6, sum(sizes))
    got = feed(given(gd.AdamW(LR, weight_decay=0.4, no_decay="biases_and_norms"), 64, sizes), g)
    p = first_values(1.0, (sum(sizes),), 0)
    close(got[:WIDTH], LOOPS["adam"](p[:WIDTH], g[:, :WIDTH], LR, weight_decay=0.4)[-1], 1e-12)
    close(got[WIDTH:], LOOPS["adam"](p[WIDTH:], g[:, WIDTH:], LR)[-1], 1e-12)


def test_groups():
    """Each parameter has the settings of the first group that fits its name; the rest has the optimizer's."""
    sizes = (WIDTH, 5, 3)
    g = gradients_of(7, sum(sizes))
    groups = [
        {"match": "b*", "lr": 0.2},
        {"match": "bias", "lr": 9.0},
        {"match": "g?in", "lr": 0.01, "weight_decay": 0.5},
    ]
    got = feed(given(gd.RMSprop(LR, weight_decay=0.1, groups=groups), 64, sizes), g)
    p, at = first_values(1.0, (sum(sizes),), 0), np.cumsum((0, *sizes))
    expected = [(LR, 0.1), (0.2, 0.1), (0.01, 0.5)]
    for (i, k), (lr, decay) in zip(pairwise(at), expected, strict=True):
        close(got[i:k], LOOPS["rmsprop"](p[i:k], g[:, i:k], lr, weight_decay=decay)[-1], 1e-12)


@pytest.mark.parametrize(
    "rate",
    [LR, schedules.OneCycle(LR, STEPS), schedules.Polynomial(0.0, STEPS, LR)],
    ids=["constant", "one_cycle", "no_base_rate"],
)
def test_lr_scale_is_a_factor_of_whatever_the_rate_is(rate):
    """Of an optimizer's rate: of a number, of a schedule, and of one that has no rate to scale by."""
    sizes = (WIDTH, 5, 3)
    g = gradients_of(7, sum(sizes))
    groups = [
        {"match": "bias", "lr_scale": 64.0, "weight_decay": 0.0},
        {"match": "g*", "lr_scale": 0},
    ]
    optimizer = gd.SGD(rate, weight_decay=0.1, groups=groups)
    got = feed(given(optimizer, 64, sizes), g)
    p, at = first_values(1.0, (sum(sizes),), 0), np.cumsum((0, *sizes))
    rates = schedules.get(rate)(np.arange(STEPS))
    for (i, k), (factor, decay) in zip(pairwise(at), [(1, 0.1), (64, 0), (0, 0.1)], strict=True):
        want = LOOPS["sgd"](p[i:k], g[:, i:k], factor * rates, weight_decay=decay)[-1]
        close(got[i:k], want, 1e-12)
    again = from_config(json.loads(json.dumps(optimizer.config())))
    assert [g.lr_scale for g in again.parts] == [64.0, 0.0]
    for wrong, message in (
        ({"lr": 0.1, "lr_scale": 2.0}, "'lr' and 'lr_scale' both set its rate: leave one out"),
        ({"lr_scale": -1.0}, "'lr_scale' must be a number of at least 0"),
        ({"weight_decay": "much"}, "'weight_decay' must be a number of at least 0, or a schedule"),
    ):
        with pytest.raises(ValueError, match=message):
            gd.SGD(LR, groups=[{"match": "bias", **wrong}])


def test_a_decay_that_follows_a_schedule():
    """The optimizer's, and a group's of its own: as if it were set anew before each step."""
    sizes = (WIDTH, 5, 3)
    own, other = schedules.FlatCosine(0.4, STEPS), schedules.Cosine(0.2, STEPS)
    optimizer = gd.Adam(LR, weight_decay=own, groups=[{"match": "bias", "weight_decay": other}])
    got = feed(given(optimizer, 64, sizes), np.zeros((STEPS, sum(sizes))))
    p, t = first_values(1.0, (sum(sizes),), 0), np.arange(STEPS)
    shrunk = [np.prod(1 - LR * schedule(t)) for schedule in (own, other, own)]
    close(got, p * np.repeat(shrunk, sizes), 1e-12)
    again = from_config(json.loads(json.dumps(optimizer.config())))
    assert again.weight_decay == own and again.parts[0].weight_decay == other
    with pytest.raises(
        ValueError, match=r"weight_decay=ReduceOnPlateau.* or a schedule of the step"
    ):
        gd.Adam(weight_decay=schedules.ReduceOnPlateau(0.1))


def test_groups_keep_no_decay():
    """A group without a decay has the optimizer's, and spares what that spares; so has one with its own."""
    sizes = (WIDTH, 5, 3)
    groups = [{"match": "bias", "lr": 0.2}, {"match": "*", "weight_decay": 0.5}]
    optimizer = gd.SGD(LR, weight_decay=0.4, no_decay="biases_and_norms", groups=groups)
    got = feed(given(optimizer, 64, sizes), np.zeros((10, sum(sizes))))
    p = first_values(1.0, (sum(sizes),), 0)
    close(got[:WIDTH], p[:WIDTH] * (1 - LR * 0.5) ** 10, 1e-13)
    np.testing.assert_array_equal(got[WIDTH:], p[WIDTH:])


def _halving(t):
    return 0.5 ** np.floor(t / 7)


class Halving(schedules.Schedule):
    """One's own, with a base rate."""

    lr = 0.1

    def at(self, t):
        return 0.1 * _halving(t)


@pytest.mark.parametrize(
    ("schedule", "shares"),
    [
        (schedules.Step(0.1, 7, 0.5), _halving),
        (Halving(), _halving),
        (schedules.Constant(0.1), np.ones_like),
        (schedules.OneCycle(0.1, 100), lambda t: schedules.OneCycle(1.0, 100)(t)),
        (
            schedules.Warmup(schedules.Cosine(0.1, 60), 30),
            lambda t: schedules.Warmup(schedules.Cosine(1.0, 60), 30)(t),
        ),
    ],
    ids=["step", "own", "constant", "one cycle", "warmup"],
)
def test_a_groups_number_follows_the_schedule_of_the_rest(schedule, shares):
    """As torch's schedulers scale the rates of all groups; and a schedule of its own is followed."""
    sizes = (WIDTH, 5, 3)
    groups = [
        {"match": "bias", "lr": 0.02, "weight_decay": 0.3},
        {"match": "gain", "lr": schedules.Exponential(0.2, 0.5, 10)},
    ]
    g, t = gradients_of(11, sum(sizes)), np.arange(STEPS)
    got = feed(given(gd.SGD(schedule, groups=groups), 64, sizes), g)
    p, at = first_values(1.0, (sum(sizes),), 0), np.cumsum((0, *sizes))
    rates = [
        (0.1 * shares(t.astype(float)), 0.0),
        (0.02 * shares(t.astype(float)), 0.3),
        (0.2 * 0.5 ** (t / 10), 0.0),
    ]
    for (i, k), (lr, decay) in zip(pairwise(at), rates, strict=True):
        close(got[i:k], LOOPS["sgd"](p[i:k], g[:, i:k], lr, weight_decay=decay)[-1], 1e-12)


def test_groups_under_a_schedule_like_torch():
    torch = pytest.importorskip("torch")
    g = gradients_of(12, WIDTH + 5)
    optimizer = gd.SGD(schedules.Step(LR, 10, 0.3), groups=[{"match": "bias", "lr": 0.2}])
    got = feed(given(optimizer, 64, (WIDTH, 5)), g)
    first = first_values(1.0, (WIDTH + 5,), 0)
    p, q = (torch.tensor(v, requires_grad=True) for v in (first[:WIDTH], first[WIDTH:]))
    theirs = torch.optim.SGD([{"params": [p]}, {"params": [q], "lr": 0.2}], lr=LR)
    stepping = torch.optim.lr_scheduler.StepLR(theirs, 10, 0.3)
    for row in g:
        p.grad, q.grad = torch.tensor(row[:WIDTH]), torch.tensor(row[WIDTH:])
        theirs.step()
        stepping.step()
    close(got, np.concatenate([v.detach().numpy() for v in (p, q)]), 1e-12)


def test_groups_follow_a_plateau():
    schedule = schedules.ReduceOnPlateau(0.1, monitor="loss", factor=0.5, patience=2)
    optimizer = gd.SGD(schedule, weight_decay=1.0, groups=[{"match": "bias", "lr": 0.4}])
    model = given(optimizer, 64, (2, 3))
    model.fit(
        np.zeros((4, 5)), np.zeros(4), batch_size=1, epochs=4, shuffle=False, seed=0, verbose=0
    )
    p = first_values(1.0, (5,), 0)
    close(model.get_weights()[0], p[:2] * 0.9**12 * 0.95**4, 1e-13)
    close(model.get_weights()[1], p[2:] * 0.6**12 * 0.8**4, 1e-13)


def test_groups_with_schedules_are_described():
    groups = [
        {"match": "a.*", "lr": schedules.Cosine(0.1, 50)},
        {"match": "b", "weight_decay": 0.0},
    ]
    optimizer = gd.Adam(schedules.Step(0.1, 5), groups=groups)
    config = json.loads(json.dumps(optimizer.config()))
    again = from_config(config)
    assert again.groups == groups and again.config() == config


def test_a_group_that_fits_a_frozen_parameter_alone_is_none_that_fits_nothing():
    model = gd.Sequential([gd.Input(3), gd.Dense(2), gd.Dense(1)])
    model.freeze("0.*")
    model.compile(gd.SGD(0.1, groups=[{"match": "0.*", "lr": 0.01}]), "mse")
    model.fit(np.ones((4, 3)), np.ones(4), verbose=0)


def test_frozen_parameters_stay():
    model = given(gd.Adam(LR, weight_decay=0.5), 64, (WIDTH, 5))
    g = gradients_of(8, WIDTH + 5)
    model._engine.network([g])
    model.freeze("bias")
    model.compile(model.optimizer, model.losses, dtype="float64")
    p = first_values(1.0, (WIDTH + 5,), 0)
    got = feed(model, g)
    np.testing.assert_array_equal(got[WIDTH:], p[WIDTH:])
    close(got[:WIDTH], LOOPS["adam"](p[:WIDTH], g[:, :WIDTH], LR, weight_decay=0.5)[-1], 1e-12)


SCHEDULES = [
    schedules.Constant(0.1),
    schedules.Step(0.1, 7, 0.5),
    schedules.MultiStep(0.1, (3, 50), 0.1),
    schedules.Exponential(0.1, 0.9, 10),
    schedules.Polynomial(0.1, 80),
    schedules.Cosine(0.1, 60),
    schedules.CosineRestarts(0.1, 20),
    schedules.OneCycle(0.1, 100),
    schedules.Warmup(schedules.Constant(0.1), 30),
]


@pytest.mark.parametrize("schedule", SCHEDULES, ids=[type(s).__name__ for s in SCHEDULES])
@pytest.mark.parametrize(
    ("name", "settings"), [("sgd", {"momentum": 0.9, "weight_decay": 0.1}), ("adam", {})]
)
def test_schedules_count_steps(name, settings, schedule):
    """Step t has schedule(t), decay included, across calls of fit."""
    g = gradients_of(9)
    model = given(OPTIMIZERS[name](schedule, **settings), 64)
    feed(model, g[:33])
    rates = [schedule(t) for t in range(STEPS)]
    want = LOOPS[name](first_values(1.0, (WIDTH,), 0), g, np.array(rates), **settings)[-1]
    close(feed(model, g[33:]), want, 1e-12)


def test_reduce_on_plateau():
    """The rate of an epoch follows from the losses before it; the decay follows the rate."""
    schedule = schedules.ReduceOnPlateau(0.1, monitor="loss", factor=0.5, patience=2)
    g = np.full((4, 2), 0.0)
    model = given(gd.SGD(schedule, weight_decay=1.0), 64, (2,))
    history = model.fit(g, np.zeros(4), batch_size=1, epochs=6, shuffle=False, seed=0, verbose=0)
    assert history.history["lr"] == [0.1, 0.1, 0.1, 0.05, 0.05, 0.025]  # a loss of 0 never improves
    close(model.get_weights()[0], first_values(1.0, (2,), 0) * 0.9**12 * 0.95**8 * 0.975**4, 1e-13)


def test_an_optimizer_of_ones_own(isa):
    class Sign(Optimizer):
        name = "sign"
        slots = ("last",)

        def update(self, p, g, slots, n):
            return p - n["lr"] * gd.ops.sign(g + slots["last"]), {"last": g}

    g = gradients_of(10)
    got = feed(given(Sign(LR), 64), g)
    steps = np.sign(g + np.vstack([np.zeros(WIDTH), g[:-1]]))
    close(got, first_values(1.0, (WIDTH,), 0) - LR * steps.sum(axis=0), 1e-12)


def test_groups_that_are_held_follow_no_schedule():
    """As `lr_find` takes them: only the optimizer's own rate is tried."""
    groups = [{"match": "bias", "lr": 0.2}, {"match": "gain", "weight_decay": 0.1}]
    first = gd.SGD(LR, groups=groups)
    other = gd.SGD(schedules.Exponential(1e-6, 1e5, 10), groups=held(first.parts))
    np.testing.assert_array_equal(other.parts[0].rates(np.arange(10), other.schedule), 0.2)
    assert other.parts[1].lr is None and other.parts[1].weight_decay == 0.1
