"""Models: layers that can be compiled, trained, evaluated, asked and saved."""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from os import PathLike
from typing import Any

import numpy as np

from gdcore.arrays import as_inputs, check_finite
from gdcore.callbacks import Callback, History
from gdcore.compiled import check_indices
from gdcore.errors import NonFiniteError
from gdcore.fitting import Data, Fit, Tally, sweep
from gdcore.graph.ir import Value, rewrite
from gdcore.metrics import Metric
from gdcore.targets import as_targets, class_weights, sample_weights
from gdcore.turns import check_trainer
from gdcore.weights import Weights

PREDICT_BATCH = 256


def check_batch_size(who: str, batch_size: Any, more: str = "") -> None:
    """Raises ValueError for anything but a whole number of at least 1."""
    if not hasattr(batch_size, "__index__") or batch_size < 1:
        raise ValueError(
            f"{who} batch_size={batch_size!r}: expected a whole number of at least 1{more}"
        )


class Model(Weights):
    """A network that can be trained.

    Write a subclass with a `forward`, or give the inputs and outputs of a graph.

    Parameters
    ----------
    inputs : Value or sequence of Value, from `gd.Input`
    outputs : Value, or a sequence or dict of them
    name : str, optional

    Raises
    ------
    TypeError
        If a graph lacks its inputs or its outputs.

    Notes
    -----
    Any number of threads may use one model at once. `predict`, `evaluate` and `gradients` give what
    they give alone. `train_on_batch` of several threads are taken one after another. While one thread
    is within `fit`, others may predict and evaluate, and each of their steps finds the weights as they
    are between two training steps; `fit` and `train_on_batch` by another thread raise RuntimeError.
    Do not compile, freeze or change layers while others use the model.

    Examples
    --------
    >>> import gdcore as gd
    >>> class Residual(gd.Model):
    ...     def __init__(self, width):
    ...         self.inner = gd.Sequential([gd.Dense(width, activation="gelu"), gd.Dense(width)])
    ...     def forward(self, x):
    ...         return x + self.inner(x)
    >>> Residual(4).predict([[1.0, 2.0, 3.0, 4.0]]).shape
    (1, 4)
    """

    history: History | None = None

    def __init__(
        self,
        inputs: Value | Sequence[Value] | None = None,
        outputs: Any = None,
        name: str | None = None,
    ) -> None:
        if inputs is None and outputs is None and type(self).forward is not Model.forward:
            self.name = name  # a subclass needs no __init__ of its own, and may call this one
            return
        if inputs is None or outputs is None:
            raise TypeError(
                "gd.Model needs inputs and outputs, as in gd.Model(x, y) with x = gd.Input(...); "
                "or write a "
                "subclass with a forward(self, x)"
            )
        self._graph_inputs = [inputs] if isinstance(inputs, Value) else list(inputs)
        self._graph_outputs = outputs
        self.name = name

    def forward(self, *inputs: Value) -> Any:
        if self._graph_inputs is None:
            return super().forward(*inputs)
        outputs = self._graph_outputs
        several = (
            outputs
            if isinstance(outputs, list | tuple)
            else list(outputs.values())
            if isinstance(outputs, dict)
            else [outputs]
        )
        given = dict(zip(self._graph_inputs, inputs, strict=True))
        new = rewrite(several, lambda v: given.get(v, v))
        if isinstance(outputs, dict):
            return {k: new[v] for k, v in outputs.items()}
        return tuple(new[v] for v in several) if isinstance(outputs, list | tuple) else new[outputs]

    # --- training ------------------------------------------------------------------------------

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

    def fit(
        self,
        x: Any,
        y: Any,
        batch_size: int | None = 32,
        epochs: int = 1,
        validation_data: Any = None,
        validation_split: float = 0.0,
        sample_weight: Any = None,
        class_weight: Any = None,
        shuffle: bool | str | Callable[[int], Any] = True,
        callbacks: Sequence[Callback] = (),
        seed: int | None = None,
        verbose: int | str = "auto",
        resume_from: str | PathLike[str] | None = None,
    ) -> History:
        """Train.

        Parameters
        ----------
        x : array of shape (n, ...), or a tuple or dict of arrays for several inputs
            Numbers of any type, a file mapped into memory, or a SciPy sparse matrix; batches are
            gathered from it as it lies.
        y : array of n targets, or a tuple of arrays for several outputs
        batch_size : int or None
            Samples a step; 1 is stochastic descent, None or n full-batch descent.
        epochs : int
        validation_data : (x, y) or (x, y, sample_weight), optional
        validation_split : float
            The last share of the samples is held out for validation.
        sample_weight : array of shape (n,), optional
        class_weight : dict of class to weight, array, or "balanced", optional
        shuffle : bool, "blocks" or callable
            A new order in each epoch, drawn from the seed. "blocks" keeps neighbouring rows of a
            file close in time, so that one larger than memory is read in long stretches. A function
            of the epoch's number (from 0) returns the numbers 0 to n - 1 of the samples in order.
        callbacks : sequence of Callback
        seed : int, optional
            Of initial weights (where there are none yet), order and dropout. The same seed gives the same bits, on any
            number of threads, in one call or in many.
        verbose : {"auto", 0, 1, 2}
            Nothing, a progress bar, or a line for each epoch.
        resume_from : path, optional
            A checkpoint that `gd.Checkpoint` wrote, or its folder, of which the newest readable one
            is taken; an empty or missing folder begins anew. `epochs` counts from the very first.
            The same data and settings give the bits of a run that was not interrupted.

        Returns
        -------
        History

        Raises
        ------
        ValueError, TypeError
            If the data does not fit; nothing has been changed then.
        NonFiniteError
            If the loss or a gradient became NaN or infinite; the weights are those before
            that step.
        KeyboardInterrupt
            On Ctrl-C; the model can be used and trained further.

        Examples
        --------
        >>> import gdcore as gd
        >>> (x, y), (xt, yt) = gd.datasets.digits()
        >>> model = gd.Sequential([gd.Dense(32, activation="relu"), gd.Dense(10)])
        >>> _ = model.compile(gd.Adam(1e-2), "cross_entropy", metrics=["accuracy"])
        >>> history = model.fit(x, y, epochs=3, validation_data=(xt, yt), seed=0)
        >>> sorted(history.history)
        ['accuracy', 'loss', 'lr', 'val_accuracy', 'val_loss']
        """
        if isinstance(epochs, bool) or not hasattr(epochs, "__index__") or epochs < 0:
            raise ValueError(f"fit epochs={epochs!r}: expected a whole number of at least 0")
        if batch_size is not None:
            check_batch_size("fit", batch_size, ", or None for all samples")
        if (
            not isinstance(validation_split, int | float | np.number)
            or not 0 <= validation_split < 1
        ):
            raise ValueError(
                f"fit validation_split={validation_split!r}: expected at least 0 and below 1"
            )
        if not callable(shuffle) and shuffle not in (True, False, "blocks"):
            raise ValueError(
                f"fit shuffle={shuffle!r}: expected True, False, 'blocks' or a function"
            )
        if seed is not None:
            if isinstance(seed, bool) or not hasattr(seed, "__index__") or not 0 <= seed < 2**64:
                raise ValueError(f"fit seed={seed!r}: expected a whole number from 0 to 2**64 - 1")
            self._seed = int(seed)
        if not isinstance(callbacks, list | tuple) or not all(
            isinstance(c, Callback) for c in callbacks
        ):
            raise TypeError(
                f"fit callbacks={callbacks!r}: expected a list of gd.Callback instances"
            )
        data = self._prepare(x, y, sample_weight, class_weight)
        validation = None
        if validation_data is not None:
            if not isinstance(validation_data, list | tuple) or len(validation_data) not in (2, 3):
                raise ValueError("fit validation_data: expected (x, y) or (x, y, sample_weight)")
            vx, vy, *vw = validation_data
            validation = self._prepare(vx, vy, vw[0] if vw else None, what="validation_data")
            if validation.spec != data.spec:
                raise ValueError(
                    f"validation targets of shape {validation.spec[0].shape} for training "
                    f"targets of shape {data.spec[0].shape}: "
                    "expected the same kind"
                )
        elif validation_split:
            held = round(data.rows * validation_split)
            if held == 0 or held == data.rows:
                raise ValueError(
                    f"fit validation_split={validation_split} of {data.rows} samples leaves a "
                    "part empty"
                )
            validation = data.take(slice(data.rows - held, None))
            data = data.take(slice(0, data.rows - held))
        self.memory(data.inputs)
        batch = data.rows if batch_size is None else int(batch_size)
        run = Fit(self, data, validation, batch, int(epochs), shuffle, callbacks, verbose)
        if resume_from is not None:
            from gdcore.checkpoints import resume

            resume(resume_from, run, seed)
        return run.run()

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
        >>> from gdcore.fitting import Data
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

    def train_on_batch(self, x: Any, y: Any, sample_weight: Any = None) -> float:
        """One step on one batch.

        Parameters
        ----------
        x, y : as for `fit`, one batch of them
        sample_weight : array of shape (n,), optional

        Returns
        -------
        float
            Its loss, before the update.

        Raises
        ------
        NonFiniteError
            If the loss or a gradient became NaN or infinite; the weights are those before the step.

        Examples
        --------
        >>> import gdcore as gd
        >>> model = gd.Sequential([gd.Input(2), gd.Dense(1, kernel_initializer="ones")])
        >>> _ = model.compile("sgd", "mse")
        >>> [round(model.train_on_batch([[1.0, 1.0]], [1.0]), 3) for _ in range(3)]
        [1.0, 0.884, 0.781]
        """
        check_trainer(self)
        data = self._prepare(x, y, sample_weight)
        step = self.train_step(data.rows, data, keep_outputs=False)
        tally = Tally(())
        with self.memory().gate:
            done, _ = sweep(
                step,
                data,
                data.rows,
                tally,
                seed=self.seed,
                counter=self.steps_done,
                hyper_from=self.steps_done,
            )
            if done:
                self.steps_done += 1
                return tally.mean
            tensor = self.first_bad_tensor(data, np.arange(data.rows))
            raise NonFiniteError(self.epochs_done, self.steps_done, tensor)

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
        from gdcore.examination import first_bad_tensor

        part = Data(
            [np.asarray(a[rows]) for a in data.inputs],
            [a[rows] for a in data.targets],
            None if data.weights is None else data.weights[rows],
        )
        return first_bad_tensor(
            self._builder(part.inputs), data.spec, part, self.seed, self.steps_done
        )

    # --- asking --------------------------------------------------------------------------------

    def predict(self, x: Any, batch_size: int = PREDICT_BATCH) -> Any:
        """What the network puts out.

        Parameters
        ----------
        x : array of shape (n, ...), or a tuple or dict of arrays for several inputs
        batch_size : int

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
        check_batch_size("predict", batch_size)
        inputs = as_inputs(x, self.input_names)
        network = self.network(inputs)
        check_indices(inputs, network)
        rows = len(inputs[0])
        batch = 1
        while batch < min(rows, batch_size):  # few plans serve every length
            batch *= 2
        builder = self._builder(inputs)
        step = self._step(("predict", batch), lambda: builder.predict(batch))
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

    # --- looking -------------------------------------------------------------------------------

    @property
    def plan(self) -> Any:
        """The plan of the last training step that was made, or else of prediction: print it."""
        made = (
            [s for k, s in self._steps.items() if k[0] == "train"]
            if self.__dict__.get("_steps")
            else []
        )
        if made:
            return made[-1].session.plan
        return self._builder().predict(1).session.plan

    def summary(self) -> str:
        """A table of layers, shapes and parameters, and the memory that training takes.

        Returns
        -------
        str

        Examples
        --------
        >>> import gdcore as gd
        >>> model = gd.Sequential([gd.Input(2), gd.Dense(1, kernel_initializer="ones")])
        >>> _ = model.compile("sgd", "mse")
        >>> print(model.summary())
        layer  class  output  parameters
        ─────  ─────  ──────  ──────────
        0      Dense  B×1              3
        ─────  ─────  ──────  ──────────
        parameters   3 (3 trainable, 0 frozen)
        ...
        """
        from gdcore.summary import summary

        return summary(self)

    def draw(self, path: str | PathLike[str] | None = None) -> Any:
        """Draw the layers and how they are joined; see `gdcore.plots.graph`.

        Parameters
        ----------
        path : path-like, optional
            An .svg file to write.

        Returns
        -------
        Drawing
            Shown by notebooks; `.svg` is its text.
        """
        from gdcore.plots.graph import graph

        return graph(self, path)

    def _repr_html_(self) -> str:
        from gdcore.html import preformatted

        return preformatted(self.summary())

    def save(self, path: str | PathLike[str]) -> None:
        """Write the model to a safetensors file: architecture, weights, optimizer.

        Parameters
        ----------
        path : path-like
            An old file stays until the new one is complete.

        Raises
        ------
        OSError
            If it cannot be written; a file that was there is left as it was.

        Examples
        --------
        >>> import gdcore as gd
        >>> model = gd.Sequential([gd.Input(2), gd.Dense(1, kernel_initializer="ones")])
        >>> _ = model.compile("sgd", "mse")
        >>> model.save("model.safetensors")
        >>> gd.load("model.safetensors").predict([[1.0, 2.0]]).tolist()
        [[3.0]]
        """
        from gdcore.io.model_file import save

        save(self, path)
