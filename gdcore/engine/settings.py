"""What `compile` settles, as the engine takes it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from gdcore.losses import Loss
from gdcore.metrics import Metric
from gdcore.optimizers import Optimizer


@dataclass(frozen=True, eq=False, repr=False)
class CompileSettings:
    """What `compile` settles.

    Attributes
    ----------
    optimizer : Optimizer or None
    losses : sequence of Loss
        One for each output; none where the model was not compiled.
    loss_weights : sequence of float
        The factor of each.
    metrics : sequence of Metric
        Of the first output.
    loss_names : sequence of str or None
        The outputs that the losses are for, where they were given by name, until their order is known.
    """

    optimizer: Optimizer | None = None
    losses: Sequence[Loss] = ()
    loss_weights: Sequence[float] = ()
    metrics: Sequence[Metric] = ()
    loss_names: Sequence[str] | None = None
