"""Products in bfloat16 within attention and within the steps of loops."""

import numpy as np
import pytest
from harness import ISAS, graph_runner
from loops import B, Weights

from gdcore import _core, compute, ops
from gdcore.graph.differentiate import gradients
from gdcore.graph.ops.leaves import input_value

WAYS = (compute.IN_FLOAT32, compute.BY_INSTRUCTIONS)[: 1 + _core.bf16_supported()]


@pytest.mark.parametrize("features", [8, 40])
@pytest.mark.parametrize("causal", [False, True])
def test_attention_rounds_what_it_multiplies(causal, features):
    """Several blocks, odd numbers of keys and masked ones: near float64; the bits are those of float32 code."""
    rng = np.random.default_rng(features)
    shapes = [(2, 140, 2, features), (2, 161, 1, features), (2, 161, 1, features + 1)]
    arrays = [rng.normal(size=s) for s in shapes]
    mask = np.arange(161) < np.array([[161], [93]])
    leaves = [input_value(a.shape, f"x{i}") for i, a in enumerate(arrays)]
    y = ops.attention(*leaves, mask=mask.astype(np.float64), causal=causal)
    values = [y, *gradients(ops.sum(ops.square(y)), leaves)]
    want = graph_runner(leaves, values, 64)(arrays)
    found = {}
    for isa in ISAS:
        for how in WAYS:
            for threads in (1, 2):
                run = graph_runner(leaves, values, 32, isa, threads, bfloat16=how)
                got = found[isa, how, threads] = run(arrays)
                for a, b in zip(got, want, strict=True):
                    assert 1e-4 < np.linalg.norm(a - b) / np.linalg.norm(b) < 1e-2
    for isa in ISAS:
        ways = WAYS if isa == "neon" else (None,)  # BFDOT rounds otherwise
        for way in ways:
            same = [v for (i, how, _), v in found.items() if i == isa and way in (None, how)]
            assert len({b"".join(x.tobytes() for x in v) for v in same}) == 1


@pytest.mark.parametrize("isa", ISAS)
@pytest.mark.parametrize("units", [7, 40, 1030])
def test_a_loop_packs_its_weights_for_all_steps(isa, units):
    """A row's bits are those that it has in a block of few rows, for which nothing is packed."""
    g = Weights()
    weights = g.w(units, units) * (2.0 / np.sqrt(units))
    x = g.x(3 if units > 1000 else 5, units)

    def body(h, element):
        h = ops.tanh(h @ weights + element)
        return h, h

    _, every = ops.scan(body, ops.broadcast_to(np.zeros(units), (B, units)), x)
    values = [every, *gradients(ops.sum(ops.square(every)), [x])]
    for how in WAYS:
        whole = g.run(values, 32, isa, 2, bfloat16=how)
        few = g.run(values, 32, isa, rows=2, bfloat16=how)
        for a, b in zip(whole, few, strict=True):
            assert a[:2].tobytes() == b.tobytes()
