"""Functions of traced values, of which custom layers, losses and activations are made.

All of them take values, arrays and numbers, and broadcast as NumPy does.
"""

from typing import TYPE_CHECKING

from gdcore.graph.ops.convolutions import conv, conv_transpose
from gdcore.graph.ops.draws import random_uniform
from gdcore.graph.ops.elementwise import (
    abs,
    add,
    clip,
    cos,
    div,
    equal,
    erf,
    exp,
    expm1,
    floor,
    less,
    less_equal,
    log,
    log1p,
    maximum,
    minimum,
    mul,
    neg,
    not_equal,
    pow,
    reciprocal,
    round,
    sign,
    sin,
    sqrt,
    square,
    sub,
    where,
)
from gdcore.graph.ops.identities import broadcast_to, count, stop_gradient
from gdcore.graph.ops.indexing import one_hot, take
from gdcore.graph.ops.joins import concatenate, stack
from gdcore.graph.ops.masks import drop_mask, mask_of, step_mask, with_mask
from gdcore.graph.ops.nonlinearities import (
    elu,
    gelu,
    gelu_tanh,
    hard_sigmoid,
    hard_swish,
    leaky_relu,
    mish,
    relu,
    relu6,
    selu,
    sigmoid,
    silu,
    softplus,
    softsign,
    tanh,
)
from gdcore.graph.ops.products import matmul
from gdcore.graph.ops.reductions import logsumexp, max, mean, min, sum, var
from gdcore.graph.ops.shapes import expand_dims, flatten, reshape, squeeze, transpose
from gdcore.graph.ops.slices import getitem
from gdcore.graph.ops.softmax import log_softmax, softmax
from gdcore.graph.ops.training_ops import when_training, with_update
from gdcore.lazy import lazy_names

if TYPE_CHECKING:
    from gdcore.graph.ops.attention import attention
    from gdcore.graph.ops.derivatives import gradient, jvp
    from gdcore.graph.ops.loops import scan
    from gdcore.graph.ops.pools import adaptive_avg_pool, adaptive_max_pool, avg_pool, max_pool
    from gdcore.graph.ops.resampling import pad, resample, resize
    from gdcore.graph.ops.trigonometry import (
        arccos,
        arccosh,
        arcsin,
        arcsinh,
        arctan,
        arctan2,
        arctanh,
        cosh,
        sinh,
        tan,
    )
    from gdcore.graph.ops.windows import unfold

power = pow
swish = silu

__all__ = [
    "abs",
    "adaptive_avg_pool",
    "adaptive_max_pool",
    "add",
    "arccos",
    "arccosh",
    "arcsin",
    "arcsinh",
    "arctan",
    "arctan2",
    "arctanh",
    "attention",
    "avg_pool",
    "broadcast_to",
    "clip",
    "concatenate",
    "conv",
    "conv_transpose",
    "cos",
    "cosh",
    "count",
    "div",
    "drop_mask",
    "elu",
    "equal",
    "erf",
    "exp",
    "expand_dims",
    "expm1",
    "flatten",
    "floor",
    "gelu",
    "gelu_tanh",
    "getitem",
    "gradient",
    "hard_sigmoid",
    "hard_swish",
    "jvp",
    "leaky_relu",
    "less",
    "less_equal",
    "log",
    "log1p",
    "log_softmax",
    "logsumexp",
    "mask_of",
    "matmul",
    "max",
    "max_pool",
    "maximum",
    "mean",
    "min",
    "minimum",
    "mish",
    "mul",
    "neg",
    "not_equal",
    "one_hot",
    "pad",
    "pow",
    "power",
    "random_uniform",
    "reciprocal",
    "relu",
    "relu6",
    "resample",
    "reshape",
    "resize",
    "round",
    "scan",
    "selu",
    "sigmoid",
    "sign",
    "silu",
    "sin",
    "sinh",
    "softmax",
    "softplus",
    "softsign",
    "sqrt",
    "square",
    "squeeze",
    "stack",
    "step_mask",
    "stop_gradient",
    "sub",
    "sum",
    "swish",
    "take",
    "tan",
    "tanh",
    "transpose",
    "unfold",
    "var",
    "when_training",
    "where",
    "with_mask",
    "with_update",
]

# What not every network needs is imported when it is first asked for.
__getattr__, __dir__ = lazy_names(
    __name__,
    __all__,
    {
        "attention": "gdcore.graph.ops.attention",
        "gradient": "gdcore.graph.ops.derivatives",
        "jvp": "gdcore.graph.ops.derivatives",
        "scan": "gdcore.graph.ops.loops",
        "adaptive_avg_pool": "gdcore.graph.ops.pools",
        "adaptive_max_pool": "gdcore.graph.ops.pools",
        "avg_pool": "gdcore.graph.ops.pools",
        "max_pool": "gdcore.graph.ops.pools",
        "pad": "gdcore.graph.ops.resampling",
        "resample": "gdcore.graph.ops.resampling",
        "resize": "gdcore.graph.ops.resampling",
        "arccos": "gdcore.graph.ops.trigonometry",
        "arccosh": "gdcore.graph.ops.trigonometry",
        "arcsin": "gdcore.graph.ops.trigonometry",
        "arcsinh": "gdcore.graph.ops.trigonometry",
        "arctan": "gdcore.graph.ops.trigonometry",
        "arctan2": "gdcore.graph.ops.trigonometry",
        "arctanh": "gdcore.graph.ops.trigonometry",
        "cosh": "gdcore.graph.ops.trigonometry",
        "sinh": "gdcore.graph.ops.trigonometry",
        "tan": "gdcore.graph.ops.trigonometry",
        "unfold": "gdcore.graph.ops.windows",
    },
)
