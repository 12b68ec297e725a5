"""Layers around those of sequences: both directions, each step alone, masks."""

from __future__ import annotations

import copy
from typing import Any

from gdcore import ops
from gdcore.errors import unknown
from gdcore.graph.dims import Batch, size
from gdcore.graph.ir import Value
from gdcore.layers.base import Layer
from gdcore.layers.rnn import RNN

__all__ = [
    "Bidirectional",
    "Masking",
    "TimeDistributed",
]

MERGES = ("concat", "sum", "mul", "ave", None)


class Masking(Layer):
    """Masks the steps of (B, steps, features) at which all features have one value; keeps the numbers.

    Parameters
    ----------
    mask_value : float
    name : str, optional

    Raises
    ------
    ValueError
        When it is called, if the input is not (B, steps, features).

    Examples
    --------
    >>> import gdcore as gd
    >>> model = gd.Sequential([gd.Input((3, 1)), gd.Masking(), gd.GlobalAvgPool()])
    >>> model.predict([[[4.0], [2.0], [0.0]]])
    array([[3.]], dtype=float32)
    """

    masks = "use"

    def __init__(self, mask_value: float = 0.0, name: str | None = None) -> None:
        self.mask_value = float(mask_value)
        self.name = name

    def forward(self, x: Value) -> Value:  # type: ignore[override]
        if x.ndim < 3:
            raise ValueError(
                f"Masking got an input of shape {x.shape}: expected (batch, steps, features)"
            )
        differs = ops.not_equal(x, self.mask_value)
        return ops.with_mask(x, ops.max(differs, range(2, x.ndim)))


class Bidirectional(Layer):
    """A recurrent layer from the first step to the last, and another one from the last to the first.

    Backwards, a sample begins at its last step that counts, where the sequence has a mask or lengths.

    Parameters
    ----------
    layer : RNN
        Such as `LSTM`, `GRU`; it goes forwards.
    merge_mode : {"concat", "sum", "mul", "ave", None}
        How outputs of both become one; None gives both, in a tuple.
    backward_layer : RNN, optional
        The other direction, with go_backwards; otherwise a copy of `layer` with weights of its own.
    name : str, optional

    Raises
    ------
    TypeError
        If a layer is none of steps.
    ValueError
        For another mode; if the layers go the same way, differ in what they return, or the layer that is to
        be copied has weights already.

    Notes
    -----
    It is called as the layer is: ``initial_state=`` takes the states of both, forwards first, and with
    `return_state` the call returns (output, forward states, backward states).

    References
    ----------
    Schuster and Paliwal 1997, Bidirectional recurrent neural networks.

    Examples
    --------
    >>> import gdcore as gd
    >>> gd.Bidirectional(gd.LSTM(16, return_sequences=True))(gd.Input((20, 3))).shape
    (B, 20, 32)
    """

    masks = "use"

    def __init__(
        self,
        layer: RNN,
        merge_mode: str | None = "concat",
        backward_layer: RNN | None = None,
        name: str | None = None,
    ) -> None:
        for one in (layer, backward_layer):
            if not isinstance(one, RNN) and (one is layer or one is not None):
                raise TypeError(
                    f"Bidirectional got {type(one).__name__}: expected a recurrent layer, such as gd.LSTM(16)"
                )
        if merge_mode not in MERGES:
            raise unknown("Bidirectional merge_mode", str(merge_mode), map(str, MERGES))
        if backward_layer is None:
            if any(part.variables for _, part in layer.walk()):
                raise ValueError(
                    "Bidirectional copies a layer before it has weights, and this one has: give it a new "
                    "layer, or backward_layer="
                )
            backward_layer = copy.deepcopy(layer)
            backward_layer.go_backwards = not layer.go_backwards
        ways = [one.go_backwards for one in (layer, backward_layer)]
        if ways != [False, True]:
            raise ValueError(
                f"Bidirectional got layers with go_backwards={ways}: expected [False, True]"
            )
        if layer.stateful or backward_layer.stateful:
            raise ValueError(
                "Bidirectional got a layer with stateful: expected none, as the way back begins at the end, which is "
                "in a later batch"
            )
        for what in ("return_sequences", "return_state"):
            if getattr(layer, what) != getattr(backward_layer, what):
                raise ValueError(
                    f"Bidirectional got layers that differ in {what}: expected the same"
                )
        self.forward_layer, self.backward_layer = layer, backward_layer
        self.merge_mode = merge_mode
        self.name = name

    def forward(self, x: Value, initial_state: Any = None, lengths: Value | None = None) -> Any:  # type: ignore[override]
        both = self.forward_layer, self.backward_layer
        named: list[dict[str, Any]] = [
            {} if lengths is None else {"lengths": lengths} for _ in both
        ]
        if initial_state is not None:
            half = len(self.forward_layer.state_sizes)
            states = (
                list(initial_state) if isinstance(initial_state, list | tuple) else [initial_state]
            )
            named[0]["initial_state"], named[1]["initial_state"] = states[:half], states[half:]
        results = [layer(x, **more) for layer, more in zip(both, named, strict=True)]
        if not self.forward_layer.return_state:
            return self._merged(results[0], results[1])
        merged = self._merged(results[0][0], results[1][0])
        outputs = merged if isinstance(merged, tuple) else (merged,)
        return (*outputs, *results[0][1:], *results[1][1:])

    def _merged(self, a: Value, b: Value) -> Any:
        if self.merge_mode is None:
            return a, b
        if self.merge_mode == "concat":
            joined = ops.concatenate([a, b], axis=-1)
            mask = ops.mask_of(a)
            return joined if mask is None else ops.with_mask(joined, mask)
        if self.merge_mode == "mul":
            return a * b
        return a + b if self.merge_mode == "sum" else (a + b) * 0.5


