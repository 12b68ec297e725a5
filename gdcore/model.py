"""Models: layers that can be compiled, trained, evaluated, asked and saved."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from os import PathLike
from typing import TYPE_CHECKING, Any

import numpy as np

from gdcore.callbacks import Callback, History
from gdcore.data.targets import training_rows
from gdcore.engine.fast_path import Again, class_limit, plain
from gdcore.engine.locks import check_trainer
from gdcore.errors import NonFiniteError
from gdcore.graph.ir import INT, Value, rewrite
from gdcore.losses import Loss
from gdcore.training.evaluate import Evaluation
from gdcore.training.fit import Data, Fit, Tally, sweep
from gdcore.training.predict import check_batch_size

if TYPE_CHECKING:
    from gdcore.show.html import Columns


class Model(Evaluation):
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
            Of the samples that are trained on; validation is not weighed by class.
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
        held_out = 0.0 if validation_data is not None else validation_split
        data = self._prepare(x, y, sample_weight, class_weight, held_out=held_out)
        validation = None
        if validation_data is not None:
            if not isinstance(validation_data, list | tuple) or len(validation_data) not in (2, 3):
                raise ValueError("fit validation_data: expected (x, y) or (x, y, sample_weight)")
            vx, vy, *vw = validation_data
            validation = self._prepare(
                vx, vy, vw[0] if vw else None, what="validation_data", held_out=0.0
            )
            if validation.spec != data.spec:
                raise ValueError(
                    f"validation targets of shape {validation.spec[0].shape} for training "
                    f"targets of shape {data.spec[0].shape}: "
                    "expected the same kind"
                )
        elif validation_split:
            trained = training_rows(data.rows, validation_split)
            validation = data.take(slice(trained, None))
            if sample_weight is None:  # class weights count in training alone
                validation.weights = None
            data = data.take(slice(0, trained))
        self.memory(data.inputs)
        batch = data.rows if batch_size is None else int(batch_size)
        run = Fit(self, data, validation, batch, int(epochs), shuffle, callbacks, verbose)
        if resume_from is not None:
            from gdcore.checkpoints import resume

            resume(resume_from, run, seed)
        return run.run()

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
        again: Again | None = self.__dict__.get("_trained_before")
        if again is not None and sample_weight is None and again.holds(self):
            with again.gate:
                loss = again.train(self, (x, y)) if type(x) is type(y) is np.ndarray else None
                if loss is not None:
                    self.steps_done += 1
                    return loss
        data = self._prepare(x, y, sample_weight)
        step = self.train_step(data.rows, data, keep_outputs=False)
        if sample_weight is None and self._repeatable(x, y, data):
            limit = class_limit(self.network().outputs[0]) if data.spec[0].dtype == INT else 0
            self.__dict__["_trained_before"] = Again(
                self, step, (data.rows, data.rows), (x, y), (0, limit), finite=True
            )
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

    def _repeatable(self, x: Any, y: Any, data: Data) -> bool:
        """Whether arrays like these go into the step as they are, checked for no more than their numbers."""
        if not (plain(x) and plain(y)) or self.network().index_limits or len(data.targets) != 1:
            return False
        if data.spec[0].dtype == INT:
            return y.shape == data.targets[0].shape and class_limit(self.network().outputs[0]) > 0
        return y.dtype.kind == "f" and type(self._losses[0]).check is Loss.check

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

    def summary(self) -> Columns:
        """A table of layers, shapes and parameters, and the memory that training takes.

        Returns
        -------
        str
            Which prompts and notebooks show as it stands.

        Examples
        --------
        >>> import gdcore as gd
        >>> model = gd.Sequential([gd.Input(2), gd.Dense(1, kernel_initializer="ones")])
        >>> _ = model.compile("sgd", "mse")
        >>> print(model.summary())
        layer  class  output  parameters  FLOPs
        ─────  ─────  ──────  ──────────  ─────
        0      Dense  B×1              3      5
        ─────  ─────  ──────  ──────────  ─────
        parameters   3 (3 trainable, 0 frozen)
        ...
        """
        from gdcore.show.summary import summary

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

        Examples
        --------
        >>> import gdcore as gd
        >>> model = gd.Sequential([gd.Input(2), gd.Dense(1)])
        >>> [node.title for node in model.draw("model.svg").nodes]
        ['x', 'Dense']
        """
        from gdcore.plots.graph import graph

        return graph(self, path)

    def _repr_html_(self) -> str:
        return self.summary()._repr_html_()

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
