"""Pictures of training, of diagnostics and of results.

Every function that draws takes `ax=`, draws on a new figure without it, and returns the axes.
Matplotlib is imported when the first is drawn.
"""

from __future__ import annotations

from gdcore.plots.comparison import comparison, learning_curves
from gdcore.plots.evaluation import attribution, confusion_matrix, importance, residuals, weights
from gdcore.plots.flow import gradient_flow, landscape, loss_line, over_steps, range_test
from gdcore.plots.graph import Drawing, graph
from gdcore.plots.images import batch
from gdcore.plots.style import check_path, require_matplotlib
from gdcore.plots.training_curves import curve, curves

__all__ = [
    "Drawing",
    "attribution",
    "batch",
    "check_path",
    "comparison",
    "confusion_matrix",
    "curve",
    "curves",
    "gradient_flow",
    "graph",
    "importance",
    "landscape",
    "learning_curves",
    "loss_line",
    "over_steps",
    "range_test",
    "require_matplotlib",
    "residuals",
    "weights",
]
