"""The settings of `Model.compile`, resolved to objects."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from gdcore.losses import Loss
from gdcore.losses.by_output import places_of
from gdcore.metrics import Metric
from gdcore.optimizers import Optimizer


@dataclass(frozen=True, eq=False, repr=False)
class CompileSettings:
    """The settings of `Model.compile`.

    Attributes
    ----------
    optimizer : Optimizer or None
    losses : sequence of Loss
        One for each output; none where the model was not compiled.
    loss_weights : sequence of float
        The factor of each loss in the total.
    metrics : sequence of Metric
        Of the first output.
    compute : {"float32", "bfloat16"}
        What the factors of products are rounded to; everything else is computed in the model's dtype.
    loss_names : sequence of str or None
        Names of the outputs, if the losses were given by name and the network is not traced yet; else None.
    """

    optimizer: Optimizer | None = None
    losses: Sequence[Loss] = ()
    loss_weights: Sequence[float] = ()
    metrics: Sequence[Metric] = ()
    loss_names: Sequence[str] | None = None
    compute: str = "float32"

    def sorted_by(self, names: Sequence[str] | None, outputs: int) -> CompileSettings:
        """These settings with losses that were given by name in the order of the outputs."""
        if self.loss_names is None:
            return self
        at = places_of(self.loss_names, names, outputs)
        return replace(
            self,
            losses=[self.losses[i] for i in at],
            loss_weights=[self.loss_weights[i] for i in at],
            loss_names=None,
        )
