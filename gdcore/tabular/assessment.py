"""Measuring a model: on rows that it was trained on and others, beside guessing."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from gdcore.tabular.conformal import covered
from gdcore.tabular.decision import calibration_error, probabilities
from gdcore.tabular.encoding import Features
from gdcore.tabular.findings import about_columns, about_folds, about_rows, about_scores
from gdcore.tabular.importance import importance, judged_by
from gdcore.tabular.intervals import effective_rows, intervals, wilson
from gdcore.tabular.part import Coverage, Part
from gdcore.tabular.presets import AUTO
from gdcore.tabular.quantiles import Below, shares_below
from gdcore.tabular.report import Report
from gdcore.tabular.reports import Reports
from gdcore.tabular.scoring import Scorer
from gdcore.tabular.table import Table, quoted
from gdcore.tabular.weighting import measuring_weights

__all__ = ["assess"]


def assess(model: Any, tables: dict[str, Table], repeats: int = 5) -> Report | Reports:
    """The report of a model, or of each of its targets.

    Parameters
    ----------
    model : Asking
    tables : rows by the name of their part; the last is what is judged by, "training" what the
        model was trained on
    repeats : times that each column is shuffled, 0 for not at all
    """
    views = model.views
    if views:
        return Reports({v.target.name: _assess(v, tables, repeats) for v in views})
    return _assess(model, tables, repeats)


def _assess(model: Any, tables: dict[str, Table], repeats: int) -> Report:
    scorer, features = model.scorer, {}
    if not scorer.target.prior:  # of a file of before: what is known are the rows themselves
        scorer = _with_prior(scorer, tables)
    parts = {}
    for name, table in tables.items():
        features[name] = model.encoder.encode(table)
        parts[name] = _measured(model, scorer, table, features[name], name != "training")
    judged = list(tables)[-1]
    held, target = parts[judged], scorer.target
    train = tables.get("training")
    findings = about_columns(model, tables[judged] if train is None else train)
    if train is not None and judged != "training":
        findings += about_rows(model, train, features["training"], tables[judged], features[judged])
    findings += about_scores(scorer, parts, judged)
    if train is not None:
        findings += about_folds(model, scorer)
    confusion = error = None
    curve: list[tuple[float, float, int]] = []
    note = "always the mean"
    if target.classes is not None:
        size = len(target.classes)
        pairs = held.truth * size + held.answers
        confusion = np.bincount(pairs, held.weights, size * size).reshape(size, size)
        note = f"always {quoted(target.classes[int(np.argmax(target.prior))])}"
        if held.proba is not None:
            note += ", at the shares of the training rows"
            error, curve = calibration_error(held.proba, held.truth, held.weights)
    names = dict.fromkeys(n for part in parts.values() for n in part.scores)
    judge = judged_by(scorer)
    return Report(
        target=target.name, classes=target.classes, part=judged,
        rows={name: len(table) for name, table in tables.items()},
        scores={name: part.scores for name, part in parts.items()},
        intervals=held.interval, coverage=held.coverage, below=held.below, baseline=held.baseline, baseline_note=note,
        labels={n: scorer.label(n) for n in (*names, judge)},
        findings=findings, truth=held.truth, answers=held.answers, weights=held.weights,
        weighted_by=None if held.weights is None else model.settings.weights, confusion=confusion,
        calibration_error=error, reliability=curve, threshold=scorer.decision.threshold,
        positive=None if confusion is None or len(confusion) != 2 else scorer.decision.positive,
        importance=importance(model, features[judged], held.truth, repeats, weights=held.weights)
        if repeats else [],
        judged_by=judge, history=dict(model.history.history) if model.history else {},
        notes=[*model.notes, f"network: {_network(model)}"], columns=model.encoder.described(),
    )  # fmt: skip


def _network(model: Any) -> str:
    """What predicts: the model by name, and of "auto" what it came to."""
    members = getattr(model, "members", {})
    told = ", ".join(f"{count} of {name}" for name, count in members.items())
    return f"auto: {told}" if model.settings.model == AUTO and told else str(model.settings.model)


def _measured(model: Any, scorer: Scorer, table: Table, features: Features, fully: bool) -> Part:
    y, weights = scorer.target.values(table), measuring_weights(table, model.settings.weights)
    out = model._outputs(features)
    scores = scorer.scores(out)
    got = scorer.measure(y, scores, weights)
    blind = replace(scorer, decision=replace(scorer.decision, threshold=None))
    guess = blind.measure(y, scorer.guess(len(y)), weights) if fully else {}
    sure = intervals(scorer, y, scores, got, weights) if fully else {}
    proba = probabilities(scores) if scorer.classes and scorer.likely else None
    level, coverage = model.settings.interval, None
    if level is not None and scorer.decision.margin is not None:
        ends = scorer.limits(scores)
        share = covered(ends, y, weights)
        wide = float(np.average(ends[:, 1] - ends[:, 0], weights=weights))
        coverage = Coverage(level, share, wilson(share, effective_rows(len(y), weights)), wide)
    below: list[Below] = []
    if scorer.quantiles and model.settings.quantiles:
        wanted = model.settings.quantiles
        below = shares_below(wanted, scorer.told_quantiles(out, wanted), y, weights)
    return Part(got, guess, sure, y, scorer.answers(scores), proba, weights, coverage, below)


def _with_prior(scorer: Scorer, tables: dict[str, Table]) -> Scorer:
    target = scorer.target
    y = target.values(next(iter(tables.values())))
    if target.classes is None:
        prior: tuple[float, ...] = (float(y.mean()),)
    else:
        prior = tuple((np.bincount(y, minlength=len(target.classes)) / len(y)).tolist())
    return replace(scorer, target=replace(target, prior=prior))
