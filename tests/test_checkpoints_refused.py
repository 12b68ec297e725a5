"""Checkpoints that are another run's, damaged or impossible: refused in one line, nothing changed."""

import os
import warnings

import pytest
from test_checkpoints import BATCH, STEPS, WEIGHT, X, Y, assert_same, bits, net, train

import gdcore as gd
from gdcore.callbacks import Callback, EarlyStopping
from gdcore.checkpoints import files
from gdcore.checkpoints.folder import checkpoints
from gdcore.engine.engine import engine_of


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    folder = tmp_path_factory.mktemp("saved")
    train(net(), gd.Checkpoint(folder, every_steps=5, keep=None), epochs=2)
    return folder


REFUSED = {
    "other data": (lambda: net(), {"x": X + 1}, "resume with the same data"),
    "fewer rows": (lambda: net(), {"x": X[:-1], "y": Y[:-1], "sample_weight": None}, "same data"),
    "batch": (lambda: net(), {"batch_size": 16}, "made with batch 32, and fit got 16"),
    "shuffle": (lambda: net(), {"shuffle": False}, "made with shuffle True, and fit got False"),
    "seed": (lambda: net(), {"seed": 4}, "seed is 3 and fit got seed=4"),
    "optimizer": (lambda: net("sgd"), {}, "another model or optimizer: it holds besides slot:"),
    "slots": (lambda: net("adadelta"), {}, "it lacks slot:"),
    "dtype": (lambda: net(dtype="float64"), {}, "compile the same model with the same dtype"),
    "metrics": (
        lambda: net(metrics=()),
        {},
        "made with the metrics accuracy, and the model has no",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_another_run_is_refused_and_nothing_changes(saved, case):
    make, change, words = REFUSED[case]
    model = make()
    train(model, epochs=1)
    before = bits(model)
    settings = {"x": X, "y": Y, "seed": 3, "batch_size": BATCH, "sample_weight": WEIGHT} | change
    with pytest.raises(ValueError, match=words) as caught:
        model.fit(**settings, epochs=3, resume_from=saved / "step-000000010.safetensors")
    assert "\n" not in str(caught.value)
    assert bits(model) == before


def test_a_thousand_names_in_a_file_stay_one_line(tmp_path, saved):
    """What a file says is quoted in a few words, however long it is."""
    _, _, state = files.read(saved / "step-000000010.safetensors")
    assert state["step"], "saved within an epoch, whose metrics go on"
    row = state["metrics"][0]
    state["metrics"] = [[f"{row[0]}\n{i}" * 50, row[1]] for i in range(1000)]
    model = net()
    train(model, epochs=1)
    files.save(engine_of(model), tmp_path / "many.safetensors", state)
    with pytest.raises(ValueError, match="made with the metrics accuracy 0") as caught:
        train(net(), epochs=3, resume_from=tmp_path / "many.safetensors")
    assert len(str(caught.value)) < 1500
    assert "\n" not in str(caught.value)


def test_a_folder_of_another_run_is_not_mixed_up(tmp_path):
    train(net(), gd.Checkpoint(tmp_path), epochs=2)
    with pytest.raises(ValueError, match=r"holds checkpoints of another run, such as step-0000"):
        train(net(), gd.Checkpoint(tmp_path))
    assert len(checkpoints(tmp_path)) == 2
    early = checkpoints(tmp_path)[0][1]
    with pytest.raises(ValueError, match="another run"):  # those after it have become another's
        train(net(), gd.Checkpoint(tmp_path), resume_from=early)
    train(net(), gd.Checkpoint(tmp_path, overwrite=True, every_epochs=10), epochs=3)
    assert [s for s, _ in checkpoints(tmp_path)] == [3 * STEPS]


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"every_steps": 0}, "every_steps=0: expected a whole number of at least 1"),
        ({"every_epochs": 1.5}, "every_epochs=1.5"),
        ({"keep": 0}, "keep=0"),
        ({"every_seconds": 0}, "every_seconds=0: expected more than 0"),
        ({"mode": "best"}, "mode='best'"),
    ],
)
def test_settings_out_of_range(tmp_path, settings, words):
    with pytest.raises(ValueError, match=words):
        gd.Checkpoint(tmp_path, **settings)


def test_nothing_to_resume_from(tmp_path):
    a, b = net(), net()
    train(a, epochs=1)
    train(b, epochs=1, resume_from=tmp_path / "missing")
    assert_same(a, b)
    with pytest.raises(FileNotFoundError):
        train(net(), resume_from=tmp_path / "missing.safetensors")
    model = net()
    train(model, epochs=1)
    model.save(tmp_path / "model.safetensors")
    with pytest.raises(ValueError, match=r"not a checkpoint.*read with gd.load"):
        train(net(), resume_from=tmp_path / "model.safetensors")


def test_the_newest_that_can_be_read_is_taken(tmp_path, saved):
    for _, path in checkpoints(saved):
        (tmp_path / path.name).write_bytes(path.read_bytes())
    *_, (_, older), (_, last) = checkpoints(tmp_path)
    last.write_bytes(last.read_bytes()[:-100])
    with pytest.warns(UserWarning, match="checkpoint left out: .*cut short|buffer size"):
        path, _ = files.newest(tmp_path)
    assert path == older
    for _, path in checkpoints(tmp_path):
        path.write_bytes(b"")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with pytest.raises(ValueError, match=r"none of the .* checkpoints in .* can be read"):
            train(net(), resume_from=tmp_path)


def test_a_callback_that_is_gone_is_missed(tmp_path):
    train(net(), EarlyStopping("loss"), gd.Checkpoint(tmp_path), epochs=1)
    with pytest.warns(UserWarning, match="holds the state of a EarlyStopping, which is not among"):
        train(net(), gd.Checkpoint(tmp_path), epochs=2, resume_from=tmp_path)


def test_a_state_that_no_file_can_hold(tmp_path):
    class Odd(Callback):
        def state_dict(self):
            return {"seen": {1, 2}}

    with pytest.raises(TypeError, match=r"cannot hold state\['callbacks'\].*\['seen'\], a set"):
        train(net(), Odd(), gd.Checkpoint(tmp_path))
    assert os.listdir(tmp_path) == []
