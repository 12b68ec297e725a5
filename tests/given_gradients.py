"""An optimizer alone: a model whose gradients are the rows of its data."""

import numpy as np

import gdcore as gd

WIDTH, STEPS = 37, 100  # 37: beyond two vectors of any width, with a tail
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
