"""Every optimizer on gradients that are given to it: against NumPy loops, torch, and the words of its settings."""

from itertools import pairwise

import numpy as np
import pytest
from harness import TOLERANCE
from numpy_optimizers import LOOPS

import gdcore as gd
from gdcore import schedules
from gdcore.optimizers import OPTIMIZERS, Optimizer

WIDTH, STEPS = 37, 100  # 37: beyond two vectors of any width, with a tail

# (our name, our settings, torch's class or None, torch's settings where they differ from ours)
TABLE = [
    ("sgd", {}, "SGD", {}),
    ("sgd", {"momentum": 0.9}, "SGD", {"momentum": 0.9}),
    ("sgd", {"momentum": 0.8, "nesterov": True}, "SGD", {"momentum": 0.8, "nesterov": True}),
    (
        "sgd",
        {"momentum": 0.9, "weight_decay": 0.1},
        None,
        {},
    ),  # torch's decay of SGD is not decoupled
    ("sgd", {"weight_decay": 0.1}, "SGD", {"weight_decay": 0.1}),  # without momentum it is the same
    ("adam", {}, "Adam", {}),
    ("adam", {"betas": (0.8, 0.95), "epsilon": 1e-3}, "Adam", {"betas": (0.8, 0.95), "eps": 1e-3}),
    ("adam", {"amsgrad": True}, "Adam", {"amsgrad": True}),
    ("adam", {"weight_decay": 0.1}, "AdamW", {"weight_decay": 0.1}),
    ("adamw", {}, "AdamW", {}),
    (
        "adamw",
        {"weight_decay": 0.3, "amsgrad": True},
        "AdamW",
        {"weight_decay": 0.3, "amsgrad": True},
    ),
    ("amsgrad", {}, "Adam", {"amsgrad": True}),
    ("amsgrad", {"betas": (0.9, 0.8)}, "Adam", {"amsgrad": True, "betas": (0.9, 0.8)}),
    ("nadam", {}, "NAdam", {}),
    ("nadam", {"momentum_decay": 0.1}, "NAdam", {"momentum_decay": 0.1}),
    (
        "nadam",
        {"weight_decay": 0.1},
        "NAdam",
        {"weight_decay": 0.1, "decoupled_weight_decay": True},
    ),
    ("rmsprop", {}, "RMSprop", {}),
    ("rmsprop", {"rho": 0.9, "epsilon": 1e-4}, "RMSprop", {"alpha": 0.9, "eps": 1e-4}),
    ("rmsprop", {"momentum": 0.9}, "RMSprop", {"momentum": 0.9}),
    ("rmsprop", {"centered": True}, "RMSprop", {"centered": True}),
    ("rmsprop", {"centered": True, "momentum": 0.5, "weight_decay": 0.1}, None, {}),
    ("adagrad", {}, "Adagrad", {}),
    ("adagrad", {"initial_accumulator": 0.5}, "Adagrad", {"initial_accumulator_value": 0.5}),
    ("adagrad", {"weight_decay": 0.1}, None, {}),
    ("adadelta", {}, "Adadelta", {}),
    ("adadelta", {"rho": 0.95, "epsilon": 1e-3}, "Adadelta", {"rho": 0.95, "eps": 1e-3}),
    ("adadelta", {"weight_decay": 0.1}, None, {}),
]
IDS = [
    f"{name}-{'-'.join(f'{k}={v}' for k, v in settings.items())}" for name, settings, _, _ in TABLE
]
LR = 0.05


class Given(gd.Model):
    """x · p summed: the gradient of p is x, so a data set is a list of gradients.

    The columns of x belong to a kernel, a bias and a norm's gain.
    """

    def __init__(self, sizes=(WIDTH,), start=1.0):
        self.sizes, self.start = sizes, start

    def forward(self, x):
        parts, at = [], 0
        for size, (name, role) in zip(
            self.sizes, (("kernel", "kernel"), ("bias", "bias"), ("gain", "norm")), strict=False
        ):
            first = (lambda a: lambda shape, _: first_values(self.start, shape, a))(at)
            parts.append(x[:, at : at + size] * self.param(name, (size,), first, role))
            at += size
        return gd.ops.concatenate(parts) if len(parts) > 1 else parts[0]


def first_values(start, shape, at):
    return start + np.arange(at, at + shape[0]) / 64.0  # exact in float32


