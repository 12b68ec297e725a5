"""What is printed where output is not UTF-8: the encoding of a stream decides, and nothing stops for it."""

import ast
import contextlib
import io
import os
import subprocess
import sys

import numpy as np
import pytest
from test_house_rules import IMPORTS, MODULES, within

import gdcore as gd
from gdcore.errors import cut, did_you_mean
from gdcore.printed import shown
from gdcore.show.html import Columns
from gdcore.show.progress import Progress

ENCODINGS = ["ascii", "latin-1", "cp1252", "cp437", "shift_jis", "utf-8", "utf-16"]


def stream(encoding):
    return io.TextIOWrapper(io.BytesIO(), encoding=encoding, newline="\n")


def text_of(made):
    made.flush()
    return made.buffer.getvalue().decode(made.encoding)


def network():
    model = gd.Sequential([gd.Input(6), gd.Dense(8, activation="relu"), gd.Dense(3)])
    return model.compile("adam", "cross_entropy", metrics=["accuracy"])


X = np.random.default_rng(0).normal(size=(40, 6)).astype("f")
Y = np.arange(40) % 3


@pytest.fixture(scope="module")
def printed():
    """Everything of the package that is made to be printed."""
    model = network()
    history = model.fit(X, Y, epochs=2, seed=0, verbose=0)
    rows = {"größe": [0.1 * i for i in range(60)], "y": ["ja", "nein", "weiß nicht"] * 20}
    table = gd.tabular.fit(rows, "y", hidden=[8], epochs=2, verbose=0)
    quantity = gd.tabular.fit(rows | {"y": rows["größe"]}, "y", hidden=[8], epochs=2, verbose=0)
    grid = {"lr": [1e-3, 1e-2]}
    return {
        "summary": model.summary,
        "plan": lambda: model.plan,
        "history": lambda: history,
        "diagnose": lambda: gd.diagnostics.diagnose(model, X, Y),
        "check": lambda: gd.diagnostics.check_gradient("mse", 3),
        "importance": lambda: gd.diagnostics.permutation_importance(model, X, Y),
        "rates": lambda: gd.diagnostics.lr_find(network(), X, Y),
        "table": lambda: table,
        "report": lambda: table.report,
        "quantity": lambda: quantity.report,
        "compare": lambda: gd.lab.compare(None, X, Y, grid, epochs=1, seeds=2, verbose=0),
        "many": lambda: gd.fit_many(
            lambda lr: network().compile(gd.Adam(lr), "cross_entropy"), grid, X, Y, verbose=0
        ),
    }


THINGS = [
    *("summary", "plan", "history", "diagnose", "check", "importance"),
    *("rates", "table", "report", "quantity", "compare", "many"),
]


@pytest.mark.parametrize("encoding", ENCODINGS)
@pytest.mark.parametrize("thing", THINGS)
def test_everything_can_be_printed(printed, thing, encoding):
    found = printed[thing]()  # made while output is UTF-8
    with contextlib.redirect_stdout(stream(encoding)) as out:
        made = printed[thing]()
        for item in (found, made):
            print(item)
            print(f"{item}", f"{item!s:.9000}")
        if isinstance(made, str):
            print("joined:\n" + made, repr(made), sep="\n")
    assert str(found).isascii() or encoding in text_of(out) or len(text_of(out)) > 100
    assert thing not in THINGS[:2] or text_of(out).count("\n") > 10


def test_what_the_encoding_has_is_left_as_it_is():
    assert shown("─ × é", stream("utf-8")) == "─ × é"
    assert shown("─ × é", stream("cp1252")) == "- × é"
    assert shown("─ × é", stream("ascii")) == "- x \\xe9"
    assert shown("─ × é", io.StringIO()) == "─ × é"  # it takes every text
    assert shown("file \udcff", stream("utf-8")) == "file \\udcff"


@pytest.mark.parametrize("odd", [None, object(), type("S", (), {"encoding": 3})()])
def test_streams_of_ones_own(odd, monkeypatch):
    monkeypatch.setattr(sys, "stdout", odd)
    assert shown("─") in ("─", "-")


def test_a_stream_that_is_gone_and_an_encoding_that_nobody_knows():
    gone, strange = stream("cp1252"), io.StringIO()
    gone.detach()
    assert shown("─", gone) in ("─", "-")
    strange = type("S", (io.StringIO,), {"encoding": "klingon"})()
    assert shown("─", strange) == "-"


def test_columns_stay_in_line():
    """A sign takes one place, or as many as its substitute has: widths are those of what is printed."""
    with contextlib.redirect_stdout(stream("ascii")):
        lines = str(gd.diagnostics.diagnose(network(), X, Y)).splitlines()
        text = Columns(gd.show.summary.table([("± x", "n"), ("abc", "1")], "<>"))
    assert text.splitlines() == ["+- x  n", "----  -", "abc   1"]
    assert all(line.isascii() for line in lines)


@pytest.mark.parametrize("encoding", ENCODINGS)
@pytest.mark.parametrize("terminal", [True, False])
@pytest.mark.parametrize("verbose", [1, 2, "auto"])
def test_progress(monkeypatch, encoding, terminal, verbose):
    monkeypatch.setenv("TERM", "xterm")
    out = stream(encoding)
    out.isatty = lambda: terminal
    progress = Progress(2, 10, verbose, out)
    for epoch in range(2):
        progress.start_epoch()
        progress.end_epoch(epoch, {"loss": 0.5, "val_größe": 1.0})
    progress.close()
    text = text_of(out)
    assert "2/2" in text and "loss 0.5000" in text  # it was not given up
    assert max(len(line) for line in text.replace("\r", "\n").splitlines()) < 84


