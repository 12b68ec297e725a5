"""Random numbers in the graph, a function of (seed, stream, step, element)."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar

from gdcore.graph.dims import Dim, Shape
from gdcore.graph.ir import Op, Value, register, rewrite, topological
from gdcore.graph.ops.leaves import apply
from gdcore.graph.ranges import within

OWN_STREAMS = 1 << 20  # streams from here on are numbered by number_streams
RANDOM = register(
    Op(
        "random_uniform",
        "map",
        lambda _, attrs: tuple(attrs["shape"]),
        lambda y, d: [],
        flops=30,
        bounds=within(0.0, 1.0),
    )
)


def random_uniform(shape: Sequence[Dim], stream: int | None = None) -> Value:
    """Numbers uniform on [0, 1), new at every step; a function of (seed, stream, step, element).

    Parameters
    ----------
    shape : sequence of int or Batch
        Of the result; take it from another value, ``x.shape``, for one draw for each element.
    stream : int, optional
        Below 2**20. Two values with the same stream draw the same numbers; None gives the value a
        stream of its own, numbered by its place in the network.

    Returns
    -------
    Value
        Of that shape. No gradient flows from it.

    Raises
    ------
    ValueError
        If the stream is out of range.

    Examples
    --------
    >>> import gdcore as gd
    >>> gd.ops.random_uniform(gd.Input(3).shape)
    <random_uniform (B, 3)>
    """
    if stream is not None and not 0 <= stream < OWN_STREAMS:
        raise ValueError(f"random_uniform stream={stream}: expected None or 0 to {OWN_STREAMS - 1}")
    return _draw.get()(tuple(shape), object() if stream is None else int(stream))


def _plainly(shape: Shape, stream: object) -> Value:
    return apply(RANDOM, shape=shape, stream=stream)


_draw: ContextVar[Callable[[Shape, object], Value]] = ContextVar("draw", default=_plainly)


@contextmanager
def drawing(draw: Callable[[Shape, object], Value]) -> Iterator[Callable[[Shape, object], Value]]:
    """Have `random_uniform` make its values by another function; gives the one that does so outside."""
    outer = _draw.get()
    token = _draw.set(draw)
    try:
        yield outer
    finally:
        _draw.reset(token)


def number_streams(outputs: Sequence[Value], numbers: dict[object, int]) -> list[Value]:
    """Number the streams that values have of their own, in the order of the graph.

    The same network so draws the same numbers wherever and whenever it is traced.

    Parameters
    ----------
    outputs : sequence of Value
    numbers : dict
        Of the streams that have one already; gains those that are new.
    """
    order = [v.attrs["stream"] for v in topological(outputs) if v.op is RANDOM]
    if all(isinstance(s, int) for s in order):
        return list(outputs)
    taken = {OWN_STREAMS - 1, *numbers.values(), *(s for s in order if isinstance(s, int))}
    first = max(taken) + 1
    fresh = [s for s in dict.fromkeys(order) if not isinstance(s, int) and s not in numbers]
    numbers.update({s: first + i for i, s in enumerate(fresh)})

    def number(v: Value) -> Value:
        if v.op is not RANDOM or isinstance(v.attrs["stream"], int):
            return v
        attrs = {**v.attrs, "stream": numbers[v.attrs["stream"]]}
        numbered = Value(v.op, (), attrs, v.shape)
        numbered.layer, numbered.within = v.layer, v.within
        return numbered

    new = rewrite(outputs, number)
    return [new[v] for v in outputs]
