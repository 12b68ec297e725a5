"""The benchmarks measure what they say: cases are well-formed, ops alone compute their op, tables read."""

import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

ROOT = Path(__file__).parent.parent
if not (ROOT / "bench" / "cases.py").exists():
    pytest.skip("bench/ is not part of this distribution", allow_module_level=True)
sys.path.insert(0, str(ROOT))

from bench import (  # noqa: E402
    cliffs,
    compare,
    inputs,
    instructions,
    many,
    measure,
    ops,
    peers,
    predict,
    products,
    roofline,
    runner,
    scaling,
    startup,
    study,
    threads,
)
from bench.cases import CASES, chosen  # noqa: E402
from bench.libraries import LIBRARIES  # noqa: E402
from bench.peak import Peak  # noqa: E402
from gdcore import runtime  # noqa: E402
from gdcore.graph.ir import OPS  # noqa: E402

COMPILES = ("torch.compile", "keras")  # which takes them seconds
ALIKE = ("tiny", "online", "lenet", "lstm", "gru", "bilstm", "transformer", "bag", "separable")
SMALL = [replace(CASES[n], batch=min(CASES[n].batch, 8)) for n in ALIKE]
ALONE = [(op.name, name) for op in OPS.values() for name, _ in ops.samples(op) if name != "large"]


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_case(case):
    x, y = case.data(1)
    assert x.shape == (case.batch, *case.network.inputs)
    assert x.dtype == (np.int32 if case.network.tokens else np.float32)
    assert y.shape == ((case.batch, case.outputs) if case.loss == "mse" else (case.batch,))
    again, _ = case.data(1)
    assert (x == again).all()
    model = case.model(same_weights=False)
    assert sum(a.size for a in model.state_dict().values()) >= case.parameters
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


@pytest.mark.parametrize("name", [n for n in LIBRARIES if n not in COMPILES])
@pytest.mark.parametrize("case", SMALL, ids=ALIKE)
def test_libraries_begin_alike(name, case, monkeypatch):
    monkeypatch.setattr(runtime, "_threads", runtime._threads)  # a library sets it, for its process
    library = LIBRARIES[name]
    if not library.installed():
        pytest.skip(f"{name} is not installed")
    if not library.can(case, "loop"):
        pytest.skip(f"{name} has no such network")
    x, y = case.data(3)
    own, made = case.model(), library(case, 1)
    for i in range(0, len(x), case.batch):
        a, b = x[i : i + case.batch], y[i : i + case.batch]
        want = own.train_on_batch(a, b)
        assert float(made.read(made.train(made.put(a), made.put(b)))) == pytest.approx(
            want, rel=peers.SAME[getattr(library, "compute", "float32")]
        )


def test_process():
    got = measure.in_process("bench.runner", "gdcore", "predict 1", "--seconds", "0.001", threads=1)
    assert got["seconds"] > 0
    assert len(got["check"]) == runner.CHECKED
    with pytest.raises(measure.Failed, match="invalid choice"):
        measure.in_process("bench.runner", "gdcore", "nothing", threads=1)


def test_worker():
    with measure.Worker("bench.many", "--serve", threads=1) as worker:
        ask = {"threads": 1, "case": "tiny", "networks": 2, "epochs": 1}
        one, other = (worker.ask({"way": way, **ask}) for way in many.WAYS)
        assert one["digest"] == other["digest"]
        with pytest.raises(measure.Failed, match=r"bench\.many --serve ended with status 1"):
            worker.ask({"way": "none", **ask})


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(6.904e-6, "6.90"), (1.079e-4, "108"), (0.0123456, "12,346"), (9.5e-7, "0.950")],
)
def test_microseconds(seconds, text):
    assert peers.short(seconds) == text


def test_write_into(tmp_path):
    path = tmp_path / "page.md"
    path.write_text("above\n<!-- here -->\nold\n<!-- /here -->\nbelow\n")
    study.write_into(path, "here", "new")
    assert path.read_text() == "above\n<!-- here -->\nnew\n<!-- /here -->\nbelow\n"
    with pytest.raises(SystemExit, match="has no"):
        study.write_into(path, "there", "new")


