"""Prediction of small and middling networks against onnxruntime, on one thread.

    python -m bench.predict [--rows 1,64,1024] [--rounds 5] [--seconds 0.1]

Both compute the same outputs from the same weights. `predict_on_batch` is what is called of gdcore, so that all
rows are one step; of onnxruntime `InferenceSession.run`. Each runs in a process of its own, and they are timed
alternately. A ratio is onnxruntime's time over gdcore's, the median over the rounds.
"""

from __future__ import annotations

import argparse
import sys
from contextlib import ExitStack
from functools import lru_cache
from typing import Any

import numpy as np

from bench.cases import Case
from bench.libraries import LIBRARIES
from bench.measure import Worker, clock, keep_to, progress, serve, spread, table
from bench.networks import dense
from bench.study import Record, Study, numbers, run, setting, told

NETWORKS = {"small": (8, 64, 64, 4), "large": (784, 512, 512, 10)}
TIMES = {"small": 1.1, "large": 1.0}  # faster than onnxruntime
PEERS = ("gdcore", "onnxruntime")
CHECKED = 5  # outputs that are compared


@lru_cache(maxsize=1)
def made(library: str, network: str) -> Any:
    """A library's model; it is asked for again with other rows."""
    case = Case(network, dense(NETWORKS[network], "relu"), 1, None, None, TIMES[network], 0.0)
    return LIBRARIES[library](case, 1)


def answer(question: Any) -> Any:
    """Seconds of a prediction, and some numbers of its result."""
    keep_to(1)
    library = made(question["library"], question["network"])
    inputs = NETWORKS[question["network"]][0]
    x = np.random.default_rng(0).random((question["rows"], inputs), np.float32)
    call = library.model.predict_on_batch if question["library"] == "gdcore" else library.predict

    def take(count: int) -> None:
        for _ in range(count):
            call(x)

    check = np.ravel(call(x))[:CHECKED].tolist()
    return {"seconds": clock(take, question["seconds"], blocks=3), "check": check}


def measure(options: argparse.Namespace) -> Record:
    """Each network at each number of rows."""
    out = []
    there = [name for name in PEERS if LIBRARIES[name].installed()]
    with ExitStack() as stack:
        workers = {
            n: stack.enter_context(Worker("bench.predict", "--serve", threads=1)) for n in there
        }
        for network in NETWORKS:
            for rows in options.rows:
                progress(f"{network}, {rows} rows")
                seconds: dict[str, list[float]] = {n: [] for n in there}
                for _ in range(options.rounds):
                    how = {"network": network, "rows": rows, "seconds": options.seconds}
                    got = {n: w.ask({"library": n, **how}) for n, w in workers.items()}
                    for name, one in got.items():
                        seconds[name].append(one["seconds"])
                        if not np.allclose(one["check"], got["gdcore"]["check"], 1e-3, 1e-4):
                            raise ArithmeticError(f"{network}: {name} computes something else")
                out.append({"network": network, "rows": rows, "seconds": seconds})
    progress("")
    return {"setting": setting(), "runs": out}


def ratio(one: Record) -> Any:
    """How many times faster than onnxruntime; None where that is missing."""
    if "onnxruntime" not in one["seconds"]:
        return None
    pairs = zip(one["seconds"]["onnxruntime"], one["seconds"]["gdcore"], strict=True)
    return spread(a / b for a, b in pairs)


def microseconds(one: Record, library: str) -> str:
    """Of a call."""
    found = one["seconds"].get(library)
    return "—" if found is None else f"{1e6 * spread(found).median:.1f}"


def show(record: Record) -> str:
    """A line for each network and number of rows."""
    rows = [
        [
            "-".join(map(str, NETWORKS[one["network"]])),
            str(one["rows"]),
            *(microseconds(one, name) for name in PEERS),
            "—" if ratio(one) is None else f"{ratio(one):.2f}",
            f"{TIMES[one['network']]}",
        ]
        for one in record["runs"]
    ]
    head = ["network", "rows", *(f"{name}, µs" for name in PEERS), "ratio", "asked"]
    return f"{told(record['setting'])}\n\n{table(head, rows)}"


def missed(record: Record) -> list[str]:
    """Those that are too slow."""
    return [
        f"{one['network']}, {one['rows']} rows: {ratio(one).median:.2f} times faster, asked "
        f"{TIMES[one['network']]}"
        for one in record["runs"]
        if ratio(one) is not None and ratio(one).median < TIMES[one["network"]]
    ]


def options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--rows", type=numbers, default=[1, 64, 1024], help="default 1,64,1024")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=0.1, help="length of one measurement")


STUDY = Study("predict", "Prediction against onnxruntime.", measure, show, missed, options)

if __name__ == "__main__":
    if sys.argv[1:2] == ["--serve"]:
        serve(answer)
    else:
        run(STUDY)
