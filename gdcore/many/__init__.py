"""Many small models trained in parallel, one on each thread."""

from gdcore.many.results import Interrupted, Results, Run
from gdcore.many.train import fit_many

__all__ = ["Interrupted", "Results", "Run", "fit_many"]
