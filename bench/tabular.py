"""How well tables are learned, beside scikit-learn's MLP in a pipeline: same splits, same epochs.

    python -m bench.tabular --data DIR [--seeds 5] [--sets titanic,german] [--markdown]

DIR (or GDCORE_TABULAR_DATA) holds the files as their publishers name them: adult-train.csv,
california_housing.csv, titanic.csv, winequality-white.csv, german.csv and abalone.csv. For every
seed, a fifth of the rows is held out, of every class alike; both sides learn from the rest with as
many epochs, the same hidden layers and the same batches, and are scored on the fifth: accuracy, or R².

gdcore runs with its defaults. The pipeline is what a careful user writes: missing numbers filled with
the mean and standardised, missing categories filled with the commonest and one-hot encoded, the
target of a regression standardised; the MLP once as it comes and once with early stopping, of which the
better on average counts. "Better or equal" means that the mean difference over the seeds is not below
zero by more than its own standard error.
"""

from __future__ import annotations

import argparse
import os
import sys
import warnings
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from gdcore.tabular import Table, TableModel, read
from gdcore.tabular.presets import budget
from gdcore.tabular.splits import hold_out
from gdcore.tabular.target import Target

HIDDEN = (128, 64)


@dataclass(frozen=True)
class Case:
    """A data set, and what is asked of it."""

    file: str
    target: str | int
    header: bool = True
    task: str | None = None
    ignore: tuple[str, ...] = ()

    @property
    def kinds(self) -> dict[str, str]:
        return dict.fromkeys(self.ignore, "ignore")


CASES = {
    "adult": Case("adult-train.csv", -1, header=False),
    "california_housing": Case("california_housing.csv", "median_house_value"),
    "titanic": Case("titanic.csv", "survived", ignore=("alive",)),  # alive is survived, in words
    "wine": Case("winequality-white.csv", -1, header=False, task="regression"),
    "german": Case("german.csv", -1, header=False),
    "abalone": Case("abalone.csv", -1, header=False, task="regression"),
}


@dataclass
class Result:
    """The scores of one set, a number for each seed."""

    name: str
    measure: str
    rows: int
    epochs: int
    ours: list[float] = field(default_factory=list)
    peers: dict[str, list[float]] = field(default_factory=dict)

    @property
    def peer(self) -> str:
        """The variant of the peer that is better on average."""
        return max(self.peers, key=lambda name: np.mean(self.peers[name]))

    @property
    def gain(self) -> tuple[float, float]:
        """The mean difference, and its standard error."""
        gains = np.subtract(self.ours, self.peers[self.peer])
        error = float(np.std(gains, ddof=1) / np.sqrt(len(gains))) if len(gains) > 1 else 0.0
        return float(np.mean(gains)), error

    @property
    def holds(self) -> bool:
        """Whether gdcore is better or equal."""
        gain, error = self.gain
        return gain >= -error


def learned(case: Case, table: Table, train: np.ndarray, held: np.ndarray, seed: int) -> float:
    """The score of gdcore."""
    name = table.find(case.target, "target")
    model = TableModel(HIDDEN, kinds=case.kinds, task=case.task, seed=seed)
    model.fit(table.take(train), name, verbose=0)
    got = model.evaluate(table.take(held))
    return float(got["accuracy" if model.classes is not None else "r2"])


def pipeline(case: Case, table: Table, epochs: int, batch: int, seed: int, **settings: Any) -> Any:
    """What a careful user of scikit-learn writes."""
    from sklearn.compose import ColumnTransformer, TransformedTargetRegressor, make_column_selector
    from sklearn.impute import SimpleImputer
    from sklearn.neural_network import MLPClassifier, MLPRegressor
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import OneHotEncoder, StandardScaler

    numbers = make_pipeline(SimpleImputer(), StandardScaler())
    words = make_pipeline(
        SimpleImputer(strategy="most_frequent"),
        OneHotEncoder(handle_unknown="ignore", sparse_output=False),
    )
    columns = ColumnTransformer(
        [
            ("numbers", numbers, make_column_selector(dtype_include="number")),
            ("words", words, make_column_selector(dtype_exclude="number")),
        ]
    )
    settings |= {
        "hidden_layer_sizes": HIDDEN,
        "max_iter": epochs,
        "batch_size": batch,
        "random_state": seed,
    }
    if Target.learn(table, table.find(case.target, "target"), case.task).classes is not None:
        return make_pipeline(columns, MLPClassifier(**settings))
    network = TransformedTargetRegressor(MLPRegressor(**settings), transformer=StandardScaler())
    return make_pipeline(columns, network)


