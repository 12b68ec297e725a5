"""What training minimizes: the losses of all outputs and the penalties of parameters, as one value."""

from __future__ import annotations

from collections.abc import Sequence

from gdcore import ops
from gdcore.data.dataset import TargetSpec
from gdcore.engine.network import Network
from gdcore.engine.settings import CompileSettings
from gdcore.graph.dims import Batch
from gdcore.graph.ir import Value
from gdcore.graph.ops.leaves import input_value
from gdcore.layers.base import Parameter
from gdcore.losses.masked import loss_of


def target_leaves(targets: Sequence[TargetSpec]) -> list[Value]:
    """Input leaves for the targets."""
    return [
        input_value((Batch(1), *t.shape), f"y{i}" if i else "y", t.dtype)
        for i, t in enumerate(targets)
    ]


def total_loss(
    network: Network,
    settings: CompileSettings,
    targets: Sequence[Value],
    weights: Value | None,
    trained: Sequence[Parameter],
) -> Value:
    """The scalar that training minimizes: the weighted losses of all outputs, plus L1 and L2 penalties.

    Raises
    ------
    ValueError
        If a loss returns anything but a scalar or one number for each sample.
    """
    total: Value | None = None
    for loss, factor, output, target in zip(
        settings.losses, settings.loss_weights, network.traced, targets, strict=True
    ):
        part = loss_of(loss, output, target, weights)
        part = part if factor == 1.0 else part * factor
        total = part if total is None else total + part
    assert total is not None
    for p in trained:
        if p.l1:
            total = total + p.l1 * ops.sum(ops.abs(p.leaf))
        if p.l2:
            total = total + p.l2 * ops.sum(ops.square(p.leaf))
    return total