def run(encoding, *words, **options):
    env = os.environ | {"PYTHONIOENCODING": encoding, "PYTHONUTF8": "0"}
    return subprocess.run(
        [sys.executable, "-m", "gdcore", *words], env=env, capture_output=True, **options
    )


@pytest.mark.parametrize("encoding", ["ascii", "cp1252"])
def test_the_command_line(tmp_path, encoding):
    done = run(encoding, "train", "digits", "--epochs", "1", "--out", "m", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert b"784 -> " in done.stdout or b"64 -> " in done.stdout
    assert run(encoding, "info", "m", cwd=tmp_path).returncode == 0
    done = run(encoding, "train", "dïgits", cwd=tmp_path)
    assert done.returncode == 2 and b"did you mean" in done.stderr


def test_answers_are_never_spelt_otherwise(tmp_path):
    """Names of classes are data: written as they are, or refused before the first row."""
    rows = "".join(f"{i},{'größe' if i % 2 else '日本'}\n" for i in range(60))
    (tmp_path / "t.csv").write_text("x,y\n" + rows, encoding="utf-8")
    words = ("train", "t.csv", "--target", "y", "--epochs", "1", "--out", "m")
    done = run("cp1252", *words, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    for more in ((), ("--proba",)):
        done = run("cp1252", "predict", "m", "t.csv", *more, cwd=tmp_path)
        assert done.returncode == 1 and done.stdout == b""
        assert b"cannot be written in cp1252" in done.stderr and b"--out" in done.stderr
        assert len(done.stderr.splitlines()) == 1
        done = run("utf-8", "predict", "m", "t.csv", *more, cwd=tmp_path)
        assert done.returncode == 0 and "日本" in done.stdout.decode("utf-8")


def test_columns_that_are_kept_are_never_spelt_otherwise(tmp_path):
    rows = "".join(f"{i},{i * 2},{'größe' if i % 2 else '日本'}\n" for i in range(60))
    (tmp_path / "t.csv").write_text("x,y,name\n" + rows, encoding="utf-8")
    words = (
        "train",
        "t.csv",
        "--target",
        "y",
        "--kind",
        "name=ignore",
        "--epochs",
        "1",
        "--out",
        "m",
    )
    done = run("cp1252", *words, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    words = ("predict", "m", "t.csv", "--keep", "name")
    done = run("cp1252", *words, cwd=tmp_path)
    assert (
        done.returncode == 1
        and done.stdout == b""
        and b"cannot be written in cp1252" in done.stderr
    )
    done = run("utf-8", *words, cwd=tmp_path)
    assert done.returncode == 0 and "日本" in done.stdout.decode("utf-8")


def test_errors_are_ascii_but_for_what_they_quote():
    assert did_you_mean("adm", ["adam"]).isascii() and cut("a" * 90).isascii()
    for name, path in MODULES.items():
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Raise):
                strange = [
                    c.value
                    for c in ast.walk(node)
                    if isinstance(c, ast.Constant)
                    and isinstance(c.value, str)
                    and not c.value.isascii()
                ]
                assert strange == [], name


# Where text that is not ASCII may stand without a look at the stream: it goes into files and pages that
# are UTF-8, into the documentation of an op, or through one of the modules that look.
ELSEWHERE = {
    "gdcore.plots": "pictures",
    "gdcore.tabular.pictures": "pictures",
    "gdcore.tabular.scoring": "labels of scores, which the report prints",
    "gdcore.show.progress.notebook": "HTML",
    "gdcore.graph.ops.elementwise": "formulas of ops, for their docstrings",
    "gdcore.graph.ops.nonlinearities": "formulas of ops, for their docstrings",
    "gdcore.graph.ops.reductions": "formulas of ops, for their docstrings",
    "gdcore.graph.ops.trigonometry": "formulas of ops, for their docstrings",
    "gdcore.graph.passes.lower": "the text of an instruction, which the plan prints",
    "gdcore.graph.passes.chains": "C source",
    "gdcore.tabular.notation": "marks that are read, not written",
    "gdcore.text": "alphabets that are read, not written",
}


def test_text_that_is_not_ascii_goes_by_way_of_its_stream():
    found = set()
    for name, path in MODULES.items():
        tree = ast.parse(path.read_text(encoding="utf-8"))
        documentation = {
            id(node.body[0].value)
            for node in ast.walk(tree)
            if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef)
            and node.body
            and isinstance(node.body[0], ast.Expr)
        }
        for node in ast.walk(tree):
            text = node.value if isinstance(node, ast.Constant) else ""
            if isinstance(text, str) and not text.isascii() and id(node) not in documentation:
                found.add(name)
    by = {"gdcore.printed", "gdcore.show.summary"}  # whose `table` looks at the stream
    looking = {n for n in MODULES if by & {n, *IMPORTS[n]}}
    rest = {n for n in found - looking if not within(n, *(e[7:] for e in ELSEWHERE))}
    assert rest == set(), "pass it through gdcore.printed.shown"
