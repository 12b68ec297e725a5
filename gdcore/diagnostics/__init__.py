"""What goes on in a network: is it learning, how fast can it, what has it learned.

Nothing here changes a model: whatever is run, runs on a copy of its weights.
"""

from __future__ import annotations

from gdcore.diagnostics.attribution import (
    Importance,
    input_gradients,
    integrated_gradients,
    permutation_importance,
)
from gdcore.diagnostics.gradient_check import GradientCheck, TensorCheck, check_gradient
from gdcore.diagnostics.landscape import LossLine, LossSurface, interpolate, loss_landscape
from gdcore.diagnostics.learning_rate import RangeTest, lr_find
from gdcore.diagnostics.monitor import Monitor, diagnose
from gdcore.diagnostics.statistics import LayerStatistics, ParameterStatistics, Snapshot
from gdcore.diagnostics.verdict import THRESHOLDS, Finding, Report

__all__ = [
    "THRESHOLDS",
    "Finding",
    "GradientCheck",
    "Importance",
    "LayerStatistics",
    "LossLine",
    "LossSurface",
    "Monitor",
    "ParameterStatistics",
    "RangeTest",
    "Report",
    "Snapshot",
    "TensorCheck",
    "check_gradient",
    "diagnose",
    "input_gradients",
    "integrated_gradients",
    "interpolate",
    "loss_landscape",
    "lr_find",
    "permutation_importance",
]