def given(optimizer, bits, sizes=(WIDTH,), start=1.0):
    model = Given(sizes, start)
    model.compile(
        optimizer=optimizer, loss=lambda pred, target: gd.ops.sum(pred), dtype=f"float{bits}"
    )
    return model


def feed(model, gradients, **options):
    """One step with each row; the parameters after that, as one vector."""
    model.fit(
        gradients,
        np.zeros(len(gradients)),
        batch_size=1,
        shuffle=False,
        seed=0,
        verbose=0,
        **options,
    )
    return np.concatenate(model.get_weights())


def gradients_of(seed=0, width=WIDTH, steps=STEPS):
    """Gradients of very different sizes, with zeros among them; exact in float32."""
    rng = np.random.default_rng(seed)
    g = rng.normal(size=(steps, width)) * 10.0 ** rng.uniform(-3, 1, width)
    g[rng.random(g.shape) < 0.05] = 0.0
    return g.astype(np.float32).astype(np.float64)


def close(got, want, tolerance):
    """Element by element, relative; float32 looks at sizes of 1 and more, for the first values are of that size."""
    floor = 1.0 if got.dtype == np.float32 else 1e-2
    np.testing.assert_allclose(got, want, rtol=tolerance, atol=tolerance * floor)


def test_the_table_has_every_optimizer():
    assert {name for name, *_ in TABLE} == set(OPTIMIZERS) == set(LOOPS)


@pytest.mark.parametrize("bits", [32, 64])
@pytest.mark.parametrize(("name", "settings"), [row[:2] for row in TABLE], ids=IDS)
def test_numpy_loop(name, settings, bits, isa):
    """100 steps in one call into C, on every instruction set."""
    g = gradients_of()
    optimizer = OPTIMIZERS[name](LR, **settings)
    got = feed(given(optimizer, bits), g)
    same = {k: getattr(optimizer, k) for k in settings} | {"weight_decay": optimizer.weight_decay}
    if name == "amsgrad":
        same["amsgrad"] = True
    want = LOOPS[name](first_values(1.0, (WIDTH,), 0), g, LR, **same)[-1]
    # in float32, 100 roundings of p, and those of the quotient where v is a difference (centred)
    close(got, want, 1e-12 if bits == 64 else 1e-4 if settings.get("centered") else 2e-5)


@pytest.mark.parametrize("bits", [32, 64])
@pytest.mark.parametrize(
    ("name", "settings", "torch_name", "torch_settings"),
    [row for row in TABLE if row[2]],
    ids=[i for i, row in zip(IDS, TABLE, strict=True) if row[2]],
)
def test_torch(name, settings, torch_name, torch_settings, bits):
    """Step by step, 100 steps on the same gradients: to 1e-9 relative in float64, where 1e-6 is the promise."""
    torch = pytest.importorskip("torch")
    g = gradients_of(1)
    real = {32: torch.float32, 64: torch.float64}[bits]
    p = torch.tensor(first_values(1.0, (WIDTH,), 0), dtype=real, requires_grad=True)
    theirs = getattr(torch.optim, torch_name)([p], lr=LR, **torch_settings)
    model = given(OPTIMIZERS[name](LR, **settings), bits)
    for t in range(STEPS):
        p.grad = torch.tensor(g[t], dtype=real)
        theirs.step()
        model.train_on_batch(g[t : t + 1], np.zeros(1))
        want = p.detach().numpy().astype(np.float64)
        # in float32 both sides round 100 times; torch keeps NAdam's product of momenta in float32 even in float64
        sharp = 1e-6 if name == "nadam" else 1e-9
        close(
            model.get_weights()[0],
            want,
            sharp if bits == 64 else 1e-4 if settings.get("centered") else 2e-5,
        )


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_one_call_or_many(name):
    """An epoch in one call into C gives the bits of a hundred calls, and of two calls of fit."""
    g = gradients_of(2)
    whole = feed(given(OPTIMIZERS[name](LR), 32), g)
    single = given(OPTIMIZERS[name](LR), 32)
    for row in g:
        single.train_on_batch(row[None], np.zeros(1))
    halves = given(OPTIMIZERS[name](LR), 32)
    feed(halves, g[:41])
    np.testing.assert_array_equal(whole, single.get_weights()[0])
    np.testing.assert_array_equal(whole, feed(halves, g[41:]))


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


def test_frozen_parameters_stay():
    model = given(gd.Adam(LR, weight_decay=0.5), 64, (WIDTH, 5))
    g = gradients_of(8, WIDTH + 5)
    model.network([g])
    model.freeze("bias")
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
