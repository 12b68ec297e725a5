"""The loss of an output whose steps have a mask: the mean over the steps that count."""

from __future__ import annotations

from gdcore import ops
from gdcore.graph.dims import Batch, Shape, size
from gdcore.graph.ir import Value
from gdcore.losses.base import Loss


def loss_of(loss: Loss, output: Value, target: Value, weights: Value | None) -> Value:
    """The loss of a batch, a scalar; of a masked output each step that counts is taken as a sample.

    Raises
    ------
    ValueError
        If the output has a mask and the targets are not one for each step, or the loss does not give
        one number for each.
    """
    mask = ops.mask_of(output)
    if mask is None:
        return loss.total(output, target, weights)
    name, lead = loss.config()["name"], mask.ndim
    if target.shape[:lead] != mask.shape:
        raise ValueError(
            f"the loss {name!r} of an output with a mask of shape {mask.shape} got targets of shape "
            f"{target.shape}: expected one for each step (or drop the mask with gd.ops.drop_mask)"
        )
    rows = size(mask.shape)
    assert isinstance(rows, Batch)

    def by_step(x: Value) -> Value:
        shape: Shape = (rows, *x.shape[lead:])
        return ops.reshape(x, shape)

    each = loss(by_step(ops.drop_mask(output)), by_step(target))
    if each.shape != (rows,):
        raise ValueError(
            f"the loss {name!r} returned shape {each.shape} for {rows} steps of an output with a mask: expected "
            "one number for each, of which those that count are averaged (or drop the mask with "
            "gd.ops.drop_mask)"
        )
    counts = mask if weights is None else mask * ops.reshape(weights, (-1, *[1] * (lead - 1)))
    return ops.sum(each * by_step(counts)) / ops.maximum(ops.sum(mask), 1.0)
