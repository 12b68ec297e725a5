"""Tables: numbers, categories, booleans, dates and missing values in, predictions out.

>>> import gdcore as gd
>>> rows = {"size": [30.0, 45.0, 80.0, 95.0] * 6, "sea": ["near", "far", "near", "far"] * 6,
...         "price": [200.0, 180.0, 460.0, 400.0] * 6}
>>> model = gd.tabular.fit(rows, target="price", hidden=[16], lr=0.01, verbose=0)
>>> float(round(model.predict({"size": [80.0], "sea": ["near"]})[0] / 460, 1))
1.0
"""

from gdcore.tabular.column import TableWarning
from gdcore.tabular.encoding import Encoder, Features
from gdcore.tabular.importance import Importance
from gdcore.tabular.model import TableModel
from gdcore.tabular.reading import read
from gdcore.tabular.report import Report
from gdcore.tabular.table import Table
from gdcore.tabular.training import fit

__all__ = [
    "Encoder",
    "Features",
    "Importance",
    "Report",
    "Table",
    "TableModel",
    "TableWarning",
    "fit",
    "read",
]
