"""Asking a model: what its network puts out, and the probabilities that its loss takes that for."""

from __future__ import annotations

from typing import Any

import numpy as np

from gdcore.data.arrays import as_inputs
from gdcore.engine.fast_path import Again, plain
from gdcore.engine.network import check_indices
from gdcore.engine.weights import Weights
from gdcore.show.progress import check_verbose

PREDICT_BATCH = 256


def check_batch_size(who: str, batch_size: Any, more: str = "") -> None:
    """Raises ValueError for anything but a whole number of at least 1."""
    if not hasattr(batch_size, "__index__") or batch_size < 1:
        raise ValueError(
            f"{who} batch_size={batch_size!r}: expected a whole number of at least 1{more}"
        )


class Inference(Weights):
    """The part of a model that predicts."""

    def predict(self, x: Any, batch_size: int = PREDICT_BATCH, verbose: int | str = 0) -> Any:
        """What the network puts out.

        Parameters
        ----------
        x : array of shape (n, ...), or a tuple or dict of arrays for several inputs
        batch_size : int
        verbose : {0, 1, 2, "auto"}
            Taken as `fit` and `evaluate` take it; there is nothing to show here.

        Returns
        -------
        ndarray of shape (n, ...), or a list or dict of them for several outputs

        Raises
        ------
        ValueError, TypeError
            If the data does not fit the model's inputs.

        Examples
        --------
        >>> import gdcore as gd
        >>> model = gd.Sequential([gd.Input(2), gd.Dense(1, kernel_initializer="ones")])
        >>> _ = model.compile("sgd", "mse")
        >>> model.predict([[1.0, 2.0], [3.0, 4.0]]).tolist()
        [[3.0], [7.0]]
        """
        again: Again | None = self.__dict__.get("_predicted_before")
        if again is not None and batch_size == PREDICT_BATCH and not verbose and again.holds(self):
            found = again.predict(x) if type(x) is np.ndarray and x.ndim else None
            if found is not None:
                return found
        check_batch_size("predict", batch_size)
        check_verbose(verbose)
        inputs = as_inputs(x, self.input_names)
        network = self.network(inputs)
        check_indices(inputs, network)
        rows = len(inputs[0])
        batch = 1
        while batch < min(rows, batch_size):  # few plans serve every length
            batch *= 2
        builder = self._builder(inputs)
        step = self._step(("predict", batch), lambda: builder.predict(batch))
        one = len(step.output_shapes) == 1 and network.output_names is None
        if one and plain(x) and rows <= batch <= PREDICT_BATCH and not network.index_limits:
            self.__dict__["_predicted_before"] = Again(
                self, step, (batch // 2 + 1, batch), (x,), (0,), finite=False
            )
        made = [np.empty((rows, *s), self._dtype) for s in step.output_shapes]
        done, steps = 0, -(-rows // batch)
        feeds = [(a, 1.0) for a in inputs]
        while done < steps:
            got, _ = step.session.run(
                feeds,
                rows,
                batch,
                first=done,
                steps=steps - done,
                outputs=[m[done * batch :] for m in made],
            )
            done += got
        if network.output_names is not None:
            return dict(zip(network.output_names, made, strict=True))
        return made[0] if len(made) == 1 else made

    def predict_on_batch(self, x: Any) -> Any:
        """`predict` with all samples in one step.

        Parameters
        ----------
        x : as for `predict`

        Returns
        -------
        ndarray of shape (n, ...), or a list or dict of them for several outputs

        Examples
        --------
        >>> import gdcore as gd
        >>> model = gd.Sequential([gd.Input(2), gd.Dense(1, kernel_initializer="ones")])
        >>> _ = model.compile("sgd", "mse")
        >>> model.predict_on_batch([[1.0, 2.0]]).tolist()
        [[3.0]]
        """
        return self.predict(x, batch_size=max(1, len(as_inputs(x, self.input_names)[0])))

    def predict_proba(self, x: Any, batch_size: int = PREDICT_BATCH) -> np.ndarray:
        """Probabilities: what the loss takes the (first) output for.

        Parameters
        ----------
        x : as for `predict`
        batch_size : int

        Returns
        -------
        ndarray of shape (n, classes), or of the output's shape for binary and multi-label losses

        Raises
        ------
        ValueError
            If the loss does not speak of probabilities.

        Examples
        --------
        >>> import gdcore as gd
        >>> (x, y), (xt, yt) = gd.datasets.digits()
        >>> model = gd.Sequential([gd.Dense(32, activation="relu"), gd.Dense(10)])
        >>> _ = model.compile(gd.Adam(1e-2), "cross_entropy", metrics=["accuracy"])
        >>> _ = model.fit(x, y, epochs=5, seed=0)
        >>> sure = model.predict_proba(xt)
        >>> sure.shape, bool((abs(sure.sum(1) - 1) < 1e-5).all())
        ((355, 10), True)
        """
        if not self._losses:
            raise ValueError("the model is not compiled: predict_proba needs to know the loss")
        out = self.predict(x, batch_size)
        first = (
            next(iter(out.values()))
            if isinstance(out, dict)
            else out[0]
            if isinstance(out, list)
            else out
        )
        kind = self._losses[0].link(self.network().outputs[0])
        if kind.endswith("_probs"):
            return np.asarray(first)
        if kind == "multiclass_logits":
            with np.errstate(over="ignore"):  # logits further apart than the largest float: 0
                e = np.exp(first - first.max(axis=-1, keepdims=True))
            return np.asarray(e / e.sum(axis=-1, keepdims=True))
        if kind.endswith("_logits"):
            shrunk = np.exp(-np.abs(first))
            share = np.where(first >= 0, 1.0, shrunk) / (1 + shrunk)
            return np.asarray(share, dtype=first.dtype)
        raise ValueError(
            f"the loss {self._losses[0].config()['name']!r} takes the output for {kind}, not for "
            "probabilities: use predict"
        )