class TimeDistributed(Layer):
    """A layer applied to each step by itself: (B, steps, ...) as (B · steps, ...).

    Parameters
    ----------
    layer : Layer
    name : str, optional

    Raises
    ------
    TypeError
        If it is no layer.
    ValueError
        When it is called, if the input has no steps.

    Examples
    --------
    >>> import gdcore as gd
    >>> frames = gd.Input((10, 28, 28, 1))
    >>> gd.TimeDistributed(gd.Conv2D(4, 3))(frames).shape
    (B, 10, 26, 26, 4)
    """

    masks = "use"

    def __init__(self, layer: Layer, name: str | None = None) -> None:
        if not isinstance(layer, Layer):
            raise TypeError(
                f"TimeDistributed got {type(layer).__name__}: expected a layer, such as gd.Dense(4)"
            )
        self.layer = layer
        self.name = name

    def forward(self, x: Value) -> Value:  # type: ignore[override]
        if x.ndim < 3 or isinstance(x.shape[1], Batch):
            raise ValueError(
                f"TimeDistributed got an input of shape {x.shape}: expected (batch, steps, ...)"
            )
        lead, mask = x.shape[:2], ops.mask_of(x)
        each = ops.reshape(ops.drop_mask(x), (size(lead), *x.shape[2:]))
        if mask is not None and mask.ndim > 2:  # steps within the steps: the layer gets theirs
            each = ops.with_mask(each, ops.reshape(mask, (size(lead), *mask.shape[2:])))
            mask = ops.max(mask, range(2, mask.ndim))
        y = self.layer(each)
        if not isinstance(y, Value):
            raise TypeError(
                f"TimeDistributed({type(self.layer).__name__}) got {type(y).__name__} for a step: expected "
                "a layer with one output"
            )
        inner = ops.mask_of(y)
        out = ops.reshape(ops.drop_mask(y), (*lead, *y.shape[1:]))
        if inner is not None:
            mask = ops.reshape(inner, (*lead, *inner.shape[1:]))
        return out if mask is None else ops.with_mask(out, mask)
