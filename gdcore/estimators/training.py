"""The epochs of an estimator: its curves and counts, and when training ends."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from sklearn.exceptions import ConvergenceWarning

from gdcore.callbacks import Callback
from gdcore.errors import NonFiniteError
from gdcore.estimators.solvers import EpochRate
from gdcore.model import Model

NOT_FINITE = (
    "Solver produced non-finite parameter weights. The input data may contain large values and "
    "need to be preprocessed."
)


@dataclass
class Samples:
    """Rows, targets as the model takes them, the user's own targets, and weights."""

    x: Any
    targets: np.ndarray
    y: Any
    weights: np.ndarray | None = None

    @property
    def rows(self) -> int:
        """How many."""
        return int(self.x.shape[0])

    def take(self, rows: np.ndarray) -> Samples:
        """Some of them."""
        weights = None if self.weights is None else self.weights[rows]
        return Samples(self.x[rows], self.targets[rows], self.y[rows], weights)


class Epochs(Callback):
    """After every epoch: the estimator's curves and counts, and whether training is over.

    The rules are scikit-learn's. Training ends when the loss (or, with early stopping, the
    validation score) has not improved by `tol` for more than `n_iter_no_change` epochs in a row.

    Parameters
    ----------
    estimator : BaseEstimator
        It gains `loss_`, `loss_curve_`, `n_iter_`, `t_` and so on.
    rows : int
        Training samples.
    score : function without arguments, or None
        The score on the validation set, if there is one.
    once : bool
        Whether this is `partial_fit`: one epoch, after which nothing is decided.
    share : float
        An epoch's steps over the sum of the samples' weights: a penalty that a step divides by its
        batch's weights comes to this share of it in the epoch's mean.
    """

    def __init__(
        self,
        estimator: Any,
        rows: int,
        score: Callable[[], float] | None,
        once: bool,
        share: float,
    ) -> None:
        self.estimator, self.rows, self.score, self.once = estimator, rows, score, once
        self.share = share
        self.best: Any = estimator._best_state
        self.ended = False

    def on_epoch_end(self, epoch: int, logs: dict[str, Any]) -> None:
        est = self.estimator
        est.n_iter_ += 1
        est.t_ += self.rows
        est.loss_ = logs["loss"]
        est.loss_curve_.append(est.loss_)
        if est.verbose:
            print(f"Iteration {est.n_iter_}, loss = {est.loss_:.8f}")
        if self.score is not None:
            if "val_loss" in logs:
                est.validation_loss_curve_.append(logs["val_loss"])
            self.validated(self.score())
        if not est.early_stopping:
            told = est._told(est.loss_, self.share)
            worse = told > est._best_told - est.tol
            est._no_improvement_count = est._no_improvement_count + 1 if worse else 0
            est._best_told = min(est._best_told, told)
            est.best_loss_ = min(est.best_loss_, est.loss_)
        self.decide()

    def validated(self, score: float) -> None:
        """Take in a validation score; NaN is no improvement."""
        est = self.estimator
        est.validation_scores_.append(score)
        if est.verbose:
            print(f"Validation score: {score:f}")
        if est.early_stopping:
            worse = score < est.best_validation_score_ + est.tol
            est._no_improvement_count = est._no_improvement_count + 1 if worse else 0
        if score > est.best_validation_score_:
            est.best_validation_score_ = score
            if est.early_stopping:
                self.best = self.model.state_dict()

    def decide(self) -> None:
        """End training, or lower its learning rate, where it has stopped improving."""
        est = self.estimator
        schedule = self.model.optimizer.schedule
        if isinstance(schedule, EpochRate):
            schedule.epoch_ended(est.t_)
        if est._no_improvement_count <= est.n_iter_no_change:
            return
        what = "Validation score" if est.early_stopping else "Training loss"
        text = (
            f"{what} did not improve more than tol={est.tol:f} for {est.n_iter_no_change} "
            "consecutive epochs."
        )
        if isinstance(schedule, EpochRate) and schedule.drop():
            est._no_improvement_count = 0
            text += f" Setting learning rate to {schedule.current:f}"
        else:
            self.ended = self.model.stop_training = True
            text += " Stopping."
        if est.verbose:
            print(text)


def run(
    estimator: Any,
    model: Model,
    training: Samples,
    validation: Samples | None,
    score: Callable[[], float] | None,
    batch: int,
    order: Callable[[int], np.ndarray] | bool,
    once: bool,
) -> None:
    """Train a model for an estimator.

    Raises
    ------
    ValueError
        If the numbers stopped being finite; with early stopping, the best weights so far are taken
        instead.
    """
    amount = training.rows if training.weights is None else float(training.weights.sum())
    share = -(-training.rows // batch) / amount
    epochs = Epochs(estimator, training.rows, score, once, share)
    own: Sequence[Callback] = estimator.callbacks or ()
    try:
        model.fit(
            training.x,
            training.targets,
            batch_size=batch,
            epochs=1 if once else estimator.max_iter,
            validation_data=None
            if validation is None
            else (validation.x, validation.targets, *_normalised(validation.weights)),
            sample_weight=training.weights,
            shuffle=order,
            callbacks=[epochs, *own],
            verbose=0,
        )
    except KeyboardInterrupt:
        warnings.warn("Training interrupted by user.", stacklevel=5)
    except NonFiniteError as error:
        if epochs.best is None:
            raise ValueError(f"{NOT_FINITE} ({error})") from error
        estimator.n_iter_ += 1
        epochs.validated(float("nan"))
        warnings.warn(
            f"training ended where numbers stopped being finite ({error}): the weights are those "
            "of the best validation score",
            ConvergenceWarning,
            stacklevel=5,
        )
    else:
        stopped = epochs.ended or model.stop_training
        if not once and not stopped and estimator.n_iter_ == estimator.max_iter:
            warnings.warn(
                f"Stochastic Optimizer: Maximum iterations ({estimator.max_iter}) reached and the "
                "optimization hasn't converged yet.",
                ConvergenceWarning,
                stacklevel=5,
            )
    if epochs.best is not None:
        model.load_state_dict(epochs.best)
    # as scikit-learn's, the best score of a warm start may be one of the fit before
    estimator._best_state = epochs.best if estimator.warm_start else None


def _normalised(weights: np.ndarray | None) -> list[np.ndarray]:
    """Weights of mean 1, so that Σ w · loss / n is the weighted mean."""
    return [] if weights is None else [weights / max(weights.mean(), 1e-300)]
