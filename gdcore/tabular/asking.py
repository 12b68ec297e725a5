"""What a model of tables can be asked: predictions, probabilities, scores, what matters."""

from __future__ import annotations

from dataclasses import replace
from os import PathLike
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from gdcore.callbacks import History
from gdcore.model import Model
from gdcore.printed import shown
from gdcore.scores import Scores
from gdcore.tabular.decision import probabilities
from gdcore.tabular.encoding import Encoder, Features
from gdcore.tabular.importance import importance
from gdcore.tabular.learner import outputs_of
from gdcore.tabular.scoring import Decisions, Scorer, output_of, scorers
from gdcore.tabular.settings import Settings
from gdcore.tabular.several import AnyTarget, Targets
from gdcore.tabular.weighting import measuring_weights

if TYPE_CHECKING:
    from gdcore.tabular.report import Report
    from gdcore.tabular.reports import Reports

__all__ = ["Asking"]


class Asking:
    """Whatever has a transformation, a network that takes what it makes, and a way to decide.

    Attributes
    ----------
    encoder : Encoder
    network : Model
    decision : Decision, or a tuple of them for several targets
    settings : Settings
    history : History or None
    notes : list of str, of rows
    """

    encoder: Encoder
    network: Model
    decision: Decisions
    settings: Settings
    history: History | None
    notes: list[str]

    @property
    def target(self) -> AnyTarget:
        """The column that is predicted, or all of them."""
        return self._fitted().target

    @property
    def classes(self) -> Any:
        """Names of the classes, in the order of `predict_proba`; None for a regression."""
        if isinstance(self.target, Targets):
            return {
                t.name: None if t.classes is None else list(t.classes) for t in self.target.each
            }
        return None if self.target.classes is None else list(self.target.classes)

    @property
    def views(self) -> list[View]:
        """The model of each of several targets; none for one."""
        target = self.target
        return [View(self, i) for i in range(len(target.each))] if len(target.each) > 1 else []

    def _of_each(self, method: str, data: Any, *args: Any) -> dict[str, Any]:
        """What the model of each target gives, by the target's name."""
        table = self._fitted().read(data)
        views = [v for v in self.views if v.scorer.gives(method)] or self.views  # or it is told
        return {v.target.name: getattr(v, method)(table, *args) for v in views}

    def _fitted(self) -> Encoder:
        if "encoder" not in self.__dict__:
            raise ValueError("the model is not fitted: call model.fit(data, target=...) first")
        return self.encoder

    @property
    def scorer(self) -> Scorer:
        """How outputs of the network become answers and scores; of one target."""
        if self.views:
            raise ValueError(
                f"the model has {len(self.target.names)} targets, {self.target.name}: expected one; "
                "ask one of model.views"
            )
        return scorers(self.network, self.target, self.settings.metrics, self.decision)[0]

    def _outputs(self, features: Features) -> NDArray[Any]:
        """What the network puts out for rows.

        Parameters
        ----------
        features : Features

        Returns
        -------
        ndarray of shape (n, outputs)
        """
        return outputs_of(self.network, features.inputs())

    def scores(self, features: Features) -> NDArray[Any]:
        """What the network says of rows, in the target's units; logits of classes.

        Parameters
        ----------
        features : Features

        Returns
        -------
        ndarray
            Of shape (n,) for quantities; (n, classes) logits, at the temperature of probabilities;
            (n, 1) log odds of the second of two classes.
        """
        return self.scorer.scores(self._outputs(features))

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

    def predict(self, data: Any) -> Any:
        """Class names, or quantities in the target's own units.

        Parameters
        ----------
        data : as `fit` takes it; the target may be away, other columns are not looked at

        Returns
        -------
        ndarray of shape (n,)
            Text or int64 for classes, float64 for quantities; of several targets a dict by their
            names, here and below, of those that have what is asked for.

        Warns
        -----
        TableWarning
            Where a value is one that training never saw.
        """
        if self.views:
            return self._of_each("predict", data)
        return self.scorer.named(self.scores(self.features(data)))

    def predict_proba(self, data: Any) -> Any:
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
        if self.views:
            return self._of_each("predict_proba", data)
        features = self.features(data)
        if self.classes is None:
            raise ValueError(
                f"the model predicts a quantity, {self.target.name!r}: predict_proba is for "
                "classes, use predict"
            )
        if not self.scorer.likely:
            raise ValueError(
                f"the model was trained with loss {self.scorer.loss}, which does not speak of "
                "probabilities, expected cross_entropy: train it with that, or use predict"
            )
        return probabilities(self.scores(features))

    def predict_interval(self, data: Any) -> Any:
        """Between what the answers lie, with the probability that was asked for by `interval`.

        Parameters
        ----------
        data : as `predict` takes it

        Returns
        -------
        ndarray of shape (n, 2)
            The lower and the upper end, in the target's own units.

        Raises
        ------
        ValueError
            If no interval was asked for when the model was trained.

        Examples
        --------
        >>> import gdcore as gd
        >>> rows = {"x": [0.1 * i for i in range(60)], "y": [0.3 * i + 2 for i in range(60)]}
        >>> model = gd.tabular.TableModel([8], epochs=5, interval=0.8).fit(rows, "y", verbose=0)
        >>> model.predict_interval({"x": [1.0, 2.0]}).shape
        (2, 2)
        """
        if self.views:
            return self._of_each("predict_interval", data)
        features = self.features(data)
        if self.scorer.decision.margin is None:
            raise ValueError(
                "the model was trained without an interval: pass interval=0.9 to TableModel or fit "
                "and train it anew"
            )
        return self.scorer.limits(self.scores(features))

    def predict_quantiles(self, data: Any) -> NDArray[np.float64]:
        """The quantiles that were asked for by `quantiles`, in their order.

        Parameters
        ----------
        data : as `predict` takes it

        Returns
        -------
        ndarray of shape (n, quantiles), in the target's own units

        Raises
        ------
        ValueError
            If none were asked for.

        Examples
        --------
        >>> import gdcore as gd
        >>> rows = {"x": [0.1 * i for i in range(60)], "y": [0.3 * i + 2 for i in range(60)]}
        >>> told = gd.tabular.TableModel([8], epochs=5, quantiles=[0.1, 0.9]).fit(rows, "y", verbose=0)
        >>> told.predict_quantiles({"x": [1.0, 2.0, 3.0]}).shape
        (3, 2)
        """
        if not self.settings.quantiles:
            raise ValueError("the model was trained without quantiles: pass quantiles=[0.1, 0.9]")
        out = self._outputs(self.features(data))
        return self.scorer.told_quantiles(out, self.settings.quantiles)

    def evaluate(self, data: Any) -> Any:
        """How right the model is.

        Parameters
        ----------
        data : as `fit` takes it, the target included
            With the column of `weights` each row counts what it says.

        Returns
        -------
        Scores
            Metrics by name, in the target's own units; also the "loss" of classes.
        """
        if self.views:
            return self._of_each("evaluate", data)
        encoder = self._fitted()
        table = encoder.read(data)
        scores = self.scores(encoder.encode(table))
        weights = measuring_weights(table, self.settings.weights)
        return Scores(self.scorer.measure(self.target.values(table), scores, weights))

    def examine(self, data: Any, repeats: int = 5) -> Report | Reports:
        """A report on rows with known answers: scores beside guessing, errors, what mattered.

        Parameters
        ----------
        data : as `fit` takes it, the target included; best rows that were not trained on
        repeats : int
            Times that each column is shuffled to see what it is worth; 0 for not at all.

        Returns
        -------
        Report, or Reports for several targets
        """
        from gdcore.tabular.assessment import assess

        return assess(self, {"measured": self._fitted().read(data)}, repeats)

    def importance(self, data: Any, repeats: int = 5, seed: int = 0) -> Any:
        """Which columns matter: what the score loses when one is shuffled.

        The score is the first of `metrics`: by default accuracy, or R².

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
        if self.views:
            return self._of_each("importance", data, repeats, seed)
        encoder = self._fitted()
        table = encoder.read(data)
        weights = measuring_weights(table, self.settings.weights)
        return importance(
            self, encoder.encode(table), self.target.values(table), repeats, seed, weights
        )

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


class View(Asking):
    """The model of one of several targets: the same network, of which it reads one output.

    Parameters
    ----------
    model : Asking
    place : int
        Of the target.

    Examples
    --------
    >>> import gdcore as gd
    >>> rows = {"x": [1.0, 2.0, 3.0] * 9, "a": [0.5, 1.5, 2.5] * 9, "b": [9.0, 3.5, 1.0] * 9}
    >>> model = gd.tabular.TableModel([4], epochs=1).fit(rows, ["a", "b"], verbose=0)
    >>> [view.target.name for view in model.views]
    ['a', 'b']
    """

    def __init__(self, model: Asking, place: int) -> None:
        self.model, self.place = model, place
        target = model.target.each[place]
        self.encoder = replace(model.encoder, target=target)
        self.network, self.settings = model.network, model.settings
        self.history, self.notes = model.history, model.notes
        assert isinstance(model.decision, tuple)
        self.decision = model.decision[place]

    @property
    def scorer(self) -> Scorer:
        """How outputs of the network become answers and scores."""
        model = self.model
        told = self.settings.metrics
        return scorers(self.network, model.target, told, model.decision)[self.place]

    def _outputs(self, features: Features) -> NDArray[Any]:
        """What the network puts out for the target.

        Parameters
        ----------
        features : Features

        Returns
        -------
        ndarray of shape (n, 1)
        """
        return output_of(self.model._outputs(features), self.model.target, self.place)
