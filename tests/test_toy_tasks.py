"""Small networks on tasks that are easy to state and cannot be solved by chance, nor by a line.

Each looks at samples that it was not trained on.
"""

import numpy as np
import pytest

import gdcore as gd


def bars(rng, n, size=8):
    """A bar of four pixels, lying or standing, anywhere in a noisy image: which is it?"""
    x = rng.normal(0, 0.2, (n, size, size, 1))
    y = rng.integers(0, 2, n)
    for i in range(n):
        r, c = rng.integers(0, size, 2 - y[i])[0], rng.integers(0, size - 3)
        if y[i]:
            x[i, r, c : c + 4, 0] += 1
        else:
            x[i, c : c + 4, r, 0] += 1
    return x, y


def brightest(rng, n):
    """In which of two channels is the brightest of 64 pixels?"""
    x = rng.uniform(0, 1, (n, 8, 8, 2))
    y = rng.integers(0, 2, n)
    for i, (r, c) in enumerate(rng.integers(0, 8, (n, 2))):
        x[i, r, c, y[i]] = 1.5
    return x, y


def same_half(rng, n):
    """Two of 20 words; every word is of one of two hidden kinds: are these two of the same? (An XOR.)"""
    kinds = np.random.default_rng(99).permutation(np.arange(20) % 2)
    x = rng.integers(0, 20, (n, 2))
    return x, (kinds[x[:, 0]] == kinds[x[:, 1]]).astype(np.int64)


def first_symbol(rng, n, steps=12):
    """Four symbols; the first is the answer, the others are there to make it forgotten."""
    symbols = rng.integers(0, 4, (n, steps))
    return np.eye(4)[symbols], symbols[:, 0]


def running_parity(rng, n, steps=6):
    """At every step: is the number of ones so far odd?"""
    bits = rng.integers(0, 2, (n, steps))
    return bits[..., None].astype(float), np.cumsum(bits, axis=1) % 2


TASKS = {
    "Conv2D": (
        bars,
        lambda: [
            gd.Conv2D(8, 4, activation="relu", padding="same"),
            gd.MaxPool2D(8),
            gd.Flatten(),
            gd.Dense(2),
        ],
        1e-2,
        12,
        0.98,
    ),
    "MaxPool2D": (brightest, lambda: [gd.MaxPool2D(8), gd.Flatten(), gd.Dense(2)], 5e-2, 20, 0.99),
    "Embedding": (
        same_half,
        lambda: [gd.Embedding(20, 8), gd.Flatten(), gd.Dense(32, activation="relu"), gd.Dense(2)],
        1e-2,
        20,
        0.99,
    ),
    "LSTM": (first_symbol, lambda: [gd.LSTM(16), gd.Dense(4)], 1e-2, 20, 0.99),
    "LSTM-sequences": (
        running_parity,
        lambda: [gd.LSTM(16, return_sequences=True), gd.Dense(2)],
        2e-2,
        40,
        0.99,
    ),
}


@pytest.mark.parametrize("name", TASKS)
def test_toy_task(name):
    draw, make, lr, epochs, wanted = TASKS[name]
    rng = np.random.default_rng(0)
    (x, y), (xt, yt) = draw(rng, 1500), draw(rng, 500)
    model = gd.Sequential(make()).compile(optimizer=gd.Adam(lr), loss="cross_entropy")
    model.fit(x, y, batch_size=32, epochs=epochs, seed=0, verbose=0)
    right = (model.predict(xt).argmax(axis=-1) == yt).mean()
    assert right >= wanted, f"{right:.1%} of the new samples are right"


def test_a_line_cannot():
    """What the bars and the words ask for is out of reach of a model without the layer."""
    for task, layer in ((bars, gd.Flatten()), (same_half, gd.Embedding(20, 1))):
        rng = np.random.default_rng(0)
        (x, y), (xt, yt) = task(rng, 1500), task(rng, 500)
        model = gd.Sequential([layer, gd.Flatten(), gd.Dense(2)]).compile(
            optimizer=gd.Adam(1e-2), loss="cross_entropy"
        )
        model.fit(x, y, epochs=15, seed=0, verbose=0)
        assert (model.predict(xt).argmax(axis=-1) == yt).mean() < 0.7
