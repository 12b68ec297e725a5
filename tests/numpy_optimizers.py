"""The optimizers as plain float64 NumPy loops, written from the formulas in their papers.

Each takes first parameters, the gradient and the learning rate of every step, and the settings by
the names that gdcore gives them; it returns the parameters after every step.
"""

from functools import wraps

import numpy as np
from by_reference import loop_of

from gdcore.optimizers import OPTIMIZERS


def _loop(make):
    """A loop around a function that makes `step(t, g, lr)`, which returns what p loses."""

    @wraps(make)
    def run(p, gradients, lr, weight_decay=0.0, coupled=False, **settings):
        p = np.array(p, np.float64)
        step = make(np.zeros_like(p), **settings)
        path = []
        for t, (g, rate) in enumerate(
            zip(gradients, np.broadcast_to(lr, len(gradients)), strict=True), 1
        ):
            g = np.asarray(g, np.float64)
            if coupled:
                g = g + weight_decay * p
            else:  # before the step, as AdamW has it
                p = p * (1 - rate * weight_decay)
            p = p - step(t, g, rate)
            path.append(p)
        return np.array(path)

    return run


@_loop
def sgd(zero, momentum=0.0, nesterov=False):
    v = zero.copy()

    def step(t, g, lr):
        v[...] = momentum * v + g
        return lr * (g + momentum * v) if nesterov else lr * v

    return step


@_loop
def adam(zero, betas=(0.9, 0.999), epsilon=1e-8, amsgrad=False):
    m, v, largest = zero.copy(), zero.copy(), zero.copy()

    def step(t, g, lr):
        m[...] = betas[0] * m + (1 - betas[0]) * g
        v[...] = betas[1] * v + (1 - betas[1]) * g**2
        largest[...] = np.maximum(largest, v)
        m_hat = m / (1 - betas[0] ** t)
        v_hat = (largest if amsgrad else v) / (1 - betas[1] ** t)
        return lr * m_hat / (np.sqrt(v_hat) + epsilon)

    return step


@_loop
def nadam(zero, betas=(0.9, 0.999), epsilon=1e-8, momentum_decay=4e-3):
    m, v = zero.copy(), zero.copy()
    product = [1.0]

    def mu(t):
        return betas[0] * (1 - 0.5 * 0.96 ** (t * momentum_decay))

    def step(t, g, lr):
        product[0] *= mu(t)
        m[...] = betas[0] * m + (1 - betas[0]) * g
        v[...] = betas[1] * v + (1 - betas[1]) * g**2
        m_bar = mu(t + 1) * m / (1 - product[0] * mu(t + 1)) + (1 - mu(t)) * g / (1 - product[0])
        return lr * m_bar / (np.sqrt(v / (1 - betas[1] ** t)) + epsilon)

    return step


@_loop
def rmsprop(zero, rho=0.99, momentum=0.0, epsilon=1e-8, centered=False):
    v, mean, velocity = zero.copy(), zero.copy(), zero.copy()

    def step(t, g, lr):
        v[...] = rho * v + (1 - rho) * g**2
        mean[...] = rho * mean + (1 - rho) * g
        spread = v - mean**2 if centered else v
        velocity[...] = momentum * velocity + g / (np.sqrt(spread) + epsilon)
        return lr * velocity

    return step


@_loop
def adagrad(zero, initial_accumulator=0.0, epsilon=1e-10):
    total = zero + initial_accumulator

    def step(t, g, lr):
        total[...] += g**2
        return lr * g / (np.sqrt(total) + epsilon)

    return step


@_loop
def adadelta(zero, rho=0.9, epsilon=1e-6):
    v, u = zero.copy(), zero.copy()

    def step(t, g, lr):
        v[...] = rho * v + (1 - rho) * g**2
        d = np.sqrt(u + epsilon) / np.sqrt(v + epsilon) * g
        u[...] = rho * u + (1 - rho) * d**2
        return lr * d

    return step


LOOPS = {
    "sgd": sgd,
    "adam": adam,
    "adamw": adam,
    "amsgrad": adam,
    "nadam": nadam,
    "rmsprop": rmsprop,
    "adagrad": adagrad,
    "adadelta": adadelta,
    "muon": adam,  # of vectors
}
assert set(LOOPS) <= set(OPTIMIZERS)
LOOPS = {name: LOOPS.get(name, loop_of(make)) for name, make in OPTIMIZERS.items()}
