"""Tables in, predictions out: one model that holds the network and all that a table goes through."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from os import PathLike
from typing import TYPE_CHECKING, Any, Self

from numpy.typing import NDArray

from gdcore.callbacks import Callback, History
from gdcore.model import Model
from gdcore.tabular.encoding import Encoder, Features
from gdcore.tabular.heads import probabilities_of
from gdcore.tabular.importance import Importance, importance
from gdcore.tabular.kinds import choose
from gdcore.tabular.learning import begun, train
from gdcore.tabular.reading import read, read_like
from gdcore.tabular.rows import with_target, without_missing
from gdcore.tabular.scoring import answers_of, measure
from gdcore.tabular.settings import Settings
from gdcore.tabular.splits import hold_out
from gdcore.tabular.stored import check_fits, read_encoder, read_settings
from gdcore.tabular.target import Target
from gdcore.text import shown

if TYPE_CHECKING:
    from gdcore.tabular.report import Report

__all__ = ["TableModel"]

KEY = "table"  # of what a model's file keeps: a file that has it holds a TableModel
WATCHED = 0.1  # share of the training rows that early stopping watches


class TableModel:
    """A network for tables of numbers, categories, booleans, dates and missing values.

    Columns' kinds are inferred from the training rows; numbers are standardised, missing values
    filled in and flagged, each category becomes a vector that is learned. All of that is saved with
    the model.

    Parameters
    ----------
    hidden : sequence of int
        Sizes of the hidden layers.
    activation : str
    dropout : float
        After each hidden layer.
    kinds : dict of str to str, optional
        What columns are, where the inferred kind is wrong: "number" ("number:quantile",
        "number:standardize", "number:raw"), "category", "boolean", "date" ("date:%d/%m/%Y"), or
        "ignore".
    numbers : {"standardize", "quantile", "raw"}
        What becomes of numbers; "quantile" maps them to a normal distribution.
    missing : {"impute", "drop", "error"}
        Missing values are filled in and flagged, cost their row in training, or are an error.
    task : {"classification", "regression"}, optional
        By default text, booleans, declared categories and at most 20 whole numbers are classes.
    loss, optimizer, schedule : str, optional
    lr, weight_decay : float, optional
        The optimizer's own by default.
    epochs, batch_size : int, optional
        By default by the number of rows.
    patience : int, optional
        Early stopping: training ends after so many epochs without a better loss on a tenth of the
        training rows, and the best weights are kept.
    metrics : sequence of str, optional
        What `evaluate` measures: by default accuracy (and ROC-AUC for two classes), or R², MAE and
        RMSE.
    dtype : {"float32", "float64"}
    seed : int
        Of all that is random; the same seed gives the same bits.

    Attributes
    ----------
    encoder : Encoder
        The columns and the target as they were learned.
    network : Model
        What takes ``encoder.encode(table).inputs()``.
    rows : int
        How many it was trained on.
    history : History
    notes : list of str
        What was done with rows that could not be learned from.
    report : Report or None
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
    >>> import os, tempfile
    >>> path = os.path.join(tempfile.mkdtemp(), "dear.safetensors")
    >>> model.save(path)
    >>> gd.load(path).classes
    ['no', 'yes']
    """

    encoder: Encoder
    network: Model

    def __init__(
        self,
        hidden: Sequence[int] = (128, 64),
        *,
        activation: str = "relu",
        dropout: float = 0.1,
        kinds: Mapping[str, str] | None = None,
        numbers: str = "standardize",
        missing: str = "impute",
        task: str | None = None,
        loss: str | None = None,
        optimizer: str = "adam",
        lr: float | None = None,
        weight_decay: float | None = None,
        schedule: str = "cosine",
        epochs: int | None = None,
        batch_size: int | None = None,
        patience: int | None = None,
        metrics: Sequence[str] | None = None,
        dtype: str = "float32",
        seed: int = 0,
    ) -> None:
        self.settings = Settings(
            hidden=tuple(hidden), activation=activation, dropout=dropout, numbers=numbers,
            missing=missing, task=task, loss=loss, optimizer=optimizer, lr=lr,
            weight_decay=weight_decay, schedule=schedule, epochs=epochs, batch_size=batch_size,
            patience=patience,
            metrics=None if metrics is None else tuple(metrics), dtype=dtype, seed=seed,
        )  # fmt: skip
        self.settings.check()
        self.kinds = dict(kinds or {})
        self.history: History | None = None
        self.report: Report | None = None
        self.notes: list[str] = []
        self.rows = 0

    # --- training ------------------------------------------------------------------------------

    def fit(
        self,
        data: Any,
        target: str | int,
        *,
        validation_data: Any = None,
        callbacks: Sequence[Callback] = (),
        verbose: int | str = "auto",
    ) -> Self:
        """Learn from a table; all of its rows are for training.

        Parameters
        ----------
        data : path-like, frame, dict of columns, list of dicts, or 2-D array
            As `gdcore.tabular.read` takes it; rows without a target are left out.
        target : str or int
            The column to be predicted, by name or by place.
        validation_data : like `data`, optional
            Rows to watch the training by, besides those that early stopping sets apart.
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
        name = table.find(target, "the target")
        table, notes = with_target(table, name)
        self.notes += notes
        chosen, _ = choose(table, name, self.kinds, tell=False)
        table, notes = without_missing(table, list(chosen), self.settings.missing)
        self.notes += notes
        given = validation_data
        watched = None if given is None else read_like(given, table.layout, table.names)
        if self.settings.patience is not None and watched is None:
            told = Target.learn(table, name, self.settings.task)
            apart = hold_out(
                told.values(table), WATCHED, self.settings.seed, told.classes is not None
            )
            table, watched = table.take(~apart), table.take(apart)
        self.encoder, self.network = begun(table, name, self.kinds, self.settings)
        self.info[KEY] = {"encoder": self.encoder.config(), "settings": self.settings.config()}
        self.rows = len(table)
        try:
            train(self.network, self.encoder, self.settings, table, watched, callbacks, verbose)
        finally:
            self.history = self.network.history
        return self

    # --- asking --------------------------------------------------------------------------------

    @property
    def target(self) -> Target:
        """The column that is predicted."""
        return self._fitted().target

    @property
    def classes(self) -> list[str] | None:
        """Names of the classes, in the order of `predict_proba`; None for a regression."""
        return None if self.target.classes is None else list(self.target.classes)

    def _fitted(self) -> Encoder:
        if "encoder" not in self.__dict__:
            raise ValueError("the model is not fitted: call model.fit(data, target=...) first")
        return self.encoder

    def features(self, data: Any) -> Features:
        """What the network takes of a table, which need not have the target.

        Parameters
        ----------
        data : as `fit` takes it

        Returns
        -------
        Features

        Raises
        ------
        OSError, TypeError, ValueError
            If it cannot be read, lacks a column, or a value does not fit its kind.
        """
        encoder = self._fitted()
        return encoder.encode(encoder.read(data))

    def predict(self, data: Any) -> NDArray[Any]:
        """Class names, or quantities in the target's own units.

        Parameters
        ----------
        data : as `fit` takes it; the target may be away, other columns are not looked at

        Returns
        -------
        ndarray of shape (n,)
            Text or int64 for classes, float64 for quantities.

        Warns
        -----
        TableWarning
            Where a value is one that training never saw.
        """
        out = self.network.predict(self.features(data).inputs())
        return answers_of(self.network, self.target, out)

    def predict_proba(self, data: Any) -> NDArray[Any]:
        """The probability of every class.

        Parameters
        ----------
        data : as `predict` takes it

        Returns
        -------
        ndarray of shape (n, classes)
            In the order of `classes`.

        Raises
        ------
        ValueError
            For a regression, or a loss that does not speak of probabilities.
        """
        features = self.features(data)
        if self.target.classes is None:
            raise ValueError(
                f"the model predicts a quantity, {self.target.name!r}: predict_proba is for "
                "classes, use predict"
            )
        return probabilities_of(self.network.predict_proba(features.inputs()))

    def evaluate(self, data: Any) -> dict[str, Any]:
        """How right the model is.

        Parameters
        ----------
        data : as `fit` takes it, the target included

        Returns
        -------
        dict
            Metrics by name, in the target's own units; also the "loss" of classes.
        """
        encoder = self._fitted()
        table = encoder.read(data)
        return measure(
            self.network, self.target, self.settings.metrics,
            encoder.encode(table), self.target.values(table),
        )  # fmt: skip

    def importance(self, data: Any, repeats: int = 5, seed: int = 0) -> list[Importance]:
        """Which columns matter: what the score (accuracy, or R²) loses when one is shuffled.

        Parameters
        ----------
        data : as `fit` takes it, the target included; best rows that were not trained on
        repeats : int
            Times that each column is shuffled.
        seed : int

        Returns
        -------
        list of Importance
            The greatest first.
        """
        encoder = self._fitted()
        table = encoder.read(data)
        return importance(self, encoder.encode(table), self.target.values(table), repeats, seed)

    # --- keeping -------------------------------------------------------------------------------

    def save(self, path: str | PathLike[str]) -> None:
        """Write the network, the transformation and the settings to one safetensors file.

        `gdcore.load` gives the model back.

        Parameters
        ----------
        path : path-like

        Raises
        ------
        OSError
            If it cannot be written; a file that was there is left as it was.
        """
        self._fitted()
        self.network.save(path)

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
        model.encoder = read_encoder(described.get("encoder"))
        model.network = network
        check_fits(model.encoder, network)
        return model

    @property
    def info(self) -> dict[str, Any]:
        """What you want to keep with the model: numbers, text, lists, dicts; saved in its file."""
        return self.network.info

    def __repr__(self) -> str:
        if "encoder" not in self.__dict__:
            return "<TableModel, not fitted>"
        target = self.target
        columns = len(self.encoder.columns)
        return shown(f"<TableModel of {target.name!r} ({target.task}) from {columns} columns>")

    def __str__(self) -> str:
        return self.encoder.described() if "encoder" in self.__dict__ else repr(self)
