"""Recurrence over the steps of a sequence: what LSTM, GRU, SimpleRNN and cells of one's own share."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from gdcore import ops
from gdcore.graph.dims import Batch
from gdcore.graph.ir import Value
from gdcore.graph.ops.carried import batch_of, carried
from gdcore.graph.ops.masks import seen
from gdcore.layers.base import CARRIED, Layer
from gdcore.setting_checks import positive

__all__ = ["RNN"]

# A step: (element, states before it) gives (output, states after it).
Step = Callable[[Value, Sequence[Value]], tuple[Value, Sequence[Value]]]


class RNN(Layer):
    """A cell that is run over the steps of a sequence; the loop is one instruction of the plan.

    (B, steps, ...) becomes the last output (B, n), or every one (B, steps, n).

    Parameters
    ----------
    cell : Layer
        ``cell(x, *states)`` returns its output and the states after the step, several of them in a
        tuple. Its attribute `state_size` is the size of its state, or a tuple of sizes.
    return_sequences : bool
        Every step's output, (B, steps, n); otherwise the last one's, (B, n).
    return_state : bool
        The last states as well: the call returns a tuple (output, state, ...).
    go_backwards : bool
        From the last step to the first. Outputs of a sequence stay where their elements are.
    stateful : int
        How many sequences go on from batch to batch: sample i of a batch begins with the states that sample i of the
        batch before ended with, in training and in prediction. Batches have this size then, and are not shuffled;
        `reset_states` begins anew, as each epoch does. 0 for none.
    name : str, optional

    Raises
    ------
    TypeError
        If the cell is no layer with a `state_size`.
    ValueError
        When it is called, if the input is not (B, steps, ...), or an initial state or lengths do not fit.

    Notes
    -----
    It is called with a sequence, and may be given ``initial_state=`` (a value (B, n) for each state,
    otherwise zeros) and ``lengths=`` (B,), an input that says how many steps of each sample count. A mask
    on the sequence says the same of any steps. States pass by steps that do not count: the last state is
    that of the last step that does, the initial one where none does; outputs of a sequence are 0 there,
    and backwards the loop begins at the last step that counts.

    Examples
    --------
    >>> import gdcore as gd
    >>> class Cell(gd.Layer):
    ...     state_size = 4
    ...     def forward(self, x, h):
    ...         w, u = self.param("w", (x.shape[-1], 4)), self.param("u", (4, 4), "orthogonal")
    ...         h = gd.ops.tanh(x @ w + h @ u)
    ...         return h, h
    >>> gd.RNN(Cell())(gd.Input((20, 3))).shape
    (B, 4)
    """

    masks = "use"
    cell: Layer | None = None  # None for a subclass whose output is its first state
    state_sizes: Sequence[int]

    def __init__(
        self,
        cell: Layer,
        *,
        return_sequences: bool = False,
        return_state: bool = False,
        go_backwards: bool = False,
        stateful: int = 0,
        name: str | None = None,
    ) -> None:
        size = getattr(cell, "state_size", None)
        if not isinstance(cell, Layer) or size is None:
            raise TypeError(
                f"RNN got the cell {cell!r}: expected a gd.Layer with an attribute state_size, a number or a "
                "tuple of them, and forward(self, x, *states) that returns (output, states)"
            )
        sizes = size if isinstance(size, list | tuple) else (size,)
        self.cell = cell
        self.state_sizes = tuple(positive("RNN cell.state_size", n) for n in sizes)
        self._settings(return_sequences, return_state, go_backwards, name, stateful)

    def _settings(
        self,
        return_sequences: bool,
        return_state: bool,
        go_backwards: bool,
        name: str | None,
        stateful: int = 0,
    ) -> None:
        who = f"{type(self).__name__} stateful"
        if stateful is True:
            raise ValueError(
                f"{who}=True: expected how many sequences go on from batch to batch, the size of each batch"
            )
        self.stateful = positive(who, stateful) if stateful else 0
        if self.stateful and go_backwards:
            raise ValueError(f"{who} and go_backwards: expected a loop that goes on where it ended")
        self.return_sequences = bool(return_sequences)
        self.return_state = bool(return_state)
        self.go_backwards = bool(go_backwards)
        self.name = name

    def _prepared(self, x: Value) -> tuple[Value, Step]:
        """What of all steps is computed at once, before the loop, and the step."""

        def step(element: Value, states: Sequence[Value]) -> tuple[Value, Sequence[Value]]:
            assert self.cell is not None
            result = self.cell(element, *states)
            if not isinstance(result, tuple) or len(result) != 2:
                raise TypeError(
                    f"{type(self.cell).__name__} returned {type(result).__name__}: expected the output and "
                    "the states after the step, as in `return h, h`"
                )
            output, new = result
            return output, list(new) if isinstance(new, list | tuple) else [new]

        return x, step

    def forward(self, x: Value, initial_state: Any = None, lengths: Value | None = None) -> Any:  # type: ignore[override]
        who = type(self).__name__
        if x.ndim < 3 or (self.cell is None and x.ndim > 3) or isinstance(x.shape[1], Batch):
            raise ValueError(
                f"{who} got an input of shape {x.shape}: expected (batch, steps, features)"
            )
        mask = sequence_mask(x, lengths)
        x = ops.drop_mask(x)
        elements, step = self._prepared(x)
        starts = self._starts(x, initial_state)
        # an output that is no state is carried too, for the last one
        extra = [] if self.return_sequences else self._first_output(step, elements, starts)

        def body(carries: tuple[Value, ...], given: tuple[Value, ...]) -> tuple[Any, Any]:
            states = carries[: len(starts)]
            output, new = step(given[0], states)
            after = list(new)
            if extra:
                after.append(output)
            if mask is not None:
                after = [kept(given[1], a, b) for a, b in zip(after, carries, strict=True)]
                output = kept(given[1], output, 0.0) if self.return_sequences else output
            return tuple(after), output if self.return_sequences else None

        sequences = (elements,) if mask is None else (elements, mask)
        last, every = ops.scan(body, (*starts, *extra), sequences, reverse=self.go_backwards)
        if self.return_sequences:
            output = every if mask is None else ops.with_mask(every, mask)
        else:
            output = last[len(starts)] if extra else last[0]
        results = [output, *last[: len(starts)]] if self.return_state else [output]
        for state, new in zip(self._carried(), last, strict=False):
            results = [carried(v, state, new) for v in results]
        return tuple(results) if self.return_state else results[0]

    def _first_output(self, step: Step, elements: Value, starts: Sequence[Value]) -> list[Value]:
        """The output before the first step, zeros; none where the output is the first state."""
        if self.cell is None:
            return []
        output, states = step(elements[:, 0], starts)
        return [] if output is states[0] else [ops.broadcast_to(0.0, output.shape)]

    def _carried(self) -> list[Value]:
        """The states that go on from batch to batch."""
        if not self.stateful:
            return []
        sizes = enumerate(self.state_sizes)
        return [self.state(f"{CARRIED}{k}", (self.stateful, n)) for k, n in sizes]

    def _starts(self, x: Value, given: Any) -> list[Value]:
        """The states before the first step."""
        shapes = [(x.shape[0], n) for n in self.state_sizes]
        if self.stateful:
            batch = x.shape[0]
            if given is not None or not isinstance(batch, Batch) or batch != Batch(1):
                raise ValueError(
                    f"{type(self).__name__} with stateful={self.stateful} got "
                    f"{'an initial_state' if given is not None else f'an input of shape {x.shape}'}: expected a "
                    "batch of sequences, whose initial states are those that the last batch left"
                )
            return [batch_of(state, batch) for state in self._carried()]
        if given is None:
            return [ops.broadcast_to(0.0, s) for s in shapes]
        states = list(given) if isinstance(given, list | tuple) else [given]
        found = [getattr(v, "shape", v) for v in states]
        if found != shapes:
            raise ValueError(
                f"{type(self).__name__} got initial_state of shapes {found}: expected {shapes}"
            )
        return states


def sequence_mask(x: Value, lengths: Value | None, given: Value | None = None) -> Value | None:
    """Which steps of a sequence count: those of its mask, of a `given` one, and within its lengths; None: all."""
    mask = ops.mask_of(x)
    if given is not None:
        if given.shape != x.shape[:2]:
            raise ValueError(
                f"a mask of shape {given.shape} for keys of shape {x.shape}: expected (batch, keys), which is "
                f"{x.shape[:2]}, one number for each key; what differs by query is a bias of gd.ops.attention"
            )
        mask = seen(given) if mask is None else mask * seen(given)
    if mask is not None and mask.shape != x.shape[:2]:
        raise ValueError(
            f"a mask of shape {mask.shape} on a sequence of shape {x.shape}: expected {x.shape[:2]}, one "
            "number for each step"
        )
    if lengths is None:
        return mask
    if lengths.shape != x.shape[:1]:
        raise ValueError(
            f"lengths of shape {lengths.shape} for a sequence of shape {x.shape}: expected "
            f"{x.shape[:1]}, as gd.Input((), dtype='int') gives"
        )
    counts = ops.step_mask(lengths, int(x.shape[1]))  # type: ignore[arg-type]
    return counts if mask is None else mask * counts


def kept(counts: Value, new: Any, otherwise: Any) -> Value:
    """`new` for samples whose step counts."""
    shape = (*counts.shape, *[1] * (new.ndim - 1))
    return ops.where(ops.reshape(counts, shape), new, otherwise)
