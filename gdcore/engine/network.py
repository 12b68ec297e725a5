"""A traced model: the graph from its inputs to its outputs, and the names of its variables."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np

from gdcore.data.arrays import Rows
from gdcore.engine.mask_inputs import check_mask, mask_inputs
from gdcore.graph.dims import Batch, Shape
from gdcore.graph.ir import INT, REAL, Value, base, topological
from gdcore.graph.ops.carried import AS_ROWS, CARRIED
from gdcore.graph.ops.draws import number_streams
from gdcore.graph.ops.identities import IDENTITY
from gdcore.graph.ops.indexing import SCATTER, TAKE
from gdcore.graph.ops.leaves import INPUT, PARAM, STATE, apply
from gdcore.graph.ops.masks import STEP_MASK
from gdcore.layers.base import Layer, Parameter, State, Variable

INT32 = np.iinfo(np.int32)


@dataclass(eq=False, repr=False)
class Network:
    """A traced model.

    Attributes
    ----------
    inputs : leaves, in the order in which their data is given
    outputs : list of Value
    output_names : names of several outputs, if `forward` returned a dict
    parameters, states : in the order of the layers
    names : name of each variable
    traced : outputs as `forward` returned them, for losses; their random streams are not numbered yet
    streams : number of each random stream
    told : (loss, output) pairs that were checked for an assumed reading, so that a warning comes once
    """

    inputs: list[Value]
    outputs: list[Value]
    output_names: list[str] | None
    parameters: list[Parameter]
    states: list[State]
    names: dict[Variable, str]
    traced: list[Value]
    streams: dict[object, int]
    told: list[tuple[Any, Value]] = field(default_factory=list)

    @cached_property
    def index_limits(self) -> dict[Value, int]:
        """For each input that indexes the rows of a table (an embedding), the number of rows."""
        limits: dict[Value, int] = {}
        for v in topological(self.outputs):
            index = base(v.inputs[1]) if v.op in (TAKE, SCATTER) else None
            if index is not None and index.op is INPUT:
                rows = (v.inputs[0] if v.op is TAKE else v).shape[0]
                assert isinstance(rows, int)
                limits[index] = min(rows, limits.get(index, rows))
        return limits

    @cached_property
    def length_limits(self) -> dict[Value, int]:
        """For each input that holds the lengths of sequences, the number of their steps."""
        limits: dict[Value, int] = {}
        for v in topological(self.outputs):
            if v.op is STEP_MASK and base(v.inputs[0]).op is INPUT:
                lengths, steps = base(v.inputs[0]), v.attrs["steps"]
                limits[lengths] = min(steps, limits.get(lengths, steps))
        return limits

    @cached_property
    def masks(self) -> set[Value]:
        """The inputs that hold a mask of steps."""
        return mask_inputs(topological(self.outputs))

    @cached_property
    def carried(self) -> list[Value]:
        """The states that layers carry from batch to batch, (samples, ...)."""
        notes = (v for v in topological(self.outputs) if v.op is CARRIED)
        return list(dict.fromkeys(v.inputs[1] for v in notes))

    @cached_property
    def carried_samples(self) -> int | None:
        """The samples of each batch, if states are carried.

        Raises
        ------
        ValueError
            If layers carry states of several numbers of samples.
        """
        rows = (v for v in topological(self.outputs) if v.op is AS_ROWS)
        first = [d for v in rows for d in (v.shape[0], v.inputs[0].shape[0])]
        sizes = sorted({d for d in first if isinstance(d, int)})
        if len(sizes) > 1:
            raise ValueError(
                f"layers with stateful={sizes[0]} and stateful={sizes[1]}: expected one size of batches"
            )
        return sizes[0] if sizes else None

    @property
    def limited(self) -> bool:
        """Whether inputs have to be looked at before a step: see `check_indices`."""
        return bool(self.index_limits or self.length_limits or self.masks or self.carried)

    @property
    def input_names(self) -> list[str]:
        """Names of the inputs."""
        return [v.name for v in self.inputs]


def outputs_of(result: Any, who: str) -> tuple[list[Value], list[str] | None]:
    """The outputs as a list, and their names if they came in a dict."""
    if isinstance(result, dict):
        names, values = [str(k) for k in result], list(result.values())
        if len(set(names)) != len(names):
            raise ValueError(
                f"{who} names its outputs {names}: expected a name of its own for each"
            )
    elif isinstance(result, list | tuple):
        names, values = None, list(result)
    else:
        names, values = None, [result]
    if not values or not all(isinstance(v, Value) for v in values):
        raise TypeError(
            f"{who} returned {type(result).__name__}: "
            "expected a traced value, or a tuple or dict of them"
        )
    for v in values:
        if not v.shape or v.shape[0] != Batch(1):
            raise ValueError(
                f"{who} put out shape {v.shape}: "
                "expected the batch first, (B, ...), one row for each sample"
            )
    # outputs are copied out as reals: convert those that are not
    return [v if v.dtype == REAL else apply(IDENTITY, v, shape=v.shape) for v in values], names


def trace(model: Layer, inputs: Sequence[Value], result: Any) -> Network:
    """The network of a model whose `forward` gave `result` for these inputs."""
    values, output_names = outputs_of(result, type(model).__name__)
    streams: dict[object, int] = {}
    numbered = number_streams(values, streams)
    order = topological(numbered)
    known = {id(x) for x in inputs}
    for v in order:
        if v.op is INPUT and id(v) not in known:
            raise ValueError(
                f"the outputs depend on the input {v.name!r}, which is not among the model's inputs"
            )
    found = [v.attrs["variable"] for v in order if v.op in (PARAM, STATE)]
    names = _names(model, found)
    used = set(found)
    ordered = [v for v in names if v in used]
    return Network(
        list(inputs),
        numbered,
        output_names,
        [v for v in ordered if isinstance(v, Parameter)],
        [v for v in ordered if isinstance(v, State)],
        names,
        values,
        streams,
    )


def _names(model: Layer, found: Sequence[Variable]) -> dict[Variable, str]:
    """A name for each variable: the path of its layer, then its own."""
    paths: dict[int, str] = {}
    order: list[Layer] = []
    for path, layer in model.walk():
        if id(layer) not in paths:
            paths[id(layer)] = path
            order.append(layer)
    taken = set(paths.values())
    numbers: Counter[str] = Counter()
    for variable in found:  # layers that no attribute holds: numbered by kind
        layer = variable.owner
        if id(layer) not in paths:
            kind = path = layer.name or type(layer).__name__.lower()
            while path in taken:
                numbers[kind] += 1
                path = f"{kind}_{numbers[kind]}"
            taken.add(path)
            paths[id(layer)] = path
            order.append(layer)
    names: dict[Variable, str] = {}
    for layer in order:
        for variable in layer.variables.values():
            path = paths[id(layer)]
            names[variable] = f"{path}.{variable.local_name}" if path else variable.local_name
            variable.leaf.name = names[variable]
    if len(set(names.values())) != len(names):
        twice = next(n for n, times in Counter(names.values()).items() if times > 1)
        raise ValueError(
            f"two variables have the name {twice!r}: give their layers different names"
        )
    return names


def check_indices(arrays: Sequence[Rows], network: Network) -> None:
    """Raises ValueError if an input of indices or lengths is out of range, or one of masks is none or turned over."""
    limits, lengths = network.index_limits, network.length_limits
    for array, leaf in zip(arrays, network.inputs, strict=True):
        limit, steps = limits.get(leaf), lengths.get(leaf)
        if limit is not None and array.size and not 0 <= array.min() <= array.max() < limit:
            bad = array.min() if array.min() < 0 else array.max()
            raise ValueError(
                f"input {leaf.name!r} holds the index {bad}, and the embedding has {limit} rows: "
                f"expected 0 to {limit - 1}"
            )
        if steps is not None and array.size and not 0 <= array.min() <= array.max() <= steps:
            bad = array.min() if array.min() < 0 else array.max()
            raise ValueError(
                f"input {leaf.name!r} holds the length {bad}, and the sequences have {steps} steps: "
                f"expected 0 to {steps}; cut what is longer"
            )
        if leaf in network.masks and isinstance(array, np.ndarray):
            check_mask(array, leaf.name)


def _order_of_axes(shape: tuple[int, ...], want: Shape) -> str:
    """What to do with images whose channels come first."""
    if len(want) < 3 or shape[1:] != (want[-1], *want[:-1]):
        return ""
    order = ", ".join(map(str, [0, *range(2, len(shape)), 1]))
    return f"; it has the channels first: turn it by x.transpose({order})"


def check_input(array: Rows, leaf: Value, picks: bool) -> None:
    """Raises ValueError or TypeError if an array does not fit an input.

    `picks` says that the input indexes the rows of a table; `check_indices` then checks its range.
    """
    want = leaf.shape[1:]
    if array.shape[1:] != want:
        raise ValueError(
            f"input {leaf.name!r} has the shape {array.shape}: expected (n, "
            f"{', '.join(map(str, want))})"
            + (
                "; give it a column with X.reshape(-1, 1)"
                if array.ndim == 1 and want == (1,)
                else _order_of_axes(array.shape, want)
            )
        )
    if leaf.dtype == INT and array.dtype.kind not in "iu":
        raise TypeError(
            f"input {leaf.name!r} takes whole numbers and got {array.dtype}: convert it with "
            ".astype(int)"
        )
    small = array.dtype.itemsize < 4 or array.dtype == np.int32
    if leaf.dtype == INT and not small and not picks and array.size:
        low, high = array.min(), array.max()
        if low < INT32.min or high > INT32.max:
            raise ValueError(
                f"input {leaf.name!r} holds {high if high > INT32.max else low}, and whole numbers "
                f"are computed with as int32, up to {INT32.max}: convert it with .astype(float)"
            )
