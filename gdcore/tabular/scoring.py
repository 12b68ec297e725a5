"""From what a network puts out to answers, and from answers to scores."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gdcore import metrics as metric_functions
from gdcore.engine.engine import engine_of
from gdcore.losses import Quantile
from gdcore.metrics import F1, Metric, Precision, Recall
from gdcore.metrics.classification import TopK
from gdcore.metrics.link import probabilities as link_probabilities
from gdcore.model import Model
from gdcore.tabular.column import Floats
from gdcore.tabular.conformal import limits
from gdcore.tabular.decision import Decision, log_loss, probabilities
from gdcore.tabular.heads import MEDIAN, labels_of
from gdcore.tabular.ordered import log_probabilities, rank_error
from gdcore.tabular.several import AnyTarget, Targets
from gdcore.tabular.table import SettingError, quoted
from gdcore.tabular.target import Target

__all__ = ["Decisions", "Scorer", "average_precision", "link_of", "output_of", "scorers"]

Decisions = Decision | tuple[Decision, ...]  # a tuple for several targets

LOWER_IS_BETTER = ("loss", "rank_error", "mse", "mean_squared_error", "mae", "mean_absolute_error", "rmse",
                   "root_mean_squared_error")  # fmt: skip
LABELS = {
    "r2": "R²", "mae": "mean absolute error", "rmse": "root mean squared error",
    "mse": "mean squared error", "rank_error": "classes off, on average",
}  # fmt: skip


def link_of(network: Model) -> str:
    """How to read what a network puts out."""
    return network.losses[0].link(engine_of(network).network().outputs[0])


@dataclass(frozen=True)
class Scorer:
    """Answers and scores of a network's outputs, in the target's own words and units.

    Attributes
    ----------
    target : Target
    link : str
        How the outputs are to be read.
    loss : str
        Name of the loss that the network was trained with.
    names : tuple of str or None
        What is measured; by default accuracy (and ROC-AUC for two classes), or R², MAE and RMSE.
    decision : Decision
    quantiles : tuple of float
        What the columns of the outputs are, where they are quantiles of a quantity.
    """

    target: Target
    link: str
    loss: str
    names: tuple[str, ...] | None = None
    decision: Decision = field(default_factory=Decision)
    quantiles: tuple[float, ...] = ()

    @classmethod
    def of(
        cls, network: Model, target: Target, names: Sequence[str] | None, decision: Decision
    ) -> Scorer:
        """The one for a compiled network."""
        told = None if names is None else tuple(names)
        loss = network.losses[0]
        columns = loss.q if isinstance(loss, Quantile) and isinstance(loss.q, tuple) else ()
        return cls(target, link_of(network), loss.name, told, decision, columns)

    @property
    def classes(self) -> int:
        """How many, 0 for a quantity."""
        return len(self.target.classes or ())

    @property
    def likely(self) -> bool:
        """Whether the outputs speak of probabilities."""
        return self.link.endswith(("_logits", "_probs"))

    def gives(self, method: str) -> bool:
        """Whether there is what a method of the model asks for: probabilities, or intervals."""
        if method == "predict_proba":
            return self.likely
        return method != "predict_interval" or self.decision.margin is not None

    @property
    def wanted(self) -> tuple[str, ...]:
        """Names of what is measured, the first being what columns are judged by."""
        if self.names is not None:
            return self.names
        if not self.classes:
            return ("r2", "mae", "rmse")
        if self.target.ordered:
            return ("accuracy", "rank_error")
        return ("accuracy", "roc_auc") if self.classes == 2 else ("accuracy",)

    # --- answers ---------------------------------------------------------------------------------

    def scores(self, out: NDArray[Any]) -> NDArray[Any]:
        """Quantities in their own units; logits of classes, one column of log odds for two."""
        if self.quantiles:
            return self.told_quantiles(out, (MEDIAN,))[:, 0]
        if not self.classes:
            return self.target.in_units(out)
        rows = np.asarray(out).reshape(len(out), -1)
        if self.target.ordered and rows.shape[1] > 1:
            rows = log_probabilities(link_probabilities(rows, self.link))
        elif self.link.endswith("_probs"):
            rows = np.log(np.maximum(rows, 1e-30)) - (
                np.log(np.maximum(1 - rows, 1e-30)) if rows.shape[1] == 1 else 0
            )
        if self.classes == 2 and rows.shape[1] == 2:
            rows = rows[:, 1:] - rows[:, :1]
        return np.asarray(rows / self.decision.temperature if self.likely else rows)

    def told_quantiles(self, out: NDArray[Any], wanted: Sequence[float]) -> Floats:
        """Some of the quantiles, in the target's units: in each row they rise with their share."""
        rising = np.sort(np.asarray(out), axis=1)
        places = [self.quantiles.index(q) for q in wanted]
        return np.stack([self.target.in_units(rising[:, i]) for i in places], axis=1)

    def _decided(self, scores: NDArray[Any]) -> NDArray[Any]:
        """Scores of which the greatest, or the sign, is the answer."""
        limit = self.decision.threshold
        if limit is None:
            return scores
        odds = np.log(limit / (1 - limit))
        return np.asarray(scores - (odds if self.decision.positive else -odds))

    def answers(self, scores: NDArray[Any]) -> NDArray[Any]:
        """Class numbers, or the quantities as they are."""
        return labels_of(self._decided(scores), "binary_logits") if self.classes else scores

    def named(self, scores: NDArray[Any]) -> NDArray[Any]:
        """The answers as people call them: class names, or quantities."""
        return self.target.named(self.answers(scores)) if self.classes else scores

    @property
    def counts(self) -> bool:
        """Whether the outputs are the means of counts."""
        return self.loss == "poisson"

    def limits(self, scores: NDArray[Any]) -> Floats:
        """The ends of the interval around each quantity, (n, 2)."""
        assert self.decision.margin is not None
        return limits(self.target, scores, self.decision.margin, self.counts)

    # --- scores ----------------------------------------------------------------------------------

    def measure(
        self, y: NDArray[Any], scores: NDArray[Any], weights: Floats | None = None
    ) -> dict[str, Any]:
        """Metrics by name; also the "loss" of classes. Without weights each row counts once."""
        got: dict[str, Any] = {}
        if self.classes:
            got["loss"] = self.loss_of(y, scores, weights)
        return got | {name: self.metric(name, y, scores, weights) for name in self.wanted}

    def metric(
        self, name: str, y: NDArray[Any], scores: NDArray[Any], weights: Floats | None = None
    ) -> Any:
        """One of the metrics."""
        if name == "loss":
            return self.loss_of(y, scores, weights)
        if name == "rank_error":
            return rank_error(y, self.answers(scores), weights)
        metric = self.bound(name)
        shown = self._decided(scores)
        if self.classes == 2:
            if isinstance(metric, TopK):
                shown = np.concatenate([-shown, shown], axis=1)
            elif self.about_positive(metric) and not self.decision.positive:
                y, shown = 1 - y, -shown
        metric.update(y, shown, weights)
        value = metric.result()
        return float(value) if np.ndim(value) == 0 else value

    def bound(self, name: str) -> Metric:
        """A metric, told how to read the scores.

        Raises
        ------
        SettingError
            If it does not go with the loss.
        """
        if name == "rank_error":
            if self.target.ordered:
                return Metric(name)
            raise SettingError(
                f"metric rank_error is for classes in order, and {self.target.name!r} has none: pass "
                "task='ordinal', or leave it out"
            )
        metric = metric_functions.get(name)
        binary = self.classes == 2 and not isinstance(metric, TopK)
        task = "binary" if binary else "multiclass"
        read = "logits" if self.likely or not binary else "margins"
        kind = f"{task}_{read}" if self.classes else "regression"
        try:
            return metric.bind(kind)
        except ValueError as error:
            raise SettingError(
                f"metric {name} does not go with loss {self.loss}: {error}"
            ) from None

    def about_positive(self, metric: Metric) -> bool:
        """Whether a metric of two classes looks at the positive one alone."""
        return isinstance(metric, Precision | Recall | F1) and metric.average in (None, "binary")

    def loss_of(
        self, y: NDArray[Any], scores: NDArray[Any], weights: Floats | None = None
    ) -> float:
        """The loss of classes; class weights are no part of it."""
        if self.likely:
            return log_loss(scores, y, weights=weights)
        over = np.maximum(0.0, 1.0 - (2 * y - 1) * np.asarray(scores, np.float64)[:, 0])
        cost = over**2 if self.loss == "squared_hinge" else over
        return float(np.average(cost, weights=weights))

    def label(self, name: str) -> str:
        """What a report calls a metric: whose it is, and over what it is averaged."""
        metric = None if name in ("loss", "rank_error") else metric_functions.get(name)
        if name == "loss" and self.likely:
            return "log loss"
        if isinstance(metric, Precision | Recall | F1):
            stem = name.removesuffix(f"_{metric.average}")
            if self.classes == 2 and self.about_positive(metric):
                return f"{stem} of {quoted(self.target.classes[self.decision.positive])}"  # type: ignore[index]
            return f"{stem}, {metric.average or 'macro'} average"
        return LABELS.get(name, name)

    def guess(self, rows: int) -> NDArray[Any]:
        """The scores of whoever knows the training's answers, and nothing of a row."""
        prior = np.asarray(self.target.prior, dtype=np.float64)
        if not self.classes:
            return np.full(rows, prior[0])
        logits = np.log(np.maximum(prior, 1e-12))
        if self.classes == 2:
            odds = logits[1:] - logits[:1]
            return np.tile(odds if self.likely else np.sign(odds), (rows, 1))
        return np.tile(logits, (rows, 1))

    def positive_probability(self, scores: NDArray[Any]) -> NDArray[np.float64]:
        """Of the positive of two classes, for rows of log odds."""
        return np.asarray(probabilities(scores)[:, self.decision.positive])


