"""The network that experiments take where none is given."""

from __future__ import annotations

from typing import Any

from gdcore.layers import Activation, BatchNorm, Dense, Dropout, Flatten, LayerNorm
from gdcore.layers.base import Layer
from gdcore.sequential import Sequential
from gdcore.setting_checks import positive

NORMS = {None: None, "batch": BatchNorm, "layer": LayerNorm}


def mlp(
    outputs: int,
    *,
    width: int = 64,
    depth: int = 2,
    activation: Any = "relu",
    dropout: float = 0.0,
    l1: float = 0.0,
    l2: float = 0.0,
    initializer: Any = None,
    norm: str | None = None,
    flatten: bool = False,
) -> Sequential:
    """A perceptron of equal hidden layers, every setting of which can be compared.

    Parameters
    ----------
    outputs : int
    width, depth : int
        Units of a hidden layer, and how many there are.
    activation : str or function of a traced value
    dropout : float
        After each hidden layer.
    l1, l2 : float
        Of every kernel.
    initializer : initializer of the hidden kernels, optional
        He's for ReLU and its kin, Glorot's for others.
    norm : {None, "batch", "layer"}
        Between a hidden layer's product and its activation.
    flatten : bool
        For inputs of more than one dimension.

    Returns
    -------
    Sequential
        Not compiled.

    Raises
    ------
    ValueError
        If a size is not a whole number of at least 1, or a name is not known.

    Examples
    --------
    >>> len(mlp(10, width=32, depth=3, dropout=0.2).layers)
    7
    """
    if norm not in NORMS:
        raise ValueError(f"mlp norm={norm!r}: expected None, 'batch' or 'layer'")
    positive("mlp depth", depth)
    called = activation if isinstance(activation, str) else ""
    if initializer is None:
        kin = ("relu", "elu", "gelu", "silu", "swish", "mish")
        initializer = "he_normal" if any(k in called for k in kin) else "glorot_uniform"
    kernel = {"kernel_initializer": initializer, "kernel_l1": l1, "kernel_l2": l2}
    layers: list[Layer] = [Flatten()] if flatten else []
    between = NORMS[norm]
    for _ in range(depth):
        if between is None:
            layers.append(Dense(width, activation=activation, **kernel))
        else:
            layers += [Dense(width, use_bias=False, **kernel), between(), Activation(activation)]
        if dropout:
            layers.append(Dropout(dropout))
    return Sequential([*layers, Dense(outputs, kernel_l1=l1, kernel_l2=l2)])
