"""Recurrent layers over (batch, steps, features): LSTM, GRU and the simple one."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from gdcore import activations, initializers, ops
from gdcore.graph.dims import Shape
from gdcore.graph.ir import Value
from gdcore.layers.regularization import share
from gdcore.layers.rnn import RNN, Step
from gdcore.setting_checks import positive

__all__ = ["GRU", "LSTM", "SimpleRNN"]


class _Gates(RNN):
    """What LSTM, GRU and SimpleRNN share: weights of all gates side by side, dropout, the step."""

    gates = 1

    def _gates(
        self,
        units: int,
        activation: Any,
        recurrent_activation: Any,
        use_bias: bool,
        kernel_initializer: object,
        recurrent_initializer: object,
        dropout: float,
        recurrent_dropout: float,
    ) -> None:
        who = type(self).__name__
        self.units = positive(f"{who} units", units)
        self.activation = activations.get(activation)
        self.recurrent_activation = activations.get(recurrent_activation)
        self.use_bias = bool(use_bias)
        self.kernel_initializer = initializers.get(kernel_initializer)
        self.recurrent_initializer = initializers.get(recurrent_initializer)
        self.dropout = share(f"{who} dropout", dropout)
        self.recurrent_dropout = share(f"{who} recurrent_dropout", recurrent_dropout)
        self.state_sizes = (self.units,)

    def _weights(self, x: Value) -> tuple[Value, Value]:
        """The kernels of the inputs and of the state, a column for each unit of each gate."""
        n = self.gates * self.units
        kernel = self.param("kernel", (x.shape[-1], n), self.kernel_initializer)
        return kernel, self.param("recurrent", (self.units, n), self.recurrent_initializer)

    def _biased(self, y: Value, rows: int = 1, initializer: Any = "zeros") -> Value:
        """y and a bias, of several the first one."""
        if not self.use_bias:
            return y
        n = self.gates * self.units
        bias = self.param("bias", (rows, n) if rows > 1 else (n,), initializer, "bias")
        return y + (bias[0] if rows > 1 else bias)

    def _thinned(self, x: Value) -> Value:
        """The inputs after dropout, the same features at every step."""
        shape = (x.shape[0], *[1] * (x.ndim - 2), x.shape[-1])
        return _dropped(self.dropout, shape)(x)

    def _cut(self, z: Value) -> list[Value]:
        """The gates, which lie side by side."""
        n = self.units
        return [z[:, k * n : (k + 1) * n] for k in range(int(z.shape[-1]) // n)]  # type: ignore[arg-type]


def _dropped(rate: float, shape: Shape) -> Callable[[Value], Value]:
    """Dropout of the same elements whenever it is called."""
    if rate == 0:
        return lambda x: x
    factor = ops.less_equal(rate, ops.random_uniform(shape)) * (1.0 / (1.0 - rate))
    return lambda x: ops.when_training(x * factor, x)


class LSTM(_Gates):
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
    return_state : bool
        The call returns (output, h, c) with the last states.
    go_backwards : bool
        From the last step to the first. Outputs of a sequence stay where their elements are.
    activation, recurrent_activation : str or function of a traced value
        In the place of tanh, and of the gates' sigmoid.
    use_bias : bool
    dropout, recurrent_dropout : float
        In training, the probability with which a feature of x, and a unit of h within the gates, is
        taken for 0, the same ones at all steps of a sample.
    stateful : int
        How many sequences go on from batch to batch, as `RNN` says; 0 for none.
    peepholes : bool
        Gates see the cell: i and f add p c, o adds p c'.
    layer_norm : bool
        x W, h U and the c' within tanh(c') are normalized over their units.

    Raises
    ------
    ValueError
        If `units` is not a whole number of at least 1 or a rate not in [0, 1); when it is called, if the
        input is not (B, steps, features), or an initial state or lengths do not fit.

    Notes
    -----
    `RNN` says what ``initial_state=`` (h and c), ``lengths=`` and masks mean in a call.

    References
    ----------
    Hochreiter and Schmidhuber 1997, Long short-term memory. Gers et al. 2000, Learning to forget.
    Gers and Schmidhuber 2000, Recurrent nets that time and count, for peepholes. Jozefowicz et al. 2015,
    An empirical exploration of recurrent network architectures, for the bias. Ba et al. 2016, Layer
    normalization. Gal and Ghahramani 2016, A theoretically grounded application of dropout in
    recurrent neural networks.

    Examples
    --------
    >>> import gdcore as gd
    >>> x = gd.Input((20, 3))
    >>> gd.LSTM(16)(x).shape, gd.LSTM(16, return_sequences=True)(x).shape
    ((B, 16), (B, 20, 16))
    >>> output, h, c = gd.LSTM(16, return_state=True)(x)
    >>> gd.LSTM(16)(x, initial_state=[h, c]).shape
    (B, 16)
    """

    gates = 4

    def __init__(
        self,
        units: int,
        return_sequences: bool = False,
        kernel_initializer: object = "glorot_uniform",
        recurrent_initializer: object = "orthogonal",
        name: str | None = None,
        *,
        return_state: bool = False,
        go_backwards: bool = False,
        activation: Any = "tanh",
        recurrent_activation: Any = "sigmoid",
        use_bias: bool = True,
        dropout: float = 0.0,
        recurrent_dropout: float = 0.0,
        stateful: int = 0,
        peepholes: bool = False,
        layer_norm: bool = False,
    ) -> None:
        weights = kernel_initializer, recurrent_initializer
        self._gates(
            units, activation, recurrent_activation, use_bias, *weights, dropout, recurrent_dropout
        )
        self._settings(return_sequences, return_state, go_backwards, name, stateful)
        self.state_sizes = (self.units, self.units)
        self.peepholes = bool(peepholes)
        self.layer_norm = bool(layer_norm)

    def _prepared(self, x: Value) -> tuple[Value, Step]:
        n, act, gate = self.units, self.activation, self.recurrent_activation
        kernel, recurrent = self._weights(x)
        inputs = self._norm("x", 4 * n)(self._thinned(x) @ kernel)
        inputs = self._biased(inputs, initializer=_remembering)  # all steps in one product
        thinned = _dropped(self.recurrent_dropout, (x.shape[0], n))
        normed, inner = self._norm("h", 4 * n), self._norm("c", n, beta=True)
        peep = None
        if self.peepholes:
            rows = self.param("peepholes", (3, n), self.kernel_initializer)
            peep = [rows[k] for k in range(3)]

        def step(z: Value, states: Sequence[Value]) -> tuple[Value, Sequence[Value]]:
            h, c = states
            i, f, g, o = self._cut(z + normed(thinned(h) @ recurrent))
            if peep is not None:
                i, f = i + c * peep[0], f + c * peep[1]
            c = gate(f) * c + gate(i) * act(g)
            h = gate(o if peep is None else o + c * peep[2]) * act(inner(c))
            return h, (h, c)

        return inputs, step

    def _norm(self, which: str, units: int, beta: bool = False) -> Callable[[Value], Value]:
        """Layer norm with parameters of its own, or nothing."""
        if not self.layer_norm:
            return lambda x: x
        gamma = self.param(f"gamma_{which}", (units,), "ones", "norm")
        shift = self.param(f"beta_{which}", (units,), "zeros", "norm") if beta else None

        def normalized(x: Value) -> Value:
            apart = x - ops.mean(x, -1, keepdims=True)
            y = apart / ops.sqrt(ops.mean(ops.square(apart), -1, keepdims=True) + 1e-5) * gamma
            return y if shift is None else y + shift

        return normalized


