"""Recurrence over the steps of a sequence (batch, steps, features)."""

from __future__ import annotations

import numpy as np

from gdcore import initializers, ops
from gdcore.graph.dims import Batch
from gdcore.graph.ir import Value
from gdcore.layers.base import Layer
from gdcore.layers.dense import positive

__all__ = ["LSTM"]


class LSTM(Layer):
    """Long short-term memory, with a forget gate.

    (B, steps, features) becomes (B, units), or (B, steps, units). With each step's x and the
    previous h and c: i, f, o = sigmoid(x W + h U + b), g = tanh(...);  c' = f c + i g;  h' = o
    tanh(c').

    Parameters
    ----------
    units : int
    return_sequences : bool
        Every step's h, (batch, steps, units); otherwise the last one's, (batch, units).
    kernel_initializer, recurrent_initializer : Initializer, name, number or callable
        Columns are in the order of the gates i, f, g, o; the forget gate's bias starts at 1.
    name : str, optional

    Raises
    ------
    ValueError
        If `units` is not a whole number of at least 1, or, when it is called, the input is not
        (B, steps, features).

    References
    ----------
    Hochreiter and Schmidhuber 1997, Long short-term memory. Gers et al. 2000, Learning to forget.
    Jozefowicz et al. 2015, An empirical exploration of recurrent network architectures, for the
    bias.

    Examples
    --------
    >>> import gdcore as gd
    >>> x = gd.Input((20, 3))
    >>> gd.LSTM(16)(x).shape, gd.LSTM(16, return_sequences=True)(x).shape
    ((B, 16), (B, 20, 16))
    """

    def __init__(
        self,
        units: int,
        return_sequences: bool = False,
        kernel_initializer: object = "glorot_uniform",
        recurrent_initializer: object = "orthogonal",
        name: str | None = None,
    ) -> None:
        self.units = positive("LSTM units", units)
        self.return_sequences = return_sequences
        self.kernel_initializer = initializers.get(kernel_initializer)
        self.recurrent_initializer = initializers.get(recurrent_initializer)
        self.name = name

    def forward(self, x: Value) -> Value:  # type: ignore[override]
        if x.ndim != 3 or isinstance(x.shape[1], Batch):
            raise ValueError(
                f"LSTM got an input of shape {x.shape}: expected (batch, steps, features)"
            )
        n = self.units
        kernel = self.param("kernel", (x.shape[-1], 4 * n), self.kernel_initializer)
        recurrent = self.param("recurrent", (n, 4 * n), self.recurrent_initializer)
        bias = self.param("bias", (4 * n,), _remembering, "bias")
        inputs = x @ kernel + bias  # all steps in one product

        def step(carries: tuple[Value, Value], z: Value) -> tuple[tuple[Value, Value], Value]:
            h, c = carries
            z = z + h @ recurrent
            i, f, o = (ops.sigmoid(z[:, k * n : (k + 1) * n]) for k in (0, 1, 3))
            c = f * c + i * ops.tanh(z[:, 2 * n : 3 * n])
            h = o * ops.tanh(c)
            return (h, c), h

        zeros = ops.broadcast_to(0.0, (x.shape[0], n))
        (last, _), every = ops.scan(step, (zeros, zeros), inputs)
        wanted: Value = every if self.return_sequences else last
        return wanted


def _remembering(shape: tuple[int, ...], stream: object) -> np.ndarray:
    """Initial bias: 1 for the forget gate, so that the cell keeps its state at first; otherwise 0."""
    return np.repeat([0.0, 1.0, 0.0, 0.0], shape[0] // 4)
