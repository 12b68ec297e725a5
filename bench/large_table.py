"""A large made table: the error beside LightGBM's, the time, the memory, and how fast it is predicted.

    python -m bench.large_table [--rows 100000] [--columns 50] [--million 1000000] [--threads 2]

The table is hard on purpose: numbers with heavy tails and with gaps that tell something, categories of three
to a thousand kinds, steps, waves, products of two columns, slopes that depend on a category, and a third of
the columns that say nothing. Each part runs in a process of its own, `--parts error,memory,predict`.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
import warnings
from pathlib import Path
from typing import Any

import numpy as np

from bench.study import Record, Study, setting, told, words

SLOWEST = 120.0  # seconds of training, of 100,000 rows
WORST = 1.01  # of LightGBM's error
MOST = 1024.0  # MB over the table itself, of a million rows
PARTS = ("error", "memory", "predict")
TASKS = ("regression", "binary")


def made(rows: int, columns: int, task: str, seed: int = 0) -> tuple[Any, np.ndarray]:
    """A frame of features, two thirds numbers and the rest categories, and the answers."""
    import pandas as pd

    draw = np.random.default_rng(seed)
    shape = np.random.default_rng(7)  # what is to be learned is the same of every seed
    count = 2 * columns // 3
    x = draw.standard_normal((rows, count)).astype(np.float32)
    x[:, 1::4] = np.exp(1.2 * x[:, 1::4])  # amounts
    x[:, 2::4] = np.round(3 * np.abs(x[:, 2::4]))  # counts
    x[:, 3::8] = draw.standard_t(2, (rows, len(range(3, count, 8))))
    kinds = [int(k) for k in np.geomspace(3, 1000, columns - count)]
    codes = [np.minimum(draw.geometric(3 / k, rows) - 1, k - 1) for k in kinds]
    useful, signal = 2 * count // 3, np.zeros(rows)
    z = [(v - v.mean()) / v.std() for v in (np.tanh(c / (2 * c.std())) for c in x[:, :useful].T)]
    for i, own in enumerate(z):
        form = (
            np.where(own > shape.normal(), 1.0, -0.5),
            np.sin(3 * own),
            own,
            np.abs(own) - 1,
        )[i % 4]
        signal += shape.uniform(0.3, 1.0) * form
    for _ in range(6):
        i, j = shape.integers(0, useful, 2)
        signal += shape.uniform(0.3, 0.8) * z[i] * z[j]
    for k, code in list(zip(kinds, codes, strict=True))[: 2 * len(codes) // 3]:
        effect, slope = shape.normal(0, 0.6, k), shape.normal(0, 0.4, k)
        signal += effect[code] + slope[code] * z[int(shape.integers(useful))]
    for column in range(0, count, 3):  # gaps, more of them where the number is large
        gone = draw.random(rows) < 0.05 + 0.15 * (x[:, column] > np.median(x[:, column]))
        x[gone, column] = np.nan
    frame = pd.DataFrame(x, columns=[f"n{i}" for i in range(count)])
    for i, code in enumerate(codes):
        names = np.array([f"k{k}" for k in range(kinds[i])])
        frame[f"c{i}"] = pd.Categorical.from_codes(code, names)
    signal /= signal.std()
    if task == "binary":
        return frame, (signal + draw.logistic(0, 0.35, rows) > 0.7).astype(np.int64)
    return frame, np.exp(0.8 * signal + 0.35 * draw.standard_normal(rows))


def _error(options: argparse.Namespace) -> Record:
    """Error and seconds of each method on a fifth of the rows; an amount is judged by its logarithm."""
    from bench.tabular_methods import METHODS

    found: Record = {}
    for task in options.tasks:
        frame, y = made(options.rows * 5 // 4, options.columns, task)
        y = np.log(y) if task == "regression" else y
        held = np.random.default_rng(1).permutation(len(y)) < len(y) // 5
        new = y[held]
        for method in options.methods:
            begin, spent = time.perf_counter(), time.process_time()
            said = METHODS[method].run(
                frame[~held], y[~held], frame[held], task, 0, options.threads
            )
            seconds = time.perf_counter() - begin, time.process_time() - spent
            if task == "regression":
                error = float(np.mean((new - said) ** 2) / np.var(new))
            else:
                error = _one_less_auc(new, said[:, 1])
            found.setdefault(task, {})[method] = [round(error, 5), *(round(s, 1) for s in seconds)]
            print(task, method, found[task][method], file=sys.stderr, flush=True)
    return found


def _one_less_auc(y: np.ndarray, p: np.ndarray) -> float:
    from sklearn.metrics import roc_auc_score

    return 1.0 - float(roc_auc_score(y, p))


def _peak() -> float:
    """MB that the process had at most."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def _memory(options: argparse.Namespace) -> Record:
    """What training took over the table, one epoch of plain networks on all rows."""
    import gdcore as gd

    frame, y = made(options.million, options.columns, "binary")
    table = frame.assign(answer=y)
    del frame
    gd.set_num_threads(options.threads)
    own, before = float(table.memory_usage(deep=True).sum()) / 2**20, _now()
    Path("/proc/self/clear_refs").write_text("5")  # the peak begins anew
    gd.tabular.TableModel(epochs=1, model="auto").fit(table, "answer", verbose=0)
    return {"table": round(own), "over": round(_high() - before)}


def _status(key: str) -> float:
    line = next(s for s in Path("/proc/self/status").read_text().splitlines() if s.startswith(key))
    return float(line.split()[1]) / 1024


