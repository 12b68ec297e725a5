"""ONNX files: models for other programs.

`save` writes what a model computes in prediction. It needs the extra: ``pip install gdcore[onnx]``.
"""

from gdcore.onnx.save import save

__all__ = ["save"]
