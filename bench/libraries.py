"""The libraries that are measured: each a few lines over one pattern, `Library`."""

from __future__ import annotations

import importlib.util
import os
from typing import Any, ClassVar

import numpy as np

from bench.cases import EPSILON, LEARNING_RATE, Case


class Library:
    """A library under one case. It begins with the case's weights.

    Attributes
    ----------
    needs : modules that have to be installed
    distributions : packages whose versions are named
    modes : "loop" takes batches that are on hand, one call for each; "plan" is gdcore's fit over batches
        in order; "fit" is what people call for epochs, with shuffling
    """

    needs: ClassVar[tuple[str, ...]] = ()
    distributions: ClassVar[tuple[str, ...]] = ()
    modes: ClassVar[frozenset[str]] = frozenset({"loop", "fit"})

    def __init__(self, case: Case, threads: int) -> None:
        raise NotImplementedError

    @classmethod
    def installed(cls) -> bool:
        """Whether the modules in `needs` are installed."""
        return all(importlib.util.find_spec(m) for m in cls.needs)

    @classmethod
    def can(cls, case: Case, mode: str) -> bool:
        """Whether it can run a case so."""
        return mode in cls.modes and (mode == "loop" or case.trains)

    def put(self, array: np.ndarray) -> Any:
        """A batch as the library takes it."""
        return array

    def train(self, x: Any, y: Any) -> Any:
        """One training step; the loss in whatever form the library has it."""
        raise NotImplementedError

    def predict(self, x: Any) -> Any:
        """The outputs, likewise."""
        raise NotImplementedError

    def read(self, result: Any) -> np.ndarray:
        """The numbers of what `train` or `predict` gave; waits for them."""
        return np.asarray(result)

    def fit(self, x: np.ndarray, y: np.ndarray, epochs: int, shuffle: bool) -> None:
        """Epochs over a data set."""
        raise NotImplementedError


class Gdcore(Library):
    modes = frozenset({"loop", "plan", "fit"})
    compute: ClassVar[str] = "float32"

    def __init__(self, case: Case, threads: int) -> None:
        import gdcore as gd

        gd.set_num_threads(threads)
        self.case, self.model = case, case.model(compute=self.compute)

    def train(self, x: Any, y: Any) -> Any:
        return self.model.train_on_batch(x, y)

    def predict(self, x: Any) -> Any:
        return self.model.predict(x)

    def fit(self, x: np.ndarray, y: np.ndarray, epochs: int, shuffle: bool) -> None:
        self.model.fit(x, y, batch_size=self.case.batch, epochs=epochs, shuffle=shuffle, verbose=0)


class GdcoreBfloat16(Gdcore):
    """Products of factors rounded to bfloat16."""

    compute = "bfloat16"


class Torch(Library):
    """PyTorch, one operation after another.

    Attributes
    ----------
    channels_last : whether images lie in memory as (height, width, channels)
    bfloat16 : whether forward and loss run under autocast to bfloat16
    """

    needs = ("torch",)
    distributions = ("torch",)
    channels_last: ClassVar[bool] = False
    bfloat16: ClassVar[bool] = False

    def __init__(self, case: Case, threads: int) -> None:
        import torch
        from torch import nn

        torch.set_num_threads(threads)
        self.torch, self.case = torch, case
        self.network = nn.Sequential(*case.network.torch())
        self.network.train(case.trains)
        if self.channels_last:
            self.network = self.network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.forward = self.compiled(
            torch.inference_mode()(self.network.forward) if not case.trains else self.network
        )
        if case.trains:
            how: dict[str, Any] = {"lr": LEARNING_RATE, "fused": True}
            if case.optimizer == "adam":
                self.optimizer: Any = torch.optim.Adam(
                    self.network.parameters(), eps=EPSILON, **how
                )
            else:
                self.optimizer = torch.optim.SGD(self.network.parameters(), **how)
            self.loss = {"mse": nn.MSELoss, "cross_entropy": nn.CrossEntropyLoss}[str(case.loss)]()

    def compiled(self, function: Any) -> Any:
        return function

    def put(self, array: np.ndarray) -> Any:
        if array.dtype.kind != "f":
            return self.torch.from_numpy(array).long()
        if array.ndim != 4:
            return self.torch.from_numpy(array)
        images = self.torch.from_numpy(array).permute(0, 3, 1, 2)  # as they are, seen otherwise
        return images if self.channels_last else images.contiguous()

    def train(self, x: Any, y: Any) -> Any:
        with self.torch.autocast("cpu", self.torch.bfloat16, enabled=self.bfloat16):
            loss = self.loss(self.forward(x), y)
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()
        self.optimizer.step()
        return loss

    def predict(self, x: Any) -> Any:
        with (
            self.torch.inference_mode(),
            self.torch.autocast("cpu", self.torch.bfloat16, enabled=self.bfloat16),
        ):
            return self.forward(x)

    def read(self, result: Any) -> np.ndarray:
        return np.asarray(result.detach().float())

    def fit(self, x: np.ndarray, y: np.ndarray, epochs: int, shuffle: bool) -> None:
        from torch.utils.data import DataLoader, TensorDataset

        loader = DataLoader(
            TensorDataset(self.put(x), self.put(y)), batch_size=self.case.batch, shuffle=shuffle
        )
        for _ in range(epochs):
            for part in loader:
                self.train(*part)


