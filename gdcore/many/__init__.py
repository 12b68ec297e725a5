"""Many small models trained side by side, each thread its own."""

from gdcore.many.results import Interrupted, Results, Run
from gdcore.many.train import fit_many

__all__ = ["Interrupted", "Results", "Run", "fit_many"]
