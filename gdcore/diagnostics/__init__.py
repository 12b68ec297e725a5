"""What goes on in a network: is it learning, how fast can it, what has it learned.

Nothing here changes a model: what has to be run runs on a copy of its numbers.
"""

from __future__ import annotations

from gdcore.diagnostics.monitor import Monitor, diagnose
from gdcore.diagnostics.statistics import LayerStatistics, ParameterStatistics, Snapshot
from gdcore.diagnostics.verdict import THRESHOLDS, Finding, Report

__all__ = [
    "THRESHOLDS",
    "Finding",
    "LayerStatistics",
    "Monitor",
    "ParameterStatistics",
    "Report",
    "Snapshot",
    "diagnose",
]
