"""What has to be said of a training before its scores are believed, a line each."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

import numpy as np

from gdcore.data.sparse import SparseRows
from gdcore.show.progress import number
from gdcore.tabular.amounts import said
from gdcore.tabular.column import Column
from gdcore.tabular.columns import Date, Number
from gdcore.tabular.encoding import Encoder, Features
from gdcore.tabular.giveaways import giveaways
from gdcore.tabular.importance import judged_by
from gdcore.tabular.kinds import infer
from gdcore.tabular.part import Part
from gdcore.tabular.rows import rows as rows_of
from gdcore.tabular.scoring import Scorer, average_precision, higher_is_better
from gdcore.tabular.table import Table, quoted

__all__ = ["Finding", "about_columns", "about_folds", "about_rows", "about_scores"]

RARE = 0.2  # of an even share of the classes
MOST_TOLD = 5
TWICE = 0.01  # share of the rows that occur in the training, too
FEWEST_TIMES = 20
IN_ORDER = 0.995  # of the steps from row to row go one way
_TIMES = re.compile(
    "time|date|year|quarter|month|week|day|hour|instant|epoch|stamp|period", re.IGNORECASE
)
WORSE, MARGIN = 1.5, 0.05  # error of held-out rows, by the error of training, and above it


@dataclass(frozen=True)
class Finding:
    """Something that a reader of scores ought to know.

    Attributes
    ----------
    kind : {"ignored", "rare", "giveaway", "scale", "twice", "time", "guessing", "overfit", "folds"}
    text : str

    Examples
    --------
    >>> Finding("time", "rows lie in the order of 'day'").kind
    'time'
    """

    kind: str
    text: str


def about_columns(model: Any, table: Table) -> list[Finding]:
    """Columns that are left out or give the target away in the training rows; how to learn that."""
    found = []
    target, ignored = model.target, model.encoder.ignored
    if ignored:
        shown = [f"{quoted(name)} ({why})" for name, why in list(ignored.items())[:MOST_TOLD]]
        more = len(ignored) - len(shown)
        text = ", ".join(shown) + (f" and {more} more" if more else "")
        found.append(Finding("ignored", f"ignored: {text}"))
    for names in giveaways(table, model.encoder):
        told = " + ".join(map(quoted, names))
        verb, it = ("gives", "it") if len(names) == 1 else ("add up to, and give,", "them")
        cure = ", ".join(f"{name!r}: 'ignore'" for name in names)
        found.append(
            Finding(
                "giveaway",
                f"{told} {verb} {quoted(target.name)} away: if new rows do not have {it} yet, leave "
                f"{it} out with kinds={{{cure}}}",
            )
        )
    way = said(model.settings, target, target.values(table), model.network.losses[0].name)
    return [*found, Finding("scale", way)] if way else found


def about_folds(model: Any, scorer: Scorer) -> list[Finding]:
    """What networks on folds scored on the rows that they were not trained on."""
    scores = getattr(model, "out_of_fold", {})
    if not scores:
        return []
    told = ", ".join(
        f"{scorer.label(n)} {m:.4f} (deviation {d:.4f})" for n, (m, d) in scores.items()
    )
    stopped = "" if model.settings.patience is None else ", but stopped by"
    return [
        Finding(
            "folds",
            f"{_members(model)}, each on the rows it was not trained on{stopped}: {told}",
        )
    ]


def _members(model: Any) -> str:
    """How many networks of which model."""
    own = " and ".join(f"{count} of {name}" for name, count in model.members.items())
    return f"{sum(model.members.values())} networks ({own})"


def about_rows(
    model: Any, train: Table, train_x: Features, held: Table, held_x: Features
) -> list[Finding]:
    """Rows that occur in both parts, and rows in order of time."""
    found = []
    target = model.target
    prints = [_prints(x, target.values(own)) for x, own in ((train_x, train), (held_x, held))]
    twice = int(np.isin(prints[1], prints[0]).sum())
    if twice >= max(1.0, TWICE * len(held)):
        found.append(
            Finding(
                "twice",
                f"{rows_of(twice)} of the {len(held):,} held out ({twice / len(held):.1%}) also "
                "occur among the training rows, target and all: their score says nothing of new "
                "rows",
            )
        )
    for column in [*model.encoder.columns, *_dates_left_out(model.encoder, train)]:
        if _in_order(column, train, held):
            found.append(
                Finding(
                    "time",
                    f"rows lie in the order of {quoted(column.name)}, and those held out lie "
                    "between the others: if later rows are to be predicted, hold out the last with "
                    "split='last'",
                )
            )
            break
    return found


def _prints(features: Features, truth: np.ndarray) -> np.ndarray:
    """A number of 64 bits for each row, of what the network takes and the answer.

    Sums of bits times odd numbers at random: of a million rows, two different ones have the same number
    with a probability of 10⁻⁷ at most.
    """
    columns = [
        *features.numbers.T,
        *features.codes,
        *map(_of_text, features.texts),
        *np.asarray(truth, np.float64).reshape(len(truth), -1).T,
    ]
    odd = np.random.default_rng(0).integers(1, 2**63, (len(columns), 2), np.uint64) * 2 + 1
    sums = np.zeros(len(features), np.uint64)
    for column, factors in zip(columns, odd, strict=True):
        sums += _mixed(column, *factors)
    return sums


def _mixed(column: np.ndarray, one: np.uint64, other: np.uint64) -> np.ndarray:
    own = np.ascontiguousarray(column + column.dtype.type(0))  # -0 is 0
    bits = own.view(f"u{own.itemsize}").astype(np.uint64) * one
    bits ^= bits >> np.uint64(32)  # high bits reach low ones, and the product all others
    return np.asarray(bits * other)


def _of_text(rows: SparseRows) -> np.ndarray:
    """The same of the words of each row, and how often they occur."""
    odd = np.random.default_rng(1).integers(1, 2**63, (2, 2), np.uint64) * 2 + 1
    words = _mixed(_mixed(rows.columns, *odd[0]) ^ _mixed(rows.data, *odd[0]), *odd[1])
    ends = np.concatenate([np.zeros(1, np.uint64), np.cumsum(words, dtype=np.uint64)])
    return np.asarray(ends[rows.starts[1:]] - ends[rows.starts[:-1]])


def _dates_left_out(encoder: Encoder, train: Table) -> list[Column]:
    """Columns of dates that were told to be ignored: rows may lie in their order all the same."""
    found: list[Column] = []
    for name, why in encoder.ignored.items():
        if why != "as told":
            continue
        try:
            seen = infer(train, name)
            found += [Date.learn(train, name, seen.how)] if seen.kind == "date" else []
        except ValueError:  # what cannot be read is no time
            continue
    return found


def _in_order(column: Column, train: Table, held: Table) -> bool:
    """Whether all rows lie in order of a time, and held-out ones among the others."""
    if train.rows is None or held.rows is None or train.source != held.source:
        return False
    if isinstance(column, Date):
        time = np.concatenate([column.days(train), column.days(held)])
    elif isinstance(column, Number) and _TIMES.search(column.name):
        time = np.concatenate([column.encode(train)[:, 0], column.encode(held)[:, 0]])
    else:
        return False
    time = time[np.argsort([*train.rows, *held.rows])]
    time = time[~np.isnan(time)]
    steps = np.diff(time)
    steps = steps[steps != 0]
    if min(held.rows) > max(train.rows) or len(np.unique(time)) < FEWEST_TIMES or not len(steps):
        return False
    return max(float(np.mean(steps > 0)), float(np.mean(steps < 0))) >= IN_ORDER


def about_scores(scorer: Scorer, parts: dict[str, Part], judged: str) -> list[Finding]:
    """A rare class, a model no better than guessing, and one that fits training far better.

    Parameters
    ----------
    scorer : Scorer
    parts : what was measured, by name
    judged : the part that the scores are believed of
    """
    part = parts[judged]
    found = _rare(scorer, part)
    name = judged_by(scorer)
    got, guess = part.scores.get(name), part.baseline.get(name)
    label = scorer.label(name)
    if got is not None and guess is not None and np.ndim(got) == 0:
        sign = 1.0 if higher_is_better(name) else -1.0
        low, high = part.interval.get(name, (got, got))
        worst = low if sign > 0 else high
        both = f"{label} {number(got)}, guessing {number(guess)}"
        if not sign * got > sign * guess:
            word = "worse than" if sign * got < sign * guess else "no better than"
            found.append(Finding("guessing", f"the model is {word} guessing: {both}"))
        elif not sign * worst > sign * guess:
            found.append(
                Finding("guessing", f"too few rows to tell the model from guessing: {both}")
            )
        if "training" in parts and judged != "training":
            found += _overfit(name, label, parts["training"], part)
    return found


def _rare(scorer: Scorer, part: Part) -> list[Finding]:
    prior, names = scorer.target.prior, scorer.target.classes
    if names is None or not prior:
        return []
    found = []
    for i in np.argsort(prior, kind="stable")[:MOST_TOLD].tolist():
        if prior[i] >= RARE / len(names):
            break
        truth, answers = part.truth == i, part.answers == i
        each = np.ones(len(truth)) if part.weights is None else part.weights
        if not truth.any():
            found.append(
                Finding(
                    "rare",
                    f"{quoted(names[i])} is rare: {prior[i]:.2%} of the training rows, none of {len(truth):,} "
                    "here: how well it is told from others is not known",
                )
            )
            continue
        hit, right, share = each @ (truth & answers), each @ truth, each @ truth / each.sum()
        numbers = {
            "precision": float(hit / (each @ answers or 1.0)),
            "recall": float(hit / (right or 1.0)),
        }
        if part.proba is not None:
            numbers["average precision"] = average_precision(truth, part.proba[:, i], part.weights)
        shown = ", ".join(f"{what} {number(got)}" for what, got in numbers.items())
        found.append(
            Finding(
                "rare",
                f"{quoted(names[i])} is rare: {prior[i]:.2%} of the training rows, "
                f"{int(truth.sum()):,} of {len(truth):,} here: {shown}; rows picked at random give "
                f"{number(float(share))} of each",
            )
        )
    return found


def _overfit(name: str, label: str, train: Part, held: Part) -> list[Finding]:
    a, b = train.scores[name], held.scores[name]
    best = 1.0 if higher_is_better(name) else 0.0
    one, other = abs(best - a), abs(best - b)
    scale = abs(best - held.baseline[name])
    low, high = held.interval.get(name, (b, b))
    outside = a > high if higher_is_better(name) else a < low
    if not outside or other <= WORSE * one or (other - one) <= MARGIN * max(scale, 1e-12):
        return []
    return [
        Finding(
            "overfit",
            f"training rows are fitted far better than held-out ones: {label} {number(a)} and "
            f"{number(b)}: more rows, dropout or weight_decay, or fewer columns may help",
        )
    ]
