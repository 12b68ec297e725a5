"""Layers: each emits ops while it is traced.

A module's `__all__` names its layers; they are names of this package and of `gdcore`.
"""

from typing import TYPE_CHECKING

from gdcore.layers.base import Layer
from gdcore.layers.dense import *
from gdcore.layers.shape import *
from gdcore.lazy import lazy_names

# What not every network needs is imported when it is first asked for: layers by their modules.
LATER = {
    "attention": ("AdditiveAttention", "MultiHeadAttention"),
    "convolutions": ("Conv1D", "Conv2D", "Conv3D"),
    "depthwise": ("DepthwiseConv2D", "SeparableConv2D"),
    "embedding": ("Embedding", "OneHot"),
    "embedding_bag": ("EmbeddingBag",),
    "global_pooling": ("GlobalAvgPool", "GlobalMaxPool"),
    "members": ("MemberAverage", "MemberDense"),
    "normalization": ("BatchNorm", "GroupNorm", "InstanceNorm", "LayerNorm", "RMSNorm"),
    "number_embeddings": ("PeriodicEmbedding", "PiecewiseLinearEmbedding"),
    "pooling": (
        "AdaptiveAvgPool",
        "AdaptiveMaxPool",
        "AvgPool",
        "AvgPool1D",
        "AvgPool2D",
        "AvgPool3D",
        "MaxPool",
        "MaxPool1D",
        "MaxPool2D",
        "MaxPool3D",
    ),
    "recurrent": ("GRU", "LSTM", "SimpleRNN"),
    "regularization": ("DropPath", "Dropout", "GaussianNoise", "SpatialDropout"),
    "resizing": ("Crop", "PixelShuffle", "ReflectPad", "UpSampling2D", "ZeroPad"),
    "rnn": ("RNN",),
    "scaling": ("Rescaling", "Scale"),
    "sequences": ("Bidirectional", "Masking", "TimeDistributed"),
    "transformer": ("PositionalEncoding", "TiedDense", "TransformerDecoder", "TransformerEncoder"),
    "transposed": ("ConvTranspose1D", "ConvTranspose2D"),
}

__all__ = [
    "GRU",
    "LSTM",
    "RNN",
    "Activation",
    "AdaptiveAvgPool",
    "AdaptiveMaxPool",
    "Add",
    "AdditiveAttention",
    "AvgPool",
    "AvgPool1D",
    "AvgPool2D",
    "AvgPool3D",
    "BatchNorm",
    "Bidirectional",
    "Concatenate",
    "Conv1D",
    "Conv2D",
    "Conv3D",
    "ConvTranspose1D",
    "ConvTranspose2D",
    "Crop",
    "Dense",
    "DepthwiseConv2D",
    "DropPath",
    "Dropout",
    "Embedding",
    "EmbeddingBag",
    "Flatten",
    "GaussianNoise",
    "GlobalAvgPool",
    "GlobalMaxPool",
    "GroupNorm",
    "Input",
    "InstanceNorm",
    "Layer",
    "LayerNorm",
    "Masking",
    "MaxPool",
    "MaxPool1D",
    "MaxPool2D",
    "MaxPool3D",
    "MemberAverage",
    "MemberDense",
    "MultiHeadAttention",
    "OneHot",
    "ParametricActivation",
    "PeriodicEmbedding",
    "PiecewiseLinearEmbedding",
    "PixelShuffle",
    "PositionalEncoding",
    "RMSNorm",
    "ReflectPad",
    "Rescaling",
    "Reshape",
    "Scale",
    "SeparableConv2D",
    "SimpleRNN",
    "SpatialDropout",
    "TiedDense",
    "TimeDistributed",
    "TransformerDecoder",
    "TransformerEncoder",
    "UpSampling2D",
    "ZeroPad",
]

if TYPE_CHECKING:
    from gdcore.layers.attention import *
    from gdcore.layers.convolutions import *
    from gdcore.layers.depthwise import *
    from gdcore.layers.embedding import *
    from gdcore.layers.embedding_bag import *
    from gdcore.layers.global_pooling import *
    from gdcore.layers.members import *
    from gdcore.layers.normalization import *
    from gdcore.layers.number_embeddings import *
    from gdcore.layers.pooling import *
    from gdcore.layers.recurrent import *
    from gdcore.layers.regularization import *
    from gdcore.layers.resizing import *
    from gdcore.layers.rnn import *
    from gdcore.layers.scaling import *
    from gdcore.layers.sequences import *
    from gdcore.layers.transformer import *
    from gdcore.layers.transposed import *


__getattr__, __dir__ = lazy_names(
    __name__,
    __all__,
    {name: f"gdcore.layers.{module}" for module, own in LATER.items() for name in (module, *own)},
)
