"""Tables: numbers, categories, booleans, dates, sentences and missing values in, predictions out.

>>> import gdcore as gd
>>> rows = {"size": [30.0, 45.0, 80.0, 95.0] * 6, "sea": ["near", "far", "near", "far"] * 6,
...         "price": [200.0, 180.0, 460.0, 400.0] * 6}
>>> model = gd.tabular.fit(rows, target="price", hidden=[16], lr=0.01, verbose=0)
>>> float(round(model.predict({"size": [80.0], "sea": ["near"]})[0] / 460, 1))
1.0

`TableClassifier` and `TableRegressor` are scikit-learn estimators, and need the extra `sklearn`.
"""

from typing import TYPE_CHECKING

from gdcore.lazy import lazy_names
from gdcore.tabular.column import TableWarning
from gdcore.tabular.encoding import Encoder, Features
from gdcore.tabular.importance import Importance
from gdcore.tabular.model import TableModel
from gdcore.tabular.reading import read
from gdcore.tabular.report import Report
from gdcore.tabular.table import Table
from gdcore.tabular.training import fit

if TYPE_CHECKING:
    from gdcore.estimators.tables import TableClassifier, TableRegressor

__all__ = [
    "Encoder",
    "Features",
    "Importance",
    "Report",
    "Table",
    "TableClassifier",
    "TableModel",
    "TableRegressor",
    "TableWarning",
    "fit",
    "read",
]

__getattr__, __dir__ = lazy_names(  # they import scikit-learn
    __name__,
    __all__,
    dict.fromkeys(("TableClassifier", "TableRegressor"), "gdcore.estimators.tables"),
)
