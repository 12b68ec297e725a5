"""The benchmarks measure what they say: cases are well-formed, ops alone compute their op, tables read."""

import json
import sys
from pathlib import Path

import numpy as np
import pytest

ROOT = Path(__file__).parent.parent
if not (ROOT / "bench" / "cases.py").exists():
    pytest.skip("bench/ is not part of this distribution", allow_module_level=True)
sys.path.insert(0, str(ROOT))

from bench import measure, ops, peers, runner, threads  # noqa: E402
from bench.cases import CASES, chosen  # noqa: E402
from bench.libraries import LIBRARIES  # noqa: E402
from gdcore import runtime  # noqa: E402
from gdcore.graph.registry import OPS  # noqa: E402

ALONE = [(op.name, name) for op in OPS.values() for name, _ in ops.samples(op) if name != "large"]


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_case(case):
    x, y = case.data(1)
    assert x.shape == (case.batch, case.widths[0])
    assert x.dtype == np.float32
    assert y.shape == ((case.batch, case.widths[-1]) if case.loss == "mse" else (case.batch,))
    again, _ = case.data(1)
    assert (x == again).all()
    assert sum(k.size + b.size for k, b in case.weights()) == case.parameters
    assert 1 < case.target < case.reach


def test_flops_are_those_of_the_plan():
    """The plan's count holds the products' and little else, where layers are wide."""
    case = CASES["mnist"]
    model = case.model()
    model.train_on_batch(*case.data(1))
    assert case.flops < model.plan.flops(case.batch) < 1.1 * case.flops


@pytest.mark.parametrize(("name", "sample"), ALONE)
def test_op_alone(name, sample):
    op = OPS[name]
    how = dict(ops.samples(op))[sample]
    alone = ops.Alone(op, how)
    alone.run(2)
    want = op.reference(
        *(a if a.dtype.kind == "i" else a.astype(np.float64) for a in alone.inputs), **how.attrs
    )
    np.testing.assert_allclose(
        alone.output(), want, rtol=2e-4, atol=2e-5 * max(1.0, np.abs(want).max())
    )
    assert alone.nbytes > 0


def test_every_op_is_timed():
    missing = {
        o.name
        for o in OPS.values()
        if o.reference and o.samples and "large" not in dict(ops.samples(o))
    }
    assert not missing, f"add a large sample of {missing} to bench/ops.py"


@pytest.mark.parametrize("name", [n for n in LIBRARIES if n in ("gdcore", "scikit-learn")])
@pytest.mark.parametrize("case", [CASES["tiny"], CASES["online"]], ids=lambda c: c.name)
def test_libraries_begin_alike(name, case, monkeypatch):
    monkeypatch.setattr(runtime, "_threads", runtime._threads)  # a library sets it, for its process
    library = LIBRARIES[name]
    if not library.installed():
        pytest.skip(f"{name} is not installed")
    x, y = case.data(3)
    own, made = case.model(), library(case, 1)
    for i in range(0, len(x), case.batch):
        a, b = x[i : i + case.batch], y[i : i + case.batch]
        want = own.train_on_batch(a, b)
        assert float(made.read(made.train(made.put(a), made.put(b)))) == pytest.approx(
            want, rel=peers.SAME
        )


def test_process():
    got = measure.in_process("bench.runner", "gdcore", "predict 1", "--seconds", "0.001", threads=1)
    assert got["seconds"] > 0
    assert len(got["check"]) == runner.CHECKED
    with pytest.raises(measure.Failed, match="invalid choice"):
        measure.in_process("bench.runner", "gdcore", "nothing", threads=1)


def test_table_of_peers():
    """The best peer is the one that gdcore is ahead of by least, and decides."""
    case = CASES["mnist"]
    m = peers.Measured(
        "mnist",
        own={1: [1e-3, 1.1e-3]},
        peers={"torch@1": [2e-3], "jax@1": [3e-3]},
        ratios={1: {"torch@1": [2.0, 1.8], "jax@1": [3.0, 2.7]}},
    )
    assert m.best(1)[0] == "torch@1"
    assert peers.holds(m, case, 1)
    (row,) = peers.rows(m, case, [1], ["torch", "jax"], {})
    assert row[-1] == "yes"
    assert row[-5] == "torch@1"
    m.ratios[1]["jax@1"] = [1.2, 1.3]
    assert not peers.holds(m, case, 1)
    json.dumps(m.ratios)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(6.904e-6, "6.90"), (1.079e-4, "108"), (0.0123456, "12,346"), (9.5e-7, "0.950")],
)
def test_microseconds(seconds, text):
    assert peers.short(seconds) == text


def test_write_into(tmp_path):
    path = tmp_path / "page.md"
    path.write_text("above\n<!-- here -->\nold\n<!-- /here -->\nbelow\n")
    peers.write_into(path, "here", "new")
    assert path.read_text() == "above\n<!-- here -->\nnew\n<!-- /here -->\nbelow\n"
    with pytest.raises(SystemExit, match="has no"):
        peers.write_into(path, "there", "new")


def test_unknown_case():
    with pytest.raises(SystemExit, match="unknown case 'nist'"):
        chosen("tiny,nist")


def test_threshold():
    def cell(flops, ratio):
        return threads.Cell(1, 1, flops, 1.0, ratio)

    assert (
        threads.threshold(
            [cell(10, 0.5), cell(20, 1.1), cell(30, 0.9), cell(40, 1.2), cell(50, 1.5)]
        )
        == 40
    )
    assert threads.threshold([cell(10, 1.5), cell(20, 0.9)]) is None
