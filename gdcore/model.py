"""Models: layers that can be compiled, trained, evaluated, used for prediction and saved."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import chain
from os import PathLike
from typing import TYPE_CHECKING, Any, Generic, Self, TypeVar, overload

import numpy as np

from gdcore.engine import pickling
from gdcore.engine import weights as learned
from gdcore.engine.engine import Engine
from gdcore.engine.freezing import layers_of
from gdcore.graph.ir import Value, rewrite
from gdcore.layers.base import Layer
from gdcore.names import attribute_error
from gdcore.scores import Scores
from gdcore.training import evaluate as evaluation
from gdcore.training import predict as asking
from gdcore.training.compile_settings import compile_settings
from gdcore.training.one_batch import train_on_batch
from gdcore.training.predict import PREDICT_BATCH, check_batch_size
from gdcore.training.prepare import bound_metrics, prepare

if TYPE_CHECKING:
    from gdcore.callbacks import Callback, History
    from gdcore.losses import Loss
    from gdcore.metrics import Metric
    from gdcore.optimizers import Optimizer
    from gdcore.show.html import Columns

T = TypeVar("T")


class Shown(Generic[T]):
    """A read-only property, whose name a subclass or an instance may use for an attribute of its own."""

    def __init__(self, read: Callable[[Any], T]) -> None:
        self.read, self.__doc__ = read, read.__doc__

    @overload
    def __get__(self, model: None, owner: Any) -> Self: ...

    @overload
    def __get__(self, model: object, owner: Any) -> T: ...

    def __get__(self, model: Any, owner: Any) -> Any:
        return self if model is None else self.read(model)


class Model(Layer):
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

    masks = "use"  # by the layers within
    history: History | None = None
    _engine: Engine

    if not TYPE_CHECKING:  # type checkers must not see it, or any attribute would be accepted

        def __getattr__(self, name: str) -> Any:
            raise attribute_error(self, name)

    def __new__(cls, *args: Any, **named: Any) -> Self:
        self = super().__new__(cls)
        self._engine = Engine(self)
        return self

    def __init__(
        self,
        inputs: Value | Sequence[Value] | None = None,
        outputs: Any = None,
        name: str | None = None,
    ) -> None:
        self.name = name  # a subclass needs no __init__ of its own, and may call this one
        if inputs is None and outputs is None and type(self).forward is not Model.forward:
            return
        if inputs is None or outputs is None:
            raise TypeError(
                "gd.Model needs inputs and outputs, as in gd.Model(x, y) with x = gd.Input(...); "
                "or write a subclass with a forward(self, x)"
            )
        self._engine.definition.inputs = [inputs] if isinstance(inputs, Value) else list(inputs)
        self._engine.definition.outputs = outputs

    def forward(self, *inputs: Value) -> Any:
        engine = self._engine
        if engine.definition.inputs is None:
            return super().forward(*inputs)
        outputs, several = engine.definition.outputs, engine.definition.ends()
        given = dict(zip(engine.definition.inputs, inputs, strict=True))
        new = rewrite(several, lambda v: given.get(v, v))
        if isinstance(outputs, dict):
            return {k: new[v] for k, v in outputs.items()}
        return tuple(new[v] for v in several) if isinstance(outputs, list | tuple) else new[outputs]

    def _parts(self) -> Iterator[Layer]:
        """The layers within this one, which are frozen with it: attributes, and those of its graph."""
        return chain(super()._parts(), layers_of(self._engine.definition.ends()))

    def __getstate__(self) -> dict[str, Any]:
        state = super().__getstate__()
        return state | {"_engine": pickling.state_of(self._engine)}

    def __setstate__(self, state: dict[str, Any]) -> None:
        kept = state.pop("_engine")
        vars(self).update(state)
        pickling.restore(self._engine, kept)

    # --- training ------------------------------------------------------------------------------

    def compile(
        self,
        optimizer: Any = "adam",
        loss: Any = None,
        metrics: Sequence[Any] = (),
        dtype: str = "float32",
        loss_weights: Any = None,
        compute: str = "float32",
    ) -> Self:
        """Set optimizer, loss and metrics for training.

        Parameters
        ----------
        optimizer : str or Optimizer
        loss : str, Loss or function of (prediction, target)
            For several outputs a list of them, or a dict by the names of the outputs.
        metrics : sequence of str, Metric or function of (y_true, y_pred)
            Of the first output.
        dtype : {"float32", "float64"}
        loss_weights : sequence of float, or dict by name, optional
            Factors of the losses of several outputs.
        compute : {"float32", "bfloat16"}
            With "bfloat16" matrix products and convolutions round their factors to 8 bits of mantissa and add
            in float32: faster where the processor multiplies them at a higher rate, with a warning elsewhere.

        Returns
        -------
        Model
            Itself.

        Raises
        ------
        ValueError
            For unknown names, another dtype, or bfloat16 with float64.

        Examples
        --------
        >>> import gdcore as gd
        >>> model = gd.Sequential([gd.Dense(8, activation="relu"), gd.Dense(1)])
        >>> model.compile(gd.Adam(1e-3), loss="huber", metrics=["mae"]).compiled
        True
        """
        settings = compile_settings(optimizer, loss, metrics, dtype, loss_weights, compute)
        self._engine.compile(settings, dtype)
        return self

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
        initial_epoch: int = 0,
    ) -> History:
        """Train on data for some epochs.

        Parameters
        ----------
        x : array of shape (n, ...), or a tuple or dict of arrays for several inputs
            Numbers of any type, a file mapped into memory, or a SciPy sparse matrix; batches are
            gathered from it as it lies. A data frame of numbers is converted column by column, and
            the names of its columns are remembered: later frames are put in the same order.
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
            Nothing, a progress bar, or a line for each epoch. "auto" is a bar on a terminal or in a
            notebook; elsewhere a line at gaps that double from 1 s to 10 min, and the last. Elsewhere
            1 is a line for some epochs, ten or so, the first and the last among them.
        resume_from : path, optional
            A checkpoint that `gd.Checkpoint` wrote, or its folder, of which the newest readable one
            is taken; an empty or missing folder begins anew. `epochs` counts from the very first.
            The same data and settings give the bits of a run that was not interrupted.
        initial_epoch : int
            The number of the first epoch: `epochs - initial_epoch` epochs are trained.

        Returns
        -------
        History

        Raises
        ------
        ValueError, TypeError
            If the data does not fit; nothing has been changed then.
        NonFiniteError
            If the loss or a gradient became NaN or infinite: the weights are those before that
            step. If an update overflowed with finite gradients: those of the step are lost.
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
        from gdcore.training.fit import Fit
        from gdcore.training.fit_arguments import check_fit, validation_of

        check_fit(batch_size, epochs, initial_epoch, validation_split, shuffle, callbacks, seed)
        engine = self._engine
        if seed is not None:
            engine.known_seed = int(seed)
        held_out = 0.0 if validation_data is not None else validation_split
        data = prepare(engine, x, y, sample_weight, class_weight, held_out=held_out)
        data, validation = validation_of(
            engine, data, validation_data, validation_split, sample_weight is not None
        )
        engine.parameters()
        engine.warn_of_freezing()
        batch = data.rows if batch_size is None else int(batch_size)
        run = Fit(engine, data, validation, batch, int(epochs), shuffle, callbacks, verbose)
        for c in run.callbacks:
            c.model = self
        run.at_epoch = int(initial_epoch)
        if resume_from is not None:
            from gdcore.checkpoints import resume

            resume(resume_from, run, seed)
        engine.columns = data.columns
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
        >>> model = gd.Sequential([gd.Input(2), gd.Dense(1, kernel_initializer="ones")]).compile("sgd", "mse")
        >>> [round(model.train_on_batch([[1.0, 1.0]], [1.0]), 3) for _ in range(3)]
        [1.0, 0.884, 0.781]
        """
        return train_on_batch(self._engine, x, y, sample_weight)

    def evaluate(
        self,
        x: Any,
        y: Any,
        batch_size: int = PREDICT_BATCH,
        sample_weight: Any = None,
        verbose: int | str = 0,
    ) -> Scores:
        """Loss and metrics on data.

        Parameters
        ----------
        x, y : as for `fit`
        batch_size : int
        sample_weight : array of shape (n,), optional
        verbose : {0, 1, 2, "auto"}
            1 and 2 write the numbers in one line, "auto" does on a terminal.

        Returns
        -------
        Scores
            A dict of "loss" and each metric by name, over all samples, that unpacks to the numbers:
            ``loss, accuracy = model.evaluate(x, y)``.

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
        from gdcore.show.progress import Progress

        check_batch_size("evaluate", batch_size)
        data = prepare(self._engine, x, y, sample_weight, held_out=0.0)
        metrics = bound_metrics(self._engine)
        shown = Progress(1, 0, verbose)
        scores = Scores(evaluation.measure(self._engine, data, batch_size, metrics).logs())
        shown.write_scores(scores)
        return scores

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
        return evaluation.gradients(self._engine, x, y, sample_weight)

    # --- prediction ------------------------------------------------------------------------------

    def predict(self, x: Any, batch_size: int = PREDICT_BATCH, verbose: int | str = 0) -> Any:
        """Compute the outputs of the network.

        Parameters
        ----------
        x : array of shape (n, ...), or a tuple or dict of arrays for several inputs
            The columns of a frame are found by name if those of a frame were in training.
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
        >>> model.predict([[1.0, 2.0], [3.0, 4.0]]).tolist()
        [[3.0], [7.0]]
        """
        return asking.predict(self._engine, x, batch_size, verbose)

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
        >>> model.predict_on_batch([[1.0, 2.0]]).tolist()
        [[3.0]]
        """
        return asking.predict_on_batch(self._engine, x)

    def predict_proba(self, x: Any, batch_size: int = PREDICT_BATCH) -> np.ndarray:
        """The (first) output as probabilities, by the reading of the loss.

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
        >>> _ = model.compile(gd.Adam(1e-2), "cross_entropy").fit(x, y, epochs=5, seed=0)
        >>> sure = model.predict_proba(xt)
        >>> sure.shape, bool((abs(sure.sum(1) - 1) < 1e-5).all())
        ((355, 10), True)
        """
        return asking.predict_proba(self._engine, x, batch_size)

    # --- parameters ----------------------------------------------------------------------------

    def get_weights(self) -> list[np.ndarray]:
        """Copies of all parameters in the order of the layers, then of all states.

        Returns
        -------
        list of ndarray

        Examples
        --------
        >>> import gdcore as gd
        >>> model = gd.Sequential([gd.Input(3), gd.Dense(2)])
        >>> [w.shape for w in model.get_weights()]
        [(3, 2), (2,)]
        """
        return list(learned.state_dict(self._engine).values())

    def set_weights(self, weights: Sequence[Any]) -> None:
        """Set what `get_weights` gives.

        Parameters
        ----------
        weights : sequence of array
            In the order of `get_weights`.

        Raises
        ------
        ValueError
            If the number or a shape differs; nothing is changed then.

        Examples
        --------
        >>> import gdcore as gd
        >>> model = gd.Sequential([gd.Input(3), gd.Dense(2)])
        >>> model.set_weights([[[1, 0], [0, 1], [0, 0]], [10, 20]])
        >>> model.predict([[1.0, 2.0, 3.0]])
        array([[11., 22.]], dtype=float32)
        """
        learned.set_weights(self._engine, weights)

    def state_dict(self) -> dict[str, np.ndarray]:
        """Copies of all parameters and states by name.

        Returns
        -------
        dict of str to ndarray

        Examples
        --------
        >>> import gdcore as gd
        >>> model = gd.Sequential([gd.Input(3), gd.Dense(2)])
        >>> list(model.state_dict())
        ['0.kernel', '0.bias']
        """
        return learned.state_dict(self._engine)

    def load_state_dict(self, state: Mapping[str, Any], strict: bool = True) -> None:
        """Set parameters and states by name.

        Parameters
        ----------
        state : mapping of name to array
        strict : bool
            Whether names must be the same on both sides.

        Raises
        ------
        ValueError
            If names or shapes do not fit; nothing is changed then.

        Examples
        --------
        >>> import gdcore as gd
        >>> model = gd.Sequential([gd.Input(3), gd.Dense(2)])
        >>> model.load_state_dict({"0.bias": [1.0, 2.0]}, strict=False)
        >>> model.state_dict()["0.bias"]
        array([1., 2.], dtype=float32)
        """
        learned.load_state_dict(self._engine, state, strict)

    def freeze(self, pattern: str = "*", frozen: bool = True) -> None:
        """Freeze the parameters whose names match a pattern, or unfreeze them.

        Parameters
        ----------
        pattern : str
            As of a shell: ``"0.*"``, ``"*.bias"``.
        frozen : bool
            The l1 and l2 of what is frozen are not in the loss, as in Keras.

        Raises
        ------
        ValueError
            If no parameter's name fits.

        Examples
        --------
        >>> import gdcore as gd
        >>> model = gd.Sequential([gd.Input(3), gd.Dense(2)])
        >>> model.freeze("*.kernel")
        >>> _ = model.compile("sgd", "mse")
        >>> list(model.gradients([[1.0, 2.0, 3.0]], [[0.0, 0.0]]))
        ['0.bias']
        """
        learned.freeze(self._engine, pattern, frozen)

    # --- showing ---------------------------------------------------------------------------------

    @Shown
    def plan(self) -> Any:
        """The plan of the last training step, or of prediction before the first one; it can be printed."""
        steps = self._engine.train_steps()
        return (steps[-1] if steps else self._engine.builder().predict(1)).session.plan

    def summary(self) -> Columns:
        """A table of layers, shapes and parameters, with the memory that training takes.

        Returns
        -------
        str
            Its repr is the text itself, so that prompts and notebooks show it as it is.

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
        """Draw the layers and their connections; see `gdcore.plots.graph`.

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
        ValueError
            If the name is that of another format, such as "model.h5".

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

        save(self._engine, path)

    @property
    def info(self) -> dict[str, Any]:
        """A dict of the user's own numbers, strings, lists and dicts, saved with the model."""
        return self._engine.info

    @info.setter
    def info(self, value: dict[str, Any]) -> None:
        self._engine.info = dict(value)

    @property
    def stop_training(self) -> bool:
        """Set it in a callback to end `fit` after the epoch, or after the batch."""
        return self._engine.stop_training

    @stop_training.setter
    def stop_training(self, stop: bool) -> None:
        self._engine.stop_training = stop

    @Shown
    def compiled(self) -> bool:
        """Whether `compile` was called."""
        return self._engine.settings.optimizer is not None

    @Shown
    def optimizer(self) -> Optimizer:
        """The optimizer that the model was compiled with; ValueError if it was not."""
        return self._engine.optimizer

    @Shown
    def losses(self) -> Sequence[Loss]:
        """The loss of each output."""
        return self._engine.settings.losses

    @Shown
    def loss_weights(self) -> Sequence[float]:
        """The factor of each loss."""
        return self._engine.settings.loss_weights

    @Shown
    def metrics(self) -> Sequence[Metric]:
        """The metrics, as they were given to `compile`."""
        return self._engine.settings.metrics

    @Shown
    def seed(self) -> int:
        """The seed of everything random: drawn afresh unless `fit` was given one."""
        return self._engine.seed

    @Shown
    def steps_done(self) -> int:
        """Training steps since `compile`."""
        return self._engine.steps_done

    @Shown
    def epochs_done(self) -> int:
        """Epochs since `compile`."""
        return self._engine.epochs_done

    @Shown
    def input_names(self) -> list[str]:
        """Names of the inputs, the keys of a dict of arrays given to `fit` or `predict`."""
        return self._engine.input_names

    def resume(self, seed: int, steps_done: int, epochs_done: int) -> None:
        """Set seed and counters to those of a model that has already trained so far.

        Parameters
        ----------
        seed : int
        steps_done, epochs_done : int

        Examples
        --------
        >>> import gdcore as gd
        >>> model = gd.Sequential([gd.Input(2), gd.Dense(1, kernel_initializer="ones")])
        >>> _ = model.compile("sgd", "mse")
        >>> model.resume(seed=7, steps_done=100, epochs_done=10)
        >>> _ = model.train_on_batch([[1.0, 2.0]], [1.0])
        >>> model.steps_done
        101
        """
        self._engine.resume(seed, steps_done, epochs_done)

    def set_dtype(self, dtype: str) -> None:
        """Set the dtype of parameters and computation, without compiling for training.

        Parameters
        ----------
        dtype : {"float32", "float64"}

        Examples
        --------
        >>> import gdcore as gd
        >>> model = gd.Sequential([gd.Input(2), gd.Dense(1)])
        >>> model.set_dtype("float64")
        >>> model.predict([[1.0, 2.0]]).dtype
        dtype('float64')
        """
        self._engine.set_dtype(dtype)

    def release(self) -> None:
        """Free the memory of all plans; they are made again when they are needed.

        Examples
        --------
        >>> import gdcore as gd
        >>> model = gd.Sequential([gd.Input(2), gd.Dense(1, kernel_initializer="ones")])
        >>> before = model.predict([[1.0, 2.0]])
        >>> model.release()
        >>> bool((model.predict([[1.0, 2.0]]) == before).all())
        True
        """
        self._engine.release()
