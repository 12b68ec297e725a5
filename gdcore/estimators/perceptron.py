"""The network of the perceptrons: dense layers with an activation, a norm and dropout each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from gdcore.engine.engine import engine_of
from gdcore.estimators.checks import ACTIVATION_NAMES
from gdcore.graph.ir import Value
from gdcore.layers import Activation, BatchNorm, Dense, Dropout, Input, Layer, LayerNorm
from gdcore.model import Model
from gdcore.sequential import Sequential

NORMS = {"batch": BatchNorm, "layer": LayerNorm}


@dataclass
class Hidden:
    """One hidden layer: units, activation, normalization and dropout rate."""

    units: int
    activation: Any
    normalization: str | None = None
    dropout: float = 0.0

    def layers(self) -> list[Layer]:
        """Dense, norm, activation, dropout: those of them that there are."""
        activation = named(self.activation)
        made: list[Layer] = [Dense(self.units, None if self.normalization else activation)]
        if self.normalization:
            made += [NORMS[self.normalization](), Activation(activation)]
        if self.dropout:
            made.append(Dropout(self.dropout))
        return made


def named(activation: Any) -> Any:
    """gdcore's name of an activation that scikit-learn calls something else."""
    return (
        ACTIVATION_NAMES.get(activation, activation) if isinstance(activation, str) else activation
    )


class Perceptron(Sequential):
    """Hidden layers and an output layer.

    Parameters
    ----------
    features : int
    hidden : sequence of Hidden
    outputs : int
    out_activation : str
    """

    def __init__(
        self, features: int, hidden: Sequence[Hidden], outputs: int, out_activation: str
    ) -> None:
        blocks = [h.layers() for h in hidden]
        out = Dense(outputs, named(out_activation))
        super().__init__([Input(features), *(x for b in blocks for x in b), out])

    @property
    def dense(self) -> list[Dense]:
        """The dense layers, the output layer last."""
        return [x for x in self.layers if isinstance(x, Dense)]

    def numbers(self) -> tuple[list[np.ndarray], list[np.ndarray]]:
        """Kernels and biases, as writable views of the model's memory."""
        memory = engine_of(self).parameters()
        return tuple(  # type: ignore[return-value]
            [memory.view(x.variables[name]) for x in self.dense] for name in ("kernel", "bias")
        )


class HiddenLayers(Model):
    """What the hidden layers of a perceptron put out, before dropout."""

    def __init__(self, perceptron: Perceptron) -> None:
        self.layers = list(perceptron.layers)

    def forward(self, x: Value) -> Any:  # type: ignore[override]
        found = []
        for layer, after in zip(self.layers[:-1], self.layers[1:], strict=True):
            x = layer(x)
            if isinstance(after, Dropout) or (
                isinstance(after, Dense) and not isinstance(layer, Dropout)
            ):
                found.append(x)
        return tuple(found)


def draw(
    random: np.random.RandomState, shape: tuple[int, int], logistic: bool
) -> tuple[np.ndarray, np.ndarray]:
    """Initial kernel and bias of a layer, as scikit-learn draws them.

    References
    ----------
    Glorot and Bengio 2010, Understanding the difficulty of training deep feedforward networks.
    """
    bound = np.sqrt((2.0 if logistic else 6.0) / (shape[0] + shape[1]))
    kernel, bias = (random.uniform(-bound, bound, size) for size in (shape, shape[1]))
    return kernel, bias


def first_numbers(given: Any, shape: tuple[int, int], dtype: Any) -> tuple[np.ndarray, np.ndarray]:
    """The initial kernel and bias that `_init_coef` returned, validated, in the model's dtype.

    Raises
    ------
    ValueError
        If it is no kernel and bias of the layer's shape, or not finite.
    """
    try:
        kernel, bias = (np.array(a, dtype=dtype) for a in given)
    except (TypeError, ValueError):
        kernel = bias = np.empty(())
    if kernel.shape != shape or bias.shape != shape[1:]:
        got = f"{kernel.shape} and {bias.shape}" if kernel.shape else type(given).__name__
        raise ValueError(
            f"_init_coef returned {got}, expected a kernel and a bias, arrays of the shapes {shape} "
            f"and {shape[1:]}"
        )
    if not (np.isfinite(kernel).all() and np.isfinite(bias).all()):
        raise ValueError("_init_coef returned numbers that are not finite: expected finite ones")
    return kernel, bias
