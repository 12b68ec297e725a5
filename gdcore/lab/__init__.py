"""Experiments: the same network trained under settings that differ, over several seeds, compared.

>>> import gdcore as gd
>>> (x, y), held = gd.datasets.digits()
>>> result = gd.lab.compare(None, x, y, {"lr": [1e-3, 1e-2]}, epochs=2, seeds=2, verbose=0)
>>> [row["lr"] for row in result.rows]
[0.001, 0.01]
"""

from __future__ import annotations

from gdcore.lab.compare import compare
from gdcore.lab.networks import mlp
from gdcore.lab.results import Comparison, Trial

Run = Trial  # its name before `gd.fit_many`, whose `Run` is another class

__all__ = ["Comparison", "Run", "Trial", "compare", "mlp"]
