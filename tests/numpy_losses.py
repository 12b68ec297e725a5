"""The losses in float64 NumPy, one number for each sample, written from their definitions.

Nothing here is rearranged for stability: the tests keep to sizes where the definitions are exact.
"""

import numpy as np
from by_reference import numpy_of

from gdcore.losses import LOSSES


def per_sample(x):
    """Mean over everything but the first dimension."""
    return x.reshape(len(x), -1).mean(axis=1)


def softmax(x):
    e = np.exp(x - x.max(axis=-1, keepdims=True))
    return e / e.sum(axis=-1, keepdims=True)


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def mse(pred, target):
    return per_sample((pred - target) ** 2)


def mae(pred, target):
    return per_sample(np.abs(pred - target))


def huber(pred, target, delta=1.0):
    off = np.abs(pred - target)
    return per_sample(np.where(off <= delta, off**2 / 2, delta * (off - delta / 2)))


def log_cosh(pred, target):
    return per_sample(np.log(np.cosh(pred - target)))


def cross_entropy(logits, target, label_smoothing=0.0):
    k = logits.shape[-1]
    wanted = np.eye(k)[target] if target.shape != logits.shape else target
    wanted = wanted * (1 - label_smoothing) + label_smoothing / k
    return per_sample(-(wanted * np.log(softmax(logits))).sum(axis=-1))


def binary_cross_entropy(logits, target, label_smoothing=0.0):
    t = target * (1 - label_smoothing) + label_smoothing / 2
    p = sigmoid(logits)
    return per_sample(-(t * np.log(p) + (1 - t) * np.log(1 - p)))


def hinge(pred, target):
    return per_sample(np.maximum(0, 1 - target * pred))


def squared_hinge(pred, target):
    return per_sample(np.maximum(0, 1 - target * pred) ** 2)


def poisson(pred, target):
    return per_sample(pred - target * np.log(pred + 1e-7))


def quantile(pred, target, q=0.5):
    target = target[..., None] if target.ndim < pred.ndim else target
    below = np.asarray(q) * np.maximum(target - pred, 0)
    return per_sample(below + (1 - np.asarray(q)) * np.maximum(pred - target, 0))


def kl_divergence(pred, target):
    wanted = np.clip(target, 1e-7, 1)
    return per_sample((wanted * np.log(wanted / pred)).sum(axis=-1))


def cosine_similarity(pred, target):
    lengths = np.linalg.norm(pred, axis=-1) * np.linalg.norm(target, axis=-1)
    return per_sample(-(pred * target).sum(axis=-1) / lengths)


FORMULAS = {
    f.__name__: f
    for f in (
        mse,
        mae,
        huber,
        log_cosh,
        cross_entropy,
        binary_cross_entropy,
        hinge,
        squared_hinge,
        poisson,
        quantile,
        kl_divergence,
        cosine_similarity,
    )
}
assert set(FORMULAS) <= set(LOSSES)


def traced(name):
    """A loss without a formula above."""
    return lambda p, t, **settings: numpy_of(LOSSES[name](**settings))(p, t)


FORMULAS = {name: FORMULAS.get(name, traced(name)) for name in LOSSES}
