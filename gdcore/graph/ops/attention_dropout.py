"""Attention some of whose weights are dropped in training: by way of the matrix of all of them."""

from __future__ import annotations

import math

from gdcore.graph.ir import Value
from gdcore.graph.ops.attention import by_head, score_matrix
from gdcore.graph.ops.draws import random_uniform
from gdcore.graph.ops.elementwise import equal, exp, less_equal, where
from gdcore.graph.ops.identities import stop_gradient
from gdcore.graph.ops.products import matmul
from gdcore.graph.ops.reductions import max, sum
from gdcore.graph.ops.shapes import transpose
from gdcore.graph.ops.training_ops import when_training


def shares(s: Value) -> Value:
    """The softmax of scores over the last dimension; 0 where all of a row are -inf, with a gradient of 0."""
    most = stop_gradient(max(s, -1, keepdims=True))
    e = exp(s - where(equal(most, -math.inf), 0.0, most))
    total = sum(e, -1, keepdims=True)
    return e / where(equal(total, 0.0), 1.0, total)


def dropped_attention(y: Value, rate: float) -> Value:
    """Attention of which each weight is 0 in training with a probability, and the rest larger by 1/(1 - rate).

    Parameters
    ----------
    y : Value
        What `attention` gave; prediction is that.
    rate : float
        At least 0 and below 1.
    """
    if rate == 0:
        return y
    p = shares(score_matrix(y.inputs, y.attrs))
    kept = less_equal(rate, random_uniform(p.shape)) * (1.0 / (1.0 - rate))
    mixed = matmul(p * kept, by_head(y.inputs[2], y.shape[2]))
    return when_training(transpose(mixed, (0, 2, 1, 3)), y)