def test_unknown_case():
    with pytest.raises(SystemExit, match="unknown case 'nist'"):
        chosen("tiny,nist")


def test_threshold():
    def cell(between, ratio):
        return {"between": between, "ratios": [ratio]}

    some = [(10, 0.5), (20, 1.1), (30, 0.9), (40, 1.2), (50, 1.5)]
    assert threads.threshold([cell(*c) for c in some]) == 40
    assert threads.threshold([cell(10, 1.5), cell(20, 0.9)]) is None


# --- studies: measured at their smallest, and judged -------------------------------------

PEAKS = {1: Peak(100.0, 20.0), 2: Peak(200.0, 30.0)}
LEVELS = {
    1: {"L2": 100.0, "L3": 40.0, "memory": 20.0},
    2: {"L2": 200.0, "L3": 70.0, "memory": 30.0},
}
STUDIES = {
    products: "--isa {isa} --threads 1 --shapes 8x16x5 --rounds 1 --seconds 0.001",
    many: "--case tiny --networks 2 --epochs 1 --threads 1 --runs 1",
    inputs: "--cases tiny --threads 1 --megabytes 1 --rounds 1 --seconds 0.001",
    roofline: "--only tanh --seconds 0.001",
    scaling: "--widths 8,16 --batches 4,8 --depths 1,2 --threads 1 --most 1e5 --seconds 0.001",
    threads: "--widths 8,300 --batches 4,64 --rounds 1 --seconds 0.001",
    cliffs: "--widths 7 --batches 7 --threads 1 --rounds 1 --seconds 0.001",
    predict: "--rows 1 --rounds 1 --seconds 0.001",
    startup: "--runs 1",
}


@pytest.fixture
def at_ease(monkeypatch):
    """The machine is not measured, and of what is large only a part is."""
    for module in (products, roofline, scaling, peers):
        monkeypatch.setattr(module, "peak", lambda n, isa: {t: PEAKS[t] for t in n})
    for module in (roofline, scaling):
        monkeypatch.setattr(module, "bandwidths", lambda n, isa: {t: LEVELS[t] for t in n})
    monkeypatch.setattr(products, "LIBRARIES", {"gdcore": "gdcore", "numpy": "numpy"})
    monkeypatch.setattr(inputs, "KINDS", ("uint8",))
    monkeypatch.setattr(roofline, "ROWS", 64)
    monkeypatch.setattr(roofline, "keep_to", lambda threads: None)
    monkeypatch.setattr(roofline, "OPTIMIZERS", {"adam": roofline.OPTIMIZERS["adam"]})
    monkeypatch.setattr(roofline, "LOSSES", {"cross_entropy": None})
    monkeypatch.setattr(startup, "TIMES", {"import": startup.TIMES["import"]})
    monkeypatch.setattr(startup, "MEMORY_CASES", ())
    monkeypatch.setattr(runtime, "_threads", runtime._threads)


@pytest.mark.parametrize("module", STUDIES, ids=lambda m: m.__name__.partition(".")[2])
def test_study(module, at_ease, tmp_path, capsys):
    """It is measured, shown, judged, drawn and published, and shown again from its record."""
    if module is scaling:
        pytest.importorskip("scipy")
    pytest.importorskip("matplotlib")
    one, file = module.STUDY, tmp_path / "record.json"
    words = STUDIES[module].format(isa=runtime.ISA_NAME).split()
    status = one.main([*words, "--json", str(file), "--pictures", str(tmp_path / "pictures")])
    said = capsys.readouterr().out
    record = study.read(file)
    assert status == (1 if one.missed(record) else 0)
    assert ("everything asked holds" in said) == (status == 0)
    assert all(line in said for line in one.missed(record))
    drawn = sorted(p.stem for p in tmp_path.glob("pictures/*.png"))
    assert drawn == sorted(one.draw(record))
    assert one.main(["--from", str(file)]) == status
    assert capsys.readouterr().out == said


