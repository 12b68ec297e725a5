"""The table of peers: which rows hold, and what is said of those that do not."""

import json
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
if not (ROOT / "bench" / "cases.py").exists():
    pytest.skip("bench/ is not part of this distribution", allow_module_level=True)
sys.path.insert(0, str(ROOT))

from bench import peers, study  # noqa: E402
from bench.cases import CASES  # noqa: E402
from bench.peak import Peak  # noqa: E402


def test_table_of_peers():
    """The peer that gdcore is ahead of by least decides, in more than half of the runs."""
    case = CASES["mnist"]
    m = peers.Measured(
        "mnist",
        own={1: [1.6e-3, 1.7e-3, 1.6e-3]},
        peers={"torch@1": [2e-3], "jax@1": [3e-3]},
        ratios={1: {"torch@1": [2.0, 1.8, 1.0], "jax@1": [3.0, 2.7, 3.0]}},
    )
    record = {
        "setting": study.setting(),
        "fit": False,
        "peak": {"1": {"gflops": 400.0, "bandwidth": 10.0}},
        "measured": [vars(m)],
    }
    record = json.loads(json.dumps(record))
    assert peers.Measured.of(record["measured"][0]) == m
    assert m.best(1)[0] == "torch@1"
    assert peers.holds(m, case, 1, "float32", {})
    (row,) = peers.rows(m, case, [1], ["torch", "jax"], "float32", {})
    assert row[-1] == "yes, 2 of 3"
    assert row[-6] == "torch@1"
    assert peers.missed(record) == []
    assert "| torch@1 |" in peers.show(record)
    m.ratios[1]["jax@1"] = [1.2, 1.3, 3.0]
    assert not peers.holds(m, case, 1, "float32", {})
    record["measured"][0]["ratios"]["1"]["jax@1"] = [1.2, 1.3, 3.0]
    assert peers.missed(record) == ["mnist on 1: ratio 1.20, asked 1.7"]
    record["peak"]["1"]["gflops"] = 1.6 * case.flops / 2e-3 * 1e-9
    assert peers.missed(record)[0].endswith("at the machine's peak would be 1.60 times faster")
    record["compute"] = "bfloat16"
    assert "at the machine's peak" in peers.missed(record)[0]
    assert "asked 2.2" in peers.missed(record)[0]
    top = {1: Peak(100.0, 10.0, bfloat16=1.1 * case.flops / 1.6e-3 * 1e-9)}
    assert peers.of_peak(m, case, 1, "bfloat16", top) == pytest.approx(1 / 1.1)
    assert peers.holds(m, case, 1, "bfloat16", top)