def _now() -> float:
    return _status("VmRSS")


def _high() -> float:
    return _status("VmHWM")


def _predict(options: argparse.Namespace) -> Record:
    """Seconds of pandas to read a text of a million rows, and of the shell to predict from it."""
    import pandas as pd

    frame, y = made(options.million, options.columns, "binary")
    with tempfile.TemporaryDirectory() as folder:
        new, few, model = (str(Path(folder, n)) for n in ("new.csv", "few.csv", "m.safetensors"))
        frame.to_csv(new, index=False)
        frame.iloc[:20_000].assign(answer=y[:20_000]).to_csv(few, index=False)
        shell = [sys.executable, "-m", "gdcore"]
        small = ["--model", "mlp", "--epochs", "1", "--quiet", "--no-refit", "--validation", "0"]
        subprocess.run(
            [*shell, "train", few, "--target", "answer", "--out", model, *small], check=True
        )
        begin, spent = time.perf_counter(), time.process_time()
        pd.read_csv(new)
        read = time.perf_counter() - begin, time.process_time() - spent
        begin, before = time.perf_counter(), resource.getrusage(resource.RUSAGE_CHILDREN)
        subprocess.run(
            [*shell, "predict", model, new, "--out", str(Path(folder, "p.csv"))], check=True
        )
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        took = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
        return {
            "pandas": [round(s, 1) for s in read],
            "predict": [round(time.perf_counter() - begin, 1), round(took, 1)],
            "file": round(Path(new).stat().st_size / 2**20),
            "memory": round(after.ru_maxrss / 1024),
        }


def measure(options: argparse.Namespace) -> Record:
    """Each part in a process of its own."""
    record: Record = {
        "setting": setting(threads=str(options.threads)),
        "rows": options.rows,
        "columns": options.columns,
        "million": options.million,
    }
    for part in options.parts:
        asked = [
            "--part", part, "--rows", options.rows, "--columns", options.columns, "--million",
            options.million, "--threads", options.threads, "--tasks", ",".join(options.tasks),
            "--methods", ",".join(options.methods),
        ]  # fmt: skip
        done = subprocess.run(
            [sys.executable, "-m", "bench.large_table", *map(str, asked)],
            stdout=subprocess.PIPE, check=True, text=True,
        )  # fmt: skip
        record[part] = json.loads(done.stdout.splitlines()[-1])
    return record


def table(record: Record) -> str:
    """Markdown: a line for each number."""
    lines = ["| what | got |", "| --- | ---: |"]
    for task, methods in record.get("error", {}).items():
        for method, (error, wall, spent) in methods.items():
            name = f"{task}, {record['rows']:,} rows × {record['columns']}: {method}"
            lines.append(f"| {name} | {error:.4f} in {wall:g} s ({spent:g} s of a processor) |")
    if memory := record.get("memory"):
        what = f"training on {record['million']:,} rows, over the table's {memory['table']:,} MB"
        lines.append(f"| {what} | {memory['over']:,} MB |")
    if speed := record.get("predict"):
        for name, what in (("pandas", "pandas reads"), ("predict", "gdcore predicts")):
            wall, spent = speed[name]
            what = f"{what} {record['million']:,} rows of text ({speed['file']:,} MB)"
            lines.append(f"| {what} | {wall:g} s ({spent:g} s of a processor) |")
    return told(record["setting"]) + "\n\n" + "\n".join(lines)


def missed(record: Record) -> list[str]:
    """The targets that are not met, one line each."""
    lines = []
    for task, methods in record.get("error", {}).items():
        if {"gdcore", "LightGBM"} <= set(methods):
            ratio = methods["gdcore"][0] / methods["LightGBM"][0]
            if ratio > WORST:
                lines.append(f"{task}: {ratio:.3f} × LightGBM's error, expected at most {WORST}")
        if "gdcore" in methods and methods["gdcore"][1] > SLOWEST:
            lines.append(f"{task}: {methods['gdcore'][1]:g} s, expected at most {SLOWEST:g}")
    over = record.get("memory", {}).get("over", 0)
    if over > MOST:
        lines.append(f"{over:,} MB over the table, expected at most {MOST:g}")
    speed = record.get("predict")
    if speed and speed["predict"][0] > speed["pandas"][0]:
        lines.append(f"predicted in {speed['predict'][0]:g} s, read in {speed['pandas'][0]:g}")
    return lines


def options(parser: argparse.ArgumentParser) -> None:
    """What can be told."""
    add = parser.add_argument
    add("--rows", type=int, default=100_000, help="to learn from")
    add("--columns", type=int, default=50)
    add("--million", type=int, default=1_000_000, help="rows of the other parts")
    add("--threads", type=int, default=2)
    add("--tasks", type=words, default=list(TASKS), metavar="A,B")
    add("--methods", type=words, default=["gdcore", "LightGBM"], metavar="A,B")
    add("--parts", type=words, default=list(PARTS), metavar="A,B")
    add("--part", choices=PARTS, help=argparse.SUPPRESS)


STUDY = Study(
    "large_table",
    "A large table beside LightGBM: error, time, memory.",
    measure,
    table,
    missed,
    options,
)
RUN = {"error": _error, "memory": _memory, "predict": _predict}


def main() -> int:
    """The study, or one part of it in this process."""
    asked, _ = STUDY.parser().parse_known_args()
    if asked.part is None:
        return STUDY.main()
    warnings.simplefilter("ignore")
    print(json.dumps(RUN[asked.part](asked)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
