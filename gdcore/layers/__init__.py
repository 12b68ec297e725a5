"""Layers: each emits ops while it is traced.

A module's `__all__` names its layers; they are names of this package and of `gdcore`.
"""

from gdcore.layers import (
    attention,
    convolutions,
    dense,
    depthwise,
    embedding,
    embedding_bag,
    global_pooling,
    members,
    normalization,
    number_embeddings,
    pooling,
    recurrent,
    regularization,
    resizing,
    rnn,
    scaling,
    sequences,
    shape,
    transformer,
    transposed,
)
from gdcore.layers.attention import *
from gdcore.layers.base import Layer
from gdcore.layers.convolutions import *
from gdcore.layers.dense import *
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
from gdcore.layers.shape import *
from gdcore.layers.transformer import *
from gdcore.layers.transposed import *
from gdcore.lazy import lazy_names

__all__ = ["Layer"]
__all__ += attention.__all__
__all__ += convolutions.__all__
__all__ += dense.__all__
__all__ += depthwise.__all__
__all__ += embedding.__all__
__all__ += embedding_bag.__all__
__all__ += global_pooling.__all__
__all__ += members.__all__
__all__ += normalization.__all__
__all__ += pooling.__all__
__all__ += number_embeddings.__all__
__all__ += recurrent.__all__
__all__ += regularization.__all__
__all__ += resizing.__all__
__all__ += rnn.__all__
__all__ += scaling.__all__
__all__ += sequences.__all__
__all__ += shape.__all__
__all__ += transformer.__all__
__all__ += transposed.__all__

# A missing name raises an error that says what to use instead.
__getattr__, __dir__ = lazy_names(__name__, __all__, {})
