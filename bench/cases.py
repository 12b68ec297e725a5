"""The cases: the networks that every benchmark measures, with their target speeds.

Data and initial weights are drawn from a fixed seed, so that every library starts from the same numbers.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import prod
from typing import Any

import numpy as np

from bench.images import inception_v3, resnet50, vgg16
from bench.networks import (
    BAG,
    BILSTM,
    CNN,
    GRU,
    LENET,
    LSTM,
    PDE,
    RESNET20,
    SEPARABLE,
    Network,
    dense,
    transformer,
)

DATA_BYTES = 16 << 20  # of one data set: larger than L2, as real ones are
BATCHES = (4, 1024)  # least and most batches of a data set


@dataclass(frozen=True)
class Case:
    """One network under one load.

    Attributes
    ----------
    name : str
    network : its layers
    batch : int
    loss : {"mse", "cross_entropy"}, or None for prediction alone
    optimizer : {"adam", "sgd"}, or None for prediction alone
    target : required speed-up over the best peer
    reach : speed-up that is hoped for
    bfloat16 : required speed-up in bfloat16 over the best peer, in whatever it computes
    """

    name: str
    network: Network
    batch: int
    loss: str | None
    optimizer: str | None
    target: float
    reach: float
    bfloat16: float = 1.3

    def asked(self, compute: str) -> float:
        """The required speed-up where products compute so."""
        return self.bfloat16 if compute == "bfloat16" else self.target

    @property
    def trains(self) -> bool:
        """Whether a step is a training step."""
        return self.loss is not None

    @property
    def parameters(self) -> int:
        """Weights and biases."""
        return sum(a.size for arrays in self.network.numbers() for a in arrays)

    @property
    def flops(self) -> int:
        """Floating-point operations of the matrix products of one step."""
        return self.batch * self.network.flops(self.trains)

    @property
    def batches(self) -> int:
        """Batches of the data set."""
        row = 4 * (prod(self.network.inputs) + (self.outputs if self.loss == "mse" else 1))
        return int(np.clip(DATA_BYTES // (row * self.batch), *BATCHES))

    @property
    def outputs(self) -> int:
        """Numbers that the network puts out for a sample."""
        return self.network.outputs[-1]

    def data(self, batches: int | None = None) -> tuple[np.ndarray, np.ndarray]:
        """A data set: inputs in [0, 1), and targets that are a linear function of them plus noise.

        Samples of a padded network have from a quarter to all of its steps.

        Returns
        -------
        x : float32 (n, *inputs), or int32 of a network of tokens
        y : float32 (n, outputs) for mse, otherwise int32 (n,) class numbers
        """
        rng = np.random.default_rng(2)
        rows = (self.batches if batches is None else batches) * self.batch
        x = rng.random((rows, *self.network.inputs), np.float32)
        flat = x.reshape(rows, -1)
        teacher = rng.standard_normal((flat.shape[1], self.outputs), np.float32)
        teacher /= np.sqrt(np.float32(flat.shape[1]))
        if self.network.tokens:
            x = (x * self.network.tokens).astype(np.int32)
        if self.network.padded:
            steps = x.shape[1]
            lengths = rng.integers(steps // 4, steps + 1, rows)
            x[np.arange(steps) >= lengths[:, None]] = 0
        y = flat @ teacher + np.float32(0.3) * rng.standard_normal((rows, self.outputs), np.float32)
        return x, y if self.loss == "mse" else y.argmax(axis=1).astype(np.int32)

    def model(self, same_weights: bool = True, compute: str = "float32") -> Any:
        """The case as a compiled gdcore model, with the network's initial numbers, or gdcore's own."""
        import gdcore as gd

        dtype = "int" if self.network.tokens else "real"
        inputs = gd.Input(self.network.inputs, dtype=dtype)
        model = gd.Sequential([inputs, *self.network.gdcore()])
        if self.trains:
            adam = self.optimizer == "adam"
            model.compile(
                optimizer=gd.Adam(LEARNING_RATE, epsilon=EPSILON)
                if adam
                else gd.SGD(LEARNING_RATE),
                loss=self.loss,
                compute=compute,
            )
        if same_weights:
            ours = [array for part in self.network.numbers() for array in part]
            names = list(model.state_dict())[: len(ours)]  # running averages come last
            model.load_state_dict(dict(zip(names, ours, strict=True)), strict=False)
        return model


LEARNING_RATE = 1e-3
EPSILON = 1e-11  # of Adam: so small that it does not matter where a library adds it

CLASSES = ("cross_entropy", "adam")  # what most networks are trained by

CASES = {
    c.name: c
    for c in (
        Case("tiny", dense((4, 32, 32, 1), "relu"), 32, "mse", "adam", 20, 25),
        Case("rl", dense((8, 64, 64, 4), "tanh"), 64, "mse", "adam", 5, 6),
        Case("mnist_s", dense((784, 128, 10), "relu"), 32, *CLASSES, 3.5, 4),
        Case("tab", dense((54, 256, 256, 7), "relu"), 256, *CLASSES, 2.2, 3),
        Case("mnist", dense((784, 512, 512, 10), "relu"), 128, *CLASSES, 1.7, 2.1, 2.2),
        Case("autoenc", dense((784, 256, 64, 256, 784), "relu"), 128, "mse", "adam", 1.7, 2.4, 2.2),
        Case("gelu", dense((784, 1024, 1024, 10), "gelu"), 256, *CLASSES, 1.7, 2.2, 1.8),
        Case("big", dense((1024, 4096, 4096, 1024), "relu"), 512, "mse", "adam", 1.1, 1.25, 1.8),
        Case("lenet", LENET, 128, *CLASSES, 1.3, 2.8),
        Case("cnn", CNN, 64, *CLASSES, 1.3, 1.6),
        Case("lstm", LSTM, 32, *CLASSES, 1.3, 1.5),
        Case("gru", GRU, 32, *CLASSES, 1.3, 1.5),
        Case("bilstm", BILSTM, 32, *CLASSES, 1.3, 1.5),
        Case("transformer", transformer(64), 16, *CLASSES, 1.3, 2.5),
        Case("transformer 256", transformer(256), 4, *CLASSES, 1.3, 2),
        Case("bag", BAG, 64, *CLASSES, 4, 20),
        Case("separable", SEPARABLE, 32, *CLASSES, 1.3, 1.5),
        Case("resnet20", RESNET20, 64, *CLASSES, 1.3, 1.5),
        Case("pde", PDE, 1000, "mse", "adam", 2, 3),
        Case("online", dense((784, 128, 10), "relu"), 1, "cross_entropy", "sgd", 6, 9),
        Case("predict 1", dense((784, 128, 10), "relu"), 1, None, None, 1.2, 1.6),
        Case("predict 256", dense((784, 128, 10), "relu"), 256, None, None, 1.2, 1.5),
    )
}


# Networks of large images: measured where they are named, as a step takes seconds.
LARGE = {
    c.name: c
    for name, network in (
        ("vgg16", vgg16()),
        ("resnet50", resnet50()),
        ("inception_v3", inception_v3()),
    )
    for c in (
        Case(name, network, 8, *CLASSES, 1.3, 1.5),
        Case(f"{name} 1", network, 1, None, None, 1.3, 1.5),
    )
}
ALL = CASES | LARGE


def chosen(names: str | None) -> list[Case]:
    """Cases from a comma-separated list of names; without one all of them but those of large images.

    Raises
    ------
    SystemExit
        For an unknown name.
    """
    wanted = list(CASES) if names is None else [n.strip() for n in names.split(",")]
    for name in wanted:
        if name not in ALL:
            raise SystemExit(f"unknown case {name!r}: expected some of {', '.join(ALL)}")
    return [ALL[name] for name in wanted]
