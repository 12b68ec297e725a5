"""Layers: each emits ops while it is traced."""

from gdcore.layers.base import Layer
from gdcore.layers.convolution import Conv2D, MaxPool2D
from gdcore.layers.dense import Activation, Dense
from gdcore.layers.embedding import Embedding
from gdcore.layers.normalization import BatchNorm, LayerNorm
from gdcore.layers.recurrent import LSTM
from gdcore.layers.regularization import Dropout, GaussianNoise
from gdcore.layers.scaling import Rescaling
from gdcore.layers.shape import Add, Concatenate, Flatten, Input, Reshape
from gdcore.lazy import lazy_names

__all__ = [
    "LSTM",
    "Activation",
    "Add",
    "BatchNorm",
    "Concatenate",
    "Conv2D",
    "Dense",
    "Dropout",
    "Embedding",
    "Flatten",
    "GaussianNoise",
    "Input",
    "Layer",
    "LayerNorm",
    "MaxPool2D",
    "Rescaling",
    "Reshape",
]

# A missing name raises an error that says what to use instead.
__getattr__, __dir__ = lazy_names(__name__, __all__, {})
