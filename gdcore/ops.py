"""Functions of traced values: what layers, losses and activations of one's own are made of.

All of them take values, arrays and numbers alike, and broadcast as NumPy does.
"""

from gdcore.graph.elementwise import (
    abs,
    add,
    broadcast_to,
    clip,
    cos,
    count,
    div,
    elu,
    equal,
    erf,
    exp,
    expm1,
    floor,
    gelu,
    gelu_tanh,
    hard_sigmoid,
    hard_swish,
    leaky_relu,
    less,
    less_equal,
    log,
    log1p,
    maximum,
    minimum,
    mish,
    mul,
    neg,
    not_equal,
    pow,
    random_uniform,
    reciprocal,
    relu,
    relu6,
    round,
    selu,
    sigmoid,
    sign,
    silu,
    sin,
    softplus,
    softsign,
    sqrt,
    square,
    stop_gradient,
    sub,
    tanh,
    where,
)
from gdcore.graph.indexing import one_hot, take, unfold
from gdcore.graph.phases import when_training, with_update
from gdcore.graph.products import matmul
from gdcore.graph.reductions import log_softmax, logsumexp, max, mean, min, softmax, sum, var
from gdcore.graph.shapes import concatenate, expand_dims, flatten, getitem, pad, reshape, squeeze, stack, transpose

power = pow
swish = silu

__all__ = [name for name in dir() if not name.startswith("_")]
