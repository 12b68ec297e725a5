"""Loggers: what they write, and that a resumed run leaves the files of one that was not cut off."""

import csv
import importlib.util
import json
import sys

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


@pytest.fixture
def mlflow(monkeypatch):
    """The real one, or the small one of `mlflow-skinny`, which can keep runs in a folder."""
    found = pytest.importorskip("mlflow")
    monkeypatch.setenv("MLFLOW_ALLOW_FILE_STORE", "true")  # recent ones want to be told
    return found


def told_by(logger, uri, mlflow):
    """What a client of MLflow's own reads of a run: its state, settings and numbers."""
    client = mlflow.MlflowClient(tracking_uri=uri)
    run = client.get_run(logger.run_id)
    numbers = {}
    for name in run.data.metrics:
        history = client.get_metric_history(logger.run_id, name)
        numbers[name] = [m.value for m in sorted(history, key=lambda m: m.step)]
        assert sorted(m.step for m in history) == list(range(len(history)))
    return run.info, run.data.params, numbers


def test_mlflow_itself(tmp_path, mlflow):
    uri = (tmp_path / "runs").as_uri()
    logger = gd.MLflowLogger(
        "digits", run_name="first", params={"width": 8}, tracking_uri=uri, log_model=True
    )
    model = train(logger)
    info, params, numbers = told_by(logger, uri, mlflow)
    assert (info.status, info.run_name) == ("FINISHED", "first")
    assert params["optimizer"] == "adam" and params["lr"] == "0.01"
    assert params["width"] == "8" and params["parameters"] == "58"
    assert numbers == {name: model.history[name] for name in numbers}
    assert {"loss", "val_loss", "accuracy", "val_accuracy", "lr"} == set(numbers)
    path = logger.client.download_artifacts(logger.run_id, "model.safetensors", str(tmp_path))
    np.testing.assert_array_equal(gd.load(path).predict(X), model.predict(X))


def test_mlflow_itself_goes_on_with_a_run(tmp_path, mlflow):
    uri = (tmp_path / "runs").as_uri()
    made = []

    def make():
        made.append(gd.MLflowLogger("digits", tracking_uri=uri))
        return made[-1]

    model = cut_and_resumed(tmp_path, make)
    assert made[0].run_id == made[1].run_id
    info, _, numbers = told_by(made[1], uri, mlflow)
    assert info.status == "FINISHED"
    client = mlflow.MlflowClient(tracking_uri=uri)
    assert len(client.search_runs([info.experiment_id])) == 1
    # the epoch that was trained twice stands there once
    assert numbers == {name: model.history[name] for name in numbers}


def test_the_small_mlflow_says_what_it_has_not(monkeypatch, mlflow):
    if importlib.util.find_spec("sqlalchemy") is not None:
        pytest.skip("the whole of MLflow is here")
    with pytest.raises(ImportError, match=r'pip install "gdcore\[mlflow\]"') as caught:
        gd.MLflowLogger("digits", tracking_uri="sqlite:///runs.db")
    assert "\n" not in str(caught.value)


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
