"""Tables in, predictions out: one model that holds the network and all that a table goes through."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Self

from gdcore.callbacks import Callback, History
from gdcore.model import Model
from gdcore.tabular.amounts import as_it_was, as_values_say
from gdcore.tabular.asking import Asking
from gdcore.tabular.decision import Decision
from gdcore.tabular.encoding import Encoder
from gdcore.tabular.folds import FoldedTraining
from gdcore.tabular.learner import Learner
from gdcore.tabular.learning import FEWEST, Training, begun, check_watched, parted, settled
from gdcore.tabular.reading import read
from gdcore.tabular.rows import with_target, without_missing
from gdcore.tabular.scoring import Decisions
from gdcore.tabular.settings import Settings
from gdcore.tabular.several import find_targets, learned
from gdcore.tabular.stored import (
    fitted,
    read_decision,
    read_encoder,
    read_epochs,
    read_settings,
)
from gdcore.tabular.table import Table

if TYPE_CHECKING:
    from gdcore.tabular.report import Report
    from gdcore.tabular.reports import Reports

__all__ = ["TableModel"]

KEY = "table"  # of what a model's file keeps: a file that has it holds a TableModel


class TableModel(Asking):
    """A network for tables of numbers, categories, booleans, dates and missing values.

    Columns' kinds are inferred from the training rows; numbers are standardised, missing values
    filled in and flagged, each category becomes a vector that is learned. All of that is saved with
    the model.

    Parameters
    ----------
    hidden : sequence of int, optional
        Sizes of the hidden layers; this and the like are the model's own by default.
    model : {"auto", "mlp", "mlp-ple", "realmlp", "tabm"}, optional
        A plain network; one whose numbers are embedded by intervals; RealMLP (Holzmüller et al. 2024),
        which embeds them by cosines, trains for 256 epochs and keeps the best; TabM (Gorishniy et al.
        2024), members that share their weights, whose mean predicts; or "auto", the default where nothing
        is told of a network or its training: plain ones on 5 folds, from 2,000 rows on the next two as
        well, of which the best predict, as far as chance lets tell; one with `validation_data` and below 50 rows.
    activation : str, optional
    dropout : float, optional
        After each hidden layer.
    kinds : dict of str to str, optional
        What columns are, where the inferred kind is wrong: "number" ("number:quantile",
        "number:standardize", "number:raw"), "category", "boolean", "date" ("date:%d/%m/%Y"), "text", or
        "ignore".
    numbers : {"standardize", "robust", "quantile", "raw"}, optional
        What becomes of numbers; "robust" scales them by median and quartiles and bends what lies far
        out, "quantile" maps them to a normal distribution.
    missing : {"impute", "drop", "error"}
        Missing values are filled in and flagged, cost their row in training, or are an error.
    task : {"classification", "regression", "ordinal"}, optional
        By default text, booleans, declared categories and at most 20 whole numbers are classes.
        "ordinal" is of classes in an order. Of several targets, commas stand between.
    loss, optimizer, schedule : str, optional
    lr, weight_decay : float, optional
        By default the model's own, or else the optimizer's.
    label_smoothing : float, optional
        Share of each target that is spread over all classes while training.
    members : int
        Of "tabm".
    folds : int
        Train so many networks, each on all rows but a fold, which stops it; their mean predicts.
    budget : float, optional
        Seconds to be filled with further networks on folds, 5 at first.
    epochs, batch_size : int, optional
        By default by the number of rows.
    patience : int, "auto" or None
        Early stopping: training ends after so many epochs without a better loss on a fifth of the
        training rows (a tenth of 2,000 and more), and the best epoch's weights are kept. None, and
        with fewer than 50 rows: all epochs. "auto": 20, 16 of "tabm", never of "realmlp".
    metrics : sequence of str, optional
        What `evaluate` measures: by default accuracy (and ROC-AUC for two classes), or R², MAE and
        RMSE. Importance is measured in the first.
    class_weight : "balanced" or dict of class to weight, optional
        What a row of each class counts in training.
    weights : str, optional
        A column of what each row counts, in training and in all that is measured; no feature.
    positive : str, optional
        Of two classes, which one precision, recall, F1 and the threshold are about: else the second.
    threshold : str or float, optional
        From which probability of the positive class on it is the answer: a number, or chosen on the
        rows that early stopping watches: "f1", "recall=0.9", "precision=0.8".
    target_scale : {"log", "linear"}, optional
        Of an amount; without it and `loss`, what has a long tail is learned on a logarithmic scale,
        and whole numbers from 0 on as counts (loss "poisson").
    order : sequence of str, optional
        With ``task="ordinal"``, the classes from the lowest, where they are no numbers and no frame
        declares their order.
    interval : float, optional
        The share of answers that an interval around each quantity is to hold, such as 0.9: see
        `predict_interval`. Its width is measured on the rows that early stopping watches.
    quantiles : sequence of float, optional
        Shares of the answers that are to lie below what `predict_quantiles` gives, such as 0.1 and 0.9;
        `predict` gives the median then.
    dtype, compute : str, as for `gdcore.Model.compile`
    seed : int
        Of all that is random; the same seed gives the same bits.

    Attributes
    ----------
    encoder : Encoder
        The columns and the target as they were learned.
    network : Model
        What takes ``encoder.encode(table).inputs()``.
    rows, watched : int
        How many it was trained on, and how many watched that.
    epochs : int
        How many were best.
    decision : Decision, or a tuple of them for several targets
        From scores to answers: temperature, threshold, margin of intervals.
    history : History
    notes : list of str
        What was done with rows that could not be learned from.
    out_of_fold : dict
        Of each metric the mean and the deviation over the folds, on rows that a network was not
        trained on, but stopped by.
    members : dict of str to int
        How many networks of each model predict, if there are folds.
    report : Report, Reports or None
        What came of held-out rows, if `gdcore.tabular.fit` held some out.

    Raises
    ------
    ValueError
        For an unknown name or a setting out of range.

    Examples
    --------
    >>> import gdcore as gd
    >>> rows = {"size": [1.0, 2.0, None, 9.0] * 5, "sea": ["near", "near", "far", "far"] * 5,
    ...         "dear": ["no", "no", "yes", "yes"] * 5}
    >>> model = gd.tabular.TableModel(hidden=[8], epochs=60, lr=0.01).fit(rows, target="dear")
    >>> new = {"size": [1.5, None], "sea": ["near", "far"]}
    >>> model.predict(new).tolist(), model.predict_proba(new).shape, len(model.features(new))
    (['no', 'yes'], (2, 2), 2)
    >>> model.evaluate(rows)["accuracy"], model.importance(rows)[0].column
    (1.0, 'size')
    >>> model.examine(rows).rows, model.scores(model.features(new)).shape
    ({'measured': 20}, (2, 1))
    >>> model.refit(rows, verbose=0).predict(new).tolist()
    ['no', 'yes']
    >>> import os, tempfile
    >>> path = os.path.join(tempfile.mkdtemp(), "dear.safetensors")
    >>> model.save(path)
    >>> gd.load(path).classes
    ['no', 'yes']
    """

    def __init__(
        self,
        hidden: Sequence[int] | None = None,
        *,
        model: str | None = None,
        activation: str | None = None,
        dropout: float | None = None,
        kinds: Mapping[str, str] | None = None,
        numbers: str | None = None,
        missing: str = "impute",
        task: str | None = None,
        loss: str | None = None,
        optimizer: str | None = None,
        lr: float | None = None,
        weight_decay: float | None = None,
        schedule: str | None = None,
        label_smoothing: float | None = None,
        members: int = 32,
        folds: int | None = None,
        budget: float | None = None,
        epochs: int | None = None,
        batch_size: int | None = None,
        patience: int | str | None = "auto",
        metrics: Sequence[str] | None = None,
        class_weight: str | Mapping[Any, float] | None = None,
        weights: str | None = None,
        positive: str | None = None,
        threshold: str | float | None = None,
        target_scale: str | None = None,
        interval: float | None = None,
        quantiles: Sequence[float] | None = None,
        order: Sequence[Any] | None = None,
        dtype: str = "float32",
        compute: str = "float32",
        seed: int = 0,
    ) -> None:
        self.settings = Settings.told(
            model, folds, hidden=hidden, activation=activation, dropout=dropout, numbers=numbers,
            missing=missing, task=task, loss=loss, optimizer=optimizer, lr=lr,
            weight_decay=weight_decay, schedule=schedule, label_smoothing=label_smoothing,
            members=members, budget=budget, epochs=epochs, batch_size=batch_size, patience=patience,
            metrics=metrics, class_weight=class_weight, weights=weights, positive=positive,
            threshold=threshold, target_scale=target_scale, interval=interval, quantiles=quantiles,
            order=order, dtype=dtype, compute=compute, seed=seed,
        )  # fmt: skip
        self.kinds = dict(kinds or {})
        self.history: History | None = None
        self.report: Report | Reports | None = None
        self.notes: list[str] = []
        self.decision: Decisions = Decision()
        self.rows = self.watched = self.epochs = 0
        self.out_of_fold: dict[str, tuple[float, float]] = {}
        self.members: dict[str, int] = {}

    def fit(
        self,
        data: Any,
        target: str | int | Sequence[str | int],
        *,
        validation_data: Any = None,
        refit: bool = True,
        callbacks: Sequence[Callback] = (),
        verbose: int | str = "auto",
    ) -> Self:
        """Learn from a table; all of its rows are for training.

        A part of them is set apart at first: it says after how many epochs to stop, and at what
        temperature scores are probabilities. Then the model is trained anew on all rows.

        Parameters
        ----------
        data : path-like, frame, dict of columns, list of dicts, or 2-D array
            As `gdcore.tabular.read` takes it; rows without a target are left out.
        target : str or int, or a list of them
            The column to be predicted, by name or by place. Several are predicted by one network, be
            they quantities, labels of which any may be true, or classes. `predict` and what else is
            asked then give a dict with an entry for each.
        validation_data : like `data`, optional
            Rows to watch the training by, in the place of those that would be set apart.
        refit : bool
            Train anew on all rows, for as many epochs as were best.
        callbacks : sequence of Callback
        verbose : {"auto", 0, 1, 2}, as for `gdcore.Model.fit`

        Returns
        -------
        TableModel
            Itself.

        Raises
        ------
        OSError, TypeError, ValueError
            In one line, if the table cannot be read or does not fit the settings.
        KeyboardInterrupt
            On Ctrl-C; the model can be used with what it learned by then.
        """
        table = read(data)
        names = find_targets(table, target)
        if validation_data is not None or len(table) < FEWEST:
            self.settings = self.settings.alone
        table, notes = with_target(table, names, self.settings.weights)
        self.notes += notes
        chosen = settled(table, names, self.kinds, self.settings)
        whole, notes = without_missing(table, list(chosen[0]), self.settings.missing)
        self.notes += notes
        table, watched = parted(whole, names, self.settings, validation_data)
        check_watched(self.settings, whole if self.settings.folds > 1 else watched)
        answers = learned(whole, names, self.settings.asked, order=self.settings.order)
        told = begun(table, names, chosen, as_values_say(self.settings, answers, whole))
        self._train(self._training(told), table, watched, callbacks, verbose)
        anew = refit and validation_data is None and watched is not None
        if anew and not self.settings.finds_best:
            self.refit(whole, verbose=verbose)
        return self

    def _training(self, told: tuple[Encoder, Learner, Decisions]) -> Training | FoldedTraining:
        return (FoldedTraining if self.settings.folds > 1 else Training)(*told, self.settings)

    def _train(
        self,
        training: Training | FoldedTraining,
        table: Table,
        watched: Table | None,
        callbacks: Sequence[Callback],
        verbose: int | str,
    ) -> None:
        """Train on rows that are as they are to be."""
        self.rows, self.watched = len(table), 0 if watched is None else len(watched)
        self.encoder, self.network = training.encoder, training.network
        self.decision = training.decision
        self._describe()
        try:
            training.run(table, watched, callbacks, verbose)
            self._learned(training, watched)
        finally:
            self.history = training.history

    def _learned(self, training: Training | FoldedTraining, watched: Table | None) -> None:
        """Take over what came of a training."""
        training.network.info |= self.network.info
        self.encoder, self.network = training.encoder, training.network
        self.epochs, self.decision = training.epochs, training.decide(watched)
        self.out_of_fold, self.members = training.scores, training.members
        self._describe()

    def refit(self, data: Any, *, verbose: int | str = "auto") -> Self:
        """Train anew on other rows, for as many epochs as were found to be the best.

        Neither the history nor the report changes: they tell of the training before. Temperature,
        threshold and margin stay. "realmlp", "tabm" and folds find their best epoch anew, with the
        rows that tell of it set apart as in `fit`, and all of these with it.

        Parameters
        ----------
        data : as `fit` takes it
            Best all rows there are, those too that `fit` set apart or that were held out.
        verbose : {"auto", 0, 1, 2}

        Returns
        -------
        TableModel
            Itself.

        Raises
        ------
        ValueError
            As `fit`; then, and on Ctrl-C, the model is as it was.
        """
        encoder = self._fitted()
        table, _ = with_target(read(data), encoder.target.names, self.settings.weights)
        table, _ = without_missing(table, [c.name for c in encoder.columns], self.settings.missing)
        names = encoder.target.names
        told = as_it_was(self.settings, encoder.target, self.network.losses[0].name)
        rows, watched = parted(table, names, told) if self.settings.finds_best else (table, None)
        training = self._training(begun(rows, names, encoder.chosen, told))
        if self.settings.finds_best:
            training.run(rows, watched, (), verbose)
            self._learned(training, watched)
        else:
            training.run(rows, None, (), verbose, last=self.epochs)
            training.network.info |= self.network.info
            self.encoder, self.network = training.encoder, training.network
        self.rows, self.watched = len(rows), 0 if watched is None else len(watched)
        self._describe()
        return self

    def _describe(self) -> None:
        """Keep with the network all that a table goes through."""
        self.info[KEY] = self.info.get(KEY, {}) | {
            "encoder": self.encoder.config(),
            "settings": self.settings.config(),
            "decision": [d.config() for d in self.decision]
            if isinstance(self.decision, tuple)
            else self.decision.config(),
            "epochs": self.epochs,
        }

    @classmethod
    def of(cls, network: Model) -> TableModel:
        """The model whose description a network's `info` holds: what `gdcore.load` calls.

        Parameters
        ----------
        network : Model
            With the transformation in ``network.info["table"]``.

        Returns
        -------
        TableModel

        Raises
        ------
        FileFormatError
            If the description does not make sense, or is that of another network.
        ValueError
            If there is none.

        Examples
        --------
        >>> import gdcore as gd
        >>> model = TableModel([4], epochs=1).fit({"x": [1, 2, 3], "y": [0.1, 0.2, 0.3]}, "y")
        >>> TableModel.of(model.network)
        <TableModel of 'y' (regression) from 1 columns>
        """
        described = network.info[KEY]
        if not isinstance(described, Mapping):
            raise ValueError("'table' is not an object")
        model = cls()
        model.settings = read_settings(described.get("settings"))
        model.encoder = fitted(read_encoder(described.get("encoder")), network)
        model.network = network
        model.decision = read_decision(described.get("decision"), model.target)
        model.epochs = read_epochs(described.get("epochs", 0))
        return model
