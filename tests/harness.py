"""One way to try an op: in a graph of its own, on any instruction set, beside NumPy."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from gdcore import ops, runtime
from gdcore.engine.session import BUFFER_NAMES, CONSTANTS, INPUTS, Session
from gdcore.graph.differentiate import gradients
from gdcore.graph.dims import Batch
from gdcore.graph.ir import INT, OPS, REAL, Op, Sample, Value
from gdcore.graph.ops import leaves as leaf_ops
from gdcore.graph.ops.leaves import input_value
from gdcore.graph.ops.loops import joined
from gdcore.graph.plan import make_plan
from gdcore.graph.program import Place

ISAS = runtime.isas_here()
TOLERANCE = {32: 2e-5, 64: 1e-12}


def graph_runner(
    leaves: Sequence[Value],
    outputs: Sequence[Value],
    bits: int,
    isa: str | None = None,
    threads: int = 1,
    rows: int = 1,
    bfloat16: int = 0,
) -> Callable[[Sequence[np.ndarray]], list[np.ndarray]]:
    """The outputs of a graph, planned once, as a function of the leaves' arrays."""
    real = np.float32 if bits == 32 else np.float64
    places = {v: Place(INPUTS + i, 0) for i, v in enumerate(leaves)}
    plan = make_plan(outputs, [], {}, places.get, rows, bits, CONSTANTS, BUFFER_NAMES, bfloat16)
    session = Session(
        plan, leaves, outputs, None, {}, isa=None if isa is None else runtime.isa_number(isa)
    )
    shapes = [tuple(d.rows * rows if isinstance(d, Batch) else d for d in v.shape) for v in outputs]

    def run(arrays: Sequence[np.ndarray]) -> list[np.ndarray]:
        data = [
            (np.ascontiguousarray(a, np.int32 if v.dtype == INT else real).reshape(rows, -1), 1.0)
            for v, a in zip(leaves, arrays, strict=True)
        ]
        # guard elements around each output
        made = [np.full(rows * n + 32, 12345.0, real) for n in session.tap_rows]
        views = [m[16 : m.size - 16] for m in made]
        done, status = session.run(data, rows, rows, outputs=views, threads=threads)
        assert (done, status) == (1, 0)
        for m in made:
            assert (m[:16] == 12345).all() and (m[-16:] == 12345).all(), "wrote beyond an output"
        return [v.reshape(s).copy() for v, s in zip(views, shapes, strict=True)]

    return run


def run_graph(
    leaves: Sequence[Value],
    arrays: Sequence[np.ndarray],
    outputs: Sequence[Value],
    bits: int,
    isa: str | None = None,
    threads: int = 1,
    rows: int = 1,
) -> list[np.ndarray]:
    """The outputs of a graph with given inputs; an output without a batch dimension is one row."""
    return graph_runner(leaves, outputs, bits, isa, threads, rows)(arrays)


def apply(op: Op, *inputs: Value, **attrs: object) -> Value:
    """The value of an op; of a loop, all that it gives in a row."""
    value = leaf_ops.apply(op, *inputs, **attrs)
    return joined(value) if op.kind == "loop" else value


def leaves_of(op: Op, sample: Sample) -> list[Value]:
    """Inputs of a sample as leaves, of fixed sizes: any rank and an empty batch can be tried."""
    takes_int = {("take", 1), ("scatter_add", 1), ("bag", 1), ("bag_add", 1)}
    return [
        input_value(shape, f"x{i}", INT if (op.name, i) in takes_int else REAL)
        for i, shape in enumerate(sample.shapes)
    ]


def arrays_of(sample: Sample, seed: int = 0, kink: float = 0.05) -> list[np.ndarray]:
    """Random inputs of a sample in float64, away from its kinks; exact in float32 too."""
    rng = np.random.default_rng(seed)
    out: list[np.ndarray] = []
    for i, shape in enumerate(sample.shapes):
        if i in sample.ints:
            out.append(rng.integers(0, sample.ints[i], shape).astype(np.float64))
            continue
        x = np.asarray(rng.uniform(sample.low, sample.high, shape))
        for point in sample.kink:
            if np.isinf(point):  # the two inputs must not meet
                x = np.where(rng.random(x.shape) < 0.5, x, x) + (
                    3.1 * (sample.high - sample.low) * rng.choice([-1, 1], x.shape) if i else 0
                )
            else:
                x = np.where(np.abs(x - point) < kink, x + 2 * kink, x)
        out.append(np.asarray(x, np.float32).astype(np.float64))
    return out


def close(got: np.ndarray, want: np.ndarray, tolerance: float) -> None:
    """Relative to the size of the tensor's largest element, and NaN where NaN is."""
    want = np.asarray(want, np.float64)
    assert got.shape == want.shape
    if want.size:
        scale = max(1.0, float(np.nanmax(np.abs(want))))
        np.testing.assert_allclose(got, want, rtol=tolerance * 10, atol=tolerance * scale)


__all__ = [
    "ISAS",
    "OPS",
    "TOLERANCE",
    "apply",
    "arrays_of",
    "close",
    "gradients",
    "graph_runner",
    "leaves_of",
    "ops",
    "run_graph",
]