def test_publish(tmp_path, monkeypatch, capsys):
    """The record, the pictures and the table of the page, in one go; a page without marks is an error."""
    monkeypatch.setattr(study, "RESULTS", tmp_path / "results")
    monkeypatch.setattr(study, "PICTURES", tmp_path / "speed")
    page = tmp_path / "page.md"
    page.write_text("<!-- tried -->\n<!-- /tried -->\n")
    pytest.importorskip("matplotlib")

    def draw(record):
        made = study.figure(1, 1)
        made.suptitle("A picture")
        return {"tried-1": made}

    one = study.Study(
        "tried",
        "Tried.",
        lambda options: {"n": 1, "setting": {}},
        lambda record: f"n is {record['n']}",
        lambda record: [],
        draw=draw,
        page=page,
    )
    assert one.main(["--publish"]) == 0
    written = "![A picture](speed/tried-1.png)\n\nn is 1"
    assert page.read_text() == f"<!-- tried -->\n{written}\n<!-- /tried -->\n"
    assert (tmp_path / "speed" / "tried-1.png").exists()
    assert study.read(tmp_path / "results" / "tried.json")["n"] == 1
    page.write_text("")
    with pytest.raises(SystemExit, match="has no <!-- tried -->"):
        one.main(["--publish"])
    with pytest.raises(SystemExit, match="holds no record"):
        one.main(["--from", str(page)])


@pytest.mark.parametrize("name", ["products", "roofline", "scaling", "threads", "cliffs", "many"])
def test_the_page_has_a_place_for_every_table(name):
    assert f"<!-- {name} -->" in study.PAGE.read_text(encoding="utf-8")


def test_what_is_missed():
    """Each judgement can fail, and says by how much."""
    shape = [2048, 2048, 2048]
    grid = [
        {"product": p, "shape": shape, "seconds": {"gdcore": [1.0], "numpy": [r]}, "ratios": [r]}
        for p, r in zip(products.PRODUCTS, (2.0, 2.0, 0.5), strict=True)
    ]
    one = {"isa": "avx2", "threads": 1, "peak": 100.0, "products": grid}
    assert products.missed({"runs": [one]}) == [
        "avx2 on 1: 1 of 3 products below 0.9, the worst 0.50",
        "avx2 on 1: square 2048 at 17.2% of peak, asked 90%",
    ]
    both = {"one by one": [3.0], "at once": [2.0]}
    of_many = {"runs": [{"threads": 2, "seconds": both, "same": False}]}
    assert many.missed(of_many) == [
        "on 2: the weights differ between the two ways",
        "on 2: 1.50 times faster, asked 1.8",
    ]
    way = {"case": "tiny", "threads": 1, "kind": "uint8", "mapped": "", "alone": [1.0]}
    assert inputs.missed({"ways": [{**way, "fed": [1.04]}]}) == []
    assert inputs.missed({"ways": [{**way, "fed": [1.2]}]}) == [
        "tiny on 1, uint8: held back by 20.0%, at most 5%"
    ]
    pair = {
        "what": "width",
        "size": 45,
        "threads": 1,
        "seconds": [[1.0], [1.3]],
        "flops": [100, 104],
    }
    assert cliffs.step_up(pair) == pytest.approx(1.25)
    assert len(cliffs.missed({"pairs": [pair, {**pair, "seconds": [[1.0], [1.05]]}]})) == 1
    slow = {"width": 8, "batch": 8, "flops": 9, "threads": 2, "ratios": [0.8]}
    assert len(threads.missed({"forced": False, "cells": [slow, {**slow, "ratios": []}]})) == 1
    op = {"name": "tanh", "kind": "op", "flops": 0, "bytes": 1000, "seconds": 2e-8}
    where = {"peak": 100.0, "bandwidth": {"L2": 100.0}, "caches": {"L2": 1 << 20}}
    assert roofline.of_roof(op, {**where, "placed": [op]}) == pytest.approx(0.5)
    assert len(roofline.missed({**where, "placed": [op]})) == 1
    divides = roofline.needs({**op, "divisions": 90}, {**where, "divisions": 5.0})
    assert divides == pytest.approx({"L2": 10.0, "arithmetic": 0.0, "divider": 18.0})
    assert startup.missed(
        {"lines": [{"what": "import", "values": [60.0], "allowed": 50, "unit": "ms"}]}
    ) == ["import: 60 ms, allowed 50"]


