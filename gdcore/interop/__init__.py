"""Weights of PyTorch and Keras models in gdcore models, and back.

Layers are matched in order, or by name where all names agree, and each array is brought into the
other side's layout. Nothing is copied unless everything fits.
"""

from gdcore.interop.keras_weights import from_keras, to_keras
from gdcore.interop.torch_weights import from_torch, to_torch

__all__ = ["from_keras", "from_torch", "to_keras", "to_torch"]
