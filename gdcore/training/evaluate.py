"""How good a model is, and what its loss asks of each weight: with nothing learned from it."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import Any

import numpy as np

from gdcore.data.arrays import as_inputs, check_finite
from gdcore.data.targets import as_targets, class_weights, sample_weights
from gdcore.engine.network import check_indices
from gdcore.metrics import Metric
from gdcore.training.fit import Data, Tally, sweep
from gdcore.training.non_finite import first_bad_tensor
from gdcore.training.predict import PREDICT_BATCH, Inference, check_batch_size


class Evaluation(Inference):
    """The part of a model that measures it on data with known targets."""

    def _prepare(
        self, x: Any, y: Any, sample_weight: Any = None, class_weight: Any = None, what: str = ""
    ) -> Data:
        """Checked arrays, and the shapes of the targets."""
        if not self._losses:
            raise ValueError(
                "the model is not compiled: call model.compile(optimizer=..., loss=...) first"
            )
        inputs = as_inputs(x, self.input_names)
        if len(inputs[0]) == 0:
            raise ValueError(f"{what or 'X'} has no rows: expected at least one sample")
        for a, n in zip(inputs, self.input_names, strict=True):
            check_finite(a, what or ("X" if len(inputs) == 1 else f"X[{n!r}]"))
        first = self._network is None
        try:
            network = self.network(inputs)
            check_indices(inputs, network)
            targets, spec = as_targets(y, inputs[0], network, self._losses)
            weights = sample_weights(sample_weight, inputs[0])
            if class_weight is not None:
                by_class = class_weights(class_weight, targets[0], network.outputs[0])
                weights = by_class if weights is None else weights * by_class
        except Exception:
            if first:  # data that was refused does not settle what the network is
                self.forget_trace()
            raise
        self._target_spec = spec
        return Data(inputs, targets, weights, spec)

    def bound_metrics(self) -> list[Metric]:
        """The metrics, told how to read the first output.

        Returns
        -------
        list of Metric

        Examples
        --------
        >>> import gdcore as gd
        >>> (x, y), (xt, yt) = gd.datasets.digits()
        >>> model = gd.Sequential([gd.Dense(32, activation="relu"), gd.Dense(10)])
        >>> _ = model.compile(gd.Adam(1e-2), "cross_entropy", metrics=["accuracy"])
        >>> _ = model.fit(x, y, seed=0)
        >>> [metric.kind for metric in model.bound_metrics()]
        ['multiclass_logits']
        """
        if not self._metrics:
            return []
        kind = self._losses[0].link(self.network().outputs[0])
        return [copy.deepcopy(m).bind(kind) for m in self._metrics]

    def measure(self, data: Data, batch: int, metrics: Sequence[Metric]) -> Tally:
        """Loss and metrics on data that is checked already: what `evaluate` and `fit` call.

        Parameters
        ----------
        data : Data
        batch : int
        metrics : sequence of Metric
            Bound.

        Returns
        -------
        Tally

        Examples
        --------
        >>> import gdcore as gd
        >>> model = gd.Sequential([gd.Input(2), gd.Dense(1, kernel_initializer="ones")])
        >>> _ = model.compile("sgd", "mse")
        >>> from gdcore.training.fit import Data
        >>> import numpy as np
        >>> _ = model.evaluate([[1.0, 2.0]], [1.0])
        >>> data = Data([np.ones((1, 2), "f")], [np.ones((1, 1), "f")], spec=model._target_spec)
        >>> model.measure(data, 1, []).mean
        1.0
        """
        batch = min(batch, data.rows)
        builder = self._builder(data.inputs)
        key = ("evaluate", batch, data.spec, data.weights is not None)
        step = self._step(key, lambda: builder.evaluate(batch, data.spec, data.weights is not None))
        tally = Tally(metrics)
        sweep(step, data, batch, tally, seed=self.seed)
        return tally

    def evaluate(
        self, x: Any, y: Any, batch_size: int = PREDICT_BATCH, sample_weight: Any = None
    ) -> dict[str, Any]:
        """Loss and metrics on data.

        Parameters
        ----------
        x, y : as for `fit`
        batch_size : int
        sample_weight : array of shape (n,), optional

        Returns
        -------
        dict
            "loss" and each metric by name, over all samples.

        Raises
        ------
        ValueError, TypeError
            If the data does not fit, or the model is not compiled.

        Examples
        --------
        >>> import gdcore as gd
        >>> (x, y), (xt, yt) = gd.datasets.digits()
        >>> model = gd.Sequential([gd.Dense(32, activation="relu"), gd.Dense(10)])
        >>> _ = model.compile(gd.Adam(1e-2), "cross_entropy", metrics=["accuracy"])
        >>> _ = model.fit(x, y, epochs=5, seed=0)
        >>> model.evaluate(xt, yt)["accuracy"] > 0.9
        True
        """
        check_batch_size("evaluate", batch_size)
        data = self._prepare(x, y, sample_weight)
        return self.measure(data, batch_size, self.bound_metrics()).logs()

    def gradients(self, x: Any, y: Any, sample_weight: Any = None) -> dict[str, np.ndarray]:
        """The gradient of the loss on one batch with respect to every parameter.

        Parameters
        ----------
        x, y : as for `fit`, one batch of them
        sample_weight : array of shape (n,), optional

        Returns
        -------
        dict of str to ndarray
            In the order of `get_weights`; frozen parameters have none.

        Examples
        --------
        >>> import gdcore as gd
        >>> model = gd.Sequential([gd.Input(2), gd.Dense(1, kernel_initializer="ones")])
        >>> _ = model.compile("sgd", "mse")
        >>> model.gradients([[1.0, 3.0]], [3.0])["0.kernel"].tolist()
        [[2.0], [6.0]]
        """
        data = self._prepare(x, y, sample_weight)
        step = self.train_step(data.rows, data, keep_outputs=False, update=False)
        memory = self.memory()
        trained = set(memory.trainable())
        with memory.gate:
            sweep(step, data, data.rows, Tally(()), seed=self.seed, counter=self.steps_done)
            return {
                memory.network.names[p]: memory.gradient(p).copy()
                for p in memory.network.parameters
                if p in trained
            }

    def first_bad_tensor(self, data: Data, rows: np.ndarray) -> str:
        """The first tensor of a step that is not finite, in the order of computation.

        Parameters
        ----------
        data : Data
        rows : ndarray of int
            The samples of the batch.

        Returns
        -------
        str
            What `NonFiniteError` says of it.

        Examples
        --------
        >>> import gdcore as gd
        >>> model = gd.Sequential([gd.Input(1), gd.Activation("exp"), gd.Dense(1)])
        >>> try:
        ...     _ = model.compile("sgd", "mse").fit([[1000.0]], [1.0])
        ... except gd.NonFiniteError as error:
        ...     print("exp" in str(error))
        True
        """
        part = Data(
            [np.asarray(a[rows]) for a in data.inputs],
            [a[rows] for a in data.targets],
            None if data.weights is None else data.weights[rows],
        )
        return first_bad_tensor(
            self._builder(part.inputs), data.spec, part, self.seed, self.steps_done
        )
