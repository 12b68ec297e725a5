"""Inputs that hold masks of sequences: which they are, and whether one holds the wrong sense of a mask."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from gdcore.graph.ir import Value, base
from gdcore.graph.ops.leaves import INPUT
from gdcore.graph.ops.masks import SEEN


def mask_inputs(values: Iterable[Value]) -> set[Value]:
    """Those of some values that are inputs (samples, steps) and read as a mask, by a layer or by attention."""
    found = {base(v.inputs[0]) for v in values if v.op is SEEN}
    return {v for v in found if v.op is INPUT and v.ndim == 2}


def check_mask(mask: np.ndarray, name: str) -> None:
    """Raises ValueError for a mask that is added to scores, or that says what is left out.

    A mask of what is left out shows itself in a batch of padded sequences: of each the first steps are 0 and those
    behind its end 1, and of the longest all are 0. As a mask of what counts, padded in front, its longest sequence
    would have all steps.

    Parameters
    ----------
    mask : ndarray (samples, steps)
    name : str
        Of the input.
    """
    if not mask.size or mask.ndim != 2:
        return
    if mask.min() < 0:
        raise ValueError(
            f"input {name!r} holds {mask.min()}, and is a mask of the steps that count: expected 1 where a step "
            "counts and 0 where it does not; of a mask that is added to scores, 0 and -inf, it is mask == 0"
        )
    seen = mask > 0
    some, every = seen.any(1), seen.all(1)
    rising = not (seen[:, :-1] & ~seen[:, 1:]).any()
    if rising and some.any() and not some.all() and not every.any():
        raise ValueError(
            f"input {name!r} is a mask of what is left out: 1 behind the end of each sequence, and only 0 for the "
            "longest; expected the other sense, 1 where a step counts and 0 where it does not, which is 1 - mask"
        )
