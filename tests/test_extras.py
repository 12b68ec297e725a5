"""What needs a library that a base install has not: without it, one line says what to install.

Everything runs in one process that finds no optional library, whatever is installed here.
"""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

PROJECT = Path(__file__).resolve().parent.parent / "pyproject.toml"

# What people call, and the extra that its error has to name.
ENTRIES = {
    "history.plot()": "plot",
    "history.plot('loss')": "plot",
    "gd.plots.curves(history)": "plot",
    "gd.plots.weights(model)": "plot",
    "gd.plots.confusion_matrix([0, 1], [0, 1])": "plot",
    "gd.plots.batch(np.zeros((2, 4, 4, 3)))": "plot",
    "gd.plots.residuals([0.0, 1.0], [0.0, 1.0])": "plot",
    "gd.lr_find(model, x, x, steps=10, batch_size=4, seed=0).plot()": "plot",
    "watch.plot()": "plot",
    "watch.report().plot()": "plot",
    "gd.diagnostics.loss_landscape(model, x, x, points=3).plot()": "plot",
    "gd.diagnostics.loss_landscape(model, x, x, points=3).plot(kind='surface')": "plot",
    "gd.diagnostics.interpolate(model, model, x, x, points=3).plot()": "plot",
    "gd.diagnostics.permutation_importance(model, x, x, repeats=1).plot()": "plot",
    "compared.plot()": "plot",
    "compared.curves()": "plot",
    "command('train', 'digits', '--epochs', '1', '--plot', 'a.png')": "plot",
    "gd.estimators": "sklearn",
    "from_import('gdcore.estimators')": "sklearn",
    "gd.lbfgs(model, x, x)": "sklearn",
    "gd.tabular.read(Frame())": "tabular",
    "gd.tabular.read('t.parquet')": "tabular",
    "command('train', 't.parquet', '--target', 'y')": "tabular",
    "gd.tabular.read('t.feather')": "tabular",
    "gd.tabular.read('folder')": "tabular",
    "gd.tabular.read('t.xlsx')": "excel",
    "command('train', 't.xlsx', '--target', 'y')": "excel",
    "command('train', 't.csv', '--target', 'y', '--report', 'r.html')": "plot",
    "gd.TensorBoardLogger('runs')": "tensorboard",
    "gd.MLflowLogger()": "mlflow",
    "gd.interop.to_torch(model)": "torch",
    "gd.many.Results().to_pandas()": "pandas",
    "gd.data.images('classes')": "image",
    "gd.text.Tokenizer(Frame(), 8)": "text",
    "gd.onnx.save(model, 'm.onnx')": "onnx",
    "gd.onnx.load('m.onnx')": "onnx",
}
# What people may take for optional, and is not.
PLAIN = [
    "model.summary()",
    "model.draw('graph.svg')",
    "history._repr_html_() + model._repr_html_() + model.plan._repr_html_()",
    "watch.report()",
    "str(compared), compared.table(), compared._repr_html_()",
    "gd.many.Results().records()",
    "gd.load(gd.load('model.safetensors').save('again.safetensors') or 'again.safetensors')",
    "model.fit(x, x, callbacks=[gd.CSVLogger('a.csv'), gd.JSONLinesLogger('a.jsonl')])",
    "model.fit(x, x, callbacks=[gd.Checkpoint('run')])",
    "gd.interop.from_torch({'0.weight': x[:3, :3], '0.bias': x[0]}, model)",
    "gd.interop.from_keras([x[:3, :3], x[0]], model), gd.interop.to_keras(model)",
    "np.from_dlpack(model.layers[0].variables['kernel'])",
    "gd.tabular.read('t.csv')",
    "command('predict', 'model.safetensors', 'x.npy')",
]

CHILD = """
import contextlib, importlib.util, io, json, os, sys, tempfile
import numpy as np

HIDDEN = set(json.loads(sys.argv[1]))

class Nothing:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in HIDDEN:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)

sys.meta_path.insert(0, Nothing())
real = importlib.util.find_spec
importlib.util.find_spec = lambda name, package=None: (
    None if name.split(".")[0] in HIDDEN else real(name, package))
import gdcore as gd
import gdcore.many
from gdcore.cli import main

class Frame:
    pass

def command(*args):
    said = io.StringIO()
    with contextlib.redirect_stderr(said), contextlib.redirect_stdout(io.StringIO()):
        code = main(list(args))
    if code:
        raise ImportError(said.getvalue().removesuffix("\\n"))

from_import = importlib.import_module
os.chdir(tempfile.mkdtemp())
x = np.random.default_rng(0).normal(size=(8, 3)).astype(np.float32)
model = gd.Sequential([gd.Input(3), gd.Dense(3)]).compile("adam", "mse")
watch = gd.diagnostics.Monitor()
history = model.fit(x, x, callbacks=[watch], seed=0)
compared = gd.lab.compare(lambda: gd.Sequential([gd.Dense(3)]), x, x, {"lr": [0.1]}, epochs=1,
                          seeds=1, verbose=0)
model.save("model.safetensors")
open("t.csv", "w").write("a,y\\n1,2\\n3,4\\n")
np.save("x.npy", x)
os.mkdir("folder")
open("folder/t.parquet", "wb").write(b"PAR1PAR1")
open("t.feather", "wb").write(b"ARROW1")
open("t.xlsx", "wb").write(b"PK")
open("t.parquet", "wb").write(b"PAR1PAR1")
open("m.onnx", "wb").write(b"")
for name in "ab":
    os.makedirs(f"classes/{name}")
    open(f"classes/{name}/1.png", "wb").write(b"")
told = {}
for entry in json.loads(sys.argv[2]):
    try:
        eval(entry)
    except BaseException as error:
        told[entry] = [type(error).__name__, str(error)]
    else:
        told[entry] = None
print(json.dumps(told))
"""
LIBRARIES = [
    *("IPython", "keras", "matplotlib", "ml_dtypes", "mlflow", "narwhals", "onnx", "onnxruntime"),
    *("openpyxl", "PIL"),
    *("pandas", "polars", "pyarrow", "safetensors", "scipy", "sklearn", "tensorboard"),
    *("tensorboardX", "threadpoolctl", "tokenizers", "torch", "tqdm"),
]


@pytest.fixture(scope="module")
def told():
    entries = json.dumps([*ENTRIES, *PLAIN])
    done = subprocess.run(
        [sys.executable, "-c", CHILD, json.dumps(LIBRARIES), entries],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


@pytest.mark.parametrize("entry", ENTRIES)
def test_one_line_names_the_extra(told, entry):
    assert told[entry] is not None, "it works without"
    kind, message = told[entry]
    assert kind == "ImportError", message
    assert re.search(rf'pip install "gdcore\[{ENTRIES[entry]}\]"$', message), message
    assert "\n" not in message and "Traceback" not in message


@pytest.mark.parametrize("entry", PLAIN)
def test_what_needs_no_extra(told, entry):
    assert told[entry] is None


def extras():
    tomllib = pytest.importorskip("tomllib")
    return tomllib.loads(PROJECT.read_text(encoding="utf-8"))["project"]["optional-dependencies"]


def test_every_extra_is_asked_for():
    """An extra that nothing names would be of no use, and one that is named must be there."""
    of_users = set(extras()) - {"all", "test", "test-all", "lint", "docs"}
    assert of_users == set(ENTRIES.values())


def test_all_is_all_but_the_large_ones():
    (line,) = extras()["all"]
    inside = re.fullmatch(r"gdcore\[(.*)\]", line)[1].split(",")
    assert set(inside) == set(ENTRIES.values()) - {"torch", "mlflow"}
