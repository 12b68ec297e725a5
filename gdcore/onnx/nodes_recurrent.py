"""The recurrent nodes LSTM, GRU and RNN, as loops.

Weights stay in the file's layout: (directions, gates · hidden, ...), gates in ONNX's order.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from gdcore import ops
from gdcore.graph.dims import Batch, Dim, Shape
from gdcore.graph.ir import Value
from gdcore.onnx.kinds import REALS
from gdcore.onnx.reader import Node
from gdcore.onnx.samples import MIXED, apart, batch_axis, in_file, together

Function = Callable[[Value], Value]

# Activations by ONNX's names in small letters: numbers that they take, with defaults, and the function.
ACTIVATIONS: dict[str, tuple[tuple[float | None, ...], Callable[..., Value]]] = {
    "affine": ((1.0, 0.0), lambda x, a, b: x * a + b),
    "elu": ((1.0, None), lambda x, a, _: ops.elu(x, alpha=a)),
    "hardsigmoid": ((0.2, 0.5), lambda x, a, b: ops.clip(x * a + b, 0.0, 1.0)),
    "leakyrelu": ((0.01, None), lambda x, a, _: ops.leaky_relu(x, slope=a)),
    "relu": ((None, None), lambda x, *_: ops.relu(x)),
    "scaledtanh": ((1.0, 1.0), lambda x, a, b: ops.tanh(x * b) * a),
    "sigmoid": ((None, None), lambda x, *_: ops.sigmoid(x)),
    "softplus": ((None, None), lambda x, *_: ops.softplus(x)),
    "softsign": ((None, None), lambda x, *_: ops.softsign(x)),
    "tanh": ((None, None), lambda x, *_: ops.tanh(x)),
    "thresholdedrelu": ((1.0, None), lambda x, a, _: ops.where(x > a, x, 0.0)),
}
DIRECTIONS = {b"forward": (False,), b"reverse": (True,), b"bidirectional": (False, True)}


class _Recurrence:
    """One node: what its attributes and inputs say, for each direction."""

    def __init__(self, n: Node, gates: int, functions: Sequence[str], initial: int) -> None:
        self.n, self.gates = n, gates
        self.ways = DIRECTIONS.get(n.attr("direction", b"forward"), ())
        self.layout = n.attr("layout", 0)
        if not self.ways or self.layout not in (0, 1):
            raise ValueError(
                f"direction {n.attr('direction', b'')!r} and layout {self.layout}: expected one of "
                f"{', '.join(d.decode() for d in DIRECTIONS)}, and 0 or 1"
            )
        x, weight, again = n.value(0), n.value(1, "kernel"), n.value(2, "kernel")
        if any(batch_axis(v.shape) is not None for v in (weight, again)):
            raise ValueError("W and R are computed from the inputs: expected constants")
        self.hidden = n.attr("hidden_size", int(again.shape[-1]))  # type: ignore[arg-type]
        rows = gates * self.hidden
        wanted = [(len(self.ways), rows, x.shape[-1]), (len(self.ways), rows, self.hidden)]
        if x.ndim != 3 or [weight.shape, again.shape] != wanted:
            raise ValueError(
                f"X, W and R of shapes {x.shape}, {weight.shape} and {again.shape}: expected (steps, "
                f"batch, features), {wanted[0]} and {wanted[1]}"
            )
        batch = 0 if self.layout else 1  # where in the file X has the samples
        self.grouped = n.reader.together and batch_axis(x.shape) != batch
        if batch_axis(x.shape) != batch and not self.grouped:
            raise ValueError(MIXED)
        self.x = self._rows(x, batch)  # (rows, steps, features)
        self.weight, self.again = weight, again
        self.bias = n.value(3, "bias") if n.has(3) else None
        lengths = self._rows(n.value(4), 0) if n.has(4) else None
        self.mask = None if lengths is None else ops.step_mask(lengths, int(self.x.shape[1]))  # type: ignore[arg-type]
        self.starts = [
            self._rows(n.value(5 + i), batch) if n.has(5 + i) else None for i in range(initial)
        ]
        self.functions = self._functions(functions)

    def _rows(self, x: Value, at: int) -> Value:
        """A value with its samples, dimension `at` in the file, first and in one dimension."""
        if self.grouped:
            x = apart(x)
            x = ops.transpose(x, [0, at + 1, *(i for i in range(1, x.ndim) if i != at + 1)])
            return ops.reshape(x, (Batch(int(x.shape[1])), *x.shape[2:]))  # type: ignore[arg-type]
        if batch_axis(x.shape) is None and x.shape[at] == 1:  # the same for all
            shape: list[Dim] = [*x.shape]
            shape[at] = self.x.shape[0]
            x = ops.broadcast_to(x, shape)
        if batch_axis(x.shape) != at:
            raise ValueError(MIXED)
        return ops.transpose(x, [at, *(i for i in range(x.ndim) if i != at)]) if at else x

    def _back(self, y: Value, at: int) -> Value:
        """The way back: samples at dimension `at`, as the file has them."""
        if not self.grouped:
            order = [*range(1, at + 1), 0, *range(at + 1, y.ndim)]
            return ops.transpose(y, order) if at else y
        shape: Shape = (Batch(1), in_file(y.shape)[0], *y.shape[1:])
        y = ops.reshape(y, shape)
        return together(ops.transpose(y, [0, *range(2, at + 2), 1, *range(at + 2, y.ndim)]))

    def _functions(self, defaults: Sequence[str]) -> list[list[Function]]:
        """The activations of each direction."""
        n = self.n
        names = [a.decode() for a in n.attr("activations", [])] or [*defaults] * len(self.ways)
        if len(names) != len(defaults) * len(self.ways) or not {a.lower() for a in names} <= set(
            ACTIVATIONS
        ):
            raise ValueError(
                f"activations {names[:8]}: expected {len(defaults)} for each direction, of "
                f"{', '.join(ACTIVATIONS)}"
            )
        given = [list(n.attr(f"activation_{k}", [])) for k in ("alpha", "beta")]
        clip = n.attr("clip", 0.0)
        found: list[Function] = []
        k = len(defaults)
        for name in names:
            settings, function = ACTIVATIONS[name.lower()]
            numbers = [
                numbers.pop(0) if default is not None and numbers else default
                for numbers, default in zip(given, settings, strict=True)
            ]
            # an LSTM's cell is not clipped
            found.append(_bound(function, numbers, 0.0 if len(found) % k == 2 else clip))
        return [found[i * k : i * k + k] for i in range(len(self.ways))]

    def cut(self, z: Value, axis: int = -1) -> list[Value]:
        """Gates side by side."""
        h = self.hidden
        if axis == 0:
            return [z[k * h : (k + 1) * h] for k in range(int(z.shape[0]) // h)]  # type: ignore[arg-type]
        return [z[:, k * h : (k + 1) * h] for k in range(int(z.shape[-1]) // h)]  # type: ignore[arg-type]

    def outputs(self, step_of: Callable[[_Recurrence, int], Any]) -> list[Value]:
        """Y, Y_h and, of an LSTM, Y_c."""
        every, lasts = [], []
        for d, backwards in enumerate(self.ways):
            inputs = ops.matmul(self.x, ops.transpose(self.weight[d]))
            if self.bias is not None:
                inputs = inputs + self.bias[d][: self.gates * self.hidden]
            y, last = self._run(d, backwards, inputs, step_of(self, d))
            every.append(y)
            lasts.append(last)
        batch, of_states = (0, 0) if self.layout else (2, 1)
        found = [self._back(ops.stack(every, axis=2), batch)]
        for states in zip(*lasts, strict=True):
            found.append(self._back(ops.stack(list(states), axis=1), of_states))
        self.n.makes = [REALS]
        return found

    def _run(self, d: int, backwards: bool, inputs: Value, step: Any) -> tuple[Value, list[Value]]:
        zeros = ops.broadcast_to(0.0, (self.x.shape[0], self.hidden))
        starts = tuple(zeros if s is None else s[:, d] for s in self.starts)

        def body(states: tuple[Value, ...], given: tuple[Value, ...]) -> tuple[Any, Value]:
            after = step(given[0], *states)
            if self.mask is None:
                return after, after[0]
            counts = ops.reshape(given[1], (given[1].shape[0], 1))
            kept = tuple(ops.where(counts, a, b) for a, b in zip(after, states, strict=True))
            return kept, ops.where(counts, after[0], 0.0)

        sequences = (inputs,) if self.mask is None else (inputs, self.mask)
        last, every = ops.scan(body, starts, sequences, reverse=backwards)
        return every, list(last)

    def recurrent(self, d: int) -> tuple[Value, Value | float]:
        """R turned for a product, and its bias."""
        turned = ops.transpose(self.again[d])
        if self.bias is None:
            return turned, 0.0
        return turned, self.bias[d][self.gates * self.hidden :]


def _bound(
    function: Callable[..., Value], numbers: Sequence[float | None], clip: float
) -> Function:
    if not clip:
        return lambda x: function(x, *numbers)
    return lambda x: function(ops.clip(x, -clip, clip), *numbers)


def _lstm(n: Node) -> list[Value]:
    node = _Recurrence(n, 4, ("Sigmoid", "Tanh", "Tanh"), 2)
    peepholes = n.value(7) if n.has(7) else None
    coupled = bool(n.attr("input_forget", 0))

    def step_of(node: _Recurrence, d: int) -> Any:
        f, g, h_of = node.functions[d]
        recurrent, bias = node.recurrent(d)
        peep = None if peepholes is None else node.cut(peepholes[d], axis=0)

        def step(z: Value, h: Value, c: Value) -> tuple[Value, Value]:
            i, o, forget, new = node.cut(z + h @ recurrent + bias)
            if peep is not None:
                i, forget = i + peep[0] * c, forget + peep[2] * c
            opened = f(i)
            c = (1.0 - opened if coupled else f(forget)) * c + opened * g(new)
            return f(o if peep is None else o + peep[1] * c) * h_of(c), c

        return step

    return node.outputs(step_of)


def _gru(n: Node) -> list[Value]:
    node = _Recurrence(n, 3, ("Sigmoid", "Tanh"), 1)
    after = bool(n.attr("linear_before_reset", 0))

    def step_of(node: _Recurrence, d: int) -> Any:
        f, g = node.functions[d]
        recurrent, bias = node.recurrent(d)
        k = 2 * node.hidden
        gates, inner = recurrent[:, :k], recurrent[:, k:]
        of_gates, of_inner = (bias, bias) if isinstance(bias, float) else (bias[:k], bias[k:])

        def step(element: Value, h: Value) -> tuple[Value]:
            a, b, c = node.cut(element)
            z, r = node.cut(h @ gates + of_gates)
            z, r = f(a + z), f(b + r)
            new = r * (h @ inner + of_inner) if after else (r * h) @ inner + of_inner
            return (z * h + (1.0 - z) * g(c + new),)

        return step

    return node.outputs(step_of)


def _rnn(n: Node) -> list[Value]:
    def step_of(node: _Recurrence, d: int) -> Any:
        (f,) = node.functions[d]
        recurrent, bias = node.recurrent(d)
        return lambda z, h: (f(z + h @ recurrent + bias),)

    return _Recurrence(n, 1, ("Tanh",), 1).outputs(step_of)


RECURRENT: dict[str, Callable[[Node], Any]] = {"GRU": _gru, "LSTM": _lstm, "RNN": _rnn}
