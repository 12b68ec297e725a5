"""How a loop reads and writes: weights packed once for all steps, sequences where they lie."""

import numpy as np
from loops import Weights, lstm, unrolled, wide

import gdcore as gd
from gdcore import ops
from gdcore.graph.differentiate import gradients

FIRST, BEFORE, KEEP, AFTER, CARRY, LAST = range(6)  # when a move is made, as in csrc/ops/scan.c


def test_packed_weights_give_the_bits_of_steps_written_out():
    results = []
    for way in (ops.scan, unrolled):
        g = Weights()
        body, h, x = wide(g)
        results.append(g.run([way(body, h, x)[1]], 32))
    assert results[0][0].tobytes() == results[1][0].tobytes()


def test_sequences_are_read_and_written_where_they_lie():
    """A move is there for the carries alone; what is carried and put out is written once for each."""
    g = Weights()
    body, carries, z = lstm(g)
    (h, _), _ = ops.scan(body, carries, z)
    plan = g.plan([h, *gradients(ops.sum(h), g.real)])
    for loop in (i for i in plan.instructions if i.kernel == "scan"):
        moves = [loop.attrs[7 + 8 * i] for i in range(loop.attrs[6])]
        assert BEFORE not in moves and AFTER not in moves
        assert {FIRST, CARRY} <= set(moves) <= {FIRST, KEEP, CARRY, LAST}
        assert not any(i.kernel == "copy" for i in loop.body.instructions)


def test_gates_of_two_products_are_pieces_of_both():
    """A slice that two sums have in common is written to both, and no zeros are added."""
    model = gd.Sequential([gd.Input((5, 3)), gd.GRU(8), gd.Dense(1)]).compile("adam", "mse")
    model.train_on_batch(np.zeros((4, 5, 3), np.float32), np.zeros((4, 1), np.float32))
    (_, back) = model.plan.bodies()
    assert len(back.instructions) <= 4
