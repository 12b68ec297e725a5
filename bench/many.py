"""Many small networks: `gd.fit_many` against `fit` for one after another.

    python -m bench.many [--case rl] [--networks 64] [--threads 2] [--runs 5]

Both train the same networks, which differ by their seed, for the same epochs, on as many threads, in
two processes that run alternately. The trained weights must be the same to the bit.
"""

from __future__ import annotations

import argparse
import hashlib
import sys
from time import perf_counter
from typing import Any

from bench.cases import CASES, Case
from bench.measure import Worker, keep_to, progress, serve, spread, table
from bench.study import Record, Study, numbers, run, setting, told

TIMES = 1.8  # faster than one after another, on 2 threads
BATCHES = 64  # of the data set


def at_once(case: Case, networks: int, epochs: int) -> list[Any]:
    """All models by `fit_many`."""
    import gdcore as gd

    x, y = case.data(BATCHES)
    found = gd.fit_many(
        lambda: case.model(same_weights=False),
        {"seed": range(networks)},
        x,
        y,
        epochs=epochs,
        batch_size=case.batch,
        verbose=0,
    )
    return [r.model for r in found]


def one_by_one(case: Case, networks: int, epochs: int) -> list[Any]:
    """All models by `fit`."""
    x, y = case.data(BATCHES)
    models = []
    for seed in range(networks):
        models.append(case.model(same_weights=False))
        models[-1].fit(x, y, batch_size=case.batch, epochs=epochs, seed=seed, verbose=0)
    return models


WAYS = {"at once": at_once, "one by one": one_by_one}


def answer(question: Any) -> Any:
    """Train all networks one way; seconds, and a digest of their weights."""
    import gdcore as gd

    keep_to(question["threads"])
    gd.set_num_threads(question["threads"])
    begin = perf_counter()
    models = WAYS[question["way"]](
        CASES[question["case"]], question["networks"], question["epochs"]
    )
    seconds = perf_counter() - begin
    digest = hashlib.sha256()
    for model in models:
        for name, array in sorted(model.state_dict().items()):
            digest.update(name.encode() + array.tobytes())
    return {"seconds": seconds, "digest": digest.hexdigest()}


def measure(options: argparse.Namespace) -> Record:
    """Time both ways alternately, on each number of threads."""
    out = []
    for threads in options.threads:
        how = {"case": options.case, "networks": options.networks, "epochs": options.epochs}
        seconds: dict[str, list[float]] = {way: [] for way in WAYS}
        digests = set()
        with (
            Worker("bench.many", "--serve", threads=threads) as one,
            Worker("bench.many", "--serve", threads=threads) as two,
        ):
            for i in range(options.runs + 1):
                progress(f"{threads} threads, run {i}")
                for way, worker in zip(WAYS, (one, two), strict=True):
                    got = worker.ask({"way": way, "threads": threads, **how})
                    digests.add(got["digest"])
                    if i:  # the first time loads and warms up
                        seconds[way].append(got["seconds"])
        out.append({"threads": threads, "seconds": seconds, "same": len(digests) == 1, **how})
    progress("")
    return {"setting": setting(), "runs": out}


def ratio(one: Record) -> Any:
    """How many times faster all at once are than one by one."""
    pairs = zip(one["seconds"]["one by one"], one["seconds"]["at once"], strict=True)
    return spread(a / b for a, b in pairs)


def asked(one: Record) -> float | None:
    """The target; there is none on one thread, where only tracing is shared."""
    return TIMES if one["threads"] > 1 else None


def show(record: Record) -> str:
    """A line for each number of threads."""
    rows = [
        [
            f"{one['networks']} × {one['case']}, {one['epochs']} epochs of {BATCHES} steps",
            str(one["threads"]),
            f"{spread(one['seconds']['one by one']).median:.3f}",
            f"{spread(one['seconds']['at once']).median:.3f}",
            f"{ratio(one):.2f}",
            "—" if asked(one) is None else f"{asked(one)}",
            "yes" if one["same"] else "no",
        ]
        for one in record["runs"]
    ]
    head = ["networks", "threads", "one by one, s", "fit_many, s", "ratio", "asked", "same bits"]
    return f"{told(record['setting'])}\n\n{table(head, rows)}"


def missed(record: Record) -> list[str]:
    """Too slow, or not the same."""
    out = []
    for one in record["runs"]:
        if not one["same"]:
            out.append(f"on {one['threads']}: the weights differ between the two ways")
        wanted, got = asked(one), ratio(one).median
        if wanted is not None and got < wanted:
            out.append(f"on {one['threads']}: {got:.2f} times faster, asked {wanted}")
    return out


def options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--case", choices=CASES, default="rl")
    parser.add_argument("--networks", type=int, default=64)
    parser.add_argument("--epochs", type=int, default=10)
    parser.add_argument("--threads", type=numbers, default=[1, 2], help="default 1,2")
    parser.add_argument("--runs", type=int, default=5)


STUDY = Study("many", "Many small networks at once, by fit_many.", measure, show, missed, options)

if __name__ == "__main__":
    if sys.argv[1:2] == ["--serve"]:
        serve(answer)
    else:
        run(STUDY)