class TorchChannelsLast(Torch):
    channels_last = True

    @classmethod
    def can(cls, case: Case, mode: str) -> bool:
        return super().can(case, mode) and len(case.network.inputs) == 3


class TorchBfloat16(Torch):
    bfloat16 = True

    @classmethod
    def installed(cls) -> bool:
        """On a processor without bfloat16 arithmetic it is emulated, or fails: no peer."""
        if not super().installed():
            return False
        import torch

        return bool(torch.ops.mkldnn._is_mkldnn_bf16_supported())


class TorchChannelsLastBfloat16(TorchBfloat16, TorchChannelsLast):
    pass


class TorchCompiled(Torch):
    def compiled(self, function: Any) -> Any:
        return self.torch.compile(function)


class Jax(Library):
    needs = ("jax", "optax")
    distributions = ("jax", "optax")
    modes = frozenset({"loop"})

    def __init__(self, case: Case, threads: int) -> None:
        import jax
        import optax

        forward = case.network.jax

        def loss(layers: Any, x: Any, y: Any) -> Any:
            out = forward(layers, x)
            if case.loss == "mse":
                return jax.numpy.mean(jax.numpy.square(out - y))
            return optax.softmax_cross_entropy_with_integer_labels(out, y).mean()

        self.put = jax.device_put  # type: ignore[method-assign]
        layers = jax.device_put(case.network.numbers())
        if not case.trains:
            whole = jax.jit(lambda layers, x: forward(layers, x, trains=False))
            self.predict = lambda x: whole(layers, x)  # type: ignore[method-assign]
            return
        adam = case.optimizer == "adam"
        optimizer = optax.adam(LEARNING_RATE, eps=EPSILON) if adam else optax.sgd(LEARNING_RATE)

        def step(layers: Any, memory: Any, x: Any, y: Any) -> Any:
            value, slope = jax.value_and_grad(loss)(layers, x, y)
            updates, memory = optimizer.update(slope, memory, layers)
            return optax.apply_updates(layers, updates), memory, value

        self.step = jax.jit(step, donate_argnums=(0, 1))
        self.state = layers, optimizer.init(layers)

    def train(self, x: Any, y: Any) -> Any:
        *self.state, loss = self.step(*self.state, x, y)
        return loss


class Sklearn(Library):
    needs = ("sklearn",)
    distributions = ("scikit-learn",)

    def __init__(self, case: Case, threads: int) -> None:
        from sklearn.neural_network import MLPClassifier, MLPRegressor
        from sklearn.neural_network._stochastic_optimizers import AdamOptimizer, SGDOptimizer

        self.case = case
        self.factor = (
            2.0 if case.loss == "mse" else 1.0
        )  # its squared loss is halved; Adam does not mind
        kind = MLPRegressor if case.loss == "mse" else MLPClassifier
        self.model = kind(
            hidden_layer_sizes=case.network.widths[1:-1],
            activation=case.network.activation,
            solver=case.optimizer,
            alpha=0.0,
            epsilon=EPSILON,
            batch_size=case.batch,
            learning_rate_init=LEARNING_RATE,
            momentum=0.0,
            tol=0.0,
            n_iter_no_change=2**31 - 1,
            random_state=0,
        )
        x, y = case.data(1)
        classes = {"classes": np.arange(case.outputs)} if kind is MLPClassifier else {}
        self.model.partial_fit(x, self.put(y), **classes)
        for k, (kernel, bias) in enumerate(case.network.numbers()):
            self.model.coefs_[k][...], self.model.intercepts_[k][...] = kernel, bias
        optimizer = AdamOptimizer if case.optimizer == "adam" else SGDOptimizer
        settings = (
            {"epsilon": EPSILON}
            if case.optimizer == "adam"
            else {"momentum": 0.0, "nesterov": False}
        )
        self.model._optimizer = optimizer(
            self.model.coefs_ + self.model.intercepts_, LEARNING_RATE, **settings
        )

    @classmethod
    def can(cls, case: Case, mode: str) -> bool:
        known = case.network.dense and case.network.activation in ("relu", "tanh")
        return super().can(case, mode) and case.trains and known

    def put(self, array: np.ndarray) -> Any:
        return array.ravel() if array.ndim == 2 and array.shape[1] == 1 else array

    def train(self, x: Any, y: Any) -> Any:
        return self.model.partial_fit(x, y).loss_

    def read(self, result: Any) -> np.ndarray:
        return np.asarray(result) * self.factor

    def fit(self, x: np.ndarray, y: np.ndarray, epochs: int, shuffle: bool) -> None:
        self.model.set_params(max_iter=epochs, shuffle=shuffle).fit(x, self.put(y))


