"""The input pipeline: how much gathering, converting, shuffling and reading slow a step down.

    python -m bench.inputs [--cases mnist,tab] [--threads 1,2] [--megabytes 384]

The baseline is a step over one float32 batch that stays in the cache. It is compared, alternately in the
same process, with whole shuffled epochs by `fit`: over data in memory as float32, float64 and uint8 (scaled
while it is gathered), and over the same data mapped from a file whose pages were dropped from the page cache
before the epoch. That is the state at each epoch over a file much larger than memory, whose pages are evicted
before they are read again. The file is read in blocks of rows, by `fit(shuffle="blocks")`; *disk gave* is
the rate at which it was read meanwhile, to be compared with the rate that an undelayed step needs.
"""

from __future__ import annotations

import argparse
import mmap
import os
import sys
import tempfile
from collections.abc import Callable
from math import prod
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np

from bench.cases import CASES, Case, chosen
from bench.measure import Worker, clock, keep_to, progress, serve, spread, table
from bench.study import Record, Study, numbers, run, setting, told
from gdcore.training.evaluate import training_step
from gdcore.training.prepare import prepare

HELD_BACK = 0.05  # at most
KINDS = ("float32", "float64", "uint8")
DEFAULT_CASES = "rl,mnist_s,tab,mnist"
MOST_BYTES = 64 << 20  # of data in memory


def model_for(case: Case, kind: str) -> Any:
    """The case; of bytes it takes a 255th."""
    import gdcore as gd

    scaled = [gd.Rescaling(1 / 255)] if kind == "uint8" else []
    model = gd.Sequential([gd.Input(case.network.inputs), *scaled, *case.network.gdcore()])
    return model.compile("sgd" if case.optimizer == "sgd" else "adam", case.loss)


