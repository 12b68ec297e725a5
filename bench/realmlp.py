"""A training step of RealMLP on 12 numbers, 256 rows, over what its products take at the measured peak.

    python -m bench.realmlp [--rounds 300] [--task binary]

Each instruction is timed inside C, two steps at a time, and the least of many rounds counts: what other work on the
machine takes falls out, as instructions are short.
"""

from __future__ import annotations

import argparse
from math import prod
from typing import Any

import numpy as np

from bench.measure import table as text_table
from bench.peak import peak
from bench.study import Record, Study, run, setting, told

MOST = 1.6  # times what its products take
ROWS, BATCH, STEPS = 1 << 13, 256, 2


def trained(task: str) -> tuple[Any, Any, Any]:
    """RealMLP for a table of 12 numbers, compiled, with its inputs and targets."""
    from gdcore.tabular.learning import begun, settled
    from gdcore.tabular.model import TableModel
    from gdcore.tabular.reading import read

    draw = np.random.default_rng(0)
    columns: dict[str, Any] = {f"n{i}": draw.normal(size=ROWS) for i in range(12)}
    y = columns["n0"] + draw.normal(size=ROWS)
    table = read(columns | {"y": y if task == "regression" else np.where(y > 0, "u", "v")})
    settings = TableModel(model="realmlp").settings
    _, learner, _ = begun(table, ("y",), settled(table, ("y",), {}, settings), settings)
    learner.begin()
    job = learner.job
    return learner.trainer, job.features.inputs(), job.head.answers(job.y)


def least(model: Any, x: Any, y: Any, rounds: int) -> tuple[Any, np.ndarray]:
    """The plan of a step, and the least seconds of each instruction."""
    from gdcore.training.evaluate import training_step
    from gdcore.training.prepare import prepare

    data = prepare(model._engine, x, y)
    step = training_step(model._engine, data, BATCH, keep_outputs=False)
    plan = step.session.plan
    order = np.random.default_rng(0).permutation(ROWS)
    hyper = step.numbers.rows(0, STEPS) if step.numbers else None
    best = np.full(len(plan.instructions), np.inf)
    for _ in range(rounds):
        spent = np.zeros(len(best))
        step.session.run(
            data.feeds(), ROWS, BATCH, spent=spent, steps=STEPS, hyper=hyper, order=order,
            outputs=[], seconds=1e9,
        )  # fmt: skip
        best = np.minimum(best, spent / STEPS)
    return plan, best


def measure(options: argparse.Namespace) -> Record:
    """Seconds of the instructions that take longest, of all, and of the products at the peak; one thread."""
    import gdcore as gd
    from gdcore import runtime

    gd.set_num_threads(1)
    found: Record = {"setting": setting(threads="1"), "tasks": {}}
    peaks = peak((1,), runtime.ISA_NAME)
    if not peaks:
        raise SystemExit("the peak is not known: it takes a C compiler")
    found["peak"] = peaks[1].gflops
    for task in options.tasks:
        plan, spent = least(*trained(task), options.rounds)
        lines, products = [], 0.0
        for ins, seconds in zip(plan.instructions, spent.tolist(), strict=True):
            if ins.kernel == "gemm":  # without what is done to the result
                products += 2.0 * prod(fixed + per_row * BATCH for fixed, per_row in ins.dims[:5])
            text = ins.text if ins.then is None else f"{ins.text} → {ins.then.text}"
            lines.append([text, seconds])
        longest = sorted(lines, key=lambda line: -line[1])[: options.show]
        found["tasks"][task] = {
            "products": products,
            "seconds": sum(spent.tolist()),
            "lines": longest,
        }
    return found


def ratio(record: Record, task: str) -> float:
    """A step over its products at the peak."""
    own = record["tasks"][task]
    return float(own["seconds"] / (own["products"] / (record["peak"] * 1e9)))


def show(record: Record) -> str:
    """The instructions, the longest first, and the ratio."""
    parts = [told(record["setting"])]
    for task, own in record["tasks"].items():
        rows = [[text[:80], f"{seconds * 1e6:.1f}"] for text, seconds in own["lines"]]
        rows += [["all instructions", f"{own['seconds'] * 1e6:.0f}"]]
        rows += [
            [
                f"its products at {record['peak']:.0f} GFLOP/s",
                f"{own['products'] / record['peak'] / 1e3:.0f}",
            ]
        ]
        parts.append(
            f"{task}: {ratio(record, task):.2f} × its products\n\n{text_table(('instruction', 'µs'), rows)}"
        )
    return "\n\n".join(parts)


def missed(record: Record) -> list[str]:
    """The tasks whose step takes longer than allowed."""
    return [
        f"{task}: {ratio(record, task):.2f} × its products, expected at most {MOST}"
        for task in record["tasks"]
        if ratio(record, task) > MOST
    ]


def options(parser: argparse.ArgumentParser) -> None:
    """What can be told."""
    add = parser.add_argument
    add("--rounds", type=int, default=300)
    add(
        "--tasks",
        type=lambda text: text.split(","),
        default=["regression", "binary"],
        metavar="A,B",
    )
    add("--show", type=int, default=20, help="instructions")


STUDY = Study("realmlp", "A step of RealMLP over its products.", measure, show, missed, options)

if __name__ == "__main__":
    run(STUDY)
