"""Networks on folds: each is trained on all rows but a fold, and their mean predicts."""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gdcore import ops
from gdcore.callbacks import Callback, EarlyStopping, History
from gdcore.layers import Input
from gdcore.many import fit_many
from gdcore.many.results import Run
from gdcore.model import Model
from gdcore.tabular.decision import temperature
from gdcore.tabular.encoding import Encoder
from gdcore.tabular.learner import Learner, averaged, loss_of_mean, model_of, outputs_of
from gdcore.tabular.learning import BUILD, decided
from gdcore.tabular.network import average_unseen
from gdcore.tabular.presets import budget, member_settings, models_of
from gdcore.tabular.scoring import Decisions, output_of, scorers
from gdcore.tabular.settings import Settings
from gdcore.tabular.splits import folds_of
from gdcore.tabular.table import Table
from gdcore.tabular.weighting import row_weights, told_weights

__all__ = ["FoldedTraining"]

MOST_MEMBERS = 60  # that a time is filled with
SLOW = (
    "realmlp",
)  # of several models, trained on one fold first to see whether it can be the best
TENTHS, CHANCE = 10, 3.0
Fold = tuple[NDArray[np.int64], NDArray[np.int64]]


@dataclass
class FoldedTraining:
    """The training of one network for each fold, of what `begun` began; of "auto", of each model.

    With a budget of seconds, as many more on other folds as there is time for.

    Attributes
    ----------
    encoder, learner, decision : as `begun` gives them; after `run`, the learner is their mean
    settings : Settings
    epochs : int
        The mean of the best ones.
    members : dict of str to int
        How many networks predict, by their model: of several, those that err least on the rows that a
        network was not trained on, as far as chance lets tell. The slowest is given up after one fold if
        it is clearly worse there.
    scores : dict
        Of each metric, its mean and deviation over the folds, on rows that a network was not trained
        on. Where there is early stopping, these rows said when to stop.
    """

    encoder: Encoder
    learner: Learner
    decision: Decisions
    settings: Settings
    epochs: int = field(default=0, init=False)
    scores: dict[str, tuple[float, float]] = field(default_factory=dict, init=False)
    members: dict[str, int] = field(default_factory=dict, init=False)
    history: History | None = field(default=None, init=False)
    _outside: tuple[Table, NDArray[Any]] | None = field(default=None, init=False)

    @property
    def network(self) -> Model:
        """What predicts."""
        return self.learner.network

    def run(
        self,
        table: Table,
        watched: Table | None,
        callbacks: Sequence[Callback],
        verbose: int | str,
        last: int | None = None,
    ) -> None:
        """Train networks on all rows but a fold, then make them one.

        Parameters
        ----------
        table : the rows
        watched, last : not looked at, for each fold watches a network
        callbacks : told of the beginning, with the network of the first fold
        verbose : as `fit_many` takes it
        """
        for callback in callbacks:
            callback.model = self.network
            callback.on_train_begin({})
        made: dict[str, list[Learner]] = {}
        runs: dict[str, list[Run]] = {}
        parts: list[Fold] = []
        told, target = self.settings, self.encoder.target
        count, begin, longest = told.folds, time.monotonic(), 0.0
        models = list(models_of(told.model, len(table), told.budget))
        while not parts or self._goes_on(len(parts), time.monotonic() - begin + longest):
            start = time.monotonic()
            seed = (told.seed + len(parts) // count) % 2**64
            answers, alike = target.strata(table)
            folds = folds_of(answers, count, seed, alike and answers.ndim == 1)
            for model in tuple(models):
                own, got = made.setdefault(model, []), runs.setdefault(model, [])
                tried = 1 if model in SLOW and len(models) > 1 and not parts else 0
                if tried:
                    got += self._train(table, folds[:tried], own, model, verbose)
                    outs = {m: self._outside_of(made[m][:1], folds[:1]) for m in models}
                    if model in self._clearly_worse(table, outs, folds[:1]):
                        models.remove(model)
                        continue
                got += self._train(table, folds[tried:], own, model, verbose)
            parts += folds
            longest = max(longest, time.monotonic() - start)
        outs = {model: self._outside_of(made[model], parts) for model in models}
        if len(models) > 1:
            worse = self._clearly_worse(table, outs, parts)
            models = [model for model in models if model not in worse]
        self.members = {model: len(made[model]) for model in models}
        own = [learner for model in models for learner in made[model]]
        said = [out for model in models for out in outs[model]]
        self._measure(table, own, said, parts * len(models))
        self._join(own, [run for model in models for run in runs[model]])

    def _clearly_worse(
        self, table: Table, outs: dict[str, list[NDArray[Any]]], folds: Sequence[Fold]
    ) -> list[str]:
        """The models that err more than the best one on the rows they were not trained on, beyond chance.

        That is, by more than three standard errors of the difference, over tenths of the folds. Others are
        worth their place in the mean, for models of another kind err elsewhere.
        """
        tenths = [(rest, rows[i::TENTHS]) for rest, rows in folds for i in range(TENTHS)]
        kept = [i for i, (_, rows) in enumerate(tenths) if len(rows)]
        parts = {
            m: [out[i::TENTHS] for out in own for i in range(TENTHS)] for m, own in outs.items()
        }
        losses = self._losses(
            table,
            {m: [own[i] for i in kept] for m, own in parts.items()},
            [tenths[i] for i in kept],
        )
        best = min(losses, key=lambda m: float(losses[m].mean()))
        gaps = {m: own - losses[best] for m, own in losses.items() if m != best}
        return [
            m
            for m, gap in gaps.items()
            if gap.mean() > CHANCE * gap.std(ddof=1) / math.sqrt(len(gap))
        ]

    def _goes_on(self, members: int, until: float) -> bool:
        """Whether there is time for as many networks on other folds, which would take until then."""
        budget, more = self.settings.budget, members + self.settings.folds
        return budget is not None and until <= budget and more <= MOST_MEMBERS

    def _train(
        self, table: Table, folds: list[Fold], made: list[Learner], model: str, verbose: int | str
    ) -> list[Run]:
        """Train a network for each fold; they are added to `made`, in order."""
        target, job = self.encoder.target, self.learner.job
        told = member_settings(self.settings, model, len(folds[0][0]))
        weights = row_weights(table, target, told.weights, told.class_weight)
        batch, epochs = budget(len(folds[0][0]), told.batch_size, told.epochs, told.model)
        steps = epochs * math.ceil(len(folds[0][0]) / batch)
        first = len(made)

        def member() -> Model:
            own = replace(told.of_task(target.task), seed=(told.seed + len(made)) % 2**64)
            learner = BUILD[own.model](replace(job, settings=own, steps=steps))
            learner.begin()
            made.append(learner)
            return learner.trainer

        stop = [] if told.patience is None else [told.patience]
        runs = fit_many(
            member, [{}], job.features.inputs(), job.head.answers(job.y), epochs=epochs, batch_size=batch,
            seed=told.seed, sample_weight=weights, cv=folds, verbose=verbose,
            callbacks=lambda: [EarlyStopping(patience=p) for p in stop],
        )  # fmt: skip
        for run in runs:
            if run.exception is not None:
                raise run.exception
        for learner in made[first:]:
            learner.settle()
            average_unseen(learner.network, self.encoder, job.features.codes)
        return list(runs)

    def _outside_of(self, made: Sequence[Learner], folds: Sequence[Fold]) -> list[NDArray[Any]]:
        """What each network puts out for the rows it was not trained on."""
        features = self.learner.job.features
        return [
            outputs_of(learner.network, features.take(rows).inputs())
            for learner, (_, rows) in zip(made, folds, strict=True)
        ]

    def _losses(
        self, table: Table, outs: dict[str, list[NDArray[Any]]], folds: Sequence[Fold]
    ) -> dict[str, NDArray[np.float64]]:
        """The loss of each model on each fold, at the temperature that suits it best."""
        job, target, told = self.learner.job, self.encoder.target, self.settings
        weights, rows = told_weights(table, told.weights), np.concatenate([r for _, r in folds])
        units = Input(job.head.units)
        judge = model_of(units, job.head.outputs(units * 1.0))
        judge.compile(
            "sgd", loss_of_mean(job.head, replace(told, label_smoothing=0.0)), (), told.dtype
        )
        (one, *others) = scorers(self.network, target, None, self.decision)
        found = {}
        for model, own in outs.items():
            heat = 1.0
            if one.likely and not others and not target.each[0].ordered:
                every, y = np.concatenate(own), target.values(table)[rows]
                heat = temperature(one.scores(every), y, None if weights is None else weights[rows])
            each = []
            for out, (_, rest) in zip(own, folds, strict=True):
                count = None if weights is None else weights[rest]
                y = job.head.answers(job.y[rest])
                each.append(judge.evaluate(out / heat, y, sample_weight=count)["loss"])
            found[model] = np.array(each)
        return found

    def _measure(
        self,
        table: Table,
        made: Sequence[Learner],
        outs: Sequence[NDArray[Any]],
        folds: Sequence[Fold],
    ) -> None:
        """Scores of each network on its own fold, and what it puts out there."""
        target, told = self.encoder.target, self.settings
        values, weights = [t.values(table) for t in target.each], told_weights(table, told.weights)
        each: dict[str, list[float]] = {}
        outside = np.zeros((len(table), self.learner.job.head.units))
        for learner, out, (_, rows) in zip(made, outs, folds, strict=True):
            own = scorers(learner.network, target, told.metrics, self.decision)
            count = None if weights is None else weights[rows]
            for i, (scorer, y) in enumerate(zip(own, values, strict=True)):
                said = scorer.scores(output_of(out, target, i))
                of = f" of {scorer.target.name}" if len(own) > 1 else ""
                for name, value in scorer.measure(y[rows], said, count).items():
                    if np.ndim(value) == 0:
                        each.setdefault(f"{name}{of}", []).append(float(value))
            outside[rows] += out * (told.folds / len(folds))
        self._outside = table, outside
        self.scores = {k: (float(np.mean(v)), float(np.std(v, ddof=1))) for k, v in each.items()}

    def _join(self, made: Sequence[Learner], runs: Sequence[Run]) -> None:
        """One network, whose output is the mean of all."""
        job = self.learner.job
        inputs = self.learner.inputs
        each = [learner.network(*inputs) for learner in made]
        outputs = [ops.concatenate(out, -1) if job.head.parts else out for out in each]
        network = model_of(inputs, averaged(ops.stack(outputs, 1), job.head))
        plain = replace(self.settings, label_smoothing=0.0)
        loss = loss_of_mean(job.head, plain)
        network.compile(*("sgd", loss, job.head.metrics, plain.dtype), compute=plain.compute)
        network.predict(job.features.take(np.arange(1)).inputs())
        steps = sum(learner.trainer.steps_done for learner in made)
        self.epochs = round(float(np.mean([run.epoch + 1 for run in runs])))
        network.resume(self.settings.seed, steps, self.epochs)
        self.history = runs[0].history
        self.learner = replace(self.learner, network=network, trainer=network)

    def decide(self, watched: Table | None) -> Decisions:
        """Temperature and threshold, by what each network says of rows it was not trained on."""
        assert self._outside is not None
        target = self.encoder.target
        return decided(self.network, target, self.decision, self.settings, *self._outside)