def scorers(
    network: Model, target: AnyTarget, names: Sequence[str] | None, decision: Decisions
) -> list[Scorer]:
    """One for each target of a compiled network."""
    if isinstance(target, Target):
        assert isinstance(decision, Decision)
        return [Scorer.of(network, target, names, decision)]
    assert isinstance(decision, tuple)
    if target.mixed:
        return _of_each(network, target, names, decision)
    one = Scorer.of(network, target.columns[0], names, decision[0])
    link = one.link.replace("multilabel", "binary")
    own = zip(target.columns, decision, strict=True)
    return [replace(one, target=t, decision=d, link=link) for t, d in own]


def _of_each(
    network: Model, target: Targets, names: Sequence[str] | None, decision: tuple[Decision, ...]
) -> list[Scorer]:
    """Of targets with an output each; each is measured in the metrics that are for its kind.

    Raises
    ------
    SettingError
        If a metric is for none of them.
    """
    outputs = engine_of(network).network().outputs
    made = [
        Scorer(t, loss.link(out), loss.name, None, d)
        for t, loss, out, d in zip(target.each, network.losses, outputs, decision, strict=True)
    ]
    told: list[list[str]] = [[] for _ in made]
    for name in names or ():
        fits, refused = [], []
        for own, scorer in zip(told, made, strict=True):
            try:
                scorer.bound(name)
                fits.append((scorer.classes > 0, own))
            except SettingError as error:
                refused.append(error)
        if not fits:
            raise refused[0]
        first = min(classes for classes, _ in fits)  # what quantities have is theirs alone
        for classes, own in fits:
            if classes == first:
                own.append(name)
    return [replace(s, names=tuple(own) or None) for s, own in zip(made, told, strict=True)]


def output_of(out: NDArray[Any], target: AnyTarget, place: int) -> NDArray[Any]:
    """What a network puts out for one of its targets."""
    if isinstance(target, Target):
        return out
    first = sum(target.widths[:place])
    return out[:, first : first + target.widths[place]]


def higher_is_better(name: str) -> bool:
    """Whether a larger value of a metric is the better one."""
    return name not in LOWER_IS_BETTER


def average_precision(
    positive: NDArray[np.bool_], score: NDArray[Any], weights: Floats | None = None
) -> float:
    """The mean precision over the positive rows, each at its own score, as in scikit-learn.

    Examples
    --------
    >>> round(average_precision(np.array([0, 0, 1, 1]) == 1, np.array([0.1, 0.4, 0.35, 0.8])), 4)
    0.8333
    """
    order = np.argsort(-score, kind="stable")
    each = np.ones(len(score)) if weights is None else weights[order]
    hit, count, score = np.cumsum(each * positive[order]), np.cumsum(each), score[order]
    last = np.r_[score[1:] != score[:-1], True]
    total, hit, count = hit[-1] or 1.0, hit[last], np.maximum(count[last], 1e-300)
    return float(np.sum(np.diff(np.r_[0, hit]) / total * hit / count))
