"""The cases: the networks that every benchmark measures, with their target speeds.

Each is a stack of dense layers, x W + b, with an activation after all but the last. Data and initial
weights are drawn from a fixed seed, so that every library starts from the same numbers.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np

DATA_BYTES = 16 << 20  # of one data set: larger than L2, as real ones are
BATCHES = (4, 1024)  # least and most batches of a data set


@dataclass(frozen=True)
class Case:
    """One network under one load.

    Attributes
    ----------
    name : str
    widths : sizes of the input, the hidden layers and the output
    activation : {"relu", "tanh", "gelu"}
    batch : int
    loss : {"mse", "cross_entropy"}, or None for prediction alone
    optimizer : {"adam", "sgd"}, or None for prediction alone
    target : required speed-up over the best peer
    reach : speed-up that is hoped for
    """

    name: str
    widths: tuple[int, ...]
    activation: str
    batch: int
    loss: str | None
    optimizer: str | None
    target: float
    reach: float

    @property
    def trains(self) -> bool:
        """Whether a step is a training step."""
        return self.loss is not None

    @property
    def layers(self) -> list[tuple[int, int]]:
        """Inputs and outputs of each layer."""
        return list(pairwise(self.widths))

    @property
    def parameters(self) -> int:
        """Weights and biases."""
        return sum(i * o + o for i, o in self.layers)

    @property
    def flops(self) -> int:
        """Floating-point operations of the matrix products of one step; others are not counted.

        Forward, and for training the gradients of all weights and of every layer's input but the first's.
        """
        each = [2 * self.batch * i * o for i, o in self.layers]
        return 3 * sum(each) - each[0] if self.trains else sum(each)

    @property
    def batches(self) -> int:
        """Batches of the data set."""
        row = 4 * (self.widths[0] + (self.widths[-1] if self.loss == "mse" else 1))
        return int(np.clip(DATA_BYTES // (row * self.batch), *BATCHES))

    def weights(self) -> list[tuple[np.ndarray, np.ndarray]]:
        """(kernel of shape (inputs, outputs), bias) of each layer, Glorot-uniform and zeros, float32."""
        rng = np.random.default_rng(1)
        return [
            (
                (rng.uniform(-1, 1, (i, o)) * np.sqrt(6 / (i + o))).astype(np.float32),
                np.zeros(o, np.float32),
            )
            for i, o in self.layers
        ]

    def data(self, batches: int | None = None) -> tuple[np.ndarray, np.ndarray]:
        """A data set: inputs in [0, 1), and targets that are a linear function of them plus noise.

        Returns
        -------
        x : float32 (n, inputs)
        y : float32 (n, outputs) for mse, otherwise int32 (n,) class numbers
        """
        rng = np.random.default_rng(2)
        rows = (self.batches if batches is None else batches) * self.batch
        x = rng.random((rows, self.widths[0]), np.float32)
        teacher = rng.standard_normal((self.widths[0], self.widths[-1]), np.float32)
        teacher /= np.sqrt(np.float32(self.widths[0]))
        y = x @ teacher + np.float32(0.3) * rng.standard_normal((rows, self.widths[-1]), np.float32)
        return x, y if self.loss == "mse" else y.argmax(axis=1).astype(np.int32)

    def model(self, same_weights: bool = True) -> Any:
        """The case as a compiled gdcore model, with the initial weights of `weights`, or gdcore's own."""
        import gdcore as gd

        last = len(self.layers) - 1
        model = gd.Sequential(
            [
                gd.Input(self.widths[0]),
                *(
                    gd.Dense(o, activation=None if k == last else self.activation)
                    for k, (_, o) in enumerate(self.layers)
                ),
            ]
        )
        if self.trains:
            adam = self.optimizer == "adam"
            model.compile(
                optimizer=gd.Adam(LEARNING_RATE, epsilon=EPSILON)
                if adam
                else gd.SGD(LEARNING_RATE),
                loss=self.loss,
            )
        if same_weights:
            model.set_weights([array for layer in self.weights() for array in layer])
        return model


LEARNING_RATE = 1e-3
EPSILON = 1e-11  # of Adam: so small that it does not matter where a library adds it

CASES = {
    c.name: c
    for c in (
        Case("tiny", (4, 32, 32, 1), "relu", 32, "mse", "adam", 20, 25),
        Case("rl", (8, 64, 64, 4), "tanh", 64, "mse", "adam", 5, 6),
        Case("mnist_s", (784, 128, 10), "relu", 32, "cross_entropy", "adam", 3.5, 4),
        Case("tab", (54, 256, 256, 7), "relu", 256, "cross_entropy", "adam", 2.2, 3),
        Case("mnist", (784, 512, 512, 10), "relu", 128, "cross_entropy", "adam", 1.7, 2.1),
        Case("autoenc", (784, 256, 64, 256, 784), "relu", 128, "mse", "adam", 1.7, 2.4),
        Case("gelu", (784, 1024, 1024, 10), "gelu", 256, "cross_entropy", "adam", 1.7, 2.2),
        Case("big", (1024, 4096, 4096, 1024), "relu", 512, "mse", "adam", 1.1, 1.25),
        Case("online", (784, 128, 10), "relu", 1, "cross_entropy", "sgd", 6, 9),
        Case("predict 1", (784, 128, 10), "relu", 1, None, None, 1.2, 1.6),
        Case("predict 256", (784, 128, 10), "relu", 256, None, None, 1.2, 1.5),
    )
}


def chosen(names: str | None) -> list[Case]:
    """Cases from a comma-separated list of names; all of them without one.

    Raises
    ------
    SystemExit
        For an unknown name.
    """
    wanted = list(CASES) if names is None else [n.strip() for n in names.split(",")]
    for name in wanted:
        if name not in CASES:
            raise SystemExit(f"unknown case {name!r}: expected some of {', '.join(CASES)}")
    return [CASES[name] for name in wanted]