def frame(case: Case, table: Table, path: Path) -> Any:
    """The features as pandas reads them."""
    import pandas as pd

    data = pd.read_csv(
        path, header=0 if case.header else None, na_values="?", skipinitialspace=True
    )
    data.columns = [str(c) for c in data.columns]
    data = data.drop(columns=[table.find(case.target, "target"), *case.ignore])
    words = [c for c in data.columns if not pd.api.types.is_numeric_dtype(data[c])]
    words += [c for c in data.columns if data[c].dtype == bool]
    return data.astype(dict.fromkeys(words, object))


PEERS = {"as it comes": {}, "early stopping": {"early_stopping": True}}


def compare(name: str, folder: Path, seeds: int, say: Callable[[str], None]) -> Result:
    """One set, over all seeds."""
    case = CASES[name]
    table = read(folder / case.file, header=case.header)
    target = Target.learn(table, table.find(case.target, "target"), case.task)
    y, classes = target.values(table), target.classes is not None
    features = frame(case, table, folder / case.file)
    train_rows = int((~hold_out(y, 0.2, 0, classes)).sum())
    batch, epochs = budget(train_rows, None, None)
    result = Result(name, "accuracy" if classes else "R²", len(table), epochs)
    for seed in range(seeds):
        held = hold_out(y, 0.2, seed, classes)
        result.ours.append(learned(case, table, ~held, held, seed))
        for peer, settings in PEERS.items():
            made = pipeline(case, table, epochs, batch, seed, **settings)
            made.fit(features[~held], y[~held])
            result.peers.setdefault(peer, []).append(float(made.score(features[held], y[held])))
        last = {peer: round(scores[-1], 4) for peer, scores in result.peers.items()}
        say(f"{name}, seed {seed}: gdcore {result.ours[-1]:.4f}, scikit-learn {last}")
    return result


def row(result: Result) -> list[str]:
    """The cells of a result's line."""
    gain, error = result.gain
    peer = result.peers[result.peer]
    return [
        result.name,
        f"{result.rows:,}",
        str(result.epochs),
        result.measure,
        f"{np.mean(result.ours):.4f} ± {np.std(result.ours):.4f}",
        f"{np.mean(peer):.4f} ± {np.std(peer):.4f} ({result.peer})",
        f"{gain:+.4f} ± {error:.4f}",
        "yes" if result.holds else "no",
    ]


HEAD = [
    "set",
    "rows",
    "epochs",
    "measure",
    "gdcore",
    "scikit-learn",
    "difference",
    "better or equal",
]


def main(words: list[str] | None = None) -> int:
    """Compare, and print the table; 1 if gdcore is worse anywhere."""
    parser = argparse.ArgumentParser(
        prog="python -m bench.tabular", description=__doc__.partition("\n")[0]
    )
    parser.add_argument("--data", default=os.environ.get("GDCORE_TABULAR_DATA"), metavar="DIR")
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--sets", default=",".join(CASES), metavar="A,B")
    parser.add_argument("--markdown", action="store_true", help="print the table as Markdown")
    args = parser.parse_args(words)
    if args.data is None:
        parser.error("--data DIR is missing, or the variable GDCORE_TABULAR_DATA")
    names = args.sets.split(",")
    for name in names:
        if name not in CASES:
            parser.error(f"unknown set {name!r}, expected one of {', '.join(CASES)}")
        if not (Path(args.data) / CASES[name].file).is_file():
            parser.error(f"{Path(args.data) / CASES[name].file} is not there")
    if args.seeds < 1:
        parser.error(f"--seeds {args.seeds}: expected at least 1")
    warnings.simplefilter("ignore")  # an MLP that has not converged is what a budget is about
    results = [
        compare(name, Path(args.data), args.seeds, lambda line: print(line, file=sys.stderr))
        for name in names
    ]
    cells = [row(result) for result in results]
    if args.markdown:
        lines = [HEAD, ["---"] * len(HEAD), *cells]
        print("\n".join(f"| {' | '.join(line)} |" for line in lines))
    else:
        from gdcore.show.summary import table

        print(table([HEAD, *cells], "<>><<<<<"))
    return 0 if all(result.holds for result in results) else 1


if __name__ == "__main__":
    sys.exit(main())