def rows_of(case: Case, kind: str, nbytes: int) -> int:
    """The number of rows of whole batches that take about `nbytes` bytes."""
    row = prod(case.network.inputs) * np.dtype(kind).itemsize
    return max(4, nbytes // (row * case.batch)) * case.batch


def data(case: Case, kind: str, rows: int) -> tuple[np.ndarray, np.ndarray]:
    """So many rows of a case's data in a type, repeated where that is quicker than drawing them."""
    x, y = case.data(min(rows // case.batch, 64))
    turns = -(-rows // len(x))
    x = np.concatenate([x] * turns)[:rows]
    y = np.concatenate([y] * turns)[:rows]
    return (np.round(x * 255) if kind == "uint8" else x).astype(kind), y


def alone(case: Case) -> Any:
    """A function that takes steps over one batch in the cache."""
    model = model_for(case, "float32")
    x, y = case.data(4)
    prepared = prepare(model._engine, x, y)
    step = training_step(model._engine, prepared, case.batch, keep_outputs=False)
    order = np.tile(np.arange(case.batch), 4)
    hyper = step.numbers.rows(0, 4)

    def take(count: int) -> None:
        for _ in range(count // 4):
            step.session.run(
                prepared.feeds(), len(order), case.batch, order=order, hyper=hyper, seconds=1e9
            )

    return take


def forget(array: np.ndarray, path: Path) -> None:
    """Drop all pages of a mapped file from the page cache."""
    file = array
    while not isinstance(file, mmap.mmap):
        file = file.base  # type: ignore[assignment]
    file.madvise(mmap.MADV_DONTNEED)
    number = os.open(path, os.O_RDONLY)
    os.posix_fadvise(number, 0, 0, os.POSIX_FADV_DONTNEED)
    os.close(number)


def read_from_disk() -> int:
    """Bytes that this process has had read (Linux)."""
    lines = Path("/proc/self/io").read_text().splitlines()
    return int(next(n for n in lines if n.startswith("read_bytes")).split()[1])


def epochs(
    model: Any, x: np.ndarray, y: np.ndarray, case: Case, shuffle: bool | str, seconds: float = 0.3
) -> tuple[Callable[[int], None], float, int]:
    """(function that takes steps in whole shuffled epochs, seconds to measure, steps of an epoch)."""
    batches = len(x) // case.batch

    def take(count: int) -> None:
        times = count // batches
        model.fit(x, y, batch_size=case.batch, epochs=times, shuffle=shuffle, verbose=0)

    return take, seconds, batches


def answer(question: Any) -> Any:
    """One way to hold data: seconds of the step alone, of one in a shuffled epoch, bytes read."""
    import gdcore as gd

    case, kind = CASES[question["case"]], question["kind"]
    keep_to(question["threads"])
    gd.set_num_threads(question["threads"])
    step = alone(case)
    out: dict[str, Any] = {"alone": [], "fed": [], "disk": None}
    model = model_for(case, kind)
    if not question["mapped"]:
        x, y = data(case, kind, rows_of(case, kind, min(MOST_BYTES, question["bytes"])))
        for _ in range(question["rounds"]):
            out["alone"].append(clock(step, question["seconds"], 4, blocks=3))
            out["fed"].append(
                clock(*epochs(model, x, y, case, True, question["seconds"]), blocks=3)
            )
        return out
    with tempfile.TemporaryDirectory(dir=question["folder"]) as folder:
        path = Path(folder) / "x.npy"
        whole, y = data(case, kind, rows_of(case, kind, question["bytes"]))
        np.save(path, whole)
        del whole
        with open(path, "rb") as written:
            os.fsync(written.fileno())
        mapped = np.load(path, mmap_mode="r")
        few = slice(4 * case.batch)
        epochs(model, mapped[few], y[few], case, "blocks")[0](4)
        for _ in range(question["rounds"]):
            out["alone"].append(clock(step, question["seconds"], 4, blocks=3))
            take, _, batches = epochs(model, mapped, y, case, "blocks")
            forget(mapped, path)
            before, begin = read_from_disk(), perf_counter()
            take(batches)
            taken = perf_counter() - begin
            out["fed"].append(taken / batches)
            out["disk"] = (read_from_disk() - before) / taken
        del mapped
    return out


def measure(options: argparse.Namespace) -> Record:
    """Every case, thread count and way to hold data."""
    ways = [(kind, "") for kind in KINDS]
    if not options.no_mapped:
        ways += [(kind, "mapped") for kind in ("float32", "uint8")]
    found = []
    for case in chosen(options.cases):
        for threads in options.threads:
            for kind, mapped in ways:
                progress(f"{case.name} on {threads}: {kind} {mapped}")
                with Worker("bench.inputs", "--serve", threads=threads) as worker:
                    question = {
                        "case": case.name,
                        "threads": threads,
                        "kind": kind,
                        "mapped": mapped,
                        "seconds": options.seconds,
                        "rounds": options.rounds,
                        "bytes": options.megabytes << 20,
                        "folder": str(options.folder) if options.folder else None,
                    }
                    kept = {k: question[k] for k in ("case", "threads", "kind", "mapped")}
                    found.append({**kept, **worker.ask(question)})
    progress("")
    where = setting(file=f"{options.megabytes} MiB")
    return {"setting": where, "ways": found}


def held_back(way: Record) -> Any:
    """By which share a step takes longer than the baseline."""
    return spread(f / a - 1 for a, f in zip(way["alone"], way["fed"], strict=True))


def named(way: Record) -> str:
    """A way to hold data, in words."""
    return way["kind"] + (', from the disk, shuffle="blocks"' if way["mapped"] else "")


def needs(way: Record) -> float:
    """Bytes of input that undelayed steps read in a second."""
    case = CASES[way["case"]]
    row = prod(case.network.inputs) * np.dtype(way["kind"]).itemsize
    return float(row * case.batch / spread(way["alone"]).median)


def show(record: Record) -> str:
    """A line for each way."""
    rows = []
    for way in record["ways"]:
        back = held_back(way)
        rows.append(
            [
                way["case"],
                str(way["threads"]),
                named(way),
                f"{spread(way['alone']).median * 1e6:,.1f}",
                f"{spread(way['fed']).median * 1e6:,.1f}",
                f"{back.median:+.1%} [{back.low:+.1%}–{back.high:+.1%}]",
                f"{needs(way) / 1e6:,.0f}",
                "—" if way["disk"] is None else f"{way['disk'] / 1e6:,.0f}",
            ]
        )
    head = ["case", "threads", "data", "step alone, µs", "in an epoch, µs", "held back"]
    head += ["asks for, MB/s", "disk gave, MB/s"]
    return f"{told(record['setting'])}\n\n{table(head, rows)}"


def missed(record: Record) -> list[str]:
    """Ways that hold a step back by more than is allowed."""
    return [
        f"{way['case']} on {way['threads']}, {named(way)}: held back by {back:.1%}, at most {HELD_BACK:.0%}"
        for way in record["ways"]
        if (back := held_back(way).median) > HELD_BACK
    ]


def options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--cases", default=DEFAULT_CASES, help="default: %(default)s")
    parser.add_argument("--threads", type=numbers, default=[1, 2], help="default 1,2")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=0.3, help="length of one measurement")
    parser.add_argument(
        "--megabytes", type=int, default=384, help="of the mapped file (default 384)"
    )
    parser.add_argument("--folder", type=Path, help="of the mapped file (default: a temporary one)")
    parser.add_argument("--no-mapped", action="store_true", help="only data in memory")


STUDY = Study("inputs", "How much the inputs hold a step back.", measure, show, missed, options)

if __name__ == "__main__":
    if sys.argv[1:2] == ["--serve"]:
        serve(answer)
    else:
        run(STUDY)
