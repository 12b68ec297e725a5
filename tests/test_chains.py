"""The chains that C has as one loop: every one of them computes the bits of its operations one by one."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from gdcore import _core
from gdcore.graph import plan
from gdcore.graph.dims import broadcast
from gdcore.graph.ir import OPS, Value
from gdcore.graph.ops.leaves import input_value
from gdcore.graph.passes import chains
from tests.harness import ISAS, run_graph

ROOT = Path(__file__).parent.parent
NUMBERS = {"leaky_relu": {"slope": 0.3}, "elu": {"alpha": 0.7}}


@pytest.mark.skipif(not (ROOT / "csrc").exists(), reason="tests beside a wheel, without its source")
def test_chains_h_is_what_its_maker_would_write():
    made = subprocess.run(
        [sys.executable, str(ROOT / "csrc/make_chains.py"), "--check"],
        capture_output=True,
        text=True,
    )
    assert made.returncode == 0, made.stderr


def test_a_key_tells_inputs_outputs_and_operations():
    code = [31, 3, 0, 1, 0, 18, 2, 3, 0, 0]
    assert chains.chain_key([False, True], 1, ["mul", "relu"], code) == "vs>1:mul 3 0 1;relu 2 3"


def test_no_loop_is_written_for_random_numbers():
    with pytest.raises(ValueError, match="random numbers"):
        chains.as_c("v>1:random_uniform 2 0;add 1 0 2", 0)


def graph_of(key: str, rows: int, columns: int, repeated: bool) -> tuple[list[Value], list[Value]]:
    """A chain as a graph: leaves and outputs. If `repeated`, its second vector is one row for all rows,
    and its numbers are the same for all rows."""
    head, body = key.split(":")
    kinds, n_out = head.split(">")
    leaves = [
        input_value(
            (1,)
            if kind == "s" and repeated
            else (rows, 1)
            if kind == "s"
            else (columns,)
            if k == 1 and repeated
            else (rows, columns),
            f"x{k}",
        )
        for k, kind in enumerate(kinds)
    ]
    value = dict(enumerate(leaves))
    for step in body.split(";"):
        name, to, *operands = step.split()
        inputs = tuple(value[int(r)] for r in operands)
        shape = broadcast(*(x.shape for x in inputs))
        value[int(to)] = Value(OPS[name], inputs, NUMBERS.get(name, {}), shape)
    return leaves, [value[len(kinds) + k] for k in range(int(n_out))]


@pytest.mark.parametrize("repeated", [False, True])
@pytest.mark.parametrize("columns", [3, 16, 45, 520])
@pytest.mark.parametrize("bits", [32, 64])
@pytest.mark.parametrize("isa", ISAS)
def test_a_chain_has_the_bits_of_its_operations(isa, bits, columns, repeated, monkeypatch):
    ran = set()
    known = plan.CODES

    class Watched(dict):
        def get(self, key, default=None):
            ran.add(key)
            return super().get(key, default)

    for key in _core.chain_keys():
        leaves, outputs = graph_of(key, 6, columns, repeated)
        rng = np.random.default_rng(1)
        arrays = [rng.uniform(0.1, 2.0, v.shape) * rng.choice([1, 1, 1, -1]) for v in leaves]
        monkeypatch.setattr(plan, "CODES", known._replace(chains=Watched(known.chains)))
        looped = run_graph(leaves, arrays, outputs, bits, isa)
        monkeypatch.setattr(plan, "CODES", known._replace(chains={}))
        for a, b in zip(looped, run_graph(leaves, arrays, outputs, bits, isa), strict=True):
            np.testing.assert_array_equal(a, b, err_msg=key)
    assert len(ran & set(known.chains)) > len(known.chains) / 2  # and not something else