def test_model_of_scaling_finds_its_factors():
    """Times that are made of known factors give those factors back."""
    pytest.importorskip("scipy")
    record = {"peak": 100.0, "bandwidth": {str(t): v for t, v in LEVELS.items()}}
    record |= {"caches": {"L2": 1 << 20, "L3": 16 << 20}}
    rng, points = np.random.default_rng(0), []
    for _ in range(40):
        sizes = rng.integers(10_000, 10**8, 3)
        point = {"flops": sizes[0] * 10, "bytes": sizes[1], "memory": sizes[2]}
        point |= {"batch": 128, "width": 128, "instructions": int(rng.integers(5, 90))}
        points.append({**point, "threads": int(rng.integers(1, 3))})
    want = np.array([1.2, 0.8, 1.5, 2.0, 3e-7, 2e-6])
    for p in points:
        p["seconds"] = float(scaling.terms(p, record, p["threads"]) @ want)
    np.testing.assert_allclose(scaling.factors(points, record), want, rtol=1e-6)
    assert abs(scaling.errors(points, record, want)).max() < 1e-9
    assert scaling.bandwidth(record, "memory", 4) == pytest.approx(45.0)


def test_compare_measures_again_what_seems_slower(monkeypatch, tmp_path, capsys):
    tries = iter(
        [
            {"test_ops.py::a": 1.0, "test_ops.py::b": 1.3, "test_ops.py::c": 1.3},
            {"test_ops.py::b": 1.05, "test_ops.py::c": 1.25},
            {"test_ops.py::c": 1.2},
        ]
    )
    asked = []
    monkeypatch.setattr(compare, "ratios", lambda nodes: asked.append(nodes) or next(tries))
    monkeypatch.setattr(compare, "stored_at", lambda: tmp_path / "times.json")
    with pytest.raises(SystemExit, match="no times are stored for this processor"):
        compare.STUDY.main([])
    study.write(tmp_path / "times.json", {"ratios": {f"test_ops.py::{n}": 1.0 for n in "abc"}})
    assert compare.STUDY.main(["--tries", "3"]) == 1
    assert asked[1:] == [["bench/test_ops.py::b", "bench/test_ops.py::c"], ["bench/test_ops.py::c"]]
    said = capsys.readouterr().out
    assert "test_ops.py::c: 1.20 times the stored time (at most 1.15)" in said
    assert "b: 1" not in said


def test_ratios_of_benchmarks(monkeypatch):
    """What pytest-benchmark writes becomes multiples of the calibration loop."""
    pytest.importorskip("pytest_benchmark")
    monkeypatch.delenv(
        "PYTEST_XDIST_WORKER", raising=False
    )  # it measures nothing beside other tests
    found = compare.ratios(["bench", "-k", "test_step and tiny-1"])
    assert list(found) == ["test_steps.py::test_step[tiny-1]"]
    assert min(found.values()) > 0


def test_total_of_a_dump():
    assert instructions.total("version: 1\nevents: Ir\nfn=(1)\n3 4\ntotals: 70395\n") == 70395
    assert instructions.total("version: 1\n") == 0


@pytest.mark.slow
def test_instructions_do_not_grow():
    """A step of the small cases takes no more instructions than are stored for this compiler."""
    if not instructions.STORED.exists() or instructions.compiler() not in (
        stored := study.read(instructions.STORED)["counts"]
    ):
        pytest.skip(f"no counts are stored for the compiler {instructions.compiler()}")
    try:
        counts = instructions.count(list(instructions.COUNTED))
    except instructions.Unavailable as error:
        pytest.skip(str(error))
    record = {"counts": counts, "stored": stored[instructions.compiler()]}
    assert not instructions.missed(record)
