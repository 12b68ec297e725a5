"""How well tables are learned, beside boosting and the best published networks: the same rows for all.

    python -m bench.tabular --data DIR [--sets titanic,german] [--methods gdcore,LightGBM] [--splits 3]

DIR (or GDCORE_TABULAR_DATA) holds the files as their publishers name them: titanic.csv, german.csv,
abalone.csv, winequality-red.csv, winequality-white.csv, california_housing.csv, adult-train.csv and
adult-test.csv; breast, diabetes and digits come with scikit-learn. In every split a fifth of the rows is held
out, of every class alike; each method learns from the rest as it comes, and its error on the fifth is
written down at once: a run that is stopped goes on where it was. `--again METHOD` forgets what a method
scored, after a change of it. Peers that are not installed are named and left out.

"gdcore" is what `TableModel()` does when it is told nothing. Seconds are of a processor, training and
prediction together.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
import warnings
from pathlib import Path
from typing import Any

import numpy as np

from bench.measure import ROOT, geometric_mean
from bench.study import RESULTS, Record, read, setting, told, words, write, write_into
from bench.tabular_methods import METHODS, PEERS
from bench.tabular_sets import CASES, Set, error, load

PAGE = ROOT / "docs" / "speed.md"
OURS = "gdcore"
Scores = dict[str, dict[str, dict[str, list[float]]]]  # by set, method and split: error, seconds


def run(
    name: str, methods: list[str], splits: int, folder: Path | None, threads: int, keep: Path
) -> None:
    """What is not yet known of one set, split by split; each score is kept at once."""
    case = CASES[name]
    data: Set | None = None
    for split in range(min(splits, case.splits)):
        for method in methods:
            if str(split) in _known(keep).get("scores", {}).get(name, {}).get(method, {}):
                continue
            data = data or load(name, folder)
            if len(data.y) > METHODS[method].most:
                continue
            train, held = data.split(split)
            begin = time.process_time()
            said = METHODS[method].run(
                data.x.iloc[train], data.y[train], data.x.iloc[held], case.task, split, threads
            )
            spent = time.process_time() - begin
            got = [round(error(case, data.y[held], said), 5), float(f"{spent:.3g}")]
            record = _known(keep)  # of other sets, another run may have written meanwhile
            record["setting"] = setting(threads=str(threads))
            record.setdefault("rows", {})[name] = len(data.y)
            own = record.setdefault("scores", {}).setdefault(name, {}).setdefault(method, {})
            own[str(split)] = got
            write(keep, record)
            line = f"{name}, split {split}: {method} {got[0]:.4f} ({spent:.1f} s)"
            print(line, file=sys.stderr, flush=True)


def _known(keep: Path) -> Record:
    return read(keep) if keep.exists() else {"setting": {}}


def common(scores: Scores, name: str, methods: list[str]) -> list[str]:
    """The splits of a set that all of these methods have scored."""
    done = [set(scores[name].get(m, {})) for m in methods]
    return sorted(set.intersection(*done), key=int) if done else []


def errors(scores: Scores, name: str, method: str, splits: list[str]) -> np.ndarray:
    """Of a method on splits of a set."""
    return np.array([scores[name][method][s][0] for s in splits])


def methods_of(scores: Scores, name: str) -> list[str]:
    """Those that have scored all splits of a set that gdcore has, in the order of the table."""
    wanted = set(scores[name].get(OURS) or ())
    return [m for m in METHODS if scores[name].get(m) and wanted <= set(scores[name][m])]


def best_boosting(scores: Scores, name: str) -> str | None:
    """The boosting of the least mean error, on the splits that both and gdcore have scored."""
    there = [m for m in methods_of(scores, name) if PEERS.get(m) and PEERS[m].boosting]
    splits = common(scores, name, [*there, *[OURS] * bool(scores[name].get(OURS))])
    if not splits:
        return None
    return min(there, key=lambda m: float(errors(scores, name, m, splits).mean()))


def ratio(scores: Scores, name: str, method: str) -> float | None:
    """The mean error of a method over that of the best boosting, on the splits of both."""
    best = best_boosting(scores, name)
    splits = common(scores, name, [method, best]) if best else []
    if best is None or not splits:
        return None
    own, other = (float(errors(scores, name, m, splits).mean()) for m in (method, best))
    return own / other


def mean_ranks(scores: Scores) -> dict[str, float]:
    """The mean place of each method by mean error, over the sets that gdcore has scored, by the splits
    that all methods there have, so that places are of the same rows.
    """
    places: dict[str, list[float]] = {}
    for name in scores:
        there = methods_of(scores, name)
        splits = common(scores, name, there)
        if not splits or OURS not in there:
            continue
        mean = {m: float(errors(scores, name, m, splits).mean()) for m in there}
        for m in there:
            below = sum(v < mean[m] for v in mean.values())
            alike = sum(v == mean[m] for v in mean.values())
            places.setdefault(m, []).append(below + (alike + 1) / 2)
    return {m: float(np.mean(p)) for m, p in places.items()}


def worse(scores: Scores, name: str, peer: str, by: float) -> str | None:
    """A line, if gdcore's mean error on a set is above a peer's by so many standard errors of the difference."""
    splits = common(scores, name, [OURS, peer])
    if len(splits) < 2:
        return None
    gap = errors(scores, name, OURS, splits) - errors(scores, name, peer, splits)
    sure = float(np.std(gap, ddof=1) / np.sqrt(len(gap)))
    if float(gap.mean()) <= by * sure:
        return None
    return f"{name}: worse than {peer} by {gap.mean():.4f} ± {sure:.4f}"


def missed(record: Record) -> list[str]:
    """The targets that are not met, one line each."""
    scores: Scores = record["scores"]
    lines, ranks = [], mean_ranks(scores)
    for peer in PEERS:
        if peer in ranks and OURS in ranks and ranks[OURS] >= ranks[peer]:
            lines.append(
                f"mean rank {ranks[OURS]:.2f} is not better than {peer}'s {ranks[peer]:.2f}"
            )
    ratios = [r for name in scores if (r := ratio(scores, name, OURS)) is not None]
    if ratios and geometric_mean(ratios) > 1.0:
        lines.append(f"errors are {geometric_mean(ratios):.3f} × the best boosting's, expected ≤ 1")
    for name in scores:
        for peer, by in (("RealMLP", 2.0), ("MLP", 1.0), ("MLP early stopping", 1.0)):
            line = worse(scores, name, peer, by)
            lines += [line] if line else []
    for peer, share in (("RealMLP", 0.5), ("TabM", 0.05)):
        times = [
            np.mean([scores[n][OURS][s][1] for s in both])
            / np.mean([scores[n][peer][s][1] for s in both])
            for n in scores
            if (both := common(scores, n, [OURS, peer]))
        ]
        if times and geometric_mean(times) > share:
            lines.append(f"time is {geometric_mean(times):.2f} × {peer}'s, expected ≤ {share}")
    return lines


def table(record: Record) -> str:
    """Markdown: a line for each set, a column for each method."""
    scores: Scores = record["scores"]
    shown = [m for m in METHODS if any(scores[name].get(m) for name in scores)]
    head = ["set (rows)", "splits", "error", *shown]
    lines = [head, ["---", "---:", "---", *["---:"] * len(shown)]]
    for name in (n for n in CASES if n in scores):
        there = methods_of(scores, name)
        splits = common(scores, name, there)
        mean = {m: float(errors(scores, name, m, splits).mean()) for m in there} if splits else {}
        cells = []
        for m in shown:
            if m not in mean:
                cells.append("—")
                continue
            text = f"{mean[m]:.4f}"
            seconds = float(np.mean([scores[name][m][s][1] for s in splits]))
            best = mean[m] == min(mean.values())
            cells.append(f"{f'**{text}**' if best else text} ({seconds:.3g} s)")
        rows = f"{name} ({record['rows'][name]:,})"
        lines.append([rows, str(len(splits)), CASES[name].measure, *cells])
    ranks = mean_ranks(scores)
    lines.append(["mean rank", "", "", *(f"{ranks[m]:.2f}" if m in ranks else "—" for m in shown)])
    means = []
    for m in shown:
        ratios = [r for n in scores if (r := ratio(scores, n, m)) is not None]
        means.append(f"{geometric_mean(ratios):.3f}" if ratios else "—")
    lines.append(["× best boosting", "", "", *means])
    return told(record["setting"]) + "\n\n" + "\n".join(f"| {' | '.join(line)} |" for line in lines)


def main(arguments: list[str] | None = None) -> int:
    """Score what is not yet scored, and print the table; 1 if a target is missed."""
    parser = argparse.ArgumentParser(
        prog="python -m bench.tabular", description=__doc__.partition("\n")[0]
    )
    add = parser.add_argument
    add("--data", default=os.environ.get("GDCORE_TABULAR_DATA"), metavar="DIR")
    add("--sets", type=words, default=list(CASES), metavar="A,B")
    add("--methods", type=words, default=list(METHODS), metavar="A,B")
    add("--splits", type=int, default=10, help="at most; california and adult have 3")
    add("--threads", type=int, default=1)
    add("--scores", type=Path, default=RESULTS / "tabular.json", metavar="FILE")
    add("--again", type=words, default=[], metavar="A,B", help="methods to be scored anew")
    add("--show", action="store_true", help="what is scored already, and nothing else")
    add("--publish", action="store_true", help="write the table into docs/speed.md")
    args = parser.parse_args(arguments)
    for what, got, known in (
        ("set", args.sets, CASES), ("method", [*args.methods, *args.again], METHODS),
    ):  # fmt: skip
        for name in got:
            if name not in known:
                parser.error(f"unknown {what} {name!r}, expected one of {', '.join(known)}")
    if min(args.splits, args.threads) < 1:
        parser.error("--splits and --threads: expected at least 1")
    if args.again and args.scores.exists():
        record = read(args.scores)
        for own in record["scores"].values():
            for method in args.again:
                own.pop(method, None)
        write(args.scores, record)
    if not args.show:
        _score(parser, args)
    record = read(args.scores)
    print(table(record))
    if args.publish:
        write_into(PAGE, "tabular", table(record))
    lines = missed(record)
    print("\n".join(["", *lines, "not all holds" if lines else "everything asked holds"]))
    return 1 if lines else 0


def _score(parser: argparse.ArgumentParser, args: Any) -> None:
    files = [f for n in args.sets if not callable(CASES[n].source) for f in CASES[n].source]  # type: ignore[union-attr]
    if files and args.data is None:
        parser.error("--data DIR is missing, or the variable GDCORE_TABULAR_DATA")
    folder = None if args.data is None else Path(args.data)
    for file in files:
        if folder is not None and not (folder / file).is_file():
            parser.error(f"{folder / file} is not there")
    lacking = [m for m in args.methods if not METHODS[m].there]
    for method in lacking:
        print(f"{method} is left out: {METHODS[method].needs} is not installed", file=sys.stderr)
    methods = [m for m in args.methods if m not in lacking]
    warnings.simplefilter("ignore")  # an MLP that has not converged is what its budget is about
    for name in args.sets:
        run(name, methods, args.splits, folder, args.threads, args.scores)


if __name__ == "__main__":
    sys.exit(main())