class Keras(Library):
    needs = ("keras",)
    distributions = ("keras",)
    modes = frozenset({"fit"})

    def __init__(self, case: Case, threads: int) -> None:
        os.environ.setdefault("KERAS_BACKEND", "jax" if Jax.installed() else "torch")
        import keras

        last = len(case.network.parts) - 1
        self.case = case
        self.model = keras.Sequential(
            [
                keras.Input(case.network.inputs),
                *(
                    keras.layers.Dense(o, activation=None if k == last else case.network.activation)
                    for k, o in enumerate(case.network.widths[1:])
                ),
            ]
        )
        optimizer: Any = keras.optimizers.SGD(LEARNING_RATE)
        if case.optimizer == "adam":
            optimizer = keras.optimizers.Adam(LEARNING_RATE, epsilon=EPSILON)
        loss = (
            "mse"
            if case.loss == "mse"
            else keras.losses.SparseCategoricalCrossentropy(from_logits=True)
        )
        self.model.compile(optimizer=optimizer, loss=loss)
        self.model.set_weights([array for part in case.network.numbers() for array in part])

    @classmethod
    def can(cls, case: Case, mode: str) -> bool:
        return super().can(case, mode) and case.network.dense

    def train(self, x: Any, y: Any) -> Any:
        return self.model.fit(x, y, batch_size=self.case.batch, verbose=0).history["loss"][0]

    def fit(self, x: np.ndarray, y: np.ndarray, epochs: int, shuffle: bool) -> None:
        self.model.fit(x, y, batch_size=self.case.batch, epochs=epochs, shuffle=shuffle, verbose=0)


class Onnx(Library):
    needs = ("onnxruntime", "onnx")
    distributions = ("onnxruntime",)
    modes = frozenset({"loop"})

    def __init__(self, case: Case, threads: int) -> None:
        import onnxruntime
        from onnx import TensorProto, helper, numpy_helper

        nodes, numbers, at = [], [], "x"
        for k, (kernel, bias) in enumerate(case.network.numbers()):
            numbers += [
                numpy_helper.from_array(kernel, f"w{k}"),
                numpy_helper.from_array(bias, f"b{k}"),
            ]
            nodes += [
                helper.make_node("Gemm", [at, f"w{k}", f"b{k}"], [f"h{k}"]),
                helper.make_node("Relu", [f"h{k}"], [f"a{k}"]),
            ]
            at = f"a{k}"
        nodes.pop()  # no activation after the last layer
        x = helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", *case.network.inputs])
        out = helper.make_tensor_value_info(
            nodes[-1].output[0], TensorProto.FLOAT, ["n", case.outputs]
        )
        model = helper.make_model(
            helper.make_graph(nodes, case.name, [x], [out], numbers),
            ir_version=10,
            opset_imports=[helper.make_opsetid("", 21)],
        )
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        self.session = onnxruntime.InferenceSession(
            model.SerializeToString(), options, providers=["CPUExecutionProvider"]
        )

    @classmethod
    def can(cls, case: Case, mode: str) -> bool:
        return super().can(case, mode) and not case.trains and case.network.dense

    def predict(self, x: Any) -> Any:
        return self.session.run(None, {"x": x})[0]


LIBRARIES: dict[str, type[Library]] = {
    "gdcore": Gdcore,
    "gdcore bfloat16": GdcoreBfloat16,
    "torch": Torch,
    "torch.compile": TorchCompiled,
    "torch channels_last": TorchChannelsLast,
    "torch bfloat16": TorchBfloat16,
    "torch channels_last bfloat16": TorchChannelsLastBfloat16,
    "jax": Jax,
    "scikit-learn": Sklearn,
    "keras": Keras,
    "onnxruntime": Onnx,
}
