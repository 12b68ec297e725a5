"""A single op, planned alone and run many times in one call into C."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from bench.measure import drawn
from gdcore.engine.session import BUFFER_NAMES, CONSTANTS, PARAMS, Session, aligned
from gdcore.graph.ir import INT, OPS, REAL, Op, Sample, Value
from gdcore.graph.ops.leaves import RANGE, apply
from gdcore.graph.ops.loops import joined, sample_cell
from gdcore.graph.plan import make_plan
from gdcore.graph.program import ARENA, Place

LARGE_SIDE = 1024
_STEPS = {"strides": (1, 1), "padding": (1, 1, 1, 1), "dilation": (1, 1)}
_CONVOLUTION = {**_STEPS, "groups": 1}
_WINDOW = {"kernel": (3, 3), **_STEPS, "outside": 0.0}
_ATTENTION = {"scale": 0.125, "causal": True, "bias": False, "mask": False}
_POOL = {
    **dict.fromkeys(("kernel", "strides"), (2, 2)),
    **dict.fromkeys(("before", "after"), (0, 0)),
    "dilation": (1, 1),
    "windows": (16, 16),
}
_ALL = (0, None, 1)
_IMAGES, _POOLED = (16, 32, 32, 64), (16, 16, 16, 64)

# One sample larger than the caches for each kernel that is not elementwise.
LARGE: dict[str, Sample] = {
    "masked": Sample(((64, 256, 64), (64, 256))),
    "copy": Sample(((1024, 1024),)),
    "pieces": Sample(
        ((1024, 512), (1024, 512)),
        {"cuts": ((_ALL, (0, 512, 1)), (_ALL, (512, 1024, 1))), "shape": (1024, 1024)},
    ),
    "overlay": Sample(((1024, 1024), (1024, 512)), {"cuts": ((_ALL, (256, 768, 1)),)}),
    "matmul_add": Sample(((512, 512),) * 3, {"ta": False, "tb": False}),
    "bag": Sample(((100_000, 64), (64, 300)), ints={1: 100_000}),
    "bag_add": Sample(((64, 64), (64, 300)), {"rows": 100_000}, ints={1: 100_000}),
    "step_mask": Sample(((LARGE_SIDE,),), {"steps": LARGE_SIDE}, 0.0, float(LARGE_SIDE)),
    "matmul": Sample(((512, 512), (512, 512)), {"ta": False, "tb": False}),
    "sum": Sample(((1024, 1024),), {"axes": (1, 2)}),
    "mean": Sample(((1024, 1024),), {"axes": (0, 1)}),
    "max": Sample(((1024, 1024),), {"axes": (1, 2)}),
    "logsumexp": Sample(((1024, 1024),), {"axes": (1, 2)}),
    "softmax": Sample(((1024, 1024),), {"axis": 1}),
    "log_softmax": Sample(((1024, 1024),), {"axis": 1}),
    "softmax_along": Sample(((1024, 1024),), {"axis": 1, "logarithm": False}),
    "transpose": Sample(((1024, 1024),), {"axes": (1, 0)}),
    "scan": sample_cell(512, 256),
    "slice": Sample(((1024, 1024),), {"cuts": ((0, None, 1), (256, 768, 1))}),
    "embed": Sample(((1024, 512),), {"cuts": ((0, None, 1), (256, 768, 1)), "shape": (1024, 1024)}),
    "concatenate": Sample(((1024, 512), (1024, 512)), {"axis": 1}),
    "reshape": Sample(((1024, 1024),), {"shape": (1 << 20,)}),
    "as_rows": Sample(((1024, 1024),), {"shape": (1024, 1024)}),
    "seen": Sample(((1024, 1024),)),
    "single": Sample(((1, 1 << 20),), {"shape": (1 << 20, 1)}),
    "outer_peak": Sample(((1 << 19, 1), (1, 1 << 19))),
    "take": Sample(((4096, 256), (4096,)), ints={1: 4096}),
    "scatter_add": Sample(((4096, 256), (4096,)), {"rows": 4096}, ints={1: 4096}),
    "attention": Sample(((8, 256, 4, 64),) * 3, _ATTENTION),
    "attention_gradient": Sample(
        (*((8, 256, 4, 64),) * 4, (8, 4, 256), (8, 256, 4, 64)), _ATTENTION
    ),
    "max_pool": Sample((_IMAGES,), _POOL),
    "max_pool_dx": Sample((_POOLED, _IMAGES), _POOL),
    "max_pool_take": Sample((_IMAGES, _IMAGES), _POOL),
    "avg_pool": Sample((_IMAGES,), {**_POOL, "counted": False}),
    "avg_pool_dx": Sample((_POOLED,), {**_POOL, "counted": False, "image": (32, 32)}),
    "resample": Sample(
        ((64, 256, 64),),
        {
            "axis": 1,
            "starts": tuple(range(0, 513, 2)),
            "weights": (0.25, 0.75) * 256,
            "index": tuple(i for k in range(256) for i in (max(0, k - 1), k)),
        },
    ),
    "conv": Sample(((16, 28, 28, 64), (3, 3, 64, 64)), _CONVOLUTION),
    "conv_dx": Sample(((16, 28, 28, 64), (3, 3, 64, 64)), {**_CONVOLUTION, "image": (28, 28)}),
    "conv_dw": Sample(((16, 28, 28, 64), (16, 28, 28, 64)), {**_CONVOLUTION, "kernel": (3, 3)}),
    "unfold": Sample(((16, 28, 28, 16),), _WINDOW),
    "fold": Sample(((16, 28, 28, 9, 16),), {**_WINDOW, "image": (28, 28, 16)}),
}


def samples(op: Op) -> list[tuple[str, Sample]]:
    """How to time an op: its largest registered sample of each kind, and one large one, with names."""
    kinds: dict[str, Sample] = {}
    for s in op.samples:
        if any(0 in shape for shape in s.shapes):
            continue
        kind = f"{'x'.join(str(len(shape)) for shape in s.shapes)}d{','.join(f'{k}={v}' for k, v in s.attrs.items())}"
        if kind not in kinds or elements(s) > elements(kinds[kind]):
            kinds[kind] = s
    out = [
        (" ".join([*map(str, s.shapes), *(f"{k}={v}" for k, v in s.attrs.items())]), s)
        for s in kinds.values()
    ]
    large = LARGE.get(op.name)
    if large is None and op.kind == "map" and op.samples:
        first = op.samples[0]
        large = Sample(
            ((LARGE_SIDE, LARGE_SIDE),) * len(first.shapes), first.attrs, first.low, first.high
        )
    return out if large is None else [*out, ("large", large)]


def elements(sample: Sample) -> int:
    """Of all inputs."""
    return sum(int(np.prod(s)) for s in sample.shapes)


class Alone:
    """A plan of one op over fixed inputs.

    Parameters
    ----------
    op : Op or its name
    sample : shapes, attributes, range of the inputs
    bits : 32 or 64

    Attributes
    ----------
    flops, nbytes : floating-point operations, and bytes read and written, by one run
    """

    def __init__(self, op: Op | str, sample: Sample, bits: int = 32) -> None:
        op = OPS[op] if isinstance(op, str) else op
        rng = np.random.default_rng(0)
        leaves: list[Value] = []
        places: dict[Value, Place] = {}
        arrays: list[np.ndarray] = []
        at = 0
        for i, shape in enumerate(sample.shapes):
            whole = i in sample.ints
            kind = np.int32 if whole else np.float32 if bits == 32 else np.float64
            arrays.append(
                rng.integers(0, sample.ints[i], shape, np.int32)
                if whole
                else drawn(rng, shape, sample.low, sample.high).astype(kind, copy=False)
            )
            label = f"x{i}"
            leaves.append(
                Value(
                    RANGE,
                    (),
                    {"shape": shape, "label": label},
                    shape,
                    INT if whole else REAL,
                    label,
                )
            )
            places[leaves[-1]] = Place(PARAMS, at)
            at += -(-arrays[-1].nbytes // 64) * 64
        memory = aligned(max(64, at))
        for leaf, array in zip(leaves, arrays, strict=True):
            start = places[leaf].offset
            memory[start : start + array.nbytes] = array.reshape(-1).view(np.uint8)
        self.inputs: Sequence[np.ndarray] = arrays
        value = apply(op, *leaves, **sample.attrs)
        self.result = joined(value) if op.kind == "loop" else value
        plan = make_plan([self.result], [], {}, places.get, 1, bits, CONSTANTS, BUFFER_NAMES)
        self.session = Session(plan, [], [], None, {PARAMS: memory})
        self.flops = plan.flops(1)
        self.nbytes = sum(plan.traffic(i, 1) for i in plan.instructions)

    def run(self, count: int, threads: int = 1) -> None:
        """Compute it so many times."""
        done = 0
        while done < count:
            got, _ = self.session.run([], count, 1, first=done, steps=count - done, threads=threads)
            done += got

    def output(self) -> np.ndarray:
        """A copy of what the last run computed."""
        at = self.session.plan.place_of(self.result)
        shape = tuple(int(d) for d in self.result.shape)  # type: ignore[arg-type]
        assert at.buffer == ARENA
        end = at.offset + int(np.prod(shape)) * self.session.real.itemsize
        return self.session.arena[at.offset : end].view(self.session.real).reshape(shape).copy()
