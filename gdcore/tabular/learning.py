"""Learning from a table: first what its columns are, then the network's weights."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gdcore import optimizers
from gdcore.callbacks import Callback, EarlyStopping
from gdcore.errors import unknown
from gdcore.model import Model
from gdcore.tabular.column import Floats
from gdcore.tabular.conformal import check_enough, margin
from gdcore.tabular.decision import Decision, Threshold, temperature
from gdcore.tabular.encoding import Encoder
from gdcore.tabular.heads import head_of
from gdcore.tabular.kinds import Chosen, choose
from gdcore.tabular.network import average_unseen, build
from gdcore.tabular.scoring import Decisions, Scorer, output_of, scorers
from gdcore.tabular.settings import Settings, budget
from gdcore.tabular.several import learned
from gdcore.tabular.splits import hold_out
from gdcore.tabular.table import SettingError, Table
from gdcore.tabular.target import Target
from gdcore.tabular.weighting import row_weights, told_weights

__all__ = ["Training", "begun", "check_watched", "set_apart", "settled"]

FEWEST = 50  # rows, below which too few would be left to tell a better epoch by
MANY = 2000  # rows, from which on a tenth of them does


def set_apart(table: Table, names: Sequence[str], settings: Settings) -> tuple[Table, Table | None]:
    """Rows to learn from, and those that early stopping watches, of every class alike."""
    if settings.patience is None or len(table) < FEWEST:
        return table, None
    told = learned(table, names, settings.asked, order=settings.order)
    share = 0.1 if len(table) >= MANY else 0.2
    apart = hold_out(told.values(table), share, settings.seed, told.task == "classification")
    return table.take(~apart), table.take(apart)


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
) -> tuple[Encoder, Model, Decisions]:
    """The transformation, learned from training rows, and a compiled network that takes it.

    Parameters
    ----------
    table : the training rows
    names : of the targets
    chosen : what its columns are, as `settled` tells
    settings : of network and training

    Returns
    -------
    (encoder, network, decision)

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
    head = head_of(target, settings.loss, y)
    if settings.target_scale is not None and not head.standardize:
        raise SettingError(
            f"target_scale={settings.target_scale!r} does not go with "
            + (f"loss {head.loss}" if target.task == "regression" else "classes")
            + ", expected amounts: leave it out"
        )
    if not head.standardize:
        target = target.unscaled()
    made = tuple(_decision(t, settings) for t in target.each)
    decision: Decisions = made[0] if len(made) == 1 else made
    found, ignored = chosen
    empty = [n for n in found if table.columns[n].missing().all()]  # other rows had some values
    found = {n: kind for n, kind in found.items() if n not in empty}
    ignored = ignored | dict.fromkeys(empty, "no values")
    encoder = Encoder.learn(table, target, None, settings.numbers, (found, ignored))
    row_weights(table, target, settings.weights, settings.class_weight)  # what is wrong is told now
    width = sum(c.width for c in encoder.numeric)
    batch, epochs = budget(len(table), settings.batch_size, settings.epochs)
    rate = settings.rate(epochs, math.ceil(len(table) / batch))
    more = {} if settings.weight_decay is None else {"weight_decay": settings.weight_decay}
    network = build(encoder, width, head, settings)
    network.compile(
        optimizers.get(settings.optimizer, lr=rate, **more), head.loss, head.metrics, settings.dtype
    )
    scorer = scorers(network, target, settings.metrics, decision)[0]  # the others are its like
    for metric in scorer.wanted:  # a mismatch is told before the training
        scorer.bound(metric)
    if settings.threshold is not None and not scorer.likely:
        raise SettingError(
            f"threshold={settings.threshold!r} needs probabilities, and loss {head.loss} gives "
            "none: use cross_entropy"
        )
    return encoder, network, decision


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
    encoder, network, decision : as `begun` gives them
    settings : Settings
    epochs : int
        Completed by the weights that were kept.
    """

    encoder: Encoder
    network: Model
    decision: Decisions
    settings: Settings
    epochs: int = field(default=0, init=False)

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
        network, settings = self.network, self.settings
        x, y, weights = self._rows(table)
        validation = None if watched is None else tuple(
            part for part in self._rows(watched) if part is not None
        )  # fmt: skip
        stop = None
        if settings.patience is not None and watched is not None:
            stop = EarlyStopping(patience=settings.patience)
        batch, epochs = budget(len(table), settings.batch_size, settings.epochs)
        try:
            network.fit(
                x, y, batch_size=batch, epochs=last or epochs, validation_data=validation,
                sample_weight=weights, callbacks=[*([stop] if stop else []), *callbacks],
                seed=settings.seed, verbose=verbose,
            )  # fmt: skip
        finally:
            if network.steps_done:
                average_unseen(network, self.encoder, self.encoder.encode(table).codes)
        self.epochs = stop.best_epoch + 1 if stop else network.epochs_done

    def _rows(self, table: Table) -> tuple[Any, NDArray[Any], NDArray[Any] | None]:
        """Inputs, targets as the network sees them, and weights."""
        target, told = self.encoder.target, self.settings
        y = target.scaled(target.values(table))
        weights = row_weights(table, target, told.weights, told.class_weight)
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
            made = [self._told(s) for s in own]
        elif not (own[0].likely or self.settings.interval is not None):
            return self.decision
        else:
            weights = told_weights(watched, self.settings.weights)
            out = self.network.predict(self.encoder.encode(watched).inputs())
            made = [
                self._chosen(s, t.values(watched), output_of(out, target, i), weights)
                for i, (s, t) in enumerate(zip(own, target.each, strict=True))
            ]
        return made[0] if len(made) == 1 else tuple(made)

    def _told(self, scorer: Scorer) -> Decision:
        """The decision where there are no rows to choose it by."""
        wish = None if self.settings.threshold is None else Threshold.parse(self.settings.threshold)
        if wish is None:
            return scorer.decision
        if wish.goal != "probability":
            raise no_rows_to_choose_by(self.settings)
        return replace(scorer.decision, threshold=wish.least)

    def _chosen(
        self, scorer: Scorer, y: NDArray[Any], out: NDArray[Any], weights: Floats | None
    ) -> Decision:
        """The decision for one target, by its answers and what the network put out."""
        level, decision, told = self.settings.interval, scorer.decision, scorer.scores(out)
        if level is not None:
            width = margin(scorer.target, told, y, level, scorer.counts, weights)
            return replace(decision, margin=width)
        decision = replace(decision, temperature=temperature(told, y, weights))
        if self.settings.threshold is None:
            return decision
        scorer = replace(scorer, decision=decision)
        p = scorer.positive_probability(scorer.scores(out))
        wish = Threshold.parse(self.settings.threshold)
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
