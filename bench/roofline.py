"""How close every op, optimizer, loss and layer comes to its roofline: the bound of memory or arithmetic.

    python -m bench.roofline [--only tanh,adam] [--seconds 0.02]

Each is timed alone on one thread, over data of half the L2 cache and over more. Its arithmetic intensity is the
number of operations per byte that it must read or write. The bound is the lowest of three: the measured bandwidth
of the cache (or memory) that holds its data, times the intensity, the measured peak of arithmetic, and the measured
rate of divisions and square roots, which one unit makes. The peak is one of fused multiply-adds, of which only matrix
products consist; for all else the bound is half of it. Operations are those that the op registry counts; each value
counts once in the bytes.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

import gdcore as gd
from bench.measure import clock, keep_to, progress, table
from bench.ops import Alone, samples
from bench.peak import bandwidths, caches, peak
from bench.profile import spent_by
from bench.study import Record, Study, figure, run, setting, told, words
from gdcore import runtime
from gdcore.graph.ir import OPS, Op, Sample
from gdcore.losses import LOSSES
from gdcore.optimizers import OPTIMIZERS

OF_ROOF = 0.6
ROW = 1024  # elements of a row
ROWS = 1024  # of losses and layers
CLASSES = 64
# Activations, dropout and noise are fused into the products before them; they are measured as single ops.
LAYERS: dict[str, Callable[[], Any]] = {
    "BatchNorm": gd.BatchNorm,
    "LayerNorm": gd.LayerNorm,
}
# Divisions and square roots of an element, of kernels in float32.
DIVISIONS = {
    **dict.fromkeys(("reciprocal", "div", "sqrt", "softsign", "mish"), 1),
    **dict.fromkeys(("tanh", "sigmoid", "silu", "gelu_tanh", "tan", "sinh", "cosh"), 1),
    **dict.fromkeys(("arctan", "arctan2", "arccosh", "arctanh"), 1),
    **dict.fromkeys(("pow", "arcsin", "arccos", "arcsinh"), 2),
}
COLOURS = {"op": "#0072B2", "product": "#D55E00", "optimizer": "#009E73", "loss": "#CC79A7"}
COLOURS["layer"] = "#E69F00"


def in_cache(op: Op) -> Sample | None:
    """A sample of an elementwise op whose arrays fill half of the L2 cache together."""
    if op.kind != "map" or not op.samples:
        return None
    first = op.samples[0]
    arrays = len(first.shapes) + 1
    rows = max(1, caches()["L2"] // 2 // (4 * ROW * arrays))
    return Sample(((rows, ROW),) * len(first.shapes), first.attrs, first.low, first.high)


def of_ops(only: list[str] | None, seconds: float) -> Iterator[Record]:
    """Every registered op alone."""
    for op in OPS.values():
        if only is not None and op.name not in only:
            continue
        tried = {"cache": in_cache(op), "large": dict(samples(op)).get("large")}
        for size, sample in tried.items():
            if sample is None:
                continue
            progress(op.name)
            alone = Alone(op, sample)
            yield {
                "name": op.name,
                "kind": "product" if op.name == "matmul" else "op",
                "size": size,
                "flops": alone.flops,
                "bytes": alone.nbytes,
                "divisions": DIVISIONS.get(op.name, 0) * int(np.prod(sample.shapes[0])),
                "seconds": clock(alone.run, seconds, blocks=3),
            }


def of_model(
    name: str, kind: str, parts: list[Any], y: np.ndarray, which: Callable[..., bool], **how: Any
) -> Record:
    """Some instructions of a model's training step, together."""
    progress(name)
    model = gd.Sequential(parts).compile(**{"optimizer": "sgd", "loss": "mse"} | how)
    inputs = ROW if kind == "optimizer" else 4
    x = np.random.default_rng(0).random((len(y), inputs), np.float32)
    batch = min(ROWS, len(y))
    plan, spent, _ = spent_by(model, x, y, batch, len(y) // batch)
    chosen = [
        (ins, float(s))
        for i, (ins, s) in enumerate(zip(plan.instructions, spent, strict=True))
        if which(i, ins, plan)
    ]
    return {
        "name": name,
        "kind": kind,
        "size": "large",
        "flops": sum(i.flops[0] + i.flops[1] * batch for i, _ in chosen),
        "bytes": sum(plan.traffic(i, batch) for i, _ in chosen),
        "seconds": sum(s for _, s in chosen),
    }


def updates(i: int, ins: Any, plan: Any) -> bool:
    """Instructions that update parameters."""
    return i >= plan.n_compute and ins.kernel != "all_finite"


def beside_products(i: int, ins: Any, plan: Any) -> bool:
    """Instructions that compute, and are no products."""
    return i < plan.n_compute and ins.kernel != "gemm"


def of_optimizers() -> Iterator[Record]:
    """One update of a million parameters."""
    for name, kind in OPTIMIZERS.items():
        y = np.zeros((32, ROW), np.float32)
        yield of_model(name, "optimizer", [gd.Dense(ROW)], y, updates, optimizer=kind())


def target_for(name: str, rows: int) -> np.ndarray | None:
    """Targets that a loss takes, of its own kind; None if it takes none of these."""
    rng = np.random.default_rng(1)
    tries = (
        rng.integers(0, CLASSES, rows),
        rng.integers(0, 2, (rows, CLASSES)).astype(np.float32),
        rng.random((rows, CLASSES), np.float32),
    )
    for y in tries:
        try:
            few = gd.Sequential([gd.Input(2), gd.Dense(CLASSES)]).compile("sgd", name)
            few.train_on_batch(np.ones((4, 2), np.float32), y[:4])
        except (ValueError, TypeError, ArithmeticError):
            continue
        return y
    return None


def of_losses() -> Iterator[Record]:
    """A loss of many outputs and its gradient, without the products of the network."""
    for name in LOSSES:
        y = target_for(name, 4 * ROWS)
        if y is not None:
            yield of_model(name, "loss", [gd.Dense(CLASSES)], y, beside_products, loss=name)


def of_layers() -> Iterator[Record]:
    """A layer forward and backward, between two products; the loss of four outputs is beside it."""
    y = np.zeros((4 * ROWS, 4), np.float32)
    for name, make in LAYERS.items():
        yield of_model(name, "layer", [gd.Dense(256), make(), gd.Dense(4)], y, beside_products)


def measure(options: argparse.Namespace) -> Record:
    """All of them, and the machine's roofs."""
    where = setting()
    keep_to(1)
    gd.set_num_threads(1)
    roofs = bandwidths((1,), runtime.ISA_NAME)
    if not roofs:
        raise SystemExit("without a C compiler there is no roof to hold anything against")
    top = peak((1,), runtime.ISA_NAME)[1]
    found = list(of_ops(options.only, options.seconds))
    if not options.ops:
        found += [*of_optimizers(), *of_losses(), *of_layers()]
    progress("")
    return {
        "setting": where,
        "peak": top.gflops,
        "divisions": top.divisions,
        "bandwidth": roofs[1],
        "caches": caches(),
        "placed": [one for one in found if one["seconds"] > 0 and one["bytes"]],
    }


def level(one: Record, record: Record) -> str:
    """What holds the data."""
    fits = [name for name, size in record["caches"].items() if one["bytes"] <= size]
    return fits[0] if fits else "memory"


def needs(one: Record, record: Record) -> dict[str, float]:
    """Nanoseconds that each resource is taken for, at its measured rate."""
    top = record["peak"] * (1.0 if one["kind"] == "product" else 0.5)
    found = {
        level(one, record): one["bytes"] / record["bandwidth"][level(one, record)],
        "arithmetic": one["flops"] / top,
    }
    if one.get("divisions") and record.get("divisions"):  # not in records from before
        found["divider"] = one["divisions"] / record["divisions"]
    return found


def of_roof(one: Record, record: Record) -> float:
    """The time that the roof allows over the time taken."""
    return float(max(needs(one, record).values()) * 1e-9 / one["seconds"])


def binds(one: Record, record: Record) -> str:
    """What the roof is made of."""
    found = needs(one, record)
    return max(found, key=found.__getitem__)


def show(record: Record) -> str:
    """A line for each, from the furthest below its roof."""
    rows = [
        [
            one["name"],
            one["kind"],
            f"{one['bytes'] / 1e6:.2f}",
            f"{one['flops'] / one['bytes']:.2f}",
            f"{one['flops'] / one['seconds'] * 1e-9:.1f}",
            f"{one['bytes'] / one['seconds'] * 1e-9:.1f}",
            binds(one, record),
            f"{of_roof(one, record):.0%}",
        ]
        for one in sorted(record["placed"], key=lambda one: of_roof(one, record))
    ]
    head = ["what", "kind", "MB", "FLOP/byte", "GFLOP/s", "GB/s", "bound by", "of its roof"]
    levels = ", ".join(f"{v:.0f} GB/s from {k}" for k, v in record["bandwidth"].items())
    rate = record.get("divisions")
    divider = f", {rate:.1f}·10⁹ divisions/s" if rate else ""
    top = f"Measured on one thread: {record['peak']:.0f} GFLOP/s{divider}, {levels}."
    return f"{told(record['setting'])} {top}\n\n{table(head, rows)}"


def missed(record: Record) -> list[str]:
    """Those too far below."""
    return [
        f"{one['name']} ({one['kind']}, {one['bytes'] / 1e6:.2f} MB): {of_roof(one, record):.0%} of its "
        f"roof, asked {OF_ROOF:.0%}"
        for one in record["placed"]
        if of_roof(one, record) < OF_ROOF
    ]


def draw(record: Record) -> dict[str, Any]:
    """GFLOP/s over intensity, under the roofs."""
    made = figure(10, 6.5)
    ax = made.add_subplot()
    x = np.geomspace(0.02, 200, 200)
    for name, rate in record["bandwidth"].items():
        ax.plot(x, np.minimum(record["peak"], x * rate), color="#666666", lw=1)
        ax.text(0.022, 0.022 * rate * 1.1, f"{name}, {rate:.0f} GB/s", fontsize=8, rotation=33)
    ax.axhline(record["peak"] / 2, color="#666666", lw=0.8, ls="--")
    ax.text(0.022, record["peak"] * 1.04, f"{record['peak']:.0f} GFLOP/s", fontsize=8)
    ax.text(0.022, record["peak"] * 0.52, "half of it: no multiply-adds", fontsize=8)
    shown = [one for one in record["placed"] if one["flops"]]
    for kind, colour in COLOURS.items():
        for size, marker in (("cache", "o"), ("large", "s")):
            points = [o for o in shown if (o["kind"], o["size"]) == (kind, size)]
            if points:
                where = {"cache": ", in L2", "large": ", larger" if kind == "op" else ""}[size]
                ax.scatter(
                    [o["flops"] / o["bytes"] for o in points],
                    [o["flops"] / o["seconds"] * 1e-9 for o in points],
                    s=26, marker=marker, color=colour, alpha=0.8 if size == "cache" else 0.5,
                    label=kind + where, linewidths=0,
                )  # fmt: skip
    named = sorted(shown, key=lambda o: of_roof(o, record))[:8]
    named += [o for o in shown if o["kind"] != "op" or o["name"] in ("tanh", "exp", "erf", "relu")]
    for one in {id(o): o for o in named}.values():
        at = one["flops"] / one["bytes"], one["flops"] / one["seconds"] * 1e-9
        ax.annotate(one["name"], at, fontsize=6.5, xytext=(3, 2), textcoords="offset points")
    ax.set_xscale("log")
    ax.set_yscale("log")
    ax.set_xlim(0.02, 200)
    ax.set_ylim(0.3, 2 * record["peak"])
    ax.set_xlabel("operations for each byte read or written")
    ax.set_ylabel("GFLOP/s")
    ax.grid(True, which="major", color="#dddddd")
    ax.legend(loc="lower right", fontsize=8, frameon=True, framealpha=0.9, edgecolor="none")
    ax.set_title("What binds each op: the roofs of one core", fontsize=11)
    return {"roofline": made}


def options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--only", type=words, help="some ops, by name")
    parser.add_argument("--ops", action="store_true", help="no optimizers, losses and layers")
    parser.add_argument("--seconds", type=float, default=0.02, help="length of one measurement")


STUDY = Study(
    "roofline", "How close every op comes to what binds it.", measure, show, missed, options, draw
)

if __name__ == "__main__":
    run(STUDY)