class GRU(_Gates):
    """Gated recurrent unit.

    (B, steps, features) becomes (B, units), or (B, steps, units). With each step's x and the previous h:
    z, r = sigmoid(x W + h U + b);  g = tanh(x W + r (h U + b'));  h' = z h + (1 - z) g.

    Parameters
    ----------
    units : int
    return_sequences : bool
        Every step's h, (batch, steps, units); otherwise the last one's, (batch, units).
    kernel_initializer, recurrent_initializer : Initializer, name, number or callable
        Columns are in the order of the gates z, r, g.
    name : str, optional
    return_state : bool
        The call returns (output, h) with the last state.
    go_backwards : bool
        From the last step to the first. Outputs of a sequence stay where their elements are.
    reset_after : bool
        Whether r multiplies h U + b', after the product, as cuDNN, PyTorch and Keras have it; then there are
        two rows of biases, b and b'. Otherwise it is the h of g's product, (r h) U.
    activation, recurrent_activation : str or function of a traced value
        In the place of tanh, and of the gates' sigmoid.
    use_bias : bool
    dropout, recurrent_dropout : float
        In training, the probability with which a feature of x, and a unit of h within the gates, is
        taken for 0, the same ones at all steps of a sample.
    stateful : int
        How many sequences go on from batch to batch, as `RNN` says; 0 for none.

    Raises
    ------
    ValueError
        If `units` is not a whole number of at least 1 or a rate not in [0, 1); when it is called, if the
        input is not (B, steps, features), or an initial state or lengths do not fit.

    Notes
    -----
    `RNN` says what ``initial_state=``, ``lengths=`` and masks mean in a call.

    References
    ----------
    Cho et al. 2014, Learning phrase representations using RNN encoder-decoder for statistical machine
    translation.

    Examples
    --------
    >>> import gdcore as gd
    >>> x, n = gd.Input((20, 3)), gd.Input((), name="n", dtype="int")
    >>> gd.GRU(16)(x).shape, gd.GRU(16, return_sequences=True)(x, lengths=n).shape
    ((B, 16), (B, 20, 16))
    """

    gates = 3

    def __init__(
        self,
        units: int,
        return_sequences: bool = False,
        kernel_initializer: object = "glorot_uniform",
        recurrent_initializer: object = "orthogonal",
        name: str | None = None,
        *,
        return_state: bool = False,
        go_backwards: bool = False,
        reset_after: bool = True,
        activation: Any = "tanh",
        recurrent_activation: Any = "sigmoid",
        use_bias: bool = True,
        dropout: float = 0.0,
        recurrent_dropout: float = 0.0,
        stateful: int = 0,
    ) -> None:
        weights = kernel_initializer, recurrent_initializer
        self._gates(
            units, activation, recurrent_activation, use_bias, *weights, dropout, recurrent_dropout
        )
        self._settings(return_sequences, return_state, go_backwards, name, stateful)
        self.reset_after = bool(reset_after)

    def _prepared(self, x: Value) -> tuple[Value, Step]:
        n, act, gate = self.units, self.activation, self.recurrent_activation
        kernel, recurrent = self._weights(x)
        rows = 2 if self.reset_after else 1
        inputs = self._biased(self._thinned(x) @ kernel, rows)  # all steps in one product
        inner = self.param("bias", (2, 3 * n))[1] if self.reset_after and self.use_bias else 0.0
        thinned = _dropped(self.recurrent_dropout, (x.shape[0], n))
        of_gates, of_g = recurrent[:, : 2 * n], recurrent[:, 2 * n :]

        def step(element: Value, states: Sequence[Value]) -> tuple[Value, Sequence[Value]]:
            (h,) = states
            a, b, c = self._cut(element)
            before = thinned(h)
            if self.reset_after:
                i, j, k = self._cut(before @ recurrent + inner)
                z, r = gate(a + i), gate(b + j)
                g = act(c + r * k)
            else:
                i, j = self._cut(before @ of_gates)
                z, r = gate(a + i), gate(b + j)
                g = act(c + (r * before) @ of_g)
            h = z * h + (1.0 - z) * g
            return h, (h,)

        return inputs, step


