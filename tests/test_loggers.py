"""Loggers: what they write, and that a resumed run leaves the files of one that was not cut off."""

import csv
import json
import sys
import types

import numpy as np
import pytest

import gdcore as gd
from gdcore.callbacks import Callback

X = np.random.default_rng(0).normal(size=(60, 4)).astype(np.float32)
Y = (X[:, 0] > 0).astype(int)


class Cut(Exception):
    """The process is gone."""


class CutAfter(Callback):
    def __init__(self, epoch):
        self.epoch = epoch

    def on_epoch_end(self, epoch, logs):
        if epoch == self.epoch:
            raise Cut


def train(*callbacks, metrics=("accuracy", "confusion_matrix"), epochs=4, **more):
    model = gd.Sequential([gd.Input(4), gd.Dense(8, activation="relu"), gd.Dense(2)])
    model.compile(gd.Adam(0.01), "cross_entropy", metrics=metrics)
    model.fit(
        X,
        Y,
        epochs=epochs,
        validation_split=0.2,
        seed=0,
        callbacks=list(callbacks),
        **more,
    )
    return model


def cut_and_resumed(folder, make):
    """A logger's run, cut off after its third epoch, resumed from the checkpoint of the second."""
    with pytest.raises(Cut):
        train(make(), CutAfter(2), gd.Checkpoint(folder / "run", every_epochs=2))
    return train(make(), gd.Checkpoint(folder / "run"), resume_from=folder / "run")


def test_csv(tmp_path):
    path = tmp_path / "logs" / "run.csv"
    model = train(gd.CSVLogger(path))
    with open(path, newline="") as file:
        rows = list(csv.DictReader(file))
    assert [r["epoch"] for r in rows] == ["0", "1", "2", "3"]
    assert list(rows[0]) == ["epoch", "loss", "accuracy", "val_loss", "val_accuracy", "lr"]
    for key in list(rows[0])[1:]:
        assert [float(r[key]) for r in rows] == model.history[key]  # to the bit


def test_json_lines(tmp_path):
    path = tmp_path / "run.jsonl"
    model = train(gd.JSONLinesLogger(path, extra={"run": "é"}))
    rows = [json.loads(line) for line in path.read_text("utf-8").splitlines()]
    assert [r["epoch"] for r in rows] == [0, 1, 2, 3] and rows[0]["run"] == "é"
    assert [r["loss"] for r in rows] == model.history["loss"]
    assert rows[3]["confusion_matrix"] == model.history["confusion_matrix"][3].tolist()
    logger = gd.JSONLinesLogger(path)
    logger.on_train_begin({})
    logger.on_epoch_end(0, {"loss": float("nan"), "table": np.array([np.inf, 1.0])})
    assert path.read_text() == '{"epoch": 0, "loss": null, "table": [null, 1.0]}\n'
    with pytest.raises(TypeError):
        gd.JSONLinesLogger(path, extra={"run": object()})


LINES = {"csv": gd.CSVLogger, "jsonl": gd.JSONLinesLogger}


@pytest.mark.parametrize("kind", LINES)
def test_lines_of_a_resumed_run(tmp_path, kind):
    whole, ours = tmp_path / "whole", tmp_path / "ours"
    train(LINES[kind](whole))
    cut_and_resumed(tmp_path, lambda: LINES[kind](ours))
    assert ours.read_bytes() == whole.read_bytes()


@pytest.mark.parametrize("kind", LINES)
def test_lines_are_written_anew_or_added(tmp_path, kind):
    path = tmp_path / "run"
    train(LINES[kind](path), epochs=2)
    once = path.read_bytes()
    train(LINES[kind](path), epochs=2)
    assert path.read_bytes() == once
    train(LINES[kind](path, append=True), epochs=2)
    head = once.index(b"\n") + 1 if kind == "csv" else 0
    assert path.read_bytes() == once + once[head:]


def test_a_table_whose_columns_change(tmp_path):
    path = tmp_path / "run.csv"
    train(gd.CSVLogger(path), epochs=1, metrics=())
    before = path.read_bytes()
    with pytest.raises(ValueError, match=r"has the columns epoch, loss.* and epoch 0 has accuracy"):
        train(gd.CSVLogger(path, append=True), epochs=1)
    assert path.read_bytes() == before


def test_lines_that_are_gone(tmp_path):
    path = tmp_path / "run.csv"
    with pytest.raises(Cut):
        train(gd.CSVLogger(path), CutAfter(2), gd.Checkpoint(tmp_path / "run"))
    path.write_text("epoch\n")
    with pytest.raises(ValueError, match=r"has 6 bytes and had .* put it back"):
        train(gd.CSVLogger(path), resume_from=tmp_path / "run")


