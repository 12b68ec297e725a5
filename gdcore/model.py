"""Models: layers that can be compiled, trained, evaluated, asked and saved."""

from __future__ import annotations

import inspect
from collections.abc import Mapping, Sequence
from os import PathLike
from typing import Any

import numpy as np

from gdcore import losses as loss_functions
from gdcore import metrics as metric_functions
from gdcore import optimizers
from gdcore.arrays import as_array, as_inputs, check_finite
from gdcore.callbacks import Callback, History
from gdcore.fitting import Data, Fit, Tally, sweep
from gdcore.graph.ir import INT, REAL, Batch, Value, rewrite
from gdcore.graph.registry import INPUT, input_value
from gdcore.layers.base import Layer, Variable
from gdcore.losses import Loss
from gdcore.memory import Memory
from gdcore.metrics import Metric
from gdcore.network import Network, trace
from gdcore.optimizers import Optimizer
from gdcore.random import fresh_seed
from gdcore.steps import Builder, Step, Target
from gdcore.targets import as_targets, class_weights, sample_weights

PREDICT_BATCH = 256


class Model(Layer):
    """A network that can be trained.

    Write a subclass with a `forward`, or give the inputs and outputs of a graph.

    Parameters
    ----------
    inputs : Value or sequence of Value, from `gd.Input`
    outputs : Value, or a sequence or dict of them
    name : str, optional

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

    _graph_inputs: Sequence[Value] | None = None
    _graph_outputs: Any = None

    def __init__(self, inputs: Value | Sequence[Value] | None = None, outputs: Any = None, name: str | None = None) -> None:
        if inputs is None or outputs is None:
            raise TypeError("gd.Model needs inputs and outputs, as in gd.Model(x, y) with x = gd.Input(...); or write a "
                            "subclass with a forward(self, x)")
        self._graph_inputs = [inputs] if isinstance(inputs, Value) else list(inputs)
        self._graph_outputs = outputs
        self.name = name

    def forward(self, *inputs: Value) -> Any:
        if self._graph_inputs is None:
            return super().forward(*inputs)
        outputs = self._graph_outputs
        several = outputs if isinstance(outputs, list | tuple) else list(outputs.values()) if isinstance(outputs, dict) else [outputs]
        given = dict(zip(self._graph_inputs, inputs, strict=True))
        new = rewrite(several, lambda v: given.get(v, v))
        if isinstance(outputs, dict):
            return {k: new[v] for k, v in outputs.items()}
        return tuple(new[v] for v in several) if isinstance(outputs, list | tuple) else new[outputs]

    # What a model knows before and after it is built. Class attributes, so that a subclass needs no
    # super().__init__().
    _network: Network | None = None
    _memory: Memory | None = None
    _optimizer: Optimizer | None = None
    _losses: Sequence[Loss] = ()
    _loss_weights: Sequence[float] = ()
    _metrics: Sequence[Metric] = ()
    _dtype: np.dtype = np.dtype(np.float32)
    _seed: int | None = None
    _steps: dict[Any, Step]
    _target_spec: tuple[Target, ...] = ()
    stop_training: bool = False
    steps_done: int = 0
    epochs_done: int = 0

    @property
    def info(self) -> dict[str, Any]:
        """Whatever you want to keep with the model: numbers, text, lists and dicts, saved in its file."""
        found: dict[str, Any] = self.__dict__.setdefault("_info", {})
        return found

    @info.setter
    def info(self, value: dict[str, Any]) -> None:
        self.__dict__["_info"] = dict(value)

    @property
    def compiled(self) -> bool:
        """Whether `compile` was called."""
        return self._optimizer is not None

    @property
    def losses(self) -> Sequence[Loss]:
        """The loss of each output."""
        return self._losses

    @property
    def loss_weights(self) -> Sequence[float]:
        """The factor of each loss."""
        return self._loss_weights

    @property
    def metrics(self) -> Sequence[Metric]:
        """The metrics, as they were given to `compile`."""
        return self._metrics

    def set_dtype(self, dtype: str) -> None:
        """Compute in "float32" or "float64" from now on, without compiling for training."""
        self._dtype = np.dtype(dtype)
        self._forget()

    def resume(self, seed: int, steps_done: int, epochs_done: int) -> None:
        """Go on as a model that has already taken so many steps."""
        self._seed, self.steps_done, self.epochs_done = seed, steps_done, epochs_done

    # --- building ------------------------------------------------------------------------------

    def compile(self, optimizer: Any = "adam", loss: Any = None, metrics: Sequence[Any] = (), dtype: str = "float32",
                loss_weights: Sequence[float] | None = None) -> Model:
        """Say how to train.

        Parameters
        ----------
        optimizer : str or Optimizer
        loss : str, Loss or function of (prediction, target); a list of them for several outputs
        metrics : sequence of str, Metric or function of (y_true, y_pred)
            Of the first output.
        dtype : {"float32", "float64"}
        loss_weights : sequence of float, optional
            Factors of the losses of several outputs.

        Returns
        -------
        Model
            Itself.

        Raises
        ------
        ValueError
            For unknown names, or another dtype.
        """
        if np.dtype(dtype) not in (np.float32, np.float64):
            raise ValueError(f"compile dtype={dtype!r}: expected 'float32' or 'float64'")
        if loss is None:
            raise ValueError("compile needs a loss: a name such as 'mse' or 'cross_entropy', or a function of (prediction, target)")
        self._optimizer = optimizers.get(optimizer)
        several = list(loss) if isinstance(loss, list | tuple) else list(loss.values()) if isinstance(loss, dict) else [loss]
        self._losses = [loss_functions.get(f) for f in several]
        self._loss_weights = [1.0] * len(several) if loss_weights is None else [float(w) for w in loss_weights]
        if len(self._loss_weights) != len(several):
            raise ValueError(f"compile got {len(several)} losses and {len(self._loss_weights)} loss_weights: expected as many")
        if isinstance(metrics, str):
            metrics = [metrics]
        self._metrics = [metric_functions.get(m) for m in metrics]
        self._dtype = np.dtype(dtype)
        self.steps_done = self.epochs_done = 0
        self._forget()
        return self

    def _forget(self) -> None:
        """Plans no longer hold: they are made anew when they are needed."""
        self._keep_data()
        self._memory = None
        self._steps = {}

    def _keep_data(self) -> None:
        if self._memory is not None:
            for v in (*self._memory.network.parameters, *self._memory.network.states):
                v.data = self._memory.view(v).copy()

    def input_leaves(self, arrays: Sequence[np.ndarray] | None) -> list[Value] | None:
        """Leaves for the inputs, from what the model declares or from the data."""
        if self._graph_inputs is not None:
            return list(self._graph_inputs)
        if arrays is None:
            return None
        named = [p.name for p in inspect.signature(self.forward).parameters.values()
                 if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]
        return [input_value((Batch(1), *a.shape[1:]), n, INT if a.dtype in (np.int32, np.int64) else REAL)
                for n, a in zip(named, arrays, strict=True)]

    @property
    def input_names(self) -> list[str]:
        """Names by which `fit` and `predict` take several inputs."""
        if self._graph_inputs is not None:
            return [v.name for v in self._graph_inputs]
        return [p.name for p in inspect.signature(self.forward).parameters.values()
                if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]

    def network(self, arrays: Sequence[np.ndarray] | None = None) -> Network:
        """The traced network.

        Raises
        ------
        ValueError
            If the inputs are not known yet, or the data does not fit them.
        """
        frozen = tuple(layer.trainable for _, layer in self.walk())
        if self._network is None or self.__dict__.get("_frozen") != frozen:
            leaves = self.input_leaves(arrays) if self._network is None else self._network.inputs
            if leaves is None:
                raise ValueError("the model's input is not known yet: call fit or predict with data, or begin the model with gd.Input(shape)")
            self._network = trace(self, leaves, self.forward(*leaves))
            self.__dict__["_frozen"] = frozen
            self._forget()
        if arrays is not None:
            for a, leaf in zip(arrays, self._network.inputs, strict=True):
                check_input(a, leaf)
        return self._network

    def memory(self, arrays: Sequence[np.ndarray] | None = None) -> Memory:
        """All parameters and what belongs to them, made if they are not there yet."""
        network = self.network(arrays)
        trained = tuple(p.trainable for p in network.parameters)
        if self._memory is not None and self.__dict__.get("_trained") != trained:
            self._keep_data()
            self._steps = {}
        if self._memory is None or self.__dict__.get("_trained") != trained:
            old, self._memory = self._memory, Memory(network, self._optimizer, self._dtype)
            self._memory.fill(self.seed, old)
            self.__dict__["_trained"] = trained
        return self._memory

    @property
    def seed(self) -> int:
        """The seed of everything random: drawn afresh unless `fit` was given one."""
        if self._seed is None:
            self._seed = fresh_seed()
        return self._seed

    @property
    def optimizer(self) -> Optimizer:
        """The optimizer that the model was compiled with.

        Raises
        ------
        ValueError
            If it was not compiled.
        """
        if self._optimizer is None:
            raise ValueError("the model is not compiled: call model.compile(optimizer=..., loss=...) first")
        return self._optimizer

    def _builder(self, arrays: Sequence[np.ndarray] | None = None) -> Builder:
        memory = self.memory(arrays)
        return Builder(memory.network, memory, self._losses, self._loss_weights)

    def _step(self, key: tuple[Any, ...], make: Any) -> Step:
        if key not in self._steps:
            self._steps[key] = make()
        return self._steps[key]

    def train_step(self, batch: int, data: Data, keep_outputs: bool, update: bool = True) -> Step:
        """The session that trains on such data."""
        builder = self._builder(data.inputs)
        key = ("train", batch, self._target_spec, data.weights is not None, keep_outputs, update)
        return self._step(key, lambda: builder.train(batch, self._target_spec, data.weights is not None,
                                                     self.optimizer if update else None, keep_outputs))

    # --- training ------------------------------------------------------------------------------

    def _prepare(self, x: Any, y: Any, sample_weight: Any = None, class_weight: Any = None, what: str = "") -> Data:
        """Checked arrays, and the shapes of the targets."""
        if not self._losses:
            raise ValueError("the model is not compiled: call model.compile(optimizer=..., loss=...) first")
        inputs = as_inputs(x, self.input_names)
        if len(inputs[0]) == 0:
            raise ValueError(f"{what or 'X'} has no rows: expected at least one sample")
        for a, n in zip(inputs, self.input_names, strict=True):
            check_finite(a, what or ("X" if len(inputs) == 1 else f"X[{n!r}]"))
        network = self.network(inputs)
        targets, spec = as_targets(y, inputs[0], network, self._losses)
        self._target_spec = spec
        weights = sample_weights(sample_weight, inputs[0])
        if class_weight is not None:
            by_class = class_weights(class_weight, targets[0], network.outputs[0])
            weights = by_class if weights is None else weights * by_class
        return Data(inputs, targets, weights)

    def fit(self, x: Any, y: Any, batch_size: int | None = 32, epochs: int = 1, validation_data: Any = None,
            validation_split: float = 0.0, sample_weight: Any = None, class_weight: Any = None, shuffle: bool = True,
            callbacks: Sequence[Callback] = (), seed: int | None = None, verbose: int | str = "auto") -> History:
        """Train.

        Parameters
        ----------
        x : array of shape (n, ...), or a tuple or dict of arrays for several inputs
        y : array of n targets, or a tuple of arrays for several outputs
        batch_size : int or None
            Samples a step; 1 is stochastic descent, None or n full-batch descent.
        epochs : int
        validation_data : (x, y) or (x, y, sample_weight), optional
        validation_split : float
            The last share of the samples is held out for validation.
        sample_weight : array of shape (n,), optional
        class_weight : dict of class to weight, array, or "balanced", optional
        shuffle : bool
            A new order in each epoch.
        callbacks : sequence of Callback
        seed : int, optional
            Of initial weights, order and dropout. The same seed gives the same bits, on any number of
            threads, in one call or in many.
        verbose : {"auto", 0, 1, 2}
            Nothing, a progress bar, or a line for each epoch.

        Returns
        -------
        History

        Raises
        ------
        ValueError, TypeError
            If the data does not fit; nothing has been changed then.
        NonFiniteError
            If the loss or a gradient became NaN or infinite; the weights are those before that step.
        KeyboardInterrupt
            On Ctrl-C; the model can be used and trained further.
        """
        if isinstance(epochs, bool) or not hasattr(epochs, "__index__") or epochs < 0:
            raise ValueError(f"fit epochs={epochs!r}: expected a whole number of at least 0")
        if batch_size is not None and (not hasattr(batch_size, "__index__") or batch_size < 1):
            raise ValueError(f"fit batch_size={batch_size!r}: expected a whole number of at least 1, or None for all samples")
        if not 0 <= validation_split < 1:
            raise ValueError(f"fit validation_split={validation_split!r}: expected at least 0 and below 1")
        if seed is not None:
            if isinstance(seed, bool) or not hasattr(seed, "__index__") or not 0 <= seed < 2**64:
                raise ValueError(f"fit seed={seed!r}: expected a whole number from 0 to 2**64 - 1")
            self._seed = int(seed)
        data = self._prepare(x, y, sample_weight, class_weight)
        validation = None
        if validation_data is not None:
            if not isinstance(validation_data, list | tuple) or len(validation_data) not in (2, 3):
                raise ValueError("fit validation_data: expected (x, y) or (x, y, sample_weight)")
            spec = self._target_spec
            validation = self._prepare(*validation_data, what="validation_data")
            if self._target_spec != spec:
                raise ValueError(f"validation targets of shape {self._target_spec[0].shape} for training targets of shape {spec[0].shape}: "
                                 "expected the same kind")
        elif validation_split:
            held = round(data.rows * validation_split)
            if held == 0 or held == data.rows:
                raise ValueError(f"fit validation_split={validation_split} of {data.rows} samples leaves a part empty")
            validation = data.take(slice(data.rows - held, None))
            data = data.take(slice(0, data.rows - held))
        self.memory(data.inputs)
        batch = data.rows if batch_size is None else int(batch_size)
        return Fit(self, data, validation, batch, int(epochs), shuffle, callbacks, verbose).run()

    def bound_metrics(self) -> list[Metric]:
        """The metrics, told how to read the first output."""
        import copy

        if not self._metrics:
            return []
        kind = self._losses[0].link(self.network().outputs[0])
        return [copy.deepcopy(m).bind(kind) for m in self._metrics]

    def measure(self, data: Data, batch: int, metrics: Sequence[Metric]) -> Tally:
        """Loss and metrics on data, as in prediction."""
        batch = min(max(batch, PREDICT_BATCH), data.rows)
        builder = self._builder(data.inputs)
        key = ("evaluate", batch, self._target_spec, data.weights is not None)
        step = self._step(key, lambda: builder.evaluate(batch, self._target_spec, data.weights is not None))
        tally = Tally(metrics)
        sweep(step, data, batch, tally, seed=self.seed)
        return tally

    def evaluate(self, x: Any, y: Any, batch_size: int = PREDICT_BATCH, sample_weight: Any = None) -> dict[str, Any]:
        """Loss and metrics on data.

        Returns
        -------
        dict
            "loss" and each metric by name, over all samples.
        """
        data = self._prepare(x, y, sample_weight)
        return self.measure(data, batch_size, self.bound_metrics()).logs()

    def train_on_batch(self, x: Any, y: Any, sample_weight: Any = None) -> float:
        """One step on one batch.

        Returns
        -------
        float
            Its loss, before the update.
        """
        data = self._prepare(x, y, sample_weight)
        step = self.train_step(data.rows, data, keep_outputs=False)
        tally = Tally(())
        done, status = sweep(step, data, data.rows, tally, seed=self.seed, counter=self.steps_done, hyper_from=self.steps_done)
        if not done:
            from gdcore.errors import NonFiniteError

            raise NonFiniteError(self.epochs_done, self.steps_done, self.first_bad_tensor(data, np.arange(data.rows)))
        self.steps_done += 1
        return tally.loss / tally.rows

    def gradients(self, x: Any, y: Any, sample_weight: Any = None) -> dict[str, np.ndarray]:
        """The gradient of the loss on one batch with respect to every parameter.

        Returns
        -------
        dict of str to ndarray
            In the order of `get_weights`; frozen parameters have none.
        """
        data = self._prepare(x, y, sample_weight)
        step = self.train_step(data.rows, data, keep_outputs=False, update=False)
        sweep(step, data, data.rows, Tally(()), seed=self.seed, counter=self.steps_done)
        memory = self.memory()
        trained = set(memory.trainable())
        return {memory.network.names[p]: memory.gradient(p).copy() for p in memory.network.parameters if p in trained}

    def first_bad_tensor(self, data: Data, rows: np.ndarray) -> str:
        """The first tensor of a step that is not finite, in the order in which they are computed."""
        from gdcore.diagnosis import first_bad_tensor

        part = Data([a[rows] for a in data.inputs], [a[rows] for a in data.targets], None if data.weights is None else data.weights[rows])
        return first_bad_tensor(self._builder(part.inputs), self._target_spec, part, self.seed, self.steps_done)

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
        """
        inputs = as_inputs(x, self.input_names)
        network = self.network(inputs)
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
            got, _ = step.session.run(feeds, rows, batch, first=done, steps=steps - done, outputs=[m[done * batch:] for m in made])
            done += got
        if network.output_names is not None:
            return dict(zip(network.output_names, made, strict=True))
        return made[0] if len(made) == 1 else made

    def predict_on_batch(self, x: Any) -> Any:
        """`predict` with all samples in one step."""
        return self.predict(x, batch_size=max(1, len(as_inputs(x, self.input_names)[0])))

    def predict_proba(self, x: Any, batch_size: int = PREDICT_BATCH) -> np.ndarray:
        """Probabilities: what the loss takes the (first) output for.

        Returns
        -------
        ndarray of shape (n, classes), or of the output's shape for binary and multi-label losses

        Raises
        ------
        ValueError
            If the loss does not speak of probabilities.
        """
        if not self._losses:
            raise ValueError("the model is not compiled: predict_proba needs to know the loss")
        out = self.predict(x, batch_size)
        first = next(iter(out.values())) if isinstance(out, dict) else out[0] if isinstance(out, list) else out
        kind = self._losses[0].link(self.network().outputs[0])
        if kind.endswith("_probs"):
            return np.asarray(first)
        if kind == "multiclass_logits":
            e = np.exp(first - first.max(axis=-1, keepdims=True))
            return np.asarray(e / e.sum(axis=-1, keepdims=True))
        if kind.endswith("_logits"):
            e = np.exp(-np.abs(first))
            return np.where(first >= 0, 1 / (1 + e), e / (1 + e)).astype(first.dtype)
        raise ValueError(f"the loss {self._losses[0].config()['name']!r} takes the output for {kind}, not for probabilities: use predict")

    # --- weights -------------------------------------------------------------------------------

    def _variables(self) -> dict[str, Variable]:
        memory = self.memory()
        names = memory.network.names
        return {names[v]: v for v in (*memory.network.parameters, *memory.network.states)}

    def get_weights(self) -> list[np.ndarray]:
        """Copies of all parameters in the order of the layers, then of all states."""
        return [self.memory().view(v).copy() for v in self._variables().values()]

    def set_weights(self, weights: Sequence[Any]) -> None:
        """Set what `get_weights` gives.

        Raises
        ------
        ValueError
            If the number or a shape differs; nothing is changed then.
        """
        variables = self._variables()
        if len(weights) != len(variables):
            raise ValueError(f"set_weights got {len(weights)} arrays: expected {len(variables)} ({', '.join(variables)})")
        self.load_state_dict(dict(zip(variables, weights, strict=True)))

    def state_dict(self) -> dict[str, np.ndarray]:
        """Copies of all parameters and states by name."""
        return {name: self.memory().view(v).copy() for name, v in self._variables().items()}

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
        """
        variables = self._variables()
        missing, extra = [n for n in variables if n not in state], [n for n in state if n not in variables]
        if strict and (missing or extra):
            raise ValueError("load_state_dict: " + "; ".join(
                f"{what} {', '.join(map(repr, names[:5]))}{' …' if len(names) > 5 else ''}"
                for what, names in (("missing", missing), ("unknown", extra)) if names) + "; pass strict=False to load what fits")
        new = {}
        for name, v in variables.items():
            if name in state:
                array = as_array(state[name], repr(name))
                if array.shape != v.shape:
                    raise ValueError(f"load_state_dict: {name!r} has the shape {array.shape}, expected {v.shape}")
                new[v] = array
        memory = self.memory()
        for v, array in new.items():
            memory.view(v)[...] = array

    def freeze(self, pattern: str = "*", frozen: bool = True) -> None:
        """Keep parameters whose names fit a pattern from being trained, or set them free again.

        Parameters
        ----------
        pattern : str
            As of a shell: ``"0.*"``, ``"*.bias"``.
        frozen : bool

        Raises
        ------
        ValueError
            If no parameter's name fits.
        """
        import fnmatch

        memory = self.memory()
        fits = [p for p in memory.network.parameters if fnmatch.fnmatchcase(memory.network.names[p], pattern)]
        if not fits:
            raise ValueError(f"no parameter's name fits {pattern!r}: they are {', '.join(memory.network.names.values())}")
        for p in fits:
            p.frozen = frozen

    # --- looking -------------------------------------------------------------------------------

    @property
    def plan(self) -> Any:
        """The plan of the last training step that was made, or else of prediction: print it."""
        made = [s for k, s in self._steps.items() if k[0] == "train"] if self.__dict__.get("_steps") else []
        if made:
            return made[-1].session.plan
        return self._builder().predict(1).session.plan

    def summary(self) -> str:
        """A table of layers, shapes and parameters, and the memory that training takes.

        Returns
        -------
        str
        """
        from gdcore.summary import summary

        return summary(self)

    def save(self, path: str | PathLike[str]) -> None:
        """Write the model to a safetensors file: architecture, weights, optimizer.

        Raises
        ------
        OSError
            If it cannot be written; a file that was there is left as it was.
        """
        from gdcore.io.model_file import save

        save(self, path)


class Sequential(Model):
    """Layers one after another.

    Parameters
    ----------
    layers : sequence of layers, the first of which may be a `gd.Input`
    name : str, optional

    Examples
    --------
    >>> import gdcore as gd
    >>> model = gd.Sequential([gd.Input(8), gd.Dense(4, activation="relu"), gd.Dense(1)])
    >>> len(model.layers)
    2
    """

    def __init__(self, layers: Sequence[Any], name: str | None = None) -> None:
        items = list(layers)
        if items and isinstance(items[0], Value):
            if items[0].op is not INPUT:
                raise TypeError("Sequential begins with a traced value: expected a layer or gd.Input(...)")
            self._graph_inputs = [items.pop(0)]
        for i, layer in enumerate(items):
            if not isinstance(layer, Layer):
                hint = " (an instance, not the class)" if isinstance(layer, type) else "; wrap a function in gd.Activation"
                raise TypeError(f"Sequential item {i} is {layer!r}: expected a layer{hint}")
        self.layers = items
        self.name = name

    def forward(self, x: Value) -> Any:  # type: ignore[override]
        for layer in self.layers:
            x = layer(x)
        return x

    def sublayers(self) -> Any:
        """The layers, numbered."""
        return ((str(i), layer) for i, layer in enumerate(self.layers))


def check_input(array: np.ndarray, leaf: Value) -> None:
    """Raises ValueError if an array does not fit an input."""
    want = leaf.shape[1:]
    if array.shape[1:] != want:
        raise ValueError(f"input {leaf.name!r} has the shape {array.shape}: expected (n, {', '.join(map(str, want))})"
                         + ("; give it a column with X.reshape(-1, 1)" if array.ndim == 1 and want == (1,) else ""))
    if leaf.dtype == INT and array.dtype.kind not in "iu":
        raise TypeError(f"input {leaf.name!r} takes whole numbers and got {array.dtype}: convert it with .astype(int)")


__all__ = ["Model", "Sequential"]
