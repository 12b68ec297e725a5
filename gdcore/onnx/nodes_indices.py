"""Nodes that move elements by constant positions: gathers, scatters, tiles, as traced values.

A node is computed over (samples, *shape in the file), so that positions along the file's batch are positions within
a sample; a file with an open batch has none such. The elements of a sample are numbered: what a node moves where is
found by what it does to their numbers.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from gdcore import ops
from gdcore.graph.dims import Batch
from gdcore.graph.ir import Value
from gdcore.onnx.nodes_host import room
from gdcore.onnx.nodes_shapes import MOST_PARTS, axis_of, index_of
from gdcore.onnx.reader import Node
from gdcore.onnx.samples import apart, in_file, together

MOST_POSITIONS = 1 << 18  # that one node may name


def _alone(n: Node) -> None:
    if not n.reader.together:
        raise ValueError(
            "positions that name samples of the batch: expected a file that fixes the size of the batch"
        )


def _numbered(x: Value) -> np.ndarray:
    """The elements of a sample by number, in their shape in the file."""
    shape = in_file(x.shape)
    count = int(np.prod(shape))
    if count > MOST_POSITIONS:
        raise ValueError(f"positions in {count} elements: expected at most {MOST_POSITIONS}")
    return np.arange(count).reshape(shape)


def _flat(x: Value) -> Value:
    y = apart(x)
    return ops.reshape(y, (y.shape[0], -1))


def _at(flat: Value, positions: np.ndarray) -> Value:
    """The elements of these numbers, in the shape of the array of numbers."""
    if not 0 < positions.size <= MOST_POSITIONS:
        raise ValueError(f"{positions.size} positions: expected 1 to {MOST_POSITIONS}")
    found = ops.resample(flat, 1, [[(int(p), 1.0)] for p in positions.reshape(-1)])
    return ops.reshape(found, (flat.shape[0], *positions.shape))


def moved(x: Value, function: Callable[[np.ndarray], np.ndarray]) -> Value:
    """What NumPy's function makes of a sample's array by moving its elements."""
    return together(_at(_flat(x), function(_numbered(x))))


def _indices(n: Node, i: int, bounds: Sequence[int]) -> np.ndarray:
    """Input i, counted from the front: whole numbers within bounds, which broadcast to it."""
    index = n.array(i)
    limits = np.asarray(bounds)
    if index.dtype.kind not in "iu" or not ((-limits <= index) & (index < limits)).all():
        raise ValueError(f"input {i}: expected whole numbers, from -size to size - 1 each")
    return np.where(index < 0, index + limits, index)


def _along(n: Node, grid: np.ndarray) -> tuple[Any, ...]:
    """For elements along an axis: where each of the index array is."""
    axis = axis_of(n.attr("axis", 0), grid.ndim)
    index = _indices(n, 1, [grid.shape[axis]])
    if index.ndim != grid.ndim:
        raise ValueError(
            f"indices of shape {index.shape} into shape {grid.shape}: expected as many dimensions"
        )
    at = list(np.ogrid[tuple(map(slice, index.shape))])
    at[axis] = index
    return tuple(np.broadcast_arrays(*at))


def _gather_elements(n: Node) -> Value:
    _alone(n)
    return moved(n.value(0), lambda grid: grid[_along(n, grid)])


def _gather_nd(n: Node) -> Value:
    _alone(n)
    lead = n.attr("batch_dims", 0)

    def gathered(grid: np.ndarray) -> np.ndarray:
        if not 0 <= lead < min(grid.ndim, n.array(1).ndim):
            raise ValueError(f"batch_dims {lead} of {grid.ndim} dimensions")
        depth = n.array(1).shape[-1]
        index = _indices(n, 1, grid.shape[lead : lead + depth])
        if grid.shape[:lead] != index.shape[:lead]:
            raise ValueError(f"indices of shape {index.shape} into shape {grid.shape}")
        found = [
            grid[at][tuple(np.moveaxis(index[at], -1, 0))] for at in np.ndindex(grid.shape[:lead])
        ]
        return np.reshape(found, (*index.shape[:lead], *found[0].shape))

    return moved(n.value(0), gathered)


def _scatter_elements(n: Node) -> Value:
    return _scattered(n, lambda grid: grid[_along(n, grid)])


def _scatter_nd(n: Node) -> Value:
    def targets(grid: np.ndarray) -> np.ndarray:
        depth = n.array(1).shape[-1]
        index = _indices(n, 1, grid.shape[:depth])
        found: np.ndarray = grid[tuple(np.moveaxis(index, -1, 0))]
        return found

    return _scattered(n, targets)


_REDUCTIONS: dict[bytes, Callable[[Value, Value], Value]] = {
    b"max": ops.maximum,
    b"min": ops.minimum,
    b"mul": ops.mul,
}


def _scattered(n: Node, targets: Callable[[np.ndarray], np.ndarray]) -> Value:
    """The data, with updates in the places of some elements, or joined with these."""
    _alone(n)
    data, updates, reduction = n.value(0), n.value(2), n.attr("reduction", b"none")
    grid = _numbered(data)
    places = targets(grid)
    if in_file(updates.shape) != places.shape:
        raise ValueError(
            f"updates of shape {updates.shape} for {places.shape} places: expected one for each"
        )
    if reduction not in (b"none", b"add", *_REDUCTIONS):
        raise ValueError(f"reduction {reduction!r}: expected none, add, mul, max or min")
    both = ops.concatenate([_flat(data), _flat(updates)], 1)
    given: list[list[int]] = [[] for _ in range(grid.size)]  # for each element its updates
    for k, place in enumerate(places.reshape(-1).tolist()):
        given[place].append(grid.size + k)
    if reduction == b"none":
        y = _at(both, np.array([own[-1] if own else i for i, own in enumerate(given)]))
    elif reduction == b"add":
        y = ops.resample(both, 1, [[(j, 1.0) for j in (i, *own)] for i, own in enumerate(given)])
    else:
        y = _flat(data)
        for k in range(max(map(len, given))):
            has = np.array([len(own) > k for own in given])
            next_ = _at(both, np.array([own[k] if len(own) > k else 0 for own in given]))
            y = ops.where(has, _REDUCTIONS[reduction](y, next_), y)
    return together(ops.reshape(y, (y.shape[0], *grid.shape)))


# --- the same for all samples ------------------------------------------------------------


def _tile(n: Node) -> Value:
    """Copies beside one another, along the batch of the file too."""
    repeats = n.ints(1)
    x = n.value(0)
    if len(repeats) != x.ndim or min(repeats, default=1) < 1:
        raise ValueError(f"repeats {repeats[:16]}: expected one for each dimension, at least 1")
    for axis, times in enumerate(repeats):
        if times > 1 and isinstance(x.shape[axis], Batch):
            _alone(n)
            if int(np.prod(repeats)) * int(np.prod(in_file(x.shape))) > MOST_POSITIONS:
                raise ValueError(
                    f"repeats {repeats[:16]}: expected at most {MOST_POSITIONS} elements"
                )
            return moved(x, lambda grid: np.tile(grid, repeats))
    if int(np.prod(repeats)) > MOST_PARTS:
        raise ValueError(f"repeats {repeats[:16]}: expected at most {MOST_PARTS} copies")
    for axis, times in enumerate(repeats):
        x = ops.concatenate([x] * times, axis)
    return x


def _triangle(n: Node) -> Value:
    """The elements on one side of a diagonal of the last two dimensions; zeros in the place of the others."""
    x = n.value(0)
    y = apart(x) if n.reader.together else x
    rows, columns = y.shape[-2:]
    if y.ndim < 2 or not isinstance(rows, int) or not isinstance(columns, int):
        raise ValueError(f"shape {x.shape}: expected matrices of each sample")
    k = int(n.number(1, 0.0))
    room((rows, columns))
    ahead = np.arange(columns) - np.arange(rows)[:, None]
    y = ops.where(ahead >= k if n.attr("upper", 1) else ahead <= k, y, 0.0)
    return together(y) if n.reader.together else y


def _center_crop_pad(n: Node) -> Value:
    """The middle of each axis, or zeros around it, until it has the size that is wanted."""
    x = n.value(0)
    y, shift = (apart(x), 1) if n.reader.together else (x, 0)
    rank = y.ndim - shift
    axes = [axis_of(a, rank) + shift for a in n.attr("axes", list(range(rank)))]
    sizes = n.ints(1)
    if len(sizes) != len(axes):
        raise ValueError(f"{len(sizes)} sizes for {len(axes)} axes")
    room(sizes)
    for axis, size in zip(axes, sizes, strict=True):
        length = y.shape[axis]
        if not isinstance(length, int) or not isinstance(size, int):
            raise ValueError("it changes the size of the batch")
        before = abs(length - size) // 2
        if size < length:
            y = index_of(y, axis, slice(before, before + size))
        elif size > length:
            widths = [(0, 0)] * y.ndim
            widths[axis] = (before, size - length - before)
            y = ops.pad(y, widths)
    return together(y) if n.reader.together else y


INDICES: dict[str, Callable[[Node], Any]] = {
    "CenterCropPad": _center_crop_pad,
    "GatherElements": _gather_elements,
    "GatherND": _gather_nd,
    "Scatter": _scatter_elements,
    "ScatterElements": _scatter_elements,
    "ScatterND": _scatter_nd,
    "Tile": _tile,
    "Trilu": _triangle,
}