class SimpleRNN(_Gates):
    """The simple recurrent layer: h' = tanh(x W + h U + b).

    (B, steps, features) becomes (B, units), or (B, steps, units).

    Parameters
    ----------
    units : int
    return_sequences : bool
        Every step's h, (batch, steps, units); otherwise the last one's, (batch, units).
    kernel_initializer, recurrent_initializer : Initializer, name, number or callable
    name : str, optional
    return_state : bool
        The call returns (output, h) with the last state.
    go_backwards : bool
        From the last step to the first. Outputs of a sequence stay where their elements are.
    activation : str or function of a traced value
        In the place of tanh.
    use_bias : bool
    dropout, recurrent_dropout : float
        In training, the probability with which a feature of x, and a unit of h within the product, is
        taken for 0, the same ones at all steps of a sample.
    stateful : int
        How many sequences go on from batch to batch, as `RNN` says; 0 for none.

    Raises
    ------
    ValueError
        If `units` is not a whole number of at least 1 or a rate not in [0, 1); when it is called, if the
        input is not (B, steps, features), or an initial state or lengths do not fit.

    Notes
    -----
    `RNN` says what ``initial_state=``, ``lengths=`` and masks mean in a call.

    References
    ----------
    Elman 1990, Finding structure in time.

    Examples
    --------
    >>> import gdcore as gd
    >>> gd.SimpleRNN(16)(gd.Input((20, 3))).shape
    (B, 16)
    """

    def __init__(
        self,
        units: int,
        return_sequences: bool = False,
        kernel_initializer: object = "glorot_uniform",
        recurrent_initializer: object = "orthogonal",
        name: str | None = None,
        *,
        return_state: bool = False,
        go_backwards: bool = False,
        activation: Any = "tanh",
        use_bias: bool = True,
        dropout: float = 0.0,
        recurrent_dropout: float = 0.0,
        stateful: int = 0,
    ) -> None:
        weights = kernel_initializer, recurrent_initializer
        self._gates(units, activation, None, use_bias, *weights, dropout, recurrent_dropout)
        self._settings(return_sequences, return_state, go_backwards, name, stateful)

    def _prepared(self, x: Value) -> tuple[Value, Step]:
        kernel, recurrent = self._weights(x)
        inputs = self._biased(self._thinned(x) @ kernel)  # all steps in one product
        thinned = _dropped(self.recurrent_dropout, (x.shape[0], self.units))

        def step(z: Value, states: Sequence[Value]) -> tuple[Value, Sequence[Value]]:
            h = self.activation(z + thinned(states[0]) @ recurrent)
            return h, (h,)

        return inputs, step


def _remembering(shape: tuple[int, ...], stream: object) -> np.ndarray:
    """Initial bias: 1 for the forget gate, so that the cell keeps its state at first; otherwise 0."""
    return np.repeat([0.0, 1.0, 0.0, 0.0], shape[0] // 4)
