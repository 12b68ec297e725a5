"""ONNX files: models for other programs, and other programs' models for gdcore.

`save` writes what a model computes in prediction; `load` makes a model of a feed-forward ONNX graph,
to be asked or trained further. Both need the extra: ``pip install "gdcore[onnx]"``.

Examples
--------
>>> import gdcore as gd, tempfile, os
>>> model = gd.Sequential([gd.Input(3), gd.Dense(4, activation="relu"), gd.Dense(2)])
>>> path = os.path.join(tempfile.mkdtemp(), "model.onnx")
>>> gd.onnx.save(model, path)
>>> x = [[1.0, 2.0, 3.0]]
>>> bool(abs(gd.onnx.load(path).predict(x) - model.predict(x)).max() < 1e-6)
True
"""

from gdcore.onnx.load import load
from gdcore.onnx.save import save

__all__ = ["load", "save"]
