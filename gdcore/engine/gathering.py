"""Rows of a data set as a step gets them: gathered by the same code, into an array."""

from __future__ import annotations

import numpy as np

from gdcore.data.arrays import Rows
from gdcore.data.stream import Stream, streams
from gdcore.engine.session import BUFFER_NAMES, CONSTANTS, INPUTS, Session
from gdcore.graph.dims import Batch
from gdcore.graph.ops.identities import broadcast_to
from gdcore.graph.ops.leaves import input_value
from gdcore.graph.plan import make_plan
from gdcore.graph.program import Place


def gathered(rows: Rows, count: int, bits: int = 32) -> np.ndarray:
    """The first rows as float32, or float64 with `bits` 64; changed where `AugmentedImages.drawn` says so.

    Parameters
    ----------
    rows : (n, ...) rows of any kind
    count : int
        Of them, at least 1 and at most n.
    bits : {32, 64}

    Returns
    -------
    (count, ...) array
    """
    shape = (Batch(1), *rows.shape[1:])
    leaf = input_value(shape, "x")
    out = broadcast_to(leaf, shape) + 0.0
    places = {leaf: Place(INPUTS, 0)}
    plan = make_plan([out], [], {}, places.get, count, bits, CONSTANTS, BUFFER_NAMES)
    session = Session(plan, [leaf], [out], None, {})
    fed, held = [(rows, 1.0)], len(rows)
    if streams(rows):
        fed, _, held = Stream(fed, None, count, count).steps(0, 1)
    made = np.empty((count, *rows.shape[1:]), session.real)
    session.run(fed, held, count, steps=1, outputs=[made.reshape(count, -1)])
    return made
