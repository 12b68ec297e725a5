"""Every optimizer on gradients that are given to it: against NumPy loops, and against torch."""

import numpy as np
import pytest
from given_gradients import LR, STEPS, WIDTH, close, feed, first_values, given, gradients_of
from numpy_optimizers import LOOPS

import gdcore as gd
from gdcore import optimizers
from gdcore.optimizers import OPTIMIZERS

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
    (
        "sgd",
        {"momentum": 0.85, "nesterov": True, "weight_decay": 0.1, "coupled": True},
        "SGD",
        {"momentum": 0.85, "nesterov": True, "weight_decay": 0.1},
    ),
    ("adam", {}, "Adam", {}),
    ("adam", {"weight_decay": 0.1, "coupled": True}, "Adam", {"weight_decay": 0.1}),
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
TABLE += [(name, {}, None, {}) for name in OPTIMIZERS if name not in {row[0] for row in TABLE}]
IDS = [
    f"{name}-{'-'.join(f'{k}={v}' for k, v in settings.items())}" for name, settings, _, _ in TABLE
]


def test_every_optimizer_is_public():
    assert set(OPTIMIZERS.modules) <= set(optimizers.__all__) & set(gd.__all__)


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
