"""The order of instructions: memory is free as soon as it can be, and no bits change.

Random graphs are reordered whatever it gains: see tests/test_random_graphs.py.
"""

import numpy as np

import gdcore as gd
from gdcore.graph import plan as planning


def deep(layers, width=8):
    """Convolutions, an image of 8 KB a sample between them."""
    parts = [gd.Input((16, 16, width))]
    for _ in range(layers):
        conv = gd.Conv2D(width, 3, padding=1, use_bias=False)
        parts += [conv, gd.Activation("relu")]
    model = gd.Sequential([*parts, gd.GlobalAvgPool(), gd.Dense(3)])
    return model.compile(gd.SGD(0.1), "cross_entropy")


def steps(model, seed=0):
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(4, 16, 16, 8)).astype(np.float32)
    losses = [model.train_on_batch(x, np.arange(4) % 3) for _ in range(2)]
    return losses, [w.tobytes() for w in model.get_weights()], model.plan


def test_gradients_free_what_they_read(monkeypatch):
    """Of each layer an image is kept for the gradients, and a few are on their way, however deep it is."""
    image = 4 * 16 * 16 * 8 * 4
    model = deep(8)
    weights = model.get_weights()
    losses, bits, plan = steps(model)
    assert plan.placement.arena_bytes <= (8 + 3) * image
    monkeypatch.setattr(planning, "schedule", lambda groups, *_: list(groups))
    plain = deep(8)
    plain.set_weights(weights)
    losses_in_order, bits_in_order, in_order = steps(plain)
    assert in_order.placement.arena_bytes > 1.25 * plan.placement.arena_bytes
    assert losses == losses_in_order
    assert bits == bits_in_order
