"""Learning from a table: first what its columns are, then the network's weights."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from gdcore.callbacks import Callback, EarlyStopping, History
from gdcore.errors import unknown
from gdcore.model import Model
from gdcore.tabular.column import Floats
from gdcore.tabular.conformal import check_enough, margin
from gdcore.tabular.decision import Decision, Threshold, temperature
from gdcore.tabular.encoding import Encoder
from gdcore.tabular.heads import head_of
from gdcore.tabular.kinds import Chosen, check_some_left, choose
from gdcore.tabular.learner import Job, Learner, outputs_of
from gdcore.tabular.network import average_unseen
from gdcore.tabular.network import build as build_mlp
from gdcore.tabular.presets import budget
from gdcore.tabular.reading import read_like
from gdcore.tabular.realmlp import build as build_realmlp
from gdcore.tabular.scoring import Decisions, Scorer, output_of, scorers
from gdcore.tabular.settings import Settings
from gdcore.tabular.several import AnyTarget, learned
from gdcore.tabular.splits import hold_out
from gdcore.tabular.table import SettingError, Table
from gdcore.tabular.tabm import build as build_tabm
from gdcore.tabular.target import Target
from gdcore.tabular.weighting import row_weights, told_weights

__all__ = ["BUILD", "Training", "begun", "check_watched", "decided", "parted", "settled"]

BUILD = {
    "auto": build_mlp,
    "mlp": build_mlp,
    "mlp-ple": build_mlp,
    "realmlp": build_realmlp,
    "tabm": build_tabm,
}

FEWEST = 50  # rows, below which too few would be left to tell a better epoch by
MANY = 2000  # rows, from which on a tenth of them does


def set_apart(table: Table, names: Sequence[str], settings: Settings) -> tuple[Table, Table | None]:
    """Rows to learn from, and those that early stopping watches, of every class alike."""
    if settings.patience is None or len(table) < FEWEST:
        return table, None
    told = learned(table, names, settings.asked, order=settings.order)
    share = 0.1 if len(table) >= MANY else 0.2
    answers, alike = told.strata(table)
    apart = hold_out(answers, share, settings.seed, alike)
    return table.take(~apart), table.take(apart)


def parted(
    table: Table, names: Sequence[str], settings: Settings, validation_data: Any = None
) -> tuple[Table, Table | None]:
    """Rows to learn from, and those that early stopping watches: as given, or set apart.

    Raises
    ------
    SettingError
        If rows are given, and folds, each of which watches a network, are asked for.
    """
    if settings.folds == 1 and validation_data is None:
        return set_apart(table, names, settings)
    if validation_data is None:
        return table, None
    if settings.folds > 1:
        raise SettingError(
            f"validation_data does not go with folds={settings.folds}, each of which watches a "
            "network: leave one of them out"
        )
    return table, read_like(validation_data, table.layout, table.names)


def settled(
    table: Table, names: Sequence[str], kinds: Mapping[str, str], settings: Settings
) -> Chosen:
    """What the columns of a table are, decided by all rows that there are to learn from.

    Raises
    ------
    ValueError
        If a kind or a column is not known, or no column is left.

    Warns
    -----
    TableWarning
        Of columns that look like more than they were taken for.
    """
    reasons = {}
    if settings.weights is not None:
        weights = settings.weights
        kinds, reasons = {**kinds, weights: "ignore"}, {weights: "the weight of each row"}
    choose(table, names, kinds, tell=False)  # an error comes without the doubts before it
    found, ignored = choose(table, names, kinds)
    return found, ignored | reasons


def begun(
    table: Table, names: Sequence[str], chosen: Chosen, settings: Settings
) -> tuple[Encoder, Learner, Decisions]:
    """The transformation, learned from training rows, and a compiled network that takes it.

    Parameters
    ----------
    table : the training rows
    names : of the targets
    chosen : what its columns are, as `settled` tells
    settings : of network and training

    Returns
    -------
    (encoder, learner, decision)

    Raises
    ------
    ValueError
        If the rows do not fit the settings.
    """
    target = learned(
        table, names, settings.asked, settings.target_scale == "log",
        told_weights(table, settings.weights), settings.order,
    )  # fmt: skip
    y = target.values(table)
    head = head_of(target, settings.loss, y, settings.quantiles)
    if settings.target_scale == "log" and not head.standardize:
        raise SettingError(
            f"target_scale={settings.target_scale!r} does not go with "
            + (f"loss {head.loss}" if target.task == "regression" else "classes")
            + ", expected amounts: leave it out"
        )
    if not head.standardize:
        target = target.unscaled()
    made = tuple(_decision(t, settings.fitting(t, target.each)) for t in target.each)
    decision: Decisions = made[0] if len(made) == 1 else made
    found, ignored = chosen
    empty = [n for n in found if table.columns[n].missing().all()]  # other rows had some values
    found = {n: kind for n, kind in found.items() if n not in empty}
    ignored = ignored | dict.fromkeys(empty, "no values")
    check_some_left(table, found, ignored)
    encoder = Encoder.learn(table, target, None, settings.numbers, (found, ignored))
    row_weights(table, target, settings.weights, settings.class_weight)  # what is wrong is told now
    settings = settings.of_task(target.task)
    batch, epochs = budget(len(table), settings.batch_size, settings.epochs, settings.model)
    steps = epochs * math.ceil(len(table) / batch)
    job = Job(encoder, encoder.encode(table), target.scaled(y), head, settings, steps)
    learner = BUILD[settings.model](job)
    own = scorers(learner.network, target, settings.metrics, decision)
    for scorer in own:
        for metric in scorer.wanted:  # a mismatch is told before the training
            scorer.bound(metric)
    if settings.threshold is not None and not any(scorer.likely for scorer in own):
        raise SettingError(
            f"threshold={settings.threshold!r} needs probabilities, and loss {head.loss} gives "
            "none: use cross_entropy"
        )
    return encoder, learner, decision


def _decision(target: Target, settings: Settings) -> Decision:
    """What is asked of the answers of two classes, before anything was learned."""
    if settings.interval is not None and target.classes is not None:
        raise SettingError(
            f"interval={settings.interval!r} is for quantities, and the target {target.name!r} has "
            "classes: leave it out"
        )
    for option in ("positive", "threshold"):
        got = getattr(settings, option)
        if got is not None and len(target.classes or ()) != 2:
            what = f"has {len(target.classes)}" if target.classes else "is a quantity"
            raise SettingError(
                f"{option}={got!r} is for 2 classes, and the target {target.name!r} {what}: leave "
                "it out"
            )
    if settings.positive is None:
        return Decision()
    if settings.positive not in (target.classes or ()):
        raise SettingError(
            str(unknown(f"class of {target.name!r}", settings.positive, target.classes or ()))
        )
    return Decision(positive=list(target.classes or ()).index(settings.positive))


@dataclass
class Training:
    """The training of what `begun` began.

    Attributes
    ----------
    encoder, learner, decision : as `begun` gives them
    settings : Settings
    epochs : int
        Completed by the weights that were kept.
    """

    encoder: Encoder
    learner: Learner
    decision: Decisions
    settings: Settings
    epochs: int = field(default=0, init=False)
    scores: ClassVar[dict[str, tuple[float, float]]] = {}  # of folds, of which there are none
    members: ClassVar[dict[str, int]] = {}

    @property
    def network(self) -> Model:
        """What predicts."""
        return self.learner.network

    @property
    def history(self) -> History | None:
        """Of the training."""
        return self.learner.trainer.history

    def run(
        self,
        table: Table,
        watched: Table | None,
        callbacks: Sequence[Callback],
        verbose: int | str,
        last: int | None = None,
    ) -> None:
        """Train, watched by other rows if there are any.

        Parameters
        ----------
        table, watched : the rows
        callbacks, verbose : as `Model.fit` takes them
        last : stop after so many epochs of those that the schedule is made for

        Raises
        ------
        ValueError
            If rows do not fit the transformation.
        KeyboardInterrupt
            On Ctrl-C; what was learned by then can be used.
        """
        network, trainer, settings = self.network, self.learner.trainer, self.settings
        x, y, weights = self._rows(table)
        validation = None if watched is None else tuple(
            part for part in self._rows(watched) if part is not None
        )  # fmt: skip
        stop = None
        if settings.patience is not None and watched is not None:
            stop = EarlyStopping(patience=settings.patience)
        batch, epochs = budget(len(table), settings.batch_size, settings.epochs, settings.model)
        self.learner.begin()
        try:
            trainer.fit(
                x, y, batch_size=batch, epochs=last or epochs, validation_data=validation,
                sample_weight=weights, callbacks=[*([stop] if stop else []), *callbacks],
                seed=settings.seed, verbose=verbose,
            )  # fmt: skip
        finally:
            self.learner.settle()
            if network.steps_done:
                average_unseen(network, self.encoder, self.encoder.encode(table).codes)
        self.epochs = stop.best_epoch + 1 if stop else network.epochs_done

    def _rows(self, table: Table) -> tuple[Any, NDArray[Any], NDArray[Any] | None]:
        """Inputs, targets as the network sees them, and weights."""
        target, told = self.encoder.target, self.settings
        y = target.scaled(target.values(table))
        weights = row_weights(table, target, told.weights, told.class_weight)
        y = self.learner.job.head.answers(y)
        return self.encoder.encode(table).inputs(), y, weights

    def decide(self, watched: Table | None) -> Decisions:
        """Temperature, threshold and margin, by rows that the weights were not learned from.

        Raises
        ------
        SettingError
            If a threshold or a margin is to be chosen, and there are no such rows.
        """
        target = self.encoder.target
        own = scorers(self.network, target, None, self.decision)
        if watched is None:
            made = [self._told(s, self.settings.fitting(s.target, target.each)) for s in own]
            return made[0] if len(made) == 1 else tuple(made)
        out = outputs_of(self.network, self.encoder.encode(watched).inputs())
        return decided(self.network, target, self.decision, self.settings, watched, out)

    def _told(self, scorer: Scorer, settings: Settings) -> Decision:
        """The decision where there are no rows to choose it by."""
        wish = None if settings.threshold is None else Threshold.parse(settings.threshold)
        if wish is None:
            return scorer.decision
        if wish.goal != "probability":
            raise no_rows_to_choose_by(settings)
        return replace(scorer.decision, threshold=wish.least)


def decided(
    network: Model, target: AnyTarget, decision: Decisions, settings: Settings, table: Table,
    out: NDArray[Any],
) -> Decisions:  # fmt: skip
    """Temperature, threshold and margin, by outputs for rows that the weights were not learned from."""
    own = scorers(network, target, None, decision)
    if not (any(s.likely for s in own) or settings.interval is not None):
        return decision
    weights = told_weights(table, settings.weights)
    made = [
        _chosen(
            s, settings.fitting(t, target.each), t.values(table), output_of(out, target, i), weights
        )
        for i, (s, t) in enumerate(zip(own, target.each, strict=True))
    ]
    return made[0] if len(made) == 1 else tuple(made)


def _chosen(
    scorer: Scorer, settings: Settings, y: NDArray[Any], out: NDArray[Any], weights: Floats | None
) -> Decision:
    """The decision for one target, by its answers and what the network put out."""
    level, decision, told = settings.interval, scorer.decision, scorer.scores(out)
    if level is not None:
        width = margin(scorer.target, told, y, level, scorer.counts, weights)
        return replace(decision, margin=width)
    if not scorer.likely:
        return decision
    decision = replace(decision, temperature=temperature(told, y, weights))
    if settings.threshold is None:
        return decision
    scorer = replace(scorer, decision=decision)
    p = scorer.positive_probability(scorer.scores(out))
    wish = Threshold.parse(settings.threshold)
    limit = wish.choose(y == decision.positive, p, weights)
    return replace(decision, threshold=float(np.clip(limit, 1e-9, 1 - 1e-9)))


def check_watched(settings: Settings, watched: Table | None) -> None:
    """Raises SettingError if rows are needed that the weights are not learned from, and are not there."""
    wish = settings.threshold
    chosen = wish is not None and Threshold.parse(wish).goal != "probability"
    if watched is None and (chosen or settings.interval is not None):
        raise no_rows_to_choose_by(settings)
    if watched is not None and settings.interval is not None:
        check_enough(settings.interval, len(watched))


def no_rows_to_choose_by(settings: Settings) -> SettingError:
    """What is said where a threshold or a margin is to be chosen, and all rows are for the weights."""
    if settings.interval is not None:
        return SettingError(
            f"interval={settings.interval:g} is measured on rows that are set apart from the training, "
            f"and none are (patience=None, or below {FEWEST} rows): pass patience=20 or more rows"
        )
    return SettingError(
        f"threshold={settings.threshold!r} is chosen on rows that are set apart from the training, and none "
        f"are (patience=None, or below {FEWEST} rows): pass patience=20 or more rows, or a "
        "probability such as threshold=0.3"
    )