def test_tensorboard(tmp_path):
    pytest.importorskip("tensorboardX")
    reading = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")

    def curves(folder, tag):
        read = reading.EventAccumulator(str(folder))
        read.Reload()
        return read, [(e.step, e.value) for e in read.Scalars(tag)]

    model = train(gd.TensorBoardLogger(tmp_path / "whole", histograms=True))
    read, loss = curves(tmp_path / "whole" / "train", "loss")
    assert [s for s, _ in loss] == [0, 1, 2, 3]
    np.testing.assert_allclose([v for _, v in loss], model.history["loss"], rtol=1e-6)
    assert set(read.Tags()["scalars"]) == {"loss", "accuracy", "lr"}
    assert set(read.Tags()["histograms"]) == set(model.state_dict())
    _, val = curves(tmp_path / "whole" / "validation", "loss")
    np.testing.assert_allclose([v for _, v in val], model.history["val_loss"], rtol=1e-6)
    cut_and_resumed(tmp_path, lambda: gd.TensorBoardLogger(tmp_path / "cut"))
    assert curves(tmp_path / "cut" / "train", "loss")[1] == loss


class FakeClient:
    """What MLflowLogger asks of MLflow's client, remembered."""

    runs: dict = {}
    experiments: dict = {}

    def __init__(self, tracking_uri=None):
        pass

    def get_experiment_by_name(self, name):
        return self.experiments.get(name)

    def create_experiment(self, name):
        self.experiments[name] = types.SimpleNamespace(experiment_id=f"of {name}")
        return self.experiments[name].experiment_id

    def create_run(self, experiment, run_name=None):
        run_id = f"run{len(self.runs)}"
        self.runs[run_id] = {"in": experiment, "params": {}, "metrics": {}, "status": "RUNNING"}
        return types.SimpleNamespace(info=types.SimpleNamespace(run_id=run_id))

    def log_param(self, run_id, key, value):
        assert key not in self.runs[run_id]["params"]
        self.runs[run_id]["params"][key] = str(value)

    def log_metric(self, run_id, key, value, step):
        self.runs[run_id]["metrics"][key, step] = value

    def log_artifact(self, run_id, path):
        self.runs[run_id]["model"] = gd.load(path).steps_done

    def update_run(self, run_id, status):
        self.runs[run_id]["status"] = status

    def set_terminated(self, run_id):
        self.runs[run_id]["status"] = "FINISHED"


def test_mlflow(tmp_path, monkeypatch):
    """Against a stand-in for its client; test_mlflow_itself asks the real one."""
    tracking = types.SimpleNamespace(MlflowClient=FakeClient)
    monkeypatch.setitem(sys.modules, "mlflow", types.SimpleNamespace(tracking=tracking))
    monkeypatch.setitem(sys.modules, "mlflow.tracking", tracking)
    monkeypatch.setattr(FakeClient, "runs", {})
    monkeypatch.setattr(FakeClient, "experiments", {})
    model = train(gd.MLflowLogger("digits", params={"width": 8}, log_model=True))
    run = FakeClient.runs["run0"]
    assert run["in"] == "of digits" and run["status"] == "FINISHED"
    assert run["params"]["optimizer"] == "adam" and run["params"]["lr"] == "0.01"
    assert run["params"]["width"] == "8" and run["params"]["parameters"] == "58"
    assert [run["metrics"]["val_loss", e] for e in range(4)] == model.history["val_loss"]
    assert run["model"] == model.steps_done
    cut_and_resumed(tmp_path, lambda: gd.MLflowLogger("digits"))
    assert set(FakeClient.runs) == {"run0", "run1"}  # it went on under the same id
    assert FakeClient.runs["run1"]["metrics"] == run["metrics"]


def test_mlflow_itself(tmp_path):
    tracking = pytest.importorskip("mlflow.tracking")
    uri = f"sqlite:///{tmp_path / 'runs.db'}"
    try:
        logger = gd.MLflowLogger("digits", run_name="first", tracking_uri=uri)
    except Exception as error:  # the small MLflow has no data base
        pytest.skip(f"MLflow cannot keep anything here: {error}")
    model = train(logger)
    read = tracking.MlflowClient(tracking_uri=uri).get_metric_history(logger.run_id, "loss")
    assert [(m.step, m.value) for m in read] == list(enumerate(model.history["loss"]))


@pytest.mark.parametrize(
    ("module", "make", "extra"),
    [
        ("tensorboardX", lambda: gd.TensorBoardLogger("runs"), "tensorboard"),
        ("mlflow.tracking", lambda: gd.MLflowLogger(), "mlflow"),
    ],
)
def test_what_is_missing_is_named(monkeypatch, module, make, extra):
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(ImportError, match=rf'pip install "gdcore\[{extra}\]"') as caught:
        make()
    assert "\n" not in str(caught.value)
