"""Losses of several outputs: one for each, as a list in their order or a dict by their names."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from gdcore.losses import get
from gdcore.losses.base import Loss


def losses_of(loss: Any, loss_weights: Any) -> tuple[list[Loss], list[float], list[str] | None]:
    """The losses, the factor of each, and the names of their outputs where these were given.

    Raises
    ------
    ValueError, TypeError
        For an unknown loss, or `loss_weights` that do not match the losses.
    """
    names = [str(k) for k in loss] if isinstance(loss, Mapping) else None
    if isinstance(loss, Mapping):
        several = list(loss.values())
    else:
        several = list(loss) if isinstance(loss, list | tuple) else [loss]
    losses = [get(f) for f in several]
    if loss_weights is None:
        return losses, [1.0] * len(losses), names
    if isinstance(loss_weights, Mapping):
        if names is None or {str(k) for k in loss_weights} != set(names):
            raise ValueError(
                f"compile loss_weights name the outputs {sorted(map(str, loss_weights))} and the "
                f"losses {'none' if names is None else sorted(names)}: expected the same names"
            )
        loss_weights = [loss_weights[k] for k in loss]
    weights = [float(w) for w in loss_weights]
    if len(weights) != len(losses):
        raise ValueError(
            f"compile got {len(losses)} losses and {len(weights)} loss_weights: expected as many"
        )
    for w in weights:
        if not 0 <= w < float("inf"):
            raise ValueError(f"compile loss_weights hold {w}: expected numbers of at least 0")
    return losses, weights, names


def places_of(names: Sequence[str], outputs: Sequence[str] | None, count: int) -> list[int]:
    """For each output, in order, the place of its loss among `names`.

    Raises
    ------
    ValueError
        If the network's outputs have other names, or none.
    """
    if outputs is None and count == len(names) == 1:
        return [0]
    if outputs is None or sorted(names) != sorted(outputs):
        have = f"{count} without names" if outputs is None else ", ".join(map(repr, outputs))
        raise ValueError(
            f"compile names losses of the outputs {', '.join(map(repr, names))}, and the network's "
            f"outputs are {have}: "
            + ("give the losses as a list" if outputs is None else "expected one for each")
        )
    return [names.index(name) for name in outputs]
